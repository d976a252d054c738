"""Columns that say how rows came into a log: whether they were kept, and which of several policies chose."""

from xbopt.core.arrays import FloatArray
from xbopt.ope.data.logged import SAMPLING_WANTED
from xbopt.ope.logs.conversion import numbers, refuse
from xbopt.ope.logs.files import RawBatch
from xbopt.ope.logs.roles import ColumnRoles


def sampling(batch: RawBatch, roles: ColumnRoles) -> FloatArray | None:
    """Probability with which each row was kept ``(n,)``; None where the log was not thinned.

    Raises:
        DecisionLogError: It is 0, negative, above 1 or no number.
    """
    name = roles.one("sampling_probability")
    if name is None:
        return None
    kept = numbers(batch, name)
    refuse(batch, name, ~((kept > 0.0) & (kept <= 1.0)), lambda row: f"is {kept[row]:g}; {SAMPLING_WANTED}")
    return kept
