"""The built-in policies by name."""

from collections.abc import Callable, Mapping

from xbopt.agents.baselines.flighting import calendar_plan
from xbopt.agents.baselines.greedy_roas import greedy_roas_plan
from xbopt.agents.baselines.plan import scenario_plan
from xbopt.agents.baselines.proportional import proportional_plan
from xbopt.agents.baselines.schedule import ScheduledPolicy
from xbopt.agents.baselines.uniform import uniform_plan
from xbopt.agents.planner.policy import planner_policy
from xbopt.core.document import suggest
from xbopt.core.errors import PolicyError
from xbopt.simulator.parameters import MarketParameters

BUILT_IN: Mapping[str, Callable[[MarketParameters], ScheduledPolicy]] = {
    "baseline": scenario_plan,
    "uniform": uniform_plan,
    "proportional": proportional_plan,
    "calendar": calendar_plan,
    "greedy_roas": greedy_roas_plan,
    "planner": planner_policy,
}
"""Every built-in policy, by the name that ``--policy`` takes."""


def built_in_policy(name: str, market: MarketParameters) -> ScheduledPolicy:
    """The built-in policy of that name for a market.

    Raises:
        PolicyError: There is none.
    """
    if name not in BUILT_IN:
        raise PolicyError(f"There is no policy {name!r}.{suggest(name, BUILT_IN)} Built in: {', '.join(BUILT_IN)}.")
    return BUILT_IN[name](market)
