"""What the service tells Prometheus."""

from collections.abc import Callable, Iterable
from typing import get_args

import numpy as np
from prometheus_client import CollectorRegistry, Counter, Gauge, ProcessCollector
from prometheus_client.exposition import choose_encoder

from xbopt.core.arrays import FloatArray
from xbopt.service.bundle.native_graph import DeciderName
from xbopt.service.bundle.schema import FEATURE_AXES
from xbopt.service.deciding.allocator import STORE_FAILURE, Allocation, Allocator
from xbopt.service.deciding.guardrails import CHANGE, NAMES
from xbopt.service.deciding.requests import Source
from xbopt.service.http.batches import CONTENT_TYPE as BATCH
from xbopt.service.http.collectors import Distribution, SpendTally, Tally
from xbopt.service.http.problems import CONTENT_TYPE as PROBLEM
from xbopt.service.http.tensor_bytes import CONTENT_TYPE as BYTES
from xbopt.service.store.entries import Head

_SECONDS = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
_ENTRIES = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)
_ANSWERS = ("json", "bytes", "problem")
_STATUSES = ("200", "422", "500", "503")
_KINDS = {BATCH: "bytes", BYTES: "bytes", PROBLEM: "problem"}


class Metrics:
    """The metrics of one service.

    Attributes:
        registry: All of them.
        in_flight: Requests that are being answered.
    """

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        self.in_flight = 0

        def counter(name: str, about: str, label: str, values: Iterable[str]) -> Counter:
            made = Counter(f"xbopt_{name}", about, (label,), registry=registry)
            for value in values:
                made.labels(value)
            return made

        def gauge(name: str, about: str, read: Callable[[], float] | None = None) -> Gauge:
            made = Gauge(f"xbopt_{name}", about, registry=registry)
            if read is not None:
                made.set_function(read)
            return made

        self._answers = Tally("xbopt_http_responses", "Responses by route and status", ("route", "status"))
        self._decisions = Tally(
            "xbopt_decisions", "Decisions by source", ("source",), ((source,) for source in get_args(Source))
        )
        self._again = Tally("xbopt_decisions_repeated", "Decisions that were asked for again and told again", (), [()])
        self._guardrails = Tally(
            "xbopt_guardrails_fired", "Decisions that a guardrail changed", ("guardrail",),
            ((name,) for name in (*NAMES, STORE_FAILURE)),
        )  # fmt: skip
        self._off = Tally(
            "xbopt_guardrails_off", "Decisions in which a guardrail could not work", ("guardrail",), [(CHANGE,)]
        )
        self._drifted = Tally(
            "xbopt_inputs_drifted", "Decisions with a feature beyond what the policy has seen", ("feature",)
        )
        self._missing = Tally("xbopt_inputs_missing", "Missing numbers that were filled in, by name", ("feature",))
        self._spend = SpendTally("xbopt_spend_granted_base", "Spend that decisions granted, base currency")
        self._spent: dict[str, FloatArray] = {}
        self._budget = Tally("xbopt_budget_asked_base", "Money left that requests stated, base currency", ("currency",))
        self._seconds = Distribution(
            "xbopt_allocate_seconds", "Time of a request for decisions, seconds", _SECONDS, ("route", "answer"), ()
        )
        self._commit = Distribution("xbopt_store_commit_seconds", "Time of a store transaction, seconds", _SECONDS)
        self._together = Distribution("xbopt_store_commit_entries", "Entries of a store transaction", _ENTRIES)
        self._committed = Tally("xbopt_store_entries", "Entries that were handed to the store", (), [()])
        for collector in (
            self._answers, self._decisions, self._again, self._guardrails, self._off, self._drifted, self._missing,
            self._spend, self._budget, self._seconds, self._commit, self._together, self._committed,
        ):  # fmt: skip
            registry.register(collector)
        self.outcomes = counter("outcomes", "Outcomes by what became of them", "state", ("new", "known", "orphan"))
        self.store_failures = counter(
            "store_failures", "Entries that could not be stored, by what was done", "action", ("refused", "fallback")
        )
        self.swaps = counter(
            "bundle_swaps", "Changes of the bundle", "result",
            ("swapped", "unchanged", "refused", "rolled_back"),
        )  # fmt: skip
        self.shadow = counter(
            "shadow_decisions", "Decisions of the shadow bundle", "result",
            ("same", "different", "missed", "failed", "unstored"),
        )  # fmt: skip
        self.token_reloads = counter(
            "token_reloads", "Readings of the token file by their result", "result", ("loaded", "refused")
        )
        self.waiting = gauge("store_waiting", "Entries that wait for the store")
        self.kill_switch = gauge("kill_switch", "1 while the plan answers everything, 2 while nothing is spent")
        self.connections = gauge("http_connections", "Open connections of clients")
        gauge("http_requests_in_flight", "Requests that are being answered, this one included", lambda: self.in_flight)
        self._entries = gauge("chain_entries", "Entries in the chain of the store, as far as this service knows")
        self._head = gauge("chain_head_prefix", "First 6 bytes of the hash over the chain, as a big-endian number")
        self.bundle = Gauge(
            "xbopt_bundle", "1 for the bundle that decides", ("address", "name", "version"), registry=registry
        )
        self.decider = Gauge("xbopt_decider", "1 for who works the policy's graph out", ("decider",), registry=registry)
        for name in get_args(DeciderName):
            self.decider.labels(name)
        ProcessCollector(registry=registry)

    def expect_routes(self, routes: Iterable[tuple[str, bool]]) -> None:
        """Show the routes before anybody asks.

        Args:
            routes: Label of each route, and whether its time is measured.
        """
        labels = list(routes)
        self._answers.expect((label, status) for label, _ in labels for status in _STATUSES)
        self._seconds.expect((label, answer) for label, timed in labels if timed for answer in _ANSWERS)

    def tell_bundle(self, allocator: Allocator, present: int) -> None:
        """Note that a bundle decides, and who works its graph out; or, with 0, that it does so no more."""
        manifest, decider = allocator.bundle.manifest, allocator.bundle.decider
        self.bundle.labels(allocator.address, manifest.name, manifest.version).set(present)
        for name in get_args(DeciderName):
            self.decider.labels(name).set(present * (name == decider.name))

    def expect_bundle(self, allocator: Allocator) -> None:
        """Show what a bundle's decisions will count, before there are any."""
        schema = allocator.bundle.schema
        names = {feature.name for axis in FEATURE_AXES for feature in schema.features[axis]}
        self._drifted.expect((name,) for name in names)
        self._missing.expect((name,) for name in names)
        self._budget.expect([(allocator.currency,)])
        spent = self._spend.expect(allocator.currency, schema.axes["R"], schema.axes["C"])
        self._spent[allocator.address] = spent

    def answered(self, route: str, status: int) -> None:
        """Count a response."""
        self._answers.add(route, str(status))

    def timed(self, route: str, kind: str, seconds: float) -> None:
        """Note how long a request for decisions took, by the content type of its answer."""
        self._seconds.observe(seconds, route, _KINDS.get(kind, "json"))

    def repeated(self, allocation: Allocation) -> None:
        """Count decisions that were stored before, and are only told again."""
        self._again.add(count=len(allocation.source))

    def decided(self, allocation: Allocation, allocator: Allocator) -> None:
        """Count decisions: who made them, what changed them, what was missing or strange in them, and the money."""
        source, batch, reader = allocation.source, allocation.batch, allocator.reader
        if len(source) == 1:
            self._decisions.add(source[0])
        else:
            for one in set(source):
                self._decisions.add(one, count=source.count(one))
        for fired in allocation.guardrails:
            for guardrail in fired:
                self._guardrails.add(guardrail)
        for unable in allocation.off:
            for guardrail in unable:
                self._off.add(guardrail)
        if allocator.address not in self._spent:
            self.expect_bundle(allocator)
        self._spent[allocator.address] += np.add.reduce(allocation.spend_base, axis=(0, 2))
        self._budget.add(allocator.currency, count=float(np.add.reduce(batch.inputs["budget_base"])))
        if batch.drifted is not None:
            for name, count in reader.drifted_by_name(batch).items():
                self._drifted.add(name, count=count)
        if batch.missing:
            for name, count in reader.missing_by_name(batch).items():
                self._missing.add(name, count=count)

    def committed(self, entries: int, seconds: float) -> None:
        """Note a store transaction."""
        self._committed.add(count=entries)
        self._commit.observe(seconds)
        self._together.observe(entries)

    def tell_chain(self, head: Head | None) -> None:
        """Note the end of the chain.

        A hash as a label would begin a new series with every entry. As a number it costs none, and Prometheus then
        keeps heads where the service cannot write.
        """
        if head is not None:
            self._entries.set(head.seq)
            self._head.set(int.from_bytes(head.hash[:6], "big"))

    def page(self, accept: str = "") -> tuple[str, bytes]:
        """Content type and text of all metrics, in OpenMetrics where the client accepts that."""
        encoder, kind = choose_encoder(accept)
        return kind, encoder(self.registry)
