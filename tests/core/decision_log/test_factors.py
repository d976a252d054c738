"""Version 3: decisions made of factors. What is written comes back to the bit; what is damaged is refused by name."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from tests.core.decision_log.test_choices_and_shadows import SHADOWS
from xbopt.core.decision_log.reader import read_decision_log
from xbopt.core.decision_log.schema import DecisionLogSchema, LoggedFactor
from xbopt.core.decision_log.writer import DecisionLogWriter
from xbopt.core.errors import DecisionLogError

FACTORS = (
    LoggedFactor(name="discount", labels=("less", "same", "more"), neutral=1),
    LoggedFactor(name="spend/search", labels=("half", "double"), neutral=0),
)
TABLE = np.array([0.2, 0.5, 0.3, 0.75, 0.25])


@pytest.fixture
def made(batch, schema):
    """A schema and three decisions of two factors; the second shadow missed the second decision."""
    columns = batch(3)
    levels = np.array([[1, 0], [2, 1], [0, 0]])
    shadows = np.tile([[0.0, 1.0, 0.0, 1.0, 0.0], [0.5, 0.5, 0.0, 0.0, 1.0]], (3, 1, 1))
    shadows[1, 1] = np.nan
    columns = replace(
        columns,
        action=levels,
        # 0.5 x 0.75, 0.3 x 0.25, 0.2 x 0.75
        propensity=np.array([0.375, 0.075, 0.15]),
        action_probabilities=np.tile(TABLE, (3, 1)),
        shadows=shadows,
    )
    return replace(schema, action_labels=(), factors=FACTORS, anchor="replan", shadows=SHADOWS), columns


def write(path, schema, columns):
    with DecisionLogWriter(path, schema) as log:
        log.append(columns)
    return path


def test_levels_and_probabilities_come_back_to_the_bit(tmp_path, made, assert_same):
    schema, columns = made
    log = read_decision_log(write(tmp_path / "log.parquet", schema, columns))
    assert log.schema == schema
    assert (log.schema.version, log.schema.levels) == (3, (3, 2))
    assert_same(log.columns, columns)


def test_the_file_says_what_its_lists_hold(tmp_path, made):
    table = parquet.read_table(write(tmp_path / "log.parquet", *made))
    assert table.schema.field("action").type == pa.list_(pa.int64())
    assert table.schema.field("action").metadata == {b"factors": b'["discount", "spend/search"]'}
    assert b"spend/search double" in table.schema.field("action_probabilities").metadata[b"actions"]
    assert table.column("action").to_pylist() == [[1, 0], [2, 1], [0, 0]]
    assert set(table.column("schema_version").to_pylist()) == {3}


def test_a_log_of_actions_keeps_version_2_and_says_nothing_of_factors(tmp_path, batch, write, schema):
    metadata = parquet.read_schema(write(tmp_path / "log.parquet", batch())).metadata[b"xbopt.decision_log"]
    assert schema.version == 2
    assert b"factors" not in metadata
    assert b"anchor" not in metadata


def changed(columns, name, row, value):
    array = getattr(columns, name).copy()
    array[row] = value
    return replace(columns, **{name: array})


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("action", [3, 0], "row 2 .*column action, factor discount: is 3; positions 0..2"),
        ("action", [0, 2], "row 2 .*column action, factor spend/search: is 2; positions 0..1"),
        ("action", [-1, 0], "row 2 .*column action, factor discount: is -1"),
        ("propensity", 0.0750001, "row 2 .*column propensity: is 0.0750001, but action_probabilities says 0.075 for"),
        (
            "action_probabilities",
            [0.3, 0.5, 0.3, 0.75, 0.25],
            "column action_probabilities, factor discount: sums to 1.1",
        ),
        # All five together sum to 2, as they should; each factor does not.
        ("action_probabilities", [0.2, 0.5, 0.2, 0.85, 0.25], "factor discount: sums to 0.9"),
        ("action_probabilities", [0.2, 0.5, 0.3, 0.75, np.nan], "column action_probabilities: holds a value outside"),
        ("shadows", [[0.0, 1.0, 0.0, 0.5, 0.4], [0.5, 0.5, 0.0, 0.0, 1.0]], "column shadow.replan: holds no prob"),
    ],
)
def test_damage_is_refused_on_the_way_in(tmp_path, made, name, value, message):
    schema, columns = made
    with pytest.raises(DecisionLogError, match=message):
        write(tmp_path / "log.parquet", schema, changed(columns, name, 1, value))


def test_a_product_of_many_factors_is_checked_by_its_own_size(tmp_path, made):
    """A propensity near 1e-7 that is twice the product is wrong, however small the difference is."""
    schema, columns = made
    table = np.tile([1e-4, 0.5, 0.4999, 1e-3, 0.999], (3, 1))
    columns = replace(columns, action_probabilities=table, action=np.zeros((3, 2), dtype=np.int64))
    write(tmp_path / "log.parquet", schema, replace(columns, propensity=np.full(3, 1e-7)))
    with pytest.raises(DecisionLogError, match="is 2e-07, but action_probabilities says 1e-07"):
        write(tmp_path / "other.parquet", schema, replace(columns, propensity=np.full(3, 2e-7)))


@pytest.mark.parametrize(
    ("column", "values", "message"),
    [
        ("action", [[1, 0], [2], [0, 0]], "row 2, column action: has 1 entries; 2 are wanted"),
        ("action", [[1, 0], [2, None], [0, 0]], "row 2, column action: holds an empty value"),
        ("action", [1, 2, 0], "column action holds int64; wanted: lists of whole numbers"),
        ("action", [[1.0, 0.0]] * 3, "column action holds list<.*double.*>; wanted: lists of whole numbers"),
        ("action", [[1, 0], [2, 9], [0, 0]], "row 2 .*column action, factor spend/search: is 9"),
        ("action_probabilities", None, "action_probabilities is missing"),
    ],
)
def test_damage_is_refused_on_the_way_out(tmp_path, made, column, values, message):
    path = write(tmp_path / "log.parquet", *made)
    table = parquet.read_table(path)
    place = table.column_names.index(column)
    left = table.remove_column(place)
    table = left if values is None else left.add_column(place, column, pa.array(values))
    parquet.write_table(table, path)
    with pytest.raises(DecisionLogError, match=message):
        read_decision_log(path)


def test_what_has_no_meaning_for_factors_is_refused(tmp_path, made):
    schema, columns = made
    with (
        pytest.raises(DecisionLogError, match="exploration has no meaning"),
        DecisionLogWriter(tmp_path / "log.parquet", schema, with_exploration=True) as log,
    ):
        log.append(replace(columns, exploration=np.full(3, 0.2)))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"action_labels": ("a", "b")}, "action_labels and factors are given"),
        ({"factors": ()}, "action_labels is empty"),
        ({"factors": (FACTORS[0], FACTORS[0])}, "factors holds 'discount' more than once"),
        ({"factors": (replace(FACTORS[0], labels=("a", "a")),)}, "levels of factor discount holds 'a' more than once"),
        ({"factors": (replace(FACTORS[0], neutral=3),)}, "has 3 levels, neutral 3"),
    ],
)
def test_factors_are_named_once_and_have_a_neutral_level(made, changes, message):
    schema, _ = made
    with pytest.raises(DecisionLogError, match=message):
        replace(schema, **changes)
    assert isinstance(schema, DecisionLogSchema)
