"""Decision logs: what is written comes back to the bit, and a crash leaves nothing behind."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from xbopt.core.decision_log.reader import read_decision_log
from xbopt.core.decision_log.schema import DecisionColumns, DecisionLogSchema
from xbopt.core.decision_log.writer import DecisionLogWriter
from xbopt.core.errors import DecisionLogError, UsageError

Batch = Callable[..., DecisionColumns]


def test_batches_come_back_in_order_with_names_and_units(tmp_path, batch, write, assert_same, schema):
    log = read_decision_log(write(tmp_path / "log.parquet", batch(3), batch(4, first=3)))
    assert_same(log.columns, batch(7))
    assert log.schema == schema


def test_rows_reach_the_file_a_group_at_a_time(
    tmp_path: Path,
    batch: Batch,
    assert_same: Callable[..., None],
    schema: DecisionLogSchema,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A log of any length needs the memory of one group; what is left at the end is a group too."""
    monkeypatch.setattr("xbopt.core.decision_log.writer._ROWS_PER_GROUP", 4)
    path = tmp_path / "log.parquet"
    with DecisionLogWriter(path, schema) as log:
        for first in (0, 3, 6):
            log.append(batch(3, first=first))
    assert_same(read_decision_log(path).columns, batch(9))
    file = parquet.ParquetFile(path).metadata
    # Three rows were waiting when the second batch came, and with it there would have been more than four.
    assert [file.row_group(i).num_rows for i in range(file.num_row_groups)] == [3, 3, 3]


def test_a_log_without_action_probabilities_comes_back_without(tmp_path, batch, write):
    log = read_decision_log(write(tmp_path / "log.parquet", batch(3, with_probabilities=False)))
    assert log.columns.action_probabilities is None


def test_a_log_without_rows_is_a_log(tmp_path, schema):
    with DecisionLogWriter(tmp_path / "log.parquet", schema):
        pass
    log = read_decision_log(tmp_path / "log.parquet")
    assert len(log.columns) == 0
    assert log.columns.context.shape == (0, 2)
    assert log.columns.action_probabilities.shape == (0, 3)


def test_any_parquet_reader_sees_named_columns_units_and_compression(tmp_path, batch, write):
    path = write(tmp_path / "log.parquet", batch(2))
    table = parquet.read_table(path)
    assert table.column("context_recency").to_pylist() == [0.0, 0.5]
    assert table.column("context").to_pylist() == [[0.0, 1.0], [0.5, 2.0]]
    assert table.schema.field("context_recency").metadata[b"unit"] == b"days"
    assert table.schema.field("reward").metadata[b"unit"] == b"EUR"
    assert json.loads(table.schema.field("action_probabilities").metadata[b"actions"]) == ["none", "five", "ten"]
    assert table.schema.field("timestamp").type == pa.timestamp("us", tz="UTC")
    assert table.column("schema_version").to_pylist() == [2, 2]
    assert parquet.ParquetFile(path).metadata.row_group(0).column(0).compression == "ZSTD"


FINITE = st.floats(allow_nan=False, allow_infinity=False)
WORDS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)


@settings(max_examples=60)
@given(data=st.data())
def test_whatever_is_accepted_comes_back_to_the_bit(tmp_path_factory, data, batch, write, assert_same):
    rows, width = data.draw(st.integers(1, 5)), data.draw(st.integers(0, 3))
    names = data.draw(st.lists(WORDS.filter(bool), min_size=width, max_size=width, unique=True))
    schema = DecisionLogSchema(context_names=tuple(names), action_labels=("none", "five", "ten"))

    def numbers(count):
        return np.array(data.draw(st.lists(FINITE, min_size=count, max_size=count)), dtype=np.float64)

    ids = data.draw(st.lists(WORDS.filter(bool), min_size=rows, max_size=rows, unique=True))
    columns = replace(
        batch(rows),
        decision_id=np.array(ids, dtype=np.str_),
        unit=np.array(data.draw(st.lists(WORDS, min_size=rows, max_size=rows)), dtype=np.str_),
        context=numbers(rows * width).reshape(rows, width),
        reward=numbers(rows),
        cost=numbers(rows),
    )
    log = read_decision_log(write(tmp_path_factory.getbasetemp() / "round.parquet", columns, schema=schema))
    assert log.schema == schema
    assert_same(log.columns, columns)


def test_a_folder_is_read_in_order_of_paths(tmp_path, batch, write, assert_same):
    (tmp_path / "part=b").mkdir()
    (tmp_path / "part=a").mkdir()
    write(tmp_path / "part=b" / "0.parquet", batch(2, first=2))
    write(tmp_path / "part=a" / "0.parquet", batch(2))
    (tmp_path / ".half.parquet").write_bytes(b"PAR1")
    (tmp_path / "_SUCCESS").touch()
    assert_same(read_decision_log(tmp_path).columns, batch(4))


# ---- a crash leaves nothing behind


@pytest.mark.parametrize("failure", [KeyboardInterrupt, ValueError, SystemExit])
def test_an_exception_leaves_no_file_and_keeps_the_old_one(tmp_path, failure, batch, write, schema):
    path = write(tmp_path / "log.parquet", batch(2))
    before = path.read_bytes()

    def fail_in_the_middle():
        with DecisionLogWriter(path, schema) as log:
            log.append(batch(3))
            raise failure

    with pytest.raises(failure):
        fail_in_the_middle()
    assert path.read_bytes() == before
    assert [entry.name for entry in tmp_path.iterdir()] == ["log.parquet"]


def test_the_file_has_its_name_only_at_the_end(tmp_path, batch, schema):
    path = tmp_path / "log.parquet"
    with DecisionLogWriter(path, schema) as log:
        log.append(batch(2))
        assert not path.exists()
    assert path.exists()
    assert [entry.name for entry in tmp_path.iterdir()] == ["log.parquet"]


def test_a_refusal_by_the_disk_is_a_log_error_and_leaves_nothing(tmp_path, monkeypatch, batch, write):
    def full(*_args, **_kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(parquet.ParquetWriter, "write_table", full)
    with pytest.raises(DecisionLogError, match="cannot be written"):
        write(tmp_path / "log.parquet", batch(2))
    assert list(tmp_path.iterdir()) == []


def test_a_missing_folder_is_told_before_any_work(tmp_path, schema):
    with pytest.raises(UsageError, match="There is no folder"), DecisionLogWriter(tmp_path / "no" / "l", schema):
        pass


def test_rows_are_only_taken_in_a_with_block(tmp_path, batch, schema):
    log = DecisionLogWriter(tmp_path / "log.parquet", schema)
    with pytest.raises(DecisionLogError, match="with block"):
        log.append(batch(1))


def test_a_reward_that_is_not_complete_yet_is_empty_in_the_file(tmp_path, batch, write):
    columns = batch(3)
    columns.reward[1] = np.nan
    path = tmp_path / "log.parquet"
    write(path, columns)
    assert parquet.read_table(path)["reward"].null_count == 1
    assert np.array_equal(read_decision_log(path).columns.reward, columns.reward, equal_nan=True)
