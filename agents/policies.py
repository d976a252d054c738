"""Policies by what users write: the name of a built-in one, a plan's file, or a training run."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from xbopt.agents.baselines.calendar import calendar_plan
from xbopt.agents.baselines.greedy_roas import greedy_roas_plan
from xbopt.agents.baselines.proportional import proportional_plan
from xbopt.agents.baselines.uniform import uniform_plan
from xbopt.agents.planner.policy import average_plan, planner_policy
from xbopt.agents.planner.replanning import ReplanningPolicy, replanning_around, replanning_policy
from xbopt.agents.registry import PLANS, REACTING
from xbopt.agents.registry import POLICIES as NAMES
from xbopt.agents.run_directory import RunDirectory
from xbopt.agents.training import trained_policy
from xbopt.core.decisions.plan import ScheduledPolicy
from xbopt.core.decisions.policy import Policy
from xbopt.core.documents.problems import suggest
from xbopt.core.errors import PolicyError
from xbopt.core.files import sha256_of_content
from xbopt.core.scenario.plan_table import is_plan_file, read_plan
from xbopt.env.baseline_plan import scenario_plan
from xbopt.simulator.parameters import MarketParameters

if TYPE_CHECKING:
    from xbopt.agents.planner.campaign import CampaignPlan

_MAKERS = (scenario_plan, uniform_plan, proportional_plan, calendar_plan, greedy_roas_plan, planner_policy)
BUILT_IN: Mapping[str, Callable[[MarketParameters], ScheduledPolicy]] = dict(zip(PLANS, _MAKERS, strict=True))
"""Every plan that is made before the first day, by the name that ``--policy`` takes."""

_REPLAN_OF = "replan:"
_HOW_TO_NAME_PLANS = f"Built in: {', '.join(BUILT_IN)}; or name a plan's CSV file."
_SAME_BUDGET = 1e-9  # relative


def built_in_policy(name: str, market: MarketParameters) -> ScheduledPolicy:
    """The built-in plan of that name for a market.

    Raises:
        PolicyError: There is none.
    """
    if name not in BUILT_IN:
        raise PolicyError(f"There is no plan {name!r}.{suggest(name, BUILT_IN)} {_HOW_TO_NAME_PLANS}")
    return BUILT_IN[name](market)


def mark_of(name_or_path: str) -> str:
    """What tells a plan's file or a training run from others of its name: the first of its hash; empty for built in.

    A re-planner has the mark of the plan that it starts from.
    """
    named = planned_under(name_or_path)
    if named in NAMES or not named:
        return ""
    path = Path(named)
    content = path if path.is_file() else path / "policy"
    return sha256_of_content(content)[:8] if content.exists() else ""


def called(name_or_path: str) -> str:
    """What the policy of a built-in name, of a plan's file, or of a re-planner of either is called in a log."""
    if not reacts(name_or_path):
        return Path(name_or_path).name if is_plan_file(name_or_path) else name_or_path
    plan = called(planned_under(name_or_path))
    return "replan" if plan == "planner" else f"{_REPLAN_OF}{plan}"


def policy_from(name_or_path: str, market: MarketParameters) -> Policy:
    """A policy by the name of a built-in one, a plan's CSV file, ``replan:`` and either, or a training run's folder.

    Raises:
        PolicyError: There is none, or it is damaged or made for another market.
        UsageError: The libraries that a trained policy needs are missing.
    """
    return PolicyShelf(market).policy(name_or_path)


def run_notes(name_or_path: str, market: MarketParameters) -> tuple[str, ...]:
    """What a reader must know of a training run that is played in a market: that it was trained for another budget.

    Args:
        name_or_path: As for ``policy_from``; nothing is said of what is no run.
        market: Where it is played.

    Raises:
        ScenarioError: The run's scenario is damaged.
    """
    if name_or_path in NAMES or not (Path(name_or_path) / "config.yaml").is_file():
        return ()
    own, played = RunDirectory.open(Path(name_or_path)).scenario(), market.scenario
    budgets = own.limits.total_base, played.limits.total_base
    if abs(budgets[0] - budgets[1]) <= _SAME_BUDGET * max(budgets):
        return ()
    note = (
        f"{name_or_path} was trained for a budget of {budgets[0]:,.0f} {own.base_currency} and is played with "
        f"{budgets[1]:,.0f} {played.base_currency}. What it learnt and the plan inside it are for the other budget; "
        "train it on this one."
    )
    return (note,)


def reacts(name_or_path: str) -> bool:
    """Whether a name is that of the re-planner, of the planner's plan or of another."""
    return name_or_path in REACTING or name_or_path.startswith(_REPLAN_OF)


def planned_under(name_or_path: str) -> str:
    """The plan that a re-planner starts from, by name or path; what is no re-planner is a plan itself."""
    return "planner" if name_or_path in REACTING else name_or_path.removeprefix(_REPLAN_OF)


class PolicyShelf:
    """Policies of one market, each made once; the plan of ``planner`` and ``replan`` comes from one search."""

    def __init__(self, market: MarketParameters) -> None:
        self.market = market
        self._made: dict[str, Policy] = {}
        self._plan: CampaignPlan | None = None

    def __contains__(self, name_or_path: str) -> bool:
        """Whether it has been made already."""
        return name_or_path in self._made

    def policy(self, name_or_path: str) -> Policy:
        """See ``policy_from``."""
        if name_or_path not in self._made:
            self._made[name_or_path] = self._make(name_or_path)
        return self._made[name_or_path]

    def plan(self, name: str) -> ScheduledPolicy:
        """A plan that is known before the first day: a built-in one, or a plan's file.

        Raises:
            PolicyError: There is none of that name, or it names a policy that reacts.
        """
        if is_plan_file(name):
            return read_plan(name, self.market.scenario)
        if reacts(name) or (Path(name) / "config.yaml").is_file():
            what = "a training run" if Path(name).is_dir() else "a policy that reacts to results"
            raise PolicyError(
                f"{name} is {what}, and a plan that is known before the first day is wanted. {_HOW_TO_NAME_PLANS}"
            )
        return self._planned().schedule if name == "planner" else built_in_policy(name, self.market)

    def replanner(self, name: str) -> ReplanningPolicy:
        """The re-planner of a plan, or of the plan that ``replan`` and ``replan:PLAN`` mean; see ``plan``."""
        name = planned_under(name)
        if name == "planner":
            found = self.policy("replan")
            assert isinstance(found, ReplanningPolicy), "it is built in"
            return found
        return replanning_around(self.market, self.plan(name))

    def _make(self, name_or_path: str) -> Policy:
        if name_or_path == "replan":
            return replanning_policy(self.market, self._planned())
        if name_or_path.startswith(_REPLAN_OF):
            return self._replanning_of(name_or_path.removeprefix(_REPLAN_OF))
        if is_plan_file(name_or_path):
            return read_plan(name_or_path, self.market.scenario)
        if name_or_path in BUILT_IN:
            return self.plan(name_or_path)
        if not Path(name_or_path).is_dir():
            raise PolicyError(
                f"There is no policy {name_or_path!r}.{suggest(name_or_path, NAMES)} Built in: {', '.join(NAMES)}; "
                "or name a plan's CSV file or the folder of a training run."
            )
        if not (Path(name_or_path) / "config.yaml").is_file():
            raise PolicyError(f"The folder {name_or_path} is no training run: config.yaml is missing.")
        return trained_policy(RunDirectory.open(Path(name_or_path)), self.market)

    def _replanning_of(self, name_or_path: str) -> Policy:
        """The re-planner around another plan than the planner's: a built-in one, or a plan's file."""
        plan = self.policy(name_or_path)
        if not isinstance(plan, ScheduledPolicy):
            raise PolicyError(
                f"{_REPLAN_OF}{name_or_path}: {plan.name} is no plan that is known before the first day. Name one of "
                f"{', '.join(BUILT_IN)}, or a plan's CSV file."
            )
        if plan.name == "planner":
            return self.policy("replan")
        return replace(replanning_around(self.market, plan), name=f"{_REPLAN_OF}{plan.name}")

    def _planned(self) -> "CampaignPlan":
        if self._plan is None:
            self._plan = average_plan(self.market)
        return self._plan
