"""The panel of a simulation: its columns, and that its rows add up to what the simulation reports."""

from pathlib import Path
from typing import Any, cast

import numpy as np
import pyarrow.compute as pc
import pytest
from pyarrow import parquet

from tests.command_line import call
from tests.worlds import market_of, plain_market
from xbopt.core.panel import PANEL_COLUMNS
from xbopt.studies.simulate import SimulationResult, simulate

compute: Any = pc
RUNS = 3


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> tuple[SimulationResult, Any]:
    path = tmp_path_factory.mktemp("panel") / "panel.parquet"
    result = simulate(market_of({"plan.discounts": [{"discount_frac": 0.1}]}), runs=RUNS, seed=4, panel=path)
    return result, cast("Any", parquet).read_table(path)


def test_it_has_the_columns_of_the_contract_in_their_order(played: tuple[SimulationResult, Any]) -> None:
    _, panel = played
    assert panel.column_names == list(PANEL_COLUMNS)
    assert panel.column_names[:6] == ["date", "region", "segment", "channel", "spend", "currency"]
    # 3 worlds, 10 days, 2 regions, 2 segments: one row for each of 3 channels, and one of orders.
    assert panel.num_rows == RUNS * 10 * 2 * 2 * (3 + 1)
    assert set(panel["currency"].to_pylist()) == {"CHF"}
    assert str(compute.min(panel["date"])) == "2026-09-07"
    assert sorted(set(panel["world"].to_pylist())) == [0, 1, 2]


def test_its_sums_are_the_kpis(played: tuple[SimulationResult, Any]) -> None:
    result, panel = played
    columns = {"spend": "media_spend", "visits": "visits", "orders": "orders", "net_revenue": "net_revenue"}
    for column, kpi in {**columns, "new_customers": "new_customers"}.items():
        total = compute.sum(panel[column]).as_py()
        assert total / RUNS == pytest.approx(result.kpis[kpi].mean, rel=1e-9), column
    assert compute.sum(panel["refunds"]).as_py() / RUNS == pytest.approx(-result.bridge["returns"])
    # Adults order 1.5 items at a time, youth 1.
    rows = panel.filter(compute.is_null(panel["channel"])).to_pydict()
    items = np.where(np.array(rows["segment"]) == "adults", 1.5, 1.0)
    assert np.array(rows["units"]) == pytest.approx(items * np.array(rows["orders"]))


def test_media_rows_and_order_rows_hold_their_own_columns_only(played: tuple[SimulationResult, Any]) -> None:
    _, panel = played
    media, orders = panel.filter(compute.is_valid(panel["channel"])), panel.filter(compute.is_null(panel["channel"]))
    for name in ("spend", "impressions", "clicks"):
        assert media[name].null_count == 0
        assert orders[name].null_count == orders.num_rows
    for name in ("visits", "orders", "net_revenue", "discount_frac", "price_index", "stock_out", "refunds"):
        assert orders[name].null_count == 0
        assert media[name].null_count == media.num_rows
    assert set(orders["discount_frac"].to_pylist()) == {0.1}


def test_clicks_are_whole_counts_around_the_channels_visits(played: tuple[SimulationResult, Any]) -> None:
    result, panel = played
    clicks = np.array(compute.drop_null(panel["clicks"]).to_pylist())
    assert (clicks == np.rint(clicks)).all()
    visits = sum(row.figures["visits"].mean for row in result.by_channel) * RUNS
    # A Poisson sum has its mean as variance; drawn visits add the market's own noise, shared by the cell's sources.
    assert clicks.sum() == pytest.approx(visits, abs=5 * visits**0.5 + 0.05 * visits)


def test_the_price_index_follows_price_level_and_currency(tmp_path: Path) -> None:
    path = tmp_path / "panel.parquet"
    simulate(plain_market({"products.0.usual_price_base": 80.0, "horizon.days": 1}), runs=1, panel=path)
    panel = cast("Any", parquet).read_table(path)
    assert compute.drop_null(panel["price_index"]).to_pylist() == [1.25]


def test_worlds_played_together_or_alone_give_the_same_rows(tmp_path: Path) -> None:
    market = market_of({"horizon.days": 3})
    tables: list[Any] = []
    for runs in (1, 4):
        simulate(market, runs=runs, seed=2, panel=tmp_path / f"{runs}.parquet")
        table = cast("Any", parquet).read_table(tmp_path / f"{runs}.parquet")
        tables.append(table.filter(compute.equal(table["world"], 0)))
    assert tables[0].equals(tables[1])


def test_the_command_refuses_another_ending_and_writes_the_file(tmp_path: Path) -> None:
    refused = call("simulate", "quickstart", "--runs", "1", "--panel", "panel.csv", folder=tmp_path)
    assert refused.code == 2
    assert "ends in .parquet" in refused.err
    done = call("simulate", "quickstart", "--runs", "1", "--panel", "panel.parquet", "--json", folder=tmp_path)
    assert done.code == 0
    assert cast("Any", parquet).read_table(tmp_path / "panel.parquet").num_rows > 0
