"""From decisions to entries of the store and back, so that a decision can be told again and worked out again."""

import secrets
import time
from collections.abc import Iterable, Sequence
from typing import Any, TypeVar, get_args

import msgspec
import numpy as np

from xbopt.core.arrays import FloatArray
from xbopt.core.errors import BundleError
from xbopt.service.bundle.graph_session import Arrays
from xbopt.service.bundle.schema import INTEGERS, SHAPES, Schema, stored_lengths
from xbopt.service.deciding.allocator import Allocation, Allocator
from xbopt.service.deciding.batch import MISSING, Batch
from xbopt.service.deciding.requests import BESIDE, AllocationAnswer, KillMode, Receipt, Source
from xbopt.service.store.entries import (
    ENTRY_VERSION,
    Action,
    AdministrationEntry,
    BundleEntry,
    CampaignEntry,
    DecisionEntry,
    NewEntry,
    OutcomeEntry,
    ShadowEntry,
    Stored,
)

_ENCODER = msgspec.msgpack.Encoder()
EntryType = TypeVar(
    "EntryType", AdministrationEntry, BundleEntry, CampaignEntry, DecisionEntry, OutcomeEntry, ShadowEntry
)
_SOURCES: tuple[Source, ...] = get_args(Source)
_BY_ROW = ("episode_ids", "steps", "policy", "source", "guardrails")
_HALF = "<f4"


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
    actor: str = "",
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
        actor: Name of the token that asked; empty for none.
    """
    batch = allocation.batch
    # Features of channels come after the money, where the first version of the store had them.
    order = sorted(batch.inputs, key="channels".__eq__)
    inputs = {name: batch.inputs[name].tobytes() for name in order}
    # Probabilities take half the room. The propensity keeps all of its digits; these serve evaluations, which allow for
    # 1e-6.
    outputs = {
        name: (array.astype(_HALF) if name == "probabilities" else array).tobytes()
        for name, array in allocation.outputs.items()
    }
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
        inputs=inputs | {name: array.tobytes() for name, array in batch.beside()},
        outputs=outputs,
        kill="" if allocation.kill == "off" else allocation.kill,
        off=allocation.off if any(allocation.off) else [],
        actor=actor,
    )
    return NewEntry("decision", key, _ENCODER.encode(entry), identity=request)


def bundle_entry(allocator: Allocator) -> NewEntry:
    """The entry that says which bundle decides from here on; it stands once, however often the service starts."""
    manifest, allowed = allocator.bundle.manifest, allocator.allowed
    share = manifest.provenance.exploration
    entry = BundleEntry(
        address=allocator.address,
        name=manifest.name,
        bundle_version=manifest.version,
        policy=manifest.provenance.policy,
        scenario_hash=manifest.provenance.scenario_hash,
        schema=allocator.bundle.schema_bytes,
        exploration=None if share is msgspec.UNSET else share,
        allowed=b"" if allowed is None else allowed.tobytes(),
    )
    return NewEntry("bundle", allocator.address, _ENCODER.encode(entry))


def administration_entry(action: Action, *, actor: str, bundle: str, detail: str = "") -> NewEntry:
    """Something that an operator did, as an entry of the store; every occurrence is one of its own.

    Args:
        action: What was done.
        actor: Name of the token; empty for none.
        bundle: Content address of the bundle that decides from then on.
        detail: More, in words.
    """
    at_us = time.time_ns() // 1000
    entry = AdministrationEntry(at_us=at_us, actor=actor, action=action, bundle=bundle, detail=detail)
    return NewEntry("administration", f"{at_us}-{secrets.token_hex(8)}", _ENCODER.encode(entry))


def shadow_entry(allocation: Allocation, shadow: Allocator, *, key: str) -> NewEntry:
    """What a shadow would have done, as an entry of the store; it needs the decisions to be there.

    Args:
        allocation: What the shadow, a bundle of tactics or factors, decided.
        shadow: The shadow.
        key: Name of the entry with the decisions.
    """
    assert allocation.probabilities is not None, "a bundle that draws gives probabilities"
    entry = ShadowEntry(
        decision=key,
        address=shadow.address,
        name=shadow.bundle.manifest.name,
        probabilities=allocation.probabilities.astype(_HALF).tobytes(),
    )
    return NewEntry("shadow", f"{key}|{shadow.address}", _ENCODER.encode(entry), requires=key)


def shadow_probabilities(entry: ShadowEntry, shape: tuple[int, ...]) -> FloatArray:
    """What a stored shadow would have done ``(B, R, S, K)`` or ``(B, A, L)``; each sum is brought back to 1.

    Probabilities of levels are all 0 where the shadow's plan would have answered.

    Raises:
        BundleError: It is of another shape.
    """
    flat = np.frombuffer(entry.probabilities, dtype=_HALF).astype(np.float64)
    if flat.size != np.prod(shape):
        raise BundleError(f"A stored shadow of {entry.decision!r} has probabilities of another shape.")
    table = flat.reshape(shape)
    total = table.sum(axis=-1, keepdims=True)
    return table / np.where(total > 0.0, total, 1.0)


def decode_entry(payload: bytes, kind: type[EntryType]) -> EntryType:
    """A stored entry of a kind.

    Raises:
        BundleError: It is another, or of an unknown version.
    """
    try:
        entry = msgspec.msgpack.decode(payload, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BundleError(f"The store holds a {kind.__name__} that cannot be read: {error}.") from error
    if entry.version != ENTRY_VERSION:
        raise BundleError(f"The store holds an entry of version {entry.version}; {ENTRY_VERSION} can be read.")
    return entry


def decode_decision(payload: bytes) -> DecisionEntry:
    """A stored decision.

    Raises:
        BundleError: It is something else, or of an unknown version.
    """
    return decode_entry(payload, DecisionEntry)


def allocation_of(entry: DecisionEntry, schema: Schema) -> Allocation:
    """A stored decision, as it was made.

    Args:
        entry: The decision.
        schema: The schema of a bundle; it names the inputs that the service itself does not know.

    Raises:
        BundleError: An array is missing, or there is not one entry a row or place of the schema.
    """
    rows = len(entry.decision_ids)
    lengths = {axis: len(names) for axis, names in schema.axes.items()} | {"B": rows, "1": 1}
    if entry.shape != stored_lengths(schema):
        raise BundleError("A stored decision has other axes than the schema of its bundle.")
    by_row = [("off", entry.off)] if entry.off else []
    for name, found in (*by_row, *((name, getattr(entry, name)) for name in _BY_ROW)):
        if len(found) != rows:
            raise BundleError(f"A stored decision has {len(found)} entries in {name}, not {rows}.")
    for strange in set(entry.source).difference(_SOURCES):
        raise BundleError(f"A stored decision has the source {strange[:100]!r}.")
    shape = SHAPES[schema.shape]
    known = {name: ("<i8" if name in INTEGERS else "<f8", axes) for name, axes in shape.known.items()} | BESIDE
    known["held"] = ("<i8", shape.held)
    known |= {field.name: ("<i8" if field.dtype == "int64" else "<f8", "".join(field.axes)) for field in schema.inputs}
    known |= {MISSING + field.name: ("?", "".join(field.axes)) for field in schema.asked}

    def arrays(stored: dict[str, bytes], needed: Iterable[str]) -> Arrays:
        found: Arrays = {}
        for name in sorted({*needed} - stored.keys()):
            raise BundleError(f"A stored decision lacks {name}.")
        for name in (name for name in stored if name in known):
            dtype, axes = known[name]
            try:
                flat = np.frombuffer(stored[name], dtype=_HALF if name == "probabilities" else dtype)
                found[name] = flat.reshape([lengths[axis] for axis in axes])
            except ValueError as error:
                raise BundleError(f"A stored decision has {name} in another shape.") from error
        return found

    inputs = arrays(entry.inputs, (field.name for field in schema.asked))
    outputs = arrays(entry.outputs, (field.name for field in schema.outputs if field.name != "allowed_mass"))
    if "probabilities" in outputs:
        # As they were rounded to be stored, each distribution's sum brought back to 1.
        wide = outputs["probabilities"].astype(np.float64)
        total = wide.sum(axis=-1, keepdims=True)
        outputs["probabilities"] = wide / np.where(total > 0.0, total, 1.0)  # where nothing was drawn they are 0
    beside: dict[str, Any] = {name: inputs.pop(name) for name in BESIDE if name in inputs}
    gaps = [name for name in inputs if name.startswith(MISSING)]
    beside["missing"] = {name.removeprefix(MISSING): inputs.pop(name) for name in gaps}
    return Allocation(
        batch=Batch(decision_ids=entry.decision_ids, inputs=inputs, **beside),
        source=[source for one in entry.source for source in _SOURCES if source == one],
        guardrails=entry.guardrails,
        off=entry.off or [[] for _ in entry.decision_ids],
        policy=entry.policy,
        kill=_kill(entry),
        outputs={name: outputs[name] for name in entry.outputs if name in outputs},
    )


def _kill(entry: DecisionEntry) -> KillMode:
    """What the kill switch said; stores of before only say whether it was on, and then the plan answered."""
    if entry.kill == "zero":
        return "zero"
    return "plan" if entry.killed else "off"


def differing_outputs(entry: DecisionEntry, allocator: Allocator) -> list[str]:
    """Work a stored decision out again, and name every array that does not come out the same, bit for bit.

    The native kernel and onnxruntime differ in last bits; a decision may have been made by either.
    """
    differing = _differing_outputs(entry, allocator)
    # Where it is neither's, the nearer of the two says what was changed.
    return min(differing, _differing_outputs(entry, allocator.by_reference), key=len) if differing else []


def _differing_outputs(entry: DecisionEntry, allocator: Allocator) -> list[str]:
    batch, kill = allocation_of(entry, allocator.bundle.schema).batch, _kill(entry)
    again = allocator.by_plan(batch, entry.reason, kill=kill) if entry.reason else allocator.decide(batch, kill=kill)
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
    # Stores of before do not say which guardrails could not work.
    told = ("source", "guardrails", "policy", *(("off",) if entry.off is not None else ()))
    return differing + [name for name in told if getattr(entry, name) != getattr(new, name)]


def receipt_of(stored: Stored) -> Receipt | None:
    """Where an entry stands in the chain; None where it is not stored."""
    return Receipt(stored.seq, stored.hash.hex()) if stored.seq else None


def answer_of(
    allocation: Allocation,
    row: int,
    *,
    bundle: str,
    units: list[str],
    currency: str,
    receipt: Receipt | None,
    axes: dict[str, list[str]] | None = None,
) -> AllocationAnswer:
    """One decision in the words of the service.

    Args:
        allocation: The decisions.
        row: Which of them.
        bundle: Content address of the bundle that decided.
        units: Its cells.
        currency: Its currency.
        receipt: Where the decision stands in the store; None where it is not stored.
        axes: Its axes, where they are to be told.
    """
    batch = allocation.batch
    if batch.active is not None:
        units = [unit for unit, active in zip(units, batch.active[row].ravel().tolist(), strict=True) if active]
    return AllocationAnswer(
        decision_id=batch.decision_ids[row],
        bundle=bundle,
        policy=allocation.policy[row],
        source=allocation.source[row],
        guardrails=allocation.guardrails[row],
        off=allocation.off[row],
        filled=int(batch.filled[row]) if batch.missing else 0,
        stored=receipt is not None,
        currency=currency,
        day=int(batch.day[row]),
        units=units,
        receipt=receipt,
        axes=axes,
        **{name: array[row].tolist() for name, array in allocation.outputs.items() if name != "probabilities"},
    )
