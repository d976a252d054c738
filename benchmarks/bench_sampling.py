"""Time of one draw against numpy's own sampler, measured in turns in the same run.

Run ``python -m benchmarks.bench_sampling``. Only the ratios compare between machines: the nanoseconds depend on what
else runs.
"""

import statistics
import sys
import time
from collections.abc import Callable

import numpy as np

from benchmarks.bars import Bar, told, words_of
from xbopt.core.arrays import FloatArray
from xbopt.core.randomness import WorldStream, named_generator
from xbopt.simulator.sampling import normal_from_uniform, poisson_from_uniform

WORLDS, SLOTS, ROUNDS, DAYS_AHEAD = 64, 192, 200, 8
MEANS = {
    "Poisson, tiny means 0.001-1": (1e-3, 1.0),
    "Poisson, means 1-8": (1.0, 8.0),
    "Poisson, means 8-30": (8.0, 30.0),
    "Poisson, large means 100-100,000": (1e2, 1e5),
    "Poisson, huge means 1e6-1e9": (1e6, 1e9),
}
MIXED, NORMAL, UNIFORM = "Poisson, mixed means", "normal", f"uniforms, {DAYS_AHEAD} days ahead"
BARS = tuple(Bar(name=name) for name in (*MEANS, MIXED, NORMAL, UNIFORM))


def nanoseconds(draw: Callable[[], object], draws: int) -> float:
    """Processor time of one draw, in ns."""
    start = time.process_time_ns()
    draw()
    return (time.process_time_ns() - start) / draws


def compare(
    label: str, ours: Callable[[], object], peer: Callable[[], object], draws: tuple[int, int], rounds: int
) -> float:
    """Print the median time of both, taken in turns; the median of their ratios."""
    ours(), peer()
    pairs = [(nanoseconds(ours, draws[0]), nanoseconds(peer, draws[1])) for _ in range(rounds)]
    ours_ns, peer_ns = (statistics.median(column) for column in zip(*pairs, strict=True))
    print(f"{label:<34}{ours_ns:>8.1f}{peer_ns:>8.1f}")
    return statistics.median(a / b for a, b in pairs if b > 0)


def spread(low: float, high: float) -> FloatArray:
    """Means spread evenly in their logarithm, ``(B, slots)``."""
    return np.exp(named_generator(1, f"{low} {high}").uniform(np.log(low), np.log(high), (WORLDS, SLOTS)))


def mixed() -> FloatArray:
    """The simulator's mix: 19 of 20 means between 0.001 and 30, the rest up to 100,000."""
    rare = named_generator(1, "rare").random((WORLDS, SLOTS)) < 0.05
    return np.where(rare, spread(30.0, 1e5), spread(1e-3, 30.0))


def main() -> int:
    tiny = words_of(__doc__).parse_args().tiny
    rounds = 2 if tiny else ROUNDS
    stream = WorldStream(seed=1, name="demand", worlds=np.arange(WORLDS), slots=SLOTS, days_ahead=DAYS_AHEAD)
    generator = named_generator(1, "peer")
    u = stream.uniforms(0)
    block = iter(range(10**6))
    print(f"{'ns a draw, ' + str(u.size) + ' at once':<34}{'ours':>8}{'numpy':>8}")
    once, figures = (u.size, u.size), dict[str, float]()
    for label, mean in {**{name: spread(*ends) for name, ends in MEANS.items()}, MIXED: mixed()}.items():
        figures[label] = compare(
            label,
            lambda mean=mean: poisson_from_uniform(u, mean),
            lambda mean=mean: generator.poisson(mean),
            once,
            rounds,
        )
    figures[NORMAL] = compare(
        NORMAL, lambda: normal_from_uniform(u), lambda: generator.standard_normal(u.shape), once, rounds
    )
    figures[UNIFORM] = compare(
        UNIFORM,
        lambda: stream.uniforms(DAYS_AHEAD * next(block)),
        lambda: generator.random(u.shape),
        (u.size * DAYS_AHEAD, u.size),
        rounds,
    )
    return told(__file__, BARS, figures, tiny=tiny)


if __name__ == "__main__":
    sys.exit(main())
