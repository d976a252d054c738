"""What a bundle says of itself, compared with what is in it: its evidence, its card, its libraries, its exploration."""

from collections.abc import Mapping

import msgspec
import numpy as np

from xbopt.core.errors import BundleError, SupportError, UsageError
from xbopt.service.bundle.evidence import Evidence, Subject, read_evidence
from xbopt.service.bundle.formats import (
    CARD,
    CERTIFICATE,
    GOLDEN,
    MANIFEST,
    UNPROVEN,
    Golden,
    Manifest,
    Provenance,
    lock_of,
)
from xbopt.service.bundle.golden import free_rows, read_golden
from xbopt.service.bundle.schema import Schema


def evidence_of(files: Mapping[str, bytes], manifest: Manifest) -> Evidence | None:
    """What the certificate says; None where there is none, or where it is bound to nothing.

    Raises:
        BundleError: It is no certificate, or not one that speaks for this policy.
    """
    about = manifest.provenance
    # What older versions exported does not say which policy its certificate has to be about.
    if CERTIFICATE not in files or isinstance(about.policy_sha256, msgspec.UnsetType):
        return None
    subject = Subject(
        policy=about.policy,
        policy_sha256=about.policy_sha256,
        scenario_hash=about.scenario_hash,
        again="Export the bundle again with a certificate of its own.",
    )
    try:
        return read_evidence(files[CERTIFICATE], CERTIFICATE, subject)
    except (UsageError, SupportError) as error:
        raise BundleError(f"The evidence in the bundle does not hold: {error}") from error


def check_claims(files: Mapping[str, bytes], manifest: Manifest) -> None:
    """What manifest and card say of the bundle has to be said of this one.

    Raises:
        BundleError: They say something else.
    """
    about = manifest.provenance
    if about.lock_sha256 != lock_of(about.libraries):
        raise BundleError(f"{MANIFEST} lists other libraries than its lock_sha256 is the hash of.")
    card = files[CARD].decode("utf-8", "replace")
    named = card.startswith(f"# {manifest.name} {manifest.version}\n") and all(
        part in card for part in (f"`{about.policy}`", f"({about.scenario_hash})")
    )
    if not named or (UNPROVEN in card) == (CERTIFICATE in files):
        raise BundleError(f"{CARD} is the card of another bundle.")


def check_exploration(golden: Golden, schema: Schema, provenance: Provenance) -> None:
    """What the policy did not choose has its share of the exploration that the manifest tells.

    A tactic that is not the policy's own has the share over ``K``, and the policy's own level of a factor all but it.

    Raises:
        BundleError: Golden vectors say otherwise.
    """
    share = provenance.exploration
    if isinstance(share, msgspec.UnsetType) or schema.shape == "direct":
        return
    inputs, outputs = read_golden(golden, schema)
    free = free_rows(inputs)
    if schema.shape == "factored":
        own = np.abs(outputs["probabilities"][free] - (1.0 - share)).min(axis=2)
        if not float(own.max()) <= golden.tolerance:
            raise BundleError(
                f"{MANIFEST} says exploration {share:g}, so a level of each factor has probability {1.0 - share:.3g}; "
                f"{GOLDEN} has one without."
            )
        return
    tactics = len(schema.axes["K"])
    # A menu of one tactic leaves nothing to choose: it is certain, whatever the share.
    least, wanted = float(outputs["probabilities"][free].min()), share / tactics if tactics > 1 else 1.0
    if not abs(least - wanted) <= golden.tolerance:
        raise BundleError(
            f"{MANIFEST} says exploration {share:g}, so the least probability of a tactic is {wanted:.3g}; "
            f"{GOLDEN} has {least:.3g}."
        )
