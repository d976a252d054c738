"""Estimates with their intervals, one a line: a forest plot."""

from collections.abc import Sequence

from xbopt.ope.results.estimates import Estimate
from xbopt.reports.evaluation.reward_numbers import RewardNumbers
from xbopt.reports.kit.chart_intervals import IntervalRow, interval_chart
from xbopt.reports.kit.charts import Spec


def forest_chart(
    rows: Sequence[tuple[str, Estimate, bool]],
    reference: float,
    reference_name: str,
    numbers: RewardNumbers,
    description: str,
    *,
    signed: bool = False,
) -> Spec:
    """A line from low to high with a dot at the value; a dashed rule at the reference.

    Args:
        rows: Name, estimate, and whether it is the one to quote.
        reference: What the values are compared with.
        reference_name: What it is.
        numbers: How rewards are written.
        description: What the chart shows.
        signed: Whether the values are differences.
    """
    write = numbers.signed if signed else numbers.reward
    ends = [end for _, estimate, _ in rows for end in (estimate.low, estimate.high)] + [reference]
    pattern = "~g" if not numbers.is_money else "$,.2f" if max(ends) - min(ends) < 10.0 else "$,.0f"
    return interval_chart(
        [
            IntervalRow(
                name=name,
                value=estimate.value,
                low=estimate.low,
                high=estimate.high,
                label=f"{write(estimate.value)}  ({numbers.range(estimate, signed=signed)})",
                is_strong=is_quoted,
            )
            for name, estimate, is_quoted in rows
        ],
        reference=reference,
        reference_name=reference_name,
        description=description,
        axis_labels=f"format(datum.value, '{pattern}')",
        text_room=0.62,
    )
