"""How much of the way to a planner that knows everything a trained bandit goes.

Run ``python -m benchmarks.bench_market_bandits [SCENARIO] [AGENT] [MINUTES] [ORACLE_WORLDS] [--tiny]``. Trains
the agent, plays it,
the uniform plan, the planner and the re-planner in 256 worlds that neither training nor the choice of the best policy
has seen, and plans ``ORACLE_WORLDS`` of them with their own parameters (0 leaves that out; ``oracle_plans.py`` keeps
such plans).
``gap_closed`` is (policy - uniform) / (oracle - uniform) in contribution margin, on the oracle's worlds.
"""

import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from benchmarks.bars import Bar, told, words_of
from benchmarks.oracle_plans import SHORT, planned
from xbopt.agents.bandits.encodings import load_policy
from xbopt.agents.bandits.validation import HeldOutWorlds
from xbopt.agents.policies import PolicyShelf, built_in_policy
from xbopt.agents.run_directory import RunDirectory
from xbopt.agents.training import TrainingProgress, train
from xbopt.core.arrays import FloatArray
from xbopt.core.scenario.loading import load_scenario
from xbopt.simulator.build import build_market

WORLDS, SEED = 256, 0
BARS = (
    Bar(name="gap closed", least=0.7),
    Bar(name="gap closed by the planner"),
    Bar(name="margin over the planner's"),
    Bar(name="margin over the re-planner's"),
)


def tell(progress: TrainingProgress) -> None:
    print(f"  {progress.done_frac:.0%} {progress.steps:,} decisions, gain {progress.gain_base:,.0f}", file=sys.stderr)


def line(what: str, values: FloatArray) -> None:
    print(f"{what:<44}{values.mean():>14,.0f} +- {1.96 * values.std(ddof=1) / np.sqrt(len(values)):,.0f}")


def main() -> int:
    parser = words_of(__doc__)
    parser.add_argument("scenario", nargs="?", default="us_eu_launch")
    parser.add_argument("agent", nargs="?", default="lin_ts")
    parser.add_argument("minutes", nargs="?", type=float, default=2.5)
    parser.add_argument("oracle_worlds", nargs="?", type=int, default=64)
    asked = parser.parse_args()
    name, agent, minutes, known, many = asked.scenario, asked.agent, asked.minutes, asked.oracle_worlds, WORLDS
    if asked.tiny:
        name, minutes, known, many = "quickstart", 0.02, 2, 4
    scenario = load_scenario(name, overrides=SHORT if asked.tiny else [])
    market = build_market(scenario)
    with tempfile.TemporaryDirectory() as folder:
        wall, processor = time.perf_counter(), time.process_time()
        limit = 60.0 * minutes
        summary = train(scenario, agent, Path(folder) / "run", time_limit_seconds=limit, seed=SEED, on_progress=tell)
        wall, processor = time.perf_counter() - wall, time.process_time() - processor
        policy = load_policy(RunDirectory.open(Path(folder) / "run").policy, market)
    print(f"{name}, {agent}: {summary.steps:,} decisions in {wall:.0f} s ({processor:.0f} s of the processor)")
    print(f"validation: {summary.gain_base:,.0f} (se {summary.gain_se_base:,.0f}) of reward above {summary.plan}")
    shelf = PolicyShelf(market)
    planner, replan = shelf.policy("planner"), shelf.policy("replan")
    worlds = np.arange(many)
    margin = {
        "uniform": HeldOutWorlds(market, built_in_policy("uniform", market), worlds, seed=SEED, weight=0.0).planned
    }
    beside = HeldOutWorlds(market, planner, worlds, seed=SEED, weight=0.0)
    margin["planner"] = beside.planned
    margin["replan"] = beside.reward(replan)
    margin[agent] = beside.reward(policy)
    with_customers = HeldOutWorlds(market, replan, worlds, seed=SEED, weight=1.0).gain(policy)
    for what, values in margin.items():
        line(f"contribution margin, {what}", values)
    line(f"{agent} above planner", margin[agent] - margin["planner"])
    line(f"{agent} above replan", margin[agent] - margin["replan"])
    line("the same with the customers' value", with_customers)
    figures = {
        BARS[2].name: float(margin[agent].mean() / margin["planner"].mean()),
        BARS[3].name: float(margin[agent].mean() / margin["replan"].mean()),
    }
    if known:
        oracle = planned(market, known, keep=not asked.tiny)[1]
        best = HeldOutWorlds(market, oracle, oracle.worlds, seed=SEED, weight=0.0).planned
        low = margin["uniform"][:known].mean()
        closed = {w: float((v[:known].mean() - low) / (best.mean() - low)) for w, v in margin.items()}
        print(f"gap closed, oracle in {known} worlds: {closed}")
        figures |= {BARS[0].name: closed[agent], BARS[1].name: closed["planner"]}
    return told(__file__, BARS, figures, tiny=asked.tiny)


if __name__ == "__main__":
    sys.exit(main())
