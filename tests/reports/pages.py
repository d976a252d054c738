"""What every page is checked for."""

import json
import re
import subprocess
from html.parser import HTMLParser

import altair as alt

from xbopt.reports.kit.page_parts import PageContent

ATTACK = "</script><script>alert('x')</script><img src=x onerror=alert(1)>"
VOID = {"meta", "img", "br", "link", "input", "hr"}


class Outline(HTMLParser):
    """Checks that tags nest, and collects what could reach the network."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.count: dict[str, int] = {}
        self.links: list[str] = []
        self.ids: list[str] = []

    def handle_starttag(self, tag, attrs):
        self.count[tag] = self.count.get(tag, 0) + 1
        self.links += [value or "" for name, value in attrs if name in {"src", "href", "action", "data"}]
        self.ids += [value or "" for name, value in attrs if name == "id"]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag


def outline_of(page: str) -> Outline:
    outline = Outline()
    outline.feed(page)
    outline.close()
    assert outline.open == []
    return outline


def chart_data(page: str) -> dict:
    found = re.search(r'<script type="application/json" id="chart-data">(.*?)</script>', page, re.DOTALL)
    assert found is not None
    return json.loads(found[1])


def browser_complaints(page: str, chromium: str, folder) -> list[str]:
    """Draw the page in a browser; what is wrong with it, one picture a chart being right."""
    target = folder / "page.html"
    target.write_text(page, encoding="utf-8")
    command = [chromium, "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    command += ["--disable-component-update", "--disable-sync", "--no-first-run"]
    command += [f"--user-data-dir={folder / 'profile'}", "--enable-logging=stderr", "--virtual-time-budget=20000"]
    done = subprocess.run(
        [*command, "--dump-dom", target.as_uri()], capture_output=True, text=True, timeout=120, check=True
    )
    charts = len(chart_data(page)["charts"])
    drawn = re.sub(r"<script.*?</script>", "", done.stdout, flags=re.DOTALL)
    complaints = [line for line in done.stderr.splitlines() if "CONSOLE" in line]
    if drawn.count("<svg") != charts or f'data-drawn="{charts}"' not in drawn:
        complaints.append(f"{drawn.count('<svg')} of {charts} charts are drawn")
    return complaints


def assert_charts_are_whole(content: PageContent, page: str) -> int:
    """Every chart is valid, named and has a table, and the page holds all of them; gives their number."""
    charts = [chart for section in content.sections for chart in section.charts]
    assert len(chart_data(page)["charts"]) == len(charts)
    for chart in charts:
        alt.Chart.from_dict(chart.spec, validate=True)
        assert chart.spec["description"] == chart.description
        assert chart.table.rows
    return len(charts)
