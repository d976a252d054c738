"""Countries in the names of campaigns: proposed with the option to copy, taken on the seller's word alone."""

from pathlib import Path

import polars as pl
import pytest

from tests.command_line import call
from xbopt.core.errors import UsageError
from xbopt.imports.campaign_countries import countries_of, named_countries
from xbopt.imports.engine.run import ImportResult, import_files

ORDERS = "Order,Day,Sku,Pieces,Price,Land\n" + "".join(
    f"{n},2026-09-{n:02d},MUG,1,10.00,{('DE', 'DE', 'FR', 'US')[n % 4]}\n" for n in range(1, 29)
)
ORDER_ROLES = "order_id=Order,date=Day,sku=Sku,quantity=Pieces,unit_price=Price,country=Land"
MEDIA = "Day,Campaign,Cost,Clicks\n" + "".join(
    f"2026-09-{n:02d},{name},{cost}.50,9\n"
    for n in range(1, 29)
    for name, cost in (("DE - Search Lamps", 4), ("FR_Lampes", 2), ("Lamps | United States", 3))
)
MEDIA_ROLES = "date=Day,campaign=Campaign,spend=Cost,clicks=Clicks"
OPTION = '--country-map "DE=DE,FR=FR,United States=US"'


def roles(text: str) -> dict[str, str]:
    return dict(pair.split("=") for pair in text.split(","))  # type: ignore[misc]


def imported(folder: Path, media: str = MEDIA, **options: object) -> ImportResult:
    plain: dict[str, object] = {"into": folder / "data", "key": folder / "key", "zone": "UTC", "currency": "EUR"}
    for name, text, of in (("orders.csv", ORDERS, ORDER_ROLES), ("ads.csv", media, MEDIA_ROLES)):
        (folder / name).write_text(text, encoding="utf-8")
        found = import_files([folder / name], **{**plain, "columns": roles(of), **options})  # type: ignore[arg-type]
    return found  # type: ignore[possibly-undefined]


def test_spend_without_countries_is_said_first_with_the_option_to_copy(tmp_path: Path) -> None:
    notes = imported(tmp_path).provenance.notes
    assert [note.code for note in notes[:2]] == ["without_country", "countries_in_names"]
    assert notes[0].rows == 84  # rows of the file, not days by channels
    assert "100% of the spend" in notes[0].message
    assert notes[1].message.endswith(OPTION)


def test_the_screen_begins_with_it(tmp_path: Path) -> None:
    imported(tmp_path)
    (tmp_path / "ads.csv").write_text(MEDIA + "2026-09-28,DE more,1.50,9\n", encoding="utf-8")
    answer = call(
        "import", tmp_path / "ads.csv", "-o", tmp_path / "data", "--columns", MEDIA_ROLES, "--currency", "EUR",
        "--zone", "UTC", "--key-file", tmp_path / "key", folder=tmp_path,
    )  # fmt: skip
    assert answer.code == 0, answer.err
    assert answer.out.startswith("! ")
    assert answer.out.count("--country-map") == 2


def test_the_option_followed_to_the_letter_places_the_spend(tmp_path: Path) -> None:
    words = dict(pair.split("=") for pair in OPTION.split('"')[1].split(","))
    result = imported(tmp_path, countries=words)
    panel = pl.read_parquet(tmp_path / "data" / "panel.parquet").filter(pl.col("channel").is_not_null())
    spent = dict(panel.group_by("region").agg(pl.col("spend").sum()).iter_rows())
    assert spent == pytest.approx({"DE": 28 * 4.5, "FR": 28 * 2.5, "US": 28 * 3.5})
    assert not any(note.code == "without_country" for note in result.provenance.notes)
    assert any("84 rows of media are of the country" in each.what for each in result.files[0].assumptions)


def test_campaigns_without_any_of_the_words_are_shared_and_counted(tmp_path: Path) -> None:
    result = imported(tmp_path, countries={"DE": "Germany"})
    assert any("56 have none of these words" in each.what for each in result.files[0].assumptions)
    assert result.provenance.notes[0].rows == 56
    with pytest.raises(UsageError, match="--country-map: Mars is no country"):
        imported(tmp_path, countries={"DE": "Mars"})


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("DE - Search", {"DE": "DE"}),
        ("Search_FR_2026", {"FR": "FR"}),
        ("Prospecting Frankreich", {"Frankreich": "FR"}),
        ("USA Brand", {"USA": "US"}),
        ("made in germany sale", {"germany": "DE"}),
        ("Deals for de", {}),  # a code in small letters is a word
        ("DE FR Retargeting", {}),  # two countries
        ("IT Support", {}),  # nothing is sold there
        ("EU Retargeting", {}),
    ],
)
def test_codes_count_in_capitals_and_names_in_any_letters(name: str, words: dict[str, str]) -> None:
    media = pl.DataFrame({"campaign": [name], "spend": [5.0]})
    assert named_countries(media, ("DE", "FR", "US")).words == words


def test_a_tenth_of_the_spend_without_a_country_makes_no_proposal() -> None:
    media = pl.DataFrame({"campaign": ["DE one", "Brand"], "spend": [8.9, 1.1]})
    assert named_countries(media, ("DE",)).option == ""
    assert named_countries(media.with_columns(spend=pl.Series([9.1, 0.9])), ("DE",)).option == "--country-map DE=DE"


def test_a_word_counts_as_it_is_written_and_at_its_first_place() -> None:
    names = pl.Series(["DE_Search", "Deals", "de one", "FR then DE", None])
    assert countries_of(names, {"DE": "DE", "FR": "FR"}).to_list() == ["DE", None, None, "FR", None]
