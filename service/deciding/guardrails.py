"""Carrying out the guardrails: what no decision may do, whatever the policy says."""

from dataclasses import dataclass
from operator import le

import numpy as np

from xbopt.core.arrays import BoolArray, FloatArray, IntArray
from xbopt.core.decisions.limits import Limits
from xbopt.core.errors import BundleError
from xbopt.service.bundle.formats import GUARDRAILS, Guardrails, QuietHours
from xbopt.service.bundle.schema import Schema
from xbopt.service.deciding.batch import Batch
from xbopt.service.deciding.caps import SpendCaps

# As in core.feasibility: caps are aimed at with a margin for rounding.
_SHAVE = 1.0 - 1e-11
_SLACK = 1.0 + 1e-12
_LEAST = 1e-200
_FEW = 64
"""Numbers up to which lists are faster than numpy, which begins with a microsecond a call."""
KILL_SWITCH, DRIFT, MISSING, DISCOUNT = "kill_switch", "drift", "missing", "discount_ceiling"
CELL, DAY, REGION, CHANNEL = "cell_ceiling", "day_ceiling", "region_ceiling", "channel_ceiling"
CHANGE, QUIET, NEGATIVE, CAPS = "day_on_day_change", "quiet_hours", "not_a_spend", "caps"
NAMES = (KILL_SWITCH, DRIFT, MISSING, DISCOUNT, CELL, DAY, REGION, CHANNEL, CHANGE, QUIET, NEGATIVE, CAPS)
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
        caps: What the last projection brings spend to, the ceilings of region, channel and day among them.
    """

    cell: float
    day: float
    least_ceiling: float
    region: FloatArray
    channel: FloatArray
    change: float | None
    discount: FloatArray
    quiet: BoolArray | None
    caps: SpendCaps

    def apply(
        self, batch: Batch, spend: FloatArray, dayparts: FloatArray, discount: FloatArray
    ) -> tuple[FloatArray, FloatArray, FloatArray, list[list[str]]]:
        """Bring a decision within the guardrails.

        Args:
            batch: What was asked: what may still be spent, spend of the day before, and the cells that are decided.
            spend: ``(B, R, S, C)``.
            dayparts: ``(B, R, C, H)``.
            discount: ``(B, R, S)``.

        Returns:
            Spend, dayparts, discounts, and the guardrails that changed something, by row.
        """
        fired: list[list[str]] = [[] for _ in range(len(spend))]
        if batch.active is not None:
            spend = spend * batch.active[..., None]
        asked = spend
        if self.change is not None and batch.previous_base is not None:
            spend = _note(fired, CHANGE, spend, _changed_by(spend, batch.previous_base, self.change, batch.active))
        if not self._surely_kept(batch, spend):
            spend = self._capped(batch, asked, spend, fired)
        if not self._shallow(discount):
            discount = _note(fired, DISCOUNT, discount, np.minimum(discount, self.discount))
        if self.quiet is not None:
            dayparts = _note(fired, QUIET, dayparts, _silenced(dayparts, self.quiet))
        return spend, dayparts, discount, fired

    def _shallow(self, discount: FloatArray) -> bool:
        """Whether no discount ``(B, R, S)`` is deeper than its ceiling."""
        if discount.size == self.discount.size <= _FEW:
            ceilings: list[float] = self.discount.ravel().tolist()
            return all(map(le, discount.ravel().tolist(), ceilings))
        return np.count_nonzero(discount <= self.discount) == discount.size

    def _surely_kept(self, batch: Batch, spend: FloatArray) -> bool:
        """Whether one decision keeps everything: none of it is negative or no number, and its sum is small enough."""
        if len(spend) > 1 or batch.granted_base is not None:
            return False
        if spend.size > _FEW:
            least, total = float(np.minimum.reduce(spend, axis=None)), float(np.add.reduce(spend, axis=None))
        else:
            # In either order the sum is off by less than the caps leave room for.
            numbers: list[float] = spend.ravel().tolist()
            least, total = min(numbers), sum(numbers)
        return least >= 0.0 and total <= self.least_ceiling and self.caps.surely_kept(total, batch.inputs)

    def _capped(self, batch: Batch, asked: FloatArray, spend: FloatArray, fired: list[list[str]]) -> FloatArray:
        """Spend within the ceilings, and then within every cap there is.

        Args:
            batch: What was asked.
            asked: Spend before any guardrail ``(B, R, S, C)``.
            spend: Spend now ``(B, R, S, C)``.
            fired: Where to write down what changed something.
        """
        if not self._kept(spend):
            spend = _note(fired, NEGATIVE, spend, np.maximum(np.nan_to_num(spend, posinf=0.0, neginf=0.0), 0.0))
            spend = _note(fired, CELL, spend, np.minimum(spend, self.cell))
            spend = _note(fired, REGION, spend, _scaled(spend, (2, 3), self.region[:, None, None]))
            spend = _note(fired, CHANNEL, spend, _scaled(spend, (1, 2), self.channel))
            spend = _note(fired, DAY, spend, _scaled(spend, (1, 2, 3), np.float64(self.day)))
        granted = batch.granted_base
        if granted is not None:
            spend = _note(fired, CELL, spend, np.minimum(spend, np.maximum(self.cell - granted, 0.0)))
        spend, taken = self.caps.project(spend, batch.remaining, granted)
        if taken is not None:
            for row in np.flatnonzero(taken).tolist():
                # What was lifted and taken away again has changed nothing.
                fired[row] = [] if np.array_equal(spend[row], asked[row]) else [*fired[row], CAPS]
        return spend

    def unable(self, batch: Batch) -> list[list[str]]:
        """Guardrails that cannot work, because the request does not say what they need, by row."""
        if self.change is None:
            return [[] for _ in range(len(batch))]
        if batch.previous_base is None:
            return [[CHANGE] for _ in range(len(batch))]
        unknown = np.asarray(np.isnan(batch.previous_base).any(axis=3))
        if batch.active is not None:
            unknown = unknown & batch.active
        rows = np.asarray(unknown.reshape(len(batch), -1).any(axis=1))
        return [[CHANGE] if rows[row] else [] for row in range(len(batch))]

    def _kept(self, spend: FloatArray) -> bool:
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


def _changed_by(spend: FloatArray, previous: FloatArray, share: float, active: BoolArray | None) -> FloatArray:
    """A cell's spend within a share of the day before, up and down; a cell without money before may start freely.

    A cell that would fall to nothing keeps the day before's split over channels, since it has none of its own.
    """
    now, before = spend.sum(axis=3, keepdims=True), previous.sum(axis=3, keepdims=True)
    known = np.isfinite(before) & (before > 0.0)
    if active is not None:
        known &= active[..., None]
    some = known & (now > _LEAST)
    safe = np.where(known, before, 1.0)
    within = np.clip(now, safe * (1.0 - share), safe * (1.0 + share))
    # Times 1 changes no bit.
    factor = np.where(some & (within != now), within / np.where(some, now, 1.0), 1.0)
    return np.where(known & ~some, previous * (1.0 - share), spend * factor)


def _silenced(dayparts: FloatArray, quiet: BoolArray) -> FloatArray:
    loud = np.where(quiet, 0.0, dayparts)
    total = loud.sum(axis=3, keepdims=True)
    # Where all of the day's weight lay in quiet hours, it goes to the other dayparts in equal shares.
    open_parts = (~quiet).sum(axis=2, keepdims=True)
    even = np.where(quiet, 0.0, 1.0 / np.maximum(open_parts, 1))
    shares = np.where(total > 0.0, loud / np.where(total > 0.0, total, 1.0), even)
    touched = (dayparts != loud).any(axis=3, keepdims=True)
    return np.where(touched, shares, dayparts)


def arm(guardrails: Guardrails, schema: Schema, limits: Limits) -> ArmedGuardrails:
    """Guardrails as arrays in the order of the schema; their values are checked when a bundle is loaded.

    Args:
        guardrails: The guardrails.
        schema: The schema.
        limits: The hard limits of the plan.
    """
    regions, segments, channels = (schema.axes[axis] for axis in "RSC")
    cells = [f"{region}/{segment}" for region in regions for segment in segments]

    def by_name(values: dict[str, float], names: list[str], otherwise: float) -> FloatArray:
        return np.array([values.get(name, otherwise) for name in names], dtype=np.float64)

    shape = (len(regions), len(segments))
    discount = by_name(guardrails.discount_ceiling_frac, cells, 1.0).reshape(shape)
    if guardrails.margin_floor_frac is not None:
        cost = by_name(guardrails.cost_frac, cells, 0.0).reshape(shape)
        # (1 - d) p - c >= f (1 - d) p, solved for the discount d.
        with np.errstate(over="ignore"):  # a cost beyond all numbers leaves no discount
            deepest = 1.0 - cost / max(1.0 - guardrails.margin_floor_frac, 1e-12)
        discount = np.minimum(discount, np.maximum(deepest, 0.0))
    cell = np.inf if guardrails.cell_ceiling_base is None else guardrails.cell_ceiling_base
    region = by_name(guardrails.region_ceiling_base, regions, np.inf)
    channel = by_name(guardrails.channel_ceiling_base, channels, np.inf)
    return ArmedGuardrails(
        cell=cell,
        day=guardrails.day_ceiling_base,
        region=region,
        channel=channel,
        least_ceiling=float(min(cell, guardrails.day_ceiling_base, region.min(), channel.min())),
        change=guardrails.day_on_day_frac,
        discount=discount,
        quiet=_quiet(guardrails.quiet_hours, schema),
        caps=SpendCaps.of(limits, day=guardrails.day_ceiling_base, region=region, channel=channel),
    )


def _quiet(rules: list[QuietHours], schema: Schema) -> BoolArray | None:
    """Whether a daypart touches a quiet hour ``(R, C, H)``."""
    if not rules:
        return None
    regions, channels = schema.axes["R"], schema.axes["C"]
    quiet = np.zeros((len(regions), len(channels), len(schema.daypart_hours)), dtype=np.bool_)
    for rule in rules:
        silent = {hour % 24 for hour in _hours(rule.from_hour, rule.to_hour)}
        parts = [bool(silent & {hour % 24 for hour in _hours(*span)}) for span in schema.daypart_hours]
        for region in rule.regions:
            for channel in rule.channels:
                quiet[regions.index(region), channels.index(channel)] |= parts
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


def stand_ins(allowed: BoolArray, schema: Schema) -> IntArray:
    """What carries on where a tactic that holds is forbidden ``(R, S, K)``; an allowed one carries on itself.

    The allowed tactic with the nearest discount stands in, first one with the same mix, intensity and timing.

    Args:
        allowed: The mask over the menu ``(R, S, K)``.
        schema: Holds the tactics' discounts and labels.
    """
    depths = np.array(schema.discount_frac, dtype=np.float64)
    # A label is discount / mix and intensity / timing.
    rests = np.array([label.partition(" / ")[2] for label in schema.axes["K"]])
    found: list[IntArray] = []
    for held in range(len(depths)):
        distance = np.where(allowed, np.abs(depths - depths[held]), np.inf)
        near = distance <= distance.min(axis=2, keepdims=True) + 1e-9
        rank = np.where(rests == rests[held], 1, 2)
        rank[held] = 0
        found.append(np.argmin(np.where(near, rank, 3), axis=2))
    return np.stack(found, axis=2)
