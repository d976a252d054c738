"""Loading a bundle: size limits, checksums, signature, schema, model, golden vectors, in this order."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from xbopt.core.arrays import FloatArray, IntArray
from xbopt.core.decisions.limits import Limits
from xbopt.core.errors import BundleError
from xbopt.service.bundle.archive import read_files
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
from xbopt.service.bundle.graph_session import Arrays, GraphSession, golden_difference
from xbopt.service.bundle.integrity import check_integrity
from xbopt.service.bundle.ranges import check_guardrails, check_plan, check_schema_ranges
from xbopt.service.bundle.schema import Schema, read_schema, shape_of
from xbopt.service.bundle.tensors import floats, from_tensor, integers

FEWEST_GOLDEN_ROWS = 100


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
        session: The graph, ready to run.
        schema_bytes: ``schema.json`` as it is.
    """

    manifest: Manifest
    schema: Schema
    guardrails: Guardrails
    plan: FallbackPlan
    certificate: bytes | None
    session: GraphSession
    schema_bytes: bytes


def load_bundle(path: Path, *, unproven: bool = False, trusted_key: str | None = None) -> Bundle:
    """Load a bundle and check all of it.

    Args:
        path: The folder or the archive.
        unproven: Load a bundle without a certificate too.
        trusted_key: Public key in hex that must have signed the bundle; any key, or none, where left out.

    Raises:
        BundleError: The bundle was tampered with, is broken or incompatible, or has no certificate.
        UsageError: There is nothing of that name.
    """
    files = read_files(path)
    manifest = check_integrity(files, trusted_key=trusted_key)
    if CERTIFICATE not in files and not unproven:
        raise BundleError(
            "The bundle has no certificate (ope.json), so nothing says that its policy is better than what is done "
            "now. Export it with --evaluation, or say --unproven to use it all the same."
        )
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
    session = GraphSession(files[POLICY], schema)
    check_golden(golden, session, schema, daily_base=plan.limits.daily_base)
    return Bundle(
        manifest=manifest,
        schema=schema,
        guardrails=guardrails,
        plan=plan,
        certificate=files.get(CERTIFICATE),
        session=session,
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


def check_golden(golden: Golden, session: GraphSession, schema: Schema, *, daily_base: float) -> None:
    """Run the golden inputs and compare with what the policy itself gave; money as a share of the day's limit.

    Raises:
        BundleError: The graph does not do here what the policy did where the bundle was made.
    """
    if golden.rows < FEWEST_GOLDEN_ROWS:
        raise BundleError(f"{GOLDEN} has {golden.rows} pairs; at least {FEWEST_GOLDEN_ROWS} are wanted.")
    if not 0.0 <= golden.tolerance <= 1e-6:
        raise BundleError(f"{GOLDEN} has the tolerance {golden.tolerance:g}; at most 1e-6 is allowed.")
    inputs: Arrays = {}
    for field in schema.inputs:
        shape = shape_of(field, schema, golden.rows)
        read = floats if field.dtype == "float64" else integers
        inputs[field.name] = read(golden.inputs, field.name, shape, GOLDEN)
    if set(golden.inputs) != set(inputs) or not {"spend_base", "discount_frac"} <= set(golden.outputs):
        raise BundleError(f"{GOLDEN} has other inputs or outputs than the schema.")
    found = session.named(inputs)
    for name, tensor in golden.outputs.items():
        if name not in found:
            raise BundleError(f"{GOLDEN} has the output {name}, which the graph does not give.")
        difference = golden_difference(name, found[name], from_tensor(tensor, name), daily_base)
        if difference > golden.tolerance:
            raise BundleError(
                f"{POLICY} gives another {name} than the policy gave (difference {difference:.3g}, at most "
                f"{golden.tolerance:g} allowed). This machine or its onnxruntime computes otherwise."
            )
