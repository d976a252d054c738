"""The first and the last step of every chart: records in, a plain Vega-Lite spec out."""

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
