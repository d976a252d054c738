"""``xbopt evaluate``: exit codes, outputs, and what each kind of policy needs."""

import json
from pathlib import Path

import numpy as np
import pytest

LOG = "action,propensity,reward,context_age,segment\n"
CONTRACT = {
    "verdict", "reasons", "next_steps", "rows", "support", "estimates", "recommended", "logging_policy", "difference",
}  # fmt: skip
SUPPORT = {"ess", "max_weight", "top_weight_share", "pareto_k", "min_propensity", "unsupported_mass", "mean_weight"}


@pytest.fixture
def log(tmp_path):
    """A log of 2,000 decisions with good overlap: b pays more than a."""
    rng = np.random.default_rng(1)
    action, age = rng.integers(0, 2, 2000), rng.integers(20, 70, 2000)
    reward = (rng.random(2000) < 0.1 + 0.1 * action).astype(int)
    triples = zip(action, reward, age, strict=True)
    rows = "".join(f"{'ab'[a]},0.5,{r},{x},{'old' if x > 50 else 'young'}\n" for a, r, x in triples)
    (tmp_path / "log.csv").write_text(LOG + rows)
    return tmp_path / "log.csv"


def test_json_is_as_the_contract_says(log, xbopt_command):
    answer = xbopt_command("evaluate", log, "--policy", "always:b", "--json")
    assert answer.code == 0, answer.err
    document = json.loads(answer.out)
    assert document.keys() >= CONTRACT
    assert document["support"].keys() == SUPPORT
    assert document["verdict"] == "ANSWER"
    assert document["rows"] == 2000
    assert {row["estimator"] for row in document["estimates"]} >= {
        "ips",
        "snips",
        "dm",
        "dr",
        "sndr",
        "switch_dr",
        "dr_os",
    }
    for row in (*document["estimates"], document["logging_policy"], document["difference"]):
        assert row["low"] <= row["value"] <= row["high"]
    quoted = next(row for row in document["estimates"] if row["estimator"] == document["recommended"])
    assert abs(quoted["value"] - 0.2) < 4 * quoted["se"]
    assert document["difference"]["value"] == pytest.approx(quoted["value"] - document["logging_policy"]["value"])


def test_the_logging_policy_itself_is_worth_the_log_s_mean(log, xbopt_command):
    document = json.loads(xbopt_command("evaluate", log, "--policy", "uniform", "--json").out)
    mean = document["logging_policy"]["value"]
    values = {row["estimator"]: row["value"] for row in document["estimates"]}
    assert values["ips"] == pytest.approx(mean, rel=1e-12)
    assert values["snips"] == pytest.approx(mean, rel=1e-12)


def test_chosen_estimators_and_another_confidence(log, xbopt_command):
    options = ["evaluate", log, "--policy", "always:b", "--json", "--estimators", "snips,ips"]
    wide = json.loads(xbopt_command(*options, "--confidence", "0.99").out)
    narrow = json.loads(xbopt_command(*options, "--confidence", "0.8").out)
    assert [row["estimator"] for row in wide["estimates"]] == ["snips", "ips"]
    assert wide["recommended"] == "snips"
    assert wide["estimates"][0]["low"] < narrow["estimates"][0]["low"]
    assert wide["estimates"][0]["value"] == narrow["estimates"][0]["value"]


def test_without_a_reward_model(log, xbopt_command):
    document = json.loads(
        xbopt_command("evaluate", log, "--policy", "always:b", "--json", "--reward-model", "none").out
    )
    assert [row["estimator"] for row in document["estimates"]] == ["ips", "snips"]
    assert document["recommended"] == "snips"
    answer = xbopt_command("evaluate", log, "--policy", "always:b", "--reward-model", "none", "--estimators", "dr")
    assert answer.code == 2
    assert "dr is not computed for this question; there are: ips, snips" in answer.err


def refused(tmp_path):
    """Ten thousand decisions, of which two speak about the policy: one of them with a weight of 20,000."""
    rows = ["a,0.99995,0\n"] * 9_998 + ["b,0.00005,1\n", "b,0.5,1\n"]
    (tmp_path / "thin.csv").write_text("action,propensity,reward\n" + "".join(rows))
    return tmp_path / "thin.csv"


def test_a_refusal_shows_no_value(tmp_path, xbopt_command):
    log = refused(tmp_path)
    answer = xbopt_command("evaluate", log, "--policy", "always:b", "--json")
    document = json.loads(answer.out)
    assert answer.code == 3
    assert document["verdict"] == "REFUSE"
    assert document["estimates"] == []
    assert document["difference"] is document["recommended"] is None
    assert "weight 2e+04" in document["reasons"][0]
    assert "action 'b' was logged there with propensity 5e-05" in document["reasons"][0]
    assert any("action 'b'" in step for step in document["next_steps"])
    text = xbopt_command("evaluate", log, "--policy", "always:b", "--report", "r.html", "--certificate", "c.json")
    assert text.code == 3
    assert "Estimator" not in text.out
    assert "What the policy would have earned" in (tmp_path / "r.html").read_text()
    assert json.loads((tmp_path / "c.json").read_text())["verdict"] == "REFUSE"


def test_the_self_test_of_a_refused_log_does_not_tell_the_value(tmp_path, xbopt_command):
    log = refused(tmp_path)
    answer = xbopt_command("evaluate", log, "--policy", "always:b", "--json", "--self-test", "--certificate", "c.json")
    assert answer.code == 3
    for document in (json.loads(answer.out), json.loads((tmp_path / "c.json").read_text())):
        assert document["self_test"]["truth"] is None
        assert document["self_test"]["width"] == {}
        assert document["self_test"]["logging_policy"] == "refitted"


def test_a_refusal_shows_values_when_forced_and_stays_a_refusal(tmp_path, xbopt_command):
    answer = xbopt_command("evaluate", refused(tmp_path), "--policy", "always:b", "--json", "--force")
    document = json.loads(answer.out)
    assert answer.code == 3
    assert document["verdict"] == "REFUSE"
    assert len(document["estimates"]) == 7


def test_the_certificate_says_what_was_evaluated_on_what(log, tmp_path, xbopt_command):
    options = ["evaluate", log, "--policy", "always:b", "--seed", "3", "--certificate"]
    for name in ("one.json", "two.json"):
        assert xbopt_command(*options, name).code == 0
    assert (tmp_path / "one.json").read_bytes() == (tmp_path / "two.json").read_bytes()
    document = json.loads((tmp_path / "one.json").read_text())
    assert document["format"] == "xbopt.evaluation"
    assert document["policy"]["name"] == "always:b"
    assert document["estimand"]["name"] == "one-step"
    assert document["log"]["rows"] == 2000
    assert len(document["log"]["sha256"]) == 64
    assert document["seed"] == 3
    assert document["versions"].keys() == {"xbopt", "numpy", "scipy", "pyarrow"}
    log.write_text(log.read_text() + "a,0.5,0,30,young\n")
    assert xbopt_command(*options, "three.json").code == 0
    assert json.loads((tmp_path / "three.json").read_text())["log"]["sha256"] != document["log"]["sha256"]


def test_probabilities_by_key(log, tmp_path, xbopt_command):
    text = "segment,action,probability\nold,a,0\nold,b,1\nyoung,a,1\nyoung,b,0\n"
    (tmp_path / "p.csv").write_text(text)
    document = json.loads(xbopt_command("evaluate", log, "--probabilities", "p.csv", "--json").out)
    assert document["verdict"] == "ANSWER"
    assert document["policy"] == "p.csv"


def test_an_action_that_was_never_logged_lacks_support(log, tmp_path, xbopt_command):
    (tmp_path / "p.csv").write_text("action,probability\na,0\nb,0.5\nc,0.5\n")
    answer = xbopt_command("evaluate", log, "--probabilities", "p.csv", "--json")
    document = json.loads(answer.out)
    assert answer.code == 3
    assert document["support"]["unsupported_mass"] == pytest.approx(0.5)
    assert "never logged: action 'c' (50.0%)" in " ".join(document["reasons"])


def test_estimated_propensities_are_never_a_plain_answer(log, xbopt_command):
    options = ["--columns", "action=action,reward=reward,context=context_age"]
    answer = xbopt_command("evaluate", log, "--policy", "always:b", "--propensity", "estimate", *options, "--json")
    document = json.loads(answer.out)
    assert answer.code == 0
    assert document["verdict"] == "CAUTION"
    assert "The log states no propensities" in document["reasons"][0]


@pytest.fixture
def own(tmp_path, xbopt_command):
    arguments = ["simulate", "quickstart", "--runs", "40", "--exploration", "0.9", "--log", "own.parquet", "--json"]
    assert xbopt_command(*arguments).code == 0
    return tmp_path / "own.parquet"


def test_built_in_plans_need_the_scenario_that_wrote_the_log(own, log, xbopt_command):
    answer = xbopt_command("evaluate", own, "--policy", "greedy_roas")
    assert answer.code == 2
    assert "Say which one wrote the log: --scenario" in answer.err
    answer = xbopt_command("evaluate", own, "--policy", "greedy_roas", "--scenario", "us_eu_launch")
    assert answer.code == 2
    assert "The log was written in a scenario with the hash" in answer.err
    answer = xbopt_command("evaluate", log, "--policy", "greedy_roas")
    assert answer.code == 2
    assert "write the columns decision_id, action and probability" in answer.err
    options = ["--policy", "baseline", "--scenario", "quickstart", "--exploration", "0.9", "--json"]
    answer = xbopt_command("evaluate", own, *options)
    document = json.loads(answer.out)
    assert document["exploration_cost"]["sentence"] in answer.err
    assert document["exploration_cost"]["share"] == 0.9
    # The very policy that wrote the log: every weight is 1.
    assert document["support"]["ess"] == pytest.approx(document["rows"])
    values = {row["estimator"]: row["value"] for row in document["estimates"]}
    assert values["snips"] == pytest.approx(document["logging_policy"]["value"])


def test_the_sequential_question(own, log, xbopt_command):
    document = json.loads(
        xbopt_command("evaluate", own, "--policy", "logging", "--estimand", "sequential", "--json").out
    )
    assert document["estimand"] == "sequential"
    assert document["rows"] == 160
    values = {row["estimator"]: row["value"] for row in document["estimates"]}
    assert values["tis"] == pytest.approx(document["logging_policy"]["value"])
    answer = xbopt_command("evaluate", log, "--policy", "uniform", "--estimand", "sequential")
    assert answer.code == 2
    assert "needs episodes and their steps" in answer.err


def test_rewards_that_overlap_in_time_cannot_be_added_up(tmp_path, xbopt_command):
    arguments = ["simulate", "quickstart", "--runs", "4", "--set", "tactics.window_days=14", "--log", "o.parquet"]
    assert xbopt_command(*arguments).code == 0
    answer = xbopt_command("evaluate", "o.parquet", "--policy", "logging", "--estimand", "sequential")
    assert answer.code == 3
    assert "count the same days twice" in answer.err


def test_markdown_has_the_words_of_the_page(log, tmp_path, xbopt_command):
    assert xbopt_command("evaluate", log, "--policy", "always:b", "--report", "r.md").code == 0
    text = (tmp_path / "r.md").read_text()
    assert text.startswith("# What always:b would have earned")
    assert text.index("**ANSWER:") < text.index("## Can the log speak") < text.index("## What the policy would")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ([], "Say which policy to evaluate"),
        (["--policy", "uniform", "--probabilities", "p.csv"], "one of them"),
        (["--policy", "unifrom"], "There is no policy 'unifrom'. Did you mean 'uniform'?"),
        (["--policy", "always:c"], "The log has no action 'c'"),
        (["--policy", "logging"], "the policy that wrote it is not known in full"),
        (["--policy", "."], "is no training run, no bundle, and no plan's file"),
        (["--policy", "replan"], "this log was written in another market"),
        (["--policy", "uniform", "--exploration", "0.1"], "the policy uniform takes none"),
        (["--policy", "uniform", "--confidence", "95"], "a number between 0 and 1 is wanted"),
        (["--policy", "uniform", "--estimators", "drr"], "there is no 'drr'. Did you mean 'dr"),
        (["--policy", "uniform", "--estimators", ","], "--estimators is empty"),
        (["--policy", "uniform", "--report", "r.pdf"], "ends in .html or .md"),
        (["--policy", "uniform", "--certificate", "c.txt"], "ends in .json"),
        (["--policy", "uniform", "--propensity", "0.5"], "say the same thing twice"),
        (["--policy", "uniform", "--propensity", "a third"], "a probability such as 0.25 or 1/3 is wanted"),
        (["--policy", "uniform", "--as-of", "yesterday"], "write it as 2026-03-01"),
        (["--policy", "uniform", "--as-of", "2026-03-01"], "--as-of needs a column"),
        (["--policy", "uniform", "--scenario", "quickstart"], "the policy uniform needs none"),
        (["--probabilities", "none.csv"], "there is no such file"),
        (["--policy", "uniform", "--certificate", "missing/c.json"], "There is no folder missing"),
    ],
)
def test_calls_that_make_no_sense(options, message, log, xbopt_command):
    answer = xbopt_command("evaluate", log, *options)
    assert answer.code == 2
    assert message in " ".join(answer.err.split())
    assert answer.out == ""


def test_ray_is_named_where_it_is_missing(log, xbopt_command):
    from importlib.util import find_spec

    answer = xbopt_command("evaluate", log, "--policy", "always:b", "--engine", "ray", "--json")
    if find_spec("ray") is None:
        assert answer.code == 2
        assert "pip install 'xbopt[scale]'" in answer.err
    else:
        local = xbopt_command("evaluate", log, "--policy", "always:b", "--json")
        assert answer.out == local.out


@pytest.mark.parametrize("label", ["[/red]", "[bold]x[/bold]", "50% off {x}", "row 7 banner", "action 2"])
def test_a_label_is_told_as_it_is_in_every_table(xbopt_command, tmp_path: Path, label: str) -> None:
    rows = "".join(f'"{label}",{i % 2},0.5\nb,{i % 3 % 2},0.5\n' for i in range(300))
    (tmp_path / "labels.csv").write_text("action,reward,propensity\n" + rows, encoding="utf-8")
    answer = xbopt_command("evaluate", "labels.csv", "--policy", "uniform")
    assert answer.code == 0, answer.err
    assert label in answer.out


@pytest.mark.parametrize(
    "option", [("--confidence", "1e-300"), ("--confidence", "0.9999999999999999"), ("--estimand", "onestep")]
)
def test_a_senseless_number_or_word_is_refused(xbopt_command, tmp_path: Path, option: tuple[str, str]) -> None:
    (tmp_path / "few.csv").write_text("action,reward,propensity\na,1,0.5\nb,0,0.5\n", encoding="utf-8")
    assert xbopt_command("evaluate", "few.csv", "--policy", "uniform", *option).code == 2


def test_estimated_propensities_come_with_bounds_for_what_the_log_does_not_hold(log, xbopt_command, tmp_path):
    options = [
        "evaluate",
        log,
        "--columns",
        "action=action,reward=reward,context=context_age",
        "--propensity",
        "estimate",
    ]
    answer = xbopt_command(*options, "--policy", "always:b", "--json", "--report", "r.md")
    found = json.loads(answer.out)["hidden_confounding"]
    assert [one["strength"] for one in found["bounds"]] == [1.0, 1.1, 1.25, 1.5, 2.0]
    assert found["bounds"][0]["value"]["low"] == found["bounds"][0]["value"]["high"]
    # Twice as many of the takers of b buy: a hidden cause of 1.1 does not turn that around, one of 20 does.
    assert 1.1 < found["sign_lost_at"] < 20.0
    for text in ((tmp_path / "r.md").read_text(), xbopt_command(*options, "--policy", "always:b").out):
        assert "If the log does not hold all that moved the choice" in text
        assert "moves the odds of an action" in " ".join(text.split())
    stated = json.loads(xbopt_command("evaluate", log, "--policy", "always:b", "--json").out)
    assert "hidden_confounding" not in stated


def test_only_the_rows_that_are_held_out_judge(log, xbopt_command):
    named = "customer," + log.read_text().replace("\n", "\nx,", 1)
    lines = log.read_text().splitlines()
    named = "\n".join([f"cluster,{lines[0]}", *(f"c{i % 400},{line}" for i, line in enumerate(lines[1:]))])
    log.write_text(named + "\n")
    options = ["evaluate", log, "--policy", "always:b"]
    document = json.loads(xbopt_command(*options, "--hold-out", "0.5", "--json", "--certificate", "c.json").out)
    # 200 of 400 customers, with a standard deviation of 10, of 5 rows each.
    assert 850 < document["rows"] < 1150
    certificate = json.loads((log.parent / "c.json").read_text())
    assert certificate["log"]["held_out"] == 0.5
    assert any("--hold-out 0.5" in rule for rule in certificate["log"]["rules"])
    assert xbopt_command(*options, "--hold-out", "1").code == 2


def test_a_coming_period_is_valued_from_days_like_it(tmp_path, xbopt_command):
    rng = np.random.default_rng(2)
    lines = [
        f"{'ab'[a]},0.5,{int(rng.random() < 0.2 + 0.1 * a)},2026-05-{1 + i % 28:02d}"
        for i, a in enumerate(rng.integers(0, 2, 2800))
    ]
    (tmp_path / "log.csv").write_text("action,propensity,reward,timestamp\n" + "\n".join(lines) + "\n")
    options = ["evaluate", "log.csv", "--policy", "always:b", "--json"]
    answer = xbopt_command(*options, "--for", "2026-06-01..2026-06-05", "--events", "DE")
    document = json.loads(answer.out)
    assert answer.code == 0, answer.err
    assert document["period"]["days"] == 5
    assert document["difference"]["low"] < 0.05 < document["difference"]["high"]
    for more in ([], ["--force", "--report", "r.html", "--certificate", "c.json"]):
        assert xbopt_command(*options, "--for", "2026-12-01..2026-12-31", *more).code == 3
    for wrong in (["--for", "June"], ["--events", "DE"], ["--for", "2026-06-01..2026-06-05", "--events", "Germany"]):
        assert xbopt_command(*options, *wrong).code == 2
    without = [
        "evaluate",
        "log.csv",
        "--policy",
        "always:b",
        "--columns",
        "action=action,reward=reward,propensity=propensity",
    ]
    assert "timestamp=NAME" in xbopt_command(*without, "--for", "2026-06-01..2026-06-05").err
