"""What common random numbers are worth: variance of the difference of two policies, paired against independent.

Run ``python benchmarks/bench_common_random_numbers.py``. Two policies meet the same worlds and the same luck, and the
contribution margin is subtracted world by world. The variance of that difference is set against the variance of the
difference with seeds of their own, noise and worlds both; there it is the sum of the two variances. The bar is one
fifth. The 256 worlds leave a relative standard error of about 9 % on each variance, 12 % on the ratio. Exit code 1
when a pair is above the bar.
"""

# ruff: noqa: E402 - numeric libraries read the number of threads when they are first imported.
import os

for _name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[_name] = "1"

import sys

import xbopt
from xbopt.core.axes import FloatArray
from xbopt.core.scenario.loading import shipped_scenarios

WORLDS, BAR, SEED, OTHER_SEED, MORE_BUDGET = 256, 0.2, 3, 4, 1.1
SCENARIOS = ("quickstart", "electronics_case", "us_eu_launch")


def margins(scenario: str, policy: str, seed: int, *, budget: float = 1.0) -> FloatArray:
    """Contribution margin of each world ``(B,)``, base currency."""
    loaded = xbopt.load_scenario(scenario)
    if budget != 1.0:
        loaded = xbopt.load_scenario(
            scenario, overrides=[f"budget.total_base={loaded.document.budget.total_base * budget!r}"]
        )
    return xbopt.simulate(loaded, policy, runs=WORLDS, seed=seed).totals.money.sum(axis=(1, 2, 3))


def variance_ratio(base: FloatArray, paired: FloatArray, independent: FloatArray) -> float:
    """Variance of the paired difference over that of the independent one."""
    return float((paired - base).var(ddof=1) / (independent - base).var(ddof=1))


def main() -> int:
    passed = True
    print(f"{WORLDS} worlds; variance of the difference of margins, paired over independent; bar {BAR:g}")
    print(f"{'scenario':<20}{'pair':<34}{'ratio':>8}")
    for scenario in SCENARIOS:
        if scenario not in shipped_scenarios():
            print(f"{scenario:<20}not shipped")
            continue
        base = margins(scenario, "baseline", SEED)
        pairs = {
            "baseline, greedy_roas": ("greedy_roas", 1.0),
            f"baseline, {MORE_BUDGET - 1:.0%} more budget": ("baseline", MORE_BUDGET),
        }
        for label, (policy, budget) in pairs.items():
            paired = margins(scenario, policy, SEED, budget=budget)
            ratio = variance_ratio(base, paired, margins(scenario, policy, OTHER_SEED, budget=budget))
            passed &= ratio <= BAR
            print(f"{scenario:<20}{label:<34}{ratio:>8.3f}")
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
