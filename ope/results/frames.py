"""An evaluation as a table for data-frame libraries, in one line, and as a cell of a notebook."""

# pyarrow ships without complete type information.
# pyright: reportUnknownVariableType=false, reportUnknownMemberType=false

from collections.abc import Mapping
from html import escape
from typing import Protocol

from xbopt.core.frames import Frame
from xbopt.ope.results.estimates import Estimate


class _Shown(Protocol):
    """What is shown of an evaluation; attributes as of ``PolicyEvaluation``."""

    @property
    def verdict(self) -> str: ...
    @property
    def reasons(self) -> tuple[str, ...]: ...
    @property
    def next_steps(self) -> tuple[str, ...]: ...
    @property
    def values(self) -> "Mapping[str, Estimate]": ...
    @property
    def differences(self) -> "Mapping[str, Estimate]": ...
    @property
    def logging_policy(self) -> "Estimate": ...
    @property
    def difference(self) -> "Estimate | None": ...
    @property
    def recommended(self) -> str | None: ...
    @property
    def rows(self) -> int: ...
    @property
    def confidence(self) -> float: ...


LOGGING = "logging"
"""The row of what was done."""


def frame_of(result: _Shown) -> Frame:
    """One row an estimator, the recommended one first, then one of what was done.

    Columns: ``estimator``, ``value``, ``se``, ``low``, ``high``, the same with ``difference_`` before them (null for
    what was done), ``recommended`` and ``covers``. After a refusal only what was done is left.
    """
    import pyarrow as pa  # slow to load

    names = sorted(result.values, key=lambda name: name != result.recommended)
    rows: list[dict[str, object]] = []
    for name in (*names, LOGGING):
        estimate = result.logging_policy if name == LOGGING else result.values[name]
        difference = None if name == LOGGING else result.differences.get(name)
        figures = _figures(estimate) | {f"difference_{key}": value for key, value in _figures(difference).items()}
        rows.append(
            {"estimator": name, **figures, "recommended": name == result.recommended, "covers": estimate.covers}
        )
    numbers = [pa.field(f"{kind}{key}", pa.float64()) for kind in ("", "difference_") for key in _FIGURES]
    flags = [pa.field(name, pa.bool_()) for name in ("recommended", "covers")]
    return pa.Table.from_pylist(rows, schema=pa.schema([pa.field("estimator", pa.string()), *numbers, *flags]))


def line_of(result: _Shown, *, name: str = "PolicyEvaluation", about: str = "") -> str:
    """The verdict, and the value to quote with its interval and its difference to what was done."""
    parts = [result.verdict, *([about] if about else []), f"rows={result.rows:,}"]
    if result.recommended is not None:
        parts.append(f"{result.recommended}={_short(result.values[result.recommended])}")
        if result.difference is not None:
            parts.append(f"difference={_short(result.difference)}")
    return f"{name}({', '.join(parts)})"


def html_of(result: _Shown, *, about: str = "") -> str:
    """The verdict, its reasons, and the estimates as a table, the recommended one first."""
    lines = [f"<p><b>{result.verdict}</b>{escape(f': {about}' if about else '')}, {result.rows:,} rows</p>"]
    notes = [*result.reasons, *result.next_steps]
    if notes:
        lines.append("<ul>" + "".join(f"<li>{escape(one)}</li>" for one in notes) + "</ul>")
    percent = f"{100.0 * result.confidence:g}%"
    head = ("", "value", f"{percent} interval", "less what was done", f"{percent} interval")
    body: list[tuple[str, ...]] = []
    for name in (*sorted(result.values, key=lambda one: one != result.recommended), LOGGING):
        estimate = result.logging_policy if name == LOGGING else result.values[name]
        difference = None if name == LOGGING else result.differences.get(name)
        pair = ("", "") if difference is None else _cells(difference)
        body.append((name, *_cells(estimate), *pair))
    rows = ["".join(f"<th>{escape(cell)}</th>" for cell in head)]
    rows += ["".join(f"<td>{escape(cell)}</td>" for cell in cells) for cells in body]
    return "".join([*lines, "<table>", *(f"<tr>{row}</tr>" for row in rows), "</table>"])


_FIGURES = ("value", "se", "low", "high")


def _figures(estimate: "Estimate | None") -> dict[str, float | None]:
    return {key: None if estimate is None else getattr(estimate, key) for key in _FIGURES}


def _short(estimate: "Estimate") -> str:
    return f"{estimate.value:.4g} [{estimate.low:.4g}, {estimate.high:.4g}]"


def _cells(estimate: "Estimate") -> tuple[str, str]:
    return f"{estimate.value:.5g}", f"{estimate.low:.5g} to {estimate.high:.5g}"
