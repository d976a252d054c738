"""Campaigns as experience for a bandit: what a tactic brought in a cell, above what the plan would have brought.

At every decision the world branches twice from the same morning: once with the drawn tactics, once with the plan. Both
branches play what the world does on average, and go on with the plan's own money for the days after, so that
carried-over exposure and orders that a promotion only moved are counted. The difference of a cell's margins is its
reward. Chance and the state of the world, far larger than any tactic's effect, cancel: the mean of the reward stays,
its spread shrinks. That is what learning in a simulator can do and no real market allows. The campaign itself goes on
as drawn, and so does all that is observed.

Money beyond the plan's is charged at a **price** on top of its cost, because it is missing elsewhere: the dual variable
of the budget. Where a plan leaves money unspent, the price is 0.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from xbopt.agents.bandits.factored import FactoredBandit
from xbopt.agents.bandits.market_context import MarketContext
from xbopt.core.arrays import FloatArray, IntArray
from xbopt.core.decisions.decision import Decision
from xbopt.core.decisions.plan import ScheduledPolicy
from xbopt.core.randomness import WorldStream
from xbopt.env.market_run import MarketRun
from xbopt.simulator.after import carried_beyond
from xbopt.simulator.draws import sorted_positions
from xbopt.simulator.lifetime import CustomerValue, cell_customer_value, customer_value
from xbopt.simulator.parameters import MarketParameters

BRANCHES = 2
"""Ways in which a world is played on from a decision morning: with the plan, and with tactics."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Experience:
    """What one decision brought in every cell of every world.

    Attributes:
        context: ``(n, d)``; ``n = B * R * S``.
        tactic: ``(n,)``.
        reward: Margin above the plan's less the price of more money, in the cells' units ``(n,)``.
    """

    context: FloatArray
    tactic: IntArray
    reward: FloatArray


def play_campaigns(
    market: MarketParameters,
    context: MarketContext,
    plan: ScheduledPolicy,
    bandit: FactoredBandit,
    *,
    worlds: IntArray,
    seed: int,
    price: float,
    window_days: int,
    customer_weight: float,
) -> Iterator[Experience]:
    """Play a batch of worlds over the horizon with a bandit's own draws, and tell what each decision brought.

    Args:
        market: The market.
        context: What the bandit sees.
        plan: The plan that tactics are relative to.
        bandit: Draws the tactics; whoever iterates may let it learn in between.
        worlds: Global numbers of the worlds ``(B,)``.
        seed: Noise seed: streams ``demand`` and ``policy``.
        price: Of money beyond the plan's.
        window_days: Days that count as a decision's result, at least those for which it is held.
        customer_weight: Weight of what is worth something after the window: customers, and what is left behind; 0..1.
    """
    scenario, hold = market.scenario, context.layout.hold_days
    regions, segments, _, _ = market.shape
    run = MarketRun(market, worlds=worlds, seed=seed)
    stream = WorldStream(seed=seed, name="policy", worlds=worlds, slots=regions * segments)
    order = sorted_positions([scenario.regions, scenario.segments])
    value = customer_value(market)
    neutral = np.full((len(worlds), regions, segments), context.menu.neutral)
    for day in range(0, scenario.days, hold):
        rows = context.rows(run.observe())
        chosen = _drawn(bandit, rows, stream.uniforms(day)[:, order].reshape(-1))
        tactic = chosen.reshape(neutral.shape)
        planned, tried = Tally(run.branch()), Tally(run.branch())
        held = min(day + hold, scenario.days)
        for _ in range(day, held):
            planned.play(context.menu.decode(neutral, planned.run.morning()))
            tried.play(context.menu.decode(tactic, tried.run.morning()))
            run.play(context.menu.decode(tactic, run.morning()))
        for later in range(held, min(day + window_days, scenario.days)):
            planned.play(plan.decide(planned.run.morning()))
            tried.play(plan.decide(tried.run.morning()))
            assert tried.run.state.day == later + 1, "both branches are on the same day"
        gain = tried.margin - planned.margin - price * (tried.spend - planned.spend)
        if customer_weight > 0.0:
            gain = gain + customer_weight * (evening_worth(tried.run, value) - evening_worth(planned.run, value))
        yield Experience(context=rows, tactic=chosen, reward=(gain / context.unit_base(day)).ravel())


def _drawn(bandit: FactoredBandit, rows: FloatArray, uniforms: FloatArray) -> IntArray:
    """Tactics drawn with the bandit's probabilities, from uniforms that belong to world, day and cell."""
    probabilities = bandit.probabilities(rows)
    cumulative = np.cumsum(probabilities, axis=1)
    reached = cumulative < (uniforms * cumulative[:, -1])[:, None]
    return np.minimum(reached.sum(axis=1), probabilities.shape[1] - 1)


def evening_worth(run: MarketRun, value: CustomerValue) -> FloatArray:
    """What stands beside the margin where a run is: customers, and what it leaves behind ``(B, R, S)``.

    Args:
        run: The run.
        value: Value of one person, from ``customer_value``.
    """
    beyond = carried_beyond(run.market).by_cell(run.state, run.world)
    return cell_customer_value(run.market, run.state, value) + beyond


class Tally:
    """Margin and spend by cell ``(B, R, S)`` of a run from here on."""

    def __init__(self, run: MarketRun) -> None:
        self.run = run
        regions, segments, _, _ = run.market.shape
        self.margin = np.zeros((len(run.worlds), regions, segments))
        self.spend = np.zeros_like(self.margin)

    def play(self, decision: Decision) -> None:
        """Play a day."""
        outcome = self.run.play(decision)
        self.margin = self.margin + outcome.money.contribution_margin
        self.spend = self.spend - outcome.money.media


def price_of_money(
    market: MarketParameters, plan: ScheduledPolicy, *, has_reserve: bool, customer_weight: float
) -> float:
    """What a little more money for the plan brings beyond what it costs, in the scenario's average market.

    The plan is played in expected mode as it is, and with a twentieth less money. 0 where the plan leaves money
    unspent.
    """
    if has_reserve:
        return 0.0
    less = 0.05
    full, poorer = (
        _expected_value(market, replace(plan, spend_base=share * plan.spend_base), customer_weight)
        for share in (1.0, 1.0 - less)
    )
    return max(0.0, (full - poorer) / max(less * float(plan.spend_base.sum()), 1e-9))


def _expected_value(market: MarketParameters, plan: ScheduledPolicy, customer_weight: float) -> float:
    run = MarketRun(market, worlds=np.arange(1), seed=0, expected=True, compared=False)
    tally = Tally(run)
    for _ in range(market.scenario.days):
        tally.play(plan.decide(run.morning()))
    return float(tally.margin.sum() + customer_weight * evening_worth(run, customer_value(market)).sum())
