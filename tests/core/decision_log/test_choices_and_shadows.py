"""What version 2 of the log adds: exploration, mask, observation and shadows; and version 1, which lacks them."""

import json
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from xbopt.core.decision_log.reader import read_decision_log
from xbopt.core.decision_log.schema import METADATA_KEY, OPTIONAL_COLUMNS, LoggedShadow
from xbopt.core.decision_log.writer import DecisionLogWriter
from xbopt.core.errors import DecisionLogError

SHADOWS = (
    LoggedShadow(name="replan", kind="built in", sha256="a" * 64),
    LoggedShadow(name="new", kind="bundle", sha256="b" * 64),
)


@pytest.fixture
def full(batch, schema):
    """A schema and decisions with everything; the second shadow missed the second decision."""

    def make(rows=3, first=0):
        columns = batch(rows, first=first)
        shadows = np.tile([[0.5, 0.25, 0.25], [0.0, 1.0, 0.0]], (rows, 1, 1))
        shadows[1 % rows, 1] = np.nan
        filled = (np.arange(rows, dtype=np.int64) + 2) % 3  # 2, 0, 1, 2, 0
        return replace(
            columns,
            exploration=np.where(np.arange(rows) == 2, np.nan, 0.6),
            allowed=np.ones((rows, 3), dtype=bool),
            observation=np.tile([3.0, np.inf], (rows, 1)),
            shadows=shadows,
            filled=filled,
            missing=filled[:, None] > [0, 1],
        )

    return replace(schema, observation_names=("day", "region_base"), shadows=SHADOWS), make


def write(path, schema, *batches):
    with DecisionLogWriter(path, schema, with_exploration=True, with_mask=True, with_missing=True) as log:
        for one in batches:
            log.append(one)
    return path


def test_everything_comes_back_to_the_bit(tmp_path, full, assert_same):
    schema, make = full
    log = read_decision_log(write(tmp_path / "log.parquet", schema, make(3), make(2, first=3)))
    assert log.schema == schema
    assert_same(
        replace(log.columns, **dict.fromkeys(OPTIONAL_COLUMNS)), replace(make(5), **dict.fromkeys(OPTIONAL_COLUMNS))
    )
    first = make(3)
    for name in OPTIONAL_COLUMNS:
        np.testing.assert_array_equal(getattr(log.columns, name)[:3], getattr(first, name), err_msg=name)


def test_any_parquet_reader_sees_shares_masks_and_shadows(tmp_path, full):
    schema, make = full
    table = parquet.read_table(write(tmp_path / "log.parquet", schema, make(3)))
    assert table["exploration"].to_pylist() == [0.6, 0.6, None]
    assert table["allowed"].to_pylist() == [[True] * 3] * 3
    assert table["shadow.new"].to_pylist() == [[0.0, 1.0, 0.0], None, [0.0, 1.0, 0.0]]
    assert json.loads(table.schema.field("shadow.replan").metadata[b"actions"]) == ["none", "five", "ten"]
    assert json.loads(table.schema.field("observation").metadata[b"names"]) == ["day", "region_base"]
    assert json.loads(table.schema.metadata[METADATA_KEY])["observation"]["version"] == 1


BAD = {
    "fewer than none": ("filled", 1, -2, "column filled: is below 0"),
    "a gap that nobody filled": (
        "missing",
        (1, 0),
        True,
        "column missing: names a field of the context, but filled is 0",
    ),
    "share": ("exploration", 1, 1.5, "column exploration: is 1.5; 0 to 1 is wanted"),
    "more than was drawn": (
        "exploration",
        1,
        0.7,
        "exploration: is 0.7, but an allowed action has a smaller probability",
    ),
    "forbidden and taken": ("allowed", (1, 1), False, "column allowed: forbids the action 1, which was taken"),
    "forbidden and possible": (
        "allowed",
        (1, 2),
        False,
        "column allowed: forbids an action that has a probability above 0",
    ),
    "nothing seen": ("observation", (1, 0), np.nan, "column observation: holds a value that is no number"),
    "shadow": ("shadows", (1, 0, 0), 0.6, "column shadow.replan: holds no probabilities from 0 to 1 that sum to 1"),
    "shadow in part": ("shadows", (1, 0, 0), np.nan, "column shadow.replan: holds no probabilities"),
}


@pytest.mark.parametrize(("name", "place", "value", "message"), BAD.values(), ids=BAD)
def test_what_contradicts_the_draw_is_refused_on_its_way_in(tmp_path, name, place, value, message, full):
    schema, make = full
    columns = make(3)
    array = getattr(columns, name).copy()
    array[place] = value
    with pytest.raises(DecisionLogError) as caught:
        write(tmp_path / "log.parquet", schema, replace(columns, **{name: array}))
    assert f"row 2 (decision 'run-0-1-DE'), {'' if message.startswith('column') else 'column '}{message}" in str(
        caught.value
    )


@pytest.mark.parametrize("name", ["exploration", "allowed", "observation", "shadows"])
def test_a_batch_without_what_the_log_has_is_refused(tmp_path, name, full):
    schema, make = full
    with pytest.raises(DecisionLogError, match=f"this batch lacks {name}, unlike the log"):
        write(tmp_path / "log.parquet", schema, replace(make(3), **{name: None}))


def test_the_rows_of_a_moment_stay_in_one_group(tmp_path, batch, schema, monkeypatch):
    """Nine rows, three a moment, and groups of at most four: each group holds one moment and not a part of the next."""
    monkeypatch.setattr("xbopt.core.decision_log.writer._ROWS_PER_GROUP", 4)
    columns = replace(batch(9), step=np.repeat(np.arange(3), 3))
    with DecisionLogWriter(tmp_path / "log.parquet", schema) as log:
        log.append(columns)
    file = parquet.ParquetFile(tmp_path / "log.parquet").metadata
    assert [file.row_group(i).num_rows for i in range(file.num_row_groups)] == [3, 3, 3]


def as_version_1(path):
    """The log as version 1 wrote it."""
    table = parquet.read_table(path)
    about = json.loads(table.schema.metadata[METADATA_KEY]) | {"schema_version": 1}
    del about["observation"], about["shadows"]
    position = table.column_names.index("schema_version")
    table = table.set_column(position, "schema_version", pa.array([1] * len(table)))
    parquet.write_table(table.replace_schema_metadata({METADATA_KEY: json.dumps(about)}), path)


def test_version_1_is_read_and_lacks_what_it_lacks(tmp_path, batch, schema, assert_same):
    with DecisionLogWriter(tmp_path / "log.parquet", schema) as log:
        log.append(batch(3))
    as_version_1(tmp_path / "log.parquet")
    found = read_decision_log(tmp_path / "log.parquet")
    assert found.schema == replace(schema, version=1)
    assert_same(found.columns, batch(3))
    with DecisionLogWriter(tmp_path / "more.parquet", schema) as log:
        log.append(batch(3, first=3))
    with pytest.raises(DecisionLogError, match="format version"):
        read_decision_log(tmp_path)


def test_an_observation_of_another_version_counts_as_none(tmp_path, full):
    schema, make = full
    path = write(tmp_path / "log.parquet", schema, make(3))
    table = parquet.read_table(path)
    about = json.loads(table.schema.metadata[METADATA_KEY])
    about["observation"]["version"] = 9
    parquet.write_table(table.replace_schema_metadata({METADATA_KEY: json.dumps(about)}), path)
    found = read_decision_log(path)
    assert found.schema.observation_names == ()
    assert found.columns.observation is None
