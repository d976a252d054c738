"""What common random numbers are worth: variance of the difference of two policies, paired against independent.

Run ``python -m benchmarks.bench_common_random_numbers``: all pairs of built-in policies in all shipped scenarios.

Two policies meet the same worlds and the same luck, and the contribution margin is subtracted world by world. The
variance of that difference is set against the variance of the difference with seeds of their own, noise and worlds
both; there it is the sum of the two variances. The bar is one fifth. The 256 worlds leave a relative standard error of
about 9 % on each variance, 12 % on the ratio. Exit code 1 when a pair is above the bar.
"""

# ruff: noqa: E402 - numeric libraries read the number of threads when they are first imported.
import os

for _name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[_name] = "1"

import itertools
import sys
from typing import TypeAlias

import xbopt
from benchmarks.bars import Bar, told, words_of
from xbopt.agents.policies import BUILT_IN
from xbopt.core.arrays import FloatArray
from xbopt.core.scenario.scenario import Scenario

Pair: TypeAlias = tuple[FloatArray, FloatArray]

WORLDS, SEED, OTHER_SEED, MORE_BUDGET = 256, 3, 4, 1.1
BARS = (Bar(name="largest variance ratio of a pair", most=0.2),)


def margins(scenario: Scenario, policy: str, seed: int, worlds: int) -> FloatArray:
    """Contribution margin of each world ``(B,)``, base currency."""
    return xbopt.simulate(scenario, policy, runs=worlds, seed=seed).totals.money.sum(axis=(1, 2, 3))


def variance_ratio(one: Pair, other: Pair) -> float:
    """Variance of the paired difference of two policies over that of the independent one.

    Each policy comes as its margins under the one seed and under the other.
    """
    paired = (one[0] - other[0]).var(ddof=1)
    independent = 0.5 * ((one[0] - other[1]).var(ddof=1) + (one[1] - other[0]).var(ddof=1))
    return float(paired / independent)


def main() -> int:
    tiny = words_of(__doc__).parse_args().tiny
    worlds, largest = 4 if tiny else WORLDS, 0.0
    print(f"{worlds} worlds; variance of the difference of margins, paired over independent")
    print(f"{'scenario':<18}{'pair':<38}{'ratio':>8}")
    for name in ["quickstart"] if tiny else xbopt.shipped_scenarios():
        scenario = xbopt.load_scenario(name)
        budget = scenario.document.budget.total_base * MORE_BUDGET
        more = xbopt.load_scenario(name, overrides=[f"budget.total_base={budget!r}"])
        runs = {p: (margins(scenario, p, SEED, worlds), margins(scenario, p, OTHER_SEED, worlds)) for p in BUILT_IN}
        runs["10 % more budget"] = (
            margins(more, "baseline", SEED, worlds),
            margins(more, "baseline", OTHER_SEED, worlds),
        )
        for one, other in itertools.combinations(runs, 2):
            ratio = variance_ratio(runs[one], runs[other])
            largest = max(largest, ratio)
            print(f"{name:<18}{f'{one}, {other}':<38}{ratio:>8.3f}{'' if BARS[0].holds(ratio) else '  above'}")
    return told(__file__, BARS, {BARS[0].name: largest}, tiny=tiny)


if __name__ == "__main__":
    sys.exit(main())
