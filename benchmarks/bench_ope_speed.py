"""Time and memory of an evaluation in memory: a million rows and ten actions.

Run ``python -m benchmarks.bench_ope_speed [--rows 1000000]``. The peer is the plain textbook computation of Open Bandit
Pipeline, which installs on no current Python: numpy formulas for the points, and for the intervals 100 resamples of
per-row scores for each estimator. A few resamples are timed and scaled up.

Bars: all estimators with intervals, given a reward model's predictions, within 1 s and 150 MB above the input; the
default reward model with action-context interactions on the same rows within 6 s; 10,000 rows of rare clicks on 80
actions within 2 s, model and all; importing ``xbopt.ope`` loads no heavy library. Exit code 1 when a bar does not hold.
"""

# ruff: noqa: E402 - numeric libraries read the number of threads when they are first imported.
import os

for _name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[_name] = "1"

import subprocess
import sys
import time
import tracemalloc
from collections.abc import Callable

import numpy as np

from benchmarks.bars import Bar, told, words_of
from tests.ope.worlds import LoggedWorld
from xbopt.core.arrays import FloatArray
from xbopt.ope import LoggedBanditData, evaluate_policy, fit_reward_model

TIMED_RESAMPLES, PEER_RESAMPLES, REPEATS = 3, 100, 3
BARS = (
    Bar(name="7 estimators with intervals, s", most=1.0),
    Bar(name="memory above the input, MB", most=150.0),
    Bar(name="fit of the reward model, s", most=6.0),
    Bar(name="10,000 rows of 80 actions, s", most=2.0),
    Bar(name="heavy libraries that the import loads", most=0.0),
    Bar(name="textbook points and resamples over ours"),
)
HEAVY = ("torch", "pandas", "sklearn", "scipy", "pyarrow", "polars")


def seconds_of(work: Callable[[], object]) -> float:
    """Processor seconds, best of some repeats: one thread on a machine that others may be using too."""
    found: list[float] = []
    for _ in range(REPEATS):
        start = time.process_time()
        work()
        found.append(time.process_time() - start)
    return min(found)


def peak_megabytes(work: Callable[[], object]) -> float:
    """Most memory allocated at once by the work, above what was there."""
    tracemalloc.start()
    work()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak / 1e6


def peer_points(data: LoggedBanditData, evaluation: FloatArray, predictions: FloatArray) -> list[FloatArray]:
    """Per-row scores of six estimators by plain formulas."""
    assert data.propensity is not None
    taken = np.arange(len(data)), data.action
    weight = evaluation[taken] / data.propensity
    error = data.reward - predictions[taken]
    value = np.average(predictions, weights=evaluation, axis=1)
    return [
        weight * data.reward,
        weight * data.reward / weight.mean(),
        value,
        value + weight * error,
        value + weight * (weight <= 10.0) * error,
        value + 100.0 * weight / (weight**2 + 100.0) * error,
    ]


def peer_intervals(scores: list[FloatArray]) -> None:
    """A few bootstrap resamples of every score."""
    random = np.random.default_rng(0)
    for score in scores:
        for _ in range(TIMED_RESAMPLES):
            random.choice(score, size=len(score), replace=True).mean()


def loaded_by_import() -> list[str]:
    """Heavy libraries that ``import xbopt.ope`` loads."""
    code = f"import sys, xbopt.ope; print(*[name for name in {HEAVY!r} if name in sys.modules])"
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()


def main() -> int:
    parser = words_of(__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    asked = parser.parse_args()
    rows = 20_000 if asked.tiny else asked.rows
    world = LoggedWorld()
    data, evaluation = world.draw(rows, np.random.default_rng(0))
    predictions = world.chance(data.context)
    ours = seconds_of(lambda: evaluate_policy(data, evaluation, predictions=predictions))
    memory = peak_megabytes(lambda: evaluate_policy(data, evaluation, predictions=predictions))
    bootstrap = seconds_of(lambda: evaluate_policy(data, evaluation, predictions=predictions, interval="bootstrap-t"))
    whole = seconds_of(lambda: evaluate_policy(data, evaluation))
    fit = seconds_of(lambda: fit_reward_model("linear", data, seed=0))
    points = seconds_of(lambda: peer_points(data, evaluation, predictions))
    scores = peer_points(data, evaluation, predictions)
    intervals = seconds_of(lambda: peer_intervals(scores)) * PEER_RESAMPLES / TIMED_RESAMPLES
    wide, wide_evaluation = LoggedWorld(kind="rare reward", n_actions=80, n_features=10).draw(
        10_000, np.random.default_rng(1)
    )
    clicks = seconds_of(lambda: evaluate_policy(wide, wide_evaluation))
    heavy = loaded_by_import()
    print(f"{rows:,} rows, 10 actions, 5 context fields")
    print(
        f"ours, 7 estimators with intervals and verdict, predictions given: {ours:.2f} s, {memory:.0f} MB above input"
    )
    print(f"the same with 1000 bootstrap replicates:                          {bootstrap:.2f} s")
    print(
        f"the same with the default reward model fitted and scored:         {whole:.2f} s, of which the fit {fit:.2f} s"
    )
    print(f"peer, points of 6 estimators:                                     {points:.2f} s")
    print(f"peer, points and {PEER_RESAMPLES} resamples:                                {points + intervals:.1f} s")
    print(f"10,000 rows of rare clicks, 80 actions, model and all:            {clicks:.2f} s")
    print(f"heavy libraries loaded by import xbopt.ope:                       {' '.join(heavy)}")
    values = (ours, memory, fit, clicks, len(heavy), (points + intervals) / ours)
    return told(__file__, BARS, {bar.name: value for bar, value in zip(BARS, values, strict=True)}, tiny=asked.tiny)


if __name__ == "__main__":
    sys.exit(main())
