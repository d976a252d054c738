"""Decision quality: what trained agents earn against the planner, in worlds that nobody trained on.

    xbopt train SCENARIO --agent ppo --time-limit 20m --seed 0 --out RUN_DIR
    python -m benchmarks.bench_quality [SCENARIO] [RUN_DIR ...] [--runs 256] [--oracle-worlds 64] [--tiny]

All policies play the same worlds (seed 0) with the same luck. ``gap_closed`` is 0 for the uniform plan and 1 for the
planner that knows each world's own parameters, whose plans ``oracle_plans.py`` makes and keeps. Agents train on streams
and world numbers of their own.
"""

import sys

import numpy as np

from benchmarks.bars import Bar, told, words_of
from benchmarks.oracle_plans import SHORT, WORLD_SEED, planned
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
BARS = (
    Bar(name="gap closed by the planner"),
    Bar(name="gap closed by the re-planner"),
    Bar(name="gap closed by what was trained, least", least=0.85),
    Bar(name="trained over the planner, least end of a 95 % interval of the margin", least=0.0),
)
BESIDES = ("conversion_rate", "repurchase_rate", "net_revenue", "media_spend")


def main() -> int:
    parser = words_of(__doc__)
    parser.add_argument("scenario", nargs="?", default="quickstart")
    parser.add_argument("trained", nargs="*")
    parser.add_argument("--runs", type=int, default=256)
    parser.add_argument("--oracle-worlds", type=int, default=64)
    asked = parser.parse_args()

    runs, known = (4, 2) if asked.tiny else (asked.runs, asked.oracle_worlds)
    scenario = load_scenario(asked.scenario, overrides=SHORT if asked.tiny else [])
    market = build_market(scenario)
    plan, oracle = planned(market, known, keep=not asked.tiny)
    adder = TotalsRecorder(market, known)
    play_worlds(market, oracle, worlds=oracle.worlds, seed=WORLD_SEED, recorders=[adder])
    best = measured(adder.totals())
    policies: dict[str, Policy] = {name: policy_from(name, market) for name in ("uniform", "baseline", "greedy_roas")}
    policies |= {"planner": plan, "replan": policy_from("replan", market)}
    policies |= {path: policy_from(path, market) for path in asked.trained}

    values: dict[str, dict[str, FloatArray]] = {}
    print(f"{scenario.name}: {runs} worlds, oracle in {known}, {scenario.base_currency}")
    for name, policy in policies.items():
        result = simulate(scenario, policy, runs=runs, seed=WORLD_SEED)
        values[name] = measured(result.totals)
        figures = ", ".join(f"{kpi} {result.kpis[kpi].mean:.6g} (se {result.kpis[kpi].se:.2g})" for kpi in BESIDES)
        print(f"  {name}: {figures}")
    print("| policy | margin | less planner's | 95 % | ahead of planner | gap closed, margin | gap closed, reward |")
    gaps, ahead = dict[str, float](), dict[str, float]()
    for name, own in values.items():
        gain = own["contribution_margin"] - values["planner"]["contribution_margin"]
        half = NORMAL_95 * gain.std(ddof=1) / np.sqrt(len(gain))
        ratios = [_closed(own[m], values["uniform"][m], best[m]) for m in ("contribution_margin", "reward")]
        closed = [f"{value:.3f} ({low:.3f} to {high:.3f})" for value, low, high in ratios]
        gaps[name], ahead[name] = ratios[0][0], float(gain.mean() - half)
        print(
            f"| {name} | {own['contribution_margin'].mean():,.0f} | {gain.mean():+,.0f} "
            f"| {gain.mean() - half:+,.0f} to {gain.mean() + half:+,.0f} | {(gain > 0).mean():.0%} "
            f"| {closed[0]} | {closed[1]} |"
        )
    print(f"| oracle | {best['contribution_margin'].mean():,.0f} in its own {known} worlds")
    figures = {BARS[0].name: gaps["planner"], BARS[1].name: gaps["replan"]}
    if asked.trained:
        figures[BARS[2].name] = min(gaps[path] for path in asked.trained)
        figures[BARS[3].name] = min(ahead[path] for path in asked.trained)
    return told(__file__, BARS, figures, tiny=asked.tiny)


def _closed(own: FloatArray, lower: FloatArray, best: FloatArray) -> tuple[float, float, float]:
    count = len(best)
    value, _, low, high = ratio_of_gaps(own[:count] - lower[:count], best - lower[:count], CONFIDENCE)
    return value, low, high


if __name__ == "__main__":
    sys.exit(main())
