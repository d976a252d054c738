"""What notches bring, one decision at a time: the same morning twice, once with the anchor's wishes, once with notches.

At every decision of a campaign the world branches. Both branches play what the world does on average, hold their
decision for its period, go on alike for some days, and are closed with the worth of customers and of what is carried
beyond. The difference by cell is what the notches brought: chance and the state of the world cancel. It knows the
world's own parameters, which no policy sees; learning averages over the worlds that look alike. A simulator can do
that, and no real market allows it.

Where the money left will not cover what the anchor wants, money spent now is missing later. A third branch in which
every channel has more tells what a little more money brings on this day, and the notches pay that price.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from xbopt.agents.ppo.branch_play import Branch, HeldWish
from xbopt.agents.ppo.deal_branches import DealRows, deal_rows
from xbopt.core.arrays import FloatArray, IntArray
from xbopt.core.decisions.factors import FACTOR_KINDS, FactorKind
from xbopt.core.decisions.plan import ScheduledPolicy
from xbopt.core.decisions.policy import Observation
from xbopt.env.features import FeatureLayout, Float32Array
from xbopt.env.market_run import MarketRun
from xbopt.env.residual_actions import ResidualActions
from xbopt.simulator.lifetime import customer_value

_DAYS_AFTER = 7
_REACH = {"pace": 0, "timing": 1, "discount": 0, "spend": 2}
"""How far from a policy's own level the notches that are tried go, by kind. The pace is that of all spend together. A
discount that pays in one week alone does not pay in every week, because people remember it: ``deal_branches`` holds it
for longer."""
_NEARLY_ALL = 0.97
_DEAL_BRANCHES = 2  # the depth of the plan, and another
_PRICED_NOTCHES = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class BranchRows:
    """Decisions and what they brought; ``N`` decisions.

    Attributes:
        features: What was seen ``(N, F)``.
        notches: What was tried, in notches from the anchor's wish ``(N, A)``.
        gain_base: Reward above that of the anchor's wish, less the price of more money ``(N, R, S)``, base currency.
        money_base: What the anchor would have spent over the period ``(N, R, S, C)``.
        deals: What other depths of discount brought on the same mornings, none where they are not tried.
        played: Branches that were played for them, all worlds together: two to five a decision.
    """

    features: Float32Array
    notches: FloatArray
    gain_base: FloatArray
    money_base: FloatArray
    deals: DealRows | None = None
    played: int = 0

    def and_also(self, other: "BranchRows") -> "BranchRows":
        """Both together."""
        return BranchRows(
            features=np.concatenate([self.features, other.features]),
            notches=np.concatenate([self.notches, other.notches]),
            gain_base=np.concatenate([self.gain_base, other.gain_base]),
            money_base=np.concatenate([self.money_base, other.money_base]),
            deals=None if self.deals is None or other.deals is None else self.deals.and_also(other.deals),
            played=self.played + other.played,
        )


def branch_rows(
    encoding: ResidualActions,
    features: FeatureLayout,
    plan: ScheduledPolicy,
    run: MarketRun,
    own_levels: Callable[[Float32Array], IntArray],
    generator: np.random.Generator,
    *,
    kinds: tuple[FactorKind, ...] = FACTOR_KINDS,
) -> BranchRows:
    """Play worlds over the horizon with a policy's own levels, and try notches around them at every decision.

    Args:
        encoding: Notches around the anchor policy.
        features: What is seen.
        plan: The plan that the anchor's wishes are carried on along.
        run: The worlds, on the first morning.
        own_levels: A policy's levels ``(B, A)`` for rows of features ``(B, F)``.
        generator: Draws the notches.
        kinds: Kinds of notches that are tried.
    """
    scenario, factors = run.market.scenario, encoding.factors
    hold, days = scenario.document.tactics.decide_every_days, scenario.days
    value, reach = customer_value(run.market), np.array([_REACH[kind] * (kind in kinds) for kind in factors.kinds])
    neutral = np.tile(factors.neutral, (len(run.worlds), 1))
    more = neutral + _PRICED_NOTCHES * np.array([kind == "spend" for kind in factors.kinds])
    is_discount = np.array([kind == "discount" for kind in factors.kinds])
    rows: list[BranchRows] = []
    for day in range(0, days, hold):
        seen = run.observe()
        row = features.flat(seen)
        own = own_levels(row)
        tried = np.clip(own + generator.integers(-reach, reach + 1, size=own.shape), 0, factors.levels - 1)
        tried = np.where(is_discount, neutral, tried)
        wish = HeldWish.of(plan, encoding.anchor, seen)
        deals = None
        if "discount" in kinds and encoding.ceiling.any():
            deals = deal_rows(replace(encoding, anchor=wish), plan, run, value, generator)
        around = replace(encoding, anchor=wish)
        held = min(hold, days - day)
        scarce = _is_scarce(wish, seen)
        levels = [neutral, tried, more] if bool(scarce.any()) else [neutral, tried]
        branches = [Branch(run) for _ in levels]
        for branch, chosen in zip(branches, levels, strict=True):
            branch.play(around, chosen, held)
            branch.play(around, neutral, min(_DAYS_AFTER, days - day - held))
        worth = [branch.worth_base(value) for branch in branches]
        gain = worth[1] - worth[0]
        if len(branches) > 2:
            spent = (branches[2].media_base - branches[0].media_base).sum(axis=(1, 2))
            brought = (worth[2] - worth[0]).sum(axis=(1, 2))
            price = np.where(scarce & (spent > 0.0), np.maximum(brought, 0.0) / np.where(spent > 0.0, spent, 1.0), 0.0)
            gain = gain - price[:, None, None] * (branches[1].media_base - branches[0].media_base)
        rows.append(
            BranchRows(
                features=row,
                notches=(tried - factors.neutral).astype(np.float64),
                gain_base=gain,
                money_base=plan.spend_base[day : day + held].sum(axis=0) * wish.multiple,
                deals=deals,
                played=(len(branches) + (0 if deals is None else _DEAL_BRANCHES)) * len(row),
            )
        )
        for _ in range(held):
            run.play(encoding.decode(own, run.observe()))
    found = rows[0]
    for other in rows[1:]:
        found = found.and_also(other)
    return found


def _is_scarce(wish: HeldWish, seen: Observation) -> FloatArray:
    """Whether the days ahead, at the wishes of this morning, take all the money that is left ``(B,)``."""
    ahead = wish.plan.spend_base[seen.day :].sum(axis=0)
    return (ahead * wish.multiple).sum(axis=(1, 2, 3)) >= _NEARLY_ALL * seen.remaining.budget_base
