"""The report object: figures and sentences, before any drawing."""

# ruff: noqa: RUF001 - the report writes real minus signs and dashes

import math
from dataclasses import replace

import numpy as np
import pytest

from xbopt.core.errors import UsageError
from xbopt.core.scenario.provenance import uncovered
from xbopt.env.totals import ADJUSTMENTS, CELL_COUNTS
from xbopt.reports.assumptions import DEFAULT_MARK, NO_MARK
from xbopt.reports.bridge import build_bridge
from xbopt.reports.numbers import NumberFormat
from xbopt.reports.simulation import build_simulation_report
from xbopt.simulator.money import TERMS

TEN_PROFITS = [100.0 + n for n in range(10)]
EN = NumberFormat(locale="en", currency="EUR")


def test_a_sure_profit_is_told_as_one(make_result):
    """Mean 104.5 of 100..109; the 5th percentile is 100.45, the 95th 108.55."""
    report = build_simulation_report(make_result(TEN_PROFITS))
    assert report.verdict == (
        "Under this plan the campaign earns €104 contribution margin on €100 media (5–95%: €100 to €109); "
        "it loses money in none of 10 worlds."
    )


def test_a_sure_loss_is_told_as_one(make_result):
    report = build_simulation_report(make_result([-x for x in TEN_PROFITS], policy="uniform"))
    assert report.verdict.startswith("Under the policy uniform the campaign loses €104 on €100 media (5–95%: −€109")
    assert report.verdict.endswith("it makes money in none of 10 worlds.")


def test_a_range_across_zero_is_told_as_a_risk(make_result):
    report = build_simulation_report(make_result([-50.0, -10.0, 40.0, 100.0]))
    assert "may earn or lose money: on average it earns €20 " in report.verdict
    assert report.verdict.endswith("it loses money in 2 of 4 worlds.")


def test_a_campaign_without_media_is_told_as_one(make_result):
    report = build_simulation_report(make_result(TEN_PROFITS, media=0.0))
    assert "without any media spend" in report.verdict
    roas = next(tile for tile in report.tiles if tile.key == "roas")
    assert math.isnan(roas.estimate.mean)
    assert EN.number(roas.estimate.mean, roas.unit) == "–"


def test_one_world_claims_no_range(make_result):
    report = build_simulation_report(make_result([-30.0]))
    assert "loses €30 contribution margin on €100 media in the one world that was played" in report.verdict
    assert "5–95" not in report.verdict


def test_the_bridge_sums_exactly_to_the_margin(played):
    report = build_simulation_report(played)
    amounts = [step.amount for step in report.bridge if step.kind == "amount"]
    assert len(amounts) == len(TERMS)
    assert math.fsum(amounts) == report.bridge[-1].amount
    # Two roads to one mean: a sum of 12 means and a mean of sums differ by rounding alone.
    assert report.bridge[-1].amount == pytest.approx(played.kpis["contribution_margin"].mean, rel=1e-12)


def test_the_bridge_steps_start_where_the_last_one_ended():
    """Worked by hand: 100 gross, 20 tax, so 80 net; 30 goods; 10 media; 40 left, half of net revenue."""
    terms = dict.fromkeys(TERMS, 0.0) | {"gross_revenue": 100.0, "tax": -20.0, "goods": -30.0, "media": -10.0}
    steps = {step.key: step for step in build_bridge(terms)}
    assert (steps["tax"].start, steps["tax"].end) == (100.0, 80.0)
    assert steps["net_revenue"].amount == 80.0
    assert (steps["goods"].start, steps["goods"].end) == (80.0, 50.0)
    assert steps["margin_before_media"].amount == 50.0
    assert steps["contribution_margin"].amount == 40.0
    assert steps["contribution_margin"].of_revenue == 0.5


def test_changes_are_taken_world_by_world(make_result):
    """Against the baseline the margin rises by 5 in every world, so the change has no range."""
    plan = make_result([x + 5.0 for x in TEN_PROFITS], policy="greedy_roas")
    report = build_simulation_report(plan, baseline=make_result(TEN_PROFITS))
    margin = report.tiles[0]
    assert margin.change is not None
    assert margin.change.estimate.mean == pytest.approx(5.0)
    assert margin.change.ahead == 1.0
    assert report.comparison == "That is €5 more than the scenario's own plan; it is ahead in all 10 worlds."


def test_unpaired_changes_claim_no_range(make_result):
    other = replace(make_result(TEN_PROFITS), seed=99)
    report = build_simulation_report(make_result([x - 5.0 for x in TEN_PROFITS]), baseline=other)
    assert "€5 less than" in report.comparison
    assert "not played in the same worlds" in report.comparison
    assert report.tiles[0].change is not None
    assert report.tiles[0].change.ahead is None


def test_allocation_maps_hold_all_the_money(played):
    report = build_simulation_report(played)
    spend = played.kpis["media_spend"].mean
    whole, segments, *each = report.allocation
    for heat in (whole, segments):
        assert sum(map(sum, heat.values)) == pytest.approx(spend)
    assert sum(sum(map(sum, heat.values)) for heat in each) == pytest.approx(spend)
    assert sum(sum(map(sum, heat.values)) for heat in report.flighting) == pytest.approx(spend)


def test_response_curves_pass_through_the_plan_and_bend_down(played):
    for curve in build_simulation_report(played).response:
        at = curve.spend.index(min(curve.spend, key=lambda x, here=curve.current_spend: abs(x - here)))
        assert curve.margin[at] == pytest.approx(curve.current_margin)
        assert curve.marginal_margin < curve.average_margin
        # The derivative lies between the slopes of the chords beside the point.
        left = (curve.margin[at] - curve.margin[at - 2]) / (curve.spend[at] - curve.spend[at - 2])
        right = (curve.margin[at + 3] - curve.margin[at]) / (curve.spend[at + 3] - curve.spend[at])
        assert right <= curve.marginal_margin <= left


def test_the_ledger_splits_the_bump(make_result):
    result = make_result(TEN_PROFITS)
    for name, orders in (("bump", 30.0), ("borrowed", 12.0), ("switched", 8.0), ("repaid", 5.0), ("debt", 7.0)):
        result.totals.cells[:, 0, 0, CELL_COUNTS.index(name)] = orders
    ledger = build_simulation_report(result).ledger
    assert (ledger.bump.mean, ledger.new.mean, ledger.owed.mean) == (30.0, 10.0, 7.0)


def test_nothing_that_limits_change_is_hidden(make_result):
    result = make_result(TEN_PROFITS)
    assert not build_simulation_report(result).limits.anything_changed
    result.totals.adjustments[3, ADJUSTMENTS.index("cut_base")] = 50.0
    limits = build_simulation_report(result).limits
    assert limits.anything_changed
    row = limits.changes.rows[ADJUSTMENTS.index("cut_base")]
    assert row[1].mean == pytest.approx(5.0)
    assert row[3] == pytest.approx(0.1)


def test_rounding_noise_is_no_cut(make_result):
    result = make_result(TEN_PROFITS)
    result.totals.adjustments[:, ADJUSTMENTS.index("cut_base")] = 1e-8
    assert not build_simulation_report(result).limits.anything_changed


def test_capped_cart_rates_are_told(make_result):
    result = make_result(TEN_PROFITS)
    result.totals.capped_cell_days[0] = 4.0
    limits = build_simulation_report(result).limits
    assert limits.anything_changed
    assert limits.changes.rows[-1][2].mean == pytest.approx(0.4)


def test_the_assumption_sheet_knows_which_numbers_have_no_source(played):
    sheet = build_simulation_report(played).assumptions
    assert sheet.count(NO_MARK) == len(uncovered(played.scenario.document))
    assert sheet.sourced + sheet.count(NO_MARK) + sheet.count(DEFAULT_MARK) == len(sheet.numbers)
    total = next(item for item in sheet.numbers if (item.section, item.name) == ("budget", "total_base"))
    assert total.value == played.scenario.limits.total_base


def test_daypart_shares_sum_to_one(played):
    for row in build_simulation_report(played).dayparts.values:
        assert sum(row) == pytest.approx(1.0)


def test_a_channel_without_spend_has_no_dayparts(make_result):
    heat = build_simulation_report(make_result(TEN_PROFITS)).dayparts
    assert np.isnan(heat.values[2]).all()


def test_an_unknown_locale_is_refused(played):
    with pytest.raises(UsageError, match="no locale 'xx_nowhere'"):
        build_simulation_report(played, locale="xx_nowhere")


@pytest.mark.parametrize(
    ("locale", "money", "short", "share"),
    [
        ("en", "−€18,152", "€18.2K", "12.3%"),
        ("de", "−18.152\xa0€", "18.200\xa0€", "12,3%"),
    ],
)
def test_numbers_follow_the_locale(locale, money, short, share):
    numbers = NumberFormat(locale=locale, currency="EUR")
    assert numbers.money(-18152.2) == money
    assert numbers.short_money(18152.2) == short
    assert numbers.share(0.1234).replace("\xa0", "") == share


def test_figures_that_round_to_zero_carry_no_sign():
    assert EN.money(-0.2) == "€0"
    assert EN.share(-0.00001) == "0%"
    assert EN.decimal(-0.001) == "0.00"
