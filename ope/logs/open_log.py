"""Opening a log for evaluation: ours or a foreign one, a file or a folder."""

# pyarrow ships without complete type information, so that much of what it returns has no known type here.
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false, reportUnknownParameterType=false
# pyright: reportUnknownMemberType=false, reportAttributeAccessIssue=false

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np

from xbopt.core.arrays import FloatArray
from xbopt.core.decision_log.reader import stated_schema
from xbopt.core.decision_log.reward_reach import joined_reach
from xbopt.core.decision_log.schema import DecisionLogSchema
from xbopt.core.errors import DecisionLogError, UsageError
from xbopt.ope.logs.clusters import ENOUGH_CLUSTERS, ClusterCounts, ClusterRule
from xbopt.ope.logs.encoding import encoding_notes
from xbopt.ope.logs.evaluation_log import EvaluationLog
from xbopt.ope.logs.files import LogFile, is_own_log, open_source, read_part, split
from xbopt.ope.logs.lateness import Lateness
from xbopt.ope.logs.logging_columns import (
    balanced_rules,
    check_several_policies,
    offered_labels,
    thinned_rules,
)
from xbopt.ope.logs.profile import LogProfile, look_at
from xbopt.ope.logs.roles import SHADOW, ColumnRoles, Columns, parse_columns, resolve_roles, with_probabilities
from xbopt.ope.logs.rows import ForeignRows, LogRows, OwnRows, moment_text
from xbopt.ope.logs.shared_luck import repeated_ids, with_default_clusters
from xbopt.ope.results.findings import Finding


def open_log(
    source: object,
    *,
    columns: Columns = (),
    propensity: float | Literal["estimate"] | None = None,
    as_of: np.datetime64 | None = None,
    cluster_days: int | None = None,
) -> EvaluationLog:
    """Open a log and look through it once.

    Args:
        source: A decision log of ours, a file of CSV, Parquet or JSON lines (dsjson too), a folder of such files, or a
            table: anything with ``__arrow_c_stream__`` (pandas, polars, DuckDB, pyarrow), or columns by name.
        columns: Texts like ``action=item_id,reward=click``, or ``{"action": "item_id", "context": ["age", "city"]}``;
            see ``xbopt.ope.logs.roles.ROLES``. Left out, columns that bear the name of a role play it.
        propensity: The propensity of every row where it is the same by design, such as 1/3; ``estimate`` where it is
            not known. Left out, the log must have it.
        as_of: When the rewards were collected: what was ready only later is left out. Left out, that is the time of
            the log's last decision where a column says when each reward is ready; in our own logs an empty reward is
            the one that is not ready.
        cluster_days: Blocks of so many days, from the day of the first decision on, are the clusters: for a market
            whose days share shocks. Left out, ``xbopt.ope.logs.clusters`` says which rows share luck.

    Raises:
        UsageError: The columns do not fit the log.
        DecisionLogError: The log is empty, broken, or holds a decision twice.
    """
    top, files = open_source(source)
    wanted = parse_columns(columns)
    if cluster_days is not None and cluster_days < 1:
        raise UsageError(f"--cluster-days is {cluster_days}; a whole number of days, 1 or more, is wanted.")
    if is_own_log(files[0]):
        return _own(top, files, wanted, propensity, as_of, cluster_days)
    return _foreign(top, files, wanted, propensity, as_of, cluster_days)


def _own(
    path: Path,
    files: list[LogFile],
    wanted: dict[str, list[str]],
    propensity: float | str | None,
    as_of: np.datetime64 | None,
    cluster_days: int | None,
) -> EvaluationLog:
    if propensity is not None:
        raise UsageError(
            f"{path} is a decision log of xbopt and says itself what was drawn with which probability; give no "
            "propensity."
        )
    if wanted:
        raise UsageError(f"{path} is a decision log of xbopt and says itself what its columns are; give no columns.")
    schemas = [stated_schema(dict(file.metadata), file.path) for file in files]
    for file, schema in zip(files, schemas, strict=True):
        if schema != schemas[0]:
            raise DecisionLogError(
                f"{file.path}: its format version, context fields, actions, shadows or units differ from those of "
                f"{files[0].path}."
            )
    profile = look_at(
        split(files),
        ColumnRoles(
            columns={name: (name,) for name in ("decision_id", "timestamp", "episode_id")} | {"segment": ("unit",)},
            wildcards={},
        ),
    )
    factored = bool(schemas[0].factors)
    # Cells of a world share the draws of pace and timing, so that no step of theirs is a cluster of its own.
    whole = factored or profile.episodes >= ENOUGH_CLUSTERS
    cluster = ClusterRule(kind="episode" if whole else "step of an episode")
    if cluster_days is not None:
        cluster = ClusterRule(kind="days", days=cluster_days, origin=_midnight(profile))
    policies, hashes = _distinct(files, "policy_id"), _distinct(files, "scenario_hash")
    if len(hashes) > 1:
        raise DecisionLogError(
            f"{path}: the rows come from {len(hashes)} different scenarios; one log holds the decisions of one market."
        )
    return EvaluationLog(
        path=path,
        files=tuple(files),
        own=True,
        converter=OwnRows(
            schema=replace(schemas[0], reward_reach=joined_reach(schema.reward_reach for schema in schemas)),
            action_labels=schemas[0].choice_labels,
            context_names=schemas[0].context_names,
            segments=tuple(profile.segments) if len(profile.segments) > 1 else (),
            cluster=cluster,
            as_of=as_of,
            # What a policy saw, and shadows, are read only where they are asked for.
            columns=tuple(name for name in files[0].names if name != "observation" and not name.startswith(SHADOW)),
        ),
        profile=profile,
        cluster_name=cluster.name(),
        segment_name=schemas[0].unit if len(profile.segments) > 1 else "",
        unit_name=schemas[0].unit if len(profile.segments) > 1 or profile.too_many_segments else "",
        reward_unit=schemas[0].reward_unit,
        scenario_hash=next(iter(hashes), ""),
        logging_policies=policies,
        rules=(
            *_ready_rules(as_of),
            *_version_rules(schemas[0].version),
            *((_factor_rule(schemas[0]),) if factored else ()),
        ),
    )


def _ready_rules(as_of: np.datetime64 | None) -> tuple[str, ...]:
    empty = "A decision whose reward is empty is not ready yet; it is left out, not counted as 0."
    return (
        (empty,) if as_of is None else (empty, f"A reward that was ready only after {moment_text(as_of)} is left out.")
    )


def _factor_rule(schema: DecisionLogSchema) -> str:
    around = f", which are notches around {schema.anchor}" if schema.anchor else ""
    return (
        f"A row is the decision of one cell, made of the {len(schema.factors)} factors that its result depends on"
        f"{around}; the others of its world are as in the log."
    )


def _version_rules(version: int) -> tuple[str, ...]:
    if version > 1:
        return ()
    words = "how much was explored, which actions were allowed, and what the policy saw"
    return (f"The log has format version 1: it does not say {words}; only policies of the context can be asked.",)


def _distinct(files: Sequence[LogFile], name: str) -> tuple[str, ...]:
    found: set[str] = set()
    for part in split(files):
        for batch in read_part(part, [name]):
            found.update(str(value) for value in batch.columns[name].unique().to_pylist() if value)
    return tuple(sorted(found))


def _foreign(
    path: Path,
    files: list[LogFile],
    wanted: dict[str, list[str]],
    propensity: float | Literal["estimate"] | None,
    as_of: np.datetime64 | None,
    cluster_days: int | None,
) -> EvaluationLog:
    json = files[0].json
    if json is not None:
        wanted = {**json.columns.roles, **wanted}
    roles = stated = resolve_roles(_with_needed(wanted, files[0].names, propensity), files[0].names, where=str(path))
    if not wanted and propensity is None:
        roles = with_probabilities(roles, files[0].names, where=str(path))
    taken = () if roles is stated else ("The columns p_* are taken for the probabilities of the actions.",)
    _check_roles(roles, path, files[0].names, propensity)
    segment = roles.one("segment") or roles.one("unit")
    if segment is not None:
        roles = ColumnRoles(columns={**roles.columns, "segment": (segment,)}, wildcards=roles.wildcards)
    profile = look_at(split(files), roles)
    ready_rules: tuple[str, ...] = ()
    lateness = Lateness()
    if roles.one("reward_ready_at") is not None:
        as_of = profile.last if as_of is None else as_of
        ready_rules = _ready_rules(as_of)
        lateness = _lateness(files, roles, as_of, profile.first)
    elif as_of is not None:
        raise UsageError("--as-of needs a column that says when each reward is ready: reward_ready_at=...")
    too_many = [f"Column {segment} has too many different values to show support by it."]
    policy = roles.one("policy_id")
    converter = ForeignRows(
        roles=roles,
        fields=profile.fields,
        columns=roles.used,
        action_labels=offered_labels(profile.actions, roles),
        context_names=tuple(name for field in profile.fields for name in field.names),
        segments=tuple(profile.segments) if len(profile.segments) > 1 else (),
        propensity=propensity if isinstance(propensity, float) else None,
        as_of=as_of,
        cluster=_stated_clusters(roles, profile, cluster_days),
        decided_until=lateness.decided_until,
    )
    cluster_rules: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()
    if converter.cluster.kind == "rows":
        converter, cluster_rules = with_default_clusters(split(files), converter, _counts(roles, profile))
    if converter.cluster.kind == "rows":
        findings = repeated_ids(split(files), converter, files[0].names)
    log = EvaluationLog(
        path=path,
        files=tuple(files),
        own=False,
        converter=converter,
        profile=profile,
        cluster_name=converter.cluster.name(column=roles.one("cluster") or "", unit=roles.one("unit") or ""),
        segment_name=(segment or "") if len(profile.segments) > 1 else "",
        unit_name=roles.one("unit") or "",
        reward_unit="",
        scenario_hash="",
        logging_policies=() if policy is None else _distinct(files, policy),
        rules=(
            *(() if json is None else json.columns.notes),
            *taken,
            *cluster_rules,
            *ready_rules,
            *_late_rules(lateness),
            *encoding_notes(profile.fields),
            *(too_many if profile.too_many_segments else ()),
            *thinned_rules(roles),
        ),
        findings=(*lateness.findings, *findings),
    )
    if not roles.several("policy_propensities"):
        return log
    shares = _shares_of(rows for part in log.parts() for rows in log.rows(part))
    return replace(log, policy_shares=shares, rules=(*log.rules, *balanced_rules(roles, shares)))


def _with_needed(
    wanted: dict[str, list[str]], names: Sequence[str], propensity: float | Literal["estimate"] | None
) -> dict[str, list[str]]:
    """Roles that every log needs, by their own names where nothing else was said of them."""
    if not wanted:
        return wanted
    needed = ["action", "reward"]
    if propensity is None and not wanted.keys() & {"action_probabilities", "policy_propensities"}:
        needed.append("propensity")
    taken = {pattern for patterns in wanted.values() for pattern in patterns}
    return wanted | {role: [role] for role in needed if role not in wanted and role in names and role not in taken}


def _lateness(
    files: Sequence[LogFile], roles: ColumnRoles, as_of: np.datetime64 | None, first: np.datetime64 | None
) -> Lateness:
    decided, due, reward = (roles.one(role) for role in ("timestamp", "reward_ready_at", "reward"))
    if decided is None or due is None or reward is None or as_of is None or first is None:
        return Lateness()
    return Lateness.of(split(files), decided=decided, due=due, reward=reward, as_of=as_of, first=first)


def _late_rules(lateness: Lateness) -> tuple[str, ...]:
    if lateness.decided_until is None:
        return ()
    words = (
        f"Rewards are ready after up to {lateness.days:.3g} days, and the time goes with the reward. Decisions after "
        f"{moment_text(lateness.decided_until)} are left out: those of them that are ready are a selection."
    )
    return (words,)


def _midnight(profile: LogProfile) -> np.datetime64:
    if profile.first_day is None:
        raise UsageError("--cluster-days needs a column that says when each decision was made: timestamp=...")
    return profile.first_day


def _stated_clusters(roles: ColumnRoles, profile: LogProfile, days: int | None) -> ClusterRule:
    """What was said of clusters; ``rows`` where nothing was."""
    column = roles.one("cluster")
    if days is None:
        return ClusterRule(kind="rows" if column is None else "column")
    if column is not None:
        raise UsageError(f"--cluster-days and the role cluster={column} say two different things; give one.")
    return ClusterRule(kind="days", days=days, origin=_midnight(profile))


def _counts(roles: ColumnRoles, profile: LogProfile) -> ClusterCounts:
    first, last = profile.first, profile.last
    return ClusterCounts(
        units=profile.units,
        episodes=profile.episodes,
        has_steps=roles.one("step") is not None,
        days=0 if first is None or last is None else int((last - first) / np.timedelta64(1, "D")) + 1,
        units_share_episodes=profile.units_share_episodes,
        origin=profile.first_day,
    )


def _check_roles(
    roles: ColumnRoles, path: Path, names: Sequence[str], propensity: float | Literal["estimate"] | None
) -> None:
    listed = f"The log has: {', '.join(names)}."
    for role, example in (("action", "item_id"), ("reward", "click")):
        if roles.one(role) is None:
            raise UsageError(f"{path}: which column is the {role}? Say --columns {role}=NAME, as {example}. {listed}")
    check_several_policies(roles, str(path))
    stated = [role for role in ("propensity", "action_probabilities", "policy_propensities") if roles.several(role)]
    if propensity is not None and stated:
        raise UsageError(f"--propensity and a column of the role {stated[0]} say the same thing twice; give one.")
    if propensity is None and not stated:
        raise UsageError(
            f"{path}: with which probability was each action taken? Say --columns propensity=NAME; or --propensity 1/3 "
            f"where it is the same for every row by design; or --propensity estimate where nobody knows. {listed}"
        )
    if roles.one("sampling_probability") is not None and propensity == "estimate":
        raise UsageError(
            "--propensity estimate needs a log that kept every row: what was kept may depend on action and reward."
        )
    if isinstance(propensity, float) and not 0.0 < propensity <= 1.0:
        raise UsageError(f"--propensity is {propensity:g}; a probability above 0 and at most 1 is wanted.")
    if roles.one("step") is not None and roles.one("episode_id") is None:
        raise UsageError(f"{path}: the role step needs episode_id, the run that the step belongs to.")


def _shares_of(batches: Iterable[LogRows]) -> FloatArray | None:
    """Share of the rows with a complete reward that each logging policy took ``(J,)``; None for one policy."""
    total: FloatArray | None = None
    for rows in batches:
        counts = rows.data.policy_counts()
        total = counts if total is None or counts is None else total + counts
    return None if total is None or not total.sum() else total / total.sum()
