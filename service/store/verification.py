"""Is the chain whole, and do its decisions come out the same again?"""

from dataclasses import dataclass
from pathlib import Path

from xbopt.service.deciding.allocator import Allocator
from xbopt.service.store.entries import GENESIS, next_hash
from xbopt.service.store.interface import Store, TamperedStoreError
from xbopt.service.store.recording import decode_decision, differing_outputs


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainReport:
    """A chain that is whole.

    Attributes:
        entries: Number of entries.
        decisions: Number of entries with decisions.
        outcomes: Number of outcomes.
        head: Hash over all entries, in hex. Kept elsewhere, it shows later whether the end was cut off.
    """

    entries: int
    decisions: int
    outcomes: int
    head: str


def verify_chain(store: Store, *, expected: str | None = None) -> ChainReport:
    """Hash every entry again.

    Args:
        store: The store.
        expected: A head that was written down earlier, in hex; the chain must still run through it.

    Raises:
        TamperedStoreError: An entry was changed, removed, added or moved; the message says where.
        StoreError: The store cannot be read.
    """
    chain, seq = GENESIS, 0
    passed = expected is None or expected == GENESIS.hex()
    kinds = {"bundle": 0, "decision": 0, "outcome": 0}
    # The end is read first: what other replicas append meanwhile is looked at the next time.
    end = store.head()
    for entry in store.entries():
        if seq == end.seq:
            break
        if entry.seq != seq + 1:
            raise TamperedStoreError(f"Entry {seq + 1} is missing: entry {entry.seq} follows {seq}.")
        seq = entry.seq
        chain = next_hash(chain, seq, entry.kind, entry.key, entry.payload)
        if chain != entry.hash:
            raise TamperedStoreError(f"Entry {seq} ({entry.kind} {entry.key!r}) was changed, or put in another place.")
        kinds[entry.kind] = kinds.get(entry.kind, 0) + 1
        passed = passed or chain.hex() == expected
    if end.seq != seq or end.hash != chain:
        raise TamperedStoreError(f"The chain ends after {seq} entries, but {end.seq} were written.")
    if not passed:
        raise TamperedStoreError("The chain does not run through the head that was expected: its end was written anew.")
    return ChainReport(entries=seq, decisions=kinds["decision"], outcomes=kinds["outcome"], head=chain.hex())


def replay_decisions(store: Store, bundle: Path, *, unproven: bool = False) -> int:
    """Work out every decision of a bundle again.

    Returns:
        How many decisions came out the same.

    Raises:
        TamperedStoreError: One did not.
        BundleError: The bundle does not pass the checks.
        StoreError: The store cannot be read.
    """
    allocator = Allocator.load(bundle, unproven=unproven)
    same = 0
    for entry in store.entries("decision"):
        decision = decode_decision(entry.payload)
        if decision.bundle != allocator.address:
            continue
        differing = differing_outputs(decision, allocator)
        if differing:
            raise TamperedStoreError(
                f"Entry {entry.seq} ({entry.key!r}) comes out otherwise: {', '.join(differing)} differ. It was not "
                "made by this bundle, or this machine computes otherwise."
            )
        same += len(decision.decision_ids)
    return same
