"""The first and the last step of every chart: records in, a plain Vega-Lite spec out."""

import math
from collections.abc import Sequence
from datetime import date
from typing import Any, TypeAlias, cast

import altair as alt

Spec: TypeAlias = dict[str, Any]
"""A Vega-Lite spec without schema and configuration, which stand once on the page."""
Record: TypeAlias = dict[str, str | float | bool | None]


def chart_data(records: Sequence[Record]) -> alt.InlineData:
    """Records as the data of a chart."""
    return alt.InlineData(values=cast("list[Any]", list(records)))


def finished(chart: alt.LayerChart | alt.FacetChart, description: str) -> Spec:
    """The spec of a chart. Checking it against the schema takes seconds; the tests do that."""
    spec: Spec = chart.properties(description=description).to_dict(validate=False)
    spec.pop("$schema", None)
    spec.pop("config", None)
    return spec


def local_midnight(day: date) -> str:
    """A day as a browser reads it: without a time it would be UTC, and the day before in the Americas."""
    return f"{day.isoformat()}T00:00:00"


def round_ticks(low: float, high: float) -> list[float]:
    """Round numbers between low and high: four to eight of them."""
    reach = high - low
    if reach <= 0.0:
        return [0.0]
    power = 10.0 ** math.floor(math.log10(reach / 4.0))
    step = next(power * factor for factor in (1.0, 2.0, 2.5, 5.0, 10.0) if reach / (power * factor) <= 8.0)
    first, last = math.ceil(low / step), math.floor(high / step)
    return [n * step for n in range(first, last + 1)]
