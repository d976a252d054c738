"""Loading a bundle: size limits, checksums, signature, evidence, documents, graph, golden vectors, in this order."""

from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np

from xbopt.core.arrays import FloatArray, IntArray
from xbopt.core.decisions.limits import Limits
from xbopt.core.errors import BundleError, UsageError
from xbopt.service.bundle.archive import read_files
from xbopt.service.bundle.claims import check_claims, check_exploration, evidence_of
from xbopt.service.bundle.evidence import Evidence, exploration_note
from xbopt.service.bundle.formats import (
    CERTIFICATE,
    GOLDEN,
    GUARDRAILS,
    PLAN,
    POLICY,
    SCHEMA,
    Golden,
    Guardrails,
    Manifest,
    Plan,
    decode,
)
from xbopt.service.bundle.golden import check_golden
from xbopt.service.bundle.graph_session import GraphSession
from xbopt.service.bundle.graph_trial import Trial, try_graph
from xbopt.service.bundle.integrity import check_integrity
from xbopt.service.bundle.keys import TrustedKeys
from xbopt.service.bundle.native_graph import Decider, choose_decider
from xbopt.service.bundle.ranges import check_guardrails, check_plan, check_schema_ranges
from xbopt.service.bundle.schema import Schema, read_schema
from xbopt.service.bundle.tensors import floats, integers

_UNBOUND = (
    "The certificate in the bundle counts for nothing: an older version of xbopt exported it, and did not say for "
    "which policy. Export the bundle again; the service starts with it only with --unproven."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class FallbackPlan:
    """The plan that stands in for the policy.

    Attributes:
        name: Name of the plan.
        spend_base: ``(T, R, S, C)``.
        daypart_weights: ``(R, C, H)``.
        discount_frac: ``(T, R, S)``.
        mechanic: ``(T, R, S)``.
        tactic: The nearest tactic ``(T, R, S)``; None for a direct policy.
        limits: The hard limits.
    """

    name: str
    spend_base: FloatArray
    daypart_weights: FloatArray
    discount_frac: FloatArray
    mechanic: IntArray
    tactic: IntArray | None
    limits: Limits


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundle:
    """A bundle that passed every check.

    Attributes:
        manifest: What it is.
        schema: Inputs and outputs.
        guardrails: What no decision may do.
        plan: The plan that stands in for the policy.
        certificate: ``ope.json``; None where the policy is unproven.
        evidence: What the certificate says; None where the policy is unproven.
        signer: Public key that signed the bundle; None where it is not signed.
        session: The graph, ready to be run by onnxruntime: the reference.
        decider: Who works the graph out when something is decided.
        schema_bytes: ``schema.json`` as it is.
    """

    manifest: Manifest
    schema: Schema
    guardrails: Guardrails
    plan: FallbackPlan
    certificate: bytes | None
    evidence: Evidence | None
    signer: str | None
    session: GraphSession
    decider: Decider
    schema_bytes: bytes

    @property
    def exploration(self) -> float | None:
        """Share of decisions that are drawn uniformly from the menu; None where it is not known."""
        share = self.manifest.provenance.exploration
        return None if isinstance(share, msgspec.UnsetType) else share

    @property
    def log_can_judge(self) -> bool:
        """Whether the log of its decisions can judge other policies over its menu."""
        return not exploration_note(self.schema.shape, self.exploration, len(self.schema.axes.get("K", [])))

    def check_certificate(self, path: Path) -> None:
        """Check that a certificate is the one in the bundle, byte by byte.

        Raises:
            UsageError: The file cannot be read.
            BundleError: It is another one, or the bundle has none.
        """
        try:
            same = path.read_bytes() == self.certificate
        except OSError as error:
            raise UsageError(f"{path} cannot be read: {error.strerror}.") from error
        if not same:
            raise BundleError(f"The bundle {self.manifest.name} was not exported with the certificate {path}.")

    @property
    def notes(self) -> list[str]:
        """What whoever serves it should know."""
        if self.evidence is not None:
            notes = self.evidence.notes
        elif CERTIFICATE in self.manifest.files:
            notes = [_UNBOUND]
        else:
            notes = ["The bundle is unproven: it has no certificate. The service starts with it only with --unproven."]
        note = exploration_note(self.schema.shape, self.exploration, len(self.schema.axes.get("K", [])))
        return [*notes, note] if note else notes


def load_bundle(path: Path, *, unproven: bool = False, trusted_key: TrustedKeys = None) -> Bundle:
    """Load a bundle and check all of it.

    Args:
        path: The folder or the archive.
        unproven: Load a bundle without a certificate that is bound to its policy too.
        trusted_key: Public keys in hex, one of which must have signed the bundle; any key, or none, where left out.

    Raises:
        BundleError: The bundle was tampered with, is broken or incompatible, takes too much time or memory, or has no
            certificate that speaks for it.
        UsageError: There is nothing of that name.
    """
    files = read_files(path)
    manifest, signer = check_integrity(files, trusted_key=trusted_key)
    evidence = evidence_of(files, manifest)
    if evidence is None and not unproven:
        raise BundleError(
            "The bundle has no certificate (ope.json) that is bound to its policy, so nothing says that the policy is "
            "better than what is done now. Export it with --evaluation, or say --unproven to use it all the same."
        )
    check_claims(files, manifest)
    schema = read_schema(files[SCHEMA])
    check_schema_ranges(schema)
    if schema.shape != manifest.shape:
        raise BundleError(f"{SCHEMA} is for a {schema.shape} policy, the manifest for a {manifest.shape} one.")
    guardrails = decode(files[GUARDRAILS], Guardrails, GUARDRAILS)
    check_guardrails(guardrails, schema)
    document = decode(files[PLAN], Plan, PLAN)
    plan = _plan(document, schema)
    check_plan(document, schema)
    golden = decode(files[GOLDEN], Golden, GOLDEN)
    money = plan.limits.daily_base
    try_graph(Trial(model=files[POLICY], schema=files[SCHEMA], golden=files[GOLDEN], daily_base=money))
    session = GraphSession(files[POLICY], schema)
    if session.inspected.metadata.get("scenario_hash") != manifest.provenance.scenario_hash:
        raise BundleError(f"{POLICY} was made for another scenario than the manifest says.")
    check_golden(golden, session, schema, daily_base=money)
    check_exploration(golden, schema, manifest.provenance)
    return Bundle(
        manifest=manifest,
        schema=schema,
        guardrails=guardrails,
        plan=plan,
        certificate=None if evidence is None else files[CERTIFICATE],
        evidence=evidence,
        signer=signer,
        session=session,
        decider=choose_decider(session, golden, schema, daily_base=money),
        schema_bytes=files[SCHEMA],
    )


def _plan(plan: Plan, schema: Schema) -> FallbackPlan:
    regions, segments, channels, dayparts = (len(schema.axes[axis]) for axis in "RSCH")
    cells, days = (regions, segments), schema.days
    every = plan.arrays
    tactic = integers(every, "tactic", (days, *cells), PLAN) if schema.shape == "tactic" else None
    if tactic is not None and not (tactic.min() >= 0 and tactic.max() < len(schema.axes["K"])):
        raise BundleError(f"{PLAN} names a tactic that is not on the menu.")
    return FallbackPlan(
        name=plan.name,
        spend_base=floats(every, "spend_base", (days, *cells, channels), PLAN),
        daypart_weights=floats(every, "daypart_weights", (regions, channels, dayparts), PLAN),
        discount_frac=floats(every, "discount_frac", (days, *cells), PLAN),
        mechanic=integers(every, "mechanic", (days, *cells), PLAN),
        tactic=tactic,
        limits=Limits(
            total_base=plan.total_base,
            daily_base=plan.daily_base,
            region_cap_base=floats(every, "region_cap_base", (regions,), PLAN),
            channel_cap_base=floats(every, "channel_cap_base", (channels,), PLAN),
            minimum_base=floats(every, "minimum_base", (*cells, channels), PLAN),
            # Bundles that were made before there were maximums hold none.
            maximum_base=floats(every, "maximum_base", (regions, channels), PLAN)
            if "maximum_base" in every
            else np.full((regions, channels), np.inf),
            locked=integers(every, "locked", (*cells, channels), PLAN).astype(np.bool_),
            lock_base=floats(every, "lock_base", (*cells, channels), PLAN),
            discount_ceiling=floats(every, "discount_ceiling", cells, PLAN),
            audience=floats(every, "audience", (regions, dayparts), PLAN),
        ),
    )
