"""Decisions that are refused before they reach a log, by row and column."""

from dataclasses import replace

import numpy as np
import pytest

from xbopt.core.decision_log.schema import DecisionColumns
from xbopt.core.decision_log.writer import DecisionLogWriter
from xbopt.core.errors import DecisionLogError


def changed(batch, name: str, row: int, value: object) -> DecisionColumns:
    columns = batch(3)
    array = getattr(columns, name).copy()
    if array.dtype.kind == "U":
        array = array.astype("U20")
    array[row] = value
    return replace(columns, **{name: array})


BAD_ROWS = {
    "no id": ("decision_id", 1, "", "row 2, column decision_id: is empty"),
    "id twice": ("decision_id", 2, "run-0-0-DE", "row 3, column decision_id: stands in an earlier row too"),
    "no policy": ("policy_id", 0, "", "row 1 (decision 'run-0-0-DE'), column policy_id: is empty"),
    "no time": ("timestamp", 1, np.datetime64("NaT"), "row 2 (decision 'run-0-1-DE'), column timestamp: is empty"),
    "reward before decision": (
        "reward_ready_at",
        0,
        np.datetime64("2020-01-01"),
        "row 1 (decision 'run-0-0-DE'), column reward_ready_at: lies before the decision's own timestamp",
    ),
    "negative step": ("step", 1, -1, "row 2 (decision 'run-0-1-DE'), column step: is -1; 0 or more is wanted"),
    "action": ("action", 1, 3, "row 2 (decision 'run-0-1-DE'), column action: is 3; positions 0..2 are wanted"),
    "infinite reward": ("reward", 2, -np.inf, "row 3 (decision 'run-0-2-DE'), column reward: is -inf, which is no"),
    "infinite cost": ("cost", 2, np.inf, "row 3 (decision 'run-0-2-DE'), column cost: is inf, which is no finite"),
    "nan context": ("context", (1, 1), np.nan, "row 2 (decision 'run-0-1-DE'), column context: holds a value that"),
    "zero propensity": ("propensity", 0, 0.0, "row 1 (decision 'run-0-0-DE'), column propensity: is 0; a probability"),
    "large propensity": ("propensity", 0, 1.5, "row 1 (decision 'run-0-0-DE'), column propensity: is 1.5; a prob"),
    "nan propensity": ("propensity", 0, np.nan, "row 1 (decision 'run-0-0-DE'), column propensity: is nan, which"),
    "other propensity": ("propensity", 0, 0.4, "column propensity: is 0.4, but action_probabilities says 0.2 for"),
    "negative probability": ("action_probabilities", (1, 0), -0.1, "column action_probabilities: holds a value out"),
    "probabilities": ("action_probabilities", (1, 0), 0.4, "column action_probabilities: sums to 1.2; 1 is wanted"),
}


@pytest.mark.parametrize(("name", "row", "value", "message"), BAD_ROWS.values(), ids=BAD_ROWS)
def test_a_bad_row_is_refused_by_row_and_column(tmp_path, name, row, value, message, write, batch):
    with pytest.raises(DecisionLogError) as caught:
        write(tmp_path / "log.parquet", changed(batch, name, row, value))
    assert str(caught.value).startswith(f"{tmp_path / 'log.parquet'}: ")
    assert message in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_rows_are_counted_over_batches(tmp_path, batch, write):
    with pytest.raises(DecisionLogError, match=r"row 4, column decision_id: 'run-0-2-DE' stands in an earlier row"):
        write(tmp_path / "log.parquet", batch(3), batch(3, first=2))


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("reward", np.zeros(2), r"column reward has shape \(2,\); \(3,\) is wanted"),
        ("reward", np.zeros(3, dtype=np.int64), "column reward holds int64; wanted: numbers"),
        ("action", np.zeros(3), "column action holds float64; wanted: whole numbers"),
        ("timestamp", np.zeros(3), "column timestamp holds float64; wanted: times"),
        ("decision_id", np.zeros(3), "column decision_id holds float64; wanted: text"),
        ("context", np.zeros((3, 1)), r"column context has shape \(3, 1\); \(3, 2\) is wanted"),
        ("action_probabilities", None, "this batch lacks action_probabilities"),
    ],
)
def test_a_wrong_shape_or_kind_is_refused(tmp_path, name, value, message, batch, schema):
    with (
        pytest.raises(DecisionLogError, match=message),
        DecisionLogWriter(tmp_path / "log.parquet", schema) as log,
    ):
        log.append(replace(batch(3), **{name: value}))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"context_names": ("a", "a")}, "context_names holds 'a' more than once"),
        ({"context_names": ("a", "")}, "context_names holds an empty name"),
        ({"action_labels": ()}, "action_labels is empty"),
        ({"context_units": ("days",)}, "context_units has 1 entries for 2 context fields"),
    ],
)
def test_a_schema_with_doubtful_names_is_refused(changes, message, schema):
    with pytest.raises(DecisionLogError, match=message):
        replace(schema, **changes)
