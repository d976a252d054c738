"""Heat maps."""

import json
import math
import textwrap
from collections.abc import Sequence
from datetime import date

import altair as alt

from xbopt.reports.kit import charts
from xbopt.reports.kit.figures import HeatMap
from xbopt.reports.kit.numbers import NumberFormat

_MOST_LABELLED = 14
_MOST_UPRIGHT = 26
"""Up to this many columns, small figures fit upright; beyond, they are turned."""
_SMALL = 10
_MOST_DAY_LABELS = 10
_LINE = 14
_WIDE_LINE = 18
"""Letters in a line of a column head; more where few columns share the whole width."""
_FEW = 6
_NARROW_LINE = 11
_LINE_HEIGHT = 13


def heat_map_chart(heat: HeatMap, numbers: NumberFormat, *, wide: bool) -> charts.Spec:
    """Cells shaded from nothing to most, with their values written in where there is room."""
    known = [value for row in heat.values for value in row if not math.isnan(value)]
    top = heat.top if heat.top is not None else max(known, default=0.0)
    labelled = len(heat.columns) <= _MOST_LABELLED
    names = [numbers.short_day(date.fromisoformat(name)) if heat.columns_are_days else name for name in heat.columns]
    columns = _wrapped(heat.columns, _line_length(len(heat.columns), wide=wide))
    total_row, total_column = _free_name("Total", heat.rows), _free_name(_hanging("Total", columns), columns)
    records: list[charts.Record] = []
    for i, (row_name, row) in enumerate(zip(heat.rows, heat.values, strict=True)):
        plain = heat.reference_row and i == 0
        for column, name, value in zip(columns, names, row, strict=True):
            text = numbers.short(value, heat.unit)
            position = 0.0 if math.isnan(value) or top <= 0.0 else min(value / top, 1.0)
            ink = charts.ink_on(position) if value > 0.0 else charts.NEUTRAL
            record: charts.Record = {
                "row": row_name,
                "column": column,
                "shade": "" if math.isnan(value) or plain else charts.shade(position),
                "tip": f"{name}: {numbers.number(value, heat.unit)}",
            }
            # Long maps have room for small figures alone: no zeros, no currency.
            label = text if labelled else _small_label(value, heat, numbers)
            records.append(record | {"label": label, "ink": charts.INK if plain else ink} if label else record)
    rows = list(heat.rows)
    if heat.sums and labelled:
        records += _sums(heat, columns, numbers, total_row, total_column)
        if len(heat.columns) > 1:
            columns.append(total_column)
        if len(heat.rows) > 1:
            rows.append(total_row)
    axis = alt.Axis(
        orient="top",
        labelAngle=0,
        labelLimit=150,
        labelBaseline="top",
        labelPadding=_LINE_HEIGHT * (1 + max((name.count("\n") for name in columns), default=0)) + 3,
        labelOverlap=False,
        grid=False,
        labelExpr="split(datum.value, '\\n')",
    )
    if heat.columns_are_days:
        # Only our own dates enter the expression; names that users chose stay data.
        every = 1 if labelled else math.ceil(len(names) / _MOST_DAY_LABELS)
        words = {
            column: name for i, (column, name) in enumerate(zip(heat.columns, names, strict=True)) if i % every == 0
        }
        axis.labelExpr = f"({json.dumps(words, ensure_ascii=False)})[datum.value] || ''"
    base = charts.chart_of(records).encode(
        x=alt.X(
            "column:N",
            sort=columns,
            title=None,
            scale=alt.Scale(domain=columns, paddingInner=0.03 if labelled else 0.08),
            axis=axis,
        ),
        y=alt.Y(
            "row:N",
            sort=rows,
            title=None,
            scale=alt.Scale(domain=rows, paddingInner=0.06),
            axis=alt.Axis(labelColor=charts.INK, labelLimit=330, grid=False),
        ),
    )
    cells = (
        base.transform_filter("datum.shade != ''")
        .mark_rect(cornerRadius=2)
        .encode(
            color=alt.Color("shade:N", scale=None),
            tooltip=[alt.Tooltip("row:N"), alt.Tooltip("tip:N")],
        )
    )
    layers: list[alt.Chart] = [cells]
    turned = len(heat.columns) > _MOST_UPRIGHT
    texts = base.transform_filter("isValid(datum.label)")
    words = texts.mark_text() if labelled else texts.mark_text(fontSize=_SMALL, angle=270 if turned else 0)
    layers.append(words.encode(text="label:N", color=alt.Color("ink:N", scale=None)))
    height = (36 if turned else 30 if labelled else 24) * len(rows)
    return charts.finished(alt.layer(*layers).properties(width="container", height=height), heat.description)


def _small_label(value: float, heat: HeatMap, numbers: NumberFormat) -> str:
    if math.isnan(value) or value == 0.0:
        return ""
    if heat.unit == "money":
        return numbers.short(float(round(value)), heat.unit, symbol=False) if round(value) else ""
    return numbers.short(value, heat.unit)


def _sums(
    heat: HeatMap, columns: Sequence[str], numbers: NumberFormat, total_row: str, total_column: str
) -> list[charts.Record]:
    def record(row: str, column: str, value: float) -> charts.Record:
        text = numbers.short(value, heat.unit)
        return {
            "row": row,
            "column": column,
            "label": text,
            "ink": charts.INK,
            "shade": "",
            "tip": numbers.number(value, heat.unit),
        }

    across, down = len(heat.columns) > 1, len(heat.rows) > 1
    records: list[charts.Record] = []
    if across:
        sums = [math.fsum(row) for row in heat.values]
        records += [record(name, total_column, value) for name, value in zip(heat.rows, sums, strict=True)]
    if down:
        sums = [math.fsum(row[i] for row in heat.values) for i in range(len(heat.columns))]
        records += [record(total_row, name, value) for name, value in zip(columns, sums, strict=True)]
    if across and down:
        records.append(record(total_row, total_column, math.fsum(value for row in heat.values for value in row)))
    return records


def _line_length(columns: int, *, wide: bool) -> int:
    """How many letters fit above a column."""
    if wide:
        return _WIDE_LINE if columns <= _FEW else _LINE
    return _LINE if columns <= 2 else _NARROW_LINE


def _wrapped(names: Sequence[str], width: int) -> list[str]:
    """Long names broken into lines, as long as they stay apart from each other."""
    lines = [textwrap.wrap(name, width) or [name] for name in names]
    most = max((len(each) for each in lines), default=1)
    # Heads hang from the top; empty lines before a short one let it stand on the map.
    broken = ["\n".join([" "] * (most - len(each)) + each) for each in lines]
    return broken if len(set(broken)) == len(names) else list(names)


def _hanging(name: str, columns: Sequence[str]) -> str:
    """A head of one line beside wrapped ones: empty lines let it stand on the map as well."""
    lines = max((column.count("\n") for column in columns), default=0)
    return " \n" * lines + name


def _free_name(name: str, taken: Sequence[str]) -> str:
    """The name, with blanks behind it until nobody else has it."""
    while name in taken:
        name += "\N{NO-BREAK SPACE}"
    return name
