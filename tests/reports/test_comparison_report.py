"""The comparison's page and JSON: who earns most, and whether that is more than luck."""

import json
import math

import pytest

import xbopt
from tests.reports.pages import assert_charts_are_whole, browser_complaints, outline_of
from xbopt.core.scenario.loading import load_scenario
from xbopt.reports.comparison.document import comparison_json
from xbopt.reports.comparison.page import comparison_content
from xbopt.reports.comparison.report import build_comparison_report
from xbopt.reports.comparison.words import comparison_verdict, gap_sentence, runner_up_sentence
from xbopt.reports.kit.numbers import NumberFormat
from xbopt.reports.kit.page import MAX_BYTES, html_page
from xbopt.studies.compare import MEASURES
from xbopt.studies.kpis import KPI_NAMES

SHORT = ["horizon.days=8", "plan.discounts[0].start=2026-10-06", "plan.discounts[0].end=2026-10-08"]
EUR = NumberFormat(locale="en", currency="EUR")


def compared_with(policies, **options):
    return xbopt.compare(load_scenario("quickstart", overrides=SHORT), policies, **options)


@pytest.fixture(scope="module")
def result():
    return compared_with(["baseline", "uniform"], runs=10, seed=1, oracle_worlds=3)


@pytest.fixture(scope="module")
def report(result):
    return build_comparison_report(result)


@pytest.fixture(scope="module")
def page(report):
    return html_page(comparison_content(report))


def test_the_page_nests_fits_and_asks_the_network_for_nothing(page):
    outline = outline_of(page)
    assert len(page.encode()) <= MAX_BYTES
    assert len(outline.ids) == len(set(outline.ids))
    assert all(link.startswith(("#", "data:")) for link in outline.links)


def test_every_chart_is_valid_named_and_has_a_table(report, page):
    assert assert_charts_are_whole(comparison_content(report), page) == 6


@pytest.mark.browser
def test_the_page_is_drawn_without_a_complaint(page, chromium, tmp_path):
    assert browser_complaints(page, chromium, tmp_path) == []


def test_the_best_comes_first_everywhere(result, report):
    means = [float(policy.values["contribution_margin"].mean()) for policy in result.ranked]
    assert means == sorted(means, reverse=True)
    assert report.kpis.rows[0][0] == report.beats.rows[0] == result.ranked[0].name
    assert report.verdict.startswith(f"Of {len(result.policies)} policies {result.contenders[0].name} earns most")


def test_the_matrix_is_the_share_of_worlds(result, report):
    by_name = {policy.name: policy.values["contribution_margin"] for policy in result.policies}
    for i, one in enumerate(report.beats.rows):
        for j, other in enumerate(report.beats.columns):
            share = report.beats.values[i][j]
            if one == other:
                assert math.isnan(share)
            else:
                ahead, same = by_name[one] > by_name[other], by_name[one] == by_name[other]
                assert share == pytest.approx((ahead + 0.5 * same).mean())


def test_the_first_being_best_is_told(result):
    best = result.contenders[0].name
    own = compared_with([best], runs=10, seed=1, oracle_worlds=0)
    assert comparison_verdict(own, EUR).endswith("No other policy is above it.")
    assert gap_sentence(own, EUR) == ""
    assert comparison_content(build_comparison_report(own)).sections[1].key == "spread"


def test_twins_at_the_top_are_told(result):
    best = result.contenders[0].name
    twins = compared_with([best, best], runs=10, seed=1, oracle_worlds=0)
    assert "earn the same in every world" in runner_up_sentence(twins, EUR)


def test_the_json_keeps_the_contract(result):
    document = json.loads(json.dumps(comparison_json(result), allow_nan=False))
    assert set(document) == {
        "scenario", "runs", "seed", "world_seed", "confidence", "first", "policies", "beats", "oracle", "notes",
    }  # fmt: skip
    assert document["first"] == "baseline"
    assert document["oracle"]["worlds"] == 3
    first, second, *_ = document["policies"]
    assert (first["policy"]["name"], second["policy"]["name"]) == ("baseline", "uniform")
    for own, policy in zip(document["policies"], result.policies, strict=True):
        assert tuple(own["kpis"]) == KPI_NAMES
        assert {"bridge", "by_region", "by_segment", "by_channel", "performance", "runs", "seed", "reward"} <= set(own)
        assert set(own["difference"]) == set(own["gap_closed_interval"]) == set(own["spread"]) == set(MEASURES)
        for measure in MEASURES:
            assert {"mean", "se", "low", "high"} <= set(own["difference"][measure])
        margins = policy.values["contribution_margin"]
        assert own["kpis"]["contribution_margin"]["mean"] == pytest.approx(margins.mean())
        wanted = (margins - result.first.values["contribution_margin"]).mean()
        assert own["difference"]["contribution_margin"]["mean"] == pytest.approx(wanted, abs=1e-9)
        assert own["probability_beats_first"] == own["difference"]["contribution_margin"]["probability_beats_first"]
        assert own["gap_closed"] == own["gap_closed_interval"]["contribution_margin"]["value"]
    assert second["gap_closed"] == 0.0


def test_without_an_oracle_the_gap_is_null():
    document = comparison_json(compared_with(["uniform"], runs=3, oracle_worlds=0))
    assert document["oracle"] is None
    assert {policy["gap_closed"] for policy in document["policies"]} == {None}
