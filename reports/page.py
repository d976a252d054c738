"""The HTML page of a simulation report: one file that asks the network for nothing."""

import base64
import hashlib
import json
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from itertools import groupby
from pathlib import Path

import altair as alt
import vl_convert
from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from xbopt.core.errors import UsageError
from xbopt.core.files import replace_file
from xbopt.reports.assumptions import DEFAULT_MARK, EVIDENCE, NO_MARK, SET_MARK, Assumption, AssumptionSheet
from xbopt.reports.chart_style import ACCENT, CONFIG
from xbopt.reports.numbers import NumberFormat, glued
from xbopt.reports.page_parts import ChartPart
from xbopt.reports.simulation import SimulationReport
from xbopt.reports.simulation_page import simulation_sections
from xbopt.reports.tiles import Tile

MAX_BYTES = 1_500_000
"""Largest page that is promised for scenarios of ordinary size."""
_MOST_LOGO_BYTES = 200_000
_LOGO_TYPES = {".png": "image/png", ".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".svg": "image/svg+xml"}


@dataclass(frozen=True, slots=True, kw_only=True)
class PageStyle:
    """What a house may set.

    Attributes:
        accent: Colour of marks and rules on the page, as ``#rrggbb``. Charts keep their colours, which are safe for
            colour-blind readers.
        logo: Image file that stands at the head of the page.
    """

    accent: str = ACCENT
    logo: Path | None = None

    def __post_init__(self) -> None:
        """Check both.

        Raises:
            UsageError: The colour is none, or the image cannot be used.
        """
        if not re.fullmatch(r"#[0-9a-fA-F]{6}", self.accent):
            raise UsageError(f"accent is {self.accent!r}; a colour is written #rrggbb, as in {ACCENT}.")
        if self.logo is not None and self.logo.suffix.lower() not in _LOGO_TYPES:
            raise UsageError(f"The logo {self.logo} is no image of a known type; use {', '.join(_LOGO_TYPES)}.")

    def logo_uri(self) -> str:
        """The logo as a data URI; empty without one.

        Raises:
            UsageError: The image cannot be read, or is too large.
        """
        if self.logo is None:
            return ""
        try:
            image = self.logo.read_bytes()
        except OSError as error:
            raise UsageError(f"The logo {self.logo} cannot be read: {error.strerror}.") from None
        if len(image) > _MOST_LOGO_BYTES:
            raise UsageError(f"The logo {self.logo} has {len(image):,} bytes; at most {_MOST_LOGO_BYTES:,} fit.")
        return f"data:{_LOGO_TYPES[self.logo.suffix.lower()]};base64,{base64.b64encode(image).decode()}"


@dataclass(frozen=True, slots=True, kw_only=True)
class _TileText:
    name: str
    figure: str
    range: str
    change: str
    tone: str
    meaning: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _SheetRow:
    group: str
    values: tuple[tuple[str, str], ...]
    evidence: str
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _SheetRows:
    count: int
    rows: tuple[_SheetRow, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _SheetText:
    takeaway: str
    marks: tuple[tuple[str, str], ...]
    sections: tuple[tuple[str, _SheetRows], ...]


def write_html(report: SimulationReport, path: Path | str, *, style: PageStyle | None = None) -> None:
    """Write the page of a report to one file; a file that is there already is replaced at the end.

    Raises:
        UsageError: The file cannot be written there, or the logo cannot be used.
    """
    page = html_page(report, style=style)
    with replace_file(Path(path)) as temporary:
        temporary.write_text(page, encoding="utf-8")


def html_page(report: SimulationReport, *, style: PageStyle | None = None) -> str:
    """The page of a report. The same report gives the same bytes."""
    style = style or PageStyle()
    sections = simulation_sections(report)
    charts = [chart for section in sections for chart in section.charts]
    javascript = _javascript()
    css = _file("page.css").replace("ACCENT", style.accent)
    # Nothing may be loaded, and only our own script may run, even if a name in the scenario tries to.
    policy = (
        "default-src 'none'; img-src data:; style-src 'unsafe-inline'; "
        f"script-src 'sha256-{_digest(javascript)}'; base-uri 'none'; form-action 'none'"
    )
    paired = any(tile.change is not None and tile.change.ahead is not None for tile in report.tiles)
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=False)
    environment.filters["glued"] = glued
    return (
        environment.from_string(_file("page.html.j2")).render(
            report=report,
            worlds=report.numbers.count(report.worlds),
            tiles=[_tile_text(tile, report.numbers) for tile in report.tiles],
            change_legend=" Changes are against the baseline, world by world." if paired else "",
            sections=sections,
            assumptions=_sheet_text(report.assumptions, report.numbers),
            logo=style.logo_uri(),
            policy=policy,
            css=Markup(css),  # noqa: S704 - our own file
            charts=Markup(script_json(_chart_data(charts, report.numbers))),  # noqa: S704 - escaped for a script element
            javascript=Markup(javascript),  # noqa: S704 - bundled code without a closing tag, checked where it is made
        )
        + "\n"
    )


def script_json(data: object) -> str:
    """JSON that can stand in a script element: no character of it can open or close a tag.

    Raises:
        ValueError: The data hold NaN or infinity.
    """
    text = json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    for sign in "<>&\u2028\u2029":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return text


def _chart_data(charts: Sequence[ChartPart], numbers: NumberFormat) -> dict[str, object]:
    return {
        "config": CONFIG,
        "locale": numbers.chart_locale(),
        "charts": [{"key": chart.key, "spec": chart.spec} for chart in charts],
    }


@cache
def _javascript() -> str:
    """Vega and Vega-Lite with the code that draws the page's charts, in one script."""
    wanted = ".".join(alt.SCHEMA_VERSION.removeprefix("v").split(".")[:2])
    version = wanted if wanted in vl_convert.get_vegalite_versions() else None
    bundle = vl_convert.javascript_bundle(_file("charts.js.j2"), vl_version=version)
    # A closing tag inside a string literal would end the script element.
    return re.sub(r"</(?=script)", r"<\\/", bundle, flags=re.IGNORECASE).replace("<!--", "<\\!--")


def _digest(script: str) -> str:
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()


@cache
def _file(name: str) -> str:
    return (resources.files("xbopt.reports") / name).read_text(encoding="utf-8")


def _tile_text(tile: Tile, numbers: NumberFormat) -> _TileText:
    change, tone = "", "even"
    if tile.change is not None:
        mean = tile.change.estimate.mean
        if math.isfinite(mean):
            text = numbers.number(abs(mean), tile.unit, short=True)
            is_zero = text == numbers.number(0.0, tile.unit, short=True)
            sign = "" if is_zero else "+" if mean > 0.0 else "\N{MINUS SIGN}"
            if tile.unit == "share":
                text = f"{numbers.decimal(abs(mean) * 100.0)} points"
            change = f"{sign}{text} against {tile.baseline}" if not is_zero else f"as {tile.baseline}"
            if tile.good_if_higher is not None and not is_zero:
                tone = "good" if (mean > 0.0) == tile.good_if_higher else "bad"
    return _TileText(
        name=tile.name,
        figure=numbers.number(tile.estimate.mean, tile.unit, short=True),
        range=numbers.range(tile.estimate, tile.unit, short=True),
        change=change,
        tone=tone,
        meaning=tile.meaning,
    )


def _sheet_text(sheet: AssumptionSheet, numbers: NumberFormat) -> _SheetText:
    total, defaults, bare = len(sheet.numbers), sheet.count(DEFAULT_MARK), sheet.count(NO_MARK)
    changed = sheet.count(SET_MARK)
    also = f", {numbers.count(changed)} set with --set" if changed else ""
    used = {number.evidence for number in sheet.numbers}
    marks = {**EVIDENCE, NO_MARK: "stated in the scenario, without a source", DEFAULT_MARK: "left to the format"}

    def rows(items: list[Assumption]) -> tuple[_SheetRow, ...]:
        return tuple(
            _SheetRow(
                group=group,
                values=tuple(
                    ("" if item.name.startswith("[") else item.name, numbers.exact(item.value)) for item in members
                ),
                evidence=evidence,
                source=source + (f" ({note})" if note else ""),
            )
            for (group, evidence, source, note), grouped in groupby(
                sorted(items, key=lambda item: order[item.group]),
                key=lambda item: (item.group, item.evidence, item.source, item.note),
            )
            for members in [list(grouped)]
        )

    order: dict[str, int] = {}
    for item in sheet.numbers:
        order.setdefault(item.group, len(order))
    sections = [(name, list(items)) for name, items in groupby(sheet.numbers, key=lambda item: item.section)]
    return _SheetText(
        takeaway=f"The scenario holds {numbers.count(total)} numbers: {numbers.count(sheet.sourced)} with a source, "
        f"{numbers.count(bare)} without one{also}, and {numbers.count(defaults)} left to the format's defaults.",
        marks=tuple((mark, words) for mark, words in marks.items() if mark in used),
        sections=tuple((name, _SheetRows(count=len(items), rows=rows(items))) for name, items in sections),
    )
