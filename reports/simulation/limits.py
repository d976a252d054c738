"""What the limits changed, and how near the plan came to each."""

from dataclasses import dataclass

import numpy as np

from xbopt.core.arrays import FloatArray
from xbopt.reports.kit.figures import Column, Table, Unit, Value, labelled
from xbopt.reports.simulation.allocation import names_of, spend_by_cell
from xbopt.studies.kpis import Estimate
from xbopt.studies.simulate import SimulationResult
from xbopt.studies.totals import ADJUSTMENTS, CELL_COUNTS

_SMALLEST_MONEY = 0.005
"""Half a cent over the horizon: what rounding does, and nothing that a planner could see."""
_FULL = 0.9995

_CELL = "a cell is one segment in one region"
_DEEP = f"cells and days on which a discount was deeper than the ceiling or the margin floor allows; {_CELL}"
_WORDS: dict[str, tuple[str, Unit, str]] = {
    "cut_base": ("Spend cut", "money", "wanted by the policy, beyond a budget, cap or daily limit"),
    "raised_base": ("Spend raised", "money", "added for minimums and locks"),
    "unmet_base": ("Minimums and locks not paid", "money", "because too little was left"),
    "discounts_cut": ("Discounts cut", "count", _DEEP),
    "dayparts_mended": ("Daypart weights replaced", "count", "empty or negative ones; the audience's own day was used"),
}


_CAPPED = "cells and days on which more shoppers wanted to buy than the model allows"


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitsReport:
    """Limits.

    Attributes:
        changes: What the projection changed, where a cart rate met its cap, and what stock-outs lost.
        use: Each limit and how much of it is used.
        anything_changed: Whether anything was changed at all.
        at_limit: Names of the limits that are used in full.
    """

    changes: Table
    use: Table
    anything_changed: bool
    at_limit: tuple[str, ...]


def build_limits(result: SimulationResult) -> LimitsReport:
    """Gather all limits of a result."""
    totals = result.totals
    lost = totals.cells[..., CELL_COUNTS.index("lost_orders")].sum(axis=(1, 2))
    lost_label, lost_unit = labelled("lost_orders")
    found = [
        *(_change(_WORDS[name], totals.adjustments[:, i]) for i, name in enumerate(ADJUSTMENTS)),
        _change(("Cart rate at its cap", "count", _CAPPED), totals.capped_cell_days),
        _change((lost_label, lost_unit, "shoppers wanted to buy, and nothing was left"), lost),
    ]
    use = _use_rows(result)
    return LimitsReport(
        changes=Table(
            key="limit_changes",
            title="What limits and stock-outs changed",
            columns=(
                Column(key="change", name="Change", unit="text"),
                Column(key="money", name="Money", unit="money", meaning="Base currency, mean and range over worlds"),
                Column(key="number", name="Number", unit="count", meaning="Cells and days, rows, or orders"),
                Column(key="worlds", name="In worlds", unit="share", meaning="Share of worlds in which it happened"),
                Column(key="meaning", name="Meaning", unit="text"),
            ),
            rows=tuple(row for row, _ in found),
        ),
        use=Table(
            key="limit_use",
            title="How much of each limit is used",
            columns=(
                Column(key="limit", name="Limit", unit="text"),
                Column(key="allowed", name="Allowed", unit="money"),
                Column(key="used", name="Used", unit="money", meaning="Mean over worlds"),
                Column(key="share", name="Share", unit="share", meaning="Used over allowed"),
            ),
            rows=tuple(use),
        ),
        anything_changed=any(hit for _, hit in found),
        at_limit=tuple(str(row[0]) for row in use if isinstance(row[3], float) and row[3] >= _FULL),
    )


def _change(words: tuple[str, Unit, str], values: FloatArray) -> tuple[tuple[Value, ...], bool]:
    label, unit, meaning = words
    threshold = _SMALLEST_MONEY if unit == "money" else 0.0
    happened = values > threshold
    # Below the threshold stands rounding noise of sums, which would read as a cut of zero.
    estimate = Estimate.of(np.where(happened, values, 0.0))
    money, number = (estimate, None) if unit == "money" else (None, estimate)
    return (label, money, number, float(happened.mean()), meaning), bool(happened.any())


def _use_rows(result: SimulationResult) -> list[tuple[Value, ...]]:
    limits, spend = result.scenario.limits, spend_by_cell(result)
    regions, _, channels = names_of(result.scenario)
    by_day = (result.totals.spend_by_day / result.totals.worlds).sum(axis=(1, 2))
    rows = [
        _used("Budget", limits.total_base, float(spend.sum())),
        _used("Spend on one day (largest day)", limits.daily_base, float(by_day.max())),
    ]
    for caps, names, used in (
        (limits.region_cap_base, regions, spend.sum(axis=(1, 2))),
        (limits.channel_cap_base, channels, spend.sum(axis=(0, 1))),
    ):
        rows += [
            _used(f"Cap on {name}", float(cap), float(value))
            for name, cap, value in zip(names, caps, used, strict=True)
            if np.isfinite(cap)
        ]
    return rows


def _used(name: str, allowed: float, used: float) -> tuple[Value, ...]:
    return name, allowed, used, used / allowed if allowed > 0.0 else None
