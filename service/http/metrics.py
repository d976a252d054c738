"""What the service tells Prometheus."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

_SECONDS = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)


class Metrics:
    """The metrics of one service."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()

        def counter(name: str, about: str, *labels: str) -> Counter:
            return Counter(f"xbopt_{name}", about, labels, registry=registry)

        self._answers = counter("http_responses", "Responses by route and status", "route", "status")
        self._decisions = counter("decisions", "Decisions by source", "source")
        self._guardrails = counter("guardrails_fired", "Guardrails that changed a decision", "guardrail")
        self.outcomes = counter("outcomes", "Outcomes by what became of them", "state")
        self.store_failures = counter("store_failures", "Store failures by what was done", "action")
        self.swaps = counter("bundle_swaps", "Bundles that were loaded", "result")
        self.shadow = counter("shadow_decisions", "Decisions of the shadow bundle", "result")
        self.seconds = Histogram(
            "xbopt_allocate_seconds", "Time of an allocate request", buckets=_SECONDS, registry=registry
        )
        self._commit = Histogram(
            "xbopt_store_commit_seconds", "Time of a store transaction", buckets=_SECONDS, registry=registry
        )
        self._committed = counter("store_entries", "Entries that were handed to the store")
        self.waiting = Gauge("xbopt_store_waiting", "Entries that wait for the store", registry=registry)
        self.kill_switch = Gauge("xbopt_kill_switch", "1 while the plan answers everything", registry=registry)
        self.bundle = Gauge(
            "xbopt_bundle", "1 for the bundle that decides", ("address", "name", "version"), registry=registry
        )
        # Looking a label up costs more than counting.
        self._answer_counters: dict[tuple[str, int], Counter] = {}
        self._source_counters = {source: self._decisions.labels(source) for source in ("policy", "held", "plan")}

    def answered(self, route: str, status: int) -> None:
        """Count a response."""
        key = (route, status)
        if key not in self._answer_counters:
            self._answer_counters[key] = self._answers.labels(route, str(status))
        self._answer_counters[key].inc()

    def decided(self, source: list[str], guardrails: list[list[str]]) -> None:
        """Count decisions, and the guardrails that changed them."""
        for one in set(source):
            self._source_counters[one].inc(source.count(one))
        for fired in guardrails:
            for guardrail in fired:
                self._guardrails.labels(guardrail).inc()

    def committed(self, entries: int, seconds: float) -> None:
        """Note a store transaction."""
        self._committed.inc(entries)
        self._commit.observe(seconds)

    def page(self) -> bytes:
        """All metrics in the text format."""
        return generate_latest(self.registry)
