"""Working stored decisions out again: the same bundle and the same request give the same bits."""

from pathlib import Path

from xbopt.service.deciding.allocator import Allocator
from xbopt.service.store.interface import Store, TamperedStoreError
from xbopt.service.store.recording import decode_decision, differing_outputs


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
