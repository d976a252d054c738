"""Several policies wrote one log: balanced weights from a column of propensities a policy."""

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

import xbopt
from xbopt.core.errors import DecisionLogError, UsageError
from xbopt.ope import LoggedBanditData, evaluate_policy, open_log

OLD, NEW = np.array([0.9, 0.1, 0.0]), np.array([0.2, 0.2, 0.6])
POLICY = {"a": 0.1, "b": 0.3, "c": 0.6}
COLUMNS = "action=arm,reward=won,context=x,policy_propensities=mu_*,policy_id=by"
ROWS = 4_000


def columns(seed=0, rows=ROWS):
    """The old policy took the first 70 % of the rows and never arm c; the new one explores."""
    random = np.random.default_rng(seed)
    by = (np.arange(rows) >= 0.7 * rows).astype(int)
    each = np.stack([OLD, NEW])
    action = (random.random(rows)[:, None] > each[by].cumsum(axis=1)).sum(axis=1)
    x = random.normal(size=rows)
    won = np.array([0.1, 0.2, 0.3])[action] + 0.2 * x + 0.3 * random.normal(size=rows)
    return {
        "arm": np.array(["a", "b", "c"])[action], "won": won, "x": x, "by": np.array(["old", "new"])[by],
        "mu_new": NEW[action], "mu_old": OLD[action], "p": each[by, action],
    }  # fmt: skip


def test_a_log_gives_what_the_arrays_give():
    table = columns()
    action = np.searchsorted(["a", "b", "c"], table["arm"])
    data = LoggedBanditData(
        context=table["x"], action=action, reward=table["won"], propensity=table["p"], n_actions=3,
        policy=(table["by"] == "old").astype(int), policy_propensities=np.stack([table["mu_new"], table["mu_old"]], 1),
    )  # fmt: skip
    expected = evaluate_policy(data, np.tile(list(POLICY.values()), (ROWS, 1)))
    found = xbopt.evaluate(table, POLICY, columns=[COLUMNS])
    assert found.result.estimates["dr"].value == pytest.approx(expected.estimates["dr"].value, rel=1e-9)
    assert found.verdict == expected.verdict == "ANSWER"
    assert found.rules[-1] == (
        "One-step weights are balanced over 2 logging policies, by their shares of the rows: new 30.0%, old 70.0%."
    )
    # Balanced weights are bounded by those of the mixture: of arm c at most 0.6 / (0.3 * 0.6).
    assert found.result.support.max_weight == pytest.approx(0.6 / 0.18)


def test_shares_are_those_of_the_whole_log_whatever_its_parts(tmp_path):
    """The old policy's rows stand first, so that the first file and its batches hold no other."""
    table = pa.table(columns())
    (tmp_path / "log").mkdir()
    parquet.write_table(table.slice(0, 2_000), tmp_path / "log" / "1.parquet", row_group_size=500)
    parquet.write_table(table.slice(2_000), tmp_path / "log" / "2.parquet")
    whole, parts = (xbopt.evaluate(log, POLICY, columns=[COLUMNS]).result for log in (table, tmp_path / "log"))
    assert parts.estimates["dr"].value == pytest.approx(whole.estimates["dr"].value, rel=1e-9)
    assert parts.support.mean_weight == pytest.approx(whole.support.mean_weight, rel=1e-12)


def test_without_such_columns_a_pooled_log_is_as_before():
    table = columns()
    own = xbopt.evaluate(table, POLICY, columns=["action=arm,reward=won,context=x,propensity=p,policy_id=by"])
    assert own.verdict == "REFUSE"
    assert own.log.policy_shares is None


def test_shares_count_rows_with_a_complete_reward_alone():
    """What is not ready yet was all taken by the new policy; the rows that count come from another mixture."""
    table = columns()
    day = np.datetime64("2026-03-01") + np.arange(ROWS) // 100
    ready = np.where(np.arange(ROWS) >= 0.85 * ROWS, day + 30, day)
    log = open_log(
        table | {"t": day, "due": ready}, columns=[f"{COLUMNS},timestamp=t,reward_ready_at=due"]
    )  # fmt: skip
    assert log.policy_shares.tolist() == pytest.approx([0.15 / 0.85, 0.7 / 0.85])


@pytest.mark.statistical
def test_balanced_intervals_hold():
    """Of 60 intervals of 95 % fewer than 52 hold in 0.5 % of all tries (binomial)."""
    truth = 0.1 * 0.1 + 0.3 * 0.2 + 0.6 * 0.3
    results = [xbopt.evaluate(columns(seed), POLICY, columns=[COLUMNS], reward_model=None) for seed in range(60)]
    held = sum(one.result.estimates["ips"].low <= truth <= one.result.estimates["ips"].high for one in results)
    assert held >= 52
    assert sum(one.verdict == "REFUSE" for one in results) <= 2


def changed(name, row, value):
    table = columns(rows=50)
    table[name] = table[name].astype(object) if isinstance(value, str) else table[name].copy()
    table[name][row] = value
    return table


@pytest.mark.parametrize(
    ("table", "roles", "message"),
    [
        (changed("mu_old", 3, 0.0), COLUMNS, "row 4, column mu_old: is 0 for the policy that took the action"),
        (changed("mu_new", 3, 1.5), COLUMNS, "row 4, column mu_new: is 1.5; a probability from 0 to 1 is wanted"),
        (
            changed("by", 3, "other"),
            COLUMNS,
            "row 4, column by: is 'other', which has no column of policy_propensities",
        ),
        (changed("p", 3, 0.123), f"{COLUMNS},propensity=p", "row 4, column propensity: is 0.123, but the policy's own"),
        (columns(rows=50), COLUMNS.replace(",policy_id=by", ""), "policy_propensities needs policy_id"),
    ],
)
def test_what_does_not_fit_is_named(table, roles, message):
    with pytest.raises((DecisionLogError, UsageError)) as error:
        xbopt.evaluate(table, POLICY, columns=[roles])
    assert message in str(error.value)


def test_a_stated_propensity_that_agrees_is_taken():
    found = xbopt.evaluate(columns(), POLICY, columns=[f"{COLUMNS},propensity=p"])
    assert found.result.estimates["dr"] == xbopt.evaluate(columns(), POLICY, columns=[COLUMNS]).result.estimates["dr"]
