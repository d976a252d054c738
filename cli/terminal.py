"""What reaches the terminal: results on stdout, messages and progress on stderr."""

import shutil
import sys
import time
from collections.abc import Callable, Collection, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from xbopt.core.errors import XboptError

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import TaskID
    from rich.table import Table

    from xbopt.reports.kit import figures
    from xbopt.reports.kit.numbers import NumberFormat
    from xbopt.reports.kit.page_parts import PageContent
    from xbopt.simulator.parameters import MarketParameters
    from xbopt.studies.exploration_cost import ExplorationCost
    from xbopt.studies.marginals import Marginals
    from xbopt.studies.rules_in_force import RulesInForce
    from xbopt.studies.simulate import Progress

_WIDTH = 120


def result_console() -> "Console":
    """The console for results.

    Its width is fixed where nobody watches, so that output can be compared. A narrow terminal breaks long lines itself:
    a table that shrinks would cut figures.
    """
    from rich.console import Console

    class ResultConsole(Console):
        def on_broken_pipe(self) -> None:
            raise BrokenPipeError  # rich would end the process with an error; a reader that left is none

    width = max(shutil.get_terminal_size().columns, _WIDTH) if sys.stdout.isatty() else _WIDTH
    # Names come from users: a bracket in one is a bracket, and never a style.
    return ResultConsole(width=width, highlight=False, markup=False)


def table(title: str, *columns: str, caption: str = "") -> "Table":
    """A table whose first column is text and whose other columns are numbers."""
    from rich import box
    from rich.table import Table

    made = Table(title=title, title_justify="left", box=box.SIMPLE, pad_edge=False, caption=caption or None)
    made.caption_justify = "left"
    for i, name in enumerate(columns):
        made.add_column(name, justify="right" if i else "left", min_width=0 if i else 14)
    return made


def terminal_numbers(currency: str) -> "NumberFormat":
    """How a terminal writes numbers: as the pages do, with a hyphen for minus."""
    from xbopt.reports.kit.numbers import NumberFormat

    return NumberFormat(locale="en", currency=currency, is_for_terminal=True)


def figures_table(
    source: "figures.Table",
    numbers: "NumberFormat",
    *,
    heads: Mapping[str, str] | None = None,
    ranges: Collection[str] = (),
) -> "Table":
    """A report's table in the terminal. Money has no sign of its currency: the text above the tables names it.

    Args:
        source: The report's table.
        numbers: How numbers are written.
        heads: Heading of each column to show, by key, in this order; all columns under their own names if left out.
        ranges: Keys of columns behind which the range over worlds stands.
    """
    from xbopt.studies.kpis import WorldRange

    keys = [column.key for column in source.columns]
    shown = heads or {column.key: column.name for column in source.columns}
    spread = "5 % to 95 % of worlds"
    made = table(source.title, *(head for key in shown for head in (shown[key], *([spread] if key in ranges else []))))
    for r, row in enumerate(source.rows):
        if source.last_is_total and r == len(source.rows) - 1:
            made.add_section()
        cells: list[str] = []
        for key in shown:
            i = keys.index(key)
            value, unit = row[i], source.unit(r, i)
            cells.append(numbers.value(value, unit, symbol=False))
            if key in ranges:
                cells.append(numbers.range(value, unit, symbol=False) if isinstance(value, WorldRange) else "")
        made.add_row(*cells)
    return made


def print_marginals(marginals: "Marginals", numbers: "NumberFormat", console: "Console") -> None:
    """What one per cent more and less of the money of each channel and region brings, and where it would pay."""
    from xbopt.reports.simulation.marginals import marginals_table, marginals_takeaway

    shown = replace(marginals, by_week=(), by_region_and_channel=())
    heads = {
        "of": "Money of",
        "more": "1% more",
        "less": "1% less",
        "return_of_more": "Return of the next",
        "reading": "Reading",
    }
    console.print(figures_table(marginals_table(shown, numbers), numbers, heads=heads))
    console.print(f"{marginals_takeaway(marginals)} --report and --json have the weeks as well.", markup=False)


def print_trade_rules(rules: "RulesInForce", currency: str, console: "Console") -> None:
    """Every rate and event of the campaign's days, with its certainty and note."""
    from xbopt.reports.simulation.trade_rules import rule_lines

    lines = rule_lines(rules, terminal_numbers(currency))
    if lines:
        console.print("Rules and events of these days, from the dated tables:", markup=False)
    for line in lines:
        console.print(f"- {line}", markup=False)


def print_warnings(console: "Console", market: "MarketParameters") -> None:
    """What must be read before any figure of a market: nothing is stated as uncertain, or a vital sign is outside."""
    from xbopt.reports.simulation.vital_signs import warning_lines
    from xbopt.studies.vital_signs import vital_signs

    for line in warning_lines(vital_signs(market)):
        console.print(line, markup=False, soft_wrap=True)  # one line each, however long


def say(message: str) -> None:
    """A message for people, on stderr."""
    sys.stderr.write(f"{message}\n")


def tell_cost(cost: "ExplorationCost") -> None:
    """What exploration costs, and how to pay less where it costs more than a few per cent."""
    say(cost.sentence)
    if cost.is_remarkable:
        say("Note: That is much. --exploration-cost 1% of xbopt simulate finds the largest share that costs no more.")


def print_json(document: Mapping[str, object] | Sequence[object]) -> None:
    """One JSON document on stdout, and nothing else; what is not known is null."""
    from xbopt.core.json_text import json_text

    sys.stdout.write(json_text(document))


def fail(error: XboptError) -> int:
    """Say what is wrong; gives the exit code."""
    say(f"Error: {error}" if "\n" not in str(error) else f"Error:\n{error}")
    return error.exit_code


_LINE_SECONDS = 10.0


def stage_lines() -> "Progress":
    """Progress in lines on stderr, for logs: one where a stage begins, then one every ten seconds at most."""
    last: tuple[str, float] = ("", 0.0)

    def on_progress(stage: str, done: int, total: int) -> None:
        nonlocal last
        now = time.monotonic()
        if stage != last[0] or now - last[1] >= _LINE_SECONDS:
            last = stage, now
            say(f"{stage}: {done} of {total}" if total else stage)

    return on_progress


@contextmanager
def stage_bar(*, quiet: bool, lines: bool = False) -> Generator["Progress"]:
    """A progress bar on stderr for work in stages; silent where ``quiet``.

    It is called with the stage, how much of it is done, and how much there is; 0 where nobody knows.

    Args:
        quiet: Say nothing.
        lines: Whether work of minutes says its stages in lines where stderr is no terminal; else it is silent there.
    """
    if quiet or not sys.stderr.isatty():
        yield stage_lines() if lines and not quiet else (lambda _stage, _done, _total: None)
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        stages: dict[str, TaskID] = {}

        def on_progress(stage: str, done: int, total: int) -> None:
            for other, task in stages.items():
                if other != stage:
                    bar.update(task, visible=False)
            if stage not in stages:
                stages[stage] = bar.add_task(stage, total=total or None)
            bar.update(stages[stage], completed=done, total=total or None)

        yield on_progress


def cost_teller(
    on_progress: "Progress", workers: int | None, *, one: str, many: str
) -> Callable[[float, int, int], None]:
    """Counts parts of a piece of work, and says after the first ones how long the others will take.

    What comes back is called with the seconds that a part took its worker, parts done, and parts in all.

    Args:
        on_progress: Told of every part.
        workers: How many parts are done at once; None where nobody knows.
        one: What a part is called.
        many: What parts are called.
    """
    first, told, seconds = 0.0, False, list[float]()

    def on_part(took: float, done: int, total: int) -> None:
        nonlocal first, told
        first = first or time.perf_counter()
        seconds.append(took)
        on_progress(many, done, total)
        # How much a cluster does at once nobody knows beforehand; the time from its first part to the fourth says it.
        if told or done == total or len(seconds) < (workers or 4):
            return
        told = True
        each = sum(seconds) / len(seconds)
        apart = each / workers if workers is not None else (time.perf_counter() - first) / (len(seconds) - 1)
        others, left = total - done, apart * (total - done)
        say(f"A {one} takes {duration_text(each)}, so the other {others:,} take about {duration_text(left)}.")

    return on_part


def duration_text(seconds: float) -> str:
    """A time as 9.1 s, 45 s, 12 min or 3.4 h."""
    if seconds < 120.0:
        return f"{seconds:.1f} s" if seconds < 10.0 else f"{seconds:.0f} s"
    return f"{seconds / 60.0:.0f} min" if seconds < 7200.0 else f"{seconds / 3600.0:.1f} h"


@contextmanager
def progress_bar(label: str, *, quiet: bool, of: str = "worlds") -> Generator[Callable[[int, int], None]]:
    """The same for work of one stage: how many of its worlds, or of something else, are done."""
    with stage_bar(quiet=quiet) as on_progress:
        yield lambda done, total: on_progress(f"{label}, {of}", done, total)


def write_files(
    report: Path | None,
    page: "Callable[[], PageContent]",
    xlsx: Path | None,
    workbook: Callable[[Path], None],
    on_progress: "Progress",
) -> None:
    """Write a report's page and its workbook, as far as they are asked for, and name the files."""
    if report is not None:
        from xbopt.reports.kit.page import write_html

        on_progress("page", 0, 0)
        write_html(page(), report)
        say(f"Report: {report}")
    if xlsx is not None:
        on_progress("workbook", 0, 0)
        workbook(xlsx)
        say(f"Workbook: {xlsx}")
