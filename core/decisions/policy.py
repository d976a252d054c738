"""What a policy sees, and what it must answer."""

from dataclasses import dataclass
from datetime import date
from typing import Literal, Protocol, runtime_checkable

from xbopt.core.arrays import FloatArray, IntArray
from xbopt.core.decisions.decision import Decision
from xbopt.core.decisions.factors import Factors
from xbopt.core.decisions.limits import Remaining

PolicyKind = Literal["baseline", "planner", "bandit", "ppo", "bundle", "agent"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Morning:
    """When a day's decision is made, and what may still be spent: all that a fixed plan needs.

    Attributes:
        day: Day of the horizon, from 0.
        days: Length of the horizon.
        remaining: What may still be spent.
    """

    day: int
    days: int
    remaining: Remaining

    @property
    def worlds(self) -> int:
        """Number of worlds, ``B``."""
        return len(self.remaining.budget_base)

    @property
    def day_budget_base(self) -> FloatArray:
        """The money left, spread evenly over the days left ``(B,)``, base currency; all of it after the last day."""
        return self.remaining.budget_base / max(self.days - self.day, 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation(Morning):
    """What a policy may know before a day's decision; no ground truth.

    Attributes:
        date: The calendar day.
        regions: Features of each region ``(B, R, F)``, named by ``region_names``.
        cells: Features of each cell ``(B, R, S, G)``, named by ``cell_names``.
        channels: Features of each channel in a cell ``(B, R, S, C, E)``, named by ``channel_names``.
        region_names: ``(F,)``.
        cell_names: ``(G,)``.
        channel_names: ``(E,)``.
    """

    date: date
    regions: FloatArray
    cells: FloatArray
    channels: FloatArray
    region_names: tuple[str, ...]
    cell_names: tuple[str, ...]
    channel_names: tuple[str, ...]


@runtime_checkable
class DirectPolicy(Protocol):
    """A policy that names its decision outright. Its choices carry no propensity."""

    @property
    def name(self) -> str:
        """The name that reports and logs show."""
        ...

    @property
    def kind(self) -> PolicyKind:
        """What sort of policy it is."""
        ...

    def decide(self, observation: Observation) -> Decision:
        """The decision for the day that is observed, before projection."""
        ...


class Menu(Protocol):
    """``K`` tactics to choose from: relative to a policy (``PolicyMenu``) or a plan (``AnchoredMenu``), or absolute."""

    @property
    def labels(self) -> tuple[str, ...]:
        """A readable name for each tactic ``(K,)``."""
        ...

    def __len__(self) -> int:
        """Number of tactics, ``K``."""
        ...

    def decode(self, tactic: IntArray, observation: Observation, /) -> Decision:
        """The day's decision of tactics ``(B, R, S)``, before projection.

        Raises:
            DecisionError: A wrong shape, or a position that is not in the menu.
        """
        ...


@runtime_checkable
class TacticPolicy(Protocol):
    """A policy that gives each cell a distribution over a tactic menu; the draw is made outside, from a stream."""

    @property
    def name(self) -> str:
        """The name that reports and logs show."""
        ...

    @property
    def kind(self) -> PolicyKind:
        """What sort of policy it is."""
        ...

    @property
    def menu(self) -> Menu:
        """The menu that its probabilities are over."""
        ...

    def probabilities(self, observation: Observation) -> FloatArray:
        """Probability of each tactic in each cell ``(B, R, S, K)``; rows sum to 1."""
        ...


@runtime_checkable
class FactoredPolicy(Protocol):
    """A policy that draws one level a factor, all independently given what is observed; see ``Factors``.

    Levels are held for the scenario's decision period; what they are relative to is decided anew every day.
    """

    @property
    def name(self) -> str:
        """The name that reports and logs show."""
        ...

    @property
    def kind(self) -> PolicyKind:
        """What sort of policy it is."""
        ...

    @property
    def factors(self) -> Factors:
        """What its probabilities are over."""
        ...

    def factor_probabilities(self, observation: Observation) -> FloatArray:
        """Probability of every level of each factor ``(B, A, L)``; rows sum to 1, 0 beyond a factor's last level."""
        ...

    def decode(self, levels: IntArray, observation: Observation) -> Decision:
        """The day's decision of levels ``(B, A)``, before projection.

        Raises:
            DecisionError: A wrong shape, or a number that names no level.
        """
        ...

    def exploring(self, share: float) -> "FactoredPolicy":
        """The same policy, each factor of which goes one notch to either side with a share; 0 is the policy itself."""
        ...


@runtime_checkable
class AnchoredPolicy(FactoredPolicy, Protocol):
    """A policy whose factors are notches around another policy, which all neutral levels are."""

    @property
    def anchor(self) -> DirectPolicy:
        """The other policy."""
        ...


@runtime_checkable
class CanExplore(TacticPolicy, Protocol):
    """A policy over the menu that can explore."""

    def exploring(self, share: float) -> TacticPolicy:
        """The same policy with a share of uniform exploration."""
        ...


@runtime_checkable
class BlindPolicy(DirectPolicy, Protocol):
    """A policy that looks at nothing but the day: nobody needs to work out features for it."""

    @property
    def reads_no_features(self) -> Literal[True]:
        """The promise."""
        ...


@runtime_checkable
class DrawsItself(DirectPolicy, Protocol):
    """A policy that draws what it decides where nobody sees it: its choices have propensities, kept elsewhere."""

    @property
    def draws_itself(self) -> bool:
        """Whether it does."""
        ...


@runtime_checkable
class KnowsExploration(TacticPolicy, Protocol):
    """A policy that is a mixture: a share drawn uniformly from the menu, the rest its own choice."""

    @property
    def exploration(self) -> float:
        """The share, 0..1: every tactic has at least this over ``K``."""
        ...


@runtime_checkable
class CellwisePolicy(TacticPolicy, Protocol):
    """A policy whose answer for a cell depends on what that cell shows and on what is left to spend."""

    @property
    def reads_own_cell_only(self) -> bool:
        """Whether other cells may be unknown."""
        ...


@runtime_checkable
class ContextPolicy(Protocol):
    """A policy that answers from rows of context alone, so that it can be asked about the decisions of a log.

    Bandits and networks that read a cell's own context can offer this; a policy that needs the whole market at once, or
    its own past, cannot.
    """

    @property
    def name(self) -> str:
        """The name that reports and logs show."""
        ...

    @property
    def kind(self) -> PolicyKind:
        """What sort of policy it is."""
        ...

    def probabilities_from_context(self, context: FloatArray, names: tuple[str, ...]) -> FloatArray:
        """Probability of each action ``(n, K)``, rows sum to 1, given contexts ``(n, d)`` with named columns ``(d,)``.

        Raises:
            PolicyError: The context lacks a field that the policy needs, or has one that it does not know.
        """
        ...


Policy = DirectPolicy | TacticPolicy | FactoredPolicy


def anchor_name(policy: FactoredPolicy) -> str:
    """The policy that the neutral levels are; empty where the policy does not say."""
    return policy.anchor.name if isinstance(policy, AnchoredPolicy) else ""
