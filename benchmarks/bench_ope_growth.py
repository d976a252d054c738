"""Logs that grow and are looked at again and again: how often some interval misses the value of the log so far.

Run ``python -m benchmarks.bench_ope_growth [--logs 200] [--jobs 2]``. Each log is evaluated at some twenty sizes with
``sequence=True``. Bars: at most 5 % of logs have a look at which the any-time interval misses, by the value and by the
difference. The ordinary interval stands beside it. Exit code 1 when a bar does not hold beyond chance.
"""

# ruff: noqa: E402 - numeric libraries read the number of threads when they are first imported.
import os

for _name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[_name] = "1"

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from benchmarks.bars import Bar, told, words_of
from xbopt.core.arrays import FloatArray, IntArray
from xbopt.core.workers import over_parts
from xbopt.ope import LoggedBanditData, evaluate_policy

SHARE = 0.05
BARS = (
    Bar(name="value missed at some look, largest share beyond chance", most=SHARE),
    Bar(name="difference missed at some look, largest share beyond chance", most=SHARE),
    Bar(name="value missed by the ordinary interval, largest share"),
)
LONGEST = 6000
WORLDS = ("steady", "trend", "season", "sale week", "by row", "by customer", "customers return", "rare", "order values")


@dataclass(frozen=True, slots=True, kw_only=True)
class GrowingLog:
    """A log in the order of time.

    Attributes:
        action: ``(n,)``.
        reward: ``(n,)``.
        cluster: ``(n,)``; None where rows count as independent.
        means: True mean reward of both actions at each row ``(n, 2)``, whatever the customer's luck.
    """

    action: IntArray
    reward: FloatArray
    cluster: IntArray | None
    means: FloatArray


def drawn(world: str, random: np.random.Generator) -> GrowingLog:
    """A log of a world; both actions with probability one half."""
    share = np.arange(LONGEST) / LONGEST
    level = np.ones(LONGEST)
    cluster: IntArray | None = None
    luck = np.zeros(LONGEST)
    if world == "trend":
        level = 1.0 + 0.5 * share
    if world == "season":
        level = 1.0 + 0.3 * np.sin(2.0 * np.pi * 4.0 * share)
    if world == "sale week":
        level = np.where((share > 0.3) & (share < 0.4), 2.5, 1.0)
    action = random.integers(0, 2, LONGEST)
    if world in ("by row", "by customer", "customers return"):
        sizes = random.integers(1, 51, LONGEST)
        cluster = np.repeat(np.arange(LONGEST), sizes)[:LONGEST]
        if world == "customers return":  # the same three hundred customers come again and again
            cluster = random.integers(0, 300, LONGEST)
        luck = random.normal(size=LONGEST)[cluster]
        if world == "by customer":
            action = random.integers(0, 2, LONGEST)[cluster]
    base = {"rare": 0.01, "order values": 0.05}.get(world, 0.3)
    means = base * level[:, None] * np.array([1.0, 1.2])
    mean = means[np.arange(LONGEST), action]
    if cluster is not None:
        return GrowingLog(action=action, reward=mean + luck + random.normal(size=LONGEST), cluster=cluster, means=means)
    bought = (random.random(LONGEST) < mean).astype(np.float64)
    if world == "order values":
        bought = bought * np.exp(1.2 * random.normal(size=LONGEST))
        means = means * float(np.exp(0.5 * 1.2**2))
    return GrowingLog(action=action, reward=bought, cluster=None, means=means)


def one_log(world: str, seed: int) -> tuple[int, bool, bool, bool]:
    """Looks with an any-time interval, and whether it missed value or difference, and the ordinary one the value."""
    log = drawn(world, np.random.default_rng([seed, 13]))
    given, missed_value, missed_difference, missed_once = 0, False, False, False
    size = 100
    while size <= LONGEST:
        data = LoggedBanditData(
            context=np.zeros((size, 0)),
            action=log.action[:size],
            reward=log.reward[:size],
            propensity=np.full(size, 0.5),
            n_actions=2,
            cluster=None if log.cluster is None else log.cluster[:size],
        )
        result = evaluate_policy(data, np.tile([0.2, 0.8], (size, 1)), seed=seed, sequence=True)
        value = float((log.means[:size] @ np.array([0.2, 0.8])).mean())
        difference = value - float(log.means[:size].mean())
        if result.recommended is not None:
            once = result.estimates[result.recommended]
            missed_once |= not once.low <= value <= once.high
        if result.anytime is not None and result.recommended is not None:
            given += 1
            interval, change = (
                result.anytime.values[result.recommended],
                result.anytime.differences[result.recommended],
            )
            missed_value |= not interval.low <= value <= interval.high
            missed_difference |= not change.low <= difference <= change.high
        size = int(size * 1.22)
    return given, missed_value, missed_difference, missed_once


def report(world: str, found: Sequence[tuple[int, bool, bool, bool]]) -> list[float]:
    """Print one world's line; its shares, and the bar's own where one is above it by chance."""
    from scipy.special import bdtrc

    count = len(found)
    looks = float(np.mean([one[0] for one in found]))
    misses = [float(np.mean([one[place] for one in found])) for place in (1, 2, 3)]
    beyond = [one > SHARE and float(bdtrc(round(one * count) - 1, count, SHARE)) < 0.05 for one in misses[:2]]
    words = "DOES NOT HOLD" if any(beyond) else "holds" if max(misses[:2]) <= SHARE else "above by chance"
    print(f"{world:18}{looks:7.1f}" + "".join(f"{figure:9.3f}" for figure in misses) + f"  {words}", flush=True)
    told_of = [one if out else min(one, SHARE) for one, out in zip(misses, beyond, strict=False)]
    return [*told_of, misses[2]]


def main() -> int:
    parser = words_of(__doc__)
    parser.add_argument("--logs", type=int, default=200)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--only", default="", help="Worlds, with commas.")
    options = parser.parse_args()
    only = {world for world in options.only.split(",") if world}
    print(f"{'world':18}{'looks':>7}{'value':>9}{'diff.':>9}{'ordinary':>9}")
    logs, jobs = (1, 1) if options.tiny else (options.logs, options.jobs)
    rows = [
        report(world, list(over_parts(partial(one_log, world), range(logs), workers=jobs)))
        for world in (WORLDS[::4] if options.tiny else WORLDS)
        if not only or world in only
    ]
    figures = {bar.name: max(row[place] for row in rows) for place, bar in enumerate(BARS)}
    return told(__file__, BARS, figures, tiny=options.tiny)


if __name__ == "__main__":
    sys.exit(main())
