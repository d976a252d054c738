"""From a training run, or a built-in policy, to a bundle with its evidence."""

import hashlib
import re
from pathlib import Path

from xbopt.agents.bandits.market_policy import MarketBanditPolicy
from xbopt.agents.exploration import ExploringPolicy
from xbopt.agents.factored_direct import FactoredDirect
from xbopt.agents.planner.replanning import ReplanningPolicy
from xbopt.agents.policies import NAMES, policy_from
from xbopt.agents.run_directory import RunDirectory
from xbopt.agents.training import trained_policy
from xbopt.core.decisions.policy import DirectPolicy, FactoredPolicy, Policy, TacticPolicy
from xbopt.core.documents.problems import suggest
from xbopt.core.errors import PolicyError, UsageError
from xbopt.core.extras import need_extra
from xbopt.core.scenario.loading import scenario_of
from xbopt.core.scenario.plan_table import is_plan_file
from xbopt.core.scenario.scenario import Scenario
from xbopt.service.bundle.archive import write_files
from xbopt.service.bundle.formats import GUARDRAILS, Guardrails, Manifest, read_document
from xbopt.service.bundle.integrity import manifest_of
from xbopt.service.exporting.evidence import read_certificate, subject_of
from xbopt.service.exporting.export import ExportSettings, export_policy
from xbopt.simulator.build import build_market
from xbopt.simulator.parameters import MarketParameters


def export(
    run_or_plan: str | Path,
    output: str | Path,
    *,
    scenario: Scenario | str | Path | None = None,
    evaluation: str | Path | None = None,
    unproven: bool = False,
    exploration: float | None = None,
    name: str | None = None,
    version: str = "1.0.0",
    guardrails: str | Path | None = None,
    key: str | Path | None = None,
) -> Manifest:
    """Put a policy and its evidence into a bundle.

    Args:
        run_or_plan: A training run; or, with a scenario, the name of a built-in policy.
        output: The bundle: a new folder, or a file that ends in ``.xbopt``.
        scenario: The scenario of a built-in policy; a run knows its own.
        evaluation: Certificate of ``xbopt evaluate`` for this policy, with this exploration, in this scenario.
        unproven: Export without a certificate.
        exploration: Share of decisions drawn at random, 0 to 1; the policy's own where None.
        name: Name in the service; the policy's where None.
        version: Semantic version of the bundle.
        guardrails: A ``guardrails.json`` of one's own; the scenario's limits where None.
        key: Private ed25519 key in PEM, which signs the bundle.

    Returns:
        The manifest of the bundle.

    Raises:
        UsageError: The call makes no sense, or a file cannot be read or written.
        PolicyError: There is no such policy, no graph for it, or it cannot explore.
        ScenarioError: The scenario cannot be used.
        SupportError: The certificate says that the log could not answer, or that the policy is worse.
        BundleError: The graph does not do what the policy does.
    """
    need_extra("export", "onnx", "onnxruntime", "msgspec", *(["cryptography"] if key is not None else []))
    if (evaluation is None) != unproven:
        raise UsageError("Give the proof with --evaluation CERT.json, or say --unproven; one of them.")
    if exploration is not None and not 0.0 <= exploration <= 1.0:
        raise UsageError(f"exploration is {exploration:g}; a share from 0 to 1 is possible.")
    run = Path(run_or_plan)
    policy, market = policy_of_run(run_or_plan, scenario=scenario, exploration=exploration)
    subject = subject_of(policy, market.scenario, run if scenario is None else None)
    files = export_policy(
        policy,
        market,
        ExportSettings(
            name=name or re.sub(r"[^a-z0-9._-]+", "-", policy.name.lower()).strip("-."),
            version=version,
            certificate=None if evaluation is None else read_certificate(Path(evaluation), subject),
            subject=subject,
            guardrails=None if guardrails is None else read_document(_read(guardrails), Guardrails, GUARDRAILS),
            private_key_pem=None if key is None else _read(key),
            seeds=seed_of_run(run),
            data_sha256=hashes_of_run(run),
        ),
    )
    write_files(files, Path(output))
    return manifest_of(files)


def _read(path: str | Path) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}.") from error


def policy_of_run(
    run: str | Path, *, scenario: Scenario | str | Path | None, exploration: float | None
) -> tuple[Policy, MarketParameters]:
    """The policy to export, and its market.

    Args:
        run: A run directory, or with a scenario the name of a built-in policy.
        scenario: The scenario of a built-in policy; a run knows its own.
        exploration: Share of decisions drawn uniformly from the menu; the policy's own where None.

    Raises:
        PolicyError: There is no such policy, or it cannot explore.
        UsageError: There is no such run, a scenario is missing, or a plan's file is named.
        ScenarioError: The scenario cannot be used.
    """
    if scenario is not None:
        market = build_market(scenario_of(scenario))
        named = str(run)
        if is_plan_file(named):
            raise UsageError(
                f"{named}: a plan's file cannot be exported; name a built-in policy ({', '.join(NAMES)}), or the "
                "folder of a training run, which may have learnt around it: xbopt train --plan FILE."
            )
        if named not in NAMES:
            raise PolicyError(
                f"There is no policy {named!r} to export.{suggest(named, NAMES)} Built in: {', '.join(NAMES)}; a "
                "training run is named without --scenario."
            )
        policy: Policy = policy_from(named, market)
    else:
        folder = RunDirectory.open(Path(run))
        market = build_market(folder.scenario())
        policy = trained_policy(folder, market)
    return (policy if exploration is None else explored(policy, market, exploration)), market


def explored(policy: Policy, market: MarketParameters, share: float) -> Policy:
    """The policy with a share of exploration, so that its log can be evaluated.

    A policy of factors and the re-planner go one notch aside, factor by factor; others draw from the menu uniformly.

    Raises:
        PolicyError: It cannot explore.
    """
    if policy.kind == "ppo" and isinstance(policy, TacticPolicy):
        from xbopt.agents.ppo.policy import PpoTacticPolicy

        if isinstance(policy, PpoTacticPolicy):
            return policy.exploring(share)
    if isinstance(policy, MarketBanditPolicy):
        return policy.exploring(share)
    if isinstance(policy, FactoredPolicy):
        return policy.exploring(share)
    if isinstance(policy, ReplanningPolicy):
        return FactoredDirect.of(policy, market, share)
    if isinstance(policy, DirectPolicy) and policy.kind != "ppo":
        return ExploringPolicy(plan=policy, scenario=market.scenario, exploration=share)
    raise PolicyError(
        f"{policy.name} names its decisions outright and reacts to what it sees; a bundle explores around plans that "
        "are known from the first day. Leave --exploration out, or train it with --option encoding=residual: such a "
        "bundle explores by factor. simulate --log explores around any policy."
    )


def hashes_of_run(run: Path) -> dict[str, str]:
    """SHA-256 of the files that say how a run was made; none for a built-in plan."""
    names = ("config.yaml", "scenario.yaml", "draws.parquet", "manifest.json")
    return {
        f"run/{name}": hashlib.sha256((run / name).read_bytes()).hexdigest() for name in names if (run / name).is_file()
    }


def seed_of_run(run: Path) -> dict[str, int]:
    """The seed of a run; none for a built-in plan."""
    if not (run / "config.yaml").is_file():
        return {}
    seed = RunDirectory.open(run).config().get("seed")
    return {"train": seed} if isinstance(seed, int) else {}
