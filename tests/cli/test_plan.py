"""``xbopt plan``: verdict first, one JSON document, a file that plays, and a reason where there is no plan."""

import csv
import json
import re

import pytest

SHORT = ["--set", "horizon.days=7", "--set", "plan.discounts=[]"]
TWO_WEEKS = ["--set", "horizon.days=14", "--set", "plan.discounts=[]"]
PLAN_KEYS = {
    "status", "scenario", "goal", "target", "risk", "resolution", "objective", "upper_bound", "relative_gap",
    "certificate", "baseline", "gain", "sampled", "cells", "solve_seconds", "total_spend", "budget", "shadow_prices",
    "withheld_prices", "binding", "marginals", "expected", "worth_knowing", "spend", "infeasible", "notes",
    "plans_tried", "bookable", "vital_signs", "lead",
}  # fmt: skip


def test_json_is_one_document_that_keeps_the_contract(xbopt_command):
    answer = xbopt_command("plan", "quickstart", *TWO_WEEKS, "--set", "budget.total_base=1000", "--json")
    assert answer.code == 0
    # The file states what was spent before, so a smaller budget changes nothing that would have to be said.
    assert answer.err == ""
    document = json.loads(answer.out)
    assert set(document) == PLAN_KEYS
    assert document["status"] in {"optimal", "feasible"}
    assert document["infeasible"] is None
    assert document["goal"] == "reward"
    assert document["cells"] == 2 * 2 * 2 * 3
    assert document["total_spend"] == pytest.approx(1000.0, abs=0.005)
    assert document["binding"] == ["budget"]
    assert list(document["shadow_prices"]) == ["budget"]
    assert document["shadow_prices"]["budget"] > 0.0
    assert document["upper_bound"] >= document["objective"] > document["baseline"]
    assert document["gain"] == pytest.approx(document["objective"] - document["baseline"])
    assert document["relative_gap"] == pytest.approx(document["upper_bound"] / document["objective"] - 1.0, abs=1e-12)
    assert sum(row["plan"] for row in document["spend"]) == pytest.approx(document["total_spend"])
    assert document["solve_seconds"] > 0.0
    sampled = document["sampled"]
    assert sampled["worlds"] == 64
    assert sampled["low"] < sampled["mean"] < sampled["high"]
    assert sampled["worst_decile"] < sampled["mean"]
    assert 0.0 <= sampled["loss_probability"] <= 1.0
    assert sampled["gain"]["se"] < sampled["se"]  # paired worlds: their luck cancels


def test_words_say_the_verdict_first(xbopt_command):
    answer = xbopt_command("plan", "quickstart", *SHORT, "--set", "budget.total_base=1000")
    signs, title, verdict, *rest = answer.out.splitlines()
    assert answer.code == 0
    # With a tenth of the quickstart's money in a quarter of its days, the next unit for e-mail brings three.
    assert signs.startswith(
        "2 vital signs are outside published ranges: orders that media bring, margin of the next unit"
    )
    assert title.startswith("quickstart: ")
    assert verdict.startswith("On the expected path the plan brings €")
    text = " ".join(rest)
    assert "Over 64 sampled worlds the plan brings €" in text
    assert "in the mean of the worst tenth" in text
    assert re.search(r"Budget: one more EUR of it brings \d\.\d\d EUR of contribution margin", text)
    assert "It spends €1,000 of €1,000." in text
    for word in ("Germany", "Paid search", "Scenario's own", "Contribution margin"):
        assert word in text


def test_the_plan_plays_as_a_policy(xbopt_command, tmp_path):
    made = xbopt_command("plan", "quickstart", *SHORT, "-o", "mine.csv", "--json")
    assert made.code == 0
    assert "mine.csv" in made.err
    (path,) = tmp_path.iterdir()
    assert path.name == "mine.csv"
    document = json.loads(made.out)
    played = xbopt_command("simulate", "quickstart", *SHORT, "--policy", "mine.csv", "--runs", "2", "--json")
    assert played.code == 0, played.err
    simulated = json.loads(played.out)
    assert simulated["policy"] == {"name": "mine.csv", "kind": "planner"}
    assert simulated["kpis"]["media_spend"]["mean"] == pytest.approx(document["total_spend"], rel=1e-6)
    shown = xbopt_command("simulate", "quickstart", *SHORT, "--policy", "mine.csv", "--runs", "2")
    assert "Margin added by media" in shown.out


def test_a_bookable_plan_says_what_booking_costs(xbopt_command, tmp_path):
    """Amounts of a whole euro or pound, at least 40 a day or nothing; the table says them in the account's currency."""
    asked = [*SHORT, "--set", "budget.bookable={least_per_day_base: 40}"]
    made = xbopt_command("plan", "quickstart", *asked, "--bookable", "-o", "mine.csv", "--json")
    assert made.code == 0, made.err
    document = json.loads(made.out)
    booking, expected = document["bookable"], document["expected"]
    assert document["status"] == "feasible"
    assert (booking["least_per_day"], booking["largest_weekly_change"], booking["round_to"]) == (40.0, None, 1.0)
    for name in ("reward", "contribution_margin"):
        cost = expected["unrounded"][name] - expected["plan"][name]
        assert booking["costs"][name] == pytest.approx(cost, abs=1e-6)
    assert document["shadow_prices"] == {}
    rows = list(csv.DictReader((tmp_path / "mine.csv").read_text(encoding="utf-8").splitlines()))
    assert {row["booked_currency"] for row in rows} == {"EUR", "GBP"}
    assert all(float(row["booked_amount"]).is_integer() for row in rows)
    played = xbopt_command("simulate", "quickstart", *asked, "--policy", "mine.csv", "--runs", "2", "--json")
    assert played.code == 0, played.err
    spend = json.loads(played.out)["kpis"]["media_spend"]["mean"]
    assert spend == pytest.approx(document["total_spend"], rel=1e-9)


@pytest.mark.parametrize("other", [["--target", "orders=900"], ["--risk", "1"]])
def test_bookable_amounts_go_with_a_goal_only(xbopt_command, other):
    answer = xbopt_command("plan", "quickstart", *SHORT, "--bookable", *other)
    assert answer.code == 2
    assert f"leave {other[0]} {other[1]} out" in answer.err


def test_a_broken_plan_is_told_with_its_place(xbopt_command, tmp_path):
    (tmp_path / "bad.csv").write_text("date,region\n2026-10-05,DE\n", encoding="utf-8")
    for command in (["simulate", "quickstart", "--policy"], ["compare", "quickstart", "--policies"]):
        answer = xbopt_command(*command, "bad.csv")
        assert answer.code == 2
        assert "bad.csv:1:1: The column segment is missing." in answer.err


def test_the_same_plan_again(xbopt_command, tmp_path):
    """By a goal whose plan is searched at each call; that for reward is kept."""
    for name in ("a.csv", "b.csv"):
        asked = ["--goal", "contribution_margin", "-o", name]
        assert xbopt_command("plan", "quickstart", *SHORT, *asked).code == 0
    assert (tmp_path / "a.csv").read_bytes() == (tmp_path / "b.csv").read_bytes()


def test_an_impossible_request_exits_4_and_the_way_out_is_one(xbopt_command, tmp_path):
    lock = ["--set", "budget.locks=[{region: DE, segment: families, channel: search, spend_per_day_base: 100}]"]
    answer = xbopt_command("plan", "quickstart", *SHORT, *lock, "--set", "budget.roi_floor=90", "--json", "-o", "n.csv")
    assert answer.code == 4
    assert list(tmp_path.iterdir()) == []
    document = json.loads(answer.out)
    assert set(document) == PLAN_KEYS
    assert document["status"] == "infeasible"
    assert document["objective"] is None
    assert document["infeasible"]["conflict"] == ["roi_floor", "minimums and locks"]
    floor = float(document["infeasible"]["cheapest_relaxation"].removeprefix("Lower budget.roi_floor to ").rstrip("."))
    assert floor < 90.0
    again = xbopt_command("plan", "quickstart", *SHORT, *lock, "--set", f"budget.roi_floor={floor}", "--json")
    assert again.code == 0, again.err


def test_a_target_out_of_reach_exits_4_with_the_document(xbopt_command, tmp_path):
    answer = xbopt_command("plan", "quickstart", *SHORT, "--target", "orders=1e7", "--json", "-o", "none.csv")
    assert answer.code == 4
    document = json.loads(answer.out)
    assert set(document) == PLAN_KEYS
    assert document["status"] == "infeasible"
    assert document["infeasible"]["conflict"][:2] == ["target orders=10000000", "the market"]
    assert "Lower the target to" in document["infeasible"]["cheapest_relaxation"]
    assert document["infeasible"]["cheapest_relaxation"] in answer.err
    assert list(tmp_path.iterdir()) == []


def test_a_target_within_reach(xbopt_command):
    answer = xbopt_command("plan", "quickstart", *SHORT, "--target", "orders=1000", "--json")
    document = json.loads(answer.out)
    assert answer.code == 0
    assert document["goal"] == "reward"
    target, expected = document["target"], document["expected"]
    assert target["reached"] >= 1000.0 * (1 - 1e-9)
    assert target["reached"] == pytest.approx(expected["plan"]["orders"])
    for name in ("reward", "contribution_margin"):
        assert target["costs"][name] == pytest.approx(expected["without_target"][name] - expected["plan"][name])
    for name in ("media_spend", "discount_cost"):
        assert target["costs"][name] == pytest.approx(expected["plan"][name] - expected["without_target"][name])
    assert target["costs"]["reward"] > 0.0


def test_a_target_that_comes_by_itself_is_told_plainly(xbopt_command):
    answer = xbopt_command("plan", "quickstart", *SHORT, "--target", "orders=100")
    assert answer.code == 0
    words = " ".join(answer.out.split())
    assert "100 orders would be reached without media and without discounts." in words
    assert "so the target costs nothing" in words


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--target", "orders=5", "--goal", "visits"], "leave --goal visits out"),
        (["--target", "cpo=5"], "Did you mean 'cpa'"),
        (["--give-up", "cost"], "name one with --target"),
        (["--goal", "roas"], "--target roas=VALUE"),
        (["--goal", "profit"], "no goal 'profit'"),
        (["-o", "plan.txt"], "ends in .csv"),
        (["--report", "plan.pdf"], "ends in .html"),
        (["-o", "missing/plan.csv"], "no folder"),
        (["--resolution", "month"], "Invalid value"),
    ],
)
def test_calls_that_make_no_sense(options, words, xbopt_command, tmp_path):
    answer = xbopt_command("plan", "quickstart", *options)
    assert answer.code == 2
    assert words in answer.err
    assert list(tmp_path.iterdir()) == []


def test_report_and_workbook_are_written(xbopt_command, tmp_path):
    few_days = ["--set", "horizon.days=3", "--set", "plan.discounts=[]"]
    answer = xbopt_command("plan", "quickstart", *few_days, "--report", "p.html", "--xlsx", "p.xlsx", "--runs", "3")
    assert answer.code == 0, answer.err
    assert {path.name for path in tmp_path.iterdir()} == {"p.html", "p.xlsx"}
    assert "What would change this plan" in (tmp_path / "p.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ["own.csv", "own.xlsx"])
def test_the_own_plan_is_written_and_plays_as_the_baseline(name, xbopt_command, tmp_path):
    """All of it but what a workbook's percentages hide: the numbers in its cells have all their digits."""
    written = xbopt_command("plan", "quickstart", *SHORT, "--own", "-o", name)
    assert (written.code, written.out) == (0, "")
    assert f"--policy {name}" in written.err
    played = [
        json.loads(xbopt_command("simulate", "quickstart", *SHORT, "--policy", policy, "--runs", "2", "--json").out)
        for policy in (name, "baseline")
    ]
    assert played[0]["kpis"] == played[1]["kpis"]


@pytest.mark.parametrize(
    ("options", "words"),
    [(["--own"], "say where: -o plan.csv"), (["--own", "-o", "own.csv", "--goal", "orders"], "leave --goal out")],
)
def test_the_own_plan_needs_a_file_and_nothing_else(options, words, xbopt_command, tmp_path):
    answer = xbopt_command("plan", "quickstart", *SHORT, *options)
    assert answer.code == 2
    assert words in answer.err
    assert list(tmp_path.iterdir()) == []


def test_what_is_read_otherwise_is_said(xbopt_command, tmp_path):
    (tmp_path / "mine.csv").write_text(
        "date;region;segment;channel;spend_base;notes\n05.10.2026;Germany;families;search;€ 1.000,50;ok\n"
    )
    answer = xbopt_command("simulate", "quickstart", *SHORT, "--policy", "mine.csv", "--runs", "2", "--json")
    assert answer.code == 0
    assert json.loads(answer.out)["kpis"]["media_spend"]["mean"] == pytest.approx(1000.5)
    assert "Note: mine.csv: the column notes is not read." in answer.err
    assert json.loads(answer.out)["notes"][0] == "mine.csv: the column notes is not read."
