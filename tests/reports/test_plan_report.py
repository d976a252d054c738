"""The plan's page: one file, drawn without a mistake, whose figures are those of the plan."""

import math
import zipfile
from dataclasses import replace

import numpy as np
import pytest

import xbopt
from tests.reports.pages import assert_charts_are_whole, browser_complaints, outline_of
from xbopt.agents.planner.aims import Target
from xbopt.core.scenario.loading import load_scenario
from xbopt.reports.kit.numbers import NumberFormat
from xbopt.reports.kit.page import MAX_BYTES, html_page
from xbopt.reports.plan.document import planning_json, write_plan_xlsx
from xbopt.reports.plan.page import plan_content
from xbopt.reports.plan.report import build_plan_report, expected_table
from xbopt.reports.plan.words import (
    GROUP_WORDS,
    booking_sentence,
    lead_sentence,
    limit_lines,
    limits_sentence,
    plan_verdict,
    spend_sentence,
)
from xbopt.simulator.worlds import WorldParameters
from xbopt.studies.kpis import WorldRange
from xbopt.studies.plan_review import review_plan

SHORT = ["horizon.days=14", "plan.discounts[0].start=2026-10-06", "plan.discounts[0].end=2026-10-08"]
EUR = NumberFormat(locale="en", currency="EUR")
TIGHT = "budget.region_caps_base={DE: 800, UK: 300}"


def planned_with(*changes, **options):
    return xbopt.plan(load_scenario("quickstart", overrides=[*SHORT, *changes]), **options)


@pytest.fixture(scope="module")
def planned():
    return planned_with()


@pytest.fixture(scope="module")
def tight():
    return planned_with(TIGHT)


@pytest.fixture(scope="module")
def report(tight):
    return build_plan_report(review_plan(tight, runs=6, seed=2))


@pytest.fixture(scope="module")
def page(report):
    return html_page(plan_content(report))


def test_the_page_nests_fits_and_asks_the_network_for_nothing(page):
    outline = outline_of(page)
    assert len(page.encode()) <= MAX_BYTES
    assert len(outline.ids) == len(set(outline.ids))
    assert all(link.startswith(("#", "data:")) for link in outline.links)


def test_reasons_come_before_results(report):
    keys = [section.key for section in plan_content(report).sections]
    assert keys[:3] == ["prices", "reallocation", "bridge"]
    assert keys.index("response") + 1 == keys.index("swings") == keys.index("worth-knowing") - 1
    assert {"time", "allocation", "flighting", "discounts", "dayparts", "results", "pull-forward", "limits"} < set(keys)


def test_every_chart_is_valid_named_and_has_a_table(report, page):
    assert_charts_are_whole(plan_content(report), page)


@pytest.mark.browser
def test_the_page_is_drawn_without_a_complaint(page, chromium, tmp_path):
    assert browser_complaints(page, chromium, tmp_path) == []


def test_the_same_plan_gives_the_same_page(tight, page):
    assert html_page(plan_content(build_plan_report(review_plan(tight, runs=6, seed=2)))) == page


def test_the_reallocation_leads_from_one_plan_to_the_other(report, tight):
    first, *moves, last = report.reallocation
    assert first.amount == pytest.approx(tight.baseline.spend_base.sum())
    assert last.amount == pytest.approx(tight.campaign.total_spend_base, rel=1e-6)
    assert first.amount + math.fsum(move.amount for move in moves) == pytest.approx(last.amount)
    assert moves[-1].end == pytest.approx(last.amount)
    *rows, total = report.moves.rows
    assert [math.fsum(row[i] for row in rows) for i in (3, 4, 5)] == pytest.approx(total[3:])


def test_many_small_moves_stand_together(tight):
    from xbopt.reports.plan import reallocation

    old = reallocation._MOST_STEPS
    reallocation._MOST_STEPS = 2
    try:
        steps = reallocation.build_reallocation(tight)
    finally:
        reallocation._MOST_STEPS = old
    assert len(steps) == 5
    assert steps[3].name == "4 smaller moves"
    assert steps[3].end == pytest.approx(steps[4].amount)


def test_the_response_curves_show_both_plans(report, tight):
    days = tight.scenario.days
    for c, curve in enumerate(report.simulation.response):
        assert curve.current_spend == pytest.approx(tight.planned.spend_base[..., c].sum() / days, rel=1e-6)
        assert curve.other_spend == pytest.approx(tight.baseline.spend_base[..., c].sum() / days, rel=1e-6)
        assert curve.spend[-1] >= curve.other_spend


def test_limits_are_told_with_what_they_cost(tight):
    lines = limit_lines(tight, EUR)
    prices = [line.limit for line in lines]
    assert {line.name for line in lines if line.limit.price > 0.0} == {"Cap on United Kingdom", "Cap on Germany"}
    assert [price.price for price in prices] == sorted((price.price for price in prices), reverse=True)
    for line, price in zip(lines, prices, strict=True):
        own = tight.campaign.shadow_prices[price.key]
        assert price.price == own
        assert price.one_percent == pytest.approx(own * price.allowed_base * 0.01)
        assert line.words.startswith(f"one more EUR of it brings {own:.2f} EUR")
    assert limits_sentence(lines).startswith("2 limits hold the plan back. The dearest is the cap on ")


def test_a_shadow_price_is_what_a_little_more_room_brings(tight):
    """The price of Germany's cap against the plan with 5 % more of it, to a quarter: the search is no derivative."""
    more = planned_with("budget.region_caps_base={DE: 840, UK: 300}")
    gained = more.objective - tight.objective
    assert gained / 40.0 == pytest.approx(tight.campaign.shadow_prices["region DE"], rel=0.25)


def test_a_plan_without_limits_in_the_way_says_so(planned):
    assert limits_sentence(limit_lines(planned, EUR)) == (
        "No limit is in the plan's way: more room, or more money, would bring nothing."
    )


def test_the_verdict_holds_goal_gain_and_spend(planned):
    verdict = plan_verdict(planned, EUR)
    assert EUR.money(planned.objective) in verdict
    assert EUR.money(planned.gain) in verdict
    assert "more than the scenario's own plan" in verdict
    assert EUR.money(planned.campaign.total_spend_base) in spend_sentence(planned, EUR)


def test_a_target_is_told_with_what_it_costs():
    own = planned_with("horizon.days=8")
    wanted = round(1.1 * own.planned.kpis["orders"])
    result = planned_with("horizon.days=8", target=Target(kpi="orders", value=wanted))
    verdict = plan_verdict(result, EUR)
    lost = own.planned.kpis["contribution_margin"] - result.planned.kpis["contribution_margin"]
    assert verdict.startswith(f"The target of {wanted:,} orders is reached")
    assert f"{EUR.money(result.planned.kpis['media_spend'])} of media" in verdict
    of_margin = "of contribution margin"
    told = f"costs {EUR.money(lost)} {of_margin}" if lost > 0.0 else f"brings {EUR.money(-lost)} {of_margin} more"
    assert told in verdict
    heads = [column.name for column in expected_table(result).columns]
    assert heads == ["KPI", "This plan", "Without target", "Scenario's own", "Change"]


def test_where_orders_lose_money_no_share_of_a_loss_is_told_but_what_to_mend():
    """Cost of goods is far above any price, so the least that is sold is best, and a share of a loss means nothing."""
    result = planned_with("horizon.days=8", "products.lamps.unit_cost_base=300", "products.textiles.unit_cost_base=300")
    verdict, plan = plan_verdict(result, EUR), result.planned.kpis
    assert plan["media_spend"] == 0.0
    each = -plan["contribution_margin"] / plan["orders"]
    assert f"Orders lose money, {EUR.number(each, 'price')} each before any media: the best plan spends no" in verdict
    assert "Mend prices or costs." in verdict
    assert "%" not in verdict


def test_a_ratio_that_next_to_no_media_keep_leads_with_it_and_names_no_ratio():
    result = planned_with("horizon.days=8", target=Target(kpi="roas", value=5000.0))
    verdict = plan_verdict(result, EUR)
    assert result.planned.kpis["media_spend"] <= 0.02 * result.unbound.kpis["media_spend"]
    assert verdict.startswith(
        "Only next to no media keep the target of 5,000.00 net revenue per unit of media. The plan"
    )
    assert "expected mode" not in verdict


def test_what_booking_costs_is_the_goal_that_is_lost_with_the_margin_in_a_sentence_of_its_own():
    result = planned_with("horizon.days=8", bookable=True)
    now = result.planned.goals
    for reward, margin, words in (
        (
            4.78,
            -10.03,
            "Booking costs \u20ac4.78 of contribution margin with customer value and what is carried beyond",
        ),
        (
            -1.0,
            2.0,
            "Booking costs no contribution margin with customer value and what is carried beyond the last day.",
        ),
    ):
        before = {**now, "reward": now["reward"] + reward, "contribution_margin": now["contribution_margin"] + margin}
        told = booking_sentence(replace(result, unrounded=replace(result.unrounded, goals=before)), EUR)
        assert words in told
        assert ("contribution margin of the campaign's own days is \u20ac10.03 higher." in told) == (reward > 0.0)


def test_every_group_of_parameters_has_words():
    assert set(GROUP_WORDS) == set(WorldParameters.__dataclass_fields__)


def test_the_tornado_is_the_table(report):
    rows = report.swing_table.rows
    assert len(rows) == 2 * len(report.review.swings)
    assert [row[2] for row in rows] == [side.plan for swing in report.review.swings for side in (swing.low, swing.high)]
    assert sum(row[4] is not None for row in rows) == 8
    lead = plan_content(report).sections
    words = next(section.takeaway for section in lead if section.key == "swings")
    assert "the plan brings more than the scenario's own" in words or "would bring more than this one" in words


def test_what_is_worth_knowing_is_told_with_its_test(report):
    known = report.review.worth_knowing
    words = report.worth_knowing_words
    assert f"{EUR.money(known.everything)} more" in words
    assert [row[1] for row in report.worth_knowing.rows] == sorted(
        (row[1] for row in report.worth_knowing.rows), reverse=True
    )
    if report.worth_knowing.rows:
        assert "The test for it: " in words


def test_names_cannot_become_markup(report):
    evil = replace(report, verdict="</script><script>alert(1)</script>")
    page = html_page(plan_content(evil))
    assert "<script>alert(1)" not in page
    outline_of(page)


def test_the_workbook_has_the_plans_own_sheets(report, tmp_path):
    write_plan_xlsx(report, tmp_path / "plan.xlsx")
    with zipfile.ZipFile(tmp_path / "plan.xlsx") as file:
        book, words = (file.read(f"xl/{name}.xml").decode() for name in ("workbook", "sharedStrings"))
    for name in ("Summary", "KPIs", "Allocation", "Moves", "Shadow prices", "Other assumptions"):
        assert f'<sheet name="{name}"' in book, name
    assert report.limits_words in words


def test_the_part_of_the_lead_that_rests_on_estimates_is_said_beside_the_plan(tight, report):
    lead = tight.lead
    assert lead is not None
    assert lead.discounts.mean + lead.media.mean == pytest.approx(tight.sampled_gain.mean)
    said = lead_sentence(tight, EUR)
    assert f"{EUR.money(lead.discounts.mean)} come from its discounts" in said
    told = planning_json(tight)["lead"]
    assert told["discounts"]["mean"] == lead.discounts.mean
    assert said in report.sampled_words
    # Estimates are named where discounts bring something, and nobody is asked to test what is measured.
    weak = replace(tight, lead=replace(lead, discounts=WorldRange.of(np.ones(4)), elasticities=("families",)))
    assert "rests on estimates (evidence E: elasticity of families), not on your data" in lead_sentence(weak, EUR)
    known = replace(tight, lead=replace(lead, elasticities=(), responses=()))
    assert "estimate" not in lead_sentence(known, EUR)
    assert lead_sentence(replace(tight, lead=None), EUR) == ""
