"""The report object: figures and sentences, before any drawing."""

# ruff: noqa: RUF001 - the report writes real minus signs and dashes

import math
from dataclasses import replace

import numpy as np
import pytest

from xbopt.core.errors import UsageError
from xbopt.core.scenario.loading import load_scenario
from xbopt.core.scenario.provenance import uncovered
from xbopt.core.scenario.uncertainty import Uncertainty
from xbopt.reports.kit.numbers import NumberFormat, glued
from xbopt.reports.simulation.assumptions import DEFAULT_MARK, NO_MARK, SET_MARK, build_assumptions
from xbopt.reports.simulation.bridge import build_bridge
from xbopt.reports.simulation.page import simulation_content
from xbopt.reports.simulation.report import build_simulation_report
from xbopt.reports.simulation.verdict import media_sentence
from xbopt.simulator.money import TERMS
from xbopt.studies.kpis import WorldRange
from xbopt.studies.labels import KPI_LABELS, TERM_LABELS
from xbopt.studies.totals import ADJUSTMENTS, CELL_COUNTS

TEN_PROFITS = [100.0 + n for n in range(10)]
EN = NumberFormat(locale="en", currency="EUR")


def test_a_sure_profit_is_told_as_one(make_result):
    """Mean 104.5 of 100..109; the 5th percentile is 100.45, the 95th 108.55."""
    report = build_simulation_report(make_result(TEN_PROFITS))
    assert report.verdict == (
        "Under this plan the campaign earns €104 contribution margin, organic orders included, with €100 of "
        "media spend (5–95%: €100 to €109); it loses money in none of 10 worlds."
    )


def test_a_sure_loss_is_told_as_one(make_result):
    report = build_simulation_report(make_result([-x for x in TEN_PROFITS], policy="uniform"))
    assert report.verdict.startswith(
        "Under the policy uniform the campaign loses €104, organic orders included, with €100 "
    )
    assert "of media spend (5–95%: −€109" in report.verdict
    assert report.verdict.endswith("it makes money in none of 10 worlds.")


def test_a_range_across_zero_is_told_as_a_risk(make_result):
    report = build_simulation_report(make_result([-50.0, -10.0, 40.0, 100.0]))
    assert "may earn or lose money: on average it earns €20 " in report.verdict
    assert report.verdict.endswith("it loses money in 2 of 4 worlds.")


def test_a_campaign_without_media_is_told_as_one(make_result):
    report = build_simulation_report(make_result(TEN_PROFITS, media=0.0))
    assert "without any media spend" in report.verdict
    roas = next(tile for tile in report.tiles if tile.key == "roas")
    assert math.isnan(roas.figure.mean)
    assert EN.number(roas.figure.mean, roas.unit) == "–"


def test_one_world_claims_no_range(make_result):
    report = build_simulation_report(make_result([-30.0]))
    assert "with €100 of media spend in the one world that was played" in report.verdict
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
    assert margin.change.figure.mean == pytest.approx(5.0)
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
        slopes = [
            (curve.margin[i + 1] - curve.margin[i]) / (curve.spend[i + 1] - curve.spend[i])
            for i in range(len(curve.spend) - 1)
        ]
        assert slopes[-1] < slopes[at] < slopes[0]


def test_a_report_tells_marginals_where_they_are_known(played):
    from xbopt.env.baseline_plan import scenario_plan
    from xbopt.reports.simulation.marginals import marginals_table, marginals_takeaway
    from xbopt.studies.marginals import plan_marginals

    assert build_simulation_report(played).marginals is None
    marginals = plan_marginals(played.market, scenario_plan(played.market))
    report = build_simulation_report(played, marginals=marginals)
    assert len(marginals_table(report.marginals, report.numbers).rows) == len(marginals.rows)
    more, less = marginals_takeaway(marginals).split("; ")
    assert more == "A little more spend would pay in Paid search and E-mail to customers"
    assert less == "a little less would pay in Paid social."


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
    row = next(row for row in limits.changes.rows if row[0] == "Cart rate at its cap")
    assert row[2].mean == pytest.approx(0.4)


def test_orders_lost_to_stock_outs_count_as_a_change(make_result):
    """Ten worlds; one loses 6 orders in one cell and 4 in another: a mean of 1, in a tenth of the worlds."""
    result = make_result(TEN_PROFITS)
    lost = CELL_COUNTS.index("lost_orders")
    result.totals.cells[2, 0, 0, lost] = 6.0
    result.totals.cells[2, -1, -1, lost] = 4.0
    limits = build_simulation_report(result).limits
    row = limits.changes.rows[-1]
    assert limits.anything_changed
    assert row[0] == "Orders lost to stock-outs"
    assert row[1] is None
    assert row[2].mean == pytest.approx(1.0)
    assert row[3] == pytest.approx(0.1)


def test_discounts_cut_by_the_margin_floor_are_called_so(played):
    row = build_simulation_report(played).limits.changes.rows[ADJUSTMENTS.index("discounts_cut")]
    assert row[4] == (
        "cells and days on which a discount was deeper than the ceiling or the margin floor allows; "
        "a cell is one segment in one region"
    )


def _sure(mean: float) -> WorldRange:
    return WorldRange(mean=mean, se=0.0, low=mean, high=mean)


def test_media_that_pay_get_their_own_sentence(make_result):
    """The margin is 104.5; media add 40 of it, so 64.5 come without them."""
    effect = WorldRange(mean=40.0, se=1.0, low=30.0, high=50.0)
    report = build_simulation_report(make_result(TEN_PROFITS), without_media=effect)
    sentence = "Of that, media add €40 (5–95%: €30 to €50); without media the same worlds earn €64.50."
    assert report.verdict.endswith(sentence)
    assert "organic orders included" not in report.verdict
    assert report.beside_margin[0] == sentence
    assert next(tile for tile in report.other_kpis if tile.key == "media_effect").figure is effect


def test_media_that_do_not_pay_are_told_so(make_result):
    """104.5 with media, 20 more without; the range turns with the sign."""
    effect = WorldRange(mean=-20.0, se=1.0, low=-30.0, high=-10.0)
    report = build_simulation_report(make_result(TEN_PROFITS), without_media=effect)
    assert report.verdict.endswith(
        "Media cost more than they bring: without them the same worlds earn €124, €20 more (5–95%: €10 to €30)."
    )


@pytest.mark.parametrize(
    ("margin", "effect", "sentence"),
    [
        (30.0, 50.0, "Media improve the margin by €50; without media the same worlds lose €20."),
        (-30.0, 50.0, "Media improve the margin by €50; without media the same worlds lose €80."),
        (-30.0, -20.0, "Media cost more than they bring: without them the same worlds lose €10, €20 less."),
        (-30.0, -50.0, "Media cost more than they bring: without them the same worlds earn €20, €50 more."),
    ],
)
def test_what_media_do_to_losses(margin, effect, sentence):
    assert media_sentence(margin, _sure(effect), EN) == sentence


def test_without_media_spend_there_is_nothing_to_take_apart(make_result):
    report = build_simulation_report(make_result(TEN_PROFITS, media=0.0), without_media=_sure(0.0))
    assert "edia add" not in report.verdict
    assert len(report.beside_margin) == 2


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (WorldRange(mean=40.0, se=1.0, low=-5.0, high=90.0), "worth €40 more (5–95%: −€5 to €90) on the last"),
        (WorldRange(mean=-40.0, se=1.0, low=-90.0, high=5.0), "worth €40 less (5–95%: −€5 to €90) on the last"),
        (WorldRange(mean=0.0, se=0.0, low=0.0, high=0.0), "worth as much on the last evening as on the first."),
    ],
)
def test_customer_value_stands_beside_the_margin(make_result, change, words):
    result = replace(make_result(TEN_PROFITS), customer_value=change)
    report = build_simulation_report(result)
    assert report.beside_margin[-2].startswith("Beyond the margin, the customer base is worth")
    assert words in report.beside_margin[-2]
    assert next(tile for tile in report.other_kpis if tile.key == "customer_value").figure is change


@pytest.mark.parametrize(
    ("worth", "words"),
    [
        (WorldRange(mean=40.0, se=1.0, low=-5.0, high=90.0), "earns €40 more (5–95%: −€5 to €90) on later days."),
        (WorldRange(mean=-40.0, se=1.0, low=-90.0, high=5.0), "earns €40 less (5–95%: −€5 to €90) on later days."),
        (WorldRange(mean=0.0, se=0.0, low=0.0, high=0.0), "Nothing that the last day leaves behind is worth anything"),
    ],
)
def test_what_is_carried_beyond_the_last_day_stands_beside_customer_value(make_result, worth, words):
    report = build_simulation_report(replace(make_result(TEN_PROFITS), carried_beyond=worth))
    assert words in report.beside_margin[-1]
    assert next(tile for tile in report.other_kpis if tile.key == "carried_beyond").figure is worth


def test_all_names_come_from_the_one_list(played):
    """Terminal and report call every KPI, every column and every money term the same."""
    report = build_simulation_report(played)
    for tile in report.tiles + report.other_kpis:
        assert tile.name == KPI_LABELS[tile.key][0]
    by_region, _, by_channel = report.results
    assert [column.name for column in by_region.columns[1:]] == [
        KPI_LABELS[column.key][0] for column in by_region.columns[1:]
    ]
    assert next(column for column in by_channel.columns if column.key == "roas").name == "ROAS, attributed orders"
    assert [step.name for step in report.bridge if step.kind == "amount"] == [TERM_LABELS[term] for term in TERMS]


def test_every_label_has_a_unit_of_figures() -> None:
    assert {unit for _, unit in KPI_LABELS.values()} == {"money", "price", "count", "share", "ratio", "score"}
    assert KPI_LABELS["roi"] == ("ROI, organic orders included", "share")


def test_values_that_were_set_lose_the_mark_of_the_file():
    """The path itself and all below it, and nothing that only begins with the same letters."""
    scenario = load_scenario("quickstart")
    path, text = "budget.total_base", "budget.total_base=9000"
    region = "market.regions[0]"
    sheet = build_assumptions(scenario.document, ((path, text), (region, f"{region}=...")))
    for item in sheet.numbers:
        is_set = (item.group, item.name) == ("budget", "total_base") or item.group.startswith("market.regions[0]")
        assert (item.evidence == SET_MARK) == is_set, (item.group, item.name)
        assert (item.source == "set with --set") == is_set
    assert sheet.count(SET_MARK) > 2


def test_changes_are_named_at_the_head(played):
    change = ("budget.total_base", "budget.total_base=9000")
    scenario = replace(played.scenario, changes=(change, ("seed", "seed=1")))
    report = build_simulation_report(replace(played, scenario=scenario))
    assert report.facts[-1].label == "Changed with --set"
    assert report.facts[-1].text == "budget.total_base=9000; seed=1"
    assert all(fact.label != "Changed with --set" for fact in build_simulation_report(played).facts)


def test_paths_are_written_as_in_messages():
    """A place in a list stands in brackets, so that a path can be given to --set; ids follow for people."""
    numbers = build_assumptions(load_scenario("electronics_case").document).numbers
    places = {(item.group, item.name) for item in numbers}
    assert ("calendar.custom_events[0] (national_day)", "demand") in places
    assert ("plan.discounts[0]", "discount_frac") in places
    assert ("calendar.cpm_month", "[0]") in places
    assert not any(step.isdigit() for group, _ in places for step in group.split(" (")[0].split("."))


def test_an_exploring_policy_is_explained(make_result):
    told = build_simulation_report(make_result(TEN_PROFITS, policy="baseline+explore0.1")).notes
    plain = build_simulation_report(make_result(TEN_PROFITS)).notes
    words = "a share of its decisions was drawn at random"
    assert sum(words in note for note in told) == 1
    assert not any(words in note for note in plain)


def test_no_line_breaks_between_a_sign_and_its_figure():
    assert glued("(5–95%: −€287K to €3)") == "(5\u2060–\u206095%:\u00a0−\u2060€287K to €3)"
    assert glued("A dash – and a minus − alone") == "A dash – and a minus − alone"


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
    assert numbers.short(18152.2, "money") == short
    assert numbers.share(0.1234).replace("\xa0", "") == share


def test_figures_that_round_to_zero_carry_no_sign():
    assert EN.money(-0.002) == "€0"
    assert EN.share(-0.00001) == "0%"
    assert EN.decimal(-0.001) == "0.00"


def test_what_must_be_read_first_stands_before_the_verdict(played):
    """A scenario that is sure of everything: its ranges hold only chance, and the page says so above all."""
    assert build_simulation_report(played).warnings == ()
    sure = played.scenario.document.model_copy(update={"uncertainty": Uncertainty()})
    scenario = replace(played.scenario, document=sure)
    result = replace(played, scenario=scenario, market=replace(played.market, scenario=scenario))
    report = build_simulation_report(result)
    content = simulation_content(report)
    assert content.verdict.startswith("Nothing is stated as uncertain: ranges below hold only chance")
    assert content.verdict.endswith(report.verdict)
