"""What the store holds: bundles, decisions, outcomes, events of campaigns and acts of administration.

Each is one entry of a chain.
"""

import hashlib
from typing import Annotated, Literal

import msgspec

EntryKind = Literal["bundle", "decision", "outcome", "shadow", "administration", "withdrawal", "campaign"]
Action = Literal["start", "swap", "rollback", "kill_switch", "tokens"]
Happened = Literal[
    "opened", "actuals", "proposed", "approved", "booked", "decided", "rolled_out", "closed", "withdrawn"
]
GENESIS = hashlib.sha256(b"xbopt decision store 1").digest()
ENTRY_VERSION = 1


class NewEntry(msgspec.Struct, frozen=True):
    """Something to be stored.

    Attributes:
        kind: What it is.
        key: Its name among its kind; the same name is stored once.
        payload: Its content.
        requires: Name of a decision that must be there already, or of a withdrawal of one; empty for none.
        identity: Hash of the request that a decision answers; another request may not come under its name. It is part
            of the content, and stands here so that nobody has to read that again. For a withdrawal the SHA-256 of the
            decisions that were not told, one after the other; one with other content stays as it is. Empty for other
            kinds.
        unit: Number of the list that it belongs to, whose entries stand together and in a row; 0 for none. Where one of
            them is a decision whose name stands for another request, or an event of a campaign whose place is taken by
            another, none of them is stored.
    """

    kind: EntryKind
    key: str
    payload: bytes
    requires: str = ""
    identity: bytes = b""
    unit: int = 0


class Entry(msgspec.Struct, frozen=True):
    """Something that is stored: its place in the chain, and the hash up to here."""

    seq: int
    kind: EntryKind
    key: str
    payload: bytes
    hash: bytes


class Stored(msgspec.Struct, frozen=True):
    """What became of a new entry.

    Attributes:
        state: ``new``: it is on disk now. ``known``: the name was there; ``payload`` is what stands under it.
            ``orphan``: the decision that it requires is not there, so it was not stored. ``unwanted``: nobody waited
            for it any more, or its unit was not stored, so it was not either.
        payload: What stands under the name. For a decision that was withdrawn it is what was told instead.
        seq: Its place in the chain, from 1; 0 where nothing is stored.
        hash: The hash of the chain up to it: with ``seq`` the receipt.
    """

    state: Literal["new", "known", "orphan", "unwanted"]
    payload: bytes
    seq: int = 0
    hash: bytes = b""


class Head(msgspec.Struct, frozen=True):
    """The end of the chain: number of entries, and the hash over all of them."""

    seq: int
    hash: bytes


class DecisionEntry(msgspec.Struct, array_like=True, kw_only=True):
    """A batch of decisions; arrays as little-endian bytes, row by row.

    A withdrawal has this form too: it stands under the name of a decision that was not told, because the store took too
    long, and holds the plan's answer that was told instead. From then on it counts in the decision's place.

    Attributes:
        version: Version of this format.
        created_us: When it was decided, microseconds since 1970, UTC.
        bundle: Content address of the bundle.
        request: SHA-256 of the request: the same id may only come again with the same request.
        decision_ids: ``(B,)``.
        episode_ids: ``(B,)``.
        steps: ``(B,)``.
        policy: Name of the policy or plan ``(B,)``.
        source: ``policy``, ``held``, ``plan`` or ``stopped`` ``(B,)``.
        guardrails: Guardrails that changed something ``(B,)``.
        killed: Whether the kill switch was on.
        reason: Why the plan decided all of it; empty where it did not.
        shape: Lengths of the axes R, S, C, H, F, G, E and K, and for a factored policy of A and L; K is 0 where there
            is no menu.
        inputs: What was known, by name, gaps filled in; ``missing.NAME`` says which numbers of an input were gaps.
        outputs: What was decided, by name.
        actor: Name of the token that asked; empty where the service takes no tokens.
        kill: What the kill switch did: empty where it was off, ``plan`` or ``zero``.
        off: Guardrails that could not work ``(B,)``; empty where all could. None where a service decided that did not
            say so yet, nor which numbers were gaps.
    """

    version: int = ENTRY_VERSION
    created_us: int
    bundle: str
    request: bytes
    decision_ids: list[str]
    episode_ids: list[str]
    steps: list[int]
    policy: list[str]
    source: list[str]
    guardrails: list[list[str]]
    killed: bool
    reason: str
    shape: Annotated[tuple[int, ...], msgspec.Meta(min_length=8, max_length=10)]
    inputs: dict[str, bytes]
    outputs: dict[str, bytes]
    actor: str = ""
    kill: str = ""
    off: list[list[str]] | None = None


class _Asked(msgspec.Struct, array_like=True):
    """The first fields of a ``DecisionEntry``."""

    version: int
    created_us: int
    bundle: str
    request: bytes


def request_of(payload: bytes) -> bytes:
    """SHA-256 of the request that a stored decision answers, without reading the rest; empty for something else."""
    try:
        return msgspec.msgpack.decode(payload, type=_Asked).request
    except (msgspec.DecodeError, UnicodeDecodeError):
        return b""


class OutcomeEntry(msgspec.Struct, array_like=True, kw_only=True):
    """What a decision brought in one cell; as ``requests.Outcome``, with the time in microseconds, and who told it."""

    version: int = ENTRY_VERSION
    decision_id: str
    unit: str
    reward: float
    cost: float
    ready_us: int
    revision: int
    actor: str = ""


class BundleEntry(msgspec.Struct, array_like=True, kw_only=True):
    """A bundle that began to decide: its address, and the schema that gives its arrays their shapes and names.

    ``exploration`` is the share of decisions drawn uniformly from the menu, None where nobody says. ``allowed`` is the
    guardrails' mask over it ``(R, S, K)``, a byte each; empty where all is allowed, or nobody says.
    """

    version: int = ENTRY_VERSION
    address: str
    name: str
    bundle_version: str
    policy: str
    scenario_hash: str
    schema: bytes
    exploration: float | None = None
    allowed: bytes = b""


class ShadowEntry(msgspec.Struct, array_like=True, kw_only=True):
    """What a shadow would have done with the decisions of an entry.

    Attributes:
        version: Version of this format.
        decision: Name of the entry.
        address: Content address of the shadow.
        name: Its name.
        probabilities: Of each tactic, after its mask and guardrails ``(B, R, S, K)``, or of each level ``(B, A, L)``;
            float32.
    """

    version: int = ENTRY_VERSION
    decision: str
    address: str
    name: str
    probabilities: bytes


class AdministrationEntry(msgspec.Struct, array_like=True, kw_only=True):
    """Something that an operator did; each occurrence is an entry of its own.

    Attributes:
        version: Version of this format.
        at_us: When, microseconds since 1970, UTC.
        actor: Name of the token; empty where the service takes no tokens, or acted by itself.
        action: What was done.
        bundle: Content address of the bundle that decides from then on.
        detail: More, in words.
    """

    version: int = ENTRY_VERSION
    at_us: int
    actor: str
    action: Action
    bundle: str
    detail: str = ""


class CampaignEntry(msgspec.Struct, array_like=True, kw_only=True):
    """Something that happened to a campaign. Its key is ``NAME/NNNNNN``: events are numbered from 1, each number once.

    Attributes:
        version: Version of this format.
        at_us: When it was written down, microseconds since 1970, UTC.
        actor: Who did it; empty where nobody said.
        request: Name that whoever asked gave the request, so that asking again tells the same; empty for none.
        happened: What it was.
        content: The event itself; `xbopt.campaigns.books.events` reads it.
        digest: SHA-256 of what was asked under the name of the request; empty where it has no name, or is older.
    """

    version: int = ENTRY_VERSION
    at_us: int
    actor: str
    request: str
    happened: Happened
    content: bytes
    digest: bytes = b""


def campaign_key(name: str, number: int) -> str:
    """The key of an event of a campaign."""
    return f"{name}/{number:06d}"


def next_hash(previous: bytes, seq: int, kind: str, key: str, payload: bytes) -> bytes:
    """The hash of the chain up to an entry: it covers its place, kind, name and content, and all before it."""
    name = key.encode()
    head = b"%s%d\0%s\0%d\0%s" % (previous, seq, kind.encode(), len(name), name)
    return hashlib.sha256(head + payload).digest()
