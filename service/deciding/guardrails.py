"""Carrying out the guardrails: what no decision may do, whatever the policy says."""

from dataclasses import dataclass

import numpy as np

from xbopt.core.arrays import FloatArray, IntArray
from xbopt.core.errors import BundleError
from xbopt.service.bundle.formats import GUARDRAILS, Guardrails, QuietHours
from xbopt.service.bundle.schema import Schema

# As in core.feasibility: caps are aimed at with a margin for rounding.
_SHAVE = 1.0 - 1e-11
_SLACK = 1.0 + 1e-12
KILL_SWITCH, DRIFT, DISCOUNT = "kill_switch", "drift", "discount_ceiling"
CELL, DAY, REGION, CHANNEL = "cell_ceiling", "day_ceiling", "region_ceiling", "channel_ceiling"
CHANGE, QUIET, NEGATIVE = "day_on_day_change", "quiet_hours", "not_a_spend"
NAMES = (KILL_SWITCH, DRIFT, DISCOUNT, CELL, DAY, REGION, CHANNEL, CHANGE, QUIET, NEGATIVE)
"""Every guardrail, as answers, store and metrics name it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmedGuardrails:
    """Guardrails as arrays.

    Attributes:
        cell: Most spend of a cell and channel; infinite for none.
        day: Most spend of a day.
        region: By region ``(R,)``; infinite for none.
        channel: By channel ``(C,)``; infinite for none.
        change: Most change from one day to the next, as a share; None for none.
        discount: Deepest discount ``(R, S)``.
        quiet: Whether a daypart is silent ``(R, C, H)``; None where none is.
        least_ceiling: The smallest of all ceilings: a day that spends less keeps them all.
    """

    cell: float
    day: float
    least_ceiling: float
    region: FloatArray
    channel: FloatArray
    change: float | None
    discount: FloatArray
    quiet: "np.ndarray[tuple[int, ...], np.dtype[np.bool_]] | None"

    def apply(
        self,
        spend: FloatArray,
        dayparts: FloatArray,
        discount: FloatArray,
        previous: FloatArray | None,
    ) -> tuple[FloatArray, FloatArray, FloatArray, list[list[str]]]:
        """Bring a decision within the guardrails.

        Args:
            spend: ``(B, R, S, C)``.
            dayparts: ``(B, R, C, H)``.
            discount: ``(B, R, S)``.
            previous: Spend of the day before ``(B, R, S, C)``, NaN where it is not known; None where none is.

        Returns:
            Spend, dayparts, discounts, and the guardrails that changed something, by row.
        """
        fired: list[list[str]] = [[] for _ in range(len(spend))]
        if self.change is not None and previous is not None:
            spend = _note(fired, CHANGE, spend, _changed_by(spend, previous, self.change))
        if not self._kept(spend):
            spend = _note(fired, NEGATIVE, spend, np.maximum(np.nan_to_num(spend, posinf=0.0, neginf=0.0), 0.0))
            spend = _note(fired, CELL, spend, np.minimum(spend, self.cell))
            spend = _note(fired, REGION, spend, _scaled(spend, (2, 3), self.region[:, None, None]))
            spend = _note(fired, CHANNEL, spend, _scaled(spend, (1, 2), self.channel))
            spend = _note(fired, DAY, spend, _scaled(spend, (1, 2, 3), np.float64(self.day)))
        if not (discount <= self.discount).all():
            discount = _note(fired, DISCOUNT, discount, np.minimum(discount, self.discount))
        if self.quiet is not None:
            dayparts = _note(fired, QUIET, dayparts, _silenced(dayparts, self.quiet))
        return spend, dayparts, discount, fired

    def _kept(self, spend: FloatArray) -> bool:
        if len(spend) == 1:
            # The usual case needs two looks: none is negative or no number, and the sum is small enough.
            least, total = float(spend.min()), float(spend.sum())
            if least >= 0.0 and total <= self.least_ceiling:
                return True
        return bool(
            (spend >= 0.0).all()
            and (spend <= self.cell).all()
            and (spend.sum(axis=(1, 2, 3)) <= self.day * _SLACK).all()
            and (spend.sum(axis=(2, 3)) <= self.region * _SLACK).all()
            and (spend.sum(axis=(1, 2)) <= self.channel * _SLACK).all()
        )


def _note(fired: list[list[str]], name: str, before: FloatArray, after: FloatArray) -> FloatArray:
    """Write down in which rows a guardrail changed something."""
    differs = (before != after).reshape(len(before), -1).any(axis=1)
    for row in np.flatnonzero(differs).tolist():
        fired[row].append(name)
    return after


def _scaled(spend: FloatArray, axes: tuple[int, ...], cap: "FloatArray | np.float64") -> FloatArray:
    total = spend.sum(axis=axes, keepdims=True)
    over = total > cap * _SLACK
    factor = np.where(over, cap / np.where(over, total, 1.0) * _SHAVE, 1.0)
    return np.where(over, spend * factor, spend)


def _changed_by(spend: FloatArray, previous: FloatArray, share: float) -> FloatArray:
    """A cell's spend within a share of the day before; a cell without money before may start freely."""
    now, before = spend.sum(axis=3, keepdims=True), previous.sum(axis=3, keepdims=True)
    known = np.isfinite(before) & (before > 0.0) & (now > 0.0)
    safe = np.where(known, before, 1.0)
    within = np.clip(now, safe * (1.0 - share), safe * (1.0 + share))
    # Times 1 changes no bit.
    factor = np.where(known & (within != now), within / np.where(known, now, 1.0), 1.0)
    return spend * factor


def _silenced(dayparts: FloatArray, quiet: "np.ndarray[tuple[int, ...], np.dtype[np.bool_]]") -> FloatArray:
    loud = np.where(quiet, 0.0, dayparts)
    total = loud.sum(axis=3, keepdims=True)
    # Where all of the day's weight lay in quiet hours, it goes to the other dayparts in equal shares.
    open_parts = (~quiet).sum(axis=2, keepdims=True)
    even = np.where(quiet, 0.0, 1.0 / np.maximum(open_parts, 1))
    shares = np.where(total > 0.0, loud / np.where(total > 0.0, total, 1.0), even)
    touched = (dayparts != loud).any(axis=3, keepdims=True)
    return np.where(touched, shares, dayparts)


def arm(guardrails: Guardrails, schema: Schema) -> ArmedGuardrails:
    """Guardrails as arrays in the order of the schema.

    Raises:
        BundleError: They name what is not in the schema, or forbid every hour of a day.
    """
    regions, segments, channels = (schema.axes[axis] for axis in "RSC")
    cells = [f"{region}/{segment}" for region in regions for segment in segments]

    def by_name(values: dict[str, float], names: list[str], otherwise: float, what: str) -> FloatArray:
        strange = sorted(set(values) - set(names))
        if strange:
            raise BundleError(f"{GUARDRAILS}: {what} names {strange[0]!r}, which is not in the schema.")
        array = np.array([values.get(name, otherwise) for name in names], dtype=np.float64)
        if np.isnan(array).any() or (array < 0.0).any():
            raise BundleError(f"{GUARDRAILS}: {what} holds a value below zero.")
        return array

    shape = (len(regions), len(segments))
    discount = by_name(guardrails.discount_ceiling_frac, cells, 1.0, "discount_ceiling_frac").reshape(shape)
    if guardrails.margin_floor_frac is not None:
        cost = by_name(guardrails.cost_frac, cells, 0.0, "cost_frac").reshape(shape)
        # (1 - d) p - c >= f (1 - d) p, solved for the discount d.
        deepest = 1.0 - cost / max(1.0 - guardrails.margin_floor_frac, 1e-12)
        discount = np.minimum(discount, np.maximum(deepest, 0.0))
    cell = np.inf if guardrails.cell_ceiling_base is None else guardrails.cell_ceiling_base
    region = by_name(guardrails.region_ceiling_base, regions, np.inf, "region_ceiling_base")
    channel = by_name(guardrails.channel_ceiling_base, channels, np.inf, "channel_ceiling_base")
    return ArmedGuardrails(
        cell=cell,
        day=guardrails.day_ceiling_base,
        region=region,
        channel=channel,
        least_ceiling=float(min(cell, guardrails.day_ceiling_base, region.min(), channel.min())),
        change=guardrails.day_on_day_frac,
        discount=discount,
        quiet=_quiet(guardrails.quiet_hours, schema),
    )


def _quiet(rules: list[QuietHours], schema: Schema) -> "np.ndarray[tuple[int, ...], np.dtype[np.bool_]] | None":
    """Whether a daypart touches a quiet hour ``(R, C, H)``."""
    if not rules:
        return None
    regions, channels = schema.axes["R"], schema.axes["C"]
    quiet = np.zeros((len(regions), len(channels), len(schema.daypart_hours)), dtype=np.bool_)
    for rule in rules:
        strange = sorted((set(rule.regions) - set(regions)) | (set(rule.channels) - set(channels)))
        if strange or not (0 <= rule.from_hour <= 24 and 0 <= rule.to_hour <= 24):
            raise BundleError(f"{GUARDRAILS}: quiet_hours names an unknown region, channel or hour ({strange}).")
        silent = {hour % 24 for hour in _hours(rule.from_hour, rule.to_hour)}
        parts = [bool(silent & {hour % 24 for hour in _hours(*span)}) for span in schema.daypart_hours]
        for region in rule.regions:
            for channel in rule.channels:
                quiet[regions.index(region), channels.index(channel)] |= parts
    if quiet.all(axis=2).any():
        raise BundleError(f"{GUARDRAILS}: quiet_hours leave a channel no hour of the day; give it no money instead.")
    return quiet


def _hours(first: int, end: int) -> range:
    return range(first, end if end > first else end + 24)


def allowed_tactics(discount: FloatArray, schema: Schema, wanted: IntArray) -> tuple[FloatArray, FloatArray]:
    """The mask over the menu, and what is done where the policy wants only what is forbidden.

    Args:
        discount: Deepest discount ``(R, S)``.
        schema: Holds the tactics' discounts.
        wanted: The plan's tactic ``(R, S)``; the allowed tactic with the nearest discount stands in for it.

    Returns:
        ``allowed`` and ``default``, each ``(R, S, K)``.

    Raises:
        BundleError: A cell has no tactic that is allowed.
    """
    depths = np.array(schema.discount_frac, dtype=np.float64)
    mask = depths <= discount[..., None] + 1e-12
    if not mask.any(axis=2).all():
        raise BundleError(f"{GUARDRAILS}: a discount ceiling forbids every tactic of a cell.")
    distance = np.where(mask, np.abs(depths - depths[wanted][..., None]), np.inf)
    # The wanted tactic itself comes first where it is allowed.
    own = np.arange(len(depths)) == wanted[..., None]
    nearest = np.argmin(np.where(own & mask, -1.0, distance), axis=2)
    return mask.astype(np.float64), (np.arange(len(depths)) == nearest[..., None]).astype(np.float64)
