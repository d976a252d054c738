"""A panel is read into arrays, or refused with the place and what to do."""

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from tests.worlds import document, scenario_of
from xbopt.calibration.panel import CalibrationPanel, read_panel
from xbopt.core.errors import PanelError
from xbopt.core.panel import panel_schema
from xbopt.core.scenario.scenario import Scenario
from xbopt.studies.simulate import simulate

DAYS = 3


@pytest.fixture(scope="module")
def small() -> Scenario:
    return scenario_of(document())


def rows(**changes: Any) -> list[dict[str, Any]]:
    """Three days of two regions without segments: orders, and media of one channel."""
    found: list[dict[str, Any]] = []
    for day in range(DAYS):
        for region in ("north", "island"):
            both = {"date": date(2026, 3, 2) + timedelta(days=day), "region": region, "currency": "CHF", **changes}
            found.append({**both, "orders": 10.0 + day, "net_revenue": 500.0, "visits": 300.0, "new_customers": 4.0})
            found.append({**both, "channel": "search", "spend": 60.0, "clicks": 20.0, "impressions": 900.0})
    return found


def table(of: list[dict[str, Any]]) -> pa.Table:
    return pa.Table.from_pylist(of, schema=panel_schema())


def test_rows_become_arrays_and_spend_is_shared_as_the_plan_shares_it(small: Scenario) -> None:
    panel = read_panel(table(rows()), small)
    assert (panel.start, panel.days) == (date(2026, 3, 2), 3)
    assert panel.orders.tolist() == [[10, 10], [11, 11], [12, 12]]
    assert panel.spend.sum(axis=2)[:, :, 0].tolist() == [[60, 60]] * 3
    plan = small.plan.share[0, :, 0]
    assert panel.spend[0, 0, :, 0] == pytest.approx(60 * plan / plan.sum())
    assert panel.impressions[0, 0, 0] == 900
    assert len(panel.notes) == 1


def test_weeks_are_shared_evenly_over_their_days(small: Scenario) -> None:
    weeks = [
        {**row, "date": date(2026, 3, 2) + 7 * (row["date"] - date(2026, 3, 2))} for row in rows(discount_frac=0.1)
    ]
    panel = read_panel(table(weeks), small)
    assert (panel.start, panel.days) == (date(2026, 3, 2), 21)
    assert panel.orders.sum(axis=0).tolist() == pytest.approx([33, 33])
    assert panel.orders[7:14, 0] == pytest.approx(np.full(7, 11 / 7))
    assert panel.spend.sum() == pytest.approx(2 * 3 * 60)
    assert (panel.discount_frac == 0.1).all()
    assert any("one row a week" in note for note in panel.notes)


def test_what_records_do_not_tell_is_unknown_and_not_zero(small: Scenario) -> None:
    told = [{key: value for key, value in row.items() if key not in ("clicks", "visits")} for row in rows()]
    panel = read_panel(table(told), small)
    assert np.isnan(panel.clicks[:, :, 0]).all()
    assert np.isnan(panel.visits).all()
    assert (panel.discount_frac == 0).all()


def test_a_simulated_panel_holds_what_the_simulation_counted(small: Scenario, tmp_path: Path) -> None:
    path = tmp_path / "panel.parquet"
    result = simulate(small, runs=2, seed=3, panel=path)
    panel = [read_panel(path, small, world=world) for world in (0, 1)]
    assert np.mean([one.orders.sum() for one in panel]) == pytest.approx(result.kpis["orders"].mean)
    assert np.mean([one.spend.sum() for one in panel]) == pytest.approx(result.kpis["media_spend"].mean)
    assert panel[0].orders.sum() != panel[1].orders.sum()
    with pytest.raises(PanelError, match=r"2 simulated worlds.*--world 0"):
        read_panel(path, small)
    with pytest.raises(PanelError, match="no world 7"):
        read_panel(path, small, world=7)


def edited(position: int, **changes: Any) -> list[dict[str, Any]]:
    found = rows()
    found[position] = {**found[position], **changes}
    return found


@pytest.mark.parametrize(
    ("broken", "says"),
    [
        (rows()[1:], "no row of orders on 2026-03-02 north"),
        ([*rows(), rows()[1]], "Rows 2 and 13"),
        (rows(currency="EUR"), "base currency is CHF"),
        (edited(0, region="north pole"), "does not know"),
        (edited(1, channel="serach"), "Did you mean 'search'"),
        (edited(1, spend=-1.0), "spend is -1 in row 2"),
        (edited(0, discount_frac=1.5), "share from 0 to 1"),
        (edited(0, date=date(1926, 3, 2)), "ten years at most"),
        ([row for row in rows() if row["region"] == "north"], "no rows of the region 'island'"),
        ([*rows(), {**rows()[0], "segment": "youth"}], "both as a whole and by segment"),
        ([], "has no rows"),
    ],
)
def test_a_broken_panel_is_refused(small: Scenario, broken: list[dict[str, Any]], says: str) -> None:
    with pytest.raises(PanelError, match=says):
        read_panel(table(broken), small)


def test_a_file_that_is_none_is_refused(small: Scenario, tmp_path: Path) -> None:
    (tmp_path / "panel.parquet").write_text("date,region")
    for path in (tmp_path / "panel.parquet", tmp_path / "nothing.parquet"):
        with pytest.raises(PanelError, match="cannot be read"):
            read_panel(path, small)
    with pytest.raises(PanelError, match="no column region"):
        read_panel(pa.table({"date": [date(2026, 3, 2)]}), small)


def test_the_order_of_rows_does_not_matter(small: Scenario) -> None:
    there, back = (read_panel(table(of), small) for of in (rows(), rows()[::-1]))
    for name in CalibrationPanel.__dataclass_fields__:
        np.testing.assert_array_equal(getattr(there, name), getattr(back, name), err_msg=name)
