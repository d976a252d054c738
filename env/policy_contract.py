"""The contract of every policy, as a check that anybody can run on their own policy.

``check_policy`` plays the first days of a market and looks at what the policy answers. xbopt's tests run it on all
built-in policies.
"""

from collections.abc import Sequence
from dataclasses import fields, replace

import numpy as np
from scipy.stats import chi2

from xbopt.core.arrays import FloatArray, IntArray
from xbopt.core.decisions.decision import Decision
from xbopt.core.decisions.limits import Remaining
from xbopt.core.decisions.policy import (
    AnchoredPolicy,
    DirectPolicy,
    FactoredPolicy,
    Observation,
    Policy,
    TacticPolicy,
)
from xbopt.core.errors import PolicyError
from xbopt.env.rollout import Choice, TacticChoice, play_worlds
from xbopt.simulator.parameters import MarketParameters
from xbopt.simulator.state import MarketState
from xbopt.simulator.step import DayOutcome
from xbopt.simulator.worlds import WorldParameters

BATCH_SIZES: tuple[int, ...] = (1, 7, 1000)
_TOLERANCE = 1e-9
_SMALLEST_EXPECTED_COUNT = 5.0
# The chance that a policy with honest propensities fails the chi-square check.
_FALSE_ALARM = 1e-6


def check_policy(
    policy: Policy, market: MarketParameters, *, seed: int = 0, batch_sizes: Sequence[int] = BATCH_SIZES
) -> None:
    """Check a policy against the contract.

    - Its answers have the right shapes at every batch size, and hold numbers only.
    - The answer for a world does not depend on the other worlds of the batch, and asking twice changes nothing.
    - What is carried out keeps the budget.
    - Probabilities are a distribution over the menu, or over the levels of each factor; the share of draws agrees with
      them by a chi-square test. Levels that a factor does not have have none, and all neutral ones are the policy that
      notches are around, to the last bit.

    Args:
        policy: The policy.
        market: A market it is made for; the more days the slower.
        seed: Seed of the worlds.
        batch_sizes: Numbers of worlds to try.

    Raises:
        PolicyError: The message says which promise is broken.
        DecisionError: A decision has a wrong shape or holds a value that is no number.
    """
    if not policy.name:
        raise PolicyError("A policy needs a name.")
    if isinstance(policy, FactoredPolicy):
        _check_factors(policy, market)
    for size in batch_sizes:
        notes = _Notes()
        state = play_worlds(market, policy, worlds=np.arange(size), seed=seed, recorders=[notes])
        if float(state.remaining.budget_base.min()) < 0.0 or notes.overspent(market.scenario.limits.total_base):
            raise PolicyError(f"{policy.name} spent more than the budget in a batch of {size}.")
        if not isinstance(policy, DirectPolicy):
            notes.check_draws(policy)
    _check_rows(policy, market)


class _Notes:
    """Adds up spend, and keeps what was drawn."""

    def __init__(self) -> None:
        self._spend: np.ndarray[tuple[int], np.dtype[np.float64]] | None = None
        self._choices: list[Choice] = []

    def record(self, day: int, outcome: DayOutcome, choice: Choice | None) -> None:
        del day
        spend = outcome.decision.spend_base.sum(axis=(1, 2, 3))
        self._spend = spend if self._spend is None else self._spend + spend
        if choice is not None:
            self._choices.append(choice)

    def finish(self, state: MarketState, world: WorldParameters) -> None:
        del state, world

    def overspent(self, budget_base: float) -> bool:
        return self._spend is not None and bool((self._spend > budget_base * (1.0 + _TOLERANCE)).any())

    def check_draws(self, policy: TacticPolicy | FactoredPolicy) -> None:
        """Chi-square of what was drawn against the stated probabilities, pooled over worlds and days.

        Tactics are pooled over cells; each factor is tested by itself, all with one chance of a false alarm.
        """
        drawn: list[IntArray] = []
        stated: list[FloatArray] = []
        for choice in self._choices:
            is_tactic = isinstance(choice, TacticChoice)
            chosen, table = (choice.tactic if is_tactic else choice.levels), choice.probabilities
            groups = 1 if is_tactic else table.shape[1]
            drawn.append(chosen.reshape(-1, groups))
            stated.append(table.reshape(-1, groups, table.shape[-1]))
        action, chances = np.concatenate(drawn), np.concatenate(stated)
        for group in range(action.shape[1]):
            about, what = "", "a tactic"
            if isinstance(policy, FactoredPolicy):
                about, what = f" of {policy.factors.names[group]}", "a level"
            counted = np.bincount(action[:, group], minlength=chances.shape[2])
            expected = chances[:, group].sum(axis=0)
            if bool((counted[expected == 0.0] > 0).any()):
                raise PolicyError(f"{policy.name} drew {what}{about} whose stated probability is 0.")
            kept = expected >= _SMALLEST_EXPECTED_COUNT
            if kept.sum() > 1:
                # Draws with differing probabilities vary less than multinomial ones: the test errs on the quiet side.
                statistic = float(((counted[kept] - expected[kept]) ** 2 / expected[kept]).sum())
                if statistic > chi2.isf(_FALSE_ALARM / action.shape[1], int(kept.sum()) - 1):
                    size = f"chi-square {statistic:.1f}"
                    raise PolicyError(f"{policy.name} does not draw{about} with its stated probabilities ({size}).")


def _check_factors(policy: FactoredPolicy, market: MarketParameters) -> None:
    """Levels beyond a factor's last one have no probability, and all neutral levels are the anchor, to the last bit."""
    observation, factors = _first_morning(market, worlds=3), policy.factors
    table = policy.factor_probabilities(observation)
    beyond = np.argwhere(table * (1.0 - factors.exists) != 0.0)
    if len(beyond):
        name = factors.names[int(beyond[0, 1])]
        raise PolicyError(f"{policy.name} gives a level of {name} a probability that it does not have.")
    neutral = policy.decode(np.tile(factors.neutral, (observation.worlds, 1)), observation)
    if isinstance(policy, AnchoredPolicy):
        wished = policy.anchor.decide(observation)
        for field in fields(Decision):
            if not np.array_equal(getattr(neutral, field.name), getattr(wished, field.name)):
                raise PolicyError(f"{policy.name}: all neutral levels are not {policy.anchor.name} ({field.name}).")


def _check_rows(policy: Policy, market: MarketParameters) -> None:
    """Each row of a batch must be answered as if it stood alone, and the same way twice."""
    observation = _first_morning(market, worlds=3)
    together, again = _answers(policy, observation), _answers(policy, observation)
    for row in range(observation.worlds):
        alone = _answers(policy, _row(observation, row))
        for name, array in together.items():
            if not np.array_equal(array, again[name]):
                raise PolicyError(f"{policy.name} answers the same observation in two ways ({name}).")
            if not np.allclose(array[row], alone[name][0], rtol=1e-12, atol=1e-12):
                raise PolicyError(f"{policy.name} answers a world differently in a batch than alone ({name}).")


def _first_morning(market: MarketParameters, *, worlds: int) -> Observation:
    """A varied first observation: the worlds differ in budget left and in every feature."""
    from xbopt.env.observation import RecentResults, observe
    from xbopt.simulator.history import initial_state

    observation = observe(market, initial_state(market, worlds), RecentResults.empty(market, worlds))
    scale = 1.0 + 0.1 * np.arange(worlds)
    return replace(
        observation,
        remaining=replace(observation.remaining, budget_base=observation.remaining.budget_base / scale),
        regions=observation.regions * scale[:, None, None],
        cells=observation.cells * scale[:, None, None, None],
        channels=observation.channels + 0.1 * (scale - 1.0)[:, None, None, None, None],
    )


def _row(observation: Observation, row: int) -> Observation:
    at: IntArray = np.array([row])
    left = observation.remaining
    return replace(
        observation,
        remaining=Remaining(
            budget_base=left.budget_base[at], region_base=left.region_base[at], channel_base=left.channel_base[at]
        ),
        regions=observation.regions[at],
        cells=observation.cells[at],
        channels=observation.channels[at],
    )


def _answers(policy: Policy, observation: Observation) -> dict[str, np.ndarray[tuple[int, ...], np.dtype[np.float64]]]:
    if isinstance(policy, DirectPolicy):
        decision = policy.decide(observation)
        return {field.name: np.asarray(getattr(decision, field.name), dtype=np.float64) for field in fields(Decision)}
    if isinstance(policy, FactoredPolicy):
        return {"probabilities": policy.factor_probabilities(observation)}
    return {"probabilities": policy.probabilities(observation)}
