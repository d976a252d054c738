"""What a decision log holds: its columns, their names, units and types."""

import re
from dataclasses import asdict, dataclass, field
from itertools import pairwise
from math import isfinite
from typing import TypeAlias, cast

import numpy as np
from numpy.typing import NDArray

from xbopt.core.arrays import BoolArray, FloatArray, IntArray
from xbopt.core.decision_log.reward_reach import RewardReach, reach_from_plain
from xbopt.core.errors import DecisionLogError

SCHEMA_VERSION, FACTOR_VERSION = 2, 3
READABLE_VERSIONS = (1, 2, 3)
"""Version 1 knows no exploration share, no mask, no observation and no shadows. Version 3 is that of decisions made of
factors; logs over a menu keep version 2."""
OBSERVATION_VERSION = 1
CONTEXT_PREFIX = "context_"
SHADOW_PREFIX = "shadow."
METADATA_KEY = b"xbopt.decision_log"
_NOTCH = re.compile(r"x(?P<times>\d+(\.\d+)?)|(?P<points>[+-]\d+(\.\d+)?) points")
"""Names of notches: multiples, as x1.19, and points, as +2.5 points."""

TextArray: TypeAlias = NDArray[np.str_]
TimeArray: TypeAlias = NDArray[np.datetime64]

# Columns with one value a row, and what they hold; list columns and named context columns stand beside them.
TEXT_COLUMNS = ("decision_id", "episode_id", "unit", "policy_id", "scenario_hash")
TIME_COLUMNS = ("timestamp", "reward_ready_at")
INT_COLUMNS = ("step", "action")
FLOAT_COLUMNS = ("propensity", "reward", "cost")
OPTIONAL_COLUMNS = ("action_probabilities", "exploration", "allowed", "observation", "shadows", "filled", "missing")
"""What not every log has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedShadow:
    """A policy that was asked beside every decision and acted on none.

    Attributes:
        name: Its name in the log: the column ``shadow.NAME`` holds its probability of every action.
        kind: What it came from, such as ``built in``, ``run directory`` or ``bundle``.
        sha256: Hash of what it came from.
    """

    name: str
    kind: str
    sha256: str

    @property
    def column(self) -> str:
        """The column of its probabilities."""
        return SHADOW_PREFIX + self.name


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedFactor:
    """A factor of every decision of a log.

    Attributes:
        name: The same for every cell, such as ``discount`` or ``spend/search``.
        labels: A readable name for each level, from least to most.
        neutral: The level that changes nothing.
    """

    name: str
    labels: tuple[str, ...]
    neutral: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionLogSchema:
    """Names and units of a decision log; they are kept in the file.

    Attributes:
        context_names: Name of each context field ``(d,)``.
        action_labels: Readable name of each action ``(K,)``; empty where decisions are made of factors.
        context_units: Unit of each context field ``(d,)``; empty text for a plain number. Empty for all plain.
        unit: What one decision is made for, such as ``region x segment``.
        reward_unit: Unit of ``reward``, such as ``EUR``.
        cost_unit: Unit of ``cost``.
        observation_names: What ``observation`` holds ``(o,)``: what the policy saw and ``context`` leaves out. Empty
            where there is no such column.
        shadows: Policies whose probabilities stand beside ``(J,)``.
        factors: What a decision is made of ``(N,)``; empty where it is one action of a list.
        anchor: The policy that the neutral levels are; empty where nobody says.
        anchor_spend: What it wishes to spend on the first morning, base currency, by cell and channel, so that another
            policy of its name is told from it; empty where nobody says.
        anchor_mark: The first of the hash of the file that the anchor came from; empty for one that its name says.
        reward_reach: Which days a reward covers, and what decisions set off that may come later; None where nobody
            says. Files of one log may differ in it.
        version: Version of the format.
    """

    context_names: tuple[str, ...]
    action_labels: tuple[str, ...]
    context_units: tuple[str, ...] = ()
    unit: str = "region x segment"
    reward_unit: str = ""
    cost_unit: str = ""
    observation_names: tuple[str, ...] = ()
    shadows: tuple[LoggedShadow, ...] = ()
    factors: tuple[LoggedFactor, ...] = ()
    anchor: str = ""
    anchor_spend: tuple[float, ...] = ()
    anchor_mark: str = ""
    reward_reach: RewardReach | None = field(default=None, compare=False)
    version: int = SCHEMA_VERSION

    def __post_init__(self) -> None:
        """Check the names.

        Raises:
            DecisionLogError: Names are missing or stand twice, or there is not one unit a context field.
        """
        if self.factors:
            object.__setattr__(self, "version", FACTOR_VERSION)
        for what, names in (
            ("context_names", self.context_names),
            ("action_labels", self.action_labels),
            ("observation_names", self.observation_names),
            ("shadows", tuple(shadow.name for shadow in self.shadows)),
            ("factors", tuple(factor.name for factor in self.factors)),
            *((f"the levels of factor {factor.name}", factor.labels) for factor in self.factors),
        ):
            twice = sorted({name for name in names if names.count(name) > 1})
            if twice:
                raise DecisionLogError(f"{what} holds {twice[0]!r} more than once.")
            if not all(names):
                raise DecisionLogError(f"{what} holds an empty name.")
        if bool(self.action_labels) == bool(self.factors):
            raise DecisionLogError(
                "action_labels is empty; a decision is a choice among actions."
                if not self.factors
                else "action_labels and factors are given; a decision is one action of a list, or made of factors."
            )
        for factor in self.factors:
            if len(factor.labels) < 2 or not 0 <= factor.neutral < len(factor.labels):
                raise DecisionLogError(
                    f"factor {factor.name} has {len(factor.labels)} levels, neutral {factor.neutral}."
                )
            _check_notches(factor)
        channels = sum(factor.name.startswith("spend/") for factor in self.factors)
        if channels and len(self.anchor_spend) % channels:
            raise DecisionLogError(
                f"anchor_spend has {len(self.anchor_spend)} entries; one for each cell and each of {channels} channels "
                "is wanted."
            )
        if not all(isfinite(spend) and spend >= 0.0 for spend in self.anchor_spend):
            raise DecisionLogError("anchor_spend holds a number that is no amount.")
        if self.context_units and len(self.context_units) != len(self.context_names):
            raise DecisionLogError(
                f"context_units has {len(self.context_units)} entries for {len(self.context_names)} context fields."
            )

    @property
    def levels(self) -> tuple[int, ...]:
        """Number of levels of each factor ``(N,)``; of one list of actions, their number alone."""
        return tuple(len(factor.labels) for factor in self.factors) or (len(self.action_labels),)

    @property
    def choice_labels(self) -> tuple[str, ...]:
        """Names of all that has a probability ``(K,)``: the actions, or the levels, factor after factor."""
        named = (f"{factor.name} {label}" for factor in self.factors for label in factor.labels)
        return (*self.action_labels, *named)

    def by_factor(self, probabilities: FloatArray) -> list[FloatArray]:
        """Probabilities ``(n, K)`` of all levels, factor after factor, as one array ``(n, L)`` a factor."""
        return np.split(probabilities, np.cumsum(self.levels)[:-1].tolist(), axis=1)

    @property
    def context_columns(self) -> tuple[str, ...]:
        """Names of the columns that hold one context field each ``(d,)``."""
        return tuple(CONTEXT_PREFIX + name for name in self.context_names)


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionColumns:
    """Decisions, one a row; every array has ``n`` rows.

    Attributes:
        decision_id: Stable and unique, such as ``f"{run}-{world}-{step}-{cell}"`` ``(n,)``.
        timestamp: When it was decided, UTC ``(n,)``; kept to the microsecond.
        episode_id: The run or world that the decision belongs to ``(n,)``.
        step: Number of the decision in its episode, from 0 ``(n,)``.
        unit: Customer, market or cell that it was made for ``(n,)``.
        context: What was known ``(n, d)``.
        action: Position in the action labels ``(n,)``; of decisions made of factors the level of each ``(n, N)``.
        propensity: Probability with which the policy chose this action, above 0 and at most 1 ``(n,)``; the product of
            those of the factors.
        action_probabilities: Probability of every action ``(n, K)``; None where it is not known. Of decisions made of
            factors it is always known: of every level, factor after factor.
        reward: What the decision brought ``(n,)``; NaN where it is not complete yet, which is empty (null) in the file.
        cost: What it cost ``(n,)``.
        reward_ready_at: When the reward was complete, UTC ``(n,)``.
        policy_id: The policy that chose ``(n,)``.
        scenario_hash: Hash of the scenario; empty text for a real market ``(n,)``.
        exploration: Share ``e`` of the draw that was uniform over the allowed actions ``(n,)``: each of them had at
            least ``e / (number allowed)``. NaN, empty in the file, where the policy did not draw, as where a plan stood
            in for it. None where nobody says.
        allowed: Which actions could be chosen ``(n, K)``; None where all could.
        observation: What the policy saw beyond ``context`` ``(n, o)``; None where nobody says.
        shadows: Probability of every action, or level, under each shadow ``(n, J, K)``; NaN in all of a row that it
            missed. None without shadows.
        filled: How many inputs of the decision were missing and were filled in by a rule ``(n,)``; -1, empty in the
            file, where nobody knows. None where nobody says.
        missing: Which fields of ``context`` were so: what stands there was seen by the policy, and observed by nobody
            ``(n, d)``; none of them, and empty in the file, where nobody knows. None where nobody says.
    """

    decision_id: TextArray
    timestamp: TimeArray
    episode_id: TextArray
    step: IntArray
    unit: TextArray
    context: FloatArray
    action: IntArray
    propensity: FloatArray
    action_probabilities: FloatArray | None
    reward: FloatArray
    cost: FloatArray
    reward_ready_at: TimeArray
    policy_id: TextArray
    scenario_hash: TextArray
    exploration: FloatArray | None = None
    allowed: BoolArray | None = None
    observation: FloatArray | None = None
    shadows: FloatArray | None = None
    filled: IntArray | None = None
    missing: BoolArray | None = None

    def __len__(self) -> int:
        """Number of decisions, ``n``."""
        return len(self.decision_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionLog:
    """A decision log that was read: its names and units, and its decisions."""

    schema: DecisionLogSchema
    columns: DecisionColumns


def schema_to_plain(schema: DecisionLogSchema) -> dict[str, object]:
    """The schema as JSON-ready data, with the version of the format."""
    values = asdict(schema)
    version, names = values.pop("version"), values.pop("observation_names")
    for optional in ("reward_reach", "anchor_mark"):
        if not values[optional]:
            del values[optional]
    if not schema.factors:
        del values["factors"], values["anchor"], values["anchor_spend"]
    observation = {"version": OBSERVATION_VERSION, "names": names}
    return {"schema_version": version, **values, "observation": observation}


def schema_from_plain(data: object) -> DecisionLogSchema:
    """The schema from JSON-ready data.

    Raises:
        DecisionLogError: The data is of another version, or no schema.
    """
    if not isinstance(data, dict):
        raise DecisionLogError("its description is no mapping.")
    values = cast("dict[str, object]", data)
    version = values.get("schema_version")
    if version not in READABLE_VERSIONS:
        known = " to ".join(map(str, (READABLE_VERSIONS[0], READABLE_VERSIONS[-1])))
        raise DecisionLogError(f"it has format version {version}; versions {known} can be read.")
    return DecisionLogSchema(
        context_names=_texts(values, "context_names"),
        action_labels=_texts(values, "action_labels"),
        context_units=_texts(values, "context_units"),
        unit=_text(values, "unit"),
        reward_unit=_text(values, "reward_unit"),
        cost_unit=_text(values, "cost_unit"),
        observation_names=() if version == 1 else _observation_names(_mapping(values, "observation")),
        shadows=() if version == 1 else _shadows(values),
        factors=_factors(values) if version == FACTOR_VERSION else (),
        anchor=_text(values, "anchor") if version == FACTOR_VERSION else "",
        anchor_spend=_numbers(values, "anchor_spend") if version == FACTOR_VERSION else (),
        anchor_mark=_text(values, "anchor_mark") if "anchor_mark" in values else "",
        reward_reach=reach_from_plain(values["reward_reach"]) if "reward_reach" in values else None,
        version=version,
    )


def _check_notches(factor: LoggedFactor) -> None:
    """Levels that are called by multiples or points say themselves how they lie, and which one changes nothing.

    Raises:
        DecisionLogError: They are out of order, or the neutral level is another one.
    """
    found = [_NOTCH.fullmatch(label) for label in factor.labels]
    notches = [float(one["times"] or one["points"]) for one in found if one is not None]
    if len(notches) < len(factor.labels):
        return
    if any(low >= high for low, high in pairwise(notches)):
        raise DecisionLogError(f"the levels of factor {factor.name} are out of order: {', '.join(factor.labels)}.")
    nothing = 1.0 if factor.labels[0].startswith("x") else 0.0
    if notches[factor.neutral] != nothing:
        raise DecisionLogError(
            f"factor {factor.name} is said to change nothing at {factor.labels[factor.neutral]!r}, which does."
        )


def _observation_names(about: dict[str, object]) -> tuple[str, ...]:
    # An observation of another version cannot be shown to a policy of this one, so that it counts as none.
    return _texts(about, "names") if about.get("version") == OBSERVATION_VERSION else ()


def _shadows(values: dict[str, object]) -> tuple[LoggedShadow, ...]:
    return tuple(
        LoggedShadow(name=_text(one, "name"), kind=_text(one, "kind"), sha256=_text(one, "sha256"))
        for one in _mappings(values, "shadows")
    )


def _factors(values: dict[str, object]) -> tuple[LoggedFactor, ...]:
    factors: list[LoggedFactor] = []
    for one in _mappings(values, "factors"):
        neutral = one.get("neutral")
        if not isinstance(neutral, int) or isinstance(neutral, bool):
            raise DecisionLogError("its description lacks 'neutral'.")
        factors.append(LoggedFactor(name=_text(one, "name"), labels=_texts(one, "labels"), neutral=neutral))
    return tuple(factors)


def _numbers(values: dict[str, object], name: str) -> tuple[float, ...]:
    value = values.get(name)
    items = cast("list[object]", value) if isinstance(value, list) else [None]
    if not all(isinstance(item, int | float) for item in items):
        raise DecisionLogError(f"its description lacks {name!r}.")
    return tuple(float(cast("float", item)) for item in items)


def _mappings(values: dict[str, object], name: str) -> list[dict[str, object]]:
    found = values.get(name)
    if not isinstance(found, list):
        raise DecisionLogError(f"its description lacks {name!r}.")
    return [_mapping({name: one}, name) for one in cast("list[object]", found)]


def _mapping(values: dict[str, object], name: str) -> dict[str, object]:
    value = values.get(name)
    if not isinstance(value, dict):
        raise DecisionLogError(f"its description lacks {name!r}.")
    return cast("dict[str, object]", value)


def _text(values: dict[str, object], name: str) -> str:
    value = values.get(name)
    if not isinstance(value, str):
        raise DecisionLogError(f"its description lacks {name!r}.")
    return value


def _texts(values: dict[str, object], name: str) -> tuple[str, ...]:
    value = values.get(name)
    items = cast("list[object]", value) if isinstance(value, list) else [None]
    if not all(isinstance(item, str) for item in items):
        raise DecisionLogError(f"its description lacks {name!r}.")
    return tuple(str(item) for item in items)
