"""Ratings, returns and contacts: from a table of one's own to the mood of a region in a scenario."""

from datetime import date
from pathlib import Path

import polars as pl
import pytest

from tests.imports.conftest import Importing
from xbopt.calibration.customers.sentiment import sentiment_index
from xbopt.calibration.scenario.calibrate import calibrate
from xbopt.imports.refusals import RefusedFileError
from xbopt.imports.steps.review_texts import text_score

MONTHS = [f"2025-{month:02d}-01" for month in range(1, 13)]
TEMPLATE = "date,country,rating,reviews,returns,contacts\n" + "".join(
    f"{day},DE,{4.5 if n < 11 else 2.5},100,,{20 if n < 11 else 60}\n{day},FR,4.5,100,10,\n"
    for n, day in enumerate(MONTHS)
)


def test_the_template_becomes_a_row_for_each_thing_that_is_known(importing: Importing) -> None:
    made = importing(TEMPLATE)
    assert made.provenance["files"][0]["profile"] == "feedback"
    rows = made.table("feedback").filter(pl.col("date") == date(2025, 1, 1)).sort("country", "kind")
    assert rows.select("country", "kind", "score", "number").rows() == [
        ("DE", "contact", None, 20), ("DE", "review", 0.75, 100),
        ("FR", "return", None, 10), ("FR", "review", 0.75, 100),
    ]  # fmt: skip


def test_single_reviews_named_by_hand_are_the_same_as_their_mean(importing: Importing) -> None:
    text = "When,Land,Stars\n2025-01-01,DE,5\n2025-01-01,DE,4\n2025-01-01,DE,3\n"
    made = importing(text, columns={"date": "When", "country": "Land", "rating": "Stars"})
    assert made.rows("feedback", "kind", "score", "number") == [("review", 0.5, 3)]


def test_points_that_are_no_stars_are_refused(importing: Importing) -> None:
    with pytest.raises(RefusedFileError, match="stars from 1 to 5"):
        importing(TEMPLATE.replace("4.5", "9"))


@pytest.mark.parametrize(
    ("text", "score"),
    [
        ("Great lamp", 1.0),
        ("not good", -0.5),
        ("Leider kaputt", -0.9),
        ("很好", 0.9),
        ("不推荐", -0.7),
        ("It arrived", None),
    ],
)
def test_words_are_scored_and_others_are_not(text: str, score: float | None) -> None:
    assert text_score(text) == score


def test_reviews_are_scored_by_stars_then_by_words_and_no_text_is_kept(importing: Importing, tmp_path: Path) -> None:
    reviews = (
        "date,country,rating,text\n2025-01-03,DE,5,kaputt sagt anna@example.com\n"
        "2025-01-04,DE,,Leider kaputt\n2025-01-05,DE,3,\n2025-01-06,DE,,It arrived\n"
    )
    made = importing(reviews)
    (file,) = made.provenance["files"]
    assert file["profile"] == "reviews"
    assert sum(file["dropped"].values()) == 1
    table = made.table("feedback").sort("date")
    assert table["score"].to_list() == [1.0, -0.9, 0.0]
    assert table["kind"].unique().to_list() == ["review"]
    kept = b"".join(path.read_bytes() for path in (tmp_path / "data").rglob("*") if path.is_file())
    assert b"kaputt" not in kept
    assert b"anna" not in kept


def test_a_bad_month_shows_in_its_region_alone(importing: Importing) -> None:
    moods = {mood.region: mood for mood in sentiment_index(importing(TEMPLATE).table("feedback"))}
    assert moods["DE"].start < -0.5 < moods["DE"].index[:11].min()
    assert moods["FR"].start == pytest.approx(float(moods["FR"].index[0]))
    assert moods["DE"].scores.tolist() == [100.0] * 12


def test_feedback_reaches_the_scenario(importing: Importing, tmp_path: Path) -> None:
    # Orders without pieces, as some exports have them.
    orders = "id,day,who,to,sum\n" + "".join(
        f"{n},{date(2025, 1 + n % 12, 1 + n % 28)},c{n % 150},{'DE' if n // 12 % 2 else 'FR'},20.00\n"
        for n in range(720)
    )
    roles = {"order_id": "id", "date": "day", "customer": "who", "country": "to", "net_revenue": "sum"}
    importing(orders, columns=roles, currency="EUR", zone="UTC")
    importing(TEMPLATE, name="feedback.csv")
    made = calibrate(tmp_path / "data")
    moods = {region.id: region.sentiment for region in made.scenario.document.market.regions}
    assert moods["DE"].start < -0.5 < moods["FR"].start
    assert moods["DE"].volatility > moods["FR"].volatility
