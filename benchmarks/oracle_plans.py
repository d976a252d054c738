"""Plans of the planner that knows each world, kept in ``runs/`` because they take minutes.

``python -m benchmarks.oracle_plans SCENARIO [WORLDS] [--tiny]`` makes them for the first worlds of seed 0.
"""

import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from benchmarks.bars import Bar, told, words_of
from xbopt.agents.bandits.validation import HeldOutWorlds
from xbopt.agents.planner.oracle import OraclePolicy, plan_worlds
from xbopt.agents.planner.policy import planner_policy, usual_resolution
from xbopt.core.decisions.plan import ScheduledPolicy
from xbopt.core.scenario.loading import load_scenario
from xbopt.simulator.build import build_market
from xbopt.simulator.parameters import MarketParameters

FOLDER = Path(__file__).resolve().parent.parent / "runs"
WORLD_SEED = 0
SHORT = ["horizon.days=7", "plan.discounts=[]", "budget.total_base=3000"]
"""Overrides of quickstart for tiny modes."""
BARS = (Bar(name="reward of plans that know their worlds over that of the plan for the average market"),)
_ARRAYS = ("spend_base", "daypart_weights", "discount_frac", "mechanic")


def planned(market: MarketParameters, count: int, *, keep: bool = True) -> tuple[ScheduledPolicy, OraclePolicy]:
    """The plan for the average market, and the oracle's plans for the first ``count`` worlds, kept unless told."""
    if not keep:
        with tempfile.TemporaryDirectory() as folder:
            return _kept(market, count, Path(folder))
    return _kept(market, count, FOLDER)


def _kept(market: MarketParameters, count: int, folder: Path) -> tuple[ScheduledPolicy, OraclePolicy]:
    path = folder / f"oracle-{market.scenario.hash}-{count}.npz"
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
    path.parent.mkdir(exist_ok=True)
    np.savez_compressed(
        path,
        expected=oracle.expected,
        **{n: np.stack([getattr(plan, n) for plan in oracle.plans]) for n in _ARRAYS},
        **{f"average_{n}": getattr(average, n) for n in _ARRAYS},
    )


def main() -> int:
    parser = words_of(__doc__)
    parser.add_argument("scenario", nargs="?", default="quickstart")
    parser.add_argument("worlds", nargs="?", type=int, default=64)
    asked = parser.parse_args()
    market = build_market(load_scenario(asked.scenario, overrides=SHORT if asked.tiny else []))
    average, oracle = planned(market, 2 if asked.tiny else asked.worlds, keep=not asked.tiny)
    played = HeldOutWorlds(market, average, oracle.worlds, seed=WORLD_SEED, weight=1.0)
    ratio = float(played.reward(oracle).mean() / played.planned.mean())
    return told(__file__, BARS, {BARS[0].name: ratio}, tiny=asked.tiny)


if __name__ == "__main__":
    sys.exit(main())
