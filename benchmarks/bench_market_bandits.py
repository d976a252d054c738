"""How much of the way to a planner that knows everything a trained bandit goes.

Run ``python benchmarks/bench_market_bandits.py SCENARIO AGENT MINUTES [ORACLE_WORLDS]``. Trains the agent, plays it,
the uniform plan, the planner and the re-planner in 256 worlds that neither training nor the choice of the best policy
has seen, and plans ``ORACLE_WORLDS`` of them with their own parameters (0 leaves that out; ``oracle_plans.py`` keeps
such plans).
``gap_closed`` is (policy - uniform) / (oracle - uniform) in contribution margin, on the oracle's worlds.
"""

import json
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from oracle_plans import planned

from xbopt.agents.bandits.encodings import load_policy
from xbopt.agents.bandits.validation import HeldOutWorlds
from xbopt.agents.policies import PolicyShelf, built_in_policy
from xbopt.agents.run_directory import RunDirectory
from xbopt.agents.training import TrainingProgress, train
from xbopt.core.arrays import FloatArray
from xbopt.core.scenario.loading import load_scenario
from xbopt.simulator.build import build_market

WORLDS, SEED = 256, 0


def tell(progress: TrainingProgress) -> None:
    print(f"  {progress.done_frac:.0%} {progress.steps:,} decisions, gain {progress.gain_base:,.0f}", file=sys.stderr)


def line(what: str, values: FloatArray) -> None:
    print(f"{what:<44}{values.mean():>14,.0f} +- {1.96 * values.std(ddof=1) / np.sqrt(len(values)):,.0f}")


def main() -> None:
    name, agent, minutes = sys.argv[1], sys.argv[2], float(sys.argv[3])
    known = int(sys.argv[4]) if len(sys.argv) > 4 else 0
    scenario = load_scenario(name)
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
    worlds = np.arange(WORLDS)
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
    if known:
        oracle = planned(market, known)[1]
        best = HeldOutWorlds(market, oracle, oracle.worlds, seed=SEED, weight=0.0).planned
        low = margin["uniform"][:known].mean()
        closed = {w: float((v[:known].mean() - low) / (best.mean() - low)) for w, v in margin.items()}
        print(json.dumps({"oracle_worlds": known, "gap_closed": closed}))


if __name__ == "__main__":
    main()
