"""``baseline``: the scenario's own plan, as it stands."""

from xbopt.env.baseline_plan import scenario_plan

__all__ = ["scenario_plan"]
