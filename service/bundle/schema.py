"""``schema.json``: the inputs and outputs of a graph, and the names along each axis.

Everything that carries arrays - requests, batches, inferences, entries of the store, logs - loops over this list. Named
here are only the arrays whose meaning the service knows. A schema may have further inputs for a request to give.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeVar

import msgspec

from xbopt.core.decision_log.reward_reach import LateEffect
from xbopt.core.decisions.factors import Factors
from xbopt.core.errors import BundleError
from xbopt.service.bundle.factors import Factor, read_factors
from xbopt.service.bundle.formats import SCHEMA, PolicyShape, Strict, decode

SCHEMA_VERSIONS = (1,)
FEATURE_AXES = "FGE"
"""Axes of features: of regions, of cells, and of channels in cells."""
INPUTS: Mapping[str, str] = {
    "regions": "BRF", "cells": "BRSG", "channels": "BRSCE", "day": "B", "budget_base": "B", "region_base": "BR",
    "channel_base": "BC",
}  # fmt: skip
"""Axes of the inputs of a request; a policy that reads no features of channels lacks ``channels``."""
DRAW_INPUTS: Mapping[str, str] = {"uniform": "BRS", "forced": "BRS", "allowed": "RSK", "default": "RSK"}
"""Axes of what the service adds for a tactic policy."""
OUTPUTS: Mapping[str, str] = {
    "spend_base": "BRSC",
    "daypart_weights": "BRCH",
    "discount_frac": "BRS",
    "mechanic": "BRS",
}
TACTIC_OUTPUTS: Mapping[str, str] = {
    "tactic": "BRS", "propensity": "BRS", "probabilities": "BRSK", "allowed_mass": "BRS1",
}  # fmt: skip
FACTOR_DRAW_INPUTS: Mapping[str, str] = {"uniform": "BA", "forced": "BA"}
"""Axes of what the service adds for a policy of factors."""
FACTOR_OUTPUTS: Mapping[str, str] = {"levels": "BA", "propensity": "BA", "probabilities": "BAL"}


@dataclass(frozen=True, slots=True)
class ShapeArrays:
    """What belongs to one shape of policies: axes, inputs of the draw, further outputs, axes of what is held."""

    axes: str
    draws: Mapping[str, str]
    outputs: Mapping[str, str]
    held: str

    @property
    def known(self) -> Mapping[str, str]:
        """Axes of every input and output whose meaning the service knows."""
        return {**INPUTS, **self.draws, **OUTPUTS, **self.outputs}


SHAPES: Mapping[PolicyShape, ShapeArrays] = {
    "direct": ShapeArrays("RSCHFGE", {}, {}, "BRS"),
    "tactic": ShapeArrays("RSCHFGEK", DRAW_INPUTS, TACTIC_OUTPUTS, "BRS"),
    "factored": ShapeArrays("RSCHFGEAL", FACTOR_DRAW_INPUTS, FACTOR_OUTPUTS, "BA"),
}
INTEGERS = frozenset({"day", "forced", "mechanic", "tactic", "levels"})
CAPS = frozenset({"region_base", "channel_base"})
"""Inputs that may be left out, which means no cap. JSON has no infinity to say so in the schema."""
_STORED = "RSCHFGEK"
Rows = TypeVar("Rows", int, str)


class Missing(Strict, frozen=True, kw_only=True):
    """What is done where a value is missing: ``refuse`` the request, or take ``value``."""

    rule: Literal["refuse", "value"]
    value: float = 0.0


class Feature(Strict, frozen=True, kw_only=True):
    """One entry of a feature axis.

    Attributes:
        name: Its name.
        unit: Its unit; empty for a plain number.
        low: Least value seen when the bundle was made.
        high: Greatest value seen.
        mean: Mean of the values seen.
        deviation: Standard deviation of the values seen.
        missing: What is done where it is missing.
    """

    name: str
    unit: str
    low: float
    high: float
    mean: float
    deviation: float
    missing: Missing


class Field(Strict, frozen=True, kw_only=True):
    """One input or output of the graph.

    Attributes:
        name: Its name in the graph.
        dtype: ``float64`` or ``int64``.
        axes: Axis names in order; ``B`` is the dynamic batch axis.
        unit: Its unit; empty for a plain number.
        about: What it is, in one sentence.
        low: Least value allowed; empty for none.
        high: Greatest value allowed; empty for none.
        missing: What is done where a value is missing.
    """

    name: str
    dtype: Literal["float64", "int64"]
    axes: list[str]
    unit: str
    about: str
    low: float | None
    high: float | None
    missing: Missing


class Schema(Strict, frozen=True, kw_only=True):
    """``schema.json``: inputs and outputs of the graph, and the names along each axis.

    Attributes:
        schema_version: Version of this format.
        shape: ``tactic``, ``factored`` or ``direct``.
        axes: Names along each axis but ``B``.
        features: Features along ``F``, ``G`` and ``E``; ``E`` is empty where the policy reads none of channels.
        inputs: Inputs in order.
        outputs: Outputs in order.
        currency: The base currency.
        start: First day of the horizon.
        days: Length of the horizon.
        decide_every_days: Days for which a drawn tactic or level is held.
        window_days: Days in which a decision's reward is counted.
        timezones: Time zone by region.
        daypart_hours: First hour and the hour after the last, by daypart.
        discount_frac: Discount of each tactic ``(K,)``; empty for other shapes.
        factors: The factors along ``A``; left out for other shapes than ``factored``.
        anchor: Name of the policy that the neutral levels are; left out for other shapes, empty where nobody says.
        late_effects: What decisions set off that may come after the rewards' window; left out where nobody says.
    """

    schema_version: int
    shape: PolicyShape
    axes: dict[str, list[str]]
    features: dict[str, list[Feature]]
    inputs: list[Field]
    outputs: list[Field]
    currency: str
    start: str
    days: int
    decide_every_days: int
    window_days: int
    timezones: dict[str, str]
    daypart_hours: list[tuple[int, int]]
    discount_frac: list[float]
    # Left out, not null: what older versions exported is spelt without it.
    factors: list[Factor] | msgspec.UnsetType = msgspec.UNSET
    anchor: str | msgspec.UnsetType = msgspec.UNSET
    late_effects: list[LateEffect] | msgspec.UnsetType = msgspec.UNSET

    @property
    def asked(self) -> list[Field]:
        """The inputs that a request gives; those of the draw are the service's own."""
        return [field for field in self.inputs if field.name not in DRAW_INPUTS]

    def decision_factors(self) -> Factors | None:
        """What a factored policy draws levels of; None for other shapes.

        Raises:
            BundleError: They do not go with the axes.
        """
        return None if isinstance(self.factors, msgspec.UnsetType) else read_factors(self.factors, self.axes)


def shape_of(field: Field, schema: Schema, rows: Rows) -> "tuple[Rows | int, ...]":
    """The shape of an input or output; ``rows`` stands for the batch axis."""
    return tuple(rows if axis == "B" else 1 if axis == "1" else len(schema.axes[axis]) for axis in field.axes)


def same_choices(one: Schema, other: Schema) -> bool:
    """Whether two policies draw from the same choices: one menu, or the same factors around the same policy."""
    kinds = [(schema.shape, schema.axes.get("K"), schema.factors, schema.anchor) for schema in (one, other)]
    return kinds[0] == kinds[1]


def stored_lengths(schema: Schema) -> tuple[int, ...]:
    """Lengths of the axes in the order in which the store keeps them; those of factors only where there are any."""
    axes = _STORED + ("AL" if "A" in SHAPES[schema.shape].axes else "")
    return tuple(len(schema.axes.get(axis, [])) for axis in axes)


class _Versioned(msgspec.Struct):
    schema_version: int


def read_schema(data: bytes) -> Schema:
    """``schema.json`` of any version that was ever written.

    Raises:
        BundleError: It is broken, or lacks what the service needs.
    """
    try:
        version = msgspec.json.decode(data, type=_Versioned).schema_version
    except (msgspec.DecodeError, msgspec.ValidationError, UnicodeDecodeError, RecursionError) as error:
        raise BundleError(f"{SCHEMA}: {error}.") from error
    if version not in SCHEMA_VERSIONS:
        raise BundleError(f"{SCHEMA} has version {version}; known: {', '.join(map(str, SCHEMA_VERSIONS))}.")
    schema = decode(data, Schema, SCHEMA)
    tactic = schema.shape == "tactic"
    axes = set(SHAPES[schema.shape].axes)
    if set(schema.axes) != axes or not all(schema.axes[axis] for axis in axes - set(FEATURE_AXES)):
        raise BundleError(f"{SCHEMA} has to name the entries along {', '.join(sorted(axes))}.")
    names = {axis: [feature.name for feature in schema.features.get(axis, [])] for axis in FEATURE_AXES}
    if any(names[axis] != schema.axes[axis] for axis in names):
        raise BundleError(f"{SCHEMA} describes other features than it names along F, G and E.")
    if schema.days < 1 or len(schema.daypart_hours) != len(schema.axes["H"]):
        raise BundleError(f"{SCHEMA} has no days, or not one span of hours a daypart.")
    if tactic and len(schema.discount_frac) != len(schema.axes["K"]):
        raise BundleError(f"{SCHEMA} has not one discount a tactic.")
    if isinstance(schema.factors, msgspec.UnsetType) == (schema.shape == "factored"):
        raise BundleError(f"{SCHEMA} lists factors for a factored policy, and for no other.")
    schema.decision_factors()
    _check_fields(schema, axes)
    return schema


def _check_fields(schema: Schema, axes: set[str]) -> None:
    arrays = SHAPES[schema.shape]
    wanted = (
        [name for name in INPUTS if name != "channels" or schema.axes["E"]] + list(arrays.draws),
        [*OUTPUTS, *arrays.outputs],
    )
    listed = [field.name for field in schema.inputs if field.name in arrays.known]
    if (listed, [field.name for field in schema.outputs]) != wanted:
        raise BundleError(f"{SCHEMA} has to list the inputs and outputs {wanted} in this order.")
    for field in (*schema.inputs, *schema.outputs):
        if field.name not in arrays.known and (field.axes[:1] != ["B"] or set(field.axes[1:]) - axes):
            raise BundleError(f"{SCHEMA}: {field.name} has the axes {field.axes}; the first is B, others are known.")
        dtype = "int64" if field.name in INTEGERS else "float64"
        known = arrays.known.get(field.name)
        if known is not None and (field.dtype, "".join(field.axes)) != (dtype, known):
            raise BundleError(f"{SCHEMA}: {field.name} has to be {dtype} with the axes {known}.")
    day = next(field for field in schema.inputs if field.name == "day")
    if (day.low, day.high) != (0, schema.days - 1):
        raise BundleError(f"{SCHEMA}: day has to run from 0 to {schema.days - 1}.")
