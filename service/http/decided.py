"""Decisions on their way: made, encoded for the store, and worded for those who asked."""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import NamedTuple

import msgspec

from xbopt.service.deciding.allocator import Allocation, Allocator
from xbopt.service.deciding.batch import Batch
from xbopt.service.deciding.draws import new_decision_id
from xbopt.service.deciding.requests import AllocationAnswer, AllocationRequest, KillMode, Receipt
from xbopt.service.store.entries import NewEntry
from xbopt.service.store.recording import answer_of, decision_entry
from xbopt.service.store.subjects import Label

_encode = msgspec.msgpack.Encoder().encode


class Decided(NamedTuple):
    """A decision, and what is stored of it."""

    allocation: Allocation
    entry: NewEntry


class Told(NamedTuple):
    """What is told of a request: a decision, whose names say how to read it, and where it stands in the store."""

    allocation: Allocation
    label: Label
    receipt: Receipt | None


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchAnswered:
    """What a batch is told.

    Attributes:
        allocation: The decisions.
        bundle: Content address of the bundle that made them.
        receipt: Where they stand in the store; None where they are not stored.
        axes: Names along the axes of the arrays, where the bundle has others than the one that is served.
    """

    allocation: Allocation
    bundle: str
    receipt: Receipt | None
    axes: dict[str, list[str]] | None = None


def decide_batch(
    allocator: Allocator,
    batch: Batch,
    key: str,
    body: bytes,
    episodes: Sequence[str],
    steps: Sequence[int],
    *,
    kill: KillMode,
    actor: str,
) -> Decided:
    """Decide for a batch that is one entry of the store.

    Args:
        allocator: Decides.
        batch: What is known.
        key: Name of the entry.
        body: The request, by which it is known again.
        episodes: ``(B,)``; each its own where empty.
        steps: ``(B,)``.
        kill: How the kill switch stands.
        actor: Name of the token; empty for none.

    Raises:
        RequestError: The guardrails refuse the inputs.
    """
    allocation = allocator.decide(batch, kill=kill)
    entry = decision_entry(
        allocation, allocator, key=key, request=sha256(body).digest(), episode_ids=episodes, steps=steps,
        killed=kill != "off", actor=actor,
    )  # fmt: skip
    return Decided(allocation, entry)


def decide_each(
    allocator: Allocator, requests: Sequence[AllocationRequest], *, kill: KillMode, actor: str
) -> list[Decided]:
    """Decide for each request by itself.

    Raises:
        RequestError: A request does not fit the bundle.
    """
    decided: list[Decided] = []
    for request in requests:
        key = request.decision_id or new_decision_id()
        batch = allocator.reader.one(request, key)
        step = request.day if request.step is None else request.step
        body = _encode(request)
        decided.append(
            decide_batch(allocator, batch, key, body, (request.episode_id,), (step,), kill=kill, actor=actor)
        )
    return decided


def answer(told: Told, own: Label) -> AllocationAnswer:
    """What is told of a single request, in the words of the service."""
    label = told.label
    return answer_of(
        told.allocation,
        0,
        bundle=label.address,
        units=label.units,
        currency=label.currency,
        receipt=told.receipt,
        axes=None if label is own else label.other_axes(own),
    )
