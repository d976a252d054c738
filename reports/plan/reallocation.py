"""From the money of one plan to that of another: what is taken where, and what is added."""

import math

import numpy as np

from xbopt.reports.kit.figures import BridgeStep, Column, StepKind, Table
from xbopt.studies.labels import axis_names
from xbopt.studies.plan import PlanningResult

_MOST_STEPS = 14
_SMALLEST = 0.005


def build_reallocation(result: PlanningResult) -> tuple[BridgeStep, ...]:
    """From the spend of the scenario's own plan to that of this one; the largest moves stand by themselves."""
    old, new = result.baseline.spend_base.sum(axis=1), result.planned.spend_base.sum(axis=1)  # (R, C)
    regions, _, channels = axis_names(result.scenario)
    moves = [
        (f"{region} \N{MIDDLE DOT} {channel}", float(new[r, c] - old[r, c]))
        for r, region in enumerate(regions)
        for c, channel in enumerate(channels)
        if abs(new[r, c] - old[r, c]) > _SMALLEST
    ]
    ranked = sorted(moves, key=lambda move: -abs(move[1]))
    shown = sorted(ranked[:_MOST_STEPS], key=lambda move: move[1])
    rest = math.fsum(amount for _, amount in ranked[_MOST_STEPS:])
    if len(ranked) > _MOST_STEPS:
        shown.append((f"{len(ranked) - _MOST_STEPS} smaller moves", rest))
    before, after = float(old.sum()), float(new.sum())
    whole = before if before > 0.0 else after
    at = before
    steps = [_step("before", "The scenario's own plan", "subtotal", before, 0.0, whole)]
    for name, amount in shown:
        steps.append(_step(name, name, "amount", amount, at, whole))
        at += amount
    return (*steps, _step("after", "This plan", "total", after, 0.0, whole))


def reallocation_table(result: PlanningResult) -> Table:
    """Spend by region, segment and channel: before, now, and the change."""
    old, new = result.baseline.spend_base, result.planned.spend_base
    regions, segments, channels = axis_names(result.scenario)
    rows = [
        (region, segment, channel, float(old[r, s, c]), float(new[r, s, c]), float(new[r, s, c] - old[r, s, c]))
        for r, region in enumerate(regions)
        for s, segment in enumerate(segments)
        for c, channel in enumerate(channels)
    ]
    sums = [float(np.sum(array)) for array in (old, new, new - old)]
    return Table(
        key="reallocation",
        title="Where the money moves",
        columns=(
            Column("region", "Region", "text"),
            Column("segment", "Segment", "text"),
            Column("channel", "Channel", "text"),
            Column("before", "Scenario's own plan", "money", "Over the horizon, expected mode"),
            Column("after", "This plan", "money", "Over the horizon, expected mode"),
            Column("change", "Change", "money", "This plan less the scenario's own"),
        ),
        rows=(*rows, ("All", "", "", *sums)),
        last_is_total=True,
    )


def _step(key: str, name: str, kind: StepKind, amount: float, start: float, whole: float) -> BridgeStep:
    share = amount / whole if whole > 0.0 else math.nan
    return BridgeStep(key=key, name=name, kind=kind, amount=amount, start=start, end=start + amount, of_revenue=share)
