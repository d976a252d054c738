"""Columns that say how rows came into a log: whether they were kept, and which of several policies chose."""

# pyarrow ships without complete type information, so that much of what it returns has no known type here.
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from xbopt.core.arrays import FloatArray, IntArray
from xbopt.core.errors import UsageError
from xbopt.ope.data.logged import MATCH_TOLERANCE, SAMPLING_WANTED
from xbopt.ope.logs.conversion import numbers, positions, refuse, texts
from xbopt.ope.logs.files import RawBatch
from xbopt.ope.logs.profile import in_order
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


@dataclass(frozen=True, slots=True, kw_only=True)
class SeveralPolicies:
    """Rows of a log that several policies wrote.

    Attributes:
        each: Probability of the logged action under each policy ``(n, J)``.
        policy: Which of them took the action ``(n,)``.
        propensity: Its own probability of the action ``(n,)``.
    """

    each: FloatArray
    policy: IntArray
    propensity: FloatArray


def several_policies(batch: RawBatch, roles: ColumnRoles, propensity: FloatArray | None) -> SeveralPolicies | None:
    """Probability of the logged action under each logging policy, and which of them took it.

    Args:
        batch: The rows.
        roles: The columns; ``policy_propensities`` has one a policy, whose wildcard stands for its ``policy_id``.
        propensity: What the row states otherwise ``(n,)``; it has to agree. None where it states nothing else.

    Returns:
        None where the log has no such columns.

    Raises:
        DecisionLogError: A value is no probability, a policy has no column, or its own propensity is 0 or another one.
    """
    names = roles.several("policy_propensities")
    chooser = roles.one("policy_id")
    if not names or chooser is None:
        return None
    each = np.stack([numbers(batch, name) for name in names], axis=1)
    for place, name in enumerate(names):
        values = each[:, place]
        bad = ~((values >= 0.0) & (values <= 1.0))
        refuse(batch, name, bad, lambda row, values=values: f"is {values[row]:g}; a probability from 0 to 1 is wanted")
    ids = texts(batch, chooser)
    policy = positions(ids, policies_of(roles))
    without = policy == len(names)
    refuse(batch, chooser, without, lambda row: f"is {ids[row].as_py()!r}, which has no column of policy_propensities")
    own = each[np.arange(batch.rows), policy]
    words = "is 0 for the policy that took the action; it was taken"
    for place, name in enumerate(names):
        refuse(batch, name, (policy == place) & (own <= 0.0), lambda _row: words)
    if propensity is not None:
        off = np.abs(propensity - own) > MATCH_TOLERANCE
        said = "but the policy's own column of policy_propensities says"
        refuse(batch, "propensity", off, lambda row: f"is {propensity[row]:g}, {said} {own[row]:g}")
    return SeveralPolicies(each=each, policy=policy, propensity=own)


def policies_of(roles: ColumnRoles) -> tuple[str, ...]:
    """The ``policy_id`` of each column of ``policy_propensities``."""
    return tuple(roles.wildcards.get(name, name) for name in roles.several("policy_propensities"))


def check_several_policies(roles: ColumnRoles, where: str) -> None:
    """Check that a log with ``policy_propensities`` says which policy took each action.

    Raises:
        UsageError: It does not.
    """
    if roles.several("policy_propensities") and roles.one("policy_id") is None:
        raise UsageError(
            f"{where}: policy_propensities needs policy_id, the policy that took the action; the * of its pattern "
            "stands for that name, as in policy_propensities=mu_*,policy_id=policy."
        )


def balanced_rules(roles: ColumnRoles, shares: FloatArray | None) -> tuple[str, ...]:
    """What was done with several logging policies, in sentences."""
    if shares is None:
        return ()
    parts = ", ".join(f"{name} {share:.1%}" for name, share in zip(policies_of(roles), shares.tolist(), strict=True))
    return (
        f"One-step weights are balanced over {len(shares)} logging policies, by their shares of the rows: {parts}.",
    )


def offered_labels(taken: Iterable[str], roles: ColumnRoles) -> tuple[str, ...]:
    """Actions that were taken, and those that have a column of probabilities but never were."""
    columns = roles.several("action_probabilities")
    offered = (roles.wildcards[name] for name in columns if name in roles.wildcards)
    return tuple(in_order({*taken, *offered}))


def thinned_rules(roles: ColumnRoles) -> tuple[str, ...]:
    """What was done with a thinned log, in sentences."""
    name = roles.one("sampling_probability")
    if name is None:
        return ()
    return (
        f"Rows were kept with the probability in column {name}; each counts one over it, in values and in support.",
        "What was kept may depend on the reward, so the stated propensities and carry-over are not tested.",
    )
