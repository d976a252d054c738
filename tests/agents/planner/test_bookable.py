"""Plans that can be booked: whole units, so much or nothing, slow changes, and every limit kept."""

import csv
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.worlds import market_of
from xbopt.agents.planner.bookable import plan_bookable
from xbopt.agents.planner.booking_rules import booking_rules
from xbopt.agents.planner.campaign import plan_campaign
from xbopt.agents.planner.conflicts import InfeasiblePlanError
from xbopt.agents.planner.kept_limits import keeps_limits
from xbopt.core.scenario.plan_table import account_rates, read_plan, write_plan
from xbopt.studies.plan import play_expected

# Without S-curves: bookings are rounded alike whatever hill the plan stands on.
BASE = {"uncertainty": {}, "channels.1.saturation.slope": 1.0, "horizon.days": 24, "budget.total_base": 12000}
LOCK = {"region": "island", "segment": "adults", "channel": "social", "spend_per_day_base": 7.3}
MINIMUM = {"region": "north", "channel": "search", "spend_per_day_base": 21.5}
MAXIMUM = {"region": "north", "channel": "social", "spend_per_day_base": 60}
RULES = {
    "none": {},
    "least": {"least_per_day_base": 25},
    "change": {"largest_weekly_change_frac": 0.2, "round_to": 5},
    "all": {"least_per_day_base": 25, "largest_weekly_change_frac": 0.15, "round_to": 0.5},
}


def market_with(rules, **limits):
    return market_of({**BASE, "budget.bookable": rules, **{f"budget.{name}": value for name, value in limits.items()}})


LIMITS = {"locks": [LOCK], "minimums": [MINIMUM], "maximums": [MAXIMUM]}


@pytest.fixture(scope="module")
def campaign():
    """The plan that others are made from; its limits are those of every market here."""
    return plan_campaign(market_with({}, **LIMITS))


@pytest.fixture(scope="module", params=RULES)
def booked(request, campaign):
    """A market, and the plan that can be booked there."""
    market = market_with(RULES[request.param], **LIMITS)
    return market, plan_bookable(market, campaign)


def check_laws(market, spend):
    """One daily amount a week; whole units; so much or nothing; change; all limits."""
    scenario, available = market.scenario, market.shocks.available
    rules, limits = scenario.document.budget.bookable, scenario.limits
    assert keeps_limits(spend, available, limits)
    unit = rules.round_to * account_rates(scenario)[:, None, None]
    before = None
    for first in range(0, scenario.days, 7):
        on = available[first : first + 7][:, :, None, :]
        week = spend[first : first + 7]
        amount = week.max(axis=0)  # (R, S, C)
        np.testing.assert_array_equal(week, amount * on)
        units = np.where(limits.locked, 0.0, amount) / unit
        np.testing.assert_allclose(units, np.rint(units), atol=1e-9)
        free = np.where(limits.locked, 0.0, amount).sum(axis=1)
        by_channel = amount.sum(axis=1)  # (R, C)
        assert ((free == 0.0) | (by_channel >= rules.least_per_day_base * (1 - 1e-9))).all()
        if before is not None and rules.largest_weekly_change_frac is not None:
            both = (before > 0.0) & (by_channel > 0.0)
            most = rules.largest_weekly_change_frac * before * (1 + 1e-9) + 1e-9
            assert (np.abs(by_channel - before)[both] <= most[both]).all()
        before = by_channel


def test_a_bookable_plan_keeps_every_law(booked):
    market, found = booked
    check_laws(market, found.plan.schedule.spend_base)


def test_what_booking_costs_is_what_a_replay_says(booked, campaign):
    market, found = booked
    assert found.unrounded is campaign
    replayed = play_expected(market, found.plan.schedule).goals["reward"]
    assert found.plan.expected == pytest.approx(replayed, rel=1e-12)
    assert found.plan.total_spend_base == pytest.approx(float(found.plan.schedule.spend_base.sum()))


def test_discounts_and_dayparts_stay_as_they_were(booked, campaign):
    _, found = booked
    np.testing.assert_array_equal(found.plan.schedule.discount_frac, campaign.schedule.discount_frac)
    np.testing.assert_array_equal(found.plan.schedule.daypart_weights, campaign.schedule.daypart_weights)


def test_fine_units_cost_next_to_nothing(campaign):
    """Amounts to a hundredth, and nothing else asked: what is lost is a ten-thousandth of the goal at most.

    The plan is flat around its best spend, so half a hundredth in about a hundred loses some 1e-8 of it.
    """
    market = market_with({"round_to": 0.01}, **LIMITS)
    found = plan_bookable(market, campaign)
    assert found.plan.expected >= found.weekly - 1e-4 * abs(found.weekly)


def test_a_bookable_plan_is_never_below_the_minimums_alone_or_the_plan_rounded_down(booked):
    market, found = booked
    rules = booking_rules(market.scenario, market.shocks.available)
    weekly = rules.weekly(found.unrounded.schedule.spend_base)
    shares = rules.weights(weekly, market.scenario.population)
    for units in (rules.lowest, rules.lawful(np.floor(0.9 * rules.units(weekly)))):
        plan = replace(found.unrounded.schedule, spend_base=rules.daily(rules.lawful(units), shares))
        assert found.plan.expected >= play_expected(market, plan).goals["reward"] * (1 - 1e-9)


def test_a_bookable_plan_comes_back_from_its_table(booked, tmp_path):
    market, found = booked
    scenario = market.scenario
    # Text keeps every bit, a workbook 16 digits.
    for name, digits in (("plan.csv", 0.0), ("plan.xlsx", 1e-15)):
        write_plan(found.plan.schedule, scenario, tmp_path / name, in_account_currency=True)
        back = read_plan(tmp_path / name, scenario)
        np.testing.assert_allclose(back.spend_base, found.plan.schedule.spend_base, rtol=digits)
        assert any("booked_amount, booked_currency are not read" in note for note in back.notes)
    currencies = {region.id: region.currency for region in scenario.document.market.regions}
    step = scenario.document.budget.bookable.round_to
    with (tmp_path / "plan.csv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            place = row["region"], row["segment"], row["channel"]
            assert row["booked_currency"] == currencies[row["region"]]
            if place != (LOCK["region"], LOCK["segment"], LOCK["channel"]):
                assert float(row["booked_amount"]) % step == 0.0


@pytest.mark.parametrize("rules", [{"round_to": 1e6}, {"least_per_day_base": 1e6}])
def test_where_no_amount_can_be_booked_nothing_is(campaign, rules):
    found = plan_bookable(market_with(rules), campaign)
    assert found.plan.total_spend_base == 0.0
    assert found.plan.expected < campaign.expected


def test_a_minimum_that_no_whole_unit_can_pay_below_its_maximum_is_refused_by_name(campaign):
    """21.5 a day in units of 50 are 50 in each of two segments, above a maximum of 60."""
    market = market_with(
        {"round_to": 50},
        minimums=[MINIMUM],
        maximums=[{"region": "north", "channel": "search", "spend_per_day_base": 60}],
    )
    with pytest.raises(InfeasiblePlanError) as refused:
        plan_bookable(market, campaign)
    assert refused.value.conflict == ("maximum north/search", "minimum north/search", "budget.bookable")


@settings(max_examples=60)
@given(
    wanted=st.lists(st.floats(0, 400), min_size=4 * 6, max_size=4 * 6),
    least=st.floats(0, 120),
    change=st.none() | st.floats(0.01, 2.0),
    step=st.sampled_from([0.5, 1.0, 3.0, 10.0]),
)
def test_any_wish_becomes_lawful_and_stays_so(wanted, least, change, step):
    rules = {"least_per_day_base": least, "largest_weekly_change_frac": change, "round_to": step}
    market = market_with(rules, locks=[LOCK])
    made = booking_rules(market.scenario, market.shocks.available)
    units = made.lawful(np.array(wanted).reshape(4, 2, 3))
    np.testing.assert_array_equal(made.lawful(units), units)
    shares = made.weights(np.zeros((4, *market.scenario.limits.locked.shape)), market.scenario.population)
    spend = made.daily(units, shares)
    wide = replace(market.scenario.limits, total_base=1e9, daily_base=1e9)
    check_laws(replace(market, scenario=replace(market.scenario, limits=wide)), spend)
