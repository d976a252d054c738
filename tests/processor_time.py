"""What each test costs in processor time, and a limit on it: the plugin that keeps ``make quick`` quick.

A test has to carry one of ``SLOW_MARKERS`` if it costs more than the limit. Processor time, children included, does not
depend on what else the machine does. The first test that asks for a shared fixture pays for it.
"""

import os
from collections.abc import Generator

import pytest

SLOW_MARKERS = ("slow", "statistical", "realdata", "browser")
_BEGAN = pytest.StashKey[float]()
_PROPERTY = "processor_seconds"


def _seconds() -> float:
    """Processor time of this process and of the children that it waited for."""
    return sum(os.times()[:4])


class ProcessorTime:
    """Counts, and at the end names the dearest tests and those above the limit.

    Attributes:
        limit: Most seconds of a test without a slow marker; None counts without judging.
        costs: Seconds of each test by its name, and whether a marker calls it slow.
    """

    def __init__(self, limit: float | None, shown: int) -> None:
        self.limit = limit
        self.shown = shown
        self.costs: dict[str, tuple[float, bool]] = {}

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        """Note when a test begins."""
        item.stash[_BEGAN] = _seconds()
        return (yield)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Put the cost into the last report of a test; reports travel from the workers to the process that counts."""
        report = yield
        if call.when == "teardown":
            slow = any(item.get_closest_marker(name) for name in SLOW_MARKERS)
            report.user_properties.append((_PROPERTY, (_seconds() - item.stash[_BEGAN], slow)))
        return report

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Collect the costs."""
        cost = dict(report.user_properties).get(_PROPERTY)
        if isinstance(cost, (tuple, list)):
            seconds, slow = cost
            self.costs[report.nodeid] = (float(seconds), bool(slow))

    def above(self) -> list[str]:
        """Tests that cost more than the limit and carry no slow marker, the dearest first."""
        if self.limit is None:
            return []
        dear = {name: cost for name, (cost, slow) in self.costs.items() if cost > self.limit and not slow}
        return [f"{dear[name]:.2f} s {name}" for name in sorted(dear, key=dear.__getitem__, reverse=True)]

    @pytest.hookimpl(wrapper=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> Generator[None, object, object]:
        """Fail the run for a test above the limit."""
        if session.exitstatus == pytest.ExitCode.OK and self.above():
            session.exitstatus = pytest.ExitCode.TESTS_FAILED
        return (yield)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Name the dearest tests and those above the limit."""
        dearest = sorted(self.costs, key=self.costs.__getitem__, reverse=True)[: self.shown]
        if dearest:
            terminalreporter.section("processor time")
        for name in dearest:
            terminalreporter.write_line(f"{self.costs[name][0]:.2f} s {name}")
        if self.above():
            terminalreporter.section(f"above {self.limit:g} s of processor time without a marker such as slow")
        for line in self.above():
            terminalreporter.write_line(line)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Two options about processor time."""
    group = parser.getgroup("processor time")
    group.addoption("--most-seconds", type=float, help="fail if a test that is not marked slow costs more than this")
    group.addoption("--dearest", type=int, default=0, help="show that many tests with the most processor time")


def pytest_configure(config: pytest.Config) -> None:
    """Begin to count."""
    config.pluginmanager.register(ProcessorTime(config.getoption("--most-seconds"), config.getoption("--dearest")))
