"""From decisions to entries of the store and back, so that a decision can be told again and worked out again."""

import time
from collections.abc import Sequence

import msgspec
import numpy as np

from xbopt.core.arrays import FloatArray, IntArray
from xbopt.core.errors import BundleError
from xbopt.service.deciding.allocator import Allocation, Allocator
from xbopt.service.deciding.reading import Batch
from xbopt.service.deciding.requests import AllocationAnswer, Source
from xbopt.service.store.entries import ENTRY_VERSION, BundleEntry, DecisionEntry, NewEntry

_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(DecisionEntry)
_SOURCES: tuple[Source, ...] = ("policy", "held", "plan")


def decision_entry(
    allocation: Allocation,
    allocator: Allocator,
    *,
    key: str,
    request: bytes,
    episode_ids: Sequence[str],
    steps: Sequence[int],
    killed: bool,
    reason: str = "",
) -> NewEntry:
    """Decisions as an entry of the store.

    Args:
        allocation: What was decided.
        allocator: Who decided.
        key: Name of the entry: the decision's id, or the batch's.
        request: SHA-256 of the request.
        episode_ids: ``(B,)``; the decision's own id where empty.
        steps: ``(B,)``.
        killed: Whether the kill switch was on.
        reason: Why the plan decided all of it; empty where it did not.
    """
    batch = allocation.batch
    inputs = {
        "regions": batch.regions.tobytes(),
        "cells": batch.cells.tobytes(),
        "day": batch.day.tobytes(),
        "budget_base": batch.budget_base.tobytes(),
        "region_base": batch.region_base.tobytes(),
        "channel_base": batch.channel_base.tobytes(),
    }
    if batch.channels is not None:
        inputs["channels"] = batch.channels.tobytes()
    if batch.held is not None:
        inputs["held"] = batch.held.tobytes()
    if batch.previous_base is not None:
        inputs["previous_base"] = batch.previous_base.tobytes()
    if batch.active is not None:
        inputs["active"] = batch.active.tobytes()
    if batch.drifted is not None:
        inputs["drifted"] = batch.drifted.tobytes()
    outputs = {
        "spend_base": allocation.spend_base.tobytes(),
        "daypart_weights": allocation.daypart_weights.tobytes(),
        "discount_frac": allocation.discount_frac.tobytes(),
        "mechanic": allocation.mechanic.tobytes(),
    }
    if allocation.tactic is not None and allocation.propensity is not None and allocation.probabilities is not None:
        outputs["tactic"] = allocation.tactic.tobytes()
        outputs["propensity"] = allocation.propensity.tobytes()
        # Half the room. The propensity keeps all of its digits; these serve evaluations, which allow for 1e-6.
        outputs["probabilities"] = allocation.probabilities.astype("<f4").tobytes()
    entry = DecisionEntry(
        created_us=time.time_ns() // 1000,
        bundle=allocator.address,
        request=request,
        decision_ids=batch.decision_ids,
        episode_ids=[episode or own for episode, own in zip(episode_ids, batch.decision_ids, strict=True)],
        steps=list(steps),
        policy=allocation.policy,
        source=list(allocation.source),
        guardrails=allocation.guardrails,
        killed=killed,
        reason=reason,
        shape=allocator.lengths,
        inputs=inputs,
        outputs=outputs,
    )
    return NewEntry("decision", key, _ENCODER.encode(entry))


def bundle_entry(allocator: Allocator) -> NewEntry:
    """The entry that says which bundle decides from here on; it stands once, however often the service starts."""
    manifest = allocator.bundle.manifest
    entry = BundleEntry(
        address=allocator.address,
        name=manifest.name,
        bundle_version=manifest.version,
        policy=manifest.provenance.policy,
        scenario_hash=manifest.provenance.scenario_hash,
        schema=allocator.bundle.schema_bytes,
    )
    return NewEntry("bundle", allocator.address, _ENCODER.encode(entry))


def decode_decision(payload: bytes) -> DecisionEntry:
    """A stored decision.

    Raises:
        BundleError: It is none, or of an unknown version.
    """
    try:
        entry = _DECODER.decode(payload)
    except (msgspec.DecodeError, msgspec.ValidationError) as error:
        raise BundleError(f"The store holds a decision that cannot be read: {error}.") from error
    if entry.version != ENTRY_VERSION:
        raise BundleError(f"The store holds a decision of version {entry.version}; {ENTRY_VERSION} can be read.")
    return entry


class StoredArrays:
    """The arrays of a stored decision.

    Args:
        entry: The decision.
    """

    def __init__(self, entry: DecisionEntry) -> None:
        self._entry = entry
        regions, segments, channels, dayparts, wide, deep, fine, tactics = entry.shape
        rows, cells = len(entry.decision_ids), (regions, segments)
        self._shapes: dict[str, tuple[int, ...]] = {
            "regions": (rows, regions, wide),
            "cells": (rows, *cells, deep),
            "channels": (rows, *cells, channels, fine),
            "day": (rows,),
            "budget_base": (rows,),
            "region_base": (rows, regions),
            "channel_base": (rows, channels),
            "held": (rows, *cells),
            "previous_base": (rows, *cells, channels),
            "spend_base": (rows, *cells, channels),
            "daypart_weights": (rows, regions, channels, dayparts),
            "discount_frac": (rows, *cells),
            "mechanic": (rows, *cells),
            "tactic": (rows, *cells),
            "propensity": (rows, *cells),
            "probabilities": (rows, *cells, tactics),
        }

    def floats(self, name: str) -> FloatArray:
        """An array of numbers."""
        return np.frombuffer(self._bytes(name), dtype="<f8").reshape(self._shapes[name])

    def probabilities(self) -> FloatArray:
        """Probability of each tactic, as it was rounded to be stored, each cell's sum brought back to 1."""
        stored = np.frombuffer(self._bytes("probabilities"), dtype="<f4").reshape(self._shapes["probabilities"])
        wide = stored.astype(np.float64)
        return wide / wide.sum(axis=3, keepdims=True)

    def integers(self, name: str) -> IntArray:
        """An array of whole numbers."""
        return np.frombuffer(self._bytes(name), dtype="<i8").reshape(self._shapes[name])

    def has(self, name: str) -> bool:
        """Whether the array was stored."""
        return name in self._entry.inputs or name in self._entry.outputs

    def flags(self, name: str, shape: tuple[int, ...]) -> "np.ndarray[tuple[int, ...], np.dtype[np.bool_]] | None":
        """An array of yes and no; None where it was not stored."""
        if name not in self._entry.inputs:
            return None
        return np.frombuffer(self._entry.inputs[name], dtype=np.bool_).reshape(shape)

    def _bytes(self, name: str) -> bytes:
        if name in self._entry.inputs:
            return self._entry.inputs[name]
        if name in self._entry.outputs:
            return self._entry.outputs[name]
        raise BundleError(f"A stored decision lacks {name}.")


def allocation_of(entry: DecisionEntry) -> Allocation:
    """A stored decision, as it was made."""
    arrays = StoredArrays(entry)
    rows = len(entry.decision_ids)
    tactic = arrays.has("tactic")
    batch = Batch(
        decision_ids=entry.decision_ids,
        regions=arrays.floats("regions"),
        cells=arrays.floats("cells"),
        day=arrays.integers("day"),
        budget_base=arrays.floats("budget_base"),
        region_base=arrays.floats("region_base"),
        channel_base=arrays.floats("channel_base"),
        channels=arrays.floats("channels") if arrays.has("channels") else None,
        held=arrays.integers("held") if arrays.has("held") else None,
        previous_base=arrays.floats("previous_base") if arrays.has("previous_base") else None,
        active=arrays.flags("active", (rows, *entry.shape[:2])),
        drifted=arrays.flags("drifted", (rows,)),
    )
    return Allocation(
        batch=batch,
        source=[source for one in entry.source for source in _SOURCES if source == one],
        guardrails=entry.guardrails,
        policy=entry.policy,
        spend_base=arrays.floats("spend_base"),
        daypart_weights=arrays.floats("daypart_weights"),
        discount_frac=arrays.floats("discount_frac"),
        mechanic=arrays.integers("mechanic"),
        tactic=arrays.integers("tactic") if tactic else None,
        propensity=arrays.floats("propensity") if tactic else None,
        probabilities=arrays.probabilities() if tactic else None,
    )


def differing_outputs(entry: DecisionEntry, allocator: Allocator) -> list[str]:
    """Work a stored decision out again, and name every array that does not come out the same, bit for bit."""
    batch = allocation_of(entry).batch
    again = allocator.by_plan(batch, entry.reason) if entry.reason else allocator.decide(batch, kill=entry.killed)
    made = decision_entry(
        again,
        allocator,
        key="",
        request=entry.request,
        episode_ids=entry.episode_ids,
        steps=entry.steps,
        killed=entry.killed,
    )
    new = decode_decision(made.payload)
    differing = [name for name in entry.outputs if entry.outputs[name] != new.outputs.get(name)]
    return differing + [
        name for name in ("source", "guardrails", "policy") if getattr(entry, name) != getattr(new, name)
    ]


def answer_of(
    allocation: Allocation, row: int, allocator: Allocator, *, bundle: str, currency: str, stored: bool
) -> AllocationAnswer:
    """One decision in the words of the service."""
    batch = allocation.batch
    units = allocator.units
    if batch.active is not None:
        units = [unit for unit, active in zip(units, batch.active[row].ravel().tolist(), strict=True) if active]
    return AllocationAnswer(
        decision_id=batch.decision_ids[row],
        bundle=bundle,
        policy=allocation.policy[row],
        source=allocation.source[row],
        guardrails=allocation.guardrails[row],
        stored=stored,
        currency=currency,
        day=int(batch.day[row]),
        units=units,
        spend_base=allocation.spend_base[row].tolist(),
        daypart_weights=allocation.daypart_weights[row].tolist(),
        discount_frac=allocation.discount_frac[row].tolist(),
        mechanic=allocation.mechanic[row].tolist(),
        tactic=None if allocation.tactic is None else allocation.tactic[row].tolist(),
        propensity=None if allocation.propensity is None else allocation.propensity[row].tolist(),
    )
