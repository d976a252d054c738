"""``xbopt compare``: verdict first, one JSON document, a page."""

import json

import pytest

SHORT = ["--set", "horizon.days=8", "--set", "plan.discounts=[]"]
FEW = [*SHORT, "--runs", "6", "--oracle-worlds", "2"]


def test_json_is_one_document(xbopt_command):
    answer = xbopt_command("compare", "quickstart", "--policies", "uniform, baseline", *FEW, "--seed", "3", "--json")
    assert answer.code == 0
    assert answer.err == ""
    document = json.loads(answer.out)
    names = [policy["policy"]["name"] for policy in document["policies"]]
    assert names[:2] == ["uniform", "baseline"]
    assert {"planner", "replan", "greedy_roas", "calendar", "proportional"} <= set(names)
    assert (document["runs"], document["seed"], document["oracle"]["worlds"]) == (6, 3, 2)
    assert document["policies"][0]["difference"]["contribution_margin"]["mean"] == 0.0
    assert document["policies"][0]["gap_closed"] == 0.0


def test_words_say_the_verdict_first(xbopt_command) -> None:
    answer = xbopt_command("compare", "quickstart", *FEW)
    assert answer.code == 0
    title, verdict, *rest = answer.out.splitlines()
    assert title.startswith("quickstart: ")
    assert verdict.startswith("Of 7 policies ")
    text = "\n".join(rest)
    assert "Less baseline" in text
    assert "Contribution margin with customer value and what is carried beyond the last day" in text
    assert "Note: gap_closed rests on the first 2 of 6 worlds." in text


def test_the_same_seed_prints_the_same_bytes(xbopt_command):
    first, second = (xbopt_command("compare", "quickstart", *FEW, "--seed", "9") for _ in range(2))
    assert first.out == second.out


def test_the_page_is_written(xbopt_command, tmp_path):
    answer = xbopt_command("compare", "quickstart", *FEW, "--report", "c.html")
    assert answer.code == 0, answer.err
    assert [path.name for path in tmp_path.iterdir()] == ["c.html"]
    assert "Who is ahead of whom" in (tmp_path / "c.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--policies", ","], "--policies is empty"),
        (["--policies", "missing.csv"], "missing.csv: No such file"),
        (["--runs", "1"], "'--runs': Input should be greater than or equal to 2"),
        (["--oracle-worlds", "300"], "'--oracle-worlds': Input should be less than or equal to 256"),
        (["--report", "c.pdf"], "ends in .html"),
    ],
)
def test_calls_that_make_no_sense(options, words, xbopt_command, tmp_path):
    answer = xbopt_command("compare", "quickstart", *options)
    assert answer.code == 2
    assert words in answer.err
    assert list(tmp_path.iterdir()) == []
