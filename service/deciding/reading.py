"""From requests to the arrays of the graph: shapes, missing values, ranges, and the check for drift."""

from dataclasses import dataclass

import numpy as np

from xbopt.core.arrays import BoolArray, FloatArray, IntArray
from xbopt.core.decisions.limits import Remaining
from xbopt.core.errors import UsageError
from xbopt.service.bundle.formats import FEATURE_AXES, Guardrails, Missing, Schema
from xbopt.service.deciding.requests import AllocationRequest


class RequestError(UsageError):
    """Raised when a request does not fit the schema of the bundle."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Inputs of a batch of decisions.

    Attributes:
        decision_ids: ``(B,)``.
        regions: ``(B, R, F)``.
        cells: ``(B, R, S, G)``.
        channels: ``(B, R, S, C, E)``; None where the policy reads none.
        day: ``(B,)``.
        budget_base: ``(B,)``.
        region_base: ``(B, R)``; infinite where there is no cap.
        channel_base: ``(B, C)``; infinite where there is no cap.
        held: ``(B, R, S)``; -1 where a tactic is to be drawn. None where all are.
        previous_base: Spend of the day before ``(B, R, S, C)``, NaN where unknown; None where nobody says.
        active: Which cells are decided ``(B, R, S)``; None for all.
        drifted: Rows whose inputs lie outside what was seen ``(B,)``; None where none do.
    """

    decision_ids: list[str]
    regions: FloatArray
    cells: FloatArray
    day: IntArray
    budget_base: FloatArray
    region_base: FloatArray
    channel_base: FloatArray
    channels: FloatArray | None = None
    held: IntArray | None = None
    previous_base: FloatArray | None = None
    active: BoolArray | None = None
    drifted: BoolArray | None = None

    def __len__(self) -> int:
        """Number of decisions, ``B``."""
        return len(self.decision_ids)

    @property
    def remaining(self) -> Remaining:
        """What may still be spent."""
        return Remaining(budget_base=self.budget_base, region_base=self.region_base, channel_base=self.channel_base)


class RequestReader:
    """Reads requests for one bundle.

    Args:
        schema: The schema.
        guardrails: Say how far beyond what was seen is too far.
        total_base: Budget of the whole horizon: nobody has more left.
        schema_sha256: Hash of the schema.
    """

    def __init__(self, schema: Schema, guardrails: Guardrails, *, total_base: float, schema_sha256: str) -> None:
        self._schema, self._total, self._hash = schema, total_base, schema_sha256
        self._regions, self._segments, self._channels = (len(schema.axes[axis]) for axis in "RSC")
        self._no_caps = np.full((1, max(self._regions, self._channels)), np.inf)
        self._wide, self._deep, self._fine = (len(schema.axes[axis]) for axis in FEATURE_AXES)
        self.units = [f"{region}/{segment}" for region in schema.axes["R"] for segment in schema.axes["S"]]
        self._unit_position = {unit: i for i, unit in enumerate(self.units)}
        # One row of features: those of all regions, then those of all cells. One comparison then finds every missing
        # value, every infinite one and every drift.
        region, cell, channel = (schema.features[axis] for axis in FEATURE_AXES)
        cells = self._regions * self._segments
        features = [*region * self._regions, *cell * cells, *channel * (cells * self._channels)]
        self._names = [feature.name for feature in features]
        self._missing: list[Missing] = [feature.missing for feature in features]
        low = np.array([feature.low for feature in features])
        high = np.array([feature.high for feature in features])
        room = guardrails.drift_deviations * np.array([feature.deviation for feature in features])
        # A feature that never moved has no deviation to measure by; a tenth of its size is no drift.
        room = np.where(room > 0.0, room, 0.1 * np.maximum(np.abs(high), 1.0))
        self._centre = (high + low) / 2.0
        self._reach = (high - low) / 2.0 + room
        self._split = self._regions * self._wide
        self._second_split = self._split + cells * self._deep

    def one(self, request: AllocationRequest, decision_id: str) -> Batch:
        """The inputs of one request.

        Raises:
            RequestError: It does not fit the schema.
        """
        if request.schema_sha256 is not None and request.schema_sha256 != self._hash:
            raise RequestError(f"The request is for another schema; that of this bundle is {self._hash}.")
        try:
            regions = np.array(request.regions, dtype=np.float64)
            cells = np.array(request.cells, dtype=np.float64)
            channels = None if request.channels is None else np.array(request.channels, dtype=np.float64)[None]
        except (ValueError, TypeError) as error:
            raise RequestError(f"regions or cells hold rows of unequal length: {error}.") from error
        self._check_day(request.day)
        budget = request.budget_base
        if not 0.0 <= budget <= self._total:
            raise RequestError(f"budget_base is {budget:g}; 0 to {self._total:g} is possible.")
        return self.batch(
            [decision_id],
            regions=regions[None],
            cells=cells[None],
            channels=channels,
            day=np.array([request.day], dtype=np.int64),
            budget_base=np.array([budget]),
            region_base=self._caps(request.region_base, "region_base", self._regions),
            channel_base=self._caps(request.channel_base, "channel_base", self._channels),
            held=self._held(request.held),
            previous_base=self._previous(request.previous_spend_base),
            active=self._active(request.units),
            checked=True,
        )

    def batch(
        self,
        decision_ids: list[str],
        *,
        regions: FloatArray,
        cells: FloatArray,
        day: IntArray,
        budget_base: FloatArray,
        region_base: FloatArray,
        channel_base: FloatArray,
        channels: FloatArray | None = None,
        held: IntArray | None = None,
        previous_base: FloatArray | None = None,
        active: BoolArray | None = None,
        checked: bool = False,
    ) -> Batch:
        """The inputs of a batch that came as arrays; NaN stands for a missing value.

        Raises:
            RequestError: They do not fit the schema.
        """
        rows = len(decision_ids)
        if regions.shape != (rows, self._regions, self._wide):
            raise RequestError(
                f"regions has the shape {regions.shape[1:]}; {(self._regions, self._wide)} is wanted: one row a "
                f"region ({', '.join(self._schema.axes['R'])}), in each one number a feature."
            )
        if cells.shape != (rows, self._regions, self._segments, self._deep):
            raise RequestError(
                f"cells has the shape {cells.shape[1:]}; {(self._regions, self._segments, self._deep)} is wanted: "
                "regions, segments, features."
            )
        channels = self._channel_features(channels, rows)
        if not checked:
            self._check_columns(day, budget_base, region_base, channel_base, rows)
        flat = _flat(regions, cells, channels)
        inside = np.abs(flat - self._centre) <= self._reach
        drifted: BoolArray | None = None
        if not inside.all():
            flat = self._without_missing(flat)
            outside: BoolArray = ~(np.abs(flat - self._centre) <= self._reach)
            strange = np.asarray(outside.any(axis=1))
            drifted = strange if strange.any() else None
            regions = flat[:, : self._split].reshape(regions.shape)
            cells = flat[:, self._split : self._second_split].reshape(cells.shape)
            if channels is not None:
                channels = flat[:, self._second_split :].reshape(channels.shape)
        return Batch(
            decision_ids=decision_ids,
            regions=regions,
            cells=cells,
            day=day,
            budget_base=budget_base,
            region_base=region_base,
            channel_base=channel_base,
            channels=channels,
            held=held,
            previous_base=previous_base,
            active=active,
            drifted=drifted,
        )

    def drifted_features(self, batch: Batch) -> list[str]:
        """Names of the features that lie outside what was seen, in any row."""
        flat = _flat(batch.regions, batch.cells, batch.channels)
        outside = (~(np.abs(flat - self._centre) <= self._reach)).any(axis=0)
        return sorted({self._names[i] for i in np.flatnonzero(outside).tolist()})

    def _channel_features(self, channels: FloatArray | None, rows: int) -> FloatArray | None:
        if not self._fine:
            if channels is not None and channels.size:
                raise RequestError("The policy reads no features of channels; leave channels out.")
            return None
        shape = (rows, self._regions, self._segments, self._channels, self._fine)
        if channels is None or channels.shape != shape:
            found = None if channels is None else channels.shape[1:]
            raise RequestError(f"channels has the shape {found}; {shape[1:]} is wanted: cells, channels, features.")
        return channels

    def _without_missing(self, flat: FloatArray) -> FloatArray:
        """Fill in missing values by the schema's rule; an infinite value is no value at all."""
        if np.isinf(flat).any():
            raise RequestError("A feature is infinite; give a number, or null where it is missing.")
        missing = np.isnan(flat)
        if not missing.any():
            return flat
        filled = flat.copy()
        for position in np.flatnonzero(missing.any(axis=0)).tolist():
            rule = self._missing[position]
            if rule.rule == "refuse":
                raise RequestError(f"The feature {self._names[position]} is missing, and nothing stands in for it.")
            filled[missing[:, position], position] = rule.value
        return filled

    def _check_day(self, day: int) -> None:
        if not 0 <= day < self._schema.days:
            raise RequestError(f"day is {day}; the horizon has the days 0 to {self._schema.days - 1}.")

    def _check_columns(
        self, day: IntArray, budget: FloatArray, region: FloatArray, channel: FloatArray, rows: int
    ) -> None:
        for name, array, shape in (
            ("day", day, (rows,)),
            ("budget_base", budget, (rows,)),
            ("region_base", region, (rows, self._regions)),
            ("channel_base", channel, (rows, self._channels)),
        ):
            if array.shape != shape:
                raise RequestError(f"{name} has the shape {array.shape}; {shape} is wanted.")
        if not ((day >= 0) & (day < self._schema.days)).all():
            raise RequestError(f"day holds a day outside 0 to {self._schema.days - 1}.")
        if not ((budget >= 0.0) & (budget <= self._total)).all():
            raise RequestError(f"budget_base holds an amount outside 0 to {self._total:g}.")
        if not ((region >= 0.0).all() and (channel >= 0.0).all()):
            raise RequestError("region_base and channel_base hold 0 or more, or infinity for no cap.")

    def _caps(self, caps: "list[float | None] | None", name: str, length: int) -> FloatArray:
        if caps is None:
            return self._no_caps[:, :length]
        array = np.array([[np.inf if cap is None else cap for cap in caps]], dtype=np.float64)
        if array.shape != (1, length) or not (array >= 0.0).all():
            raise RequestError(f"{name} needs {length} amounts of 0 or more; null for no cap.")
        return array

    def _held(self, held: list[list[int]] | None) -> IntArray | None:
        if held is None:
            return None
        shape = (self._regions, self._segments)
        tactics = len(self._schema.axes.get("K", []))
        try:
            array = np.array(held, dtype=np.int64)
        except (ValueError, OverflowError) as error:
            raise RequestError("held has rows of unequal length, or no tactics.") from error
        if array.shape != shape or not ((array >= -1) & (array < tactics)).all():
            raise RequestError(f"held needs one tactic from 0 to {tactics - 1} a cell, shape {shape}; -1 to draw.")
        return array[None]

    def _previous(self, spend: list[list[list[float]]] | None) -> FloatArray | None:
        if spend is None:
            return None
        try:
            array = np.array(spend, dtype=np.float64)
        except ValueError as error:
            raise RequestError("previous_spend_base has rows of unequal length.") from error
        shape = (self._regions, self._segments, self._channels)
        if array.shape != shape or not (np.isfinite(array) & (array >= 0.0)).all():
            raise RequestError(f"previous_spend_base needs amounts of 0 or more, shape {shape}.")
        return array[None]

    def _active(self, units: list[str] | None) -> BoolArray | None:
        if units is None:
            return None
        active = np.zeros((1, self._regions * self._segments), dtype=np.bool_)
        for unit in units:
            if unit not in self._unit_position:
                raise RequestError(f"There is no unit {unit!r}; known: {', '.join(self.units[:8])}.")
            active[0, self._unit_position[unit]] = True
        if not units:
            raise RequestError("units is empty; name cells, or leave it out for all of them.")
        return active.reshape(1, self._regions, self._segments)


def _flat(regions: FloatArray, cells: FloatArray, channels: FloatArray | None) -> FloatArray:
    """All features of a row side by side ``(B, N)``."""
    rows = len(regions)
    parts = [regions.reshape(rows, -1), cells.reshape(rows, -1)]
    if channels is not None:
        parts.append(channels.reshape(rows, -1))
    return np.concatenate(parts, axis=1)
