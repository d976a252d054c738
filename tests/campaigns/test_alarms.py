"""Every alarm is found where there is cause, and a campaign that goes as it should shows none."""

from dataclasses import replace

import numpy as np
import pytest

from tests.campaigns.campaigns_played import exports_of, only
from tests.campaigns.campaigns_standing import WORLDS, after, standing_at
from xbopt.campaigns.actuals.actual_day import ActualDay
from xbopt.campaigns.advice.alarms import _waiting
from xbopt.campaigns.advice.data_alarms import level_of
from xbopt.campaigns.advice.drift import Drift
from xbopt.campaigns.advice.proposal import propose
from xbopt.campaigns.advice.status import Status, status_of
from xbopt.campaigns.books.events import Closed, PlanBytes, Proposed, ToldActuals
from xbopt.campaigns.standing import Standing
from xbopt.core.scenario.loading import load_scenario
from xbopt.env.baseline_plan import scenario_plan
from xbopt.reports.campaign.words import CampaignWords
from xbopt.reports.kit.numbers import NumberFormat
from xbopt.simulator.build import build_market

DAYS, DAY = 60, 42
LONG = [f"horizon.days={DAYS}", "budget.total_base=24000"]
TOTALS = ("clicks", "orders", "gross_revenue_base", "net_revenue_base", "spend_base", "visits", "impressions")


@pytest.fixture(scope="module")
def market():
    return build_market(load_scenario("quickstart", overrides=LONG))


def told(market, change=exports_of, **options) -> Status:
    return status_of(standing_at(market, DAY, change=change, **options), this_day=DAY)


def scaled(name: str, factor: float, since: int = 0, until: int = DAYS, place: tuple = (...,)):
    """The books with a figure of some days and places changed by a factor."""

    def change(day: ActualDay) -> ActualDay:
        def of(figure, array):
            if figure != name or not since <= day.day < until:
                return array
            made = array.copy()
            made[place] *= factor
            return made

        return only(exports_of(day), of)

    return change


@pytest.fixture(scope="module")
def clean(market):
    return told(market)


def codes(status: Status) -> list[str]:
    return [alarm.code for alarm in status.alarms]


def test_a_campaign_that_goes_as_it_should_needs_nobody(clean):
    assert clean.alarms == ()


def test_money_and_results_are_those_of_the_books(market, clean):
    standing = standing_at(market, DAY, change=exports_of)
    days = [day for day in standing.record.days.values() if day.day >= 0]
    money, results = clean.money, {(r.measure, r.region, r.source): r for r in clean.results}
    assert money.spent_base == pytest.approx(sum(day.figures["spend_base"].sum() for day in days))
    assert money.spent_base + money.untold_base + money.ahead_base + money.free_base == pytest.approx(money.budget_base)
    orders = sum(day.figures["orders"].sum() for day in days)
    assert results["orders", None, None].told == pytest.approx(orders)
    assert sum(results["orders", r, None].told for r in market.scenario.regions) == pytest.approx(orders)
    clicks = sum(day.figures["clicks"].sum(axis=(0, 1)) for day in days)
    for source, expected in zip((*market.scenario.channels, "organic"), clicks, strict=True):
        assert results["visits", None, source].told == pytest.approx(expected)
    assert clean.outlook is not None
    assert clean.outlook.spend_base.mean == pytest.approx(money.ahead_base)
    assert clean.outlook.orders.low < clean.outlook.orders.mean < clean.outlook.orders.high


def test_the_same_record_has_the_same_status(market, clean):
    assert told(market).to_json() == clean.to_json()


def test_what_was_learnt_is_said_of_every_place(market, clean):
    regions, _, channels, _ = market.shape
    assert len(clean.learnt) == 2 * regions * channels + 2 * regions
    assert all(ratio.low <= ratio.mean <= ratio.high for ratio in clean.learnt)
    search = next(ratio for ratio in clean.learnt if ratio.measure == "visits" and ratio.channel == "search")
    assert search.told
    assert search.left < 0.6


def test_platforms_that_spend_too_little_are_behind_pace(market):
    status = told(market, scaled("spend_base", 0.7, since=20))
    assert codes(status) == ["behind_pace"]
    alarm = status.alarms[0]
    assert (alarm.region, alarm.channel, alarm.advice) == (None, None, "raise_bids")
    assert alarm.figures["pace"] == pytest.approx(0.7)
    assert alarm.worth_base is not None


def test_platforms_that_spend_too_much_run_out_of_money(market):
    """A quarter more from two weeks ago on: what is told counts as it is, and the days ahead at that pace."""
    status = told(market, scaled("spend_base", 1.25, since=DAY - 14))
    alarm = next(alarm for alarm in status.alarms if alarm.code == "runs_out")
    assert alarm.severity == "critical"
    assert alarm.figures["pace"] == pytest.approx(1.25)
    granted = standing_at(market, 1).record.plan.spend_base.sum(axis=(1, 2, 3))
    spent = np.cumsum(np.where(np.arange(DAYS) < DAY - 14, 1.0, 1.25) * granted)
    assert alarm.figures["day"] == np.flatnonzero(spent > 24000)[0]


def test_more_than_the_budget_is_overspent(market):
    status = told(market, scaled("spend_base", 3.0))
    alarm = next(alarm for alarm in status.alarms if alarm.code == "overspent")
    over = status.money.spent_base - 24000.0
    assert over > 0.0
    assert alarm.severity == "critical"
    assert alarm.figures["counted_base"] == pytest.approx(status.money.spent_base)
    assert alarm.figures["over_base"] == pytest.approx(over)
    assert status.money.overspent_base == pytest.approx(over)
    assert status.money.ahead_base == pytest.approx(0.0)


@pytest.mark.parametrize(("factor", "severity"), [(1.01, "info"), (1.06, "warning")])
def test_spend_above_its_grants_cuts_the_days_ahead_and_is_no_overspend(market, factor, severity):
    """42 of 60 days: 1 % more takes 168 off the 7,200 of the days ahead, which is 2 %; 6 % more takes 14 %."""
    status = told(market, scaled("spend_base", factor))
    money = status.money
    assert not [alarm for alarm in status.alarms if alarm.code == "overspent"]
    [cut] = [alarm for alarm in status.alarms if alarm.code == "days_ahead_cut"]
    assert (cut.severity, cut.region, cut.channel) == (severity, None, None)
    assert cut.figures["cut_base"] == pytest.approx(money.cut_base)
    assert cut.figures["ahead_base"] - cut.figures["cut_base"] == pytest.approx(money.ahead_base)
    assert money.spent_base + money.ahead_base == pytest.approx(24000.0)
    assert money.overspent_base == 0.0
    assert "critical" not in {alarm.severity for alarm in status.alarms if alarm.code != "runs_out"}


def test_a_little_too_much_at_the_end_is_a_note(market):
    """All days are told, and 0.5 % more than the budget was spent: nothing is left that anybody could lower."""
    ended = status_of(standing_at(market, DAYS, change=scaled("spend_base", 1.005)), this_day=DAYS)
    [over] = [alarm for alarm in ended.alarms if alarm.code == "overspent"]
    assert over.severity == "info"
    assert over.figures["over_base"] == pytest.approx(ended.money.overspent_base)


def test_what_too_few_days_say_nothing_of_is_said(market):
    """Pace wants seven days, changes of results ten; a figure that nobody tells is never watched."""
    words = CampaignWords(market.scenario, NumberFormat(locale="en", currency="EUR"))
    for day, unwatched in ((3, ("pace", "visits", "orders", "order_value")), (8, ("visits", "orders", "order_value"))):
        status = status_of(standing_at(market, day, change=exports_of), this_day=day)
        assert status.unwatched == unwatched
        assert any("Too little was told" in sentence for sentence in words.status(status))
    full = status_of(standing_at(market, 10, change=exports_of), this_day=10)
    assert full.unwatched == ()
    assert not any("Too little" in sentence for sentence in words.status(full))
    clicks = {"clicks", "spend_base"}
    blind = standing_at(market, 12, change=lambda day: only(day, lambda name, a: a if name in clicks else None))
    assert status_of(blind, this_day=12).unwatched == ("orders", "order_value")


@pytest.mark.parametrize(
    ("this_day", "said"),
    [
        (-3, "nothing known yet (begins on "),
        (5, "nothing known yet (today is day 6 of 60)"),
        (200, "nothing known yet (ended on "),
        (None, "nothing known yet (0 of 60 days)"),
    ],
)
def test_a_campaign_of_which_nothing_is_known_stands_where_the_calendar_says(market, this_day, said):
    words = CampaignWords(market.scenario, NumberFormat(locale="en", currency="EUR"))
    status = status_of(standing_at(market, 0), this_day=this_day)
    assert said in next(iter(words.status(status)))


def test_a_channel_that_is_paused_is_found_and_valued(market):
    status = told(market, scaled("spend_base", 0.0, since=DAY - 3, place=(0, slice(None), 1)))
    scenario = market.scenario
    alarm = next(alarm for alarm in status.alarms if alarm.code == "spends_nothing")
    assert (alarm.region, alarm.channel) == (scenario.regions[0], scenario.channels[1])
    assert alarm.figures["since_day"] == DAY - 3
    assert alarm.worth_base is not None
    early = told(market, scaled("spend_base", 0.0, since=DAY - 2, place=(0, slice(None), 1)))
    assert "spends_nothing" not in codes(early)


def test_a_day_told_tenfold_is_another_unit(market):
    status = told(market, scaled("spend_base", 10.0, since=DAY - 1, place=(1, slice(None), 0)))
    alarm = next(alarm for alarm in status.alarms if alarm.code == "spend_jump")
    assert (alarm.region, alarm.channel) == (market.scenario.regions[1], market.scenario.channels[0])
    assert alarm.figures["factor"] == pytest.approx(10.0)
    assert alarm.figures["day"] == DAY - 1


def test_sales_told_in_another_currency_are_a_jump_of_level(market):
    status = told(market, scaled("gross_revenue_base", 7.2, since=DAY - 3, place=(1,)))
    alarm = next(alarm for alarm in status.alarms if alarm.code == "level_jump")
    assert alarm.region == market.scenario.regions[1]
    assert alarm.figures["ratio"] == pytest.approx(7.2, rel=0.3)
    assert not any(other.measure == "order_value" for other in status.alarms if other.code != "level_jump")


def test_a_jump_by_the_regions_own_rate_is_told_however_small(market):
    change = Drift(
        measure="order_value",
        region="UK",
        source=None,
        days=3,
        ratio=1.0 / 1.15,
        low=0.8,
        high=0.9,
        z=-6.0,
        is_clear=True,
    )
    rate = level_of(market.scenario, change)
    assert rate is not None
    assert rate["rate"] == pytest.approx(1.0 / 1.15)
    assert level_of(market.scenario, replace(change, ratio=0.95)) is None
    assert level_of(market.scenario, replace(change, is_clear=False)) is None
    assert level_of(market.scenario, replace(change, measure="orders")) is None


@pytest.mark.parametrize(("factor", "code"), [(0.45, "response_fell"), (2.0, "response_rose")])
def test_a_channel_that_answers_otherwise_drifts(market, factor, code):
    status = told(market, scaled("clicks", factor, since=DAY - 14, place=(..., 0)))
    found = [alarm for alarm in status.alarms if alarm.code == code]
    assert found
    assert {alarm.channel for alarm in found} == {market.scenario.channels[0]}
    assert all(alarm.advice in ("propose", "carry_on") for alarm in found)
    assert all((alarm.worth_base is None) is (alarm.advice == "carry_on") for alarm in found)


def test_figures_that_stopped_are_a_gap(market):
    def change(day: ActualDay) -> ActualDay:
        def of(name, array):
            if name == "clicks" and 10 <= day.day < 13:
                array = array.copy()
                array[..., 1] = np.nan
            return array

        return only(exports_of(day), of)

    gap = next(alarm for alarm in told(market, change).alarms if alarm.code == "gap")
    assert (gap.measure, gap.region, gap.channel) == ("clicks", None, market.scenario.channels[1])
    assert (gap.figures["first_day"], gap.figures["last_day"], gap.figures["days"]) == (10.0, 12.0, 3.0)


def test_days_that_nobody_told_are_a_gap_and_the_last_ones_are_late(market):
    status = told(market, lambda day: None if day.day in (5, 6) else exports_of(day))
    assert status.missing_days == (5, 6)
    assert [alarm.code for alarm in status.alarms] == ["gap"]
    standing = standing_at(market, DAY, change=exports_of)
    for this_day, late in ((DAY + 2, False), (DAY + 3, True)):
        found = codes(status_of(standing, this_day=this_day))
        assert ("actuals_late" in found) is late


def test_stock_that_ends_before_the_money_is_told():
    stock = "market.regions[0].stock={initial_orders: 700, lead_time_days: 100, cover_days: 1}"
    scarce = build_market(load_scenario("quickstart", overrides=[*LONG, stock]))
    status = status_of(standing_at(scarce, 10, world=1), this_day=10)
    alarm = next(alarm for alarm in status.alarms if alarm.code == "stock_runs_out")
    assert alarm.region == scarce.scenario.regions[0]
    assert 10 <= alarm.figures["day"] < DAYS
    assert alarm.figures["lost_orders"] > 0.0
    assert alarm.worth_base is not None
    assert alarm.worth_base > 0.0  # media for goods that cannot be sent are lost


def test_a_proposal_waits_until_it_is_approved(market):
    standing = standing_at(market, DAY, change=exports_of)
    found = propose(standing, first_day=DAY, end_day=DAYS)
    event = Proposed(proposal="p1", days=PlanBytes.of(found.days), knows_until=DAY, figures=found.figures.to_json())
    status = status_of(Standing(after(standing.record, event), worlds=WORLDS), this_day=DAY)
    assert status.waiting == ("p1",)
    alarm = next(alarm for alarm in status.alarms if alarm.code == "proposal_waits")
    assert alarm.worth_base == pytest.approx(found.figures.gains.reward.mean)
    idle = replace(found.figures, kind="carry_on")
    again = Proposed(proposal="p1", days=PlanBytes.of(found.days), knows_until=DAY, figures=idle.to_json())
    (waits,) = _waiting(Standing(after(standing.record, again), worlds=WORLDS), DAY)
    assert waits.worth_base is None  # its days change nothing, whatever was found wanting brought


def test_a_day_told_far_ahead_does_not_tell_those_before_it(market):
    """A proposal waits, and the day three weeks later is told: one day was told since."""
    record = standing_at(market, 10, change=exports_of).record
    days = propose(Standing(record, worlds=WORLDS), first_day=10, end_day=DAYS).days
    record = after(record, Proposed(proposal="p1", days=PlanBytes.of(days), knows_until=10, figures=b"{}"))
    far = ActualDay(day=33, figures={"clicks": np.full((1, 1, 1), 500.0)})
    (waits,) = _waiting(Standing(after(record, ToldActuals(days=[far.to_bytes()], files=[])), worlds=WORLDS), 10)
    assert waits.figures["days_since"] == 1.0


def test_a_campaign_that_ended_still_has_a_status(market):
    standing = standing_at(market, DAYS, change=exports_of)
    status = status_of(Standing(after(standing.record, Closed(reason="over")), worlds=WORLDS), this_day=DAYS + 9)
    assert status.outlook is None
    assert status.closed == "over"
    assert "actuals_late" not in codes(status)
    assert status.money.ahead_base == 0.0


def test_a_campaign_of_which_nothing_is_known_has_a_status(market):
    status = status_of(standing_at(market, 0), this_day=0)
    assert (status.today, status.results, status.drift) == (0, (), ())
    assert status.alarms == ()


def test_figures_that_stopped_for_good_stay_a_gap(market):
    """Platforms write no rows of a paused channel: the longer it is silent, the less often it was told."""

    def change(day: ActualDay) -> ActualDay:
        def of(name, array):
            if name in ("spend_base", "clicks", "impressions") and day.day >= 10:
                array = array.copy()
                array[..., 1] = np.nan
            return array

        return only(exports_of(day), of)

    found = {alarm.measure: alarm for alarm in told(market, change).alarms if alarm.code == "gap"}
    assert {"spend_base", "clicks", "impressions"} <= set(found)
    assert found["spend_base"].channel == market.scenario.channels[1]
    assert found["spend_base"].figures["first_day"] == 10.0


def test_money_in_a_smaller_unit_is_no_paused_channel(market):
    """Euros read as yen: everything is a hundred and eightieth."""
    status = told(market, scaled("spend_base", 1.0 / 180.0, since=DAY - 7))
    assert "spend_jump" in codes(status)
    assert "spends_nothing" not in codes(status)


def test_a_channel_with_next_to_no_money_needs_nobody(market):
    plan = scenario_plan(market)
    spend = plan.spend_base.copy()
    spend[..., 2] = 1e-4

    def change(day: ActualDay) -> ActualDay:
        def of(name, array):
            if name == "spend_base":
                array = array.copy()
                array[..., 2] = 0.0
            return array

        return only(exports_of(day), of)

    assert "spends_nothing" not in codes(told(market, change, plan=replace(plan, spend_base=spend)))
