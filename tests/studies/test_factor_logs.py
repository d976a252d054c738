"""Logs of decisions made of factors: written around a policy, asked by factor, judged, certified, and never misread."""

import json
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from benchmarks.bench_ope_factors import WEEK, Shifted, coverage
from tests.command_line import call
from xbopt.agents import LinUcb, learn_from_log
from xbopt.agents.factored_direct import FactoredDirect
from xbopt.agents.policies import policy_from
from xbopt.core.decision_log.reader import read_decision_log
from xbopt.core.decision_log.schema import METADATA_KEY
from xbopt.core.decisions.cell_factors import CellFactors
from xbopt.core.errors import DecisionLogError, PolicyError, UsageError
from xbopt.core.scenario.loading import load_scenario
from xbopt.env.policy_contract import check_policy
from xbopt.ope.logs.open_log import open_log
from xbopt.reports.evaluation.document import certificate
from xbopt.simulator.build import build_market
from xbopt.studies.evaluate import evaluate
from xbopt.studies.simulate import simulate

WORLDS = 80


@pytest.fixture(scope="module")
def market():
    return build_market(load_scenario("quickstart", overrides=WEEK))


@pytest.fixture(scope="module")
def around(market):
    return FactoredDirect.of(policy_from("replan", market), market)


@pytest.fixture(scope="module")
def moved(around):
    """What a residual network might choose: other notches in the first region than elsewhere."""
    return Shifted(name="moved", inside=around, first={"spend": 1, "timing": 1}, others={"spend": -1, "discount": 1})


@pytest.fixture(scope="module")
def path(market, around, moved, tmp_path_factory):
    where = tmp_path_factory.mktemp("factors") / "log.parquet"
    simulate(market, around, runs=WORLDS, seed=1, exploration=0.5, by="factors", log=where, shadows=[moved])
    return where


@pytest.fixture(scope="module")
def log(path):
    return read_decision_log(path)


def test_a_row_holds_the_factors_that_its_cell_depends_on_and_no_others(log, around, market):
    assert [one.name for one in log.schema.factors] == [
        "pace", "timing", "discount", "spend/search", "spend/social", "spend/email",
    ]  # fmt: skip
    assert log.schema.anchor == "replan"
    cells = CellFactors.of(around.factors, regions=2, segments=2, channels=market.scenario.channels)
    names = [[around.factors.names[one] for one in row] for row in cells.places.tolist()]
    assert names[1] == [
        "pace", "timing/DE", "discount/DE/students", "spend/DE/students/search", "spend/DE/students/social",
        "spend/DE/students/email",
    ]  # fmt: skip


def test_cells_of_a_world_share_pace_and_those_of_a_region_timing(log):
    levels = log.columns.action.reshape(WORLDS, 2, 2, 6)
    assert (levels[..., 0] == levels[:, :1, :1, 0]).all()
    assert (levels[..., 1] == levels[:, :, :1, 1]).all()
    assert not (levels[:, 0, :, 1] == levels[:, 1, :, 1]).all()


def test_the_propensity_is_the_product_of_the_factors(log):
    notches = (log.columns.action != [one.neutral for one in log.schema.factors]).sum(axis=1)
    np.testing.assert_allclose(log.columns.propensity, 0.5 ** (6 - notches) * 0.25**notches, rtol=1e-14)


def test_the_same_seed_writes_the_same_rows_however_many_worlds_follow(market, around, log, tmp_path):
    simulate(market, around, runs=3, seed=1, exploration=0.5, by="factors", log=tmp_path / "few.parquet")
    few = read_decision_log(tmp_path / "few.parquet").columns
    for name in ("decision_id", "action", "propensity", "action_probabilities", "reward", "context"):
        np.testing.assert_array_equal(getattr(few, name), getattr(log.columns, name)[: len(few)], err_msg=name)


def test_a_policy_asked_from_the_log_answers_as_its_shadow_did(path, moved, market):
    asked = evaluate(path, moved, scenario=market.scenario, force=True)
    beside = evaluate(path, "shadow:moved", force=True)
    assert asked.result.values == beside.result.values
    assert (asked.policy, beside.policy) == ("moved", "shadow:moved")


def test_the_anchor_by_name_is_all_neutral(path, around, market):
    by_name = evaluate(path, "replan")
    asked = evaluate(path, around, scenario=market.scenario)
    assert by_name.result.values == asked.result.values
    assert by_name.verdict == "CAUTION"
    assert by_name.result.recommended == "pi_dr"
    assert {one.code for one in by_name.result.findings} >= {"additive_rewards"}
    shares = {one.name: {one.labels[one.neutral]: 1.0} for one in open_log(path).factors}
    assert evaluate(path, shares).result.values == by_name.result.values
    columns = [(factor, level, share) for factor, levels in shares.items() for level, share in levels.items()]
    table = pa.table(dict(zip(("factor", "level", "probability"), zip(*columns, strict=True), strict=True)))
    assert evaluate(path, probabilities=table).result.values == by_name.result.values


def test_what_was_done_is_what_was_done(path, log):
    result = evaluate(path, "logging").result
    assert result.values["pi"].value == pytest.approx(log.columns.reward.mean(), rel=1e-12)
    assert result.differences["ips"].value == 0.0
    assert result.support.mean_weight == pytest.approx(1.0)


def test_weights_by_hand(path, log):
    """PI weights: 1 + sum (w_l - 1) with w_l = 1 / 0.5 at the neutral level, 0 beside it."""
    neutral = log.columns.action == [one.neutral for one in log.schema.factors]
    pi = 1.0 + (np.where(neutral, 2.0, 0.0) - 1.0).sum(axis=1)
    product = np.where(neutral.all(axis=1), 64.0, 0.0)
    result = evaluate(path, "replan", force=True).result
    reward = log.columns.reward
    assert result.values["pi"].value == pytest.approx((pi * reward).mean(), rel=1e-12)
    assert result.values["snpi"].value == pytest.approx((pi * reward).sum() / pi.sum(), rel=1e-12)
    assert result.values["ips"].value == pytest.approx((product * reward).mean(), rel=1e-12)
    assert result.support.mean_weight == pytest.approx(pi.mean(), rel=1e-12)
    assert result.support.clusters == WORLDS
    assert result.factors["pace"].ess == pytest.approx(neutral[:, 0].sum())


def test_levels_that_were_never_logged_are_refused_by_factor(path):
    evaluation = evaluate(path, "uniform")
    assert evaluation.verdict == "REFUSE"
    assert any(
        reason.startswith("Factor spend/search: ") and "'spend/search x0.5'" in reason
        for reason in evaluation.result.reasons
    )
    assert evaluation.result.next_steps
    assert "policy that is nearer" in " ".join(evaluation.result.next_steps)


def test_draws_of_one_factor_that_are_not_the_stated_ones_are_refused_by_its_name(path, log, tmp_path):
    """Search drawn with 0.5 at the middle is stated as 0.9 there; the other factors stay honest."""
    table = log.columns.action_probabilities.copy()
    at = sum(log.schema.levels[:3])
    table[:, at : at + 9] = np.array([0, 0, 0, 0.05, 0.9, 0.05, 0, 0, 0])
    first = np.cumsum([0, *log.schema.levels[:-1]])
    propensity = np.take_along_axis(table, log.columns.action + first, axis=1).prod(axis=1)
    raw = parquet.read_table(path)
    for name, values in (("action_probabilities", table.tolist()), ("propensity", propensity)):
        place = raw.column_names.index(name)
        raw = raw.set_column(place, raw.schema.field(name), pa.array(values))
    parquet.write_table(raw, tmp_path / "bent.parquet")
    evaluation = evaluate(tmp_path / "bent.parquet", "replan")
    assert evaluation.verdict == "REFUSE"
    about = {one.factor for one in evaluation.result.findings if one.level == "refuse"}
    assert about == {"spend/search"}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"estimand": "sequential"}, "--estimand sequential has no rule for decisions that are made of factors"),
        ({"self_test": True}, "--self-test has no rule"),
        ({"sequence": True}, "--sequence has no rule"),
        ({"period": "2026-12-01..2026-12-31"}, "--for has no rule"),
        ({"reward_model": "trees"}, "--reward-model trees has no rule"),
        ({"propensity": 0.5}, "says itself what was drawn with which probability; give no propensity"),
        ({"estimators": ["dr"]}, "dr was not computed for this question; there are: pi_dr, pi, snpi, ips"),
    ],
)
def test_what_a_log_of_factors_cannot_answer_is_refused(path, options, message):
    with pytest.raises(UsageError, match=message):
        evaluate(path, "replan", **options)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("planner", "notches around replan; what planner would have decided is not among them"),
        ("always:pace x1", "the decisions of this log are made of factors"),
        ("replam", "There is no policy 'replam'.*Did you mean"),
        ({"pace": {"x1": 1.0}}, "factor timing is missing"),
        ({"pase": {"x1": 1.0}}, "the log has no factor 'pase'"),
        ({"pace": {"x3": 1.0}}, "factor pace has no level 'x3'"),
        ({"pace": {"x1": 0.7}}, "the levels of factor pace sum to 0.7"),
        ({"pace": {"x1": -0.5, "x1.19": 1.5}}, "level 'x1' of factor pace has the probability -0.5; 0 to 1 is wanted"),
    ],
)
def test_a_policy_that_means_nothing_here_is_named(path, name, message):
    with pytest.raises(PolicyError, match=message):
        evaluate(path, name)


def test_notches_around_another_policy_are_not_taken_for_those_of_the_log(path, market):
    other = FactoredDirect.of(policy_from("baseline", market), market)
    with pytest.raises(PolicyError, match="notches of baseline are around baseline, those of the log around replan"):
        evaluate(path, other, scenario=market.scenario)
    with pytest.raises(PolicyError, match="The shadow baseline chooses among other actions"):
        simulate(market, "replan", runs=1, by="factors", log=path.parent / "no.parquet", shadows=["baseline"])


def test_an_anchor_of_the_same_name_that_was_made_from_another_plan_is_another(path, market, around, tmp_path):
    """As a re-planner of somebody's own plan is: its wish is a tenth larger."""
    other = FactoredDirect.of(Dearer(around.anchor), market)
    with pytest.raises(PolicyError, match="around another replan than those of the log"):
        evaluate(path, other, scenario=market.scenario)
    with pytest.raises(PolicyError, match="The notches of replan are around another replan"):
        simulate(market, around, runs=1, exploration=0.1, log=tmp_path / "log.parquet", shadows=[other])


def restated(path, where, **changes):
    """The log with another description."""
    table = parquet.read_table(path)
    told = json.loads(table.schema.metadata[METADATA_KEY])
    for name, value in changes.items():
        if name == "pace":
            told["factors"][0] |= value
        else:
            told[name] = value
    parquet.write_table(table.replace_schema_metadata({METADATA_KEY: json.dumps(told).encode()}), where)
    return where


def test_an_anchor_that_nobody_names_agrees_with_none(path, around, market, tmp_path):
    silent = restated(path, tmp_path / "silent.parquet", anchor="")
    with pytest.raises(PolicyError, match="the log does not say which policy its notches are around"):
        evaluate(silent, around, scenario=market.scenario)


def test_the_anchor_by_name_is_held_against_the_first_morning(path, log, market, tmp_path):
    assert evaluate(path, "replan", scenario=market.scenario).verdict == "CAUTION"
    assert any("is the log's word" in note for note in evaluate(path, "replan").rules)
    wished = [1.1 * spend for spend in log.schema.anchor_spend]
    dearer = restated(path, tmp_path / "dearer.parquet", anchor_spend=wished)
    with pytest.raises(PolicyError, match="around another replan than those of the log"):
        evaluate(dearer, "replan", scenario=market.scenario)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"pace": {"neutral": 1}}, "factor pace is said to change nothing at 'x0.841', which does"),
        ({"pace": {"labels": ["x1.41", "x1.19", "x1", "x0.841", "x0.707"]}}, "factor pace are out of order"),
        ({"anchor_spend": [1.0]}, "anchor_spend has 1 entries"),
        ({"anchor_spend": [1.0, 2.0, -3.0]}, "anchor_spend holds a number that is no amount"),
    ],
)  # fmt: skip
def test_a_description_that_contradicts_itself_is_refused(path, tmp_path, changes, message):
    with pytest.raises(DecisionLogError, match=message):
        evaluate(restated(path, tmp_path / "damaged.parquet", **changes), "replan")


class Dearer:
    """A policy that wishes a tenth more than another, under its name."""

    kind = "planner"

    def __init__(self, inside):
        self.name, self.inside = inside.name, inside

    def decide(self, observation):
        wished = self.inside.decide(observation)
        return replace(wished, spend_base=1.1 * wished.spend_base)


def test_a_policy_of_factors_asks_no_log_of_tactics_and_learners_take_no_log_of_factors(market, around, path, tmp_path):
    simulate(market, "baseline", runs=2, by="menu", log=tmp_path / "menu.parquet")
    with pytest.raises(PolicyError, match=r"the decisions of .* are single actions"):
        evaluate(tmp_path / "menu.parquet", around, scenario=market.scenario)
    names = read_decision_log(path).schema.context_names
    with pytest.raises((PolicyError, UsageError)):
        learn_from_log(path, LinUcb(n_actions=6, n_features=len(names)))


def test_by_says_what_is_logged(market, around):
    with pytest.raises(UsageError, match="--by says what explores"):
        simulate(market, "baseline", runs=1, by="factors")
    with pytest.raises(UsageError, match="chooses a level of each of its factors, and no tactic"):
        simulate(market, around, runs=1, by="menu", exploration=0.1)


def test_the_certificate_binds_policy_share_and_log(path):
    first, again = (certificate(evaluate(path, "replan")) for _ in range(2))
    other = certificate(evaluate(path, "replan", exploration=0.2))
    assert first == again
    assert first["policy"]["name"] == "replan"
    assert other["policy"]["name"] == "replan+explore0.2"
    assert len({first["policy"]["sha256"], other["policy"]["sha256"]}) == 2
    assert first["log"]["actions"][0] == "pace x0.707"
    assert first["scenario_hash"] == read_decision_log(path).columns.scenario_hash[0]


def test_every_face_shows_it(path, tmp_path):
    report, proof = tmp_path / "report.html", tmp_path / "proof.json"
    asked = ("evaluate", path, "--policy", "replan", "--json", "--report", report, "--certificate", proof)
    done = call(*asked, folder=tmp_path)
    assert done.code == 0, done.err
    found = json.loads(done.out)
    assert [one["factor"] for one in found["factors"]][:2] == ["pace", "timing"]
    assert [one["estimator"] for one in found["estimates"]] == ["pi_dr", "pi", "snpi", "ips"]
    assert "spend/social" in report.read_text("utf-8")
    assert json.loads(proof.read_text("utf-8"))["recommended"] == "pi_dr"
    assert call("evaluate", path, "--policy", "uniform", folder=tmp_path).code == 3


def test_the_command_says_what_explores_and_writes_the_log(tmp_path):
    week = [part for change in WEEK for part in ("--set", change)]
    asked = ("simulate", "quickstart", *week, "--by", "factors", "--runs", "2", "--log", "week.parquet", "--json")
    done = call(*asked, folder=tmp_path)
    assert done.code == 0, done.err
    assert "Logging with 20% exploration of each factor (channel spend, discount, timing, pace), one notch" in done.err
    assert json.loads(done.out)["policy"]["name"] == "baseline+explore0.2"
    assert read_decision_log(tmp_path / "week.parquet").schema.anchor == "baseline"
    assert call(*asked[:-3], folder=tmp_path).code == 2


def test_an_asked_stub_keeps_the_contract(moved, market):
    check_policy(moved, market, batch_sizes=(1, 20))


@pytest.mark.statistical
def test_intervals_hold_what_playing_brings(market, around, moved):
    """20 logs; honest 95 % intervals hold in fewer than 16 of 20 in 0.3 % of all tries (binomial)."""
    found = coverage(market, around, [around, moved], logs=20, worlds=150, truth_worlds=1500)
    for name, one in found.items():
        assert one.logs >= 18, name
        assert one.over_fewest >= 1.0, (name, one)
        # Errors of independent logs, in their standard errors: the mean of 20 has one of 0.22, and 3.5 of them is 0.8.
        assert abs(one.errors.mean()) < 0.8, (name, one.errors)
    assert replace(found["moved"], value=0).over_fewest == 0.0
