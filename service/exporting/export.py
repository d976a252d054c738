"""Exporting a policy: the graph, the documents beside it, golden vectors, and the seal."""

from dataclasses import dataclass, field
from datetime import UTC, datetime

import numpy as np

from xbopt.agents.planner.replanning import ReplanningPolicy
from xbopt.core.decisions.anchored_menu import AnchoredMenu, PolicyMenu
from xbopt.core.decisions.factors import Factors
from xbopt.core.decisions.plan import ScheduledPolicy
from xbopt.core.decisions.policy import AnchoredPolicy, FactoredPolicy, Policy, TacticPolicy
from xbopt.core.errors import BundleError, UsageError
from xbopt.core.randomness import named_generator
from xbopt.core.scenario.scenario import Scenario
from xbopt.env.baseline_plan import scenario_plan
from xbopt.service.bundle.claims import check_exploration
from xbopt.service.bundle.evidence import Subject, read_evidence
from xbopt.service.bundle.formats import (
    CARD,
    CERTIFICATE,
    FORMAT_VERSION,
    GOLDEN,
    GUARDRAILS,
    MANIFEST,
    PLAN,
    POLICY,
    SCHEMA,
    SIGNATURE,
    Golden,
    Guardrails,
    Manifest,
    PolicyShape,
    encode,
)
from xbopt.service.bundle.graph_session import Arrays, GraphSession, floats_of, golden_difference
from xbopt.service.bundle.graph_trial import Trial, try_graph
from xbopt.service.bundle.integrity import entry_of, sealed
from xbopt.service.bundle.keys import sign
from xbopt.service.bundle.ranges import check_guardrails, check_plan
from xbopt.service.bundle.schema import Schema
from xbopt.service.bundle.tensors import to_tensor
from xbopt.service.deciding.guardrails import allowed_tactics, arm
from xbopt.service.exporting.card import write_card
from xbopt.service.exporting.description import build_guardrails, build_plan, build_schema, describe_features
from xbopt.service.exporting.evidence import subject_of
from xbopt.service.exporting.inputs import inputs_of
from xbopt.service.exporting.policies import policy_graph, reads_channels
from xbopt.service.exporting.provenance import build_provenance
from xbopt.service.exporting.reference import observe_policy, reference_outputs
from xbopt.simulator.parameters import MarketParameters

GOLDEN_ROWS = 128
TOLERANCE = 1e-6
_WORLDS = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportSettings:
    """What a bundle is called, and what goes with it.

    Attributes:
        name: Name in the service.
        version: Semantic version.
        certificate: ``ope.json``; None for an unproven policy.
        fallback: The plan that stands in for the policy; the scenario's own where None.
        guardrails: The planner's own guardrails; the scenario's limits where None.
        private_key_pem: Signs the bundle; None for no signature.
        created: When it is made; now where None.
        seeds: Seeds by what they were for.
        data_sha256: Hashes of data by name.
        seed: Seed of the golden vectors.
        subject: What the certificate has to be about; the policy as a built-in plan where None.
    """

    name: str
    version: str = "1.0.0"
    certificate: bytes | None = None
    fallback: ScheduledPolicy | None = None
    guardrails: Guardrails | None = None
    private_key_pem: bytes | None = None
    created: datetime | None = None
    seeds: dict[str, int] = field(default_factory=dict[str, int])
    data_sha256: dict[str, str] = field(default_factory=dict[str, str])
    seed: int = 0
    subject: Subject | None = None


def export_policy(policy: Policy, market: MarketParameters, settings: ExportSettings) -> dict[str, bytes]:
    """The files of a bundle by name.

    The graph is compared with the policy on the golden inputs before anything is given back, and tried as every loader
    will try it.

    Raises:
        PolicyError: There is no graph for this kind of policy.
        BundleError: The graph does not do what the policy does.
        UsageError: Name, version, key or the planner's own guardrails make no sense, or the certificate is for another
            policy.
        SupportError: The certificate proves nothing.
    """
    scenario = market.scenario
    subject = settings.subject or subject_of(policy, scenario, None)
    if settings.certificate is not None:
        read_evidence(settings.certificate, CERTIFICATE, subject)
    factors = policy.factors if isinstance(policy, FactoredPolicy) else None
    menu = policy.menu if isinstance(policy, TacticPolicy) else None
    shape: PolicyShape = "factored" if factors is not None else "direct" if menu is None else "tactic"
    seen = observe_policy(policy, market, worlds=_WORLDS, seed=settings.seed)
    sample = seen[0]
    channels = reads_channels(policy)
    inputs = inputs_of(seen, scenario, channels=channels)
    features = {
        "F": describe_features(sample.region_names, floats_of(inputs, "regions")),
        "G": describe_features(sample.cell_names, floats_of(inputs, "cells")),
        "E": describe_features(sample.channel_names, floats_of(inputs, "channels")) if channels else [],
    }
    anchor = policy.anchor.name if isinstance(policy, AnchoredPolicy) else ""
    schema = build_schema(scenario, shape, features, factors or menu, anchor)
    model = policy_graph(policy, scenario, sample, schema)

    rows = np.linspace(0, len(inputs["day"]) - 1, GOLDEN_ROWS).astype(np.int64)
    golden_inputs: Arrays = {name: array[rows] for name, array in inputs.items()}
    if menu is not None:
        golden_inputs |= golden_draws(scenario.shape[:2], len(menu), GOLDEN_ROWS, seed=settings.seed)
    elif factors is not None:
        golden_inputs |= golden_levels(factors, GOLDEN_ROWS, seed=settings.seed)
    session = GraphSession(model, schema)
    found = session.named(golden_inputs)
    known = golden_inputs | {name: found[name] for name in ("tactic", "levels") if name in found}
    outputs = reference_outputs(policy, scenario, sample, known)
    for name, array in found.items():
        difference = golden_difference(name, array, outputs[name], scenario.limits.daily_base)
        if difference > TOLERANCE:
            raise BundleError(f"The graph of {policy.name} gives another {name} than the policy ({difference:.3g}).")
    golden = Golden(
        golden_version=1,
        rows=GOLDEN_ROWS,
        tolerance=TOLERANCE,
        inputs={name: to_tensor(array) for name, array in golden_inputs.items()},
        outputs={name: to_tensor(outputs[name]) for name in found},
    )
    guardrails = _guardrails(settings, scenario, schema)
    plan = build_plan(scenario, _fallback(settings, market, policy), menu)
    check_plan(plan, schema)
    created = (settings.created or datetime.now(UTC)).strftime("%Y-%m-%dT%H:%M:%SZ")
    try_graph(Trial(model=model, schema=encode(schema), golden=encode(golden), daily_base=scenario.limits.daily_base))
    provenance = build_provenance(
        policy,
        scenario,
        policy_sha256=subject.policy_sha256,
        seeds=settings.seeds,
        data_sha256=settings.data_sha256,
    )
    check_exploration(golden, schema, provenance)
    files = {
        POLICY: model,
        SCHEMA: encode(schema),
        GUARDRAILS: encode(guardrails),
        PLAN: encode(plan),
        GOLDEN: encode(golden),
        CARD: write_card(schema, guardrails, provenance, settings.name, settings.version, settings.certificate),
    }
    if settings.certificate is not None:
        files[CERTIFICATE] = settings.certificate
    manifest = Manifest(
        format_version=FORMAT_VERSION,
        name=settings.name,
        version=settings.version,
        created=created,
        shape=shape,
        files={name: entry_of(data) for name, data in sorted(files.items())},
        provenance=provenance,
        content_address="",
    )
    files[MANIFEST] = encode(sealed(manifest))
    if settings.private_key_pem is not None:
        files[SIGNATURE] = sign(files[MANIFEST], settings.private_key_pem)
    return files


def _guardrails(settings: ExportSettings, scenario: Scenario, schema: Schema) -> Guardrails:
    guardrails = settings.guardrails or build_guardrails(scenario)
    try:
        check_guardrails(guardrails, schema)
        if schema.shape == "tactic":
            armed = arm(guardrails, schema, scenario.limits)
            allowed_tactics(armed.discount, schema, np.zeros(scenario.shape[:2], dtype=np.int64))
    except BundleError as error:
        if settings.guardrails is None:
            raise
        raise UsageError(str(error)) from error  # the planner's own file: there is no bundle yet that could be broken
    return guardrails


def _fallback(settings: ExportSettings, market: MarketParameters, policy: Policy) -> ScheduledPolicy:
    """The plan that stands in for the policy: the one that it starts from, where it has one."""
    start = policy.anchor if isinstance(policy, AnchoredPolicy) else policy
    if isinstance(start, ReplanningPolicy):
        return settings.fallback or start.plan
    if isinstance(start, ScheduledPolicy) and start is not policy:
        return settings.fallback or start
    menu = policy.menu if isinstance(policy, TacticPolicy) else None
    if isinstance(menu, PolicyMenu) and isinstance(menu.policy, ScheduledPolicy):
        return menu.policy
    if not isinstance(menu, AnchoredMenu):
        return settings.fallback or scenario_plan(market)
    anchor = menu.anchor
    return ScheduledPolicy(
        name=anchor.name,
        spend_base=anchor.spend_base,
        daypart_weights=anchor.daypart_weights,
        discount_frac=anchor.discount_frac,
        mechanic=anchor.mechanic,
    )


def golden_levels(factors: Factors, rows: int, *, seed: int) -> Arrays:
    """Draws for a factored policy: most rows are free, some are forced."""
    generator = named_generator(seed, "golden")
    forced = np.full((rows, len(factors)), -1, dtype=np.int64)
    forced[::8] = generator.integers(0, factors.levels, size=forced[::8].shape)
    return {"uniform": generator.uniform(2.0**-53, 1.0 - 2.0**-53, size=forced.shape), "forced": forced}


def golden_draws(cells: tuple[int, int], tactics: int, rows: int, *, seed: int) -> Arrays:
    """Draws and masks for a tactic policy: most rows are free, some are forced."""
    generator = named_generator(seed, "golden")
    forced = np.full((rows, *cells), -1, dtype=np.int64)
    forced[::8] = generator.integers(0, tactics, size=forced[::8].shape)
    default = np.zeros((*cells, tactics))
    default[..., 0] = 1.0
    return {
        "uniform": generator.uniform(2.0**-53, 1.0 - 2.0**-53, size=(rows, *cells)),
        "forced": forced,
        "allowed": np.ones((*cells, tactics)),
        "default": default,
    }
