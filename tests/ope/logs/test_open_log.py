"""Foreign logs: columns by role, actions of any type, encoded context, and rows that are left out by a stated rule."""

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import csv, parquet

from xbopt.core.decision_log.reader import read_decision_log
from xbopt.core.errors import DecisionLogError, UsageError
from xbopt.ope.logs.open_log import open_log
from xbopt.studies.simulate import simulate

COLUMNS = ["action=item,propensity=p,reward=click,decision_id=id,context=age,context=city"]


def all_rows(log, keys=()):
    return [rows for part in log.parts() for rows in log.rows(part, keys=keys)]


def joined(log, name):
    return np.concatenate([getattr(rows if hasattr(rows, name) else rows.data, name) for rows in all_rows(log)])


def test_a_text_file_becomes_arrays(csv_log):
    log = open_log(csv_log(), columns=COLUMNS)
    (rows,) = all_rows(log, keys=["city"])
    assert log.action_labels == ("blue", "green", "red")
    assert log.context_names == ("age", "age=(missing)", "city=NO", "city=Oslo", "city=Rome")
    np.testing.assert_array_equal(rows.data.action, [2, 0, 2, 1])
    np.testing.assert_array_equal(rows.data.propensity, [0.5, 0.25, 0.5, 0.25])
    np.testing.assert_array_equal(rows.data.reward, [1.0, 0.0, 0.0, 1.0])
    np.testing.assert_array_equal(
        rows.data.context, [[31, 0, 0, 0, 1], [44, 0, 0, 1, 0], [27, 0, 0, 0, 1], [0, 1, 1, 0, 0]]
    )
    assert rows.keys["city"].to_pylist() == ["Rome", "Oslo", "Rome", "NO"]
    assert rows.ready.all()
    assert log.rules == (
        "Context columns of names, one column a level: city.",
        "Context columns with empty values, counted as 0 and marked: age.",
    )


@pytest.mark.parametrize("name", ["log.csv.gz", "log.parquet", "log.pq", "semicolons.csv"])
def test_every_format_gives_the_same_rows(name, csv_log, tmp_path):
    text = csv_log()
    path = tmp_path / name
    if name.endswith(("parquet", "pq")):
        parquet.write_table(csv.read_csv(text), path)
    elif name.endswith("gz"):
        path = csv_log(name=name)
    else:
        path = csv_log(text.read_text().replace(",", ";"), name)
    expected, found = (all_rows(open_log(p, columns=COLUMNS))[0] for p in (text, path))
    for array in ("context", "action", "propensity", "reward"):
        np.testing.assert_array_equal(getattr(found.data, array), getattr(expected.data, array))


def test_folders_are_read_as_one_log_and_their_names_are_columns(csv_log, tmp_path):
    text = csv_log().read_text().splitlines()
    csv_log("\n".join(text[:3]) + "\n", "log/country=DE/part.csv")
    csv_log("\n".join([text[0], *text[3:]]) + "\n", "log/country=NO/part.csv")
    csv_log("nonsense", "log/_temporary/part.csv")
    log = open_log(tmp_path / "log", columns=[*COLUMNS, "segment=country"])
    assert log.profile.rows == 4
    assert log.segments == ("DE", "NO")
    np.testing.assert_array_equal(joined(log, "segment"), [0, 0, 1, 1])
    np.testing.assert_array_equal(joined(log, "action"), [2, 0, 2, 1])


def test_globs_take_what_no_other_role_names(csv_log):
    log = open_log(csv_log(), columns=["action=item,propensity=p,reward=click,decision_id=id,context=*"])
    assert log.context_names[:2] == ("age", "age=(missing)")
    log = open_log(csv_log(), columns=["action=item,propensity=p,reward=click,context=[ac]*"])
    assert log.context_names[0] == "age"
    assert "city=Rome" in log.context_names


def test_numbers_as_actions_are_ordered_by_size(csv_log):
    log = open_log(csv_log("action,propensity,reward\n10,0.5,1\n9,0.5,0\n2,0.5,0\n"))
    assert log.action_labels == ("2", "9", "10")


def test_numbers_that_mean_names(csv_log):
    log = open_log(csv_log(), columns=["action=item,propensity=p,reward=click,category=age"])
    assert log.context_names == ("age=(missing)", "age=27", "age=31", "age=44")


def test_rare_levels_share_a_column(csv_log):
    lines = [f"a,0.5,1,{'often' if i % 2 else f'rare{i:03}'}" for i in range(200)]
    log = open_log(csv_log("\n".join(["action,propensity,reward,context_x", *lines])))
    assert len(log.context_names) == 50
    assert log.context_names[-1] == "context_x=(other)"
    context = joined(log, "context")
    np.testing.assert_array_equal(context.sum(axis=1), 1.0)
    assert context[:, -1].sum() == 52  # of the 100 rare names the first 48 by letter have a column
    assert log.rules == ("Context column context_x: 49 levels kept, 52 rarer ones share (other).",)


def test_an_identifier_is_no_context(csv_log):
    lines = [f"a,0.5,1,user{i}" for i in range(10_001)]
    with pytest.raises(DecisionLogError, match="more than 10,000 different names; that is an identifier"):
        open_log(csv_log("\n".join(["action,propensity,reward,context_user", *lines])))


def test_lists_are_context_and_probabilities(tmp_path):
    table = pa.table(
        {
            "action": [1, 0],
            "reward": [1.0, 2.0],
            "features": [[1.0, 2.0], [3.0, 4.0]],
            "action_probabilities": [[0.2, 0.8], [0.5, 0.5]],
        }
    )
    parquet.write_table(table, tmp_path / "log.parquet")
    log = open_log(
        tmp_path / "log.parquet",
        columns=["action=action,reward=reward,context=features,action_probabilities=action_probabilities"],
    )
    assert log.context_names == ("features[0]", "features[1]")
    np.testing.assert_array_equal(joined(log, "context"), [[1.0, 2.0], [3.0, 4.0]])
    np.testing.assert_array_equal(joined(log, "propensity"), [0.8, 0.5])


def test_probabilities_in_one_column_an_action(csv_log):
    text = "item,click,p_red,p_blue\nred,1,0.75,0.25\nblue,0,0.5,0.5\n"
    log = open_log(csv_log(text), columns=["action=item,reward=click,action_probabilities=p_*"])
    np.testing.assert_array_equal(joined(log, "action_probabilities"), [[0.25, 0.75], [0.5, 0.5]])
    np.testing.assert_array_equal(joined(log, "propensity"), [0.75, 0.5])


def test_a_propensity_by_design(csv_log):
    log = open_log(csv_log(), columns=["action=item,reward=click"], propensity=1 / 3)
    np.testing.assert_array_equal(joined(log, "propensity"), [1 / 3] * 4)


READY = """action,propensity,reward,timestamp,reward_ready_at
a,0.5,1,2026-03-01,2026-03-08
b,0.5,2,2026-03-02T12:00:00,2026-03-09
b,0.5,,2026-03-08,2026-03-15
a,0.5,0,2026-03-08T06:00:00Z,2026-03-16
"""


def test_a_reward_that_is_not_ready_is_left_out_not_zero(csv_log):
    log = open_log(csv_log(READY))
    np.testing.assert_array_equal(joined(log, "ready"), [True, False, False, False])
    assert log.rules[1] == "A reward that was ready only after 2026-03-08T06:00:00Z is left out."
    log = open_log(csv_log(READY), as_of=np.datetime64("2026-03-20", "us"))
    np.testing.assert_array_equal(joined(log, "ready"), [True, True, False, True])


def test_our_own_log_is_read_as_the_reader_of_decision_logs_reads_it(tmp_path):
    path = tmp_path / "log.parquet"
    simulate("quickstart", runs=3, log=path)
    log, plain = open_log(path), read_decision_log(path)
    assert log.own
    assert log.action_labels == plain.schema.action_labels
    assert log.context_names == plain.schema.context_names
    for name in ("context", "action", "reward", "propensity", "action_probabilities", "cost", "step"):
        np.testing.assert_array_equal(joined(log, name), getattr(plain.columns, name))
    assert log.segments == ("DE/families", "DE/students", "UK/families", "UK/students")
    assert len(set(joined(log, "episode").tolist())) == 3 * 4
    # Three worlds are too few to be clusters of their own, so their steps are.
    assert log.cluster_name == "step of an episode"
    assert len(set(joined(log, "cluster").tolist())) == 3 * 4


def test_many_episodes_are_the_clusters(tmp_path):
    path = tmp_path / "log.parquet"
    simulate("quickstart", runs=30, log=path)
    log = open_log(path)
    assert log.cluster_name == "episode"
    assert len(set(joined(log, "cluster").tolist())) == 30


def test_the_hash_is_that_of_the_bytes(csv_log, tmp_path):
    first = open_log(csv_log(), columns=COLUMNS).data_hash()
    assert first == open_log(csv_log(name="other.csv"), columns=COLUMNS).data_hash()
    assert first != open_log(csv_log(csv_log().read_text() + "e,red,0.5,1,3,Rome\n"), columns=COLUMNS).data_hash()


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ("action=itm,propensity=p,reward=click", "no column fits action=itm. Did you mean 'item'"),
        ("acton=item", "there is no role 'acton'. Did you mean 'action'"),
        ("action", "'action' is no pair role=column"),
        ("action=item,reward=click", "with which probability was each action taken"),
        ("action=item,propensity=p", "which column is the reward"),
        ("action=item,propensity=p,reward=p", "cannot be propensity and reward at once"),
        ("action=*,propensity=p,reward=click", "the role action takes one column; found id, item, age, city"),
    ],
)
def test_columns_that_do_not_fit(columns, message, csv_log):
    with pytest.raises(UsageError) as error:
        open_log(csv_log(), columns=[columns])
    assert message in str(error.value)
