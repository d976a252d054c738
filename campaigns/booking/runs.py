"""Which days share a sheet, and the budgets that stand in it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from xbopt.campaigns.booking.account import Account
from xbopt.campaigns.booking.amounts import Held, groups_of, whole_units
from xbopt.campaigns.booking.check_row import CheckCode, CheckRow
from xbopt.campaigns.booking.platform import BookingPlatform
from xbopt.campaigns.booking.takes import Takes
from xbopt.core.arrays import FloatArray, IntArray
from xbopt.core.scenario.scenario import Scenario

By = Literal["run", "mean"]
"""``run``: a sheet for each run of days with equal budgets; ``mean``: the mean budget of as many days as possible."""


_WORSE: tuple[Held, ...] = ("as_planned", "rounded", "lowered_for_others", "raised_to_minimum")


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """Days in a row with one sheet.

    Attributes:
        first: First of them, from 0 within the days that are booked.
        end: The day after the last one.
        units: Budgets in smallest units ``(K,)``; None where there is no sheet, since the least budgets cost too much.
        held: What became of each.
        asked: What the plan asks for by day, account currency ``(end - first, K)``.
    """

    first: int
    end: int
    units: IntArray | None
    held: tuple[Held, ...]
    asked: FloatArray

    @property
    def days(self) -> slice:
        """Its days within those that are booked."""
        return slice(self.first, self.end)


def runs_of(
    asked: FloatArray, cells: Sequence[object], takes: Takes, form: BookingPlatform, account: Account, by: By
) -> list[Run]:
    """Group days by what their sheet would hold.

    Args:
        asked: Account currency ``(N, K)``.
        cells: What else stands in each day's sheet; days of one run have the same.
        takes: The lines.
        form: Least budgets.
        account: The account.
        by: How days with different spend are put together.
    """
    scale = 10**account.digits
    floors = np.array([form.minimum(line.level, account.currency) for line in takes.lines])
    least = np.maximum(np.ceil(floors * scale - 1e-9).astype(np.int64), 0 if form.zero_allowed else 1)
    group = groups_of(takes.share)
    found: list[Run] = []
    for first, end in _equal_spans(cells):
        steps = [(first, end)] if by == "mean" else [(n, n + 1) for n in range(first, end)]
        for a, b in steps:
            amounts = whole_units(asked[a:b].mean(axis=0) * scale, least, group)
            last = found[-1] if found and a > first else None
            if last is not None and np.array_equal(_or_none(last.units), _or_none(amounts.units)):
                held: list[Held] = [_worse(*each) for each in zip(last.held, amounts.held, strict=True)]
                found[-1] = Run(
                    first=last.first, end=b, units=last.units, held=tuple(held), asked=asked[last.first : b]
                )
            else:
                found.append(Run(first=a, end=b, units=amounts.units, held=amounts.held, asked=asked[a:b]))
    return found


def _worse(one: Held, other: Held) -> Held:
    """What to say of a run of two days that came to the same units in two ways."""
    return one if _WORSE.index(one) >= _WORSE.index(other) else other


def _or_none(units: IntArray | None) -> IntArray:
    return np.array([-1], dtype=np.int64) if units is None else units


def _equal_spans(cells: Sequence[object]) -> Iterator[tuple[int, int]]:
    first = 0
    for n in range(1, len(cells) + 1):
        if n == len(cells) or cells[n] != cells[first]:
            yield first, n
            first = n


def check_of_runs(
    runs: Sequence[Run], takes: Takes, account: Account, scenario: Scenario, first_day: int
) -> Iterator[CheckRow]:
    """What became of every budget that does not stand in its sheet as the plan asks for it."""
    scale = 10**account.digits
    for run in runs:
        first, last = (scenario.date_of(first_day + day) for day in (run.first, run.end - 1))
        for k, line in enumerate(takes.lines):
            asked = float(run.asked[:, k].mean())
            stands = None if run.units is None else float(run.units[k]) / scale
            low, high = float(run.asked[:, k].min()), float(run.asked[:, k].max())
            codes: list[tuple[CheckCode, str]] = []
            if run.units is None:
                codes.append(("no_sheet", ""))
            elif (held := run.held[k]) != "as_planned":
                codes.append((held, ""))
            if run.units is not None and not line.runs:
                codes.append(("not_running", ""))
            if run.units is not None and high - low > 1.0 / scale:
                codes.append(("mean_of_days", f"{low:.{account.digits}f} - {high:.{account.digits}f}"))
            for code, detail in codes:
                yield CheckRow(
                    code=code, first=first, last=last, line=line.name or line.id, asked=asked, stands=stands,
                    currency=account.currency, detail=detail,
                )  # fmt: skip
