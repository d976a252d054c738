"""From a panel alone to a scenario: the market named is fitted, and goes on where the panel ends."""

from datetime import date
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from tests.calibration.simulated_shop import simulated_panel
from xbopt.calibration.scenario.calibrate import calibrate
from xbopt.calibration.scenario.calibration import Calibration
from xbopt.calibration.scenario.writing import write_calibration
from xbopt.core.errors import PanelError, UsageError
from xbopt.core.scenario.provenance import uncovered, unused_patterns

DAYS = 91


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that holds a simulated panel and nothing else."""
    made = tmp_path_factory.mktemp("panel_alone")
    simulated_panel(made / "panel.parquet", days=DAYS)
    return made


@pytest.fixture(scope="module")
def calibrated(folder: Path) -> Calibration:
    """The market fitted to it."""
    return calibrate(folder, like="quickstart", days=30, name="fitted")


def test_the_scenario_goes_on_where_the_panel_ends(calibrated: Calibration, folder: Path) -> None:
    panel = pl.read_parquet(folder / "panel.parquet")
    scenario, late = calibrated.scenario, panel.filter(pl.col("date") > date(2025, 11, 30) - pl.duration(days=56))
    assert scenario.start == date(2025, 12, 1)
    assert scenario.limits.total_base == pytest.approx(late["spend"].sum() / 56 * 30, rel=1e-3)
    spent = late.filter(pl.col("channel").is_not_null()).group_by("channel").agg(pl.col("spend").sum())
    share = scenario.plan.share.sum(axis=(0, 1))
    assert dict(zip(scenario.channels, share.tolist(), strict=True)) == pytest.approx(
        {c: s / late["spend"].sum() for c, s in spent.iter_rows()}, abs=1e-3
    )
    assert scenario.past is not None
    assert scenario.past.spend_base.sum() == pytest.approx(np.nansum(panel["spend"].to_numpy()), rel=1e-6)


def test_first_orders_of_the_panel_are_customers_by_its_end(calibrated: Calibration, folder: Path) -> None:
    panel = pl.read_parquet(folder / "panel.parquet")
    assert calibrated.fit is not None
    before = float(calibrated.fit.scenario.customers[..., 1:].sum())
    won = float(np.nansum(panel["new_customers"].to_numpy()))
    # Buckets grow by first orders alone; the fit frees how many there were on the first day.
    assert calibrated.scenario.customers[..., 1:].sum() == pytest.approx(before + won, rel=0.25)


def test_every_number_has_a_source_and_steady_media_are_not_measured(calibrated: Calibration) -> None:
    document = calibrated.scenario.document
    assert not uncovered(document)
    assert not unused_patterns(document)
    measured = [str(row["path"]) for row in calibrated.sources() if row["evidence"] == "M"]
    assert measured
    # The plan spends the same every day.
    assert all(".price." in path for path in measured if path.startswith("channels."))


def test_what_was_chosen_is_neither_measured_nor_estimated(calibrated: Calibration) -> None:
    marks = {str(row["path"]): row["evidence"] for row in calibrated.sources()}
    chosen = {path: mark for path, mark in marks.items() if path.startswith(("horizon.", "budget.total", "plan."))}
    own = {path for path in chosen if path.startswith("plan.dayparts")}  # those of the scenario named
    assert {"horizon.days", "budget.total_base", "plan.channels.search"} <= chosen.keys()
    assert {path: mark for path, mark in chosen.items() if path not in own and mark != "set"} == {}


def test_it_is_written_with_its_draws_and_read_again(calibrated: Calibration, tmp_path: Path) -> None:
    scenario = write_calibration(calibrated, tmp_path / "fitted.yaml")
    assert scenario.draws is not None
    assert scenario.past is not None


def test_a_fitted_scenario_is_fitted_again_to_the_same_panel(
    calibrated: Calibration, folder: Path, tmp_path: Path
) -> None:
    # What a calibration writes has a table of its own past days, which are not those before the new first day.
    write_calibration(calibrated, tmp_path / "fitted.yaml")
    again = calibrate(folder, like=tmp_path / "fitted.yaml", days=14, until=date(2025, 11, 23), name="again", worlds=32)
    assert again.scenario.start == date(2025, 11, 24)
    assert again.scenario.past is not None
    assert again.scenario.past.days == DAYS - 7


@pytest.mark.parametrize(
    ("options", "wanted"),
    [
        ({}, "--like"),
        ({"like": "quickstart", "gross_margin": 0.4}, "--gross-margin"),
        ({"like": "quickstart", "trade": "home"}, "--trade"),
    ],
)
def test_what_only_orders_could_tell_is_refused(folder: Path, options: dict[str, object], wanted: str) -> None:
    with pytest.raises(UsageError, match=wanted):
        calibrate(folder, **options)  # pyright: ignore[reportArgumentType]


def test_a_world_has_to_be_chosen_among_several(folder: Path, tmp_path: Path) -> None:
    panel = pl.read_parquet(folder / "panel.parquet")
    pl.concat([panel, panel.with_columns(pl.lit(1, dtype=pl.Int64).alias("world"))]).write_parquet(
        tmp_path / "two.parquet"
    )
    with pytest.raises(PanelError, match="--world 0"):
        calibrate(tmp_path / "two.parquet", like="quickstart")


def test_two_panels_are_not_one(folder: Path) -> None:
    with pytest.raises(UsageError, match="one such panel"):
        calibrate([folder, folder], like="quickstart")
