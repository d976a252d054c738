"""Campaigns as experience for bandits over notches: what a decision's notches brought, above the anchor's own wish.

At every decision the world branches twice from the same morning: once with what the anchor wishes, once with notches
around it. Both branches play what the world does on average, and after the decision period the anchor goes on with the
money that each has left, so that carried-over exposure and orders that a deal only moved are counted. The
difference of a cell's margins is what its notches brought together: chance and the state of the world cancel. That is
what learning in a simulator can do and no real market allows. The campaign itself goes on as the policy that is
being learnt would play it: what a deal costs depends on the deals before it, so notches are tried where the finished
policy will stand, not where drawn ones would have led.

Who of a cell's factors earned it: all are drawn independently, so an additive model of the gain has one answer. A
factor is credited with the gain of its cell (of its region for discount and timing; of the whole for pace, and for
spend too where the budget binds) less what the models expect of the others, which leaves its mean and takes their noise
away (backfitting; Buja, Hastie & Tibshirani 1989, "Linear smoothers and additive models").
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np

from xbopt.agents.bandits.market_play import Tally, evening_worth
from xbopt.agents.bandits.residual_bandits import ResidualBandits
from xbopt.agents.bandits.residual_context import ByKind, ResidualContext
from xbopt.core.arrays import FloatArray, IntArray
from xbopt.core.decisions.decision import Decision
from xbopt.core.decisions.factors import FactorKind
from xbopt.core.decisions.plan import ScheduledPolicy
from xbopt.core.decisions.policy import Observation, PolicyKind
from xbopt.core.randomness import WorldStream
from xbopt.env.market_run import MarketRun
from xbopt.env.residual_actions import ResidualActions
from xbopt.simulator.lifetime import customer_value
from xbopt.simulator.parameters import MarketParameters

BRANCHES = 2
"""Ways in which a world is played on from a decision morning: as the anchor wishes, and with notches."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ResidualExperience:
    """What one decision brought.

    Attributes:
        rows: Contexts of each kind ``(n, d)``.
        levels: What was drawn ``(B, A)``.
        units: Unit of each factor's reward by kind, base currency.
        gain_base: Margin above the anchor's less the price of more money ``(B, R, S)``, base currency.
    """

    rows: ByKind
    levels: IntArray
    units: ByKind
    gain_base: FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class _CarriedWish:
    """The anchor's wish of one day, carried along its plan: in a branch nobody observes, so nobody can react.

    Attributes:
        plan: The plan.
        multiple: Of the plan's spend ``(B, R, S, C)``.
        wish: What is wished on that day.
        day: The day.
    """

    plan: ScheduledPolicy
    multiple: FloatArray
    wish: Decision
    day: int
    name: str = "carried wish"
    kind: PolicyKind = "planner"

    @classmethod
    def of(cls, plan: ScheduledPolicy, wish: Decision, day: int) -> "_CarriedWish":
        planned = plan.spend_base[day]
        has = planned > 0.0
        multiple = np.where(has, wish.spend_base / np.where(has, planned, 1.0), 1.0)
        return cls(plan=plan, multiple=multiple, wish=wish, day=day)

    def decide(self, observation: Observation) -> Decision:
        if observation.day == self.day:
            return self.wish
        planned = self.plan.decide(observation)
        spend = planned.spend_base * self.multiple
        return replace(planned, spend_base=spend, daypart_weights=self.wish.daypart_weights)


def play_residuals(
    market: MarketParameters,
    context: ResidualContext,
    actions: ResidualActions,
    bandits: ResidualBandits,
    *,
    worlds: IntArray,
    seed: int,
    caution: Mapping[FactorKind, float],
    price: float,
    window_days: int,
    customer_weight: float,
) -> Iterator[ResidualExperience]:
    """Play a batch of worlds over the horizon with the bandits' own draws, and tell what each decision brought.

    Args:
        market: The market.
        context: What the bandits see.
        actions: Notches around the anchor policy.
        bandits: Draw the notches; whoever iterates may let them learn in between.
        worlds: Global numbers of the worlds ``(B,)``.
        seed: Noise seed: streams ``demand`` and ``policy``.
        caution: With which the campaign itself goes on, as the finished policy would.
        price: Of money beyond the anchor's.
        window_days: Days that count as a decision's result, at least those for which it is held.
        customer_weight: Weight of what is worth something after the window: customers, and what is left behind; 0..1.
    """
    scenario, hold = market.scenario, context.layout.hold_days
    run = MarketRun(market, worlds=worlds, seed=seed)
    stream = WorldStream(seed=seed, name="policy", worlds=worlds, slots=len(actions.factors))
    value = customer_value(market)
    for day in range(0, scenario.days, hold):
        observation = run.observe()
        wish = actions.anchor.decide(observation)
        rows = context.rows(observation, wish)
        levels, own = bandits.drawn(rows, stream.uniforms(day)), bandits.best(rows, caution)
        planned, tried = Tally(run.branch()), Tally(run.branch())
        held, end = min(day + hold, scenario.days), min(day + max(window_days, hold), scenario.days)
        carried = _CarriedWish.of(context.plan, wish, day)
        around = replace(actions, anchor=carried)
        for ahead in range(day, held):
            planned.play(carried.decide(replace(observation, day=ahead)))
            tried.play(around.decode(levels, replace(observation, day=ahead)))
            run.play(actions.decode(own, run.observe() if ahead > day else observation))
        if held < end:
            for branch in (planned, tried):
                known = replace(observation, day=held, remaining=branch.run.state.remaining)
                after = _CarriedWish.of(context.plan, actions.anchor.decide(known), held)
                for ahead in range(held, end):
                    branch.play(after.decide(replace(known, day=ahead)))
        gain = tried.margin - planned.margin - price * (tried.spend - planned.spend)
        if customer_weight > 0.0:
            gain = gain + customer_weight * (evening_worth(tried.run, value) - evening_worth(planned.run, value))
        yield ResidualExperience(rows=rows, levels=levels, units=context.units(wish), gain_base=gain)


@dataclass(frozen=True, slots=True, kw_only=True)
class Credit:
    """Shares a cell's gain among its factors, in units in which noise is about 1.

    Attributes:
        noise_base: Standard deviation of the gain by cell ``(R, S)``, base currency.
        scale: Size of a reward of 1, in a factor's unit.
        shares_money: Whether the budget binds, so that what one channel spends is missing in every cell.
    """

    noise_base: FloatArray
    scale: float
    shares_money: bool

    @classmethod
    def of(cls, experience: list[ResidualExperience], *, shares_money: bool) -> "Credit":
        """By the noise of some decisions."""
        gains = np.concatenate([one.gain_base for one in experience])
        noise = gains.std(axis=0)
        noise = np.maximum(noise, 1e-3 * max(float(noise.max()), 1e-9))
        units = np.concatenate([one.units["spend"] for one in experience])
        scale = float(np.median(noise[..., None] / units))
        return cls(noise_base=noise, scale=scale, shares_money=shares_money)

    def learn(self, bandits: ResidualBandits, one: ResidualExperience) -> int:
        """Let every kind learn; gives how many rewards had to be cut."""
        worlds = len(one.levels)
        expected: dict[str, FloatArray] = {}
        for kind, rows in one.rows.items():
            level = one.levels[:, bandits.at(kind)].reshape(-1)
            gains = bandits.gains(kind, rows)[np.arange(len(level)), level]
            expected[kind] = gains.reshape(one.units[kind].shape) * one.units[kind] * self.scale
        cells = one.units["discount"]
        own_share = cells / cells.sum(axis=2, keepdims=True)
        share = cells / cells.sum(axis=(1, 2), keepdims=True)
        explained = expected["spend"].sum(axis=3) + expected["discount"]
        explained = explained + expected["timing"][:, :, None] * own_share + expected["pace"][:, None, None] * share
        left = one.gain_base - explained
        # A deal for some people of a region takes orders from the others there.
        region = left.sum(axis=2)
        own = region.sum(axis=1)[:, None, None] if self.shares_money else left
        over = {"spend": own[..., None], "discount": region[..., None], "timing": region, "pace": region.sum(axis=1)}
        variance = self.noise_base**2
        regions = variance.sum(axis=1)
        noise = {
            "spend": variance.sum() if self.shares_money else variance[..., None], "discount": regions[:, None],
            "timing": regions, "pace": variance.sum(),
        }  # fmt: skip
        cut = 0
        for kind, rows in one.rows.items():
            unit = one.units[kind] * self.scale
            reward, weight = (over[kind] + expected[kind]) / unit, unit**2 / noise[kind]
            level = one.levels[:, bandits.at(kind)].reshape(worlds, -1)
            cut += bandits.update(kind, rows, level.reshape(-1), reward.reshape(-1), weight.reshape(-1))
        return cut
