"""What reaches the terminal: results on stdout, messages and progress on stderr."""

import json
import math
import shutil
import sys
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

from xbopt.core.errors import XboptError

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import TaskID
    from rich.table import Table

    from xbopt.studies.kpis import Estimate
    from xbopt.studies.labels import Unit

_WIDTH = 120
_COARSE, _FINE = 100.0, 10.0


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
    return ResultConsole(width=width, highlight=False)


def table(title: str, *columns: str, caption: str = "") -> "Table":
    """A table whose first column is text and whose other columns are numbers."""
    from rich import box
    from rich.table import Table

    made = Table(title=title, title_justify="left", box=box.SIMPLE, pad_edge=False, caption=caption or None)
    made.caption_justify = "left"
    for i, name in enumerate(columns):
        made.add_column(name, justify="right" if i else "left", min_width=0 if i else 14)
    return made


def say(message: str) -> None:
    """A message for people, on stderr."""
    sys.stderr.write(f"{message}\n")


def print_json(document: Mapping[str, object]) -> None:
    """One JSON document on stdout, and nothing else."""
    sys.stdout.write(json.dumps(document, indent=2, allow_nan=False, ensure_ascii=False) + "\n")


def fail(error: XboptError) -> int:
    """Say what is wrong; gives the exit code."""
    say(f"Error: {error}" if "\n" not in str(error) else f"Error:\n{error}")
    return error.exit_code


@contextmanager
def progress_bar(label: str, *, quiet: bool, of: str = "worlds") -> Generator[Callable[[int, int], None]]:
    """A progress bar on stderr, of worlds or something else; silent where stderr is no terminal or ``quiet``."""
    if quiet or not sys.stderr.isatty():
        yield lambda _done, _total: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = TextColumn(label), BarColumn(), MofNCompleteColumn(), TextColumn(of), TimeRemainingColumn()
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(label, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


@contextmanager
def stage_bar(*, quiet: bool) -> Generator[Callable[[str, int, int], None]]:
    """A progress bar on stderr for work in stages: it is told the stage, how much is done and how much there is."""
    if quiet or not sys.stderr.isatty():
        yield lambda _what, _done, _total: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        stages: dict[str, TaskID] = {}

        def told(what: str, done: int, total: int) -> None:
            for other, task in stages.items():
                if other != what:
                    bar.update(task, visible=False)
            if what not in stages:
                stages[what] = bar.add_task(what, total=total or None)
            bar.update(stages[what], completed=done, total=total or None)

        yield told


def written(value: float, unit: "Unit") -> str:
    """A figure in words of its unit; a dash where it has no meaning."""
    if math.isnan(value):
        return "-"
    match unit:
        case "money" | "count":
            # Small figures keep digits: a shop with 2.4 orders a day should not read "2".
            digits = 0 if abs(value) >= _COARSE else 1 if abs(value) >= _FINE else 2
            return f"{value:,.{digits}f}"
        case "price":
            return f"{value:,.2f}"
        case "percent":
            return f"{value:.1%}" if abs(value) >= 0.1 else f"{value:.2%}"
        case "ratio":
            return f"{value:.2f}"
        case "score":
            return f"{value:.3f}"


def ranged(estimate: "Estimate", unit: "Unit") -> str:
    """The 5-95 % range of a figure."""
    if math.isnan(estimate.low):
        return "-"
    return f"{written(estimate.low, unit)} .. {written(estimate.high, unit)}"
