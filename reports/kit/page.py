"""The HTML page of a report: one file that asks the network for nothing."""

import base64
import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path

import altair as alt
import vl_convert
from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from xbopt.core.errors import UsageError
from xbopt.core.files import replace_file
from xbopt.reports.kit.charts import ACCENT, CONFIG
from xbopt.reports.kit.numbers import NumberFormat, glued
from xbopt.reports.kit.page_parts import ChartPart, PageContent

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


def write_html(content: PageContent, path: Path | str, *, style: PageStyle | None = None) -> None:
    """Write the page of a report to one file; a file that is there already is replaced at the end.

    Raises:
        UsageError: The file cannot be written there, or the logo cannot be used.
    """
    page = html_page(content, style=style)
    with replace_file(Path(path)) as temporary:
        temporary.write_text(page, encoding="utf-8")


def html_page(content: PageContent, *, style: PageStyle | None = None) -> str:
    """The page of a report. The same content gives the same bytes."""
    style = style or PageStyle()
    charts = [chart for section in content.sections for chart in section.charts]
    javascript = _javascript()
    css = _file("page.css").replace("ACCENT", style.accent)
    # Nothing may be loaded, and only our own script may run, even if a name in the report tries to.
    policy = (
        "default-src 'none'; img-src data:; style-src 'unsafe-inline'; "
        f"script-src 'sha256-{_digest(javascript)}'; base-uri 'none'; form-action 'none'"
    )
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=False)
    environment.filters["glued"] = glued
    return (
        environment.from_string(_file("page.html.j2")).render(
            content=content,
            logo=style.logo_uri(),
            policy=policy,
            css=Markup(css),  # noqa: S704 - our own file
            charts=Markup(script_json(_chart_data(charts, content.numbers))),  # noqa: S704 - escaped for a script element
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
    return (resources.files("xbopt.reports.kit") / name).read_text(encoding="utf-8")
