"""How a foreign log says an action was chosen: which were allowed, how much was explored, what shadows would do."""

# pyarrow ships without complete type information, so that much of what it returns has no known type here.
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false, reportUnknownParameterType=false
# pyright: reportUnknownMemberType=false, reportAttributeAccessIssue=false

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from xbopt.core.arrays import BoolArray, FloatArray, IntArray
from xbopt.core.decision_log.checks import MORE_THAN_DRAWN, more_than_drawn
from xbopt.core.errors import DecisionLogError
from xbopt.ope.logs.conversion import is_list, is_text, number_lists, numbers, plain, refuse
from xbopt.ope.logs.files import RawBatch
from xbopt.ope.logs.roles import ColumnRoles


def columns_by_action(role: str, names: Sequence[str], roles: ColumnRoles, labels: Sequence[str]) -> list[str]:
    """The columns of a role that has one column an action, in the order of the labels.

    Raises:
        DecisionLogError: An action has no column, or a column no action.
    """
    by_label = {roles.wildcards.get(name, name): name for name in names}
    missing = [label for label in labels if label not in by_label]
    if missing or len(by_label) != len(labels):
        raise DecisionLogError(
            f"{role}={','.join(names)}: one column an action is wanted, named so that the * of the "
            f"pattern stands for the action; actions: {', '.join(labels)}."
        )
    return [by_label[label] for label in labels]


def by_action(batch: RawBatch, role: str, roles: ColumnRoles, labels: Sequence[str]) -> FloatArray:
    """Numbers of every action ``(n, K)``: one column of lists, or one column an action.

    Raises:
        DecisionLogError: A value is no number, or a column is missing.
    """
    names = roles.several(role)
    if len(names) == 1 and is_list(batch.columns[names[0]].type):
        return number_lists(batch, names[0], len(labels))
    ordered = columns_by_action(role, names, roles, labels)
    return np.stack([numbers(_without_words(batch, name), name) for name in ordered], axis=1)


def allowed_actions(
    batch: RawBatch, roles: ColumnRoles, labels: Sequence[str], *, action: IntArray, table: FloatArray | None
) -> BoolArray | None:
    """Which actions could be chosen ``(n, K)``; None where the log does not say.

    Args:
        batch: The rows.
        roles: Columns by role.
        labels: Names of the actions ``(K,)``.
        action: What was done ``(n,)``.
        table: Probability of every action ``(n, K)``, where it is known.

    Raises:
        DecisionLogError: A value is neither true nor false, or a forbidden action was taken or has a probability.
    """
    names = roles.several("allowed")
    if not names:
        return None
    values = by_action(batch, "allowed", roles, labels)
    odd = ((values != 0.0) & (values != 1.0)).any(axis=1)
    refuse(batch, names[0], odd, lambda _row: "(allowed actions) holds a value that is neither true nor false")
    allowed = values == 1.0
    taken = ~allowed[np.arange(batch.rows), action]
    refuse(batch, names[0], taken, lambda row: f"(allowed actions) forbids {labels[action[row]]!r}, which was taken")
    if table is not None:
        drawn = ((table > 0.0) & ~allowed).any(axis=1)
        words = "(allowed actions) forbids an action that has a probability above 0"
        refuse(batch, names[0], drawn, lambda _row: words)
    return allowed


def explored_share(
    batch: RawBatch, roles: ColumnRoles, *, table: FloatArray | None, allowed: BoolArray | None
) -> FloatArray | None:
    """Share of each draw that was uniform over the allowed actions ``(n,)``, NaN where empty; None without the role.

    Raises:
        DecisionLogError: A share lies outside 0..1, or an allowed action has less than its part of it.
    """
    name = roles.one("exploration")
    if name is None:
        return None
    share = numbers(batch, name, may_be_empty=True)
    outside = (share < 0.0) | (share > 1.0)
    refuse(batch, name, outside, lambda row: f"is {share[row]:g}; a share of uniform exploration is from 0 to 1")
    if table is not None:
        # What has no probability was not allowed where something was explored.
        could = table > 0.0 if allowed is None else allowed
        refuse(batch, name, more_than_drawn(share, table, could), lambda row: MORE_THAN_DRAWN.format(share[row]))
    return share


def _without_words(batch: RawBatch, name: str) -> RawBatch:
    """The batch with true and false as numbers."""
    import pyarrow as pa
    from pyarrow import compute

    column = plain(batch, name)
    if not is_text(column.type):
        return batch
    lowered = compute.utf8_lower(compute.utf8_trim_whitespace(column))
    for word, number in (("true", "1"), ("false", "0")):
        lowered = compute.if_else(compute.equal(lowered, word), pa.scalar(number), lowered)
    return replace(batch, columns={**batch.columns, name: lowered})
