"""Batches of a log as checked arrays: the same shape for our own logs and for foreign ones."""

# pyarrow ships without complete type information, so that much of what it returns has no known type here.
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false, reportUnknownParameterType=false
# pyright: reportUnknownMemberType=false, reportAttributeAccessIssue=false

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from xbopt.core.arrays import BoolArray, FloatArray, IntArray
from xbopt.core.decision_log.reader import decision_columns
from xbopt.core.decision_log.schema import DecisionLogSchema, TimeArray
from xbopt.core.errors import DecisionLogError
from xbopt.ope.logs.conversion import is_list, is_null, number_lists, numbers, plain, refuse, texts, times
from xbopt.ope.logs.duplicates import hashed
from xbopt.ope.logs.encoding import Field, encode
from xbopt.ope.logs.files import RawBatch
from xbopt.ope.logs.roles import ColumnRoles

if TYPE_CHECKING:
    import pyarrow as pa

_EVEN_TOLERANCE = 1e-4
"""How far a propensity by design may be rounded, as a share: 0.3333 means 1/3."""

ClusterRule = Literal["episode", "step of an episode"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LogRows:
    """Some rows of a log, checked; arrays have ``n`` rows.

    Attributes:
        place: The file's name.
        first_row: Rows of the file that stand before.
        context: What was known, as numbers ``(n, d)``.
        action: Position in the log's action labels ``(n,)``.
        reward: What the decision brought ``(n,)``; NaN where it is not ready.
        ready: Where the reward is complete ``(n,)``.
        propensity: Probability of the logged action ``(n,)``; None where the log has none.
        action_probabilities: Of every action ``(n, K)``; None where they are not known.
        cost: ``(n,)``; None where the log has none.
        cluster: A number for each group of rows that share luck ``(n,)``; None where rows are independent.
        segment: Position in the log's segments ``(n,)``, their number for any other; None without segments.
        episode: A number for each episode and unit ``(n,)``; None without episodes.
        step: Number of the decision in its episode ``(n,)``; None without episodes.
        run: A number for each episode of all units together ``(n,)``; None without episodes.
        decided: When it was decided ``(n,)``; None without timestamps.
        due: When the reward was complete ``(n,)``; None where the log does not say.
        keys: Columns as text, for joining.
    """

    place: str
    first_row: int
    context: FloatArray
    action: IntArray
    reward: FloatArray
    ready: BoolArray
    propensity: FloatArray | None
    action_probabilities: FloatArray | None
    cost: FloatArray | None
    cluster: IntArray | None
    segment: IntArray | None
    episode: IntArray | None
    step: IntArray | None
    run: IntArray | None
    decided: TimeArray | None
    due: TimeArray | None
    keys: "Mapping[str, pa.Array]" = field(repr=False)

    def __len__(self) -> int:
        """Number of rows, ``n``."""
        return len(self.action)


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnRows:
    """Turns batches of one of our own decision logs into rows.

    Attributes:
        schema: What the log states of itself.
        segments: Units for which support is shown.
        cluster: Which rows share luck.
        as_of: When the rewards were collected; None where empty rewards alone are not ready.
        columns: All columns of the file.
    """

    schema: DecisionLogSchema
    segments: tuple[str, ...]
    cluster: ClusterRule
    as_of: np.datetime64 | None
    columns: tuple[str, ...]

    @property
    def action_labels(self) -> tuple[str, ...]:
        """Names of the actions ``(K,)``."""
        return self.schema.action_labels

    @property
    def context_names(self) -> tuple[str, ...]:
        """Names of the context's columns ``(d,)``."""
        return self.schema.context_names

    def rows(self, batch: RawBatch, keys: Sequence[str]) -> LogRows:
        """Check and convert a batch.

        Raises:
            DecisionLogError: A value is wrong; the message names the row.
        """
        import pyarrow as pa

        table = pa.Table.from_arrays(list(batch.columns.values()), names=list(batch.columns))
        found = decision_columns(table, self.schema, file=Path(batch.place), first_row=batch.first_row)
        ready = ~np.isnan(found.reward)
        if self.as_of is not None:
            ready &= found.reward_ready_at <= self.as_of
        episode, unit = hashed(texts(batch, "episode_id")), hashed(texts(batch, "unit", may_be_empty=True))
        return LogRows(
            place=batch.place,
            first_row=batch.first_row,
            context=found.context,
            action=found.action,
            reward=found.reward,
            ready=ready,
            propensity=found.propensity,
            action_probabilities=found.action_probabilities,
            cost=found.cost,
            cluster=episode if self.cluster == "episode" else paired(episode, found.step),
            segment=positions(texts(batch, "unit", may_be_empty=True), self.segments) if self.segments else None,
            episode=paired(episode, unit),
            step=found.step,
            run=episode,
            decided=found.timestamp,
            due=found.reward_ready_at,
            keys=_keys(batch, keys),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ForeignRows:
    """Turns batches of a log that other programs wrote into rows.

    Attributes:
        roles: Columns by role.
        fields: How context columns become numbers.
        action_labels: Names of the actions ``(K,)``.
        segments: Values of the segment column for which support is shown.
        propensity: The one propensity that holds for all rows by design; None where a column has it, or nobody.
        as_of: When the rewards were collected; None where empty rewards alone are not ready.
    """

    roles: ColumnRoles
    fields: tuple[Field, ...]
    action_labels: tuple[str, ...]
    segments: tuple[str, ...]
    propensity: float | None
    as_of: np.datetime64 | None

    @property
    def context_names(self) -> tuple[str, ...]:
        """Names of the context's columns ``(d,)``."""
        return tuple(name for one in self.fields for name in one.names)

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that are read."""
        return self.roles.used

    def rows(self, batch: RawBatch, keys: Sequence[str]) -> LogRows:
        """Check and convert a batch.

        Raises:
            DecisionLogError: A value is wrong; the message names the row.
        """
        roles = self.roles
        action = positions(texts(batch, roles.several("action")[0]), self.action_labels)
        reward, ready = self._reward(batch)
        probabilities = self._probabilities(batch)
        cluster, segment = roles.one("cluster"), roles.one("segment")
        cost, step, episode, unit = (roles.one(role) for role in ("cost", "step", "episode_id", "unit"))
        runs = None if episode is None else hashed(texts(batch, episode))
        episodes = runs
        if runs is not None and unit is not None:
            episodes = paired(runs, hashed(texts(batch, unit)))
        made, due = roles.one("timestamp"), roles.one("reward_ready_at")
        return LogRows(
            place=batch.place,
            first_row=batch.first_row,
            context=encode(self.fields, batch),
            action=action,
            reward=reward,
            ready=ready,
            propensity=self._propensity(batch, action, probabilities),
            action_probabilities=probabilities,
            cost=None if cost is None else numbers(batch, cost),
            cluster=None if cluster is None else hashed(texts(batch, cluster)),
            segment=(
                positions(texts(batch, segment, may_be_empty=True), self.segments)
                if segment is not None and self.segments
                else None
            ),
            episode=episodes,
            step=None if step is None else _steps(batch, step),
            run=runs,
            decided=None if made is None else times(batch, made),
            due=None if due is None else times(batch, due),
            keys=_keys(batch, keys),
        )

    def _reward(self, batch: RawBatch) -> tuple[FloatArray, BoolArray]:
        name, due = self.roles.several("reward")[0], self.roles.one("reward_ready_at")
        if due is None:
            # Without a date there is no telling "not yet" from "lost".
            reward = numbers(batch, name)
            return reward, np.ones(batch.rows, dtype=np.bool_)
        _refuse_nan(batch, name)
        reward = numbers(batch, name, may_be_empty=True)
        ready = ~np.isnan(reward)
        moments = times(batch, due)
        made = self.roles.one("timestamp")
        if made is not None:
            early = moments < times(batch, made)
            refuse(batch, due, early, lambda _row: "lies before the decision's own timestamp")
        if self.as_of is not None:
            ready &= moments <= self.as_of
        return reward, ready

    def _propensity(self, batch: RawBatch, action: IntArray, probabilities: FloatArray | None) -> FloatArray | None:
        name = self.roles.one("propensity")
        if name is None:
            if self.propensity is not None and probabilities is None:
                return np.full(batch.rows, self.propensity)
            if probabilities is None:
                return None
            own = probabilities[np.arange(batch.rows), action]
            if self.propensity is not None:
                return own
            column = self.roles.several("action_probabilities")[0]
            refuse(batch, column, own <= 0.0, lambda row: f"says {own[row]:g} for the logged action; it was taken")
            return own
        values = numbers(batch, name)
        outside = ~((values > 0.0) & (values <= 1.0))
        refuse(batch, name, outside, lambda row: f"is {values[row]:g}; a probability above 0 and at most 1 is wanted")
        return values

    def _probabilities(self, batch: RawBatch) -> FloatArray | None:
        names = self.roles.several("action_probabilities")
        if not names:
            actions = len(self.action_labels)
            is_even = self.propensity is not None and abs(self.propensity * actions - 1.0) < _EVEN_TOLERANCE
            # The same propensity for all actions leaves nothing for any other: the whole policy is known.
            return np.full((batch.rows, actions), 1.0 / actions) if is_even else None
        if len(names) == 1 and is_list(batch.columns[names[0]].type):
            table = number_lists(batch, names[0], len(self.action_labels))
        else:
            table = np.stack(
                [numbers(batch, name) for name in _in_order(names, self.roles, self.action_labels)], axis=1
            )
        outside = (~((table >= 0.0) & (table <= 1.0))).sum(axis=1) > 0
        refuse(batch, names[0], outside, lambda _row: "(probabilities of all actions) holds a value outside 0..1")
        sums = table.sum(axis=1)
        refuse(
            batch,
            names[0],
            np.abs(sums - 1.0) > 1e-6,
            lambda row: f"(probabilities of all actions) sums to {sums[row]:g}; 1 is wanted",
        )
        return table


def positions(names: "pa.Array", known: Sequence[str]) -> IntArray:
    """Position of each name in the known ones ``(n,)``; their number for any other name, and for an empty one."""
    import pyarrow as pa
    from pyarrow import compute

    found = compute.index_in(names, value_set=pa.array(list(known), type=pa.string()))
    return np.asarray(found.fill_null(len(known)).to_numpy(zero_copy_only=False), dtype=np.int64)


def paired(first: IntArray, second: IntArray) -> IntArray:
    """One number for each pair of numbers ``(n,)``."""
    with np.errstate(over="ignore"):
        mixed = first.view(np.uint64) * np.uint64(0x9E37_79B9_7F4A_7C15) + second.astype(np.int64).view(np.uint64)
        mixed = (mixed ^ (mixed >> np.uint64(31))) * np.uint64(0xBF58_476D_1CE4_E5B9)
    return mixed.view(np.int64)


def _keys(batch: RawBatch, names: Sequence[str]) -> "dict[str, pa.Array]":
    return {name: texts(batch, name) for name in names}


def _steps(batch: RawBatch, name: str) -> IntArray:
    values = numbers(batch, name)
    refuse(
        batch,
        name,
        (values < 0.0) | (values != np.rint(values)),
        lambda row: f"is {values[row]:g}; a whole number from 0 is wanted",
    )
    return values.astype(np.int64)


def _refuse_nan(batch: RawBatch, name: str) -> None:
    """An empty reward is one that is not ready; NaN is neither a number nor empty."""
    import pyarrow as pa
    from pyarrow import compute

    column = plain(batch, name)
    if pa.types.is_floating(column.type):
        nan = np.asarray(compute.is_nan(column).fill_null(fill_value=False).to_numpy(zero_copy_only=False))
    elif pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        lowered = compute.utf8_lower(compute.utf8_trim_whitespace(column))
        nan = np.asarray(compute.equal(lowered, "nan").fill_null(fill_value=False).to_numpy(zero_copy_only=False))
    else:
        return
    refuse(batch, name, nan & ~is_null(column), lambda _row: "is nan; leave it empty where it is not ready yet")


def _in_order(names: Sequence[str], roles: ColumnRoles, labels: Sequence[str]) -> list[str]:
    """The columns of action probabilities in the order of the labels."""
    by_label = {roles.wildcards.get(name, name): name for name in names}
    missing = [label for label in labels if label not in by_label]
    if missing or len(by_label) != len(labels):
        raise DecisionLogError(
            f"action_probabilities={','.join(names)}: one column an action is wanted, named so that the * of the "
            f"pattern stands for the action; actions: {', '.join(labels)}."
        )
    return [by_label[label] for label in labels]


def parse_moment(text: str) -> np.datetime64:
    """A moment from text like 2026-03-01 or 2026-03-01T12:30:00Z, UTC."""
    return np.datetime64(text.removesuffix("Z"), "us")


def moment_text(moment: "np.datetime64 | TimeArray") -> str:
    """A moment to the second, UTC."""
    return f"{np.datetime_as_string(moment, unit='s')}Z"
