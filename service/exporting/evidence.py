"""Whose certificate an export takes: a plan is what its name and its scenario say, a trained policy is its files."""

from pathlib import Path

from xbopt.core.decisions.cell_factors import CellFactors
from xbopt.core.decisions.policy import FactoredPolicy, Policy, TacticPolicy, anchor_name
from xbopt.core.errors import UsageError
from xbopt.core.scenario.scenario import Scenario
from xbopt.ope.logs.log_policy import PolicyIdentity
from xbopt.service.bundle.evidence import EXPLORES, Subject, read_evidence, share_of
from xbopt.service.store.drawn_rows import logged_factors


def subject_of(policy: Policy, scenario: Scenario, run: Path | None) -> Subject:
    """What a certificate for a policy has to be about.

    A policy has to be exported with the exploration with which it was evaluated.

    Args:
        policy: What is exported, with its exploration.
        scenario: Its scenario.
        run: The training run, whose folder ``policy`` holds the policy's files; None for a built-in plan.
    """
    base, share = policy.name.partition(EXPLORES)[0], share_of(policy.name)
    explores = share > 0.0  # a policy that explores nothing is the policy
    if run is not None:
        wanted, option = PolicyIdentity.of_path(run / "policy", "run directory").sha256, str(run)
    else:
        wanted = (
            _built_in(policy, scenario).sha256 if explores else PolicyIdentity.of_built_in(base, scenario.hash).sha256
        )
        option = f"{base} --scenario SCENARIO"
    option += f" --exploration {share:g}" if explores else ""
    by = "factors" if isinstance(policy, FactoredPolicy) else "menu"
    where = f", on a log of simulate --by {by}" if explores and run is None else ""
    return Subject(
        policy=policy.name,
        policy_sha256=wanted,
        scenario_hash=scenario.hash,
        again=f"Evaluate it: xbopt evaluate LOG --policy {option} --certificate FILE{where}",
    )


def _built_in(policy: Policy, scenario: Scenario) -> PolicyIdentity:
    """A built-in policy that explores, and what it draws from."""
    if isinstance(policy, TacticPolicy):
        return PolicyIdentity.of_built_in(policy.name, scenario.hash, labels=policy.menu.labels)
    if not isinstance(policy, FactoredPolicy):
        return PolicyIdentity.of_built_in(policy.name, scenario.hash)
    regions, segments = len(scenario.regions), len(scenario.segments)
    cells = CellFactors.of(policy.factors, regions=regions, segments=segments, channels=scenario.channels)
    return PolicyIdentity.of_built_in(
        policy.name, scenario.hash, factors=logged_factors(cells), anchor=anchor_name(policy)
    )


def read_certificate(path: Path, subject: Subject) -> bytes:
    """A certificate that speaks for a policy.

    Raises:
        UsageError: It cannot be read, is of an older format, or is for another policy, exploration or scenario.
        SupportError: It says that the log could not answer, that the policy is worse than what was done, or nothing of
            the difference.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}.") from error
    read_evidence(data, str(path), subject)
    return data
