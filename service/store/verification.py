"""Is the chain whole, do its entries make sense, and do its decisions come out the same again?"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from xbopt.core.errors import UsageError
from xbopt.service.deciding.allocator import Allocator
from xbopt.service.store.entries import GENESIS, BundleEntry, Entry, Head, next_hash
from xbopt.service.store.interface import Store, TamperedStoreError
from xbopt.service.store.ranges import decision_complaint
from xbopt.service.store.recording import bundle_entry, decode_decision, decode_entry, differing_outputs

_RECEIPT = re.compile(r"(?:([0-9]{1,18}):)?([0-9a-fA-F]{64})")
_WITHOUT_KERNEL = (
    " The native kernel, whose last bits are its own, was not tried; it may have decided, so try again where it is: "
    "{reason}"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainReport:
    """A chain that is whole.

    Attributes:
        entries: Number of entries, which is the place of the last one and the one written down as the end.
        decisions: Number of entries with decisions.
        outcomes: Number of outcomes.
        bundles: Number of bundles that decided.
        shadows: Number of entries that tell what a shadow would have done.
        withdrawals: Number of decisions that were not told, because the store took too long; what was told counts.
        campaign_events: Number of events of campaigns.
        administration: Number of starts, swaps, rollbacks and the like.
        head: Hash over all entries, in hex. Kept elsewhere, it shows later whether the end was cut off.
        receipts: Number of receipts that were found in the chain.
        doubt: Why entries may be missing behind the head that was given; empty where nothing speaks for it.
    """

    entries: int
    decisions: int
    outcomes: int
    bundles: int
    shadows: int
    withdrawals: int
    campaign_events: int
    administration: int
    head: str
    receipts: int
    doubt: str


def read_receipt(text: str) -> Head:
    """``SEQ:HASH``, or a bare hash, which gets the place 0.

    Raises:
        UsageError: It is neither.
    """
    found = _RECEIPT.fullmatch(text.strip())
    if found is None:
        raise UsageError(f"{text[:100]!r} is no head and no receipt; give 64 digits of hex, or SEQ:HASH.")
    return Head(int(found[1] or 0), bytes.fromhex(found[2]))


def verify_chain(
    store: Store,
    *,
    expected: str | None = None,
    receipts: Iterable[Head] = (),
    look: Callable[[Entry], object] | None = None,
) -> ChainReport:
    """Hash every entry again, and compare all that says how many there are. Nothing is changed.

    Args:
        store: The store.
        expected: A head that was written down earlier, a hash in hex or ``SEQ:HASH``; the chain must still run through
            it.
        receipts: What clients were told; each must be in the chain.
        look: Called with every entry whose hash is right.

    Raises:
        TamperedStoreError: An entry was changed, removed, added or moved, the tables or their guards are others, there
            is no entry at all, or entries may be missing; the message says where.
        StoreError: The store cannot be read.
        UsageError: The head is none.
    """
    kept = None if expected is None else read_receipt(expected)
    wanted: dict[int, set[bytes]] = {}
    for receipt in receipts:
        wanted.setdefault(receipt.seq, set()).add(receipt.hash)
    found = passed = 0
    chain, seq = GENESIS, 0
    kinds = dict.fromkeys(("bundle", "decision", "outcome", "shadow", "withdrawal", "administration", "campaign"), 0)
    with store.snapshot():
        store.check_form()
        end = store.head()
        for entry in store.entries():
            if entry.seq != seq + 1:
                raise TamperedStoreError(f"Entry {seq + 1} is missing: entry {entry.seq} follows {seq}.")
            seq = entry.seq
            chain = next_hash(chain, seq, entry.kind, entry.key, entry.payload)
            if chain != entry.hash:
                raise TamperedStoreError(
                    f"Entry {seq} ({entry.kind} {entry.key!r}) was changed, or put in another place."
                )
            kinds[entry.kind] = kinds.get(entry.kind, 0) + 1
            passed += kept is not None and chain == kept.hash and kept.seq in {0, seq}
            found += chain in wanted.get(seq, ())
            if look is not None:
                look(entry)
        doubt = store.doubt()
    if seq > end.seq:
        raise TamperedStoreError(f"The chain has {seq} entries, but the end is written down after {end.seq}.")
    if end.seq != seq or end.hash != chain:
        raise TamperedStoreError(f"The chain ends after {seq} entries, but {end.seq} were written.")
    if not seq:
        why = f": {doubt}" if doubt else ""
        raise TamperedStoreError(f"The store holds no entry at all; whatever was in it is gone{why}.")
    if kept is not None and not passed:
        raise TamperedStoreError("The chain does not run through the head that was expected: its end was written anew.")
    missing = sum(map(len, wanted.values())) - found
    if missing:
        raise TamperedStoreError(_lost_receipts(wanted, seq, missing))
    if doubt and kept is None:
        raise TamperedStoreError(
            f"The {seq} entries fit together, but more may be missing at the end: {doubt}. Copy all files of a store, "
            "or stop the service before. A head that was kept elsewhere (--head) shows up to where nothing is missing."
        )
    return ChainReport(
        entries=seq,
        decisions=kinds["decision"],
        outcomes=kinds["outcome"],
        bundles=kinds["bundle"],
        shadows=kinds["shadow"],
        withdrawals=kinds["withdrawal"],
        campaign_events=kinds["campaign"],
        administration=kinds["administration"],
        head=chain.hex(),
        receipts=found,
        doubt=doubt,
    )


def _lost_receipts(wanted: dict[int, set[bytes]], last: int, missing: int) -> str:
    beyond = sorted(seq for seq in wanted if seq > last)
    where = f"; the chain ends at {last}, a receipt names entry {beyond[-1]}" if beyond else ""
    return f"{missing} of the receipts are not in the chain{where}: what was told is gone, or was written anew."


@dataclass(slots=True, kw_only=True)
class ReplayReport:
    """Decisions that came out the same again.

    Attributes:
        same: How many.
        unchecked: How many belong to bundles that were not given, by content address.
    """

    same: int = 0
    unchecked: dict[str, int] = field(default_factory=dict[str, int])


def replay_decisions(store: Store, bundles: Path | Sequence[Path], *, unproven: bool = False) -> ReplayReport:
    """Work out every decision of bundles again, with those that were withdrawn and what was told instead.

    Args:
        store: The store.
        bundles: The bundles.
        unproven: Whether bundles without a certificate are taken.

    Raises:
        TamperedStoreError: A decision does not come out the same, or a bundle decided nothing in this store.
        BundleError: A bundle does not pass the checks.
        StoreError: The store cannot be read.
    """
    paths = [bundles] if isinstance(bundles, Path) else bundles
    loaded = {path: Allocator.load(path, unproven=unproven) for path in paths}
    allocators = {allocator.address: allocator for allocator in loaded.values()}
    report, counts = ReplayReport(), dict.fromkeys(allocators, 0)
    with store.snapshot():
        for entry in store.entries("bundle"):
            allocator = allocators.get(entry.key)
            if allocator is not None and entry.payload != bundle_entry(allocator).payload:
                raise TamperedStoreError(f"Entry {entry.seq} says of the bundle {entry.key} what the bundle does not.")
        for kind in ("decision", "withdrawal"):
            for entry in store.entries(kind):
                decision = decode_decision(entry.payload)
                rows = len(decision.decision_ids)
                allocator = allocators.get(decision.bundle)
                if allocator is None:
                    report.unchecked[decision.bundle] = report.unchecked.get(decision.bundle, 0) + rows
                    continue
                complaint = decision_complaint(entry.key, decision, allocator.bundle.schema)
                if complaint:
                    raise TamperedStoreError(f"Entry {entry.seq} ({entry.key!r}) makes no sense: {complaint}")
                differing = differing_outputs(decision, allocator)
                if differing:
                    decider = allocator.bundle.decider
                    raise TamperedStoreError(
                        f"Entry {entry.seq} ({entry.key!r}) comes out otherwise: {', '.join(differing)} differ. It was "
                        "not made by this bundle, or by an older version with other rules, or this machine computes "
                        "otherwise." + _WITHOUT_KERNEL.format(reason=decider.reason) * (decider.name == "graph")
                    )
                report.same += rows
                counts[decision.bundle] += rows
        idle = [path for path, allocator in loaded.items() if not counts[allocator.address]]
        if idle:
            held = [decode_entry(entry.payload, BundleEntry) for entry in store.entries("bundle")]
            raise TamperedStoreError(
                f"{', '.join(path.name for path in idle)} decided nothing in this store, so nothing was worked out "
                f"again. The store holds: {'; '.join(map(_named, held)) or 'no bundle'}."
            )
    return report


def _named(one: BundleEntry) -> str:
    return f"{one.address} ({one.name} {one.bundle_version})"
