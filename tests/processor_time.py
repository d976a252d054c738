"""What each test costs in processor time: the plugin that keeps ``make quick`` quick.

Processor time, children included, does not depend on what else the machine does. The first test that asks for a shared
fixture or a library pays for it.

``slow.txt`` names the tests that carry the marker ``slow``, and the files whose fixtures cost that much. ``--write-slow
0.6`` writes it anew for what ran, so nobody keeps it by hand. ``--most-seconds 3`` fails the run for a dearer test that
is not marked, which is how ``make quick`` notices that it is time to do so.
"""

import os
from collections.abc import Generator
from pathlib import Path

import pytest

OTHER_MARKERS = ("statistical", "realdata", "browser")
SLOW_TESTS = Path(__file__).with_name("slow.txt")
_BEGAN, _SETUP = pytest.StashKey[float](), pytest.StashKey[float]()
_PROPERTY = "processor_seconds"


def _seconds() -> float:
    """Processor time of this process and of the children that it waited for."""
    return sum(os.times()[:4])


def _name(node_id: str) -> str:
    """A test without its parameters."""
    return node_id.partition("[")[0]


def _file(node_id: str) -> str:
    return node_id.partition("::")[0]


def slow_tests() -> set[str]:
    """The names in ``slow.txt``."""
    return set(SLOW_TESTS.read_text(encoding="utf-8").splitlines())


class ProcessorTime:
    """Counts, and at the end names the dearest tests and those above a limit.

    Attributes:
        limit: Most seconds of a test without a slow marker; None counts without judging.
        shown: Number of dearest tests to show.
        costs: Seconds of each test that ran, by its name.
        setups: Those of its fixtures.
        marked: Those of them with a slow marker.
        otherwise_marked: Those of them with one of ``OTHER_MARKERS``.
    """

    def __init__(self, limit: float | None, shown: int, written: float | None) -> None:
        self.limit, self.shown, self.written = limit, shown, written
        self.costs: dict[str, float] = {}
        self.setups: dict[str, float] = {}
        self.marked: set[str] = set()
        self.otherwise_marked: set[str] = set()

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Give the tests in ``slow.txt`` their marker, before any are left out by it."""
        slow = slow_tests()
        for item in items:
            if slow & {_name(item.nodeid), _file(item.nodeid)}:
                item.add_marker("slow")

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        """Note when a test begins."""
        item.stash[_BEGAN] = _seconds()
        return (yield)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Put the cost into a test's report, which travels from a worker to the process that counts.

        Teardown is left out: in the last test of a run it ends all that the session shares.
        """
        report = yield
        spent = _seconds() - item.stash[_BEGAN]
        if call.when == "setup":
            item.stash[_SETUP] = spent
        elif call.when == "call":
            others = any(item.get_closest_marker(name) for name in OTHER_MARKERS)
            slow = item.get_closest_marker("slow") is not None
            report.user_properties.append((_PROPERTY, (spent, item.stash[_SETUP], slow, others)))
        return report

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Collect the costs."""
        cost = dict(report.user_properties).get(_PROPERTY)
        if isinstance(cost, (tuple, list)):
            spent, setup, slow, others = cost
            self.costs[report.nodeid], self.setups[report.nodeid] = float(spent), float(setup)
            self.marked |= {report.nodeid} if slow or others else set()
            self.otherwise_marked |= {report.nodeid} if others else set()

    def above(self) -> list[str]:
        """Tests that cost more than the limit and carry no slow marker, the dearest first."""
        dear = [name for name in self._by_cost() if self.limit is not None and self.costs[name] > self.limit]
        return [name for name in dear if name not in self.marked]

    def slow_anew(self, seconds: float) -> set[str]:
        """What ``slow.txt`` has to hold: of what ran, all that costs more; of the rest, what it holds.

        Whoever leaves out the one test that paid for a shared fixture makes the next test pay: then the file is named.
        """
        ran, others = (set(map(_name, names)) for names in (self.costs, self.otherwise_marked))
        files = {_file(test) for test, cost in self.setups.items() if cost > seconds and _name(test) not in others}
        dear = {_name(test) for test, cost in self.costs.items() if cost > seconds}
        named = (dear - others) | files | (slow_tests() - ran - set(map(_file, ran)))
        return {name for name in named if "::" not in name or _file(name) not in named}

    @pytest.hookimpl(wrapper=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> Generator[None, object, object]:
        """Fail the run for a test above the limit."""
        if session.exitstatus == pytest.ExitCode.OK and self.above():
            session.exitstatus = pytest.ExitCode.TESTS_FAILED
        return (yield)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Name the dearest tests and those above the limit; write ``slow.txt`` where that was asked for."""
        self._show(terminalreporter, "processor time", self._by_cost()[: self.shown])
        self._show(terminalreporter, "not marked slow, and above the limit of processor time", self.above())
        if self.written is not None:
            text = "".join(f"{name}\n" for name in sorted(self.slow_anew(self.written)))
            SLOW_TESTS.write_text(text, encoding="utf-8")

    def _by_cost(self) -> list[str]:
        return sorted(self.costs, key=self.costs.__getitem__, reverse=True)

    def _show(self, terminal: pytest.TerminalReporter, title: str, names: list[str]) -> None:
        if names:
            terminal.section(title)
        for name in names:
            terminal.write_line(f"{self.costs[name]:.2f} s {name}")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Options about processor time, in seconds."""
    group = parser.getgroup("processor time")
    group.addoption("--most-seconds", type=float, help="fail if a test that is not marked slow costs more than this")
    group.addoption("--dearest", type=int, default=0, help="show that many tests with the most processor time")
    group.addoption("--write-slow", type=float, help="write tests/slow.txt: tests that cost more than this")


def pytest_configure(config: pytest.Config) -> None:
    """Begin to count."""
    limit, shown, written = map(config.getoption, ("--most-seconds", "--dearest", "--write-slow"))
    config.pluginmanager.register(ProcessorTime(limit, shown, written))
