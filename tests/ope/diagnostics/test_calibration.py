"""Propensities that are not those of the draw are found by day, segment and context, and honest ones are believed."""

import numpy as np
import pytest

from tests.ope.worlds import LoggedWorld
from xbopt.core.arrays import FloatArray
from xbopt.core.errors import UsageError
from xbopt.ope import LoggedBanditData, PolicyEvaluation, StreamingEvaluator, evaluate_policy
from xbopt.ope.diagnostics import audit

START = 20_000.0
"""A time in days: 2024-10-04."""


def two(chance: FloatArray) -> FloatArray:
    return np.stack([1.0 - chance, chance], axis=1)


def log_of(chance: FloatArray, *, seed: int = 1, full: bool = False, **more: object) -> LoggedBanditData:
    """One half is stated, B is drawn with ``chance``, and it earns more where that is high."""
    random = np.random.default_rng(seed)
    rows = len(chance)
    action = (random.random(rows) < chance).astype(int)
    arrays = {
        "context": np.zeros((rows, 0)),
        "reward": 2.0 + 2.0 * chance + 0.5 * action + random.normal(size=rows),
        "action_probabilities": np.full((rows, 2), 0.5) if full else None,
    } | more
    return LoggedBanditData(action=action, propensity=np.full(rows, 0.5), n_actions=2, **arrays)


def always_b(data: LoggedBanditData) -> FloatArray:
    return np.tile([0.0, 1.0], (len(data), 1))


def codes(result: PolicyEvaluation) -> list[str]:
    return [finding.code for finding in result.findings if finding.level in ("refuse", "caution")]


@pytest.mark.parametrize("full", [False, True])
def test_swapped_days_are_refused_and_named_though_the_mean_weight_is_one(full: bool) -> None:
    """B was taken with 20 % on the first day and 80 % on the second: always B would earn 3.5, the log says 4.1."""
    day = np.repeat([0.0, 1.0], 2000)
    data = log_of(0.2 + 0.6 * day, full=full, time=START + day)
    result = evaluate_policy(data, always_b(data))
    assert result.support.mean_weight == pytest.approx(1.0, abs=0.1)
    assert result.verdict == "REFUSE"
    (reason,) = result.reasons
    assert reason.startswith("On 2024-10-0")
    assert " and 1 more day action" in reason
    assert "the propensities are not those of the draw" in reason
    (step,) = result.next_steps
    assert step.startswith("Find out which propensities held when the actions were drawn on 2024-10-0")


@pytest.mark.parametrize("full", [False, True])
def test_hours_of_the_day_are_named(full: bool) -> None:
    """B was taken with 35 % before noon and 65 % after it, every day: days and weekdays look right."""
    time = START + 20.0 * np.arange(4000) / 4000.0
    data = log_of(np.where(time % 1.0 < 0.5, 0.35, 0.65), full=full, time=time)
    result = evaluate_policy(data, always_b(data))
    assert result.verdict == "REFUSE"
    assert any(reason.startswith("Between ") and ":00 and " in reason for reason in result.reasons)


def test_a_drift_over_weeks_is_refused() -> None:
    share = np.arange(3000) / 3000.0
    data = log_of(0.1 + 0.8 * share, time=START + 28.0 * share)
    assert evaluate_policy(data, always_b(data)).verdict == "REFUSE"


def test_a_drift_is_found_where_days_share_their_luck() -> None:
    """28 days are clusters, so that no day by itself tells anything; weights and rewards drift together."""
    share = np.arange(5600) / 5600.0
    data = log_of(0.1 + 0.8 * share, time=START + 28.0 * share, cluster=np.floor(28.0 * share).astype(int))
    result = evaluate_policy(data, always_b(data))
    assert result.verdict == "REFUSE"
    assert set(codes(result)) & {"weights_by_group", "bias_by_group"}


def test_a_segment_and_a_column_are_named() -> None:
    random = np.random.default_rng(3)
    group = random.integers(0, 2, 4000)
    by_segment = log_of(0.3 + 0.4 * group, segment=group)
    found = evaluate_policy(by_segment, always_b(by_segment))
    assert found.verdict == "REFUSE"
    assert any(reason.startswith("In segment ") for reason in found.reasons)
    x = random.normal(size=(4000, 2))
    by_column = log_of(np.where(np.abs(x[:, 1]) > 1.0, 0.8, 0.4), context=x)
    found = evaluate_policy(by_column, always_b(by_column))
    assert found.verdict == "REFUSE"
    assert {finding.columns for finding in found.findings if finding.code == "weights_by_group"} == {(1,)}


@pytest.mark.statistical
@pytest.mark.parametrize("full", [False, True])
def test_honest_logs_are_believed(full: bool) -> None:
    """60 logs with days, segments and ten context columns. False cautions are held below 0.3 %, and those of DR against
    SNIPS are 1 %: more than 4 of 60 would come by chance once in 500 runs."""
    doubted = 0
    for seed in range(60):
        random = np.random.default_rng(seed)
        world = LoggedWorld(n_actions=3, n_features=10)
        data, evaluation = world.draw(1500, random, with_probabilities=full)
        dated = LoggedBanditData(
            context=data.context, action=data.action, reward=data.reward, propensity=data.propensity, n_actions=3,
            action_probabilities=data.action_probabilities, time=START + np.arange(1500) / 50.0,
            segment=random.integers(0, 4, 1500),
        )  # fmt: skip
        found = set(codes(evaluate_policy(dated, evaluation)))
        doubted += bool(found - {"thin_support", "weights_of_action", "mean_weight_low", "heavy_tail"})
    assert doubted <= 4


@pytest.mark.statistical
def test_arms_drawn_by_customer_are_not_called_wrong_propensities() -> None:
    """Twenty rows share an action: by row any group of customers would look as if drawn otherwise."""
    doubted = 0
    for seed in range(40):
        random = np.random.default_rng(seed)
        customer = np.repeat(np.arange(60), 20)
        action = random.integers(0, 2, 60)[customer]
        region = random.integers(0, 3, 60)[customer]
        data = LoggedBanditData(
            context=region[:, None].astype(float), action=action, reward=random.normal(size=1200),
            propensity=np.full(1200, 0.5), n_actions=2, cluster=customer, segment=region,
            time=START + np.arange(1200) / 100.0,
        )  # fmt: skip
        doubted += any("group" in code for code in codes(evaluate_policy(data, np.full((1200, 2), 0.5))))
    assert doubted <= 1


def test_a_mask_that_is_logged_is_no_wrong_propensity() -> None:
    """C cannot be taken where x is 1: the table says so, and the policy knows it."""
    random = np.random.default_rng(5)
    x = random.integers(0, 2, 4000)
    table = np.where(x[:, None] == 1, [0.5, 0.5, 0.0], [1 / 3] * 3)
    action = (table.cumsum(axis=1) < random.random((4000, 1))).sum(axis=1)
    data = LoggedBanditData(
        context=x[:, None].astype(float), action=action, reward=random.random(4000), propensity=None, n_actions=3,
        action_probabilities=table,
    )  # fmt: skip
    assert evaluate_policy(data, table).verdict == "ANSWER"
    ignoring = evaluate_policy(data, np.full((4000, 3), 1 / 3))
    assert codes(ignoring) == ["unseen_actions"]
    assert not any("propensities" in reason for reason in ignoring.reasons)


def clicked(rows: int, strength: float, seed: int) -> tuple[LoggedBanditData, FloatArray]:
    """B makes people click, and buyers are among those who clicked; the click stands among the context."""
    random = np.random.default_rng(seed)
    action = random.integers(0, 2, rows)
    click = random.random(rows) < 0.2 + strength * action
    reward = (click & (random.random(rows) < 0.4)).astype(float)
    data = LoggedBanditData(
        context=np.stack([random.normal(size=rows), click], axis=1), action=action, reward=reward,
        propensity=np.full(rows, 0.5), n_actions=2,
    )  # fmt: skip
    return data, always_b(data)


def test_a_column_made_after_the_decision_is_refused_by_name() -> None:
    result = evaluate_policy(*clicked(3000, 0.2, 1))
    assert result.verdict == "REFUSE"
    (reason,) = result.reasons
    assert "context column 1 was made after the decision" in reason
    assert any(step.startswith("Leave context column 1 out of the context") for step in result.next_steps)
    assert not any("Log action" in step for step in result.next_steps)


@pytest.mark.statistical
@pytest.mark.parametrize("strength", [0.05, 0.1])
def test_a_weak_effect_on_a_column_makes_no_false_answer(strength: float) -> None:
    """60 logs: 6 % is 3.6; 8 of them would be 2.4 standard errors more."""
    truth, false = 0.4 * (0.2 + strength), 0
    for seed in range(60):
        result = evaluate_policy(*clicked(2000, strength, seed))
        if result.verdict == "ANSWER":
            false += not result.difference.low <= truth - 0.4 * (0.2 + strength / 2.0) <= result.difference.high
    assert false < 8


@pytest.mark.statistical
def test_small_errors_by_day_make_no_false_answer() -> None:
    """48 and 52 % where one half is stated, by day, and days that earn more or less: the model knows the days."""
    false = 0
    for seed in range(60):
        random = np.random.default_rng(seed)
        day = np.arange(2800) // 100
        sign = np.where(day % 2 == 0, 1.0, -1.0)
        action = (random.random(2800) < 0.5 + 0.02 * sign).astype(int)
        data = LoggedBanditData(
            context=np.zeros((2800, 0)), action=action, propensity=np.full(2800, 0.5), n_actions=2,
            reward=2.0 + sign + 0.5 * action + random.normal(size=2800), time=START + day,
        )  # fmt: skip
        result = evaluate_policy(data, always_b(data))
        false += result.verdict == "ANSWER" and not result.estimates["dr"].low <= 2.5 <= result.estimates["dr"].high
    assert false < 8


def test_what_is_found_does_not_depend_on_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit, "MOST_ROWS", 1000)
    day = np.repeat([0.0, 1.0], 4000)
    data = log_of(0.2 + 0.6 * day, time=START + day, cluster=np.arange(8000) // 3)
    found = []
    for size in (8000, 777):
        evaluators = [StreamingEvaluator(n_actions=2, clustered=True) for _ in range(2)]
        for place, first in enumerate(reversed(range(0, 8000, size))):
            part = slice(first, first + size)
            evaluators[place % 2].add(data.rows(part), always_b(data)[part], first_row=first)
        evaluators[0].merge(evaluators[1])
        found.append(evaluators[0].result().findings)
    assert found[0][0].code == found[1][0].code == "weights_by_group"
    assert found[0][0].figures["z"] == pytest.approx(found[1][0].figures["z"], rel=1e-9)


def test_dr_and_snips_that_differ_are_told_with_both_causes() -> None:
    """Predictions that know the weights' luck: E[w q] is not E[V], as if a column had been made after the decision."""
    data = log_of(np.full(3000, 0.5))
    predictions = np.zeros((3000, 2)) + 3.0 * data.action[:, None]
    result = evaluate_policy(data, always_b(data), predictions=predictions)
    assert result.verdict == "REFUSE"
    (reason,) = [r for r in result.reasons if r.startswith("DR and SNIPS differ by")]
    assert "made after the decision" in reason
    assert "propensities that are not those of the draw" in reason


def test_one_cluster_and_one_row_are_refused_for_that_alone() -> None:
    """Nothing has a standard error there, so that no distance can be told in them."""
    data = log_of(np.full(400, 0.6), cluster=np.zeros(400, dtype=int))
    assert codes(evaluate_policy(data, always_b(data))) == ["one_cluster"]
    one = log_of(np.ones(1))
    result = evaluate_policy(one, always_b(one))
    assert set(codes(result)) <= {"top_weight", "few_effective_rows", "few_events"}
    assert not any(step.startswith("Find out") for step in result.next_steps)


def test_a_column_that_determines_the_action_is_said_to_move_with_it() -> None:
    action = np.random.default_rng(1).integers(0, 2, 400)
    data = LoggedBanditData(
        action=action, reward=action * 1.0, propensity=np.full(400, 0.5), n_actions=2, context=action[:, None] * 1.0
    )
    result = evaluate_policy(data, always_b(data))
    assert any("column context column 0 moves with the action" in reason for reason in result.reasons)
    assert result.next_steps[0].startswith("Leave context column 0 out")


def test_small_shares_and_unknown_intervals_are_told_as_they_are() -> None:
    data = LoggedBanditData(
        action=np.arange(100) % 2,
        reward=np.arange(100.0),
        propensity=np.full(100, 1e-4),
        n_actions=10_000,
        context=np.zeros((100, 0)),
    )
    step = evaluate_policy(data, np.full((100, 10_000), 1e-4)).next_steps[0]
    assert "takes it with 0.01%, the log with 0% (0 rows" in step
    with pytest.raises(UsageError, match="one of skewed, bootstrap-t"):
        evaluate_policy(log_of(np.ones(50)), np.full((50, 2), 0.5), interval="x")  # pyright: ignore[reportArgumentType]


def test_digits_that_tell_what_was_drawn_accuse_nobody() -> None:
    """The taken of two alike probabilities stands with all digits, the other one rounded: they are one group."""
    random = np.random.default_rng(3)
    action = random.choice(3, size=3000, p=[0.15, 0.7, 0.15])
    stated = np.tile(np.float64(np.float32([0.15, 0.7, 0.15])), (3000, 1))
    stated[np.arange(3000), action] = np.array([0.15, 0.7, 0.15])[action]
    data = LoggedBanditData(
        context=np.zeros((3000, 0)),
        action=action,
        reward=random.normal(size=3000),
        propensity=stated[np.arange(3000), action],
        n_actions=3,
        action_probabilities=stated,
    )
    assert codes(evaluate_policy(data, np.tile([0.1, 0.8, 0.1], (3000, 1)))) == []
