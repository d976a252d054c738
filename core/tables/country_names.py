"""Names and codes of countries as people, shops and platforms write them: one list for imports and for sentences."""

import re
import unicodedata
from collections.abc import Mapping
from functools import cache
from typing import cast

from xbopt.core.tables.public_holidays import country_codes

_LANGUAGES = ("en", "de", "zh", "fr", "es", "it", "nl", "pl", "pt", "sv", "da", "cs", "ja", "ko")
# What platforms write and Unicode's lists of names lack.
_ALSO: Mapping[str, str] = {
    "usa": "US",
    "america": "US",
    "amerika": "US",
    "u.s.": "US",
    "u.s.a.": "US",
    "united states of america": "US",
    "great britain": "GB",
    "eire": "IE",
    "rsa": "ZA",
    "england": "GB",
    "scotland": "GB",
    "wales": "GB",
    "northern ireland": "GB",
    "korea, republic of": "KR",
    "republic of korea": "KR",
    "russian federation": "RU",
    "czech republic": "CZ",
    "tschechische republik": "CZ",
    "the netherlands": "NL",
    "holland": "NL",
    "turkey": "TR",
    "viet nam": "VN",
    "hong kong": "HK",
    "hongkong": "HK",
    "中国香港": "HK",
    "香港": "HK",
    "macau": "MO",
    "macao": "MO",
    "中国澳门": "MO",
    "澳门": "MO",
    "taiwan, province of china": "TW",
    "中国台湾": "TW",
    "中国大陆": "CN",
    "mainland china": "CN",
    "usa (vereinigte staaten)": "US",
    "grossbritannien": "GB",
    "republic of ireland": "IE",
    "macedonia": "MK",
    "ivory coast": "CI",
    "united arab emirates (uae)": "AE",
    "uae": "AE",
}
# Geographic criteria of Google Ads are 2000 + ISO 3166-1 numeric (AdWords geotargets).
_GOOGLE_CRITERION = re.compile(r"(?:geotargetconstants/)?2(\d{3})")


def country_code(text: str) -> str | None:
    """The ISO 3166-1 alpha-2 code of a country; None where the text names none.

    Read are codes of two and three letters and of three digits, names in fourteen languages with or without accents,
    and the criterion ids of Google Ads (2276 is Germany). ``UK`` is ``GB``.
    """
    plain = plain_name(text)
    google = _GOOGLE_CRITERION.fullmatch(plain)
    if google is not None:
        plain = google[1]
    return _codes().get(plain)


@cache
def country_names() -> Mapping[str, str]:
    """Codes by names, as `plain_name` writes them."""
    from babel import Locale

    known = frozenset(country_codes())
    names: dict[str, str] = {}
    for language in _LANGUAGES:
        for code, name in cast("Mapping[str, str]", Locale(language).territories).items():
            if code in known:
                names.setdefault(plain_name(name), code)
    names.update({plain_name(name): code for name, code in _ALSO.items()})
    return names


@cache
def _codes() -> Mapping[str, str]:
    from babel.core import get_global

    known = frozenset(country_codes())
    # Codes of three letters and three digits are aliases in Unicode's list; several targets mean a country of the past.
    aliases = {
        alias.casefold(): targets[0]
        for alias, targets in get_global("territory_aliases").items()
        if len(targets) == 1 and targets[0] in known
    }
    return {**aliases, **country_names(), **{code.casefold(): code for code in known}}


def plain_name(text: str) -> str:
    """Without accents, in small letters, with plain blanks and ``&`` as ``and``."""
    letters = unicodedata.normalize("NFKD", text.replace("&", "and").replace("\N{RIGHT SINGLE QUOTATION MARK}", "'"))
    bare = "".join(each for each in letters if not unicodedata.combining(each))
    return " ".join(bare.casefold().split())
