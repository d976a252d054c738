"""One JSON object a line: keys within keys are columns, dsjson brings its roles; kinds of files are told apart."""

import gzip
import json

import numpy as np
import pytest

import xbopt
from xbopt.core.errors import DecisionLogError
from xbopt.ope import open_log
from xbopt.ope.logs.files import read_part


def written(tmp_path, lines, name="log.jsonl"):
    path = tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    text = "\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines).encode()
    path.write_bytes(gzip.compress(text) if name.endswith(".gz") else text)
    return path


def arrays(log, *names):
    rows = [rows for part in log.parts() for rows in log.rows(part)]
    return [np.concatenate([getattr(one.data, name) for one in rows]) for name in names]


PLAIN = [
    {"arm": {"id": "b"}, "p": 0.25, "sold": 3, "user": {"age": 31, "city": "Rome"}, "vec": [1, 2.5]},
    {"arm": {"id": "a"}, "p": 0.75, "sold": 0.5, "user": [{"age": None, "city": "Oslo"}], "vec": [0, 1]},
]
COLUMNS = ["action=arm.id,propensity=p,reward=sold,context=user.*,context=vec"]


@pytest.mark.parametrize("name", ["log.jsonl", "log.ndjson.gz", "log.json", "log.csv"])
def test_keys_within_keys_are_columns(name, tmp_path):
    log = open_log(written(tmp_path, [PLAIN[0], "", PLAIN[1]], name), columns=COLUMNS)
    assert log.action_labels == ("a", "b")
    assert log.context_names == (
        "user.age", "user.age=(missing)", "user.city=Oslo", "user.city=Rome", "vec[0]", "vec[1]"
    )  # fmt: skip
    action, reward, context = arrays(log, "action", "reward", "context")
    assert action.tolist() == [1, 0]
    assert reward.tolist() == [3.0, 0.5]
    assert context.tolist() == [[31, 0, 0, 1, 1, 2.5], [0, 1, 1, 0, 0, 1]]


def test_the_same_rows_as_a_csv_file(tmp_path):
    random = np.random.default_rng(2)
    rows = [
        {"action": "ab"[one], "propensity": 0.5, "reward": float(random.random() < 0.3 + 0.2 * one), "context_x": x}
        for one, x in zip(random.integers(0, 2, 900).tolist(), random.normal(size=900).tolist(), strict=True)
    ]
    text = "\n".join([",".join(rows[0]), *(",".join(str(value) for value in row.values()) for row in rows)])
    (tmp_path / "log.csv").write_text(text)
    one, two = (xbopt.evaluate(path, "always:b") for path in (tmp_path / "log.csv", written(tmp_path, rows)))
    assert one.result.estimates["dr"] == two.result.estimates["dr"]
    two = xbopt.evaluate(written(tmp_path, rows[:400], "all/1.jsonl").parent, "always:b", force=True)
    assert two.result.rows == 400


def test_files_of_a_folder_may_lack_keys_and_folders_name_columns(tmp_path):
    row = {"action": "a", "propensity": 0.5, "reward": 1}
    written(tmp_path, [row | {"context_x": 1.5}], "all/country=DE/1.jsonl")
    written(tmp_path, [row], "all/country=UK/2.jsonl")
    roles = "action=action,propensity=propensity,reward=reward,context=context_x,segment=country"
    log = open_log(tmp_path / "all", columns=[roles])
    assert log.segments == ("DE", "UK")
    assert arrays(log, "context")[0].tolist() == [[1.5, 0.0], [0.0, 1.0]]


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ([PLAIN[0], '{"arm": {"id": "a"}, "p": 0.7'], "line 2 is no complete JSON object"),
        ([PLAIN[0], "[1, 2]"], "line 2 holds no JSON object"),
        ([PLAIN[0], {**PLAIN[1], "user.age": 3, "user": {"age": 4}}], "line 2: two keys give the column 'user.age'"),
        ([PLAIN[0], {**PLAIN[1], "vec": 3}], "line 2: vec is a list in some lines and none in others"),
        ([PLAIN[0], {**PLAIN[1], "p": None}], "row 2, column p: is empty"),
        ([PLAIN[0], {**PLAIN[1], "p": float("nan")}], "row 2, column p: is nan"),
        ([PLAIN[0], {**PLAIN[1], "sold": "three"}], "row 2, column sold: is 'three', which is no number"),
        ([PLAIN[0], b"\xff".decode("latin-1")], "line 2 is no complete JSON object"),
        ([PLAIN[0], {**PLAIN[1], "many": {str(i): i for i in range(10_001)}}], "line 2: the log has more than 10,000"),
        ([PLAIN[0], '{"a":' * 3000 + "1" + "}" * 3000], "line 2"),
        ([PLAIN[0], '{"a":' * 900 + "1" + "}" * 900], "row 2, column arm.id: is empty"),
        ([PLAIN[0], {**PLAIN[1], "vec": [1]}], "row 2, column vec: has 1 entries; 2 are wanted"),
    ],
)
def test_a_broken_line_is_named(lines, message, tmp_path):
    with pytest.raises(DecisionLogError) as error:
        arrays(open_log(written(tmp_path, lines), columns=COLUMNS), "reward")
    assert message in str(error.value)


# dsjson


def event(
    number, *, taken=0, reward=1.0, order=(1, 2, 3), chances=(0.8, 0.1, 0.1), names=("tea", "milk", "rum"), **more
):
    """An event as Personalizer writes it: the action in place ``taken`` of ``order`` was drawn."""
    objects = [{"_tag": name, "i": {"id": name}, "f": {"hot": True}} for name in names]
    return {
        "_label_cost": -reward, "_label_probability": float(np.float32(chances[taken])), "_label_Action": order[taken],
        "_labelIndex": order[taken] - 1, "Timestamp": f"2026-03-01T00:00:{number % 60:02}.1234567Z", "Version": "1",
        "EventId": f"e{number}", "a": list(order), "p": list(chances),
        "c": {"User": [{"city": "Rome" if number % 2 else "Oslo", "age": number % 7}], "_multi": objects},
        **more,
    }  # fmt: skip


def test_events_become_decisions_with_all_probabilities(tmp_path):
    lines = [event(1, order=(3, 1, 2)), event(2, taken=1, reward=0.0), event(3, order=(2, 1), chances=(0.5, 0.5))]
    log = open_log(written(tmp_path, lines, "log.dsjson"))
    assert log.action_labels == ("milk", "rum", "tea")
    action, reward, propensity, table, context = arrays(
        log, "action", "reward", "propensity", "action_probabilities", "context"
    )
    assert [log.action_labels[one] for one in action] == ["rum", "milk", "milk"]
    assert reward.tolist() == [1.0, 0.0, 1.0]
    assert propensity.tolist() == [0.8, 0.1, 0.5]
    # In the last event rum was no choice.
    np.testing.assert_allclose(table, [[0.1, 0.8, 0.1], [0.1, 0.1, 0.8], [0.5, 0.0, 0.5]])
    (batch,) = read_part(log.parts()[0], ["offered.rum", "offered.tea"])
    assert batch.columns["offered.rum"].to_pylist() == [True, True, False]
    assert batch.columns["offered.tea"].to_pylist() == [True, True, True]
    assert log.context_names == ("c.User.city=Oslo", "c.User.city=Rome", "c.User.age")
    assert context.tolist() == [[0, 1, 1], [1, 0, 2], [0, 1, 3]]
    assert str(log.profile.last) == "2026-03-01T00:00:03.123456"


def test_actions_without_names_are_told_by_position(tmp_path):
    unnamed = event(1, names=("tea", "milk", "rum"))
    unnamed["c"]["_multi"] = [{"f": 1}, {"f": 2}, {"f": 3}]
    assert open_log(written(tmp_path, [unnamed])).action_labels == ("1", "2", "3")
    twice = event(1, names=("tea", "tea", "rum"))
    assert open_log(written(tmp_path, [event(2), twice])).action_labels == ("1", "2", "3")


def test_what_was_dropped_counts_and_what_was_not_decided_is_left_out(tmp_path):
    lines = [event(1, pdrop=0.75), event(2), event(3, _skipLearn=True), {"EventId": "x", "RewardValue": 1.0}]
    log = open_log(written(tmp_path, lines))
    assert arrays(log, "sampling")[0].tolist() == [0.25, 1.0]
    without = "Rows are counted without them."
    assert log.rules[:2] == (
        f"1 events marked _skipLearn were left out: the logged policy did not decide them. {without}",
        f"1 lines without a cost were left out: they hold no decision with its reward. {without}",
    )


def test_roles_of_the_command_go_before_those_of_the_format(tmp_path):
    log = open_log(written(tmp_path, [event(1), event(2)]), columns=["context=c.User.city,segment=c.User.age"])
    assert log.context_names == ("c.User.city=Oslo", "c.User.city=Rome")
    assert log.segments == ("1", "2")


def slots(number):
    outcome = {"_label_cost": -1.0, "_a": [1, 0], "_p": [0.6, 0.4], "_id": f"e{number}-1"}
    other = {"_label_cost": 0.0, "_a": [2], "_p": [1.0], "_id": f"e{number}-2"}
    context = {"User": {"age": 3}, "_multi": [{}, {}, {}], "_slots": [{"_inc": [0, 1], "size": 2}, {"size": 1}]}
    return {"EventId": f"e{number}", "c": context, "_outcomes": [outcome, other]}


def test_every_slot_of_a_conditional_bandit_is_a_row(tmp_path):
    log = open_log(written(tmp_path, [slots(1), slots(2)]))
    action, reward, table, cluster = arrays(log, "action", "reward", "action_probabilities", "cluster")
    assert log.action_labels == ("0", "1", "2")
    assert action.tolist() == [1, 2, 1, 2]
    assert reward.tolist() == [1.0, 0.0, 1.0, 0.0]
    np.testing.assert_allclose(table[:2], [[0.4, 0.6, 0.0], [0.0, 0.0, 1.0]])
    assert cluster[0] == cluster[1] != cluster[2]
    assert (log.segment_name, log.segments) == ("slot", ("1", "2"))
    assert log.rules[0].startswith("Every slot of an event is a row with its own reward")


def without(line, *names):
    return {name: value for name, value in line.items() if name not in names}


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (event(2, _label_probability=0.5), "line 2: _label_probability is 0.5, but p says 0.8 for the action that was"),
        (event(2, _label_Action=2), "line 2: _label_Action is 2 and _labelIndex 0; they do not say which action"),
        (without(event(2), "_label_Action", "_labelIndex"), "line 2: _label_Action is None and _labelIndex None"),
        (event(2, _label_Action=9, _labelIndex=8), "the action that was taken, 9, does not stand in a"),
        (event(2, p=[0.8, 0.1]), "p does not hold one probability an action"),
        (event(2, p=[0.8, 0.1, 0.3]), "p holds no probabilities that sum to 1 (the sum is 1.2)"),
        (event(2, p=[0.8, 0.3, -0.1]), "p holds no probabilities that sum to 1"),
        (event(2, a=[1, 1, 2]), "a is no list of different actions"),
        (event(2, c=3), "line 2: c is no object"),
        (event(2, a=None), "a is no list of different actions"),
        (event(2, pdrop=1.0), "pdrop is 1; a probability from 0 to below 1 is wanted"),
        (event(2, _label_cost="much"), "_label_cost is 'much', which is no number"),
        (without(event(2), "p"), "p does not hold one probability an action"),
        (event(2, order=(1, 2, 4)), "action 4 is not among the 3 of c._multi"),
        (event(2, EventId="e1"), "row 2, column EventId: 'e1' stands in an earlier row too"),
        ({"_label_cost": 1.0, "_outcomes": [{"_a": [0], "_p": [1.0]}], "c": {}}, "one cost stands for all slots"),
        ({"_outcomes": [3], "c": {}}, "line 2: an outcome is no object"),
        ({"_outcomes": 3}, "line 2: _outcomes is no list"),
    ],
)
def test_an_event_that_contradicts_itself_is_named_with_its_line(line, message, tmp_path):
    with pytest.raises(DecisionLogError) as error:
        arrays(open_log(written(tmp_path, [event(1), line])), "reward")
    assert message in str(error.value)


@pytest.mark.realdata
def test_logs_of_the_decision_service_are_read(data_folder):
    folder = data_folder / "vw_dsjson"
    log = open_log(folder / "dsjson_cb.json")
    assert log.action_labels == ("Cappucino", "Cold brew", "Iced mocha", "Latte")
    assert log.profile.rows == 23
    action, propensity, reward = arrays(log, "action", "propensity", "reward")
    assert log.action_labels[action[0]] == "Latte"
    assert propensity[:2].tolist() == [0.05, 0.85]
    assert reward.sum() == 12
    slots_log = open_log(folder / "ccb_reuse_medium.dsjson")
    assert (slots_log.profile.rows, len(slots_log.action_labels)) == (12, 9)
    assert arrays(slots_log, "reward")[0].tolist()[3] == 0.0917649
    zero = open_log(folder / "cb_features_w_zero_vals.dsjson")
    assert arrays(zero, "action", "propensity")[1].tolist() == [0.5, 0.5]


# Kinds of files


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("action,propensity,reward\na,0.5,1\n".encode("utf-16"), "written in UTF-16. Save it as UTF-8"),
        ("action,propensity,reward\na,0.5,1\n".encode("utf-16-le"), "written in UTF-16. Save it as UTF-8"),
        (b"PK\x03\x04" + b"\0" * 50, "this is a workbook (XLSX) or another zip archive"),
        (b'[{"action": 1}, {"action": 2}]', "this is one JSON list. One object a line is wanted"),
        ("action,propensity,reward\nMünchen,0.5,1\n".encode("cp1252"), "Was it saved as Windows-1252"),
        ("action,propensity,rewärd\nM,0.5,1\n".encode("cp1252"), "Was it saved as Windows-1252"),
    ],
)
@pytest.mark.parametrize("name", ["log.csv", "log.txt"])
def test_kinds_that_are_not_read_say_what_to_do(content, message, name, csv_log):
    with pytest.raises(DecisionLogError) as error:
        arrays(open_log(csv_log(content, name)), "reward")
    assert message in str(error.value)


def test_a_mark_before_utf_8_is_no_part_of_a_name(csv_log, tmp_path):
    text = b"\xef\xbb\xbfaction,propensity,reward\na,0.5,1\n"
    assert open_log(csv_log(text)).action_labels == ("a",)
    path = tmp_path / "log.jsonl"
    path.write_bytes(b"\xef\xbb\xbf" + b'{"action": "a", "propensity": 0.5, "reward": 1}\n')
    assert open_log(path).action_labels == ("a",)


def test_kinds_are_not_mixed_in_a_folder_and_side_files_are_no_log(tmp_path):
    written(tmp_path, ["action,propensity,reward", "a,0.5,1"], "all/log.csv")
    written(tmp_path, [{"rows": 1}], "all/about.json")
    assert open_log(tmp_path / "all").profile.rows == 1
    written(tmp_path, [PLAIN[0]], "all/more.csv")
    with pytest.raises(DecisionLogError, match=r"more\.csv holds JSON, others do not"):
        open_log(tmp_path / "all")


def test_a_zipped_file_that_is_cut_off_is_an_error(tmp_path):
    path = written(tmp_path, [event(i) for i in range(3000)], "log.dsjson.gz")
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(DecisionLogError, match="cut off or damaged"):
        open_log(path)
