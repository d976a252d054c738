"""Plan a campaign, see what it is worth against your own plan, and write it as a table for your colleagues.

python examples/plan_a_quarter.py
"""

import xbopt

scenario = xbopt.load_scenario("quickstart", overrides=["budget.total_base=40000"])
plan = xbopt.plan(scenario)
print(f"{plan.campaign.total_spend_base:,.0f} {scenario.base_currency} spent, {plan.gain:,.0f} more than the own plan")

compared = xbopt.compare(scenario, ["baseline", plan.campaign.schedule], runs=64, oracle_worlds=0)
for policy in compared.policies:
    difference = policy.difference["contribution_margin"]
    print(f"{policy.name:>14}: {difference.mean:>8,.0f} ({difference.low:,.0f} to {difference.high:,.0f})")
