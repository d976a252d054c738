"""A campaign that ended: its days become a panel that tells what was told, and nothing else."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from typer.testing import CliRunner

from tests.campaigns.campaigns_played import only
from tests.campaigns.seller import SimulatedSeller
from xbopt.calibration.fit.market_fit import first_scored
from xbopt.calibration.panel import read_panel
from xbopt.campaigns.actuals.actual_day import ActualDay
from xbopt.campaigns.books.campaign_book import CampaignBook
from xbopt.campaigns.books.events import ToldActuals
from xbopt.campaigns.closing import plan_against_actual, write_panel
from xbopt.campaigns.opening import opening
from xbopt.campaigns.standing import Standing
from xbopt.cli.main import app
from xbopt.core.errors import CalibrationError, CampaignError
from xbopt.core.scenario.loading import load_scenario
from xbopt.env.baseline_plan import scenario_plan
from xbopt.reports.campaign.tables import plan_table
from xbopt.service.store.opening import open_store
from xbopt.simulator.build import build_market


@pytest.fixture(scope="module")
def seller() -> SimulatedSeller:
    made = SimulatedSeller(load_scenario("quickstart"))
    plan = scenario_plan(build_market(made.scenario))
    for _ in range(9):
        made.play(plan.decide(made.run.observe()))
    return made


@pytest.fixture
def book(tmp_path: Path, seller: SimulatedSeller) -> CampaignBook:
    made = CampaignBook(open_store(f"sqlite:///{tmp_path / 'store.sqlite'}"))
    market = build_market(seller.scenario)
    made.open("spring", opening(market, scenario_plan(market)))
    return made


def test_the_panel_holds_what_was_told(book: CampaignBook, seller: SimulatedSeller, tmp_path: Path) -> None:
    """Day 2 is missing; visits were told, first orders were not."""
    kept = {"spend_base", "clicks", "visits", "orders", "net_revenue_base"}
    days = [only(day, lambda name, a: a if name in kept else None) for day in seller.told if day.day != 2]
    record = book.add("spring", lambda _: ToldActuals(days=[day.to_bytes() for day in days], files=[]))
    first, end = write_panel(Standing(record), tmp_path / "panel.parquet")
    assert (first, end) == (3, 9)
    panel = read_panel(tmp_path / "panel.parquet", seller.scenario)
    true = [seller.told[day].figures for day in range(3, 9)]
    np.testing.assert_allclose(panel.orders, [one["orders"].sum(axis=1) for one in true])
    np.testing.assert_allclose(panel.visits, [one["visits"].sum(axis=1) for one in true])
    np.testing.assert_allclose(panel.clicks, [one["clicks"].sum(axis=1)[:, :-1] for one in true])
    np.testing.assert_allclose(panel.spend.sum(axis=2), [one["spend_base"].sum(axis=1) for one in true])
    np.testing.assert_allclose(panel.net_revenue, [one["net_revenue_base"].sum(axis=1) for one in true])
    table = pl.read_parquet(tmp_path / "panel.parquet")
    assert table["new_customers"].null_count() == table.height
    assert np.isnan(panel.impressions).all()


def test_plan_and_actual_stand_side_by_side(book: CampaignBook, seller: SimulatedSeller) -> None:
    record = book.add("spring", lambda _: ToldActuals(days=[day.to_bytes() for day in seller.told], files=[]))
    found = plan_against_actual(Standing(record))
    assert found.days == 9
    assert found.orders.came.sum() == pytest.approx(sum(day.figures["orders"].sum() for day in seller.told))
    assert found.orders.all_came == pytest.approx(found.orders.came.sum())
    assert found.sales_base.all_came == pytest.approx(sum(day.figures["net_revenue_base"].sum() for day in seller.told))
    np.testing.assert_allclose(found.spend_by_channel.came, found.spend_by_channel.planned)
    # The seller's model is right but for this world's luck and parameters.
    assert found.orders.all_planned == pytest.approx(found.orders.all_came, rel=0.3)
    assert found.untold_base == 0.0


def test_what_nobody_told_is_no_actual_figure(book: CampaignBook, seller: SimulatedSeller, tmp_path: Path) -> None:
    """One channel's spend, and two days' orders of all regions: no money of the plan, and no split by a model."""

    def told(day: ActualDay) -> ActualDay:
        spend = day.figures["spend_base"].copy()
        spend[..., 1:] = np.nan
        orders = day.figures["orders"].sum(keepdims=True)
        return ActualDay(day=day.day, figures={"spend_base": spend, **({"orders": orders} if day.day < 2 else {})})

    days = [told(day) for day in seller.told]
    record = book.add("spring", lambda _: ToldActuals(days=[day.to_bytes() for day in days], files=[]))
    standing = Standing(record)
    found = plan_against_actual(standing)
    spent = sum(day.figures["spend_base"][..., 0].sum() for day in seller.told)
    assert found.spend_by_channel.came[0] == pytest.approx(spent)
    assert np.isnan(found.spend_by_channel.came[1:]).all()
    assert found.spend_by_channel.all_came == pytest.approx(spent)
    assert found.spend_by_region.all_came == pytest.approx(record.ledger.known_spend_base)
    assert found.untold_base == pytest.approx(record.ledger.counted_base[: found.days].sum() - spent)
    assert np.isnan(found.orders.came).all()
    assert found.orders.all_came == pytest.approx(sum(day.figures["orders"].sum() for day in seller.told[:2]))
    assert found.orders.days == 2
    rows = {(row[0], row[1]): row for row in plan_table(found, standing.scenario).rows}
    assert rows["Spend by channel", "all"][3] == rows["Spend by region", "all"][3] == pytest.approx(spent)
    with pytest.raises(CampaignError, match="Nobody told the orders by region"):
        write_panel(standing, tmp_path / "panel.parquet")
    split = [ActualDay(day=day.day, figures={"orders": day.figures["orders"]}) for day in seller.told]
    record = book.add("spring", lambda _: ToldActuals(days=[day.to_bytes() for day in split], files=[]))
    with pytest.raises(CampaignError, match=f"the spend of {standing.scenario.channels[1]}"):
        write_panel(Standing(record), tmp_path / "panel.parquet")


def test_a_campaign_of_which_nothing_is_known_leaves_nothing(book: CampaignBook, tmp_path: Path) -> None:
    standing = Standing(book.load("spring"))
    with pytest.raises(CampaignError, match="xbopt campaign actuals"):
        plan_against_actual(standing)
    with pytest.raises(CampaignError, match="orders"):
        write_panel(standing, tmp_path / "panel.parquet")


def test_a_panel_that_is_too_short_to_calibrate_says_so(
    book: CampaignBook, seller: SimulatedSeller, tmp_path: Path
) -> None:
    book.add("spring", lambda _: ToldActuals(days=[day.to_bytes() for day in seller.told], files=[]))
    store, panel = f"sqlite:///{tmp_path / 'store.sqlite'}", str(tmp_path / "panel.parquet")
    told = CliRunner().invoke(app, ["campaign", "close", "spring", "--store", store, "--panel", panel])
    assert told.exit_code == 0, told.output
    said = " ".join(told.output.split())
    assert "that needs 84 days" in said
    assert "xbopt calibrate DATA_DIR" in said
    with pytest.raises(CalibrationError, match=r"9 days.*Give 84 days or more"):
        first_scored(read_panel(panel, seller.scenario))
