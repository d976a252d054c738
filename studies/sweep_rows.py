"""What came of a sweep: one row a point, as lines while it runs, as a table, and by parameter."""

import json
import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import cast

import numpy as np

from xbopt.core.files import replace_file
from xbopt.core.scenario.scenario import Scenario
from xbopt.studies.frames import Frame, frame_of
from xbopt.studies.sweep_file import FIGURES, Sweep

_Z = 1.959964  # of a 95 % interval
_MOST_VALUES, _GROUPS = 10, 5
"""A parameter with more values than that is read off by groups of its values."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepRow:
    """What came of a point.

    Attributes:
        point: Its number.
        seed: Noise seed.
        parameters: What was set.
        mean: Mean over worlds by figure; empty where the point failed.
        se: Standard error of that mean.
        scenario_hash: Of the scenario at the point; empty where there is none.
        version: Of xbopt.
        seconds: How long it took its worker.
        error: Why there are no figures; empty where there are.
    """

    point: int
    seed: int
    parameters: Mapping[str, object]
    mean: Mapping[str, float]
    se: Mapping[str, float]
    scenario_hash: str
    version: str
    seconds: float
    error: str = ""

    def interval(self, figure: str) -> tuple[float, float]:
        """95 % interval of a figure's mean; the mean itself where one world says nothing of its error."""
        mean, se = self.mean[figure], self.se[figure]
        half = 0.0 if math.isnan(se) else _Z * se
        return mean - half, mean + half


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepResult:
    """A sweep, all of whose points are done.

    Attributes:
        sweep: What was asked for.
        scenario: The scenario as it is without the parameters.
        folder: Where it is kept.
        rows: One row a point and seed, in order.
        done_before: How many of them earlier calls did.
    """

    sweep: Sweep = field(repr=False)
    scenario: Scenario = field(repr=False)
    folder: Path
    rows: tuple[SweepRow, ...] = field(repr=False)
    done_before: int

    @property
    def failed(self) -> tuple[SweepRow, ...]:
        """Points without figures."""
        return tuple(row for row in self.rows if row.error)

    @property
    def ranked(self) -> tuple[SweepRow, ...]:
        """Points by the first figure that is asked for, the largest first, without those where it has no meaning.

        Points that differ in their seed alone stand together, by their mean: a seed is luck and nobody's choice.
        """
        first = self.sweep.document.figures[0]
        known = [row for row in self.rows if not row.error and not math.isnan(row.mean[first])]
        return tuple(sorted(known, key=lambda row: (-self.over_seeds(row)[0], row.point)))

    def over_seeds(self, row: SweepRow) -> tuple[float, float, int]:
        """The first figure's mean over all seeds of a row's parameters, its standard error, and the number of seeds.

        With one seed the error is that over worlds; with more it is that of the seeds' means.
        """
        first, seeds = self.sweep.document.figures[0], len(self.sweep.document.seeds)
        same = self.rows[row.point - row.point % seeds :][:seeds]
        values = [one.mean[first] for one in same if not one.error and not math.isnan(one.mean[first])]
        if len(values) < 2:
            return row.mean[first], row.se[first], 1
        return statistics.fmean(values), statistics.stdev(values) / math.sqrt(len(values)), len(values)

    @property
    def middle(self) -> float:
        """The first figure of the point in the middle of ``ranked``."""
        return self.ranked[len(self.ranked) // 2].mean[self.sweep.document.figures[0]]

    def to_frame(self) -> Frame:
        """One row a point: number, seed, parameters, figures and their ``_se``, scenario hash, version, error."""
        return frame_of(_flat(self.rows, self.sweep.document.design.parameters))


def rows_done(lines: Path) -> dict[int, SweepRow]:
    """What stands in the lines. From one that cannot be read on, as a kill or a power cut leaves it, nothing counts."""
    if not lines.is_file():
        return {}
    text = lines.read_text(encoding="utf-8", errors="replace")
    rows: dict[int, SweepRow] = {}
    whole = 0
    for line in text.split("\n")[:-1]:
        try:
            read = cast("dict[str, object]", json.loads(line))
        except ValueError:
            break
        whole += len(line) + 1
        for name in ("mean", "se"):
            figures = cast("dict[str, float | None]", read[name])
            read[name] = {key: float("nan") if value is None else value for key, value in figures.items()}
        row = SweepRow(**read)  # pyright: ignore[reportArgumentType] - written by `sweep` from such a row
        rows[row.point] = row
    if whole < len(text):
        with replace_file(lines) as temporary:
            temporary.write_text(text[:whole], encoding="utf-8")
    return rows


def _flat(rows: Sequence[SweepRow], parameters: Sequence[str]) -> list[dict[str, object]]:
    """Rows as the table has them; values of one parameter are all numbers, or all text."""
    numeric = {
        name: all(
            isinstance(row.parameters.get(name), int | float) and not isinstance(row.parameters[name], bool)
            for row in rows
            if name in row.parameters
        )
        for name in parameters
    }

    def value(row: SweepRow, name: str) -> object:
        one = row.parameters.get(name)
        return one if one is None or numeric[name] or isinstance(one, str) else json.dumps(one, ensure_ascii=False)

    return [
        {
            "point": row.point,
            "seed": row.seed,
            **{name: value(row, name) for name in parameters},
            **{
                name: found
                for figure in FIGURES
                for name, found in ((figure, row.mean.get(figure)), (f"{figure}_se", row.se.get(figure)))
            },
            "scenario_hash": row.scenario_hash,
            "version": row.version,
            "error": row.error,
        }
        for row in rows
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """A figure over all points at which a parameter has one value, or lies in one fifth of its values.

    Attributes:
        parameter: The parameter.
        first: The value, or the least of the fifth.
        last: The same, or the largest of the fifth.
        points: How many points.
        mean: Mean of the figure over them.
    """

    parameter: str
    first: object
    last: object
    points: int
    mean: float


def effects(result: SweepResult, figure: str) -> list[Effect]:
    """How a figure goes with each parameter, averaged over all others; points that failed are left out."""
    found: list[Effect] = []
    for name in result.sweep.document.design.parameters:
        known = [(row.parameters[name], row.mean[figure]) for row in result.ranked if name in row.parameters]
        known.sort(key=lambda one: _order(one[0]))
        values = list(dict.fromkeys(map(json.dumps, (value for value, _ in known))))
        if len(values) <= _MOST_VALUES:
            groups = [[one for one in known if json.dumps(one[0]) == value] for value in values]
        else:
            groups = [known[a:b] for a, b in pairwise(len(known) * n // _GROUPS for n in range(_GROUPS + 1))]
        found += [
            Effect(
                parameter=name,
                first=own[0][0],
                last=own[-1][0],
                points=len(own),
                mean=float(np.mean([mean for _, mean in own])),
            )
            for own in groups
        ]
    return found


def _order(value: object) -> tuple[bool, float, str]:
    """Numbers by size, then all else by its text."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return False, float(value), ""
    return True, 0.0, json.dumps(value)
