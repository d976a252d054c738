"""What logged exploration costs: a policy that explores against itself without, in the same worlds.

Whoever logs pays for what can be learnt from the log. The cost is told before a log is written, and can be bounded.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import floor, isfinite, log10
from pathlib import Path

import numpy as np
from scipy.special import stdtrit

from xbopt.agents.exploration import over_the_menu, without_exploration
from xbopt.agents.factored_direct import FactoredDirect
from xbopt.agents.policies import policy_from
from xbopt.agents.run_directory import RunDirectory
from xbopt.core.arrays import FloatArray, IntArray
from xbopt.core.decisions.policy import DirectPolicy, FactoredPolicy, Policy
from xbopt.core.errors import ExplorationCostError, UsageError
from xbopt.core.scenario.loading import load_scenario
from xbopt.env.rollout import play_worlds
from xbopt.simulator.build import build_market
from xbopt.simulator.parameters import MarketParameters
from xbopt.studies.totals import TotalsRecorder

TOLD_WORLDS, SEARCHED_WORLDS = 16, 32
"""Worlds in which a cost is told, and worlds in which a share is searched for."""
NOTED_FRAC = 0.03
"""A cost above this part of the margin is remarked upon."""
CONFIDENCE = 0.95
LEAST_SHARE = 1e-3
_HALVINGS = 6
MOST_NOTCHED = 2.0 / 3.0
"""Share of notches at which a level and its two neighbours are drawn alike. Beyond it the policy's own level is drawn
ever less, and at 1 never: such a log could not judge the policy itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplorationCost:
    """What a share of exploration takes from the contribution margin, by paired worlds.

    Attributes:
        share: The share of exploration.
        worlds: Number of worlds that both were played in.
        cost_base: Mean margin of the policy itself less that of the exploring one, base currency.
        low_base: Lower end of the 95 % interval of that mean, by Student's t; NaN in a single world.
        high_base: Upper end.
        margin_base: Mean margin of the policy itself.
        currency: The base currency.
        bound_frac: The bound that the share was searched for; None where it was given.
    """

    share: float
    worlds: int
    cost_base: float
    low_base: float
    high_base: float
    margin_base: float
    currency: str
    bound_frac: float | None = None

    @property
    def cost_frac(self) -> float:
        """The cost as a part of the policy's own margin; NaN where that is not above 0."""
        return self.cost_base / self.margin_base if self.margin_base > 0.0 else float("nan")

    def keeps(self, bound_frac: float) -> bool:
        """Whether the upper end of the interval stays within a part of the policy's own margin."""
        return self.high_base <= bound_frac * self.margin_base

    @property
    def sentence(self) -> str:
        """The cost in words."""
        part = f", {self.cost_frac:.1%} of the margin" if isfinite(self.cost_frac) else ""
        sure = f", 95% {self.low_base:,.0f} to {self.high_base:,.0f}" if isfinite(self.low_base) else ""
        worlds = "1 world" if self.worlds == 1 else f"{self.worlds} worlds"
        if self.cost_base < 0.0:
            told = (
                f"No cost of a share of {self.share:g} can be told: it brought {-self.cost_base:,.0f} "
                f"{self.currency} more ({worlds}{sure.replace('95%', '95% of the cost')})."
            )
        else:
            told = (
                f"A share of {self.share:g} costs about {self.cost_base:,.0f} {self.currency}{part} ({worlds}{sure})."
            )
        if self.bound_frac is None:
            return told
        return (
            f"{told} It is the largest share found whose 95% interval stays within {self.bound_frac:.3g} of the margin."
        )

    @property
    def is_remarkable(self) -> bool:
        """Whether it takes more than a few per cent, and nobody bounded it."""
        return self.bound_frac is None and not self.cost_frac <= NOTED_FRAC and self.cost_base > 0.0


def paired_cost(
    market: MarketParameters,
    own: Policy,
    exploring: Policy,
    share: float,
    *,
    worlds: IntArray,
    seed: int,
    world_seed: int | None = None,
) -> ExplorationCost:
    """The cost of one policy in place of another, whatever kinds they are.

    Args:
        market: The market.
        own: The policy without exploration.
        exploring: The same with it.
        share: Its share.
        worlds: Global numbers of the worlds to play both in ``(B,)``.
        seed: Noise seed.
        world_seed: Seed of the uncertain parameters; the noise seed where left out.
    """
    margins = _margins(market, own, worlds, seed, world_seed)
    return _cost(market, margins, margins - _margins(market, exploring, worlds, seed, world_seed), share)


def cost_of_exploration(
    market: MarketParameters,
    own: Policy,
    explored: Callable[[float], Policy],
    *,
    share: float | None,
    bound_frac: float | None = None,
    runs: int = TOLD_WORLDS,
    seed: int = 0,
    world_seed: int | None = None,
) -> ExplorationCost:
    """What a share costs; where none is given, the largest share that a bound allows and what it costs.

    The search halves the range of shares, in the logarithm, from a thousandth to all. Every share plays the same worlds
    with the same draws, and is allowed where the upper end of its 95 % interval stays within the bound.

    Args:
        market: The market.
        own: The policy without exploration.
        explored: The policy with a share.
        share: The share; None to search for one.
        bound_frac: Largest cost, as a part of the policy's own margin.
        runs: Worlds that are going to be played; a given share is tried in the first few of them.
        seed: Noise seed.
        world_seed: Seed of the uncertain parameters; the noise seed where left out.

    Raises:
        UsageError: The bound is no part of a whole.
        ExplorationCostError: The upper end of the share's interval is beyond the bound, or that of every share.
    """
    if bound_frac is not None and not 0.0 < bound_frac <= 1.0:
        raise UsageError(f"The bound of the cost of exploration is {bound_frac:g}; above 0 and up to 1 is wanted.")
    if share is not None:
        worlds = np.arange(min(runs, TOLD_WORLDS) if bound_frac is None else SEARCHED_WORLDS)
        cost = paired_cost(market, own, explored(share), share, worlds=worlds, seed=seed, world_seed=world_seed)
        if bound_frac is not None:
            _check_margin(cost)
            if not cost.keeps(bound_frac):
                raise ExplorationCostError(
                    f"{cost.sentence} The upper end is more than {bound_frac:.3g} of the margin. Leave --exploration "
                    "out, and the largest share within the bound is searched for; or allow more."
                )
        return cost
    assert bound_frac is not None, "a share or a bound is given"
    worlds = np.arange(SEARCHED_WORLDS)
    margins = _margins(market, own, worlds, seed, world_seed)

    def at(one: float) -> ExplorationCost:
        found = margins - _margins(market, explored(one), worlds, seed, world_seed)
        return _cost(market, margins, found, one)

    most = MOST_NOTCHED if isinstance(own, FactoredPolicy) else 1.0
    return replace(largest_within(at, bound_frac, most=most), bound_frac=bound_frac)


def cost_of_named(policy: str, scenario: str | None, share: float, *, by_factors: bool = False) -> ExplorationCost:
    """What a share costs a policy that is named: with a scenario a built-in one or a plan's file; else a training run.

    Args:
        policy: Its name, file or folder.
        scenario: The scenario of a built-in policy or a plan's file.
        share: The share.
        by_factors: A policy that names its decisions goes a notch aside by factor, instead of over the menu.

    Raises:
        PolicyError: There is no such policy, or it cannot explore.
        ScenarioError: The scenario cannot be used.
    """
    loaded = RunDirectory.open(Path(policy)).scenario() if scenario is None else load_scenario(scenario)
    market = build_market(loaded)
    found = policy_from(policy, market)
    if by_factors and isinstance(found, DirectPolicy):
        found = FactoredDirect.of(found, market)
    return cost_of_exploration(
        market, without_exploration(found), lambda one: over_the_menu(found, loaded, one), share=share
    )


def largest_within(at: Callable[[float], ExplorationCost], bound_frac: float, *, most: float = 1.0) -> ExplorationCost:
    """The largest share within a bound, by halving the range of shares in the logarithm.

    Args:
        at: What a share costs.
        bound_frac: Largest cost, as a part of the policy's own margin; the upper end of the interval has to keep it.
        most: The largest share that is asked about.

    Raises:
        ExplorationCostError: No share keeps it.
    """
    best: ExplorationCost | None = None
    low, high = np.log(LEAST_SHARE), np.log(most)
    for _ in range(_HALVINGS):
        middle = 0.5 * (low + high)
        tried = at(_two_digits(float(np.exp(middle))))
        _check_margin(tried)
        if tried.keeps(bound_frac):
            best, low = tried, middle
        else:
            high = middle
    if best is None:
        best = at(LEAST_SHARE)
        if not best.keeps(bound_frac):
            raise ExplorationCostError(
                f"{best.sentence} No share was found whose 95% interval stays within {bound_frac:.3g} of the margin; "
                "allow more."
            )
    elif high == np.log(most) and (whole := at(_two_digits(most))).keeps(bound_frac):
        best = whole
    return best


def _two_digits(share: float) -> float:
    """Rounded down to two significant digits: shares that people can write."""
    digits = 1 - floor(log10(share))
    return round(floor(share * 10**digits) / 10**digits, digits)


def _check_margin(cost: ExplorationCost) -> None:
    if not cost.margin_base > 0.0:
        raise ExplorationCostError(
            f"The policy itself loses money in these worlds (mean margin {cost.margin_base:,.0f} {cost.currency}), so "
            "no part of its margin can bound what exploration costs. Name a share with --exploration."
        )


def _margins(
    market: MarketParameters, policy: Policy, worlds: IntArray, seed: int, world_seed: int | None
) -> FloatArray:
    """Contribution margin world by world ``(B,)``."""
    adder = TotalsRecorder(market, len(worlds))
    play_worlds(market, policy, worlds=worlds, seed=seed, world_seed=world_seed, recorders=[adder])
    return adder.totals().money.sum(axis=(1, 2, 3))


def _cost(market: MarketParameters, margins: FloatArray, lost: FloatArray, share: float) -> ExplorationCost:
    count, mean = len(lost), float(lost.mean())
    reach = float("nan")
    if count > 1:
        reach = float(stdtrit(count - 1, 0.5 + 0.5 * CONFIDENCE) * lost.std(ddof=1)) / count**0.5
    return ExplorationCost(
        share=share,
        worlds=count,
        cost_base=mean,
        low_base=mean - reach,
        high_base=mean + reach,
        margin_base=float(margins.mean()),
        currency=market.scenario.base_currency,
    )
