"""Which rows share luck: what is said counts first, then unit and episode, and ids that nobody named are seen."""

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from xbopt.core.errors import DecisionLogError, UsageError
from xbopt.ope.logs.episodes import evaluate_log_sequentially
from xbopt.ope.logs.evaluation import evaluate_log
from xbopt.ope.logs.open_log import open_log
from xbopt.ope.logs.policies import named_policy
from xbopt.ope.logs.shared_luck import id_columns, shared_draws, shared_rewards


@pytest.fixture
def opened(tmp_path):
    """Open columns as a log."""

    def write(content, **options):
        parquet.write_table(pa.table(content), tmp_path / "log.parquet")
        return open_log(tmp_path / "log.parquet", **options)

    return write


def draws(rows, seed=1):
    action = np.random.default_rng(seed).integers(0, 2, rows)
    return {"action": action, "propensity": np.full(rows, 0.5), "reward": np.random.default_rng(seed + 1).random(rows)}


def labels(log):
    return np.concatenate([rows.data.cluster for part in log.parts() for rows in log.rows(part)])


def same_groups(found, wanted):
    pairs = set(zip(found.tolist(), wanted.tolist(), strict=True))
    return len(pairs) == len(set(found.tolist())) == len(set(wanted.tolist()))


def customers(seed, by, count=120, luck=0.7):
    """An A/A test on customers of 1 to 20 rows with luck of their own; the arm is drawn by customer or by row."""
    random = np.random.default_rng(seed)
    customer = np.repeat(np.arange(count), random.integers(1, 21, count))
    arm = random.integers(0, 2, count)[customer] if by == "customer" else random.integers(0, 2, len(customer))
    reward = 1.0 + random.normal(0.0, luck, count)[customer] + random.normal(0.0, 0.7, len(customer))
    return {"action": arm, "propensity": np.full(len(customer), 0.5), "reward": reward, "customer": customer}


def as_unit(columns):
    return {("unit" if name == "customer" else name): values for name, values in columns.items()}


@pytest.mark.statistical
@pytest.mark.parametrize("by", ["customer", "row"])
def test_a_test_of_two_equal_arms_claims_no_difference(by, opened):
    """At 95 % 5 % of 40 logs may; 2 and three standard errors of 1.38 are 6. By row they are not useless either."""
    claims, answers = 0, 0
    for seed in range(40):
        log = opened(as_unit(customers(seed, by)))
        found = evaluate_log(log, named_policy("always:1", log)).result
        answers += found.verdict != "REFUSE"
        claims += found.difference is not None and not found.difference.low <= 0.0 <= found.difference.high
    assert claims <= 6
    assert answers >= 38


def test_a_unit_is_the_cluster_unless_another_is_named(opened):
    columns = draws(400) | {"unit": np.arange(400) // 5, "day": np.arange(400) % 40}
    log = opened(columns)
    assert log.cluster_name == "unit"
    assert same_groups(labels(log), columns["unit"])
    assert any(rule.startswith("Rows of one unit count as one cluster") for rule in log.rules)
    named = opened(columns, columns=["action=action,reward=reward,propensity=propensity,unit=unit,cluster=day"])
    assert named.cluster_name == "day"
    assert same_groups(labels(named), columns["day"])


def test_episodes_of_one_unit_belong_to_it_and_units_of_one_episode_to_the_episode(opened):
    rows = np.arange(400)
    of_one = draws(400) | {"unit": rows // 10, "episode_id": rows // 5, "step": rows % 5}
    assert same_groups(labels(opened(of_one)), of_one["unit"])
    shared = draws(400) | {"unit": rows % 5, "episode_id": rows // 10, "step": rows // 5 % 2}
    log = opened(shared)
    assert log.cluster_name == "episode"
    assert same_groups(labels(log), shared["episode_id"])


def test_few_units_whose_actions_are_drawn_anew_are_clustered_by_time(opened):
    """Six regions over 200 days: by day, as a log of ours with few episodes; unless a region has one arm for good."""
    rows = np.arange(1200)
    day = np.datetime64("2026-01-01", "us") + (rows // 6) * np.timedelta64(1, "D")
    cells = draws(1200) | {"unit": rows % 6, "timestamp": day}
    log = opened(cells)
    assert log.cluster_name == "day"
    assert same_groups(labels(log), rows // 6)
    assert any("there are only 6" in rule for rule in log.rules)
    assert opened(cells | {"action": rows % 6 % 2}).cluster_name == "unit"


def test_blocks_of_days_begin_with_the_first_decision(opened):
    hours = np.arange(0, 24 * 30, 5)
    moments = np.datetime64("2026-01-03T22:00", "us") + hours * np.timedelta64(1, "h")
    columns = draws(len(hours)) | {"timestamp": moments}
    log = opened(columns, cluster_days=7)
    assert log.cluster_name == "block of 7 days"
    assert same_groups(labels(log), (hours + 22) // (24 * 7))
    assert evaluate_log(log, named_policy("always:1", log)).result.support.clusters == 5
    with pytest.raises(UsageError, match="needs a column that says when"):
        opened(draws(50), cluster_days=7)
    with pytest.raises(UsageError, match="a whole number of days"):
        opened(columns, cluster_days=0)
    with pytest.raises(UsageError, match="two different things"):
        opened(columns | {"cluster": hours % 3}, cluster_days=7)


def test_whole_episodes_count_by_block_of_days_or_by_the_cluster_that_is_named(opened):
    rows = np.arange(480)
    moments = np.datetime64("2026-01-01", "us") + rows // 8 * np.timedelta64(1, "D") + rows % 4 * np.timedelta64(1, "h")
    columns = draws(480) | {"episode_id": rows // 4, "step": rows % 4, "timestamp": moments}
    for options, clusters in (({"cluster_days": 2}, 30), ({}, 120)):
        log = opened(columns, **options)
        assert evaluate_log_sequentially(log, named_policy("uniform", log)).result.support.clusters == clusters
    named = opened(columns | {"cluster": rows // 12})
    assert evaluate_log_sequentially(named, named_policy("uniform", named)).result.support.clusters == 40
    by_unit = opened(columns | {"unit": rows // 8})
    assert evaluate_log_sequentially(by_unit, named_policy("uniform", by_unit)).result.support.clusters == 60


def test_an_unnamed_customer_who_repeats_is_pointed_out(opened):
    log = opened(customers(1, "row", luck=0.0))
    found = evaluate_log(log, named_policy("always:1", log)).result
    assert [finding.code for finding in log.findings] == ["repeated_id"]
    assert any("--columns cluster=customer" in step for step in found.next_steps)
    assert found.verdict == "ANSWER"


def test_arms_that_were_drawn_by_an_unnamed_customer_are_a_reason_for_caution(opened):
    log = opened(customers(1, "customer"))
    found = evaluate_log(log, named_policy("always:1", log)).result
    assert found.verdict == "CAUTION"
    assert any("Rows of one customer took the same action" in reason for reason in found.reasons)


def test_luck_that_rows_of_an_unnamed_customer_share_is_a_reason_for_caution(opened):
    """Sizes 1 to 20 and half of the variance shared: the squares differ 1 + (E n^2 / E n - 1) / 2 = 7.3 times."""
    log = opened(customers(1, "row"))
    found = evaluate_log(log, named_policy("always:1", log)).result
    assert [finding.code for finding in log.findings] == ["luck_by_id", "name_cluster"]
    assert log.findings[0].figures["times"] == pytest.approx(7.3**0.5, rel=0.15)
    assert found.verdict == "CAUTION"
    assert any("Rows of one customer share luck" in reason for reason in found.reasons)


def test_arms_drawn_by_a_column_of_any_name_are_seen_and_outcomes_are_no_clusters(opened):
    columns = customers(1, "customer")
    columns["kd_nr"] = columns.pop("customer")
    assert [finding.code for finding in opened(columns).findings] == ["drawn_by_id", "name_cluster"]
    rowwise = customers(1, "row")
    rowwise["paid"] = np.rint(20.0 * rowwise["reward"]).astype(int)  # moves with the reward, as an outcome does
    rowwise["width"] = rowwise.pop("customer")
    assert opened(rowwise).findings == ()


@pytest.mark.statistical
def test_rewards_that_share_nothing_are_rarely_taken_to(opened):
    """Beyond 3 standard errors lie 0.13 % of 300 logs: more than 3 of them happen once in 1,000 times."""
    alarms = 0
    for seed in range(300):
        random = np.random.default_rng(seed)
        customer = np.repeat(np.arange(80), random.integers(1, 12, 80))
        alarms += shared_rewards(customer, np.exp(random.normal(0.0, 1.0, len(customer)))).are_seen
    assert alarms <= 3


def test_shared_rewards_by_hand():
    """Off the mean of 2: 1, 1 | -1, -1 | 0. Squares of sums 4, 4, 0; sums of squares 2, 2, 0."""
    found = shared_rewards(np.array([7, 7, 8, 8, 9]), np.array([3.0, 3.0, 1.0, 1.0, 2.0]))
    assert found.times == pytest.approx(2.0**0.5)
    assert found.z == pytest.approx(4.0 / 8.0**0.5)
    assert not shared_rewards(np.array([1, 1, 2]), np.ones(3)).are_seen


def test_columns_that_do_not_repeat_or_tell_few_apart_are_left_alone(opened):
    rows = np.arange(400)
    log = opened(draws(400) | {"user_id": rows, "campaign_id": rows % 3, "note": rows % 50, "session": rows * 0.5})
    assert log.findings == ()


@pytest.mark.parametrize("name", ["customer_id", "UserId", "email_hash", "sessions", "visitor-id", "uuid"])
def test_names_of_ids_are_known(name):
    assert id_columns([name, "width", "paid", "identity_score", "video"]) == [name]


def test_an_empty_unit_is_an_error_with_its_row(opened):
    log_columns = draws(40) | {"unit": pa.array([*map(str, range(39)), None])}
    with pytest.raises(DecisionLogError, match="row 40, column unit: is empty"):
        opened(log_columns)


def test_shared_draws_by_hand():
    """Group 1: B, B, A; group 2: A, A. Pairs BB, BA, AA with propensities of the later row 1/2, 1/4, 1/2."""
    found = shared_draws(
        np.array([1, 1, 2, 1, 2]), np.array([1, 1, 0, 0, 0]), np.array([0.5, 0.5, 0.5, 0.25, 0.5])
    )  # fmt: skip
    # 2, 0 and 2: mean 4 / 3; off by 1, -1 and 1, so that z = 1 / sqrt(3).
    assert found.pairs == 3
    assert found.mean == pytest.approx(4 / 3)
    assert found.z == pytest.approx(3**-0.5)


def test_draws_by_a_rule_of_the_context_are_not_taken_for_shared_ones():
    """The same customer has the same context, so that actions agree; the propensities know it."""
    random = np.random.default_rng(5)
    customer = np.repeat(np.arange(200), 10)
    chance = np.where(random.random(200) < 0.5, 0.9, 0.1)[customer]
    action = (random.random(2000) < chance).astype(int)
    found = shared_draws(customer, action, np.where(action == 1, chance, 1.0 - chance))
    assert not found.are_seen
    assert found.are_excluded
