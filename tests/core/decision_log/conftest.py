"""A small valid decision log, to write, read and break."""

from dataclasses import fields

import numpy as np
import pytest

from xbopt.core.decision_log.schema import DecisionColumns, DecisionLogSchema
from xbopt.core.decision_log.writer import DecisionLogWriter

SCHEMA = DecisionLogSchema(
    context_names=("recency", "stock"),
    action_labels=("none", "five", "ten"),
    context_units=("days", ""),
    reward_unit="EUR",
    cost_unit="EUR",
)


def make_batch(rows: int = 3, *, first: int = 0, with_probabilities: bool = True) -> DecisionColumns:
    """Valid decisions, numbered from ``first``."""
    number = np.arange(first, first + rows)
    action = number % 3
    table = np.tile([0.2, 0.3, 0.5], (rows, 1))
    day = np.datetime64("2026-10-05T00:00:00", "us") + number * np.timedelta64(1, "D")
    return DecisionColumns(
        decision_id=np.array([f"run-0-{n}-DE" for n in number], dtype=np.str_),
        timestamp=day,
        episode_id=np.full(rows, "0", dtype=np.str_),
        step=number.astype(np.int64),
        unit=np.full(rows, "DE/families", dtype=np.str_),
        context=np.stack([number * 0.5, number + 1.0], axis=1),
        action=action.astype(np.int64),
        propensity=table[np.arange(rows), action],
        action_probabilities=table if with_probabilities else None,
        reward=number * 1.25 - 1.0,
        cost=number * 2.0,
        reward_ready_at=day + np.timedelta64(7, "D"),
        policy_id=np.full(rows, "uniform", dtype=np.str_),
        scenario_hash=np.full(rows, "0123456789abcdef", dtype=np.str_),
    )


def write_log(path, *batches, schema=SCHEMA):
    with DecisionLogWriter(path, schema, with_probabilities=batches[0].action_probabilities is not None) as log:
        for one in batches:
            log.append(one)
    return path


def check_same(found: DecisionColumns, wanted: DecisionColumns) -> None:
    for field in fields(DecisionColumns):
        left, right = getattr(found, field.name), getattr(wanted, field.name)
        if right is None:
            assert left is None
        else:
            np.testing.assert_array_equal(left, right, err_msg=field.name)
            assert left.dtype.kind == right.dtype.kind, field.name


@pytest.fixture(scope="session")
def schema():
    """Names and units of the small log."""
    return SCHEMA


@pytest.fixture(scope="session")
def batch():
    """Makes valid decisions."""
    return make_batch


@pytest.fixture(scope="session")
def write():
    """Writes batches to a file."""
    return write_log


@pytest.fixture(scope="session")
def assert_same():
    """Compares decisions column by column, to the bit."""
    return check_same
