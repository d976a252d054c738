"""The back-test's page: every chart whole, every finding in words, the same figures as the document."""

import json
from typing import get_args

import pytest

import xbopt
from tests.reports.pages import assert_charts_are_whole, browser_complaints, outline_of
from xbopt.calibration.backtest.backtest import backtest
from xbopt.calibration.backtest.findings import BacktestCode, BacktestFinding
from xbopt.calibration.backtest.held_out_days import CauseCode
from xbopt.core.json_text import json_text
from xbopt.reports.backtest.document import backtest_json
from xbopt.reports.backtest.page import backtest_content
from xbopt.reports.backtest.tables import cause_table, score_table
from xbopt.reports.backtest.words import CAUSE_WORDS, backtest_sentences, finding_sentence
from xbopt.reports.kit.numbers import NumberFormat
from xbopt.reports.kit.page import MAX_BYTES, html_page

EUR = NumberFormat(locale="en", currency="EUR")


@pytest.fixture(scope="module")
def result(tmp_path_factory):
    path = tmp_path_factory.mktemp("records") / "panel.parquet"
    longer = ["horizon.start=2026-05-25", "horizon.days=161", "budget.total_base=350000"]
    xbopt.simulate(xbopt.load_scenario("quickstart", overrides=longer), runs=1, seed=5, panel=path)
    return backtest("quickstart", path, runs=8)


@pytest.fixture(scope="module")
def page(result):
    return html_page(backtest_content(result))


def test_the_page_nests_fits_and_asks_the_network_for_nothing(page):
    outline = outline_of(page)
    assert len(page.encode()) <= MAX_BYTES
    assert len(outline.ids) == len(set(outline.ids))
    assert all(link.startswith(("#", "data:")) for link in outline.links)


def test_every_chart_is_valid_named_and_has_a_table(result, page):
    # The bridge, two regions week by week, and two regions of rolling forecasts.
    assert assert_charts_are_whole(backtest_content(result), page) == 5


@pytest.mark.browser
def test_the_page_is_drawn_without_a_complaint(page, chromium, tmp_path):
    assert browser_complaints(page, chromium, tmp_path) == []


def test_the_document_is_json_with_the_figures_of_the_tables(result):
    document = json.loads(json_text(backtest_json(result)))
    assert document["sentences"] == list(
        backtest_sentences(result, NumberFormat(locale="en", currency="EUR", is_for_terminal=True))
    )
    scores = {row[0]: row for row in score_table(result).rows}
    assert document["rolling"]["scores"]["wmape"] == scores["Rolling origins"][2]
    last = cause_table(result.scenario, result.held_out).rows[-1]
    assert last[0] == "Actual"
    assert last[2] == pytest.approx(document["held_out"]["total"]["net_revenue"]["DE"]["actual"])


@pytest.mark.parametrize("code", get_args(BacktestCode))
def test_every_finding_has_a_sentence(code):
    figures = dict.fromkeys(
        ("model", "other", "covered", "wanted", "bias", "rows", "weeks", "outside", "tests", "width", "naive_width"),
        0.5,
    )
    sentence = finding_sentence(BacktestFinding(code=code, about="rolling", figures=figures), EUR)
    assert sentence.endswith(".")
    assert sentence[0].isupper() or sentence[0].isdigit()


def test_every_cause_has_a_name():
    assert set(CAUSE_WORDS) == set(get_args(CauseCode))
