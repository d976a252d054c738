"""Is the chain whole? Every entry is hashed again, in order."""

from dataclasses import dataclass

from xbopt.service.store.entries import GENESIS, next_hash
from xbopt.service.store.interface import Store, TamperedStoreError


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
