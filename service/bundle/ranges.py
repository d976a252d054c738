"""The ranges of what a bundle's documents say: a number of the right type may still be one that cannot be.

The loader refuses a document of a bundle with these checks, and the export a file of the planner's own.
"""

import math
from collections.abc import Iterable
from datetime import date

import numpy as np
from msgspec import UnsetType

from xbopt.core.errors import BundleError
from xbopt.service.bundle.formats import GUARDRAILS, PLAN, SCHEMA, Guardrails, Plan, QuietHours
from xbopt.service.bundle.schema import Field, Schema
from xbopt.service.bundle.tensors import from_tensor

_SUM = 1e-9
_MEAN = 1e-9
"""A mean may leave the range by the rounding of its sum, as a share of the numbers' size."""
_LAST_MECHANIC = 4
_HOURS = 24


def check_guardrails(rules: Guardrails, schema: Schema) -> None:
    """Check the numbers and names of guardrails.

    Raises:
        BundleError: The message names the field, what it holds, and what may be.
    """
    if rules.guardrails_version != 1:
        raise BundleError(f"{GUARDRAILS} has version {rules.guardrails_version}; known: 1.")
    regions, segments, channels = (schema.axes[axis] for axis in "RSC")
    cells = [f"{region}/{segment}" for region in regions for segment in segments]
    if not (math.isfinite(rules.drift_deviations) and rules.drift_deviations > 0.0):
        raise BundleError(f"{GUARDRAILS}: drift_deviations is {rules.drift_deviations:g}; more than 0 is possible.")
    for name, value, high in (
        ("cell_ceiling_base", rules.cell_ceiling_base, math.inf),
        ("day_ceiling_base", rules.day_ceiling_base, math.inf),
        ("day_on_day_frac", rules.day_on_day_frac, 1.0),
        ("margin_floor_frac", rules.margin_floor_frac, 1.0),
        ("most_missing_frac", rules.missing_allowed, 1.0),
    ):
        if value is not None:
            _check_number(GUARDRAILS, name, value, 0.0, high)
    for name, values, known, high in (
        ("region_ceiling_base", rules.region_ceiling_base, regions, math.inf),
        ("channel_ceiling_base", rules.channel_ceiling_base, channels, math.inf),
        ("discount_ceiling_frac", rules.discount_ceiling_frac, cells, 1.0),
        ("cost_frac", rules.cost_frac, cells, math.inf),
    ):
        _check_names(GUARDRAILS, name, values, known)
        for key, value in values.items():
            _check_number(GUARDRAILS, f"{name} of {key}", value, 0.0, high)
    unpriced = [cell for cell in cells if cell not in rules.cost_frac]
    if rules.margin_floor_frac is not None and unpriced:
        raise BundleError(
            f"{GUARDRAILS}: margin_floor_frac needs the cost_frac of every cell; {unpriced[0]} lacks one."
        )
    _check_quiet_hours(rules.quiet_hours, schema)


def _check_quiet_hours(rules: list[QuietHours], schema: Schema) -> None:
    silent: dict[tuple[str, str], set[int]] = {}
    for rule in rules:
        for what, names, axis in (("regions", rule.regions, "R"), ("channels", rule.channels, "C")):
            _check_names(GUARDRAILS, f"{what} of quiet_hours", names, schema.axes[axis])
            if not names:
                raise BundleError(f"{GUARDRAILS}: quiet_hours with no {what} keep nobody silent; name some.")
        for what, hour in (("from_hour", rule.from_hour), ("to_hour", rule.to_hour)):
            _check_number(GUARDRAILS, f"{what} of quiet_hours", hour, 0, _HOURS)
        hours = _hours(rule.from_hour, rule.to_hour)
        for region in rule.regions:
            for channel in rule.channels:
                silent.setdefault((region, channel), set()).update(hours)
    parts = [_hours(*span) for span in schema.daypart_hours]
    for (region, channel), hours in silent.items():
        if all(part & hours for part in parts):
            raise BundleError(
                f"{GUARDRAILS}: quiet_hours leave {channel} in {region} no hour of the day; give it no money instead."
            )


def _hours(first: int, end: int) -> set[int]:
    return {hour % _HOURS for hour in range(first, end if end > first else end + _HOURS)}


def check_plan(plan: Plan, schema: Schema) -> None:
    """Check the numbers of a plan, and of the limits that stand with it; their shapes are checked where they are read.

    Raises:
        BundleError: The message names the array, what it holds, and what may be.
    """
    if plan.plan_version != 1:
        raise BundleError(f"{PLAN} has version {plan.plan_version}; known: 1.")
    _check_number(PLAN, "total_base", plan.total_base, 0.0, math.inf)
    _check_number(PLAN, "daily_base", plan.daily_base, 0.0, math.inf)
    highest = {
        "spend_base": math.inf, "daypart_weights": 1.0 + _SUM, "discount_frac": 1.0, "mechanic": _LAST_MECHANIC,
        "tactic": len(schema.axes.get("K", [])) - 1, "region_cap_base": math.inf, "channel_cap_base": math.inf,
        "minimum_base": math.inf, "maximum_base": math.inf, "locked": 1, "lock_base": math.inf, "discount_ceiling": 1.0,
        "audience": 1.0 + _SUM,
    }  # fmt: skip
    arrays = {name: from_tensor(tensor, f"{PLAN}: {name}") for name, tensor in plan.arrays.items()}
    for name, array in arrays.items():
        if name not in highest:
            raise BundleError(f"{PLAN} holds {name!r}, which is not part of a plan.")
        # Only a cap may be infinite: there is none then.
        may_be_infinite = name in {"region_cap_base", "channel_cap_base", "maximum_base"}
        fine = (array >= 0) & (array <= highest[name]) & (np.isfinite(array) | may_be_infinite)
        if not fine.all():
            wrong = array[~fine].ravel()[0]
            raise BundleError(f"{PLAN}: {name} holds {wrong:g}; {_range(0.0, highest[name])} is possible.")
    for name in ("daypart_weights", "audience"):
        sums = arrays[name].sum(axis=-1)
        if not (np.abs(sums - 1.0) <= _SUM).all():
            raise BundleError(f"{PLAN}: {name} of a row sum to {sums[np.abs(sums - 1.0) > _SUM][0]:g}; 1 is wanted.")


def check_schema_ranges(schema: Schema) -> None:
    """Check the numbers and names of a schema.

    Raises:
        BundleError: The message names the entry, what it holds, and what may be.
    """
    for axis, names in schema.axes.items():
        _check_names(SCHEMA, f"axis {axis}", names, names)
    for feature in (one for features in schema.features.values() for one in features):
        numbers = (feature.low, feature.high, feature.mean, feature.deviation, feature.missing.value)
        room = _MEAN * max(abs(feature.low), abs(feature.high))
        if not (
            all(map(math.isfinite, numbers))
            and feature.low <= feature.high
            and feature.low - room <= feature.mean <= feature.high + room
            and feature.deviation >= 0.0
        ):
            raise BundleError(
                f"{SCHEMA}: the feature {feature.name} runs from {feature.low:g} to {feature.high:g} with the mean "
                f"{feature.mean:g} and the deviation {feature.deviation:g}; that cannot be."
            )
    for field in (*schema.inputs, *schema.outputs):
        _check_field(field)
    _check_number(SCHEMA, "decide_every_days", schema.decide_every_days, 1, math.inf)
    _check_number(SCHEMA, "window_days", schema.window_days, 1, math.inf)
    for effect in [] if isinstance(schema.late_effects, UnsetType) else schema.late_effects:
        _check_number(SCHEMA, f"days of the late effect {effect.cause}", effect.days, 0.0, math.inf)
    for first, end in schema.daypart_hours:
        if not 0 <= first < end <= _HOURS:
            raise BundleError(f"{SCHEMA}: a daypart runs from {first} to {end}; hours from 0 to 24 are possible.")
    for depth in schema.discount_frac:
        _check_number(SCHEMA, "discount_frac", depth, 0.0, 1.0)
    _check_names(SCHEMA, "timezones", schema.timezones, schema.axes["R"])
    if not (len(schema.currency) == 3 and schema.currency.isalpha() and schema.currency.isupper()):
        raise BundleError(f"{SCHEMA}: the currency is {schema.currency!r}; three capital letters are wanted.")
    try:
        date.fromisoformat(schema.start)
    except ValueError as error:
        raise BundleError(f"{SCHEMA}: start is {schema.start!r}, which is no date.") from error


def _check_field(field: Field) -> None:
    low = -math.inf if field.low is None else field.low
    high = math.inf if field.high is None else field.high
    value = field.missing.value
    fits = field.missing.rule == "refuse" or low <= value <= high
    if not (low <= high and math.isfinite(value) and fits):
        raise BundleError(
            f"{SCHEMA}: {field.name} runs from {low:g} to {high:g}, and {value:g} stands for a missing value; that "
            "cannot be."
        )


def _check_number(file: str, name: str, value: float, low: float, high: float) -> None:
    if not (math.isfinite(value) and low <= value <= high):
        raise BundleError(f"{file}: {name} is {value:g}; {_range(low, high)} is possible.")


def _range(low: float, high: float) -> str:
    return f"{low:g} or more" if high == math.inf else f"{low:g} to {high:g}"


def _check_names(file: str, what: str, names: Iterable[str], known: list[str]) -> None:
    seen: set[str] = set()
    for name in names:
        if name not in known:
            raise BundleError(f"{file}: {what} names {name!r}, which is not in the schema; known: {', '.join(known)}.")
        if name in seen or not name:
            raise BundleError(f"{file}: {what} names {name!r} twice, or with an empty name.")
        seen.add(name)
