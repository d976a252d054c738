"""Plans of the planner that knows each world, kept in ``runs/`` because they take minutes.

``python benchmarks/oracle_plans.py SCENARIO [WORLDS]`` makes them for the first worlds of seed 0.
"""

import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from xbopt.agents.planner.oracle import OraclePolicy, plan_worlds
from xbopt.agents.planner.policy import planner_policy, usual_resolution
from xbopt.core.decisions.plan import ScheduledPolicy
from xbopt.core.scenario.loading import load_scenario
from xbopt.simulator.build import build_market
from xbopt.simulator.parameters import MarketParameters

FOLDER = Path(__file__).resolve().parent.parent / "runs"
WORLD_SEED = 0
_ARRAYS = ("spend_base", "daypart_weights", "discount_frac", "mechanic")


def planned(market: MarketParameters, count: int) -> tuple[ScheduledPolicy, OraclePolicy]:
    """The plan for the average market, and the oracle's plans for the first ``count`` worlds."""
    path = FOLDER / f"oracle-{market.scenario.hash}-{count}.npz"
    if not path.is_file():
        _make(market, count, path)
    with np.load(path) as kept:
        average = ScheduledPolicy(name="planner", kind="planner", **{n: kept[f"average_{n}"] for n in _ARRAYS})
        plans = tuple(replace(average, **{n: kept[n][row] for n in _ARRAYS}) for row in range(count))
        worlds, expected = np.arange(count), kept["expected"]
    return average, OraclePolicy(plans=plans, worlds=worlds, expected=expected)


def _make(market: MarketParameters, count: int, path: Path) -> None:
    started = time.perf_counter()
    average = planner_policy(market)

    def told(done: int, total: int) -> None:
        sys.stderr.write(f"\r{market.scenario.name}: {done} of {total} worlds, {time.perf_counter() - started:.0f} s ")

    oracle = plan_worlds(
        market,
        np.arange(count),
        world_seed=WORLD_SEED,
        resolution=usual_resolution(market),
        start=average,
        on_progress=told,
    )
    FOLDER.mkdir(exist_ok=True)
    np.savez_compressed(
        path,
        expected=oracle.expected,
        **{n: np.stack([getattr(plan, n) for plan in oracle.plans]) for n in _ARRAYS},
        **{f"average_{n}": getattr(average, n) for n in _ARRAYS},
    )


if __name__ == "__main__":
    name = sys.argv[1]
    planned(build_market(load_scenario(name)), int(sys.argv[2]) if len(sys.argv) > 2 else 64)
