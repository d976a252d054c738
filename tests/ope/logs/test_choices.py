"""How a log says an action was chosen: exploration, masks and shadows, in logs of other programs."""

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from xbopt.core.errors import DecisionLogError, PolicyError, SupportError, UsageError
from xbopt.ope.data.logged import LoggedBanditData
from xbopt.ope.evaluate import evaluate_policy
from xbopt.ope.logs.evaluation import evaluate_log
from xbopt.ope.logs.open_log import open_log
from xbopt.ope.logs.policies import named_policy

LABELS = ("A", "B", "C")
COLUMNS = ["action=action,reward=reward,action_probabilities=p_*"]


def answers(policy, log):
    answer = policy.answers()
    batches = [answer(r) for part in log.parts() for r in log.rows(part, keys=policy.keys, reads=policy.reads)]
    return np.concatenate(batches)


@pytest.fixture
def table_log(tmp_path):
    """Writes columns as a Parquet file, and opens it."""

    def write(columns, roles=COLUMNS, name="log.parquet"):
        parquet.write_table(pa.table(columns), tmp_path / name)
        return open_log(tmp_path / name, columns=roles)

    return write


def drawn(table, rng):
    action = (np.cumsum(table, axis=1) < rng.random((len(table), 1))).sum(axis=1)
    return [LABELS[i] for i in action], action


def by_action(prefix, table):
    return {f"{prefix}_{label}": table[:, i] for i, label in enumerate(LABELS)}


@pytest.fixture
def masked():
    """A log of 6,000 rows: in half of them C may not be drawn, and 40 % of the draws are uniform over what may.

    The best action brings .30 and any other .10, and it is always allowed: .30 is the value without exploration.
    """
    rng = np.random.default_rng(2)
    allowed = np.ones((6000, 3), dtype=bool)
    allowed[:, 2] = rng.random(6000) < 0.5
    best = rng.integers(0, 2, 6000)
    table = 0.4 * allowed / allowed.sum(axis=1, keepdims=True)
    table[np.arange(6000), best] += 0.6
    names, action = drawn(table, rng)
    reward = (rng.random(6000) < 0.1 + 0.2 * (action == best)).astype(float)
    return {"action": names, "reward": reward, "context_x": best}, table, allowed, best


@pytest.mark.parametrize("stated", ["nothing", "exploration", "both", "mask"])
def test_a_masked_log_without_exploration_is_the_best_allowed_action(stated, masked, table_log):
    """The share over the allowed actions, stated or worked out, gives the choice exactly."""
    columns, table, allowed, best = masked
    columns = columns | by_action("p", table)
    roles = [*COLUMNS, "context=context_x"]
    if stated in ("exploration", "both"):
        columns["e"] = np.full(6000, 0.4)
        roles.append("exploration=e")
    if stated in ("mask", "both"):
        columns |= by_action("ok", allowed)
        roles.append("allowed=ok_*")
    log = table_log(columns, roles)
    policy = named_policy("logging", log, exploration=0.0)
    np.testing.assert_allclose(answers(policy, log), np.eye(3)[best], atol=1e-12)
    same = named_policy("logging", log, exploration=0.4)
    np.testing.assert_allclose(answers(same, log), table, atol=1e-12)
    found = evaluate_log(log, policy).result
    assert found.verdict == "ANSWER"
    assert found.estimates["dr"].low <= 0.30 <= found.estimates["dr"].high
    assert found.support.unsupported_mass == 0.0
    assert bool(policy.notes) == (stated in ("nothing", "mask"))


def test_rounded_probabilities_tell_the_same_share(masked, table_log):
    columns, table, _, best = masked
    log = table_log(columns | by_action("p", table.round(12)))
    found = answers(named_policy("logging", log, exploration=0.0), log)
    np.testing.assert_allclose(found, np.eye(3)[best], atol=1e-10)


def softmax(n=2000):
    rng = np.random.default_rng(2)
    z = rng.normal(size=(n, 3)) * 1.2
    table = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    return table / table.sum(axis=1, keepdims=True), rng


def test_a_softmax_has_no_share_of_exploration_unless_one_is_stated(table_log):
    """Its least probability is its own choice: what it would do without exploring does not stand in the log."""
    table, rng = softmax()
    names, _ = drawn(table, rng)
    columns = {"action": names, "reward": rng.random(2000)}
    log = table_log(columns | by_action("p", table))
    np.testing.assert_allclose(answers(named_policy("logging", log), log), table)
    found = evaluate_log(log, named_policy("logging", log, exploration=0.0)).result
    assert found.verdict == "REFUSE"
    assert "no share of exploration" in found.reasons[0]
    assert "--columns exploration=NAME" in found.next_steps[0]
    mixed = 0.75 * table + 0.25 / 3
    stated = table_log(
        columns | by_action("p", mixed) | {"e": np.full(2000, 0.25)}, [*COLUMNS, "exploration=e"], "mixed.parquet"
    )
    np.testing.assert_allclose(answers(named_policy("logging", stated, exploration=0.0), stated), table, atol=1e-12)
    # What the share takes off leaves nothing below zero, however it was rounded.
    assert answers(named_policy("logging", stated, exploration=0.0), stated).min() >= 0.0


def test_a_test_with_fixed_shares_has_no_share_of_exploration(table_log):
    """Its least probability is the same in all rows, and the rest is no choice of one action."""
    table = np.tile([0.5, 0.3, 0.2], (300, 1))
    names, _ = drawn(table, np.random.default_rng(1))
    log = table_log({"action": names, "reward": np.ones(300)} | by_action("p", table))
    found = evaluate_log(log, named_policy("logging", log, exploration=0.0)).result
    assert found.verdict == "REFUSE"
    assert "nothing says which part of the draw was exploration" in found.reasons[0]


def test_columns_that_say_they_are_probabilities_need_no_roles(masked, table_log):
    columns, table, _, _ = masked
    log = table_log(columns | by_action("p", table), [])
    np.testing.assert_array_equal(answers(named_policy("logging", log), log), table)
    assert "The columns p_* are taken for the probabilities of the actions." in log.rules


def test_a_share_that_the_policy_did_not_draw_with_stays_as_it_is(table_log):
    """An empty share: a plan stood in. The row is what it is, whatever exploration is asked for."""
    table = np.array([[0.8, 0.1, 0.1], [0.1, 0.8, 0.1], [0.0, 0.0, 1.0]])
    columns = {"action": ["A", "B", "C"], "reward": [1.0, 2.0, 3.0], "e": pa.array([0.3, 0.3, None])}
    log = table_log(columns | by_action("p", table), [*COLUMNS, "exploration=e"])
    np.testing.assert_allclose(answers(named_policy("logging", log, exploration=0.0), log), np.eye(3), atol=1e-12)
    np.testing.assert_allclose(
        answers(named_policy("logging", log, exploration=0.6), log),
        [[0.6, 0.2, 0.2], [0.2, 0.6, 0.2], [0, 0, 1]],
        atol=1e-12,
    )


def test_what_a_deterministic_log_could_explore_is_not_known(table_log):
    table = np.eye(3)
    log = table_log({"action": ["A", "B", "C"], "reward": [1.0, 2.0, 3.0]} | by_action("p", table))
    np.testing.assert_array_equal(answers(named_policy("logging", log, exploration=0.0), log), table)
    with pytest.raises(SupportError, match="which others the policy could explore is not known"):
        named_policy("logging", log, exploration=0.2)


def test_a_log_that_was_drawn_evenly_has_nothing_but_exploration(table_log):
    log = table_log({"action": ["A", "B", "C"], "reward": [1.0, 2.0, 3.0]} | by_action("p", np.full((3, 3), 1 / 3)))
    for share in (0.0, 0.5):
        with pytest.raises(SupportError, match="row 1 was drawn uniformly from the allowed actions"):
            answers(named_policy("logging", log, exploration=share), log)
    np.testing.assert_allclose(answers(named_policy("logging", log, exploration=1.0), log), 1 / 3)


def test_uniform_means_the_allowed_actions_where_the_log_says_which(table_log):
    three = {"action": ["A", "B", "C"], "reward": [1.0, 0.0, 1.0], "propensity": [0.5, 0.5, 1 / 3]}
    allowed = [[True, True, False], [True, True, False], [True, True, True]]
    log = table_log(three | {"allowed": allowed}, [])
    np.testing.assert_allclose(
        answers(named_policy("uniform", log), log), [[0.5, 0.5, 0.0], [0.5, 0.5, 0.0], [1 / 3] * 3]
    )


def test_probability_on_forbidden_actions_has_no_support_even_without_all_propensities():
    """always:C where C is forbidden in half of the rows: half of its probability lies beyond the log."""
    rng = np.random.default_rng(0)
    allowed = np.ones((1000, 3), dtype=bool)
    allowed[::2, 2] = False
    table = allowed / allowed.sum(axis=1, keepdims=True)
    _, action = drawn(table, rng)
    data = LoggedBanditData(
        context=np.zeros((1000, 0)), action=action, reward=rng.random(1000), n_actions=3, allowed=allowed,
        propensity=table[np.arange(1000), action],
    )  # fmt: skip
    found = evaluate_policy(data, np.tile([0.0, 0.0, 1.0], (1000, 1)))
    assert found.support.unsupported_mass == pytest.approx(0.5)
    assert found.verdict == "REFUSE"


BAD = {
    "forbidden action taken": (
        {"allowed": [[False, True, True]] * 3},
        "row 1, column allowed: .* forbids 'A', which was",
    ),
    "probability on a forbidden action": (
        {"allowed": [[True, True, False]] * 2 + [[True, False, True]]},
        r"row 1, column allowed: .* forbids an action that has a probability above 0",
    ),
    "no truth value": ({"allowed": [[1.0, 0.5, 1.0]] * 3}, "neither true nor false"),
    "share above 1": ({"exploration": [0.3, 1.5, 0.0]}, "row 2, column exploration: is 1.5; a share"),
    "more than was drawn": (
        {"exploration": [0.9, 0.3, 0.0]},
        "row 1, column exploration: is 0.9, but an allowed action has",
    ),
}


@pytest.mark.parametrize(("more", "message"), BAD.values(), ids=BAD)
def test_what_contradicts_the_draw_is_an_error(more, message, table_log):
    table = np.array([[0.8, 0.1, 0.1]] * 3)
    roles = [*COLUMNS, *(f"{name}={name}" for name in more)]
    log = table_log({"action": ["A", "B", "C"], "reward": [1.0, 0.0, 1.0]} | by_action("p", table) | more, roles)
    with pytest.raises(DecisionLogError, match=message):
        answers(named_policy("logging", log), log)


def test_a_mask_in_text_is_read(csv_log):
    text = "action,reward,p,ok_A,ok_B,ok_C\nA,1,0.5,true,True,false\nB,0,0.5,1,1,0\nC,1,1,FALSE,0,1\n"
    log = open_log(csv_log(text), columns=["action=action,reward=reward,propensity=p,allowed=ok_*"])
    np.testing.assert_allclose(answers(named_policy("uniform", log), log), [[0.5, 0.5, 0], [0.5, 0.5, 0], [0, 0, 1]])


SHADOW = [[0.2, 0.3, 0.5], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]
THREE = {"action": ["A", "B", "C"], "reward": [1.0, 0.0, 1.0], "propensity": [1 / 3] * 3}


@pytest.mark.parametrize("form", ["lists", "columns", "role"])
def test_a_shadow_is_read_in_any_form(form, table_log):
    table = np.array(SHADOW)
    if form == "lists":
        columns, roles = {"shadow.new.v2": SHADOW}, []
    elif form == "columns":
        columns, roles = {f"shadow.new.v2.{label}": table[:, i] for i, label in enumerate(LABELS)}, []
    else:
        columns = by_action("q", table)
        roles = ["action=action,reward=reward,propensity=propensity,shadow.new.v2=q_*"]
    log = table_log(THREE | columns, roles)
    policy = named_policy("shadow:new.v2", log)
    np.testing.assert_array_equal(answers(policy, log), table)
    assert policy.identity.name == "shadow:new.v2"


def test_a_missed_decision_is_left_out_counted_and_told(tmp_path):
    """Missing one row in ten at random leaves the value of the others: the same as of the log without these rows."""
    rng = np.random.default_rng(4)
    table = np.full((1000, 3), 1 / 3)
    names, action = drawn(table, rng)
    reward = rng.random(1000) + (action == 1)
    asked = [None if i % 10 == 0 else [0.1, 0.8, 0.1] for i in range(1000)]
    known = [i for i in range(1000) if i % 10]
    whole = pa.table({"action": names, "reward": reward, "propensity": table[:, 0], "shadow.new": asked})
    parquet.write_table(whole, tmp_path / "log.parquet")
    parquet.write_table(whole.take(known), tmp_path / "known.parquet")
    log, part = open_log(tmp_path / "log.parquet"), open_log(tmp_path / "known.parquet")
    found = evaluate_log(log, named_policy("shadow:new", log), reward_model=None)
    alone = evaluate_log(part, named_policy("shadow:new", part), reward_model=None)
    assert found.result.estimates["ips"].value == pytest.approx(alone.result.estimates["ips"].value, rel=1e-12)
    assert found.result.rows_censored == 100
    assert (found.verdict, alone.verdict) == ("CAUTION", "ANSWER")
    assert [finding.code for finding in found.result.findings if finding.code == "shadow_missed"] == ["shadow_missed"]
    assert "has no answer for 100 of 1,000 decisions" in " ".join(found.rules)


def test_shadows_that_are_not_there_or_wrong_are_refused(table_log):
    log = table_log(THREE | {"shadow.new": [[0.5, 0.6, 0.5], [1.0, 0.0, 0.0], None]}, [])
    with pytest.raises(PolicyError, match=r"no shadow 'now'. Did you mean 'new'\? It has: new"):
        named_policy("shadow:now", log)
    with pytest.raises(DecisionLogError, match=r"row 1, column shadow\.new: holds no probabilities"):
        answers(named_policy("shadow:new", log), log)
    with pytest.raises(SupportError, match="missed every decision"):
        named_policy(
            "shadow:no", table_log(THREE | {"shadow.no": pa.nulls(3, pa.list_(pa.float64()))}, [], "n.parquet")
        )
    columns = {"shadow.x.A": [1.0, 1.0, None], "shadow.x.B": [0.0, 0.0, 1.0], "shadow.x.C": [0.0, 0.0, 0.0]}
    with pytest.raises(DecisionLogError, match=r"row 3, column shadow\.x\.A: and its sisters are empty only in part"):
        named_policy("shadow:x", table_log(THREE | columns, [], "x.parquet"))
    with pytest.raises(UsageError, match=r"no role 'shadow.'.*shadow.NAME"):
        open_log(log.path, columns=["shadow.=a"])
