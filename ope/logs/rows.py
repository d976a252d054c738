"""Batches of a log as checked arrays: the same shape for our own logs and for foreign ones."""

# pyarrow ships without complete type information, so that much of what it returns has no known type here.
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false, reportUnknownParameterType=false
# pyright: reportUnknownMemberType=false, reportAttributeAccessIssue=false

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from xbopt.core.arrays import BoolArray, FloatArray, IntArray
from xbopt.core.decision_log.reader import decision_columns
from xbopt.core.decision_log.schema import DecisionLogSchema, TimeArray
from xbopt.core.errors import UsageError
from xbopt.ope.data.logged import MATCH_TOLERANCE, LoggedBanditData
from xbopt.ope.logs.choices import allowed_actions, by_action, explored_share
from xbopt.ope.logs.clusters import ClusterRule, paired
from xbopt.ope.logs.conversion import (
    is_null,
    is_text,
    key_columns,
    numbers,
    plain,
    positions,
    refuse,
    refuse_huge,
    texts,
    times,
)
from xbopt.ope.logs.duplicates import hashed
from xbopt.ope.logs.encoding import Field, encode
from xbopt.ope.logs.files import RawBatch
from xbopt.ope.logs.logging_columns import sampling, several_policies
from xbopt.ope.logs.roles import ColumnRoles

if TYPE_CHECKING:
    import pyarrow as pa

_EVEN_TOLERANCE = 1e-4
"""How far a propensity by design may be rounded, as a share: 0.3333 means 1/3."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LogRows:
    """Some rows of a log, checked; arrays have ``n`` rows.

    Attributes:
        place: The file's path.
        first_row: Rows of the file that stand before.
        data: The decisions as estimators take them: actions by their position in the log's labels, clusters and
            segments as codes; a segment that is not among those of the log has their number.
        episode: A number for each episode and unit ``(n,)``; None without episodes.
        step: Number of the decision in its episode ``(n,)``; None without episodes.
        run: A number for each episode of all units together ``(n,)``; None without episodes.
        decided: When it was decided ``(n,)``; None without timestamps.
        due: When the reward was complete ``(n,)``; None where the log does not say.
        exploration: Share of the draw that was uniform over the allowed actions ``(n,)``; NaN where the policy did not
            draw. None where the log does not say.
        raw: The columns as they were read, for policies that look at more; None where they are not kept.
        window_end: Until when what follows counts for the decision ``(n,)``; None where the log does not say.
        keys: Columns as text, for joining; as they are stored where a ``StoredColumn`` asked for them.
        levels: Level of each factor ``(n, N)``; ``data`` then holds one action for all. None for single actions.
        level_probabilities: Probability of every level, factor after factor ``(n, K)``; None as for levels.
        kept: Positions of the rows among those of the file behind ``first_row`` ``(n,)``; None for the first n of them.
    """

    place: str
    first_row: int
    data: LoggedBanditData
    episode: IntArray | None
    step: IntArray | None
    run: IntArray | None
    decided: TimeArray | None
    due: TimeArray | None
    window_end: TimeArray | None
    keys: "Mapping[str, pa.Array]" = field(repr=False)
    exploration: FloatArray | None = None
    raw: RawBatch | None = field(default=None, repr=False)
    levels: IntArray | None = None
    level_probabilities: FloatArray | None = None
    kept: IntArray | None = None

    def __len__(self) -> int:
        """Number of rows, ``n``."""
        return len(self.data)

    @property
    def numbers(self) -> IntArray:
        """Number of each row in its file, from 0 ``(n,)``."""
        return self.first_row + (np.arange(len(self)) if self.kept is None else self.kept)

    @property
    def ready(self) -> BoolArray:
        """Where the reward is complete ``(n,)``."""
        return np.ones(len(self), dtype=np.bool_) if self.data.observed is None else self.data.observed

    def check_rewards(self, low: float, high: float) -> None:
        """Hold the rewards against bounds that are known beforehand.

        Raises:
            DecisionLogError: A complete reward lies outside; the message names file and row.
        """
        reward = self.data.reward
        outside = self.ready & ((reward < low) | (reward > high))
        words = f"the bounds of the reward say from {low:g} to {high:g}"
        refuse(self, "reward", outside, lambda row: f"is {reward[row]:g}; {words}")


@dataclass(frozen=True, slots=True, kw_only=True)
class RowConverter(ABC):
    """Turns batches of a log into rows.

    Attributes:
        columns: The columns that are read.
        action_labels: Names of the actions ``(K,)``.
        context_names: Names of the context's columns ``(d,)``.
        segments: Names of the segments for which support is shown; empty without segments.
        as_of: When the rewards were collected; None where empty rewards alone are not ready.
        cluster: Which rows share luck.
    """

    columns: tuple[str, ...]
    action_labels: tuple[str, ...]
    context_names: tuple[str, ...]
    segments: tuple[str, ...]
    as_of: np.datetime64 | None
    cluster: ClusterRule

    @abstractmethod
    def rows(self, batch: RawBatch, keys: Sequence[str], *, checked: bool) -> LogRows:
        """Convert a batch, and check it unless that was done before; ``keys`` are further columns, as text.

        Raises:
            DecisionLogError: A value is wrong; the message names the row.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnRows(RowConverter):
    """Rows of one of our own decision logs.

    Attributes:
        schema: What the log states of itself.
    """

    schema: DecisionLogSchema

    def rows(self, batch: RawBatch, keys: Sequence[str], *, checked: bool) -> LogRows:
        """The rows of a batch."""
        import pyarrow as pa

        table = pa.Table.from_arrays([batch.columns[name] for name in self.columns], names=list(self.columns))
        found = decision_columns(table, self.schema, file=Path(batch.place), first_row=batch.first_row, checked=checked)
        observed = ~np.isnan(found.reward) & (self.as_of is None or found.reward_ready_at <= self.as_of)
        units = texts(batch, "unit", may_be_empty=True)
        run, factored = hashed(texts(batch, "episode_id")), bool(self.schema.factors)
        rows = LogRows(
            place=batch.place,
            first_row=batch.first_row,
            data=LoggedBanditData(
                context=found.context,
                action=np.zeros(len(found), dtype=np.int64) if factored else found.action,
                reward=np.where(observed, found.reward, 0.0),
                propensity=found.propensity,
                n_actions=1 if factored else len(self.action_labels),
                action_probabilities=None if factored else found.action_probabilities,
                cost=found.cost,
                cluster=self.cluster.codes(run=run, step=found.step, decided=found.timestamp),
                segment=positions(units, self.segments) if self.segments else None,
                observed=None if observed.all() else observed,
                allowed=found.allowed,
                checked=True,
            ),
            episode=paired(run, hashed(units)),
            step=found.step,
            run=run,
            decided=found.timestamp,
            due=found.reward_ready_at,
            exploration=found.exploration,
            raw=batch,
            levels=found.action if factored else None,
            level_probabilities=found.action_probabilities if factored else None,
            window_end=found.reward_ready_at,  # our rewards are complete when their window ends
            keys=key_columns(batch, keys),
        )
        if not checked:
            for name in ("context", "reward", "cost"):
                refuse_huge(batch, name, getattr(rows.data, name))
        return rows


@dataclass(frozen=True, slots=True, kw_only=True)
class ForeignRows(RowConverter):
    """Rows of a log that other programs wrote.

    Attributes:
        roles: Columns by role.
        fields: How context columns become numbers.
        propensity: The one propensity that holds for all rows by design; None where a column has it, or nobody.
        decided_until: Later decisions are left out, whether their reward is ready or not; None for none.
    """

    roles: ColumnRoles
    fields: tuple[Field, ...]
    propensity: float | None
    decided_until: np.datetime64 | None = None

    def rows(self, batch: RawBatch, keys: Sequence[str], *, checked: bool) -> LogRows:  # noqa: ARG002
        """The rows of a batch. Text becomes numbers by being checked, so it is checked whenever it is read."""
        roles = self.roles
        action = positions(texts(batch, roles.several("action")[0]), self.action_labels)
        reward, observed = self._reward(batch)
        table = self._probabilities(batch)
        allowed = allowed_actions(batch, roles, self.action_labels, action=action, table=table)
        propensity = self._propensity(batch, action, table)
        several = several_policies(batch, roles, propensity)
        cluster, segment = roles.one("cluster"), roles.one("segment")
        cost, step, episode, unit = (roles.one(role) for role in ("cost", "step", "episode_id", "unit"))
        run = None if episode is None else hashed(texts(batch, episode))
        who = None if unit is None else hashed(texts(batch, unit))
        steps = None if step is None else _steps(batch, step)
        made, due = roles.one("timestamp"), roles.one("reward_ready_at")
        decided = None if made is None else times(batch, made)
        return LogRows(
            place=batch.place,
            first_row=batch.first_row,
            data=LoggedBanditData(
                context=encode(self.fields, batch),
                action=action,
                reward=np.where(observed, reward, 0.0),
                propensity=several.propensity if several is not None else propensity,
                policy_propensities=None if several is None else several.each,
                policy=None if several is None else several.policy,
                n_actions=len(self.action_labels),
                action_probabilities=table,
                cost=None if cost is None else numbers(batch, cost),
                cluster=self.cluster.codes(
                    column=None if cluster is None else hashed(texts(batch, cluster)),
                    unit=who,
                    run=run,
                    step=steps,
                    decided=decided,
                ),
                segment=(
                    positions(texts(batch, segment, may_be_empty=True), self.segments)
                    if segment is not None and self.segments
                    else None
                ),
                observed=None if observed.all() else observed,
                allowed=allowed,
                sampling=sampling(batch, roles),
                checked=True,
            ),
            episode=run if run is None or who is None else paired(run, who),
            step=steps,
            run=run,
            decided=decided,
            due=None if due is None else times(batch, due),
            exploration=explored_share(batch, roles, table=table, allowed=allowed),
            raw=batch,
            window_end=self._window_end(batch, decided),
            keys=key_columns(batch, keys),
        )

    def _window_end(self, batch: RawBatch, decided: TimeArray | None) -> TimeArray | None:
        name = self.roles.one("window_end")
        if name is None:
            return None
        ends = times(batch, name)
        if decided is not None:
            refuse(batch, name, ends < decided, lambda _row: "lies before the decision's own timestamp")
        return ends

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
            decided = times(batch, made)
            early = moments < decided
            refuse(batch, due, early, lambda _row: "lies before the decision's own timestamp")
            if self.decided_until is not None:
                ready &= decided <= self.decided_until
        if self.as_of is not None:
            ready &= moments <= self.as_of
        return reward, ready

    def _propensity(self, batch: RawBatch, action: IntArray, table: FloatArray | None) -> FloatArray | None:
        name = self.roles.one("propensity")
        of_action = None if table is None else table[np.arange(batch.rows), action]
        if name is None and self.propensity is not None:
            return np.full(batch.rows, self.propensity) if of_action is None else of_action
        if name is None:
            if of_action is not None:
                column = self.roles.several("action_probabilities")[0]
                words = "for the logged action; it was taken"
                refuse(batch, column, of_action <= 0.0, lambda row: f"says {of_action[row]:g} {words}")
            return of_action
        values = numbers(batch, name)
        outside = ~((values > 0.0) & (values <= 1.0))
        refuse(batch, name, outside, lambda row: f"is {values[row]:g}; a probability above 0 and at most 1 is wanted")
        if of_action is not None:
            differs = np.abs(of_action - values) > MATCH_TOLERANCE
            refuse(
                batch,
                name,
                differs,
                lambda row: f"is {values[row]:g}, but the probabilities of all actions say {of_action[row]:g}",
            )
        return values

    def _probabilities(self, batch: RawBatch) -> FloatArray | None:
        names = self.roles.several("action_probabilities")
        if not names:
            actions = len(self.action_labels)
            is_even = self.propensity is not None and abs(self.propensity * actions - 1.0) < _EVEN_TOLERANCE
            # The same propensity for all actions leaves nothing for any other: the whole policy is known.
            return np.full((batch.rows, actions), 1.0 / actions) if is_even else None
        table = by_action(batch, "action_probabilities", self.roles, self.action_labels)
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


def together(batches: Sequence[LogRows]) -> LogRows:
    """Batches of one log as one."""

    def joined(parts: "Sequence[LogRows | LoggedBanditData]", kind: type) -> dict[str, NDArray[np.generic]]:
        columns = {one.name: [getattr(part, one.name) for part in parts] for one in fields(kind)}
        return {name: np.concatenate(c) for name, c in columns.items() if all(isinstance(one, np.ndarray) for one in c)}

    data = [rows.data for rows in batches]
    if any(one.observed is not None for one in data):
        data = [replace(rows.data, observed=rows.ready, checked=True) for rows in batches]
    whole = replace(data[0], **joined(data, LoggedBanditData), checked=True)
    return replace(batches[0], **joined(batches, LogRows), data=whole, keys={})


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
    elif is_text(column.type):
        lowered = compute.utf8_lower(compute.utf8_trim_whitespace(column))
        nan = np.asarray(compute.equal(lowered, "nan").fill_null(fill_value=False).to_numpy(zero_copy_only=False))
    else:
        return
    refuse(batch, name, nan & ~is_null(column), lambda _row: "is nan; leave it empty where it is not ready yet")


def parse_moment(text: str) -> np.datetime64:
    """A moment from text like 2026-03-01 or 2026-03-01T12:30:00Z, UTC.

    Raises:
        UsageError: The text is another one.
    """
    try:
        return np.datetime64(text.removesuffix("Z"), "us")
    except ValueError:
        raise UsageError(f"--as-of is {text!r}; write it as 2026-03-01 or 2026-03-01T12:30:00Z.") from None


def moment_text(moment: "np.datetime64 | TimeArray") -> str:
    """A moment to the second, UTC."""
    return f"{np.datetime_as_string(moment, unit='s')}Z"
