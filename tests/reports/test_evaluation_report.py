"""The evaluation page: verdict first, support before any value, and no value after a refusal."""

import re
from dataclasses import replace

import altair as alt
import numpy as np
import pytest

from tests.reports.pages import ATTACK, browser_complaints, chart_data, outline_of
from xbopt.ope.logs.evaluation import evaluate_log, with_self_test
from xbopt.ope.logs.open_log import open_log
from xbopt.ope.logs.policies import named_policy
from xbopt.ope.results.estimates import Estimate
from xbopt.reports.evaluation.page import evaluation_content, evaluation_sections
from xbopt.reports.evaluation.report import build_evaluation_report
from xbopt.reports.evaluation.reward_numbers import RewardNumbers
from xbopt.reports.evaluation.words import verdict_sentence
from xbopt.reports.kit.markdown import markdown_page
from xbopt.reports.kit.page import MAX_BYTES, html_page


@pytest.fixture(scope="module")
def write_log(tmp_path_factory):
    """A log of two actions, of which b pays more; b is logged with the probability given."""

    def write(chance, rows=1000, label="b"):
        rng = np.random.default_rng(5)
        is_b, segment = rng.random(rows) < chance, rng.integers(0, 2, rows)
        reward = rng.random(rows) < 0.3 + 0.2 * is_b
        lines = [
            f'"{label if b else "a"}",{chance if b else 1 - chance},{int(r)},s{s},{1 + b}'
            for b, r, s in zip(is_b, reward, segment, strict=True)
        ]
        path = tmp_path_factory.mktemp("log") / "log.csv"
        path.write_text("action,propensity,reward,segment,cost\n" + "\n".join(lines) + "\n")
        return open_log(path)

    return write


@pytest.fixture(scope="module")
def answered(write_log):
    log = write_log(0.5)
    policy = named_policy("always:b", log)
    return with_self_test(evaluate_log(log, policy, sequence=True), policy, draws=20)


@pytest.fixture(scope="module")
def refused(write_log):
    log = write_log(0.01)
    return evaluate_log(log, named_policy("always:b", log))


@pytest.fixture(scope="module")
def page(answered):
    return html_page(evaluation_content(build_evaluation_report(answered)))


def words_of(page):
    return re.sub(r"<(script|style).*?</\1>", "", page, flags=re.DOTALL)


def test_support_stands_before_any_value(answered, page):
    order = ["verdict", 'class="tiles"', 'id="support"', 'id="estimates"', 'id="difference"', 'id="budget"']
    order += ['id="coverage"', 'id="question"', 'id="notes"']
    places = [words_of(page).index(mark) for mark in order]
    assert places == sorted(places)
    value = build_evaluation_report(answered).numbers.reward(answered.result.estimates["dr"].value)
    assert words_of(page).index(value) > places[3]


def test_a_refusal_shows_no_value_and_says_what_to_log(refused):
    page = html_page(evaluation_content(build_evaluation_report(refused)))
    assert refused.result.verdict == "REFUSE"
    assert 'class="verdict bad"' in page
    assert "<p>REFUSE: this log cannot say what always:b would have earned.</p>" in words_of(page)
    assert page.index('id="next"') < page.index('id="support"')
    assert "action &#39;b&#39;" in page
    assert 'id="difference"' not in page
    assert [chart["key"] for chart in chart_data(page)["charts"]] == ["chart-weights", "chart-overlap"]
    assert "No value is shown" in page


def test_a_forced_refusal_stays_a_refusal(write_log):
    log = write_log(0.01)
    report = build_evaluation_report(evaluate_log(log, named_policy("always:b", log), force=True))
    page = html_page(evaluation_content(report))
    assert "Do not bet on them." in page
    assert 'id="difference"' in page


@pytest.mark.parametrize("name", ["answered", "refused"])
def test_the_page_is_whole_and_asks_the_network_for_nothing(name, request):
    page = html_page(evaluation_content(build_evaluation_report(request.getfixturevalue(name))))
    outline = outline_of(page)
    assert len(page.encode()) <= MAX_BYTES
    assert outline.count["h1"] == 1
    assert len(outline.ids) == len(set(outline.ids))
    assert all(link.startswith(("#", "data:")) for link in outline.links)
    assert "nan" not in re.sub(r"<[^>]*>", " ", words_of(page)).lower().split()


@pytest.mark.parametrize("name", ["answered", "refused"])
def test_every_chart_is_valid_and_has_its_figures_as_a_table(name, request):
    for section in evaluation_sections(build_evaluation_report(request.getfixturevalue(name))):
        for chart in section.charts:
            alt.Chart.from_dict(chart.spec, validate=True)
            assert chart.table.rows
            assert chart.spec["description"] == chart.description


def test_names_of_actions_cannot_break_the_page(write_log):
    log = write_log(0.5, label=ATTACK.replace(chr(39), ""))
    report = build_evaluation_report(evaluate_log(log, named_policy("uniform", log)))
    page = html_page(evaluation_content(report))
    assert outline_of(page).count["script"] == 2
    assert "<img src=x" not in page
    text = markdown_page(evaluation_content(report))
    assert re.search(r"\\<img", text)
    assert not re.search(r"(?<!\\)<img", text)


def test_the_same_evaluation_gives_the_same_bytes(answered, page):
    assert html_page(evaluation_content(build_evaluation_report(answered))) == page


def test_self_test_and_anytime_interval_are_told(answered, page):
    assert "in 20 logs simulated like this one" in page
    assert "However often you look while the log grows" in page
    assert markdown_page(evaluation_content(build_evaluation_report(answered))).count("| Doubly robust |") == 3


@pytest.mark.parametrize(
    ("low", "high", "words"),
    [(1.0, 2.0, ": more than"), (-2.0, -1.0, ": less than"), (0.0, 0.0, ": the same"), (-1.0, 1.0, "; no difference")],
)
def test_the_verdict_says_which_way_without_a_number(low, high, words, answered):
    difference = Estimate(value=(low + high) / 2, se=0.1, low=low, high=high)
    changed = replace(answered, result=replace(answered.result, difference=difference))
    assert words in verdict_sentence(changed)


def test_rewards_are_written_with_the_digits_that_matter():
    small = RewardNumbers.fitting([0.000534, 0.02], unit="", locale="en")
    assert small.reward(0.0057367) == "0.00574"
    assert small.signed(0.001) == "+0.00100"
    assert small.signed(-0.001) == "\N{MINUS SIGN}0.00100"
    money = RewardNumbers.fitting([12.0], unit="EUR", locale="de")
    assert money.reward(1234.5) == "1.234\N{NO-BREAK SPACE}€"
    assert RewardNumbers.fitting([], unit="clicks", locale="en").reward(1.5) == "1.5000"
    assert money.reward(float("nan")) == "\N{EN DASH}"


@pytest.mark.browser
@pytest.mark.parametrize("name", ["answered", "refused"])
def test_a_browser_draws_every_chart(name, request, chromium, tmp_path):
    page = html_page(evaluation_content(build_evaluation_report(request.getfixturevalue(name))))
    assert browser_complaints(page, chromium, tmp_path) == []
