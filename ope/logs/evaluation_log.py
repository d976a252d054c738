"""A log whose shape is known, and whose rows can be read as often as needed."""

# pyarrow ships without complete type information, so that much of what it returns has no known type here.
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false, reportUnknownParameterType=false
# pyright: reportUnknownMemberType=false, reportAttributeAccessIssue=false

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from xbopt.core.arrays import FloatArray
from xbopt.core.decision_log.reward_reach import RewardReach
from xbopt.core.decision_log.schema import LoggedFactor
from xbopt.core.errors import DecisionLogError, UsageError
from xbopt.ope.logs.files import LogFile, LogPart, read_part, split
from xbopt.ope.logs.held_out import HeldOut, some_of
from xbopt.ope.logs.profile import LogProfile
from xbopt.ope.logs.rows import ForeignRows, LogRows, OwnRows, RowConverter
from xbopt.ope.results.findings import Finding


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
        judges: Which rows judge; None for all.
        findings: What the first look gives reason to, whatever the policy.
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
    judges: HeldOut | None = None

    def held_out(self, share: float) -> "EvaluationLog":
        """The same log, of which only a part judges: whole clusters, units, episodes or decisions, by a fixed rule.

        ``xbopt.core.hold_out.held_out`` is the rule, so that a policy can learn from the other rows.

        Raises:
            UsageError: The share is not between 0 and 1, rows have no names, or no row is on one of the sides.
        """
        converter = self.converter
        judges = (
            HeldOut.of_foreign(share, converter.roles)
            if isinstance(converter, ForeignRows)
            else HeldOut.of_own(share, episodes=self.profile.episodes)
        )
        rows = judges.count(self.parts())
        if rows in (0, self.profile.rows):
            raise UsageError(
                f"{self.path}: by {judges.group}, {share:g} of the log is {rows:,} of {self.profile.rows:,} rows, so "
                "one side would be empty. Name smaller groups, or another share."
            )
        rule = (
            f"Judged on the {rows:,} of {self.profile.rows:,} rows that are held out, by {judges.group} "
            f"(--hold-out {share:g}); the others are for learning."
        )
        return replace(self, judges=judges, rules=(*self.rules, rule))

    findings: tuple[Finding, ...] = ()

    @property
    def action_labels(self) -> tuple[str, ...]:
        """Names of the actions ``(K,)``."""
        return self.converter.action_labels

    @property
    def factors(self) -> tuple[LoggedFactor, ...]:
        """What its decisions are made of; empty where a decision is one action."""
        return self.converter.schema.factors if isinstance(self.converter, OwnRows) else ()

    @property
    def reward_reach(self) -> RewardReach | None:
        """How far rewards reach, and which effects come later; None where nobody says."""
        return self.converter.schema.reward_reach if isinstance(self.converter, OwnRows) else None

    def with_reward_reach(self, reach: RewardReach) -> "EvaluationLog":
        """The same log, whose maker says how far its rewards reach; a log that was written by others stays as it is."""
        if not isinstance(self.converter, OwnRows):
            return self
        schema = replace(self.converter.schema, reward_reach=reach)
        return replace(self, converter=replace(self.converter, schema=schema))

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
    def states_exploration(self) -> bool:
        """Whether the log says which share of each draw was uniform."""
        converter = self.converter
        if isinstance(converter, ForeignRows):
            return converter.roles.one("exploration") is not None
        return "exploration" in converter.columns

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
    def first_day(self) -> np.datetime64 | None:
        """Midnight before the first decision; None without timestamps."""
        return self.profile.first_day

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
        within = number - part.first_of_log
        row = part.first_row + (within if self.judges is None else self.judges.place_in(part, within))
        return part.file.inside or part.file.path.name, row

    def rows(
        self,
        part: LogPart,
        *,
        keys: Sequence[str] = (),
        reads: Sequence[str] = (),
        reward_bounds: tuple[float, float] | None = None,
        checked: bool = False,
        by_factor: bool = False,
    ) -> Iterator[LogRows]:
        """The rows of a part in batches, each checked unless an earlier pass did so.

        Args:
            part: The part.
            keys: Further columns, as text.
            reads: Further columns, as they are.
            reward_bounds: Least and greatest possible reward, where they are known beforehand.
            checked: Whether all rows of the log were checked before.
            by_factor: Whether decisions may be made of factors.

        Raises:
            DecisionLogError: A row is wrong; the message names file, row and column.
            UsageError: Decisions are made of factors, and the question has no rule for that.
        """
        if self.factors and not by_factor:
            raise UsageError(
                f"{self.path}: its decisions are made of factors ({', '.join(one.name for one in self.factors[:4])}, "
                "...), each drawn by itself. What was asked needs one action a decision; xbopt evaluate answers the "
                "one-step question of such a log."
            )
        unknown = [name for name in (*keys, *reads) if name not in self.columns]
        if unknown:
            raise DecisionLogError(f"{self.path}: there is no column {unknown[0]!r}.")
        judged_by = self.judges.columns if self.judges else ()
        wanted = list(dict.fromkeys([*self.converter.columns, *keys, *reads, *judged_by]))
        for batch in read_part(part, wanted):
            rows = self.converter.rows(batch, keys, checked=checked)
            if reward_bounds is not None and not checked:
                rows.check_rewards(*reward_bounds)
            if self.judges is not None:
                rows = some_of(rows, self.judges.judges(batch))
            if len(rows):
                yield rows

    def data_hash(self) -> str:
        """SHA-256 over the files' names within the log and their bytes, or over the content of a table."""
        total = hashlib.sha256()
        for file in self.files:
            total.update(f"{file.inside}\0{file.digest()}\n".encode())
        return total.hexdigest()
