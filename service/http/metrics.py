"""What the service tells Prometheus."""

from bisect import bisect_left
from collections.abc import Iterator, Sequence

from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

_SECONDS = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)


class Tally(Collector):
    """A counter with labels whose counting costs a look-up in a dictionary; only the event loop counts.

    Args:
        name: Its name.
        about: What it counts.
        labels: Names of its labels.
    """

    def __init__(self, name: str, about: str, labels: Sequence[str]) -> None:
        self._name, self._about, self._labels = name, about, labels
        self._counts: dict[tuple[str, ...], float] = {}

    def add(self, *values: str, count: float = 1.0) -> None:
        """Count."""
        self._counts[values] = self._counts.get(values, 0.0) + count

    def collect(self) -> Iterator[Metric]:
        """The counts so far."""
        family = CounterMetricFamily(self._name, self._about, labels=self._labels)
        for values, count in sorted(self._counts.items()):
            family.add_metric(values, count)
        yield family


class Durations(Collector):
    """A histogram of seconds, as cheap.

    Args:
        name: Its name.
        about: What it measures.
    """

    def __init__(self, name: str, about: str) -> None:
        self._name, self._about = name, about
        self._counts = [0] * (len(_SECONDS) + 1)
        self._sum = 0.0

    def observe(self, seconds: float) -> None:
        """Take in a duration."""
        self._counts[bisect_left(_SECONDS, seconds)] += 1
        self._sum += seconds

    def collect(self) -> Iterator[Metric]:
        """The histogram so far."""
        family = HistogramMetricFamily(self._name, self._about)
        buckets: list[tuple[str, float]] = []
        total = 0
        for bound, count in zip((*_SECONDS, float("inf")), self._counts, strict=True):
            total += count
            buckets.append(("+Inf" if bound == float("inf") else str(bound), float(total)))
        family.add_metric([], buckets, self._sum)
        yield family


class Metrics:
    """The metrics of one service."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()

        def counter(name: str, about: str, *labels: str) -> Counter:
            return Counter(f"xbopt_{name}", about, labels, registry=registry)

        self._answers = Tally("xbopt_http_responses", "Responses by route and status", ("route", "status"))
        self._decisions = Tally("xbopt_decisions", "Decisions by source", ("source",))
        self._guardrails = Tally("xbopt_guardrails_fired", "Guardrails that changed a decision", ("guardrail",))
        self.outcomes = counter("outcomes", "Outcomes by what became of them", "state")
        self.store_failures = counter("store_failures", "Store failures by what was done", "action")
        self.swaps = counter("bundle_swaps", "Bundles that were loaded", "result")
        self.shadow = counter("shadow_decisions", "Decisions of the shadow bundle", "result")
        self.token_reloads = counter("token_reloads", "Readings of the token file by their result", "result")
        self.seconds = Durations("xbopt_allocate_seconds", "Time of an allocate request")
        self._commit = Durations("xbopt_store_commit_seconds", "Time of a store transaction")
        self._committed = Tally("xbopt_store_entries", "Entries that were handed to the store", ())
        own = (self._answers, self._decisions, self._guardrails, self.seconds, self._commit, self._committed)
        for collector in own:
            registry.register(collector)
        self.waiting = Gauge("xbopt_store_waiting", "Entries that wait for the store", registry=registry)
        self.kill_switch = Gauge(
            "xbopt_kill_switch", "1 while the plan answers everything, 2 while nothing is spent", registry=registry
        )
        self.bundle = Gauge(
            "xbopt_bundle", "1 for the bundle that decides", ("address", "name", "version"), registry=registry
        )

    def answered(self, route: str, status: int) -> None:
        """Count a response."""
        self._answers.add(route, str(status))

    def decided(self, source: Sequence[str], guardrails: list[list[str]]) -> None:
        """Count decisions, and the guardrails that changed them."""
        if len(source) == 1:
            self._decisions.add(source[0])
        else:
            for one in set(source):
                self._decisions.add(one, count=list(source).count(one))
        for fired in guardrails:
            for guardrail in fired:
                self._guardrails.add(guardrail)

    def committed(self, entries: int, seconds: float) -> None:
        """Note a store transaction."""
        self._committed.add(count=entries)
        self._commit.observe(seconds)

    def page(self) -> bytes:
        """All metrics in the text format."""
        return generate_latest(self.registry)
