"""Peak memory of many worlds, each case in a process of its own.

Run ``python benchmarks/bench_memory.py``. Two cases on ``us_eu_launch``: a simulation of 10,000 worlds, which works in
batches, and one state of 10,000 worlds stepped for three days in one piece, as a vector environment does. The bar is
2 GB of resident memory each, interpreter and libraries included. Exit code 1 when a case needs more.
"""

import os
import resource
import subprocess
import sys
import time

SCENARIO, WORLDS, STATE_DAYS, BAR_GB = "us_eu_launch", 10_000, 3, 2.0
_ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
# Linux reports kilobytes, macOS bytes.
_PER_GB = 1024.0**3 if sys.platform == "darwin" else 1024.0**2


def simulate_worlds() -> None:
    """A whole simulation."""
    import xbopt

    xbopt.simulate(SCENARIO, runs=WORLDS)


def step_one_batch() -> None:
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

    market, worlds = build_market(load_scenario(SCENARIO)), np.arange(WORLDS)
    policy = built_in_policy("baseline", market)
    world = draw_worlds(market.scenario, seed=0, worlds=worlds)
    draws = MarketDraws(market.scenario, seed=0, worlds=worlds)
    state, recent = initial_state(market, WORLDS), RecentResults.empty(market, WORLDS)
    for day in range(STATE_DAYS):
        decision = policy.decide(observe(market, state, recent))
        outcome, state = play_day(market, world, state, decision, draws.day(day))
        recent = recent.after(DayResults.of(outcome))


CASES = {"simulation": simulate_worlds, "one_batch": step_one_batch}


def peak_gb(case: str) -> tuple[float, float]:
    """Peak resident memory in GB and seconds of a case, in a fresh process."""
    started = time.perf_counter()
    run = subprocess.run(
        [sys.executable, __file__, case], capture_output=True, text=True, check=True, env={**os.environ, **_ONE_THREAD}
    )
    return float(run.stdout), time.perf_counter() - started


def main() -> int:
    if len(sys.argv) > 1:
        CASES[sys.argv[1]]()
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / _PER_GB)
        return 0
    passed = True
    print(f"{SCENARIO}, {WORLDS:,} worlds; bar {BAR_GB:g} GB")
    for case in CASES:
        peak, seconds = peak_gb(case)
        passed &= peak <= BAR_GB
        print(f"{case:<12}{peak:>8.2f} GB{seconds:>8.1f} s")
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
