"""Evaluating a log from batches: the same answer as in memory, whatever the batches, and in little memory."""

import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from xbopt.core.errors import DecisionLogError, SupportError, UsageError
from xbopt.ope import LoggedBanditData, evaluate_policy
from xbopt.ope.logs import files
from xbopt.ope.logs.episodes import evaluate_log_sequentially
from xbopt.ope.logs.evaluation import evaluate_log, with_self_test
from xbopt.ope.logs.log_policy import load_rows
from xbopt.ope.logs.open_log import open_log
from xbopt.ope.logs.policies import FixedProbabilities, named_policy
from xbopt.ope.logs.weight_histogram import WeightHistogram


def table(rows, seed=1):
    rng = np.random.default_rng(seed)
    action, x = rng.integers(0, 3, rows), rng.standard_normal(rows)
    return pa.table(
        {
            "action": action,
            "propensity": np.full(rows, 1 / 3),
            "reward": (rng.random(rows) < 0.2 + 0.1 * action * (x > 0)).astype(np.float64),
            "context_x": x,
            "cluster": np.arange(rows) // 3,
            "cost": 1.0 + action,
        }
    )


@pytest.fixture
def log_path(tmp_path):
    def write(content, row_group_size=None):
        parquet.write_table(content, tmp_path / "log.parquet", row_group_size=row_group_size)
        return tmp_path / "log.parquet"

    return write


def figures(result):
    found = {name: (one.value, one.low, one.high) for name, one in result.estimates.items()}
    return np.array([*found.values(), (result.support.ess, result.support.max_weight, result.support.pareto_k)])


@pytest.mark.parametrize("clustered", [False, True])
def test_batches_give_what_arrays_in_memory_give(clustered, log_path):
    content = table(5000)
    if not clustered:
        content = content.drop_columns(["cluster"])
    log = open_log(log_path(content))
    found = evaluate_log(log, FixedProbabilities(name="p", shares=(0.2, 0.2, 0.6))).result
    columns = {name: content[name].to_numpy() for name in content.column_names}
    data = LoggedBanditData(
        context=columns["context_x"][:, None],
        action=columns["action"],
        reward=columns["reward"],
        propensity=columns["propensity"],
        n_actions=3,
        cost=columns["cost"],
        # Clusters are told apart by a hash of their name, so that folds are the same in any batch.
        cluster=load_rows(log, named_policy("uniform", log))[0].data.cluster if clustered else None,
    )
    expected = evaluate_policy(data, np.tile([0.2, 0.2, 0.6], (5000, 1)))
    np.testing.assert_allclose(figures(found), figures(expected), rtol=1e-9)
    assert found.budget.keys() == expected.budget.keys() == {"cost", "reward_per_cost", "cost_per_reward"}


@pytest.mark.parametrize(("batch", "group"), [(7, 100), (1000, 333), (65_536, 700)])
def test_no_cut_into_batches_groups_or_parts_changes_the_result(batch, group, log_path, monkeypatch):
    content = table(2000)
    policy = FixedProbabilities(name="p", shares=(0.1, 0.3, 0.6))
    expected = figures(evaluate_log(open_log(log_path(content)), policy).result)
    read, cut = files.read_part, files.split
    for place in ("open_log", "evaluation_log", "profile"):
        monkeypatch.setattr(f"xbopt.ope.logs.{place}.read_part", lambda p, c: read(p, c, batch_rows=batch))
    for place in ("open_log", "evaluation_log"):
        monkeypatch.setattr(f"xbopt.ope.logs.{place}.split", lambda f: cut(f, rows=300))
    log = open_log(log_path(content, row_group_size=group))
    assert len(log.parts()) > 1
    np.testing.assert_allclose(figures(evaluate_log(log, policy).result), expected, rtol=1e-9)


def test_rewards_that_are_not_ready_are_counted_out(log_path):
    content = table(3000).drop_columns(["cluster"])
    policy = FixedProbabilities(name="p", shares=(0.1, 0.3, 0.6))
    late = np.arange(3000) % 5 == 0
    reward = np.where(late, np.nan, content["reward"].to_numpy())
    dated = content.set_column(2, "reward", pa.array(reward, from_pandas=True))
    day = np.datetime64("2026-03-01", "us")
    dated = dated.append_column("reward_ready_at", pa.array([day] * 3000)).append_column(
        "timestamp", pa.array([day] * 3000)
    )
    result = evaluate_log(open_log(log_path(dated)), policy).result
    assert (result.rows, result.rows_censored) == (2400, 600)
    kept = evaluate_log(open_log(log_path(content.filter(~late))), policy).result
    # The folds differ, because rows have other numbers; weights alone do not know folds.
    for name in ("ips", "snips"):
        assert result.estimates[name].value == pytest.approx(kept.estimates[name].value, rel=1e-12)


# The peak of this very program: what the system reports of a process counts its parent's memory too.
PEAK = """
import sys
from pathlib import Path
from xbopt.ope.logs.evaluation import evaluate_log
from xbopt.ope.logs.open_log import open_log
from xbopt.ope.logs.policies import named_policy
log = open_log(sys.argv[1])
evaluate_log(log, named_policy("always:1", log))
status = Path("/proc/self/status").read_text()
print(next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmHWM")))
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the peak of a program is read from /proc")
def test_peak_memory_does_not_grow_with_the_rows(tmp_path):
    """Twelve times the rows, which alone are 48 MB more, cost less than 16 MB more at the peak."""
    peaks = []
    for rows in (100_000, 1_200_000):
        path = tmp_path / f"{rows}.parquet"
        parquet.write_table(table(rows).drop_columns(["cluster"]), path, row_group_size=100_000)
        done = subprocess.run([sys.executable, "-c", PEAK, path], capture_output=True, text=True, check=True)
        peaks.append(int(done.stdout))
    assert peaks[1] - peaks[0] < 16e6, peaks


def test_a_model_that_would_not_fit_into_memory_is_refused(log_path):
    wide = {f"context_{i}": [0.0, 1.0] for i in range(3000)}
    log = open_log(log_path(pa.table({"action": ["a", "b"], "propensity": [0.5, 0.5], "reward": [0, 1], **wide})))
    with pytest.raises(UsageError, match=r"needs 0\.7 GB\. Name fewer context columns, or say --reward-model none"):
        evaluate_log(log, named_policy("uniform", log))
    found = evaluate_log(log, named_policy("uniform", log), reward_model=None, force=True).result
    assert set(found.estimates) == {"ips", "snips"}


def carrying(effect, rows=6000, seed=4):
    """Episodes of six steps; an action of 1 moves the context of the next step, and by it the next reward."""
    rng = np.random.default_rng(seed)
    action = rng.integers(0, 2, (rows // 6, 6))
    mood = effect * np.concatenate([np.zeros((rows // 6, 1)), action[:, :-1]], axis=1)
    reward = mood + action + rng.standard_normal(action.shape)
    order = rng.permutation(rows)
    return pa.table(
        {
            "action": action.ravel()[order],
            "propensity": [0.5] * rows,
            "reward": reward.ravel()[order],
            "context_mood": mood.ravel()[order],
            "episode_id": np.repeat(np.arange(rows // 6), 6)[order],
            "step": np.tile(np.arange(6), rows // 6)[order],
        }
    )


def test_carry_over_is_found_though_the_context_shows_it(log_path):
    """The context after an action is that action's doing: it must not explain the effect away."""
    found = evaluate_log(open_log(log_path(carrying(0.5))), FixedProbabilities(name="p", shares=(0.2, 0.8))).result
    assert found.verdict == "CAUTION"
    assert found.carry_over.rows == 5000
    # Half of the rows follow an action of 1, so the effect of 0.5 has a root mean square of 0.25.
    assert found.carry_over.effect == pytest.approx(0.25, abs=0.06)


def test_no_carry_over_is_found_where_there_is_none(log_path):
    found = evaluate_log(open_log(log_path(carrying(0.0))), FixedProbabilities(name="p", shares=(0.2, 0.8))).result
    assert found.verdict == "ANSWER"
    assert found.carry_over.p_value > 0.01


def test_a_large_log_is_judged_by_a_share_of_its_episodes(log_path, monkeypatch):
    log = open_log(log_path(carrying(0.5), row_group_size=1000))
    monkeypatch.setattr("xbopt.ope.logs.samples.MOST_CONTEXT", 2000)
    found = evaluate_log(log, FixedProbabilities(name="p", shares=(0.2, 0.8))).result.carry_over
    assert 500 < found.rows <= 2000
    assert found.rows % 5 == 0, "episodes are kept whole"


def dated(stated_on_the_last_day, rows=8000):
    """Four days of even draws over two actions; on the last one the log states other propensities."""
    rng = np.random.default_rng(6)
    day = np.arange(rows) * 4 // rows
    action = rng.integers(0, 2, rows)
    stated = np.where((day == 3) & (action == 1), stated_on_the_last_day, 0.5)
    moments = np.datetime64("2026-03-01T12:00", "us") + day.astype("timedelta64[D]")
    return pa.table({"action": action, "propensity": stated, "reward": rng.random(rows), "timestamp": moments})


@pytest.mark.parametrize("most", [10_000_000, 3000])
def test_a_day_with_other_propensities_than_stated_is_found(most, log_path, monkeypatch):
    monkeypatch.setattr("xbopt.ope.diagnostics.audit.MOST_ROWS", most)
    policy = FixedProbabilities(name="p", shares=(0.5, 0.5))
    honest = evaluate_log(open_log(log_path(dated(0.5))), policy).result
    assert honest.verdict == "ANSWER"
    found = evaluate_log(open_log(log_path(dated(0.2, rows=8000))), policy).result
    assert any(reason.startswith("On 2026-03-04 action") for reason in found.reasons)
    assert any(
        "Find out which propensities held when the actions were drawn on 2026-03-04" in s for s in found.next_steps
    )


def test_probabilities_that_were_not_those_of_the_draw_are_found(log_path):
    rng = np.random.default_rng(7)
    action = (rng.random(4000) < 0.4).astype(int)  # 0.3 is stated
    table = [[0.7, 0.3]] * 4000
    content = pa.table({"action": action, "reward": rng.random(4000), "action_probabilities": table})
    found = evaluate_log(open_log(log_path(content)), FixedProbabilities(name="p", shares=(0.5, 0.5))).result
    taken = f"{(action == 0).mean():.1%}"
    assert any(f"action '0' was taken in {taken}" in reason and "say 70.0%" in reason for reason in found.reasons)


def episodes(steps_kept, due_days=7):
    """Three episodes of three weekly steps; rewards 1, 10, 100 by step; episode 2 lacks what is not kept."""
    rows = [(e, t) for e in range(3) for t in range(3) if e < 2 or t in steps_kept]
    start = np.datetime64("2026-03-02", "us")
    made = [start + np.timedelta64(7 * t, "D") for _, t in rows]
    return pa.table(
        {
            "action": ["a" if t % 2 else "b" for _, t in rows],
            "propensity": [0.5] * len(rows),
            "reward": [10.0**t for _, t in rows],
            "episode_id": [f"e{e}" for e, _ in rows],
            "step": [t for _, t in rows],
            "timestamp": made,
            "reward_ready_at": [moment + np.timedelta64(due_days, "D") for moment in made],
        }
    )


def sequential(content, log_path, **options):
    log = open_log(log_path(content), as_of=np.datetime64("2027-01-01", "us"))
    return evaluate_log_sequentially(log, named_policy("uniform", log), force=True, **options)


def test_an_episode_is_worth_the_sum_of_its_steps(log_path):
    found = sequential(episodes((0, 1, 2)), log_path).result
    assert found.rows == 3
    assert found.logging_policy.value == pytest.approx(111.0)
    assert found.estimates["tis"].value == pytest.approx(111.0)


def test_an_episode_that_ended_early_counts_in_full(log_path):
    found = sequential(episodes((0, 1)), log_path)
    assert found.result.rows_censored == 0
    assert found.result.logging_policy.value == pytest.approx((111 + 111 + 11) / 3)
    assert any("from 2 to 3 steps; the shorter ones count as ended" in rule for rule in found.rules)


def many_episodes(cut_at, count=10, late=None):
    """Episodes of three steps that bring 1, 10, 100; those named lack the step at which they are cut."""
    rows = [(e, t) for e in range(count) for t in range(3) if cut_at.get(e) != t]
    return pa.table(
        {
            "action": ["a" if (e + t) % 2 else "b" for e, t in rows],
            "propensity": [0.5] * len(rows),
            "reward": [10.0**t for _, t in rows],
            "episode_id": [f"e{e}" for e, _ in rows],
            "step": [t for _, t in rows],
            "reward_ready_at": [np.datetime64("2027-05-01" if t == late else "2026-05-01", "us") for _, t in rows],
        }
    )


def test_few_cut_episodes_are_dropped_and_told(log_path):
    found = sequential(many_episodes({3: 1, 4: 0}), log_path)
    assert (found.result.rows, found.result.rows_censored) == (8, 2)
    assert found.result.logging_policy.value == pytest.approx(111.0)
    assert any("2 of 10 episodes were cut" in reason for reason in found.result.reasons)
    assert any(rule.startswith("4 decisions were left out") for rule in found.rules)


def test_many_cut_episodes_are_refused(log_path):
    found = sequential(many_episodes({3: 1, 4: 0, 5: 1}), log_path).result
    assert found.verdict == "REFUSE"
    assert any("3 of 10 episodes were cut" in reason and "more than 20%" in reason for reason in found.reasons)


def test_episodes_that_are_all_cut_late_are_shortened_to_a_common_horizon(log_path):
    found = sequential(many_episodes({}, late=2), log_path).result
    assert (found.rows, found.rows_censored) == (10, 10)
    assert found.logging_policy.value == pytest.approx(11.0)
    assert any("the first 2 steps of at most 3" in reason for reason in found.reasons)


def test_windows_that_overlap_are_refused(log_path):
    content = episodes((0, 1, 2))
    for days in (7, 8):
        ends = [moment.as_py() + timedelta(days=days) for moment in content["timestamp"]]
        windows = content.append_column("window_end", pa.array(ends))
        if days == 7:
            assert sequential(windows, log_path).result.logging_policy.value == pytest.approx(111.0)
        else:
            with pytest.raises(SupportError, match="In 6 of 6 cases the attribution window of a reward"):
                sequential(windows, log_path)


def test_a_window_that_is_booked_late_is_no_overlap_but_nobody_said_so(log_path):
    found = sequential(episodes((0, 1, 2), due_days=9), log_path).result
    assert found.logging_policy.value == pytest.approx(111.0)
    assert any("In 6 of 6 cases a reward is booked after the next decision" in step for step in found.next_steps)
    ends = [moment.as_py() + timedelta(days=7) for moment in episodes((0, 1, 2))["timestamp"]]
    told = sequential(episodes((0, 1, 2), due_days=9).append_column("window_end", pa.array(ends)), log_path).result
    assert not any("booked after" in step for step in told.next_steps)


def test_a_window_that_ends_before_its_decision_is_an_error(log_path):
    content = episodes((0, 1, 2))
    ends = [moment.as_py() - timedelta(days=1) for moment in content["timestamp"]]
    with pytest.raises(DecisionLogError, match="column window_end: lies before the decision's own timestamp"):
        sequential(content.append_column("window_end", pa.array(ends)), log_path)


def test_a_growing_log_gets_intervals_that_hold_at_every_look(log_path):
    log = open_log(log_path(table(20_000).drop_columns(["cluster", "cost"])))
    policy = FixedProbabilities(name="p", shares=(0.0, 0.0, 1.0))
    plain, found = (evaluate_log(log, policy, sequence=asked).result for asked in (False, True))
    assert plain.anytime is None
    assert found.estimates["dr"] == plain.estimates["dr"]
    assert found.anytime.units == 20_000
    value, difference = found.anytime.values["dr"], found.anytime.differences["dr"]
    assert value.low < 0.2 + 0.1 * 2 * 0.5 < value.high
    # sqrt((1 + 1 / 793.6) (log(794.6) + 5.991)) = 3.562 where the ordinary interval has 1.960.
    assert (value.high - value.low) / (found.estimates["dr"].high - found.estimates["dr"].low) == pytest.approx(
        3.562 / 1.960, rel=0.01
    )
    assert difference.low < found.difference.low < found.difference.high < difference.high


def test_an_any_time_interval_counts_clusters_and_waits_for_enough_of_them(log_path):
    rows = table(2000)
    few = rows.set_column(rows.column_names.index("cluster"), "cluster", pa.array(np.arange(2000) % 40))
    policy = FixedProbabilities(name="p", shares=(0.0, 0.0, 1.0))
    found = evaluate_log(open_log(log_path(few)), policy, sequence=True).result
    assert found.anytime is None
    assert any("from 50 independent units on" in step and "has 40" in step for step in found.next_steps)
    many = rows.set_column(rows.column_names.index("cluster"), "cluster", pa.array(np.arange(2000) % 100))
    assert evaluate_log(open_log(log_path(many)), policy, sequence=True).result.anytime.units == 100


def test_estimated_propensities_get_an_any_time_interval_too(log_path):
    log = open_log(log_path(table(2000).drop_columns(["cluster", "cost", "propensity"])), propensity="estimate")
    found = evaluate_log(log, FixedProbabilities(name="p", shares=(0.2, 0.2, 0.6)), sequence=True).result
    assert found.verdict == "CAUTION"
    assert found.anytime.units == 2000


def test_whole_episodes_get_an_any_time_interval(log_path):
    found = sequential(many_episodes({}, count=60), log_path, sequence=True).result
    assert found.anytime.units == 60
    name = found.recommended
    assert found.anytime.differences[name].low <= found.differences[name].low


def test_the_self_test_says_how_often_intervals_hold(log_path):
    log = open_log(log_path(table(2000).drop_columns(["cluster"])))
    policy = FixedProbabilities(name="p", shares=(0.2, 0.2, 0.6))
    found = with_self_test(evaluate_log(log, policy), policy, draws=60).self_test
    assert found.draws == 60
    # Four standard errors of a share of 95 % in 60 draws.
    assert abs(found.coverage["dr"] - 0.95) < 4 * np.sqrt(0.95 * 0.05 / 60)


def test_the_histogram_adds_up():
    weights = np.array([0.0, 0.0, 1e-4, 1.0, 2.0, 3.0, 5.0, 1e9])
    whole = WeightHistogram.of(weights)
    halves = WeightHistogram.of(weights[:3]).plus(WeightHistogram.of(weights[3:]))
    np.testing.assert_array_equal(whole.rows, halves.rows)
    np.testing.assert_array_equal(whole.weight, halves.weight)
    named = dict(zip(whole.labels(), zip(whole.rows.tolist(), whole.weight.tolist(), strict=True), strict=True))
    assert named["0"] == (2, 0.0)
    assert named["below 0.001"] == (1, 1e-4)
    assert named["1 to 3.16"] == (3, 6.0)
    assert named["3.16 to 10"] == (1, 5.0)
    assert named["10,000 and more"] == (1, 1e9)


def test_reward_bounds_reach_the_evaluation(log_path):
    log = open_log(log_path(table(500).set_column(2, "reward", pa.array(np.full(500, 7.0)))))
    assert not evaluate_log(log, named_policy("uniform", log)).result.estimates["dr"].covers
    found = evaluate_log(log, named_policy("uniform", log), reward_bounds=(0.0, 10.0)).result.estimates["dr"]
    assert found.covers
    assert found.low < 7.0 < found.high
