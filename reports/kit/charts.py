"""What all charts share: records in, a plain Vega-Lite spec out; colours for colour-blind readers and grey print."""

import math
from collections.abc import Sequence
from datetime import date
from typing import Any, Literal, TypeAlias, cast

import altair as alt

from xbopt.reports.kit.figures import Spec

INK = "#1c2733"
SOFT_INK = "#5a6775"
HAIRLINE = "#dde3e9"
NEUTRAL = "#9aa7b4"
ACCENT = "#1f5f8b"
GAIN = "#3b7fb0"
LOSS = "#c8643c"
SHADES = ("#f0f4f8", "#c9dcea", "#8fb8d4", "#4d8bb5", "#1f5f8b", "#123f61")
"""From nothing to most; one hue, evenly darker, so that order survives in grey."""

FONT = "Inter, 'Segoe UI', 'Helvetica Neue', Arial, 'Liberation Sans', sans-serif"

CONFIG: dict[str, Any] = {
    "background": "transparent",
    "font": FONT,
    "padding": 2,
    "view": {"stroke": None},
    "axis": {
        "labelColor": SOFT_INK,
        "labelFontSize": 12,
        "titleColor": SOFT_INK,
        "titleFontSize": 12,
        "titleFontWeight": "normal",
        "gridColor": HAIRLINE,
        "domainColor": HAIRLINE,
        "tickColor": HAIRLINE,
        "ticks": False,
        "labelPadding": 6,
        "domain": False,
    },
    "text": {"font": FONT, "fontSize": 12, "fill": INK},
    "legend": {"labelColor": SOFT_INK, "labelFontSize": 12, "titleColor": SOFT_INK, "titleFontWeight": "normal"},
}
"""Vega-Lite configuration of every chart."""

MONEY_AXIS = "replace(replace(format(datum.value, '$.3~s'), 'G', 'B'), 'k', 'K')"
"""Axis label for money, in the notation of money rather than that of physics."""


def ink_on(position: float) -> str:
    """A text colour that can be read on the shade at a position 0..1 of the scale."""
    return "#ffffff" if position > 0.52 else INK


def shade(position: float) -> str:
    """The colour at a position 0..1 of the scale of shades."""
    at = min(max(position, 0.0), 1.0) * (len(SHADES) - 1)
    left = min(int(at), len(SHADES) - 2)
    pair = [[int(colour[i : i + 2], 16) for i in (1, 3, 5)] for colour in SHADES[left : left + 2]]
    mixed = [round(a + (b - a) * (at - left)) for a, b in zip(*pair, strict=True)]
    return "#" + "".join(f"{channel:02x}" for channel in mixed)


Record: TypeAlias = dict[str, str | float | bool | None]


def chart_of(records: Sequence[Record]) -> alt.Chart:
    """A chart whose data are the records."""
    return alt.Chart(alt.InlineData(values=cast("list[Any]", list(records))))


def zero_line(axis: Literal["x", "y"]) -> alt.Chart:
    """A thin line at 0 of an axis."""
    return chart_of([{"zero": 0.0}]).mark_rule(color=SOFT_INK, strokeWidth=1).encode(**{axis: "zero:Q"})


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
