"""What is proposed: within what is left, better than carrying on or carrying on itself, and the same every time."""

from dataclasses import replace

import msgspec
import numpy as np
import pytest

from tests.campaigns.campaigns_played import exports_of, only
from tests.campaigns.campaigns_standing import after, opened, standing_at
from xbopt.agents.planner.replanning import replanning_policy
from xbopt.agents.policies import built_in_policy
from xbopt.campaigns.actuals.actual_day import ActualDay
from xbopt.campaigns.advice.gain import Gain
from xbopt.campaigns.advice.proposal import ProposalFigures, propose
from xbopt.campaigns.books.events import Approved, Closed, PlanBytes, Proposed
from xbopt.campaigns.books.record import CampaignRecord
from xbopt.campaigns.days_ahead import DaysAhead, carried_on
from xbopt.campaigns.standing import Standing
from xbopt.core.decisions.limits import Remaining
from xbopt.core.errors import CampaignError
from xbopt.core.scenario.loading import load_scenario
from xbopt.env.baseline_plan import scenario_plan
from xbopt.simulator.build import build_market

DAY, DAYS = 14, 28


@pytest.fixture(scope="module")
def market():
    return build_market(load_scenario("quickstart"))


@pytest.fixture(scope="module")
def standing(market):
    return standing_at(market, DAY, world=3)


@pytest.fixture(scope="module")
def proposed(standing):
    return propose(standing, first_day=DAY, end_day=DAYS)


def approved(standing: Standing, days) -> CampaignRecord:
    record = standing.record
    event = Proposed(
        proposal=record.next_proposal, days=PlanBytes.of(days), knows_until=record.known_until, figures=b"{}"
    )
    return after(record, event, Approved(proposal=event.proposal))


def test_the_ledger_takes_what_is_proposed(standing, proposed):
    record = approved(standing, proposed.days)
    np.testing.assert_array_equal(record.plan.spend_base[DAY:], proposed.days.spend_base)
    assert record.ledger.counted_base.sum() <= record.scenario.limits.total_base * (1.0 + 1e-9)


def test_the_figures_are_those_of_the_days(standing, proposed):
    figures = proposed.figures
    assert figures.proposed_base == pytest.approx(proposed.days.spend_base.sum())
    assert figures.planned_base == pytest.approx(standing.record.plan.spend_base[DAY:].sum())
    moved = sum(move.difference_base for move in figures.moves)
    assert moved == pytest.approx(figures.proposed_base - figures.planned_base)
    sizes = [abs(move.difference_base) for move in figures.moves]
    assert sizes == sorted(sizes, reverse=True)
    assert figures.knows_until == DAY


def test_the_same_record_gives_the_same_bytes(standing, proposed):
    again = propose(Standing(standing.record, worlds=standing.worlds), first_day=DAY, end_day=DAYS)
    assert again.figures.to_json() == proposed.figures.to_json()
    assert PlanBytes.of(again.days) == PlanBytes.of(proposed.days)


def test_figures_are_json_that_says_everything(proposed):
    said = msgspec.json.decode(proposed.figures.to_json())
    assert said["gains"]["reward"]["mean"] == proposed.figures.gains.reward.mean
    assert ProposalFigures.from_json(proposed.figures.to_json()) == proposed.figures
    assert {"mean", "se", "low", "high", "better", "is_clear"} == set(said["gains"]["margin"])


def test_a_gain_is_clear_where_its_range_leaves_nothing_out():
    sure, unsure = Gain.of(np.linspace(1.0, 2.0, 101)), Gain.of(np.linspace(-1.0, 2.0, 101))
    assert (sure.is_clear, sure.better) == (True, 1.0)
    assert not unsure.is_clear
    assert unsure.mean == pytest.approx(0.5)
    assert unsure.low == pytest.approx(-0.85)  # 5 % of the way from -1 to 2
    assert unsure.better == pytest.approx(67 / 101)  # -1 + 0.03 n is above 0 from n = 34 on


def test_days_up_to_another_change_and_later_ones_stay(standing):
    some = propose(standing, first_day=DAY, end_day=DAY + 3)
    assert (some.days.first_day, some.days.end_day) == (DAY, DAY + 3)
    record = approved(standing, some.days)
    np.testing.assert_array_equal(record.plan.spend_base[DAY + 3 :], standing.record.plan.spend_base[DAY + 3 :])


def test_days_that_begin_later_leave_those_before_alone(standing):
    later = propose(standing, first_day=DAY + 4, end_day=DAYS)
    assert later.days.first_day == DAY + 4
    assert later.figures.left_base == pytest.approx(standing.record.plan.spend_base[DAY + 4 :].sum())
    approved(standing, later.days)


def test_money_that_was_not_spent_is_spent_where_it_pays(market):
    def half(day: ActualDay) -> ActualDay:
        return only(day, lambda name, array: 0.5 * array if name == "spend_base" else array)

    poor = standing_at(market, DAY, world=3, change=half)
    figures = propose(poor, first_day=DAY, end_day=DAYS).figures
    freed = next(reason for reason in figures.reasons if reason.code == "underspend")
    assert freed.value == pytest.approx(0.5 * poor.record.plan.spend_base[:DAY].sum())
    assert figures.left_base == pytest.approx(figures.planned_base + freed.value)


def test_what_was_overspent_is_cut_from_carrying_on(market):
    def double(day: ActualDay) -> ActualDay:
        return only(day, lambda name, array: 1.6 * array if name == "spend_base" else array)

    rich = standing_at(market, DAY, world=3, change=double)
    found = propose(rich, first_day=DAY, end_day=DAYS)
    assert found.figures.planned_base == pytest.approx(found.figures.left_base)
    assert found.figures.planned_base < 0.5 * rich.record.plan.spend_base[DAY:].sum()
    assert "overspend" in {reason.code for reason in found.figures.reasons}
    assert found.days.spend_base.sum() <= found.figures.left_base * (1.0 + 1e-9)


def test_what_is_not_better_is_not_proposed(standing):
    class Wasteful:
        """Gives everything to one cell on the first day."""

        name, kind = "wasteful", "baseline"

        def decide(self, observation):
            decision = scenario_plan(standing.market).decide(observation)
            spend = np.zeros_like(decision.spend_base)
            spend[:, 0, 0, 0] = 1e9
            return replace(decision, spend_base=spend)

    found = propose(standing, first_day=DAY, end_day=DAYS, policy=Wasteful())
    assert found.figures.kind == "carry_on"
    assert found.figures.gains.reward.mean < 0.0
    assert found.figures.moves == ()
    np.testing.assert_allclose(found.days.spend_base, standing.record.plan.spend_base[DAY:])


def test_a_policy_that_reacts_sees_the_morning_as_the_tracker_shows_it(market, standing):
    policy = replanning_policy(market)
    found = propose(standing, first_day=DAY, end_day=DAY + 2, policy=policy)
    seen = replace(standing.tracked.observe(), remaining=standing.record.ledger.remaining(DAY, DAY + 2))
    if found.figures.kind == "decided":
        np.testing.assert_allclose(found.days.spend_base[0], policy.decide(seen).spend_base[0], rtol=1e-6)
    assert found.figures.policy == "replan"


def test_a_policy_that_draws_does_so_by_campaign_and_proposal(market):
    class Careful:
        """Draws among the scenario's tactics, the same chances everywhere."""

        name, kind = "careful", "bandit"
        menu = market.scenario.menu

        def probabilities(self, observation):
            regions, segments, _, _ = market.shape
            return np.full((observation.worlds, regions, segments, len(self.menu)), 1.0 / len(self.menu))

    spring, summer = (standing_at(market, DAY, world=3, name=name) for name in ("spring", "summer"))
    drawn = [propose(each, first_day=DAY, end_day=DAY + 1, policy=Careful()) for each in (spring, spring, summer)]
    assert all(each.figures.kind == "decided" and each.choice is not None for each in drawn)
    gains = [each.figures.gains.reward.mean for each in drawn]
    assert gains[0] == gains[1]
    assert gains[0] != gains[2]


def test_minimums_and_locks_are_kept_and_too_small_amounts_are_told():
    changes = [
        "budget.minimums=[{region: DE, channel: social, spend_per_day_base: 30}]",
        "budget.locks=[{region: UK, segment: bargain_hunters, channel: search, spend_per_day_base: 25}]",
        "budget.bookable.least_per_day_base=60",
    ]
    scenario = load_scenario("quickstart")
    changes[1] = changes[1].replace("bargain_hunters", scenario.segments[0])
    market = build_market(load_scenario("quickstart", overrides=changes))
    standing = standing_at(market, DAY, world=3)
    found = propose(standing, first_day=DAY, end_day=DAYS)
    limits, names = market.scenario.limits, market.scenario
    spend = found.days.spend_base
    assert (spend[..., names.channels.index("social")][:, names.regions.index("DE")].sum(axis=1) >= 30.0 - 1e-6).all()
    np.testing.assert_allclose(spend[:, limits.locked], np.broadcast_to(limits.lock_base[limits.locked], (14, 1)))
    of_place = spend.sum(axis=2)
    small = (of_place > 0.0) & (of_place < 60.0)
    assert small.any() == (found.figures.unbookable is not None)
    if found.figures.unbookable is not None:
        assert found.figures.unbookable.cells == small.sum()


def test_what_a_clear_response_speaks_for_stands_beside_the_move(proposed, standing):
    returns, scenario = standing.posterior.returns, standing.scenario
    for move in proposed.figures.moves:
        place = scenario.regions.index(move.region), scenario.channels.index(move.channel)
        clear = bool(returns.low[place] > 1.0 or returns.high[place] < 1.0)
        told = [reason for reason in move.reasons if reason.code == "response"]
        assert bool(told) is clear
        if told:
            assert told[0].low <= told[0].value <= told[0].high


@pytest.mark.parametrize(("first", "end"), [(DAY - 1, DAYS), (DAY, DAY), (DAY, DAYS + 1)])
def test_days_that_cannot_be_proposed_are_refused(standing, first, end):
    with pytest.raises(CampaignError, match="can be proposed"):
        propose(standing, first_day=first, end_day=end)


def test_a_closed_campaign_is_advised_no_more(standing):
    closed = Standing(after(standing.record, Closed(reason="sold out")), worlds=8)
    with pytest.raises(CampaignError, match="sold out"):
        propose(closed, first_day=DAY, end_day=DAYS)


def test_a_proposal_that_waits_does_not_take_money_from_the_next(standing, proposed):
    event = Proposed(proposal="p1", days=PlanBytes.of(proposed.days), knows_until=DAY, figures=b"{}")
    waiting = Standing(after(standing.record, event), worlds=standing.worlds)
    again = propose(waiting, first_day=DAY, end_day=DAYS)
    assert again.figures.left_base == proposed.figures.left_base
    np.testing.assert_array_equal(again.days.spend_base, proposed.days.spend_base)


def test_exports_alone_are_enough(market):
    found = propose(standing_at(market, DAY, world=3, change=exports_of), first_day=DAY, end_day=DAYS)
    assert np.isfinite(found.figures.gains.reward.mean)


def test_on_the_first_morning_there_is_nothing_to_react_to(market):
    record = opened(market, built_in_policy("planner", market))
    found = propose(Standing(record, worlds=16), first_day=0, end_day=DAYS)
    assert abs(found.figures.proposed_base - found.figures.planned_base) < 0.02 * found.figures.planned_base


def test_days_ahead_are_cut_by_what_is_left(market, standing):
    left = Remaining(
        budget_base=np.array([100.0]), region_base=np.full((1, 2), np.inf), channel_base=np.full((1, 3), np.inf)
    )
    ahead = DaysAhead(market, standing.tracked.state, DAY, left)
    carry = carried_on(standing.record, market, standing.tracked.state, DAY)
    for day in (DAY, DAY + 1):
        ahead.put(carry.decision(day))
    days, cut = ahead.made()
    assert days.spend_base.sum() == pytest.approx(100.0)
    assert cut.cut_base == pytest.approx(carry.spend_base[:2].sum() - 100.0)


def test_what_was_learnt_counts_once(standing, proposed):
    """Approved, and asked again on the same data: there is nothing more to move."""
    record = approved(standing, proposed.days)
    again = propose(Standing(record, worlds=standing.worlds), first_day=DAY, end_day=DAYS)
    assert again.figures.kind == "carry_on"
    assert abs(again.figures.gains.reward.mean) < 0.02 * abs(proposed.figures.gains.reward.mean)
    np.testing.assert_allclose(again.days.spend_base, proposed.days.spend_base, atol=0.01)


def test_planning_anew_finds_what_moving_money_cannot(market):
    """A plan that has no money where the best of it is spent: only a plan from nothing sees that."""
    own = built_in_policy("calendar", market)
    spend = own.spend_base.copy()
    spend[..., 0] = 0.0
    spend *= own.spend_base.sum() / spend.sum()
    record = opened(market, replace(own, spend_base=spend))
    moved = propose(Standing(record), first_day=0, end_day=DAYS)
    anew = propose(Standing(record), first_day=0, end_day=DAYS, anew=True)
    assert moved.around is None
    assert moved.days.spend_base[..., 0].sum() == 0.0
    assert anew.figures.anew
    assert anew.figures.gains.reward.mean > max(moved.figures.gains.reward.mean, 0.0) + 100.0
    assert anew.around is not None
    event = Proposed(
        proposal="p1", days=PlanBytes.of(anew.days), knows_until=0, figures=b"{}", around=PlanBytes.of(anew.around)
    )
    after_it = after(record, event, Approved(proposal="p1"))
    np.testing.assert_array_equal(after_it.around.spend_base, anew.around.spend_base)
    again = propose(Standing(after_it), first_day=0, end_day=DAYS)
    assert again.figures.kind == "carry_on"


def test_the_name_of_a_campaign_changes_no_figure(standing):
    other = Standing(replace(standing.record, name="autumn"), worlds=standing.worlds)
    np.testing.assert_array_equal(other.posterior.returns.mean, standing.posterior.returns.mean)
