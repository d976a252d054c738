"""Bars as data: what a measurement must reach, what it found, and one way to say both.

A script lists its ``BARS``, takes its words from ``words_of``, and ends with ``told``, which prints a line a figure and
gives the exit code. Every script knows ``--tiny``: its whole code in seconds, in a size that measures nothing, where no
bar counts. ``python -m benchmarks`` reads the lines of all scripts into one table.
"""

import argparse
import json
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NoReturn

FIGURES_VARIABLE = "XBOPT_BENCH_FIGURES"
"""Names the file to which each figure is added as a line of JSON."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """What one figure must reach.

    Attributes:
        name: What is measured, with its unit unless it is a ratio or a share.
        most: The largest value that holds; None where there is no such bar.
        least: The smallest one.
    """

    name: str
    most: float | None = None
    least: float | None = None

    def holds(self, value: float) -> bool:
        """Whether a value reaches it, the ends included; NaN reaches none."""
        above = self.least is None or value >= self.least
        return above and (self.most is None or value <= self.most)

    def __str__(self) -> str:
        """As it stands in a table."""
        ends = (("at least", self.least), ("at most", self.most))
        return ", ".join(f"{word} {end:g}" for word, end in ends if end is not None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A line of the table: a figure, a script that was left out, or one that failed.

    Attributes:
        script: Which script.
        name: Which of its figures, or why there is none.
        value: The figure; None where there is none.
        bar: Its bar in words.
        says: Whether it holds; ``left out`` or ``FAILED`` where there is no figure.
    """

    script: str
    name: str = ""
    value: float | None = None
    bar: str = ""
    says: str = ""


def words_of(doc: str | None) -> argparse.ArgumentParser:
    """The parser of a script's words: its docstring explains it, and ``--tiny`` is among them."""
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--tiny", action="store_true", help="its whole code in seconds: measures nothing, no bar counts"
    )
    return parser


def told(script: str, bars: Sequence[Bar], figures: Mapping[str, float], *, tiny: bool) -> int:
    """Say what was found beside its bars.

    Args:
        script: The script's file.
        bars: All that it measures; those without a figure were not asked for.
        figures: What was found by name of a bar.
        tiny: Whether it measured nothing, so that no bar counts.

    Returns:
        The exit code: 1 where a bar does not hold.
    """
    known = {bar.name: bar for bar in bars}
    assert known.keys() >= figures.keys(), f"no bar is named {figures.keys() - known.keys()}"
    missed = 0
    for name, value in figures.items():
        bar = known[name]
        says = "tiny" if tiny else "" if not str(bar) else "holds" if bar.holds(value) else "DOES NOT HOLD"
        missed += says == "DOES NOT HOLD"
        _add(Line(script=Path(script).stem, name=name, value=float(value), bar=str(bar), says=says))
        print(f"{name}: {value:.4g}" + (f" ({bar}: {says})" if str(bar) else ""), flush=True)
    return int(missed > 0)


def left_out(script: str, why: str) -> NoReturn:
    """End a script whose peer, program or data are not here."""
    _add(Line(script=Path(script).stem, name=why, says="left out"))
    print(f"left out: {why}", flush=True)
    sys.exit(0)


def lines_in(path: Path) -> list[Line]:
    """The lines that scripts added to a file."""
    return [Line(**json.loads(line)) for line in path.read_text(encoding="utf-8").splitlines()]


def _add(line: Line) -> None:
    if path := os.environ.get(FIGURES_VARIABLE):
        with Path(path).open("a", encoding="utf-8") as file:
            file.write(json.dumps(asdict(line)) + "\n")
