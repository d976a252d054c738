"""The planner's bars: time, certificate, exact totals, any money, never worse than the scenario's own plan.

``python benchmarks/bench_planner.py`` prints a line a figure. Daily cells of us_eu_launch take a minute or two.
"""

import time

import numpy as np

from xbopt.agents.planner.campaign import CampaignPlan, plan_campaign
from xbopt.core.scenario.loading import load_scenario, shipped_scenarios
from xbopt.simulator.build import build_market

PLAIN = ["synergies=[]", *(f"channels[{c}].fatigue.exponent=0" for c in range(3))]
SOON_FULL = [f"channels[{c}].saturation.half_saturation=0.05" for c in range(3)]


def planned(name: str, resolution: str, overrides: list[str] | None = None) -> CampaignPlan:
    market = build_market(load_scenario(name, overrides=overrides or []))
    cpu = time.process_time()
    plan = plan_campaign(market, resolution="day" if resolution == "day" else "week")
    cpu = time.process_time() - cpu
    print(
        f"{name} {resolution}: {plan.cells:,} cells, {plan.solve_seconds:.1f} s wall, {cpu:.1f} s processor, "
        f"gap {plan.certificate.relative_gap:.2e}, reward {plan.expected:,.0f} (own plan {plan.start:,.0f}), "
        f"spends {plan.total_spend_base:,.2f} of {plan.budget_base:,.0f}",
        flush=True,
    )
    return plan


def main() -> None:
    weekly = planned("us_eu_launch", "week")
    daily = planned("us_eu_launch", "day")
    print(f"daily against weekly cells: {daily.expected / weekly.expected - 1.0:+.3%}")
    for name in shipped_scenarios():
        if name not in ("us_eu_launch", "electronics_case"):
            plan = planned(name, "week")
            assert plan.expected >= plan.start, "never worse than the scenario's own plan"
    scarce = planned("us_eu_launch", "week", ["budget.total_base=200000"])
    print(f"a budget that binds: {scarce.total_spend_base - 200000:+.6f} off the budget")
    for what, overrides in (("", PLAIN), (", soon saturated", [*PLAIN, *SOON_FULL])):
        concave = planned("quickstart", "week", overrides)
        print(f"quickstart without synergy and fatigue{what}: gap {concave.certificate.relative_gap:.2e}")
    print(f"steps of the search, all upward: {bool((np.diff(daily.history) >= 0.0).all())}")


if __name__ == "__main__":
    main()
