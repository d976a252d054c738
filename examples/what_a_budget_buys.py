"""How much more a larger budget brings, and what a weaker euro does to it: one scenario with some values changed.

python examples/what_a_budget_buys.py
"""

import xbopt

for budget in (20_000, 40_000, 80_000):
    scenario = xbopt.load_scenario("quickstart", overrides=[f"budget.total_base={budget}"])
    margin = xbopt.simulate(scenario, policy="baseline", runs=32, seed=1).kpis["contribution_margin"]
    print(
        f"{budget:>7,}: {margin.mean:>8,.0f} {scenario.base_currency}, nine worlds in ten {margin.low:,.0f} to {margin.high:,.0f}"
    )
