"""Rows that a policy was learnt on never judge it, and the rows that a fixed rule holds out do."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from xbopt.agents import LinUcb, learn_from_log, load_bandit
from xbopt.core.decision_log.schema import DecisionColumns, DecisionLogSchema
from xbopt.core.decision_log.writer import DecisionLogWriter
from xbopt.core.errors import UsageError
from xbopt.core.hold_out import held_out
from xbopt.core.learnt_rows import LearntRows, learnt_rows_of
from xbopt.ope.data.logged import LoggedBanditData
from xbopt.ope.evaluate import evaluate_policy
from xbopt.ope.logs.evaluation import evaluate_log
from xbopt.ope.logs.open_log import open_log
from xbopt.ope.logs.policies import FromContext
from xbopt.ope.logs.reuse import reuse_findings

ACTIONS = 4


def write_log(path, *, seed=0, rows=1200, run="r", episodes=300):
    """A log in which nothing works: rewards are noise, actions are drawn evenly."""
    rng = np.random.default_rng(seed)
    times = np.full(rows, "2026-01-01T00:00:00.000000", dtype="datetime64[us]")
    number = np.arange(rows)
    columns = DecisionColumns(
        decision_id=np.array([f"{run}{i}" for i in number]), timestamp=times,
        episode_id=np.array([f"{run}e{i % episodes}" for i in number]), step=number // episodes,
        unit=np.full(rows, "u"), context=rng.normal(size=(rows, 3)), action=rng.integers(0, ACTIONS, rows),
        propensity=np.full(rows, 1.0 / ACTIONS), action_probabilities=np.full((rows, ACTIONS), 1.0 / ACTIONS),
        reward=rng.normal(size=rows), cost=np.zeros(rows), reward_ready_at=times, policy_id=np.full(rows, "logging"),
        scenario_hash=np.full(rows, ""),
    )  # fmt: skip
    schema = DecisionLogSchema(context_names=("x", "y", "z"), action_labels=tuple("abcd"))
    with DecisionLogWriter(path, schema) as writer:
        writer.append(columns)
    return path


class Exploring:
    """A wrapper that knows nothing of fingerprints."""

    name = "learnt"

    def __init__(self, bandit, share=0.4):
        self.bandit, self.share = bandit, share

    def probabilities_from_context(self, context, names):
        assert names == ("x", "y", "z")
        greedy = self.bandit.probabilities(context)
        return (1.0 - self.share) * greedy + self.share / ACTIONS


def learnt(path, **options):
    bandit = LinUcb(n_actions=ACTIONS, n_features=3, alpha=0.0)
    return bandit, learn_from_log(path, bandit, **options)


def judged(bandit, log):
    policy = FromContext(policy=Exploring(bandit), names=("x", "y", "z"), n_actions=ACTIONS)
    return evaluate_log(log, policy).result


def codes(result):
    return [finding.code for finding in result.findings]


def test_the_rows_it_learnt_from_are_refused_also_after_saving(tmp_path):
    path = write_log(tmp_path / "log.parquet")
    bandit, _ = learnt(path)
    bandit.save(tmp_path / "bandit.npz")
    for one in (bandit, load_bandit(tmp_path / "bandit.npz")):
        result = judged(one, open_log(path))
        assert result.verdict == "REFUSE"
        assert dict(result.findings[0].figures) == {"seen": 1200, "rows": 1200}
        assert codes(result) == ["learnt_on_these_rows", "judge_on_others"]
        assert result.difference is None


def test_a_part_of_the_rows_is_refused_too_with_its_size(tmp_path):
    half = learnt(write_log(tmp_path / "half.parquet", rows=600))[0]
    other = learnt(write_log(tmp_path / "other.parquet", rows=600, run="q", seed=1))[0]
    both = write_log(tmp_path / "half.parquet", rows=600)
    whole = tmp_path / "whole"
    whole.mkdir()
    write_log(whole / "a.parquet", rows=600)
    write_log(whole / "b.parquet", rows=600, run="q", seed=1)
    assert judged(half, open_log(whole)).findings[0].figures == {"seen": 600, "rows": 1200}
    half.learnt_on = half.learnt_on.plus(other.learnt_on)
    assert judged(half, open_log(whole)).findings[0].figures == {"seen": 1200, "rows": 1200}
    assert judged(other, open_log(both)).verdict == "ANSWER"


def test_other_decisions_under_the_same_ids_are_no_reuse(tmp_path):
    bandit, _ = learnt(write_log(tmp_path / "log.parquet"))
    assert judged(bandit, open_log(write_log(tmp_path / "later.parquet", seed=1))).verdict == "ANSWER"


def test_what_is_held_out_when_learning_is_what_judges(tmp_path):
    path = write_log(tmp_path / "log.parquet")
    bandit, found = learnt(path, hold_out=0.5)
    assert found.rows + found.held_out_rows == 1200
    assert 480 < found.held_out_rows < 720  # 300 episodes of 4 rows: 600 with a standard error of 35
    log = open_log(path)
    part = log.held_out(0.5)
    result = judged(bandit, part)
    assert (result.rows, result.verdict) == (found.held_out_rows, "ANSWER")
    assert "by episode (--hold-out 0.5)" in part.rules[-1]
    # A larger share holds out all that a smaller one does, and more that was learnt from.
    assert judged(bandit, log.held_out(0.3)).verdict == "ANSWER"
    assert judged(bandit, log.held_out(0.7)).findings[0].code == "learnt_on_these_rows"


@pytest.mark.parametrize("episodes", [300, 12])
def test_a_group_is_on_one_side_and_learning_agrees_with_judging(tmp_path, episodes):
    path = write_log(tmp_path / "log.parquet", episodes=episodes)
    _, found = learnt(path, hold_out=0.4)
    part = open_log(path).held_out(0.4)
    rows = [row for one in part.parts() for row in part.rows(one, keys=("decision_id", "episode_id"))]
    kept = [int(name.as_py()[1:]) for batch in rows for name in batch.keys["decision_id"]]
    assert len(kept) == found.held_out_rows
    if episodes == 300:
        names = np.array([f"re{i % 300}" for i in range(1200)])
        assert kept == np.flatnonzero(held_out(names, 0.4)).tolist()
    assert [int(number) for batch in rows for number in batch.numbers] == kept
    # A row's number leads back to its place in the file.
    assert [part.place_of(number)[1] for number in (0, 7, len(kept) - 1)] == [kept[0], kept[7], kept[-1]]


def test_a_foreign_log_is_held_out_by_customer(tmp_path):
    lines = [f"{i},c{i % 50},{'ab'[i % 2]},0.5,{i % 3}" for i in range(500)]
    path = tmp_path / "log.csv"
    path.write_text("id,customer,action,propensity,reward\n" + "\n".join(lines) + "\n")
    log = open_log(path, columns=["cluster=customer,decision_id=id,action=action,propensity=propensity,reward=reward"])
    part = log.held_out(0.5)
    kept = np.concatenate([batch.data.reward for one in part.parts() for batch in part.rows(one)])
    customers = held_out([f"c{i % 50}" for i in range(500)], 0.5)
    np.testing.assert_array_equal(kept, (np.arange(500) % 3)[customers])
    assert held_out(np.arange(500), 0.5).tolist() == held_out([str(i) for i in range(500)], 0.5).tolist()
    with pytest.raises(UsageError, match="they need names"):
        open_log(path).held_out(0.5)
    with pytest.raises(UsageError, match="between 0 and 1"):
        log.held_out(1.0)
    with pytest.raises(UsageError, match="one side would be empty"):
        log.held_out(0.0001)


def test_a_copy_of_the_log_is_told_by_its_ids_and_without_them_it_is_said(tmp_path):
    from pyarrow import csv, parquet

    path = write_log(tmp_path / "log.parquet")
    bandit, _ = learnt(path)
    copy = parquet.read_table(path).drop_columns(["context", "action_probabilities"])
    csv.write_csv(copy, tmp_path / "copy.csv")
    policy = FromContext(policy=Exploring(bandit), names=("x", "y", "z"), n_actions=ACTIONS)
    named = evaluate_log(open_log(tmp_path / "copy.csv"), replace(policy, policy=AnyNames(bandit)))
    assert codes(named.result)[0] == "learnt_on_these_rows"
    csv.write_csv(copy.drop_columns(["decision_id"]), tmp_path / "bare.csv")
    bare = evaluate_log(open_log(tmp_path / "bare.csv"), replace(policy, policy=AnyNames(bandit)))
    assert (bare.verdict, codes(bare.result)[0]) == ("CAUTION", "reuse_unknown")


class AnyNames(Exploring):
    def probabilities_from_context(self, context, names):
        del names
        return super().probabilities_from_context(context, ("x", "y", "z"))


def test_in_memory_the_ids_say_it(tmp_path):
    bandit, _ = learnt(write_log(tmp_path / "log.parquet"))
    data = LoggedBanditData(
        context=np.zeros((1200, 0)), action=np.arange(1200) % 2, reward=np.random.default_rng(0).normal(size=1200),
        propensity=np.full(1200, 0.5), n_actions=2,
    )  # fmt: skip
    even = np.full((1200, 2), 0.5)
    ids = [f"r{i}" for i in range(1200)]
    assert evaluate_policy(data, even, findings=reuse_findings(bandit, ids)).verdict == "REFUSE"
    assert reuse_findings(bandit, [f"q{i}" for i in range(1200)]) == ()


def test_wrappers_hide_no_fingerprint():
    bandit = LinUcb(n_actions=2, n_features=1)
    bandit.learnt_on = LearntRows.of(np.arange(3), np.arange(3, dtype=np.uint64))

    def ask(context):
        return bandit.probabilities(context)

    wrapped = [
        bandit, Exploring(bandit), Exploring(Exploring(bandit)), {"a": [bandit]}, ask, bandit.probabilities,
        partial(Exploring.probabilities_from_context, Exploring(bandit)),
    ]  # fmt: skip
    assert [len(learnt_rows_of(one)) for one in wrapped] == [3] * len(wrapped)
    assert len(learnt_rows_of(Exploring(LinUcb(n_actions=2, n_features=1)))) == 0


def test_fingerprints_merge_whatever_the_order():
    first = LearntRows.of(np.array([5, 1, 3]), np.array([50, 10, 30], dtype=np.uint64))
    second = LearntRows.of(np.array([3, 9]), np.array([30, 90], dtype=np.uint64))
    for both in (first.plus(second), second.plus(first)):
        assert both.ids.tolist() == [1, 3, 5, 9]
        assert both.contents.tolist() == [10, 30, 50, 90]
    assert first.seen(np.array([9, 3, -1])).tolist() == [False, True, False]
    assert LearntRows().seen(np.array([1])).tolist() == [False]


@pytest.mark.statistical
def test_a_null_log_gives_no_false_claim_where_the_half_that_was_not_learnt_from_judges(tmp_path):
    # 60 logs without any effect; a 95 % interval of the difference misses 0 in 3 of them on average, with a standard
    # deviation of 1.7: four of these above 3 are 9.8.
    missed = 0
    for seed in range(60):
        path = write_log(tmp_path / "log.parquet", seed=seed)
        bandit, _ = learnt(path, hold_out=0.5)
        result = judged(bandit, open_log(path).held_out(0.5))
        assert result.difference is not None
        missed += not result.difference.low <= 0.0 <= result.difference.high
    assert missed <= 9
