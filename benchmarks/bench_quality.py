"""Decision quality: what trained agents earn against the planner, in worlds that nobody trained on.

    xbopt train SCENARIO --agent ppo --time-limit 20m --seed 0 --out RUN_DIR
    python benchmarks/bench_quality.py SCENARIO [RUN_DIR ...] [--runs 256] [--oracle-worlds 64]

All policies play the same worlds (seed 0) with the same luck. ``gap_closed`` is 0 for the uniform plan and 1 for the
planner that knows each world's own parameters, whose plans ``oracle_plans.py`` makes and keeps. Agents train on streams
and world numbers of their own.
"""

import argparse

import numpy as np
from oracle_plans import WORLD_SEED, planned

from xbopt.agents.policies import policy_from
from xbopt.core.arrays import FloatArray
from xbopt.core.decisions.policy import Policy
from xbopt.core.paired import ratio_of_gaps
from xbopt.core.scenario.loading import load_scenario
from xbopt.env.rollout import play_worlds
from xbopt.simulator.build import build_market
from xbopt.studies.simulate import simulate
from xbopt.studies.totals import TotalsRecorder, measured

CONFIDENCE, NORMAL_95 = 0.95, 1.959964
BESIDES = ("conversion_rate", "repurchase_rate", "net_revenue", "media_spend")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scenario")
    parser.add_argument("trained", nargs="*")
    parser.add_argument("--runs", type=int, default=256)
    parser.add_argument("--oracle-worlds", type=int, default=64)
    asked = parser.parse_args()

    scenario = load_scenario(asked.scenario)
    market = build_market(scenario)
    plan, oracle = planned(market, asked.oracle_worlds)
    adder = TotalsRecorder(market, asked.oracle_worlds)
    play_worlds(market, oracle, worlds=oracle.worlds, seed=WORLD_SEED, recorders=[adder])
    best = measured(adder.totals())
    policies: dict[str, Policy] = {name: policy_from(name, market) for name in ("uniform", "baseline", "greedy_roas")}
    policies |= {"planner": plan, "replan": policy_from("replan", market)}
    policies |= {path: policy_from(path, market) for path in asked.trained}

    values: dict[str, dict[str, FloatArray]] = {}
    print(f"{scenario.name}: {asked.runs} worlds, oracle in {asked.oracle_worlds}, {scenario.base_currency}")
    for name, policy in policies.items():
        result = simulate(scenario, policy, runs=asked.runs, seed=WORLD_SEED)
        values[name] = measured(result.totals)
        figures = ", ".join(f"{kpi} {result.kpis[kpi].mean:.6g} (se {result.kpis[kpi].se:.2g})" for kpi in BESIDES)
        print(f"  {name}: {figures}")
    print("| policy | margin | less planner's | 95 % | ahead of planner | gap closed, margin | gap closed, reward |")
    for name, own in values.items():
        gain = own["contribution_margin"] - values["planner"]["contribution_margin"]
        half = NORMAL_95 * gain.std(ddof=1) / np.sqrt(len(gain))
        closed = [_closed(own[m], values["uniform"][m], best[m]) for m in ("contribution_margin", "reward")]
        print(
            f"| {name} | {own['contribution_margin'].mean():,.0f} | {gain.mean():+,.0f} "
            f"| {gain.mean() - half:+,.0f} to {gain.mean() + half:+,.0f} | {(gain > 0).mean():.0%} "
            f"| {closed[0]} | {closed[1]} |"
        )
    print(f"| oracle | {best['contribution_margin'].mean():,.0f} in its own {asked.oracle_worlds} worlds")


def _closed(own: FloatArray, lower: FloatArray, best: FloatArray) -> str:
    count = len(best)
    value, _, low, high = ratio_of_gaps(own[:count] - lower[:count], best - lower[:count], CONFIDENCE)
    return f"{value:.3f} ({low:.3f} to {high:.3f})"


if __name__ == "__main__":
    main()
