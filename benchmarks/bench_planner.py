"""The planner's bars: time, certificate, exact totals, any money, never worse than the scenario's own plan.

``python -m benchmarks.bench_planner [--tiny]`` prints a line a figure. Daily cells of us_eu_launch take minutes.
"""

import sys
import time

import numpy as np

from benchmarks.bars import Bar, told, words_of
from benchmarks.oracle_plans import SHORT
from xbopt.agents.planner.campaign import CampaignPlan, plan_campaign
from xbopt.core.scenario.loading import load_scenario, shipped_scenarios
from xbopt.simulator.build import build_market

PLAIN = ["synergies=[]", *(f"channels[{c}].fatigue.exponent=0" for c in range(3))]
BARS = (
    Bar(name="weekly cells, s of the processor", most=10.0),
    Bar(name="daily cells, s of the processor", most=120.0),
    Bar(name="daily cells over weekly, reward", least=1.0),
    Bar(name="least lead over the scenario's own plan", least=1.0),
    Bar(name="a budget that binds, off the budget", most=0.005, least=-0.005),
    Bar(name="gap without synergy and fatigue", most=1e-6),
    Bar(name="gap without synergy and fatigue, soon saturated", most=1e-6),
    Bar(name="share of the search's steps that go up", least=1.0),
)
SOON_FULL = [f"channels[{c}].saturation.half_saturation=0.05" for c in range(3)]


def planned(name: str, resolution: str, overrides: list[str] | None = None) -> tuple[CampaignPlan, float]:
    """A plan, and the processor time that it took."""
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
    return plan, cpu


def main() -> int:
    tiny = words_of(__doc__).parse_args().tiny
    large, short, scarce_base = ("quickstart", SHORT, 1000) if tiny else ("us_eu_launch", list[str](), 200_000)
    weekly, weekly_cpu = planned(large, "week", short)
    daily, daily_cpu = planned(large, "day", short)
    leads = [
        plan.expected / plan.start
        for name in ([] if tiny else shipped_scenarios())
        if name not in (large, "electronics_case")
        for plan, _ in [planned(name, "week")]
    ]
    scarce, _ = planned(large, "week", [*short, f"budget.total_base={scarce_base}"])
    gaps = [
        planned("quickstart", "week", [*short, *overrides])[0].certificate.relative_gap
        for overrides in (PLAIN, [*PLAIN, *SOON_FULL])
    ]
    values = (
        weekly_cpu,
        daily_cpu,
        daily.expected / weekly.expected,
        min([weekly.expected / weekly.start, *leads]),
        scarce.total_spend_base - scarce_base,
        *gaps,
        float((np.diff(daily.history) >= 0.0).mean()),
    )
    return told(__file__, BARS, {bar.name: value for bar, value in zip(BARS, values, strict=True)}, tiny=tiny)


if __name__ == "__main__":
    sys.exit(main())
