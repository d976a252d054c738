"""Countries as shops and platforms write them."""

import pytest

from xbopt.imports.countries import country_code, marketplace_country


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("DE", "DE"),
        (" de ", "DE"),
        ("Germany", "DE"),
        ("Deutschland", "DE"),
        ("德国", "DE"),
        ("DEU", "DE"),
        ("276", "DE"),
        ("2276", "DE"),
        ("geoTargetConstants/2276", "DE"),
        ("2840", "US"),
        ("UK", "GB"),
        ("United States of America", "US"),
        ("Vereinigte Staaten", "US"),
        ("Amerika", "US"),
        ("美国", "US"),
        ("Österreich", "AT"),
        ("osterreich", "AT"),
        ("Côte d\N{RIGHT SINGLE QUOTATION MARK}Ivoire", "CI"),
        ("Czech Republic", "CZ"),
        ("Turkey", "TR"),
        ("Türkiye", "TR"),
        ("Viet Nam", "VN"),
        ("Bosnia and Herzegovina", "BA"),
        ("Hong Kong", "HK"),
        ("中国香港", "HK"),
    ],
)
def test_a_country_is_known_by_code_name_and_number(text: str, code: str) -> None:
    assert country_code(text) == code


@pytest.mark.parametrize("text", ["", "(not set)", "Atlantis", "Europe", "EU", "2999", "Saxony", "ZZ", "XX", "12"])
def test_what_names_no_country_is_none(text: str) -> None:
    assert country_code(text) is None


@pytest.mark.parametrize(
    ("text", "code"),
    [("Amazon.de", "DE"), ("amazon.co.uk", "GB"), ("Amazon.com", "US"), ("Amazon.com.mx", "MX"), ("Amazon.co.jp", "JP"),
     ("www.amazon.fr", "FR"), ("Non-Amazon", None), ("Non-Amazon DE", None), ("Ebay.de", None)],
)  # fmt: skip
def test_a_marketplace_serves_a_country(text: str, code: str | None) -> None:
    assert marketplace_country(text) == code
