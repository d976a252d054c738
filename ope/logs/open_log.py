"""Opening a log for evaluation: ours or a foreign one, a file or a folder."""

# pyarrow ships without complete type information, so that much of what it returns has no known type here.
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false, reportUnknownParameterType=false
# pyright: reportUnknownMemberType=false, reportAttributeAccessIssue=false

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

import numpy as np

from xbopt.core.arrays import FloatArray
from xbopt.core.decision_log.reader import stated_schema
from xbopt.core.errors import DecisionLogError, UsageError
from xbopt.ope.logs.encoding import encoding_notes
from xbopt.ope.logs.files import LogFile, LogPart, is_own_log, open_source, read_part, split
from xbopt.ope.logs.logging_columns import (
    balanced_rules,
    check_several_policies,
    offered_labels,
    shares_of,
    thinned_rules,
)
from xbopt.ope.logs.profile import LogProfile, look_at
from xbopt.ope.logs.roles import ColumnRoles, Columns, parse_columns, resolve_roles
from xbopt.ope.logs.rows import ClusterRule, ForeignRows, LogRows, OwnRows, RowConverter, moment_text

ENOUGH_CLUSTERS = 30
"""With fewer episodes, their steps are the groups of rows that share luck."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationLog:
    """A log whose shape is known and whose rows can be read in batches, as often as needed.

    Attributes:
        path: The file or folder; the word table for a table in memory.
        files: Its files.
        own: Whether xbopt wrote it.
        converter: Turns batches into checked rows.
        profile: What the first look found.
        cluster_name: What rows of one cluster share; empty where rows count as independent.
        segment_name: What a segment is; empty without segments.
        unit_name: What several of which run in one episode, such as ``region x segment``; empty for one an episode.
        reward_unit: Unit of the reward, such as EUR; empty if not stated.
        scenario_hash: Hash of the scenario that wrote the log; empty for a real market.
        logging_policies: Names of the policies that wrote the log, as far as it says.
        rules: What was counted or encoded how, in sentences.
        policy_shares: Share of the rows that each of several logging policies took ``(J,)``, for balanced weights; None
            where the log does not have the propensities of each.
    """

    path: Path
    files: tuple[LogFile, ...] = field(repr=False)
    own: bool
    converter: RowConverter = field(repr=False)
    profile: LogProfile
    cluster_name: str
    segment_name: str
    unit_name: str
    reward_unit: str
    scenario_hash: str
    logging_policies: tuple[str, ...]
    rules: tuple[str, ...]
    policy_shares: FloatArray | None = field(default=None, repr=False)

    @property
    def action_labels(self) -> tuple[str, ...]:
        """Names of the actions ``(K,)``."""
        return self.converter.action_labels

    @property
    def context_names(self) -> tuple[str, ...]:
        """Names of the context's columns ``(d,)``."""
        return self.converter.context_names

    @property
    def estimates_propensities(self) -> bool:
        """Whether the log has no propensities, so that they must be estimated."""
        converter = self.converter
        return isinstance(converter, ForeignRows) and not (
            converter.propensity is not None
            or converter.roles.several("propensity")
            or converter.roles.several("action_probabilities")
            or converter.roles.several("policy_propensities")
        )

    @property
    def is_thinned(self) -> bool:
        """Whether rows were kept with a probability, so that each counts one over it."""
        return isinstance(self.converter, ForeignRows) and self.converter.roles.one("sampling_probability") is not None

    def refuse_thinned(self, what: str) -> None:
        """Refuse a thinned log where a question has no rule for it.

        Raises:
            UsageError: The log has a sampling probability.
        """
        if self.is_thinned:
            raise UsageError(
                f"{self.path}: {what} needs a log that kept every row; rows of this one were kept with a probability "
                "(the role sampling_probability), and what is missing between them is not known."
            )

    @property
    def segments(self) -> tuple[str, ...]:
        """Names of the segments; empty without segments."""
        return self.converter.segments

    @property
    def columns(self) -> tuple[str, ...]:
        """Every column of the files."""
        return self.files[0].names

    def parts(self) -> list[LogPart]:
        """Parts that workers can read by themselves, in order."""
        before = np.cumsum([0, *self.profile.rows_of_parts]).tolist()
        return [replace(part, first_of_log=first) for part, first in zip(split(self.files), before, strict=False)]

    def place_of(self, number: int) -> tuple[str, int]:
        """File within the log, and row of the file from 0, of the row with that number in the whole log."""
        part = next(part for part in reversed(self.parts()) if part.first_of_log <= number)
        return part.file.inside or part.file.path.name, part.first_row + number - part.first_of_log

    def rows(
        self,
        part: LogPart,
        *,
        keys: Sequence[str] = (),
        reward_bounds: tuple[float, float] | None = None,
        checked: bool = False,
    ) -> Iterator[LogRows]:
        """The rows of a part in batches, each checked unless an earlier pass did so.

        Args:
            part: The part.
            keys: Further columns, as text.
            reward_bounds: Least and greatest possible reward, where they are known beforehand.
            checked: Whether all rows of the log were checked before.

        Raises:
            DecisionLogError: A row is wrong; the message names file, row and column.
        """
        unknown = [name for name in keys if name not in self.columns]
        if unknown:
            raise DecisionLogError(f"{self.path}: there is no column {unknown[0]!r}.")
        wanted = list(dict.fromkeys([*self.converter.columns, *keys]))
        for batch in read_part(part, wanted):
            rows = self.converter.rows(batch, keys, checked=checked)
            if reward_bounds is not None and not checked:
                rows.check_rewards(*reward_bounds)
            yield rows

    def data_hash(self) -> str:
        """SHA-256 over the files' names within the log and their bytes, or over the content of a table."""
        total = hashlib.sha256()
        for file in self.files:
            total.update(f"{file.inside}\0{file.digest()}\n".encode())
        return total.hexdigest()


def open_log(
    source: object,
    *,
    columns: Columns = (),
    propensity: float | Literal["estimate"] | None = None,
    as_of: np.datetime64 | None = None,
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

    Raises:
        UsageError: The columns do not fit the log.
        DecisionLogError: The log is empty, broken, or holds a decision twice.
    """
    top, files = open_source(source)
    wanted = parse_columns(columns)
    if is_own_log(files[0]):
        return _own(top, files, wanted, propensity, as_of)
    return _foreign(top, files, wanted, propensity, as_of)


def _own(
    path: Path,
    files: list[LogFile],
    wanted: dict[str, list[str]],
    propensity: float | str | None,
    as_of: np.datetime64 | None,
) -> EvaluationLog:
    if wanted or propensity is not None:
        raise UsageError(f"{path} is a decision log of xbopt and says itself what its columns are; give no columns.")
    schemas = [stated_schema(dict(file.metadata), file.path) for file in files]
    for file, schema in zip(files, schemas, strict=True):
        if schema != schemas[0]:
            raise DecisionLogError(
                f"{file.path}: its context fields, actions or units differ from those of {files[0].path}."
            )
    profile = look_at(
        split(files),
        ColumnRoles(
            columns={name: (name,) for name in ("decision_id", "timestamp", "episode_id")} | {"segment": ("unit",)},
            wildcards={},
        ),
    )
    cluster: ClusterRule = "episode" if profile.episodes >= ENOUGH_CLUSTERS else "step of an episode"
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
            schema=schemas[0],
            action_labels=schemas[0].action_labels,
            context_names=schemas[0].context_names,
            segments=tuple(profile.segments) if len(profile.segments) > 1 else (),
            cluster=cluster,
            as_of=as_of,
            columns=files[0].names,
        ),
        profile=profile,
        cluster_name=cluster,
        segment_name=schemas[0].unit if len(profile.segments) > 1 else "",
        unit_name=schemas[0].unit if len(profile.segments) > 1 or profile.too_many_segments else "",
        reward_unit=schemas[0].reward_unit,
        scenario_hash=next(iter(hashes), ""),
        logging_policies=policies,
        rules=_ready_rules(as_of),
    )


def _ready_rules(as_of: np.datetime64 | None) -> tuple[str, ...]:
    empty = "A decision whose reward is empty is not ready yet; it is left out, not counted as 0."
    return (
        (empty,) if as_of is None else (empty, f"A reward that was ready only after {moment_text(as_of)} is left out.")
    )


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
) -> EvaluationLog:
    json = files[0].json
    if json is not None:
        wanted = {**json.columns.roles, **wanted}
    roles = resolve_roles(wanted, files[0].names, where=str(path))
    _check_roles(roles, path, files[0].names, propensity)
    segment = roles.one("segment") or roles.one("unit")
    if segment is not None:
        roles = ColumnRoles(columns={**roles.columns, "segment": (segment,)}, wildcards=roles.wildcards)
    profile = look_at(split(files), roles)
    ready_rules: tuple[str, ...] = ()
    if roles.one("reward_ready_at") is not None:
        as_of = profile.last if as_of is None else as_of
        ready_rules = _ready_rules(as_of)
    elif as_of is not None:
        raise UsageError("--as-of needs a column that says when each reward is ready: reward_ready_at=...")
    too_many = [f"Column {segment} has too many different values to show support by it."]
    policy = roles.one("policy_id")
    log = EvaluationLog(
        path=path,
        files=tuple(files),
        own=False,
        converter=ForeignRows(
            roles=roles,
            fields=profile.fields,
            columns=roles.used,
            action_labels=offered_labels(profile.actions, roles),
            context_names=tuple(name for field in profile.fields for name in field.names),
            segments=tuple(profile.segments) if len(profile.segments) > 1 else (),
            propensity=propensity if isinstance(propensity, float) else None,
            as_of=as_of,
        ),
        profile=profile,
        cluster_name=roles.one("cluster") or "",
        segment_name=(segment or "") if len(profile.segments) > 1 else "",
        unit_name=roles.one("unit") or "",
        reward_unit="",
        scenario_hash="",
        logging_policies=() if policy is None else _distinct(files, policy),
        rules=(
            *(() if json is None else json.columns.notes),
            *ready_rules,
            *encoding_notes(profile.fields),
            *(too_many if profile.too_many_segments else ()),
            *thinned_rules(roles),
        ),
    )
    if not roles.several("policy_propensities"):
        return log
    shares = shares_of(rows for part in log.parts() for rows in log.rows(part))
    return replace(log, policy_shares=shares, rules=(*log.rules, *balanced_rules(roles, shares)))


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
