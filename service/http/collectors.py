"""Counters and histograms for Prometheus that cost a look-up in a dictionary; only the event loop counts in them."""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from xbopt.core.arrays import FloatArray


class Tally(Collector):
    """A counter with labels.

    A series that begins when something first happens hides that first time from ``rate()`` and ``increase()``, so what
    may happen stands at 0 from the start.

    Args:
        name: Its name, without the ``_total`` at its end.
        about: What it counts.
        labels: Names of its labels.
        expected: Values of the labels that are shown as 0 before they are counted.
    """

    def __init__(self, name: str, about: str, labels: Sequence[str], expected: Iterable[tuple[str, ...]] = ()) -> None:
        self._name, self._about, self._labels = name, about, labels
        self._counts: dict[tuple[str, ...], float] = dict.fromkeys(expected, 0.0)

    def expect(self, values: Iterable[tuple[str, ...]]) -> None:
        """Show further values of the labels as 0 until they are counted."""
        self._counts = dict.fromkeys(values, 0.0) | self._counts

    def add(self, *values: str, count: float = 1.0) -> None:
        """Count."""
        self._counts[values] = self._counts.get(values, 0.0) + count

    def collect(self) -> Iterator[Metric]:
        """The counts so far."""
        family = CounterMetricFamily(self._name, self._about, labels=self._labels)
        for values, count in sorted(self._counts.items()):
            family.add_metric(values, count)
        yield family


class SpendTally(Collector):
    """Spend by region and channel, added as one array.

    Args:
        name: Its name, without the ``_total`` at its end.
        about: What it counts.
    """

    def __init__(self, name: str, about: str) -> None:
        self._name, self._about = name, about
        self._spent: dict[tuple[str, tuple[str, ...], tuple[str, ...]], FloatArray] = {}

    def expect(self, currency: str, regions: Sequence[str], channels: Sequence[str]) -> FloatArray:
        """The sums ``(R, C)`` of these regions and channels, to add to; 0 at first."""
        key = (currency, tuple(regions), tuple(channels))
        return self._spent.setdefault(key, np.zeros((len(regions), len(channels))))

    def collect(self) -> Iterator[Metric]:
        """The sums so far."""
        family = CounterMetricFamily(self._name, self._about, labels=("currency", "region", "channel"))
        for (currency, regions, channels), spent in self._spent.items():
            for region, row in zip(regions, spent.tolist(), strict=True):
                for channel, amount in zip(channels, row, strict=True):
                    family.add_metric((currency, region, channel), amount)
        yield family


class Distribution(Collector):
    """A histogram with labels.

    Args:
        name: Its name.
        about: What it measures.
        bounds: Upper bounds of its buckets.
        labels: Names of its labels.
        expected: Values of the labels that are shown before anything is measured.
    """

    def __init__(
        self,
        name: str,
        about: str,
        bounds: Sequence[float],
        labels: Sequence[str] = (),
        expected: Iterable[tuple[str, ...]] = ((),),
    ) -> None:
        self._name, self._about, self._bounds, self._labels = name, about, bounds, labels
        self._counts: dict[tuple[str, ...], list[int]] = {}
        self._sums: dict[tuple[str, ...], float] = {}
        self.expect(expected)

    def expect(self, values: Iterable[tuple[str, ...]]) -> None:
        """Show further values of the labels before anything is measured."""
        for one in values:
            self._counts.setdefault(one, [0] * (len(self._bounds) + 1))
            self._sums.setdefault(one, 0.0)

    def observe(self, value: float, *values: str) -> None:
        """Take in a measurement."""
        if values not in self._counts:
            self.expect((values,))
        self._counts[values][bisect_left(self._bounds, value)] += 1
        self._sums[values] += value

    def collect(self) -> Iterator[Metric]:
        """The histograms so far."""
        family = HistogramMetricFamily(self._name, self._about, labels=self._labels)
        for values, counts in sorted(self._counts.items()):
            buckets: list[tuple[str, float]] = []
            total = 0
            for bound, count in zip((*self._bounds, float("inf")), counts, strict=True):
                total += count
                buckets.append(("+Inf" if bound == float("inf") else str(float(bound)), float(total)))
            family.add_metric(values, buckets, self._sums[values])
        yield family
