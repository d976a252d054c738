"""Peak memory of many worlds, each case in a process of its own.

Run ``python -m benchmarks.bench_memory``. Two cases on ``us_eu_launch``: a simulation of 10,000 worlds, which works in
batches, and one state of 10,000 worlds stepped for three days in one piece, as a vector environment does. The bar is
2 GB of resident memory each, interpreter and libraries included. Exit code 1 when a case needs more.
"""

import os
import resource
import subprocess
import sys
import time
from pathlib import Path

from benchmarks.bars import Bar, told, words_of

SCENARIO, WORLDS, STATE_DAYS = "us_eu_launch", 10_000, 3
_ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
# Linux reports kilobytes, macOS bytes.
_PER_GB = 1024.0**3 if sys.platform == "darwin" else 1024.0**2


def simulate_worlds(count: int) -> None:
    """A whole simulation."""
    import xbopt

    xbopt.simulate(SCENARIO, runs=count)


def step_one_batch(count: int) -> None:
    """One batch, three days."""
    import numpy as np

    from xbopt.agents.policies import built_in_policy
    from xbopt.core.scenario.loading import load_scenario
    from xbopt.env.day_results import DayResults
    from xbopt.env.observation import RecentResults, observe
    from xbopt.simulator.build import build_market
    from xbopt.simulator.draws import MarketDraws
    from xbopt.simulator.history import initial_state
    from xbopt.simulator.step import play_day
    from xbopt.simulator.worlds import draw_worlds

    market, worlds = build_market(load_scenario(SCENARIO)), np.arange(count)
    policy = built_in_policy("baseline", market)
    world = draw_worlds(market.scenario, seed=0, worlds=worlds)
    draws = MarketDraws(market.scenario, seed=0, worlds=worlds)
    state, recent = initial_state(market, count), RecentResults.empty(market, count)
    for day in range(STATE_DAYS):
        decision = policy.decide(observe(market, state, recent))
        outcome, state = play_day(market, world, state, decision, draws.day(day))
        recent = recent.after(DayResults.of(outcome))


CASES = {"simulation": simulate_worlds, "one_batch": step_one_batch}
BARS = tuple(Bar(name=f"{case}, GB", most=2.0) for case in CASES)


def peak_gb(case: str, count: int) -> tuple[float, float]:
    """Peak resident memory in GB and seconds of a case, in a fresh process."""
    started = time.perf_counter()
    run = subprocess.run(
        [sys.executable, "-m", "benchmarks.bench_memory", case, str(count)],
        capture_output=True, text=True, check=True, env={**os.environ, **_ONE_THREAD}, cwd=Path(__file__).parents[1],
    )  # fmt: skip
    return float(run.stdout), time.perf_counter() - started


def main() -> int:
    parser = words_of(__doc__)
    parser.add_argument("case", nargs="?", choices=list(CASES), help="measure this one in this process")
    parser.add_argument("worlds", nargs="?", type=int, default=WORLDS)
    asked = parser.parse_args()
    if asked.case:
        CASES[asked.case](asked.worlds)
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / _PER_GB)
        return 0
    worlds, figures = 2 if asked.tiny else asked.worlds, dict[str, float]()
    print(f"{SCENARIO}, {worlds:,} worlds")
    for case, bar in zip(CASES, BARS, strict=True):
        figures[bar.name], seconds = peak_gb(case, worlds)
        print(f"{case}: {seconds:.1f} s")
    return told(__file__, BARS, figures, tiny=asked.tiny)


if __name__ == "__main__":
    sys.exit(main())
