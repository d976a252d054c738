"""Days that no file covers: nothing is fitted to them, nothing is called measured, and the seller is asked."""

from dataclasses import replace
from datetime import date, timedelta

import polars as pl
import pytest

from tests.calibration.simulated_shop import shop_tables, simulated_panel
from xbopt.calibration.scenario import calibrate as verb
from xbopt.calibration.scenario.assortment import Costs
from xbopt.calibration.scenario.calibrate import calibrate_tables
from xbopt.calibration.scenario.calibration import Calibration, Options
from xbopt.calibration.scenario.findings import Finding
from xbopt.core.errors import CalibrationError
from xbopt.core.scenario.provenance import provenance_of
from xbopt.imports.coverage import Span
from xbopt.reports.calibration.words import finding_sentence
from xbopt.reports.kit.numbers import NumberFormat

Tables = dict[str, pl.DataFrame]
OPTIONS = Options(name="shop", like="quickstart", costs=Costs(by_sku={}, gross_margin=0.5), days=30, fits_media=False)
FIRST, LAST = date(2025, 9, 1), date(2026, 1, 28)


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Tables:
    """Five months of a small shop in two countries."""
    panel = simulated_panel(tmp_path_factory.mktemp("panel") / "panel.parquet", days=150, budget=150_000.0)
    return shop_tables(panel, thinned=0.02)


def cut(tables: Tables, name: str, first: date, last: date, platform: str | None = None) -> Tables:
    """The same without the rows of some days, of one platform or of all."""
    gone = pl.col("date").is_between(first, last)
    gone = gone if platform is None else gone & (pl.col("platform") == platform)
    return {**tables, name: tables[name].filter(~gone)}


def holes(calibration: Calibration) -> list[Finding]:
    return [one for one in calibration.findings if one.code in ("media_hole", "orders_hole")]


def test_media_that_end_before_the_orders_leave_the_budget_as_it_was(tables: Tables) -> None:
    ends = LAST - timedelta(days=61)
    c = calibrate_tables(cut(tables, "media", ends + timedelta(days=1), LAST), options=OPTIONS)
    late = tables["media"].filter(pl.col("date").is_between(ends - timedelta(days=55), ends))
    document = c.scenario.document
    assert document.budget.total_base == pytest.approx(late["spend"].sum() / 56 * 30, rel=1e-3)
    entry = provenance_of(document, "budget.total_base")
    assert entry is not None
    assert f"{ends - timedelta(days=55)} to {ends}" in entry.source
    assert {one.subjects[1:] for one in holes(c)} == {(f"{ends + timedelta(days=1)}", f"{LAST}")}
    assert all(one.is_loud for one in holes(c))
    # What was spent yesterday is not known; what was spent when it was known goes on until the first day.
    yesterday = sum(float(str(row["spend_base"])) for row in c.past if row["date"] == f"{LAST}")
    assert yesterday == pytest.approx(late["spend"].sum() / 56, rel=1e-3)


def test_a_platform_that_ends_early_keeps_its_part_of_the_plan(tables: Tables) -> None:
    ends = LAST - timedelta(days=20)
    c = calibrate_tables(cut(tables, "media", ends + timedelta(days=1), LAST, "social"), options=OPTIONS)
    late = tables["media"].filter(pl.col("date").is_between(ends - timedelta(days=55), ends))
    document = c.scenario.document
    assert document.budget.total_base == pytest.approx(late["spend"].sum() / 56 * 30, rel=1e-3)
    social = float(late.filter(pl.col("platform") == "social")["spend"].sum()) / float(late["spend"].sum())
    assert document.plan.channels["social"] == pytest.approx(social, abs=1e-3)


def test_a_fit_plays_no_day_that_a_platform_is_missing_on(tables: Tables, monkeypatch: pytest.MonkeyPatch) -> None:
    played: list[tuple[object, object]] = []

    def no_fit(_draft: object, panel: pl.DataFrame, *_rest: object, **_named: object) -> None:
        played.append((panel["date"].min(), panel["date"].max()))
        raise CalibrationError("Not here.")

    monkeypatch.setattr(verb, "fit_media", no_fit)
    options = replace(OPTIONS, fits_media=True)
    hole = FIRST + timedelta(days=45), FIRST + timedelta(days=58)
    missing = cut(tables, "media", *hole, "social")
    c = calibrate_tables(missing, options=options)
    assert played == [(hole[1] + timedelta(days=1), LAST)]
    (told,) = holes(c)
    words = f"--off social:{hole[0]}..{hole[1]}"
    assert words in finding_sentence(told, NumberFormat(locale="en", currency="EUR"))
    assert c.skeleton is not None
    assert c.skeleton.counted.first > hole[1]  # levels are not set on these days either
    off = calibrate_tables(missing, options=replace(options, off=(Span(source="social", first=hole[0], last=hole[1]),)))
    assert not holes(off)
    assert played[1][0] != played[0][0]
    late = cut(tables, "media", LAST - timedelta(days=30), LAST - timedelta(days=10), "social")
    short = calibrate_tables(late, options=options)
    assert len(played) == 2
    assert any("in a row" in one.subjects[0] for one in short.findings if one.code == "not_fitted")


def test_months_missing_from_the_orders_are_taken_over(tables: Tables) -> None:
    whole = calibrate_tables(tables, options=OPTIONS)
    c = calibrate_tables(cut(tables, "transactions", date(2025, 11, 1), date(2025, 11, 30)), options=OPTIONS)
    month = c.scenario.document.calendar.month
    assert month[10] > 0.5 * min(whole.scenario.document.calendar.month)
    entry = provenance_of(c.scenario.document, "calendar.month.10")
    assert entry is not None
    assert entry.evidence == "E"
    assert [one.subjects for one in holes(c)] == [("orders", "2025-11-01", "2025-11-30")]
    assert not holes(whole)
