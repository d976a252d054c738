"""Which column of a log plays which role: ``--columns action=item_id,reward=click,context=user_*``."""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TypeAlias

from xbopt.core.documents.problems import suggest
from xbopt.core.errors import UsageError

ROLES: Mapping[str, str] = {
    "action": "what was done",
    "reward": "what it brought",
    "propensity": "probability with which this action was chosen",
    "context": "what was known before; several columns",
    "category": "context that is written as a number but means a name, such as a postcode; several columns",
    "decision_id": "unique name of the decision",
    "timestamp": "when it was decided",
    "reward_ready_at": "when the reward is complete",
    "window_end": "until when what follows counts for this decision: the end of its attribution window",
    "action_probabilities": "probability of every action: one column of lists, or one column an action",
    "allowed": "which actions could be chosen: one column of lists of truth values, or one column an action",
    "exploration": "share of the draw that was uniform over the allowed actions",
    "cluster": "rows that share luck, such as a customer or a day",
    "segment": "groups for which support is shown",
    "episode_id": "the run that the decision belongs to",
    "step": "number of the decision in its run",
    "unit": "customer, market or cell",
    "cost": "what it cost",
    "policy_id": "the policy that chose",
    "policy_propensities": "probability of the action under each of several logging policies: one column a policy",
    "sampling_probability": "probability with which the row was kept, where the log was thinned",
}
"""Every role, and what its column holds."""

SHADOW = "shadow."
"""Begins the roles ``shadow.NAME``: probability of every action under a policy that was asked beside."""
_SEVERAL = frozenset({"context", "category", "action_probabilities", "allowed", "policy_propensities"})
_WILD = "*?["


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnRoles:
    """Columns by role. A role that the log does not have is missing.

    Attributes:
        columns: Names of the columns of each role, in the order of the log.
        wildcards: For each column that a pattern with one ``*`` found, the part that the star stands for.
    """

    columns: Mapping[str, tuple[str, ...]]
    wildcards: Mapping[str, str]

    def one(self, role: str) -> str | None:
        """The column of a role that has at most one."""
        found = self.columns.get(role, ())
        return found[0] if found else None

    def several(self, role: str) -> tuple[str, ...]:
        """The columns of a role, possibly none."""
        return self.columns.get(role, ())

    @property
    def used(self) -> tuple[str, ...]:
        """Every column that plays a role, once; shadows are read only where they are asked for."""
        every = (names for role, names in self.columns.items() if not role.startswith(SHADOW))
        return tuple(dict.fromkeys(name for names in every for name in names))


Columns: TypeAlias = "str | Sequence[str] | Mapping[str, str | Sequence[str]]"
"""Which column is what: a text, several, or patterns by role."""


def parse_columns(texts: Columns) -> dict[str, list[str]]:
    """Patterns by role, from texts like ``action=item_id,context=user_feature_*``, or from patterns by role.

    A name that holds a comma is quoted: ``"context=price, EUR"``.

    Raises:
        UsageError: A part is not ``role=name``, or there is no such role.
    """
    wanted: dict[str, list[str]] = {}
    if isinstance(texts, Mapping):
        for role, patterns in texts.items():
            _check_role(role)
            wanted[role] = [patterns] if isinstance(patterns, str) else list(patterns)
        return wanted
    texts = [texts] if isinstance(texts, str) else texts
    for part in (part for parts in csv.reader(texts, skipinitialspace=True) for part in parts):
        role, sign, pattern = (piece.strip() for piece in part.partition("="))
        if not (sign and role and pattern):
            raise UsageError(f"--columns: {part!r} is no pair role=column, as in action=item_id.")
        _check_role(role)
        wanted.setdefault(role, []).append(pattern)
    return wanted


def _check_role(role: str) -> None:
    if role not in ROLES and not (role.startswith(SHADOW) and role != SHADOW):
        known = ", ".join([*ROLES, f"{SHADOW}NAME"])
        raise UsageError(f"--columns: there is no role {role!r}.{suggest(role, ROLES)} Roles: {known}.")


def resolve_roles(wanted: Mapping[str, Sequence[str]], names: Sequence[str], *, where: str) -> ColumnRoles:
    """Find the columns that the patterns mean.

    Without any pattern, columns that bear the name of a role play it, and ``context_*`` is the context. A pattern
    that stands for several columns passes over those that another role names outright.

    Args:
        wanted: Patterns by role, from ``parse_columns``.
        names: Names of the log's columns.
        where: How messages begin: the log's name.

    Raises:
        UsageError: A pattern finds nothing, a role that takes one column finds several, or a column has two roles.
    """
    chosen = {role: list(patterns) for role, patterns in wanted.items()} if wanted else _by_name(names)
    outright = {pattern for patterns in chosen.values() for pattern in patterns if pattern in names}
    columns: dict[str, tuple[str, ...]] = {}
    wildcards: dict[str, str] = {}
    for role, patterns in chosen.items():
        found: list[str] = []
        for pattern in patterns:
            hits = [pattern] if pattern in names else [n for n in names if _fits(n, pattern) and n not in outright]
            if not hits:
                hint = suggest(pattern, names)
                raise UsageError(
                    f"{where}: no column fits {role}={pattern}.{hint} The log has: {', '.join(names) or 'no columns'}."
                )
            if pattern.count("*") == 1 and pattern not in names:
                before, _, after = pattern.partition("*")
                wildcards |= {hit: hit[len(before) : len(hit) - len(after)] for hit in hits}
            found += hits
        if len(set(found)) > 1 and role not in _SEVERAL and not role.startswith(SHADOW):
            raise UsageError(f"{where}: the role {role} takes one column; found {', '.join(found)}.")
        columns[role] = tuple(sorted(set(found), key=list(names).index))
    _check_once(columns, where)
    return ColumnRoles(columns=columns, wildcards=wildcards)


def with_probabilities(roles: ColumnRoles, names: Sequence[str], *, where: str) -> ColumnRoles:
    """The roles of a log whose columns say themselves what they are, and nothing of propensities: ``p_*`` has them.

    Args:
        roles: What the names of roles gave.
        names: Names of the log's columns.
        where: How messages begin: the log's name.
    """
    if roles.several("propensity") or roles.several("action_probabilities"):
        return roles
    if sum(name.startswith("p_") for name in names) < 2:
        return roles
    found = {role: list(columns) for role, columns in roles.columns.items()}
    return resolve_roles({**found, "action_probabilities": ["p_*"]}, names, where=where)


def _by_name(names: Sequence[str]) -> dict[str, list[str]]:
    found = {role: [role] for role in ROLES if role in names}
    if "context" not in found and any(name.startswith("context_") for name in names):
        found["context"] = ["context_*"]
    return found


def _fits(name: str, pattern: str) -> bool:
    return any(sign in pattern for sign in _WILD) and fnmatchcase(name, pattern)


def _check_once(columns: Mapping[str, tuple[str, ...]], where: str) -> None:
    # A cluster or segment may well be a column that is also context, a unit or a time.
    seen: dict[str, str] = {}
    for role, names in columns.items():
        if role in ("cluster", "segment"):
            continue
        for name in names:
            if name in seen:
                raise UsageError(f"{where}: the column {name} cannot be {seen[name]} and {role} at once.")
            seen[name] = role
