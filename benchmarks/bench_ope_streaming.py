"""Rows a second and memory of an evaluation over chunks, as a log larger than memory needs it.

Run ``python -m benchmarks.bench_ope_streaming [--rows 8000000]``. One chunk of a log is made and fed again and again
under new row numbers, so that only the evaluation is timed: a first pass gathers the reward model's moments, a second
one scores and evaluates. The peer is the plain textbook pass: predictions by one matrix product, DR scores, a running
mean and variance; no diagnostics, no other estimator, no blocks. Times are processor seconds of one thread.

Bars: 1 million rows a second in the evaluating pass with model scoring, on one core; peak memory that grows by at most
5 MB from a quarter of the rows to all of them; numbers of three ways to cut the log that differ by less than 1e-9. Exit
code 1 when a bar does not hold.
"""

# ruff: noqa: E402 - numeric libraries read the number of threads when they are first imported.
import os

for _name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[_name] = "1"

import sys
import time
import tracemalloc

import numpy as np

from benchmarks.bars import Bar, told, words_of
from tests.ope.worlds import LoggedWorld
from xbopt.core.arrays import FloatArray
from xbopt.ope import LoggedBanditData, PolicyEvaluation, RewardMoments, StreamingEvaluator, fit_linear
from xbopt.ope.data.row_keys import row_keys
from xbopt.ope.reward_models.linear import LinearRewardModel

CHUNK = 262_144
BARS = (
    Bar(name="million rows a second", least=1.0),
    Bar(name="peak memory more than at a quarter of the rows, MB", most=5.0),
    Bar(name="greatest difference between cuts", most=1e-9),
    Bar(name="rows a second over textbook DR alone"),
)


def fitted(data: LoggedBanditData, rows: int) -> LinearRewardModel:
    """First pass: the reward model's moments over the rows, then the fit."""
    moments = RewardMoments(n_actions=data.n_actions, n_features=data.context.shape[1])
    for first in range(0, rows, len(data)):
        keys = row_keys(len(data), first_row=first, cluster=None, seed=0)
        moments.add(data.context, data.action, data.reward, keys)
    return fit_linear(moments)


def evaluated(data: LoggedBanditData, evaluation: FloatArray, model: LinearRewardModel, rows: int) -> PolicyEvaluation:
    """Second pass: score and evaluate."""
    evaluator = StreamingEvaluator(n_actions=data.n_actions, reward_model=model)
    for first in range(0, rows, len(data)):
        evaluator.add(data, evaluation, first_row=first)
    return evaluator.result()


def textbook(data: LoggedBanditData, evaluation: FloatArray, model: LinearRewardModel, rows: int) -> float:
    """The peer's pass over as many rows."""
    assert data.propensity is not None
    total = squares = 0.0
    slopes = model.coefficients[0]
    for _ in range(0, rows, len(data)):
        predictions = data.context @ slopes[:, 1:].T + slopes[:, 0]
        taken = np.arange(len(data)), data.action
        weight = evaluation[taken] / data.propensity
        score = (evaluation * predictions).sum(axis=1) + weight * (data.reward - predictions[taken])
        total += float(score.sum())
        squares += float(score @ score)
    return total / rows


def peak_megabytes(data: LoggedBanditData, evaluation: FloatArray, model: LinearRewardModel, rows: int) -> float:
    """Most memory that the evaluating pass held at once."""
    tracemalloc.start()
    evaluated(data, evaluation, model, rows)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak / 1e6


def greatest_difference(world: LoggedWorld, rows: int) -> float:
    """Between three ways to cut the same log, over all values and ends of intervals."""
    data, evaluation = world.draw(rows, np.random.default_rng(1))
    model = fitted(data, len(data))
    numbers: list[FloatArray] = []
    for size in (rows, rows // 3 + 1, rows // 20 - 1):
        evaluators = [StreamingEvaluator(n_actions=data.n_actions, reward_model=model) for _ in range(2)]
        for place, first in enumerate(reversed(range(0, len(data), size))):
            piece = slice(first, first + size)
            evaluators[place % 2].add(data.rows(piece), evaluation[piece], first_row=first)
        evaluators[0].merge(evaluators[1])
        found = evaluators[0].result().estimates
        numbers.append(np.array([(e.value, e.se, e.low, e.high) for e in found.values()]))
    return float(max(np.abs(other - numbers[0]).max() for other in numbers[1:]))


def main() -> int:
    parser = words_of(__doc__)
    parser.add_argument("--rows", type=int, default=8_000_000)
    asked = parser.parse_args()
    chunk = 4096 if asked.tiny else CHUNK
    rows = (4 * chunk if asked.tiny else asked.rows) // chunk * chunk
    world = LoggedWorld()
    data, evaluation = world.draw(chunk, np.random.default_rng(0))
    start = time.process_time()
    model = fitted(data, rows)
    first_pass = rows / (time.process_time() - start)
    start = time.process_time()
    evaluated(data, evaluation, model, rows)
    second_pass = rows / (time.process_time() - start)
    start = time.process_time()
    textbook(data, evaluation, model, rows)
    peer = rows / (time.process_time() - start)
    small, large = (peak_megabytes(data, evaluation, model, part) for part in (rows // 4, rows))
    difference = greatest_difference(world, 4000 if asked.tiny else 200_000)
    print(f"{rows:,} rows, 10 actions, 5 context fields, chunks of {chunk:,}")
    print(f"first pass, moments of the reward model:  {first_pass / 1e6:.2f} million rows a second")
    print(f"second pass, scoring and evaluation:      {second_pass / 1e6:.2f} million rows a second")
    both = 1 / (1 / first_pass + 1 / second_pass)
    print(f"both passes:                              {both / 1e6:.2f} million rows a second")
    print(f"peer, DR alone:                           {peer / 1e6:.2f} million rows a second")
    print(f"peak memory, a quarter of the rows, all:  {small:.1f} MB, {large:.1f} MB")
    values = (second_pass / 1e6, large - small, difference, second_pass / peer)
    return told(__file__, BARS, {bar.name: value for bar, value in zip(BARS, values, strict=True)}, tiny=asked.tiny)


if __name__ == "__main__":
    sys.exit(main())
