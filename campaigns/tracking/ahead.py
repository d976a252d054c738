"""What is still to come of a campaign under each of some candidates, in the worlds that fit what was told so far."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np

from xbopt.campaigns.tracking.posterior import WorldPosterior
from xbopt.core.arrays import FloatArray, add_up
from xbopt.core.decisions.policy import BlindPolicy, Observation, Policy
from xbopt.env.market_run import MarketRun
from xbopt.env.nominal import repeat_worlds
from xbopt.env.rollout import Chooser
from xbopt.simulator.after import carried_beyond
from xbopt.simulator.lifetime import cell_customer_value, customer_value
from xbopt.simulator.parameters import MarketParameters


@dataclass(frozen=True, slots=True, kw_only=True)
class AheadResult:
    """What ``N`` candidates bring from this morning to the end, in ``B`` worlds with the same luck; base currency.

    Attributes:
        margin_base: Contribution margin of the days to come ``(N, B)``.
        customers_base: Customer value on the last evening, against the first morning of the campaign ``(N, B)``.
        beyond_base: What is carried beyond the last day ``(N, B)``.
        spend_base: Media spend of the days to come, after all limits, by region and channel ``(N, B, R, C)``.
    """

    margin_base: FloatArray
    customers_base: FloatArray
    beyond_base: FloatArray
    spend_base: FloatArray

    @property
    def standing_base(self) -> FloatArray:
        """What the last evening is worth beside the margin ``(N, B)``: customers and what is carried beyond."""
        return self.customers_base + self.beyond_base


def play_ahead(
    market: MarketParameters, posterior: WorldPosterior, candidates: Sequence[Policy], *, seed: int
) -> AheadResult:
    """Play candidates from this morning to the end.

    Each sees what it would see: its own results, counted on top of the campaign's so far. Money beyond what is left is
    cut as on any day.

    Args:
        market: The market as the scenario states it; its limits may be others than up to now.
        posterior: What was learnt of the campaign up to this morning: the worlds that are played.
        candidates: Fixed plans, or policies that react.
        seed: Noise seed: all candidates meet the same luck.

    Raises:
        DecisionError: A candidate's decision has a wrong shape, or values that are no numbers.
        PolicyError: A candidate's probabilities are no distribution.
    """
    played = [_played(market, posterior, candidate, seed) for candidate in candidates]
    margin, customers, beyond, spend = (np.stack(parts) for parts in zip(*played, strict=True))
    return AheadResult(margin_base=margin, customers_base=customers, beyond_base=beyond, spend_base=spend)


def _played(
    market: MarketParameters, posterior: WorldPosterior, candidate: Policy, seed: int
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    tracked, is_blind = posterior.tracked, isinstance(candidate, BlindPolicy)
    worlds = len(posterior.state.stock)
    numbers = np.arange(worlds, dtype=np.int64)
    run = MarketRun(market, worlds=numbers, seed=seed, compared=not is_blind)
    run.resume(
        posterior.state,
        posterior.worlds,
        recent=repeat_worlds(tracked.recent, worlds),
        nominal=tracked.nominal.repeated(worlds),
    )
    chooser = Chooser(market, candidate, seed=seed, worlds=numbers)
    margin, spend = np.zeros(worlds), np.zeros((worlds, market.shape[0], market.shape[2]))
    while run.state.day < market.scenario.days:
        seen = run.observe() if chooser.looks(run.state.day) else cast("Observation", run.morning())
        outcome = run.play(chooser.decide(seen)[0])
        margin += add_up(outcome.money.contribution_margin, 1, 2)
        spend += add_up(outcome.decision.spend_base, 2)
    customers = cell_customer_value(market, run.state, customer_value(market))
    beyond = carried_beyond(market).by_cell(run.state, run.world)
    return margin, add_up(customers, 1, 2), add_up(beyond, 1, 2), spend
