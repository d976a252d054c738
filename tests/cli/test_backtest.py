"""``xbopt backtest``: verdict first, one JSON document, a page, and refusals that say what to do."""

import json
from pathlib import Path

import pytest

import xbopt

SHORT = ["--runs", "8"]


@pytest.fixture
def panel(tmp_path) -> Path:
    path = tmp_path / "panel.parquet"
    xbopt.simulate("quickstart", runs=1, seed=2, panel=path)
    return path


def test_words_say_the_verdict_first(xbopt_command, panel):
    answer = xbopt_command("backtest", "quickstart", panel, *SHORT)
    assert answer.code == 0, answer.err
    title, verdict, *rest = answer.out.splitlines()
    assert title.startswith("quickstart: ")
    assert verdict.startswith("Undecided: ")
    text = "\n".join(rest)
    assert "orders came in 28 days" in text
    assert "Net revenue: from plan to actual" in text


def test_json_is_one_document_with_verdict_causes_and_scores(xbopt_command, panel):
    answer = xbopt_command("backtest", "quickstart", panel, *SHORT, "--json")
    assert (answer.code, answer.err) == (0, "")
    document = json.loads(answer.out)
    assert document["verdict"] == "undecided"
    held = document["held_out"]
    explained = sum(cause["orders"]["DE"] for cause in held["causes"])
    assert held["planned"]["orders"]["DE"] + explained == pytest.approx(held["total"]["orders"]["DE"]["actual"])
    assert document["rolling"] is None
    assert held["scores"]["naive"]["other"] is None
    assert {finding["code"] for finding in document["findings"]} == {
        "no_weeks_before",
        "records_too_short",
        "bands_hold",
    }
    assert held["scores"]["width"] > 0.0
    assert held["scores"]["naive_width"] is None


def test_the_page_is_written(xbopt_command, panel, tmp_path):
    answer = xbopt_command("backtest", "quickstart", panel, *SHORT, "--report", "b.html")
    assert answer.code == 0, answer.err
    assert "Week by week" in (tmp_path / "b.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        (["quickstart", "nowhere"], 2, "There is no nowhere"),
        (["quickstart", "."], 0, "orders came"),
        (["quickstart", "panel.parquet", "--set", "horizon.start=2026-09-21"], 3, "begin on 2026-10-05"),
        (["quickstart", "panel.parquet", "--set", "horizon.start=2027-10-04"], 3, "Nothing can be compared"),
        (["quickstart", "panel.parquet", "--tests", "none.csv"], 2, "none.csv"),
        (["electronics_case", "panel.parquet"], 2, "is about"),
    ],
)
def test_refusals_say_what_is_wrong(xbopt_command, panel, options, code, words):
    answer = xbopt_command("backtest", *options, *SHORT)
    assert answer.code == code
    assert words in (answer.err if code else answer.out)
    assert "Traceback" not in answer.err
