"""What actions are relative to, by what users write: a name, a plan's file, a plan or a policy.

The policies with a name live one layer up, in ``xbopt.agents``, and they need the environment. So they are found by
the name of their module, as Gymnasium finds environments by an entry point, and only when one is asked for.
"""

from importlib import import_module
from pathlib import Path
from typing import Protocol, cast

from xbopt.core.decisions.plan import ScheduledPolicy
from xbopt.core.decisions.policy import DirectPolicy, FactoredPolicy, Policy, TacticPolicy
from xbopt.core.errors import PolicyError
from xbopt.core.scenario.scenario import Scenario
from xbopt.simulator.build import build_market
from xbopt.simulator.parameters import MarketParameters

DEFAULT_ANCHOR = "replan"
"""The policy that actions are relative to where none is named: the re-planner of the planner's plan."""
DEFAULT_PLAN = "planner"
_POLICIES = "xbopt.agents.policies"
_KEPT = 8


class _Shelf(Protocol):
    """``PolicyShelf`` of ``xbopt.agents.policies``."""

    def policy(self, name_or_path: str) -> Policy: ...

    def plan(self, name: str) -> ScheduledPolicy: ...


class AnchoredMarket:
    """A market with the policies that were made for it.

    One process makes each once a scenario: a plan takes seconds to minutes, and a process often opens many
    environments of one scenario.
    """

    _known: dict[str, "AnchoredMarket"] = {}  # noqa: RUF012 - one for all, by the scenario's hash

    def __init__(self, scenario: Scenario) -> None:
        self.market: MarketParameters = build_market(scenario)
        self._shelf: _Shelf | None = None

    @classmethod
    def of(cls, scenario: Scenario) -> "AnchoredMarket":
        """The market of a scenario, as it was made before; the oldest of many is forgotten."""
        known = cls._known
        if scenario.hash not in known:
            while len(known) >= _KEPT:
                known.pop(next(iter(known)))
            known[scenario.hash] = cls(scenario)
        return known[scenario.hash]

    def anchor(self, wanted: str | Path | DirectPolicy | None) -> tuple[ScheduledPolicy, DirectPolicy]:
        """The plan that features and actions know, and the policy that decisions are relative to.

        Args:
            wanted: Name of a built-in policy, path of a plan's file or of a training run of
                ``encoding=continuous``, a plan, or a policy that decides every day by what it sees;
                ``DEFAULT_ANCHOR`` where None.

        Returns:
            A plan is both. A policy comes with the plan that it moves, its attribute ``plan``, or with the planner's.

        Raises:
            PolicyError: There is no such policy, it does not fit the market, or it holds what it chose.
            PlanTableError: The plan's file cannot be used.
        """
        policy: object = DEFAULT_ANCHOR if wanted is None else wanted
        if isinstance(policy, str | Path):
            policy = self._policies().policy(str(policy))
        if isinstance(policy, ScheduledPolicy):
            return policy, policy
        if not isinstance(policy, DirectPolicy):
            given = cast("object", policy)
            if isinstance(given, TacticPolicy | FactoredPolicy):
                raise PolicyError(
                    f"{given.name} chooses for some days at once and holds what it chose; actions can be relative "
                    "only to a policy that decides every day by what it sees: a plan, replan, or a run of "
                    "encoding=continuous."
                )
            raise PolicyError(
                f"plan is {getattr(policy, 'name', policy)!r}; the name of a policy, the path of a plan, a plan, or a "
                "policy that decides by itself is wanted."
            )
        moved: object = getattr(policy, "plan", None)
        return moved if isinstance(moved, ScheduledPolicy) else self._policies().plan(DEFAULT_PLAN), policy

    def _policies(self) -> _Shelf:
        if self._shelf is None:
            self._shelf = cast("_Shelf", import_module(_POLICIES).PolicyShelf(self.market))
        return self._shelf
