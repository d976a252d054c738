"""Clicks as a seller's analytics count them: a day's visits by source, with the chance that counting few clicks has.

The market shares out visits exactly (``simulator/attribution.py``). A seller never sees these shares: each visit is
counted with one source. Showing the exact shares would show the response of a world after one quiet day.
"""

import numpy as np

from xbopt.core.arrays import FloatArray, IntArray, add_up
from xbopt.core.randomness import WorldStream
from xbopt.core.scenario.scenario import Scenario
from xbopt.simulator.draws import sorted_positions
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
        self._order = sorted_positions(names)
        self._stream = WorldStream(seed=seed, name="attribution", worlds=worlds, slots=len(self._order))

    def day(self, day: int, outcome: DayOutcome) -> FloatArray:
        """Counted visits by source ``(B, R, S, C + 1)``: Poisson, with the drawn visits shared out as their mean.

        A cell's counts need not add up to its visits: trackers lose some and count others twice. Their spread is
        that of a multinomial or a little more.
        """
        means = visit_shares(outcome) * outcome.visits[..., None]
        flat = means.reshape(len(means), -1).T
        uniforms = np.take(np.ascontiguousarray(self._stream.uniforms(day).T), self._order, axis=0)
        counts = poisson_from_uniform(uniforms, np.minimum(flat, MAX_MEAN))
        # A mean beyond the sampler's range has no noise to speak of.
        counts = np.where(flat > MAX_MEAN, flat, counts)
        return counts.T.reshape(len(means), *self._shape)
