"""Clicks as a seller's analytics count them: a day's visits by source, with the chance that counting few clicks has.

The market shares out visits exactly (``simulator/attribution.py``). A seller never sees these shares: each visit is
counted with one source. Showing the exact shares would show the response of a world after one quiet day.
"""

import numpy as np

from xbopt.core.arrays import FloatArray, IntArray, add_up
from xbopt.core.randomness import WorldStream
from xbopt.core.scenario.scenario import Scenario
from xbopt.simulator.draws import sorted_positions
from xbopt.simulator.kernel.engine import chosen, native
from xbopt.simulator.kernel.rows import NativeRows
from xbopt.simulator.sampling import MAX_MEAN, poisson_from_uniform
from xbopt.simulator.step import DayOutcome

_ORGANIC = ""  # no channel can have this id


def visit_shares(outcome: DayOutcome) -> FloatArray:
    """Share of each source in a cell's expected visits ``(B, R, S, C + 1)``; the last source is organic."""
    by_channel = outcome.channel_visits
    total = outcome.attribution.visits
    organic = np.maximum(total - add_up(by_channel, 3), 0.0)
    sources = np.concatenate([by_channel, organic[..., None]], axis=3)
    counted = add_up(sources, 3)
    return sources / np.where(counted > 0.0, counted, 1.0)[..., None]


class ClickCounts:
    """Counts of visits by source, drawn at fixed positions from a stream of their own (``attribution``)."""

    def __init__(self, scenario: Scenario, *, seed: int, worlds: IntArray) -> None:
        """Open the stream.

        Args:
            scenario: Gives the names of the axes.
            seed: Noise seed.
            worlds: Global numbers of the worlds ``(B,)``.
        """
        names = (scenario.regions, scenario.segments, (*scenario.channels, _ORGANIC))
        self._shape = tuple(len(axis) for axis in names)
        # Worlds innermost and the last axis first, as the arrays of a day lie.
        self._order = sorted_positions(names).reshape(self._shape).ravel(order="F")
        self._engine = chosen()
        self._stream: NativeRows | WorldStream
        if self._engine.name == "native":
            self._stream = NativeRows(
                self._engine, seed=seed, name="attribution", worlds=worlds, order=self._order, normals=0
            )
        else:
            self._stream = WorldStream(seed=seed, name="attribution", worlds=worlds, slots=len(self._order))

    def day(self, day: int, outcome: DayOutcome) -> FloatArray:
        """Counted visits by source ``(B, R, S, C + 1)``: Poisson, with the drawn visits shared out as their mean.

        A cell's counts need not add up to its visits: trackers lose some and count others twice. Their spread is
        that of a multinomial or a little more.
        """
        means = visit_shares(outcome) * outcome.visits[..., None]
        flat = np.ascontiguousarray(means.T).reshape(-1, len(means))
        counts = self._drawn(day, np.minimum(flat, MAX_MEAN))
        # A mean beyond the sampler's range has no noise to speak of.
        counts = np.where(flat > MAX_MEAN, flat, counts)
        return counts.T.reshape(len(means), *self._shape, order="F")

    def _drawn(self, day: int, means: FloatArray) -> FloatArray:
        """Poisson counts ``(slots, B)``."""
        if isinstance(self._stream, WorldStream):
            uniforms = np.take(np.ascontiguousarray(self._stream.uniforms(day).T), self._order, axis=0)
            return poisson_from_uniform(uniforms, means)
        module, counts = native(), np.empty_like(means)
        assert module is not None, "chosen only where it is there"
        module.evaluate(self._engine.level, "poisson", self._stream.day(day), means, counts)
        return counts
