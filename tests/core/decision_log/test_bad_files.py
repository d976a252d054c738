"""Files that are no decision log, or a broken one."""

import json
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from xbopt.core.decision_log.reader import read_decision_log
from xbopt.core.decision_log.schema import METADATA_KEY
from xbopt.core.errors import DecisionLogError


def refusal(path) -> str:
    with pytest.raises(DecisionLogError) as caught:
        read_decision_log(path)
    return str(caught.value)


def rewritten(batch, write, path, change):
    """A log whose Arrow table went through ``change``."""
    write(path, batch(3))
    parquet.write_table(change(parquet.read_table(path)), path)
    return refusal(path)


def test_a_missing_file_names_a_similar_one(tmp_path, batch, write):
    write(tmp_path / "log.parquet", batch(1))
    assert refusal(tmp_path / "lag.parquet").endswith("there is no such file. Did you mean 'log.parquet'?")
    assert "does not exist either" in refusal(tmp_path / "no" / "log.parquet")


def test_an_empty_folder_is_refused(tmp_path):
    assert refusal(tmp_path) == f"{tmp_path}: this folder holds no .parquet file."


@pytest.mark.parametrize("content", [b"", b"decision_id,reward\n1,2\n", b"PAR1" + b"\0" * 40])
def test_what_is_no_parquet_is_refused(tmp_path, content):
    path = tmp_path / "log.parquet"
    path.write_bytes(content)
    assert refusal(path).startswith(f"{path}: this is no complete Parquet file (")


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.999])
def test_a_truncated_file_is_refused(tmp_path, share, batch, write):
    path = write(tmp_path / "log.parquet", batch(50))
    raw = path.read_bytes()
    path.write_bytes(raw[: int(len(raw) * share)])
    assert "no complete Parquet file" in refusal(path)


def test_a_damaged_file_is_refused_or_read_but_never_a_crash(tmp_path, batch, write):
    path = write(tmp_path / "log.parquet", batch(50))
    raw = path.read_bytes()
    generator = np.random.default_rng(0)
    messages = []
    for _ in range(200):
        damaged = bytearray(raw)
        damaged[int(generator.integers(len(raw)))] ^= 1 << int(generator.integers(8))
        path.write_bytes(damaged)
        try:
            read_decision_log(path)
        except DecisionLogError as error:
            messages.append(str(error))
    assert len(messages) > 20
    assert all(message.startswith(str(path)) for message in messages)


def test_other_parquet_is_refused(tmp_path):
    path = tmp_path / "log.parquet"
    parquet.write_table(pa.table({"a": [1]}), path)
    assert "is Parquet, but no decision log" in refusal(path)


def test_another_version_is_refused(tmp_path, batch, write):
    def newer(table):
        meta = json.loads(table.schema.metadata[METADATA_KEY]) | {"schema_version": 4}
        return table.replace_schema_metadata({METADATA_KEY: json.dumps(meta)})

    message = rewritten(batch, write, tmp_path / "log.parquet", newer)
    assert "it has format version 4; versions 1 to 3 can be read" in message


@pytest.mark.parametrize("text", ["[]", "{", '{"schema_version": 1}', '{"schema_version": 1, "context_names": [1]}'])
def test_a_broken_description_is_refused(tmp_path, text, batch, write):
    message = rewritten(
        batch, write, tmp_path / "log.parquet", lambda table: table.replace_schema_metadata({METADATA_KEY: text})
    )
    assert "this log cannot be read" in message


def renamed(table, names):
    return table.rename_columns(names).replace_schema_metadata(table.schema.metadata)


def put(table, name, values):
    position = table.column_names.index(name)
    return table.set_column(position, name, values)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.drop_columns("reward"), "the column 'reward' is missing; it holds numbers."),
        (lambda t: renamed(t, {"reward": "rewards"}), "is missing; it holds numbers. Did you mean 'rewards'?"),
        (lambda t: t.drop_columns("context_stock"), "the column 'context_stock' is missing"),
        (lambda t: put(t, "reward", pa.array(["1", "2", "3"])), "column reward holds string; wanted: numbers"),
        (lambda t: put(t, "action", pa.array([0.0, 1.0, 2.0])), "column action holds double; wanted: whole numbers"),
        (lambda t: put(t, "unit", pa.array([1, 2, 3])), "column unit holds int64; wanted: text"),
        (
            lambda t: put(t, "context", pa.array([1.0, 2.0, 3.0])),
            "column context holds double; wanted: lists of numbers",
        ),
        (
            lambda t: put(t, "timestamp", t["timestamp"].cast(pa.timestamp("us"))),
            "column timestamp holds timestamp[us]; wanted: a UTC timestamp",
        ),
        (lambda t: put(t, "cost", pa.array([1.0, None, 3.0])), "row 2, column cost: is empty (null)"),
        (
            lambda t: put(t, "reward", pa.array([1.0, 2.0, np.nan])),
            "row 3, column reward: is nan; leave it empty (null).",
        ),
        (lambda t: put(t, "propensity", pa.array([0.2, 0.0, 0.5])), "row 2 (decision 'run-0-1-DE'), column propensity"),
        (
            lambda t: put(t, "context", pa.array([[0.0, 1.0], [0.5], [1.0, 3.0]])),
            "row 2, column context: has 1 entries; 2",
        ),
        (
            lambda t: put(t, "context", pa.array([[0.0, 1.0], [0.5, None], [1.0, 3.0]])),
            "row 2, column context: holds an empty value (null)",
        ),
        (lambda t: put(t, "context_stock", pa.array([1.0, 2.0, 9.0])), "row 3, column context_stock: differs from"),
        (lambda t: put(t, "schema_version", pa.array([2, 1, 2])), "row 2, column schema_version: 2 is wanted"),
    ],
)
def test_a_changed_table_is_refused_by_row_and_column(tmp_path, change, message, batch, write):
    assert message in rewritten(batch, write, tmp_path / "log.parquet", change)


def test_narrow_numbers_large_text_and_dictionaries_are_read_too(tmp_path, batch, write, assert_same):
    path = write(tmp_path / "log.parquet", batch(3))
    table = parquet.read_table(path)
    table = put(table, "step", table["step"].cast(pa.int16()))
    table = put(table, "reward", table["reward"].cast(pa.float32()))
    table = put(table, "unit", table["unit"].cast(pa.large_string()))
    table = put(table, "policy_id", table["policy_id"].dictionary_encode())
    parquet.write_table(table, path)
    assert_same(read_decision_log(path).columns, batch(3))


def test_files_of_a_folder_must_fit_together(tmp_path, batch, write, schema):
    write(tmp_path / "a.parquet", batch(2))
    write(tmp_path / "b.parquet", batch(2, first=1))
    assert refusal(tmp_path) == f"{tmp_path / 'b.parquet'}: decision 'run-0-1-DE' stands in an earlier file too."
    write(tmp_path / "b.parquet", batch(2, first=2), schema=replace(schema, reward_unit="USD"))
    assert "differ from those of" in refusal(tmp_path)
    write(tmp_path / "b.parquet", batch(2, first=2, with_probabilities=False))
    assert "only some files" in refusal(tmp_path)
