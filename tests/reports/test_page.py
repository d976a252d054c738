"""The page: one file, safe against names, and drawn without a mistake."""

import json
import re
from dataclasses import replace

import altair as alt
import pytest

from tests.reports.pages import ATTACK, browser_complaints, chart_data, outline_of
from xbopt.core.errors import UsageError
from xbopt.reports.kit.chart_heat import heat_map_chart
from xbopt.reports.kit.figures import HeatMap
from xbopt.reports.kit.numbers import NumberFormat
from xbopt.reports.kit.page import MAX_BYTES, PageStyle, html_page, script_json, write_html
from xbopt.reports.simulation.page import simulation_content, simulation_sections
from xbopt.reports.simulation.report import build_simulation_report
from xbopt.studies.kpis import WorldRange


@pytest.fixture(scope="module")
def report(played):
    return build_simulation_report(played, baseline=played)


@pytest.fixture(scope="module")
def page(report):
    return html_page(simulation_content(report))


def test_the_page_nests_and_fits(page):
    outline = outline_of(page)
    assert len(page.encode()) <= MAX_BYTES
    assert outline.count["h1"] == 1
    assert len(outline.ids) == len(set(outline.ids))


def test_the_page_asks_the_network_for_nothing(page):
    assert all(link.startswith(("#", "data:")) for link in outline_of(page).links)
    without_code = re.sub(r"<script>.*?</script>", "", page, flags=re.DOTALL)
    assert "http://" not in without_code
    assert "https://" not in without_code
    assert "default-src &#39;none&#39;" in page
    assert "@import" not in page
    assert "url(" not in re.sub(r"<script.*?</script>", "", page, flags=re.DOTALL)


def test_every_chart_has_a_name_and_a_table(report, page):
    charts = [chart for section in simulation_sections(report) for chart in section.charts]
    assert page.count('class="chart"') == len(charts) == len(chart_data(page)["charts"])
    assert page.count("Figures of this chart") == len(charts)
    for chart in charts:
        assert f'id="{chart.key}" role="img" aria-label="' in page
        assert chart.spec["description"] == chart.description
        assert chart.table.rows


def test_every_spec_is_valid_vega_lite(report):
    for section in simulation_sections(report):
        for chart in section.charts:
            alt.Chart.from_dict(chart.spec, validate=True)


def test_the_sections_stand_in_reading_order(page):
    order = ["verdict", "tiles", "bridge", "time", "allocation", "flighting", "discounts", "dayparts", "response"]
    order += ["results", "pull-forward", "limits", "assumptions", "notes"]
    places = [re.search(rf'(id|class)="(part" id=")?{name}"', page).start() for name in order]
    assert places == sorted(places)


def test_names_cannot_become_markup(played):
    """A title and a region's name that try to end the script element and to open one stay words."""
    document = played.scenario.document
    region = document.market.regions[0].model_copy(update={"name": ATTACK})
    market = document.market.model_copy(update={"regions": [region, *document.market.regions[1:]]})
    scenario = replace(played.scenario, document=document.model_copy(update={"market": market}))
    result = replace(played, scenario=scenario, by_region=[replace(played.by_region[0], name=ATTACK)])
    harmless = outline_of(html_page(simulation_content(build_simulation_report(played))))
    page = html_page(simulation_content(build_simulation_report(result, title=ATTACK)))
    outline = outline_of(page)
    assert outline.count["script"] == harmless.count["script"] == 2
    assert "img" not in outline.count
    assert "<img src=x" not in page
    assert ATTACK in json.dumps(chart_data(page), ensure_ascii=False)


def test_json_in_a_script_element_holds_no_tag():
    text = script_json({"a": "</script><!--", "b": "\u2028&"})
    assert not set("<>&\u2028") & set(text)
    assert json.loads(text) == {"a": "</script><!--", "b": "\u2028&"}
    with pytest.raises(ValueError, match="not JSON compliant"):
        script_json({"a": float("nan")})


def test_the_same_result_gives_the_same_bytes(played, report, page):
    assert html_page(simulation_content(report)) == page
    slower = replace(played, performance=replace(played.performance, seconds=99.0))
    assert html_page(simulation_content(build_simulation_report(slower, baseline=slower))) == page


def test_a_minus_stays_with_its_figure_on_the_page(make_result):
    page = re.sub(
        r"<script.*?</script>", "", html_page(simulation_content(build_simulation_report(make_result([-5.0, -9.0]))))
    )
    verdict = re.search(r'<section class="verdict".*?</section>', page, re.DOTALL)
    tiles = re.search(r'<section class="tiles".*?</section>', page, re.DOTALL)
    for part in (verdict, tiles):
        assert part is not None
        assert "\N{MINUS SIGN}\N{WORD JOINER}" in part[0]
        assert not re.search("\N{MINUS SIGN}(?!\N{WORD JOINER})", part[0])


def test_set_values_and_sentences_beside_the_margin_stand_on_the_page(played):
    scenario = replace(played.scenario, changes=(("budget.total_base", "budget.total_base=28000"),))
    effect = WorldRange(mean=10.0, se=1.0, low=5.0, high=15.0)
    page = html_page(
        simulation_content(build_simulation_report(replace(played, scenario=scenario), without_media=effect))
    )
    assert "<dt>Changed with --set</dt><dd>budget.total_base=28000</dd>" in page
    assert "1 set with --set" in page
    assert "<td></td><td>set with --set</td>" in page
    assert page.count('<p class="line">') == 3
    assert page.index('id="bridge"') < page.index('<p class="line">Of that, media add') < page.index('id="time"')


@pytest.mark.parametrize(("days", "angle"), [(7, None), (20, 0), (40, 270)])
def test_a_map_has_figures_at_any_length(days, angle):
    """Many columns get small figures without a currency, very many get turned ones; a zero is left empty there."""
    names = tuple(f"2026-{1 + i // 28:02d}-{1 + i % 28:02d}" for i in range(days))
    heat = HeatMap(
        key="flighting",
        title="Flighting",
        description="Spend",
        row_title="Channel",
        column_title="Day",
        rows=("Search",),
        columns=names,
        values=((0.0, *(1234.0 for _ in names[1:])),),
        unit="money",
        columns_are_days=True,
    )
    spec = heat_map_chart(heat, NumberFormat(locale="en", currency="EUR"), wide=True)
    labels = [record.get("label") for record in spec["datasets"][spec["data"]["name"]]]
    assert labels == (["€0"] + ["€1,234"] * (days - 1) if angle is None else [None] + ["1,234"] * (days - 1))
    text = next(layer["mark"] for layer in spec["layer"] if layer["mark"]["type"] == "text")
    assert text.get("angle") == angle


def test_the_discount_calendar_has_a_legend(report):
    section = next(section for section in simulation_sections(report) if section.key == "discounts")
    assert "Darker is deeper" in section.legend


def test_a_broken_page_leaves_the_old_file(report, tmp_path):
    target = tmp_path / "report.html"
    target.write_text("old", encoding="utf-8")
    with pytest.raises(UsageError, match="cannot be read"):
        write_html(simulation_content(report), target, style=PageStyle(logo=tmp_path / "missing.png"))
    assert target.read_text(encoding="utf-8") == "old"
    write_html(simulation_content(report), target)
    assert target.read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]


def test_colours_and_logo_can_be_set(report, tmp_path):
    logo = tmp_path / "logo.svg"
    logo.write_text("<svg xmlns='http://www.w3.org/2000/svg'/>", encoding="utf-8")
    page = html_page(simulation_content(report), style=PageStyle(accent="#703080", logo=logo))
    assert "--accent: #703080" in page
    assert 'src="data:image/svg+xml;base64,' in page
    with pytest.raises(UsageError, match="#rrggbb"):
        PageStyle(accent="red;} body{display:none")


def test_a_plan_without_media_and_a_single_world_can_be_drawn(make_result):
    for result in (make_result([5.0, 7.0], media=0.0), make_result([-5.0])):
        page = html_page(simulation_content(build_simulation_report(result)))
        outline_of(page)
        assert "nan" not in re.sub(r"<script.*?</script>", "", page, flags=re.DOTALL).lower().split()


@pytest.mark.browser
def test_a_browser_draws_every_chart(page, chromium, tmp_path):
    """The scripts run under the page's own policy: one picture a chart, and no word on the console."""
    assert browser_complaints(page, chromium, tmp_path) == []
