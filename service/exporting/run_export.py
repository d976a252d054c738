"""From a training run, or a built-in plan, to a bundle with its evidence."""

import hashlib
import json
from pathlib import Path
from typing import cast

from xbopt.agents.bandits.market_policy import MarketBanditPolicy
from xbopt.agents.exploration import ExploringPolicy
from xbopt.agents.policies import built_in_policy
from xbopt.agents.run_directory import RunDirectory
from xbopt.agents.training import trained_policy
from xbopt.core.decisions.policy import DirectPolicy, Policy, TacticPolicy
from xbopt.core.errors import PolicyError, SupportError, UsageError
from xbopt.core.scenario.loading import load_scenario
from xbopt.simulator.build import build_market
from xbopt.simulator.parameters import MarketParameters

_LARGEST_CERTIFICATE = 1 << 24


def policy_of_run(run: str, *, scenario: str | None, exploration: float | None) -> tuple[Policy, MarketParameters]:
    """The policy to export, and its market.

    Args:
        run: A run directory, or with a scenario the name of a built-in plan.
        scenario: The scenario of a built-in plan; a run knows its own.
        exploration: Share of decisions drawn uniformly from the menu; the policy's own where None.

    Raises:
        PolicyError: There is no such policy, or it cannot explore.
        UsageError: There is no such run, or a scenario is missing.
        ScenarioError: The scenario cannot be used.
    """
    if scenario is not None:
        market = build_market(load_scenario(scenario))
        policy: Policy = built_in_policy(run, market)
    else:
        folder = RunDirectory.open(Path(run))
        market = build_market(folder.scenario())
        policy = trained_policy(folder, market)
    return (policy if exploration is None else explored(policy, market, exploration)), market


def explored(policy: Policy, market: MarketParameters, share: float) -> Policy:
    """The policy with a share of uniform exploration, so that its log can be evaluated.

    Raises:
        PolicyError: It names its decisions outright, in numbers that no menu holds.
    """
    if policy.kind == "ppo" and isinstance(policy, TacticPolicy):
        from xbopt.agents.ppo.policy import PpoTacticPolicy

        if isinstance(policy, PpoTacticPolicy):
            return policy.exploring(share)
    if isinstance(policy, MarketBanditPolicy):
        return policy.exploring(share)
    if isinstance(policy, DirectPolicy) and policy.kind != "ppo":
        return ExploringPolicy(plan=policy, scenario=market.scenario, exploration=share)
    raise PolicyError(f"{policy.name} names its decisions outright, so there is no menu to explore; leave it out.")


def read_certificate(path: Path, market: MarketParameters) -> tuple[bytes, list[str]]:
    """A certificate of ``xbopt evaluate --certificate``, and what a reader of the bundle should know of it.

    Raises:
        UsageError: It cannot be read, or is for another scenario.
        SupportError: It says that the log could not answer.
    """
    try:
        data = path.read_bytes()[: _LARGEST_CERTIFICATE + 1]
        read: object = json.loads(data)
    except OSError as error:
        raise UsageError(f"The certificate {path} cannot be read: {error.strerror}.") from error
    except ValueError as error:
        raise UsageError(f"{path} is no certificate: {error}.") from error
    if not isinstance(read, dict) or len(data) > _LARGEST_CERTIFICATE:
        raise UsageError(f"{path} is no certificate; write one with: xbopt evaluate LOG --policy P --certificate FILE")
    document = cast("dict[str, object]", read)
    verdict = document.get("verdict")
    if verdict not in {"ANSWER", "CAUTION"}:
        raise SupportError(
            f"{path} says {verdict}: the log cannot tell what this policy would earn, so it proves nothing. Gather a "
            "log with more exploration, or export with --unproven."
        )
    own, given = market.scenario.hash, document.get("scenario_hash")
    if given and given != own:
        raise UsageError(f"{path} is for a scenario with the hash {given}; this policy was made for {own}.")
    notes = [] if verdict == "ANSWER" else ["The certificate's verdict is CAUTION; read its reasons before serving."]
    difference = document.get("difference")
    low = cast("dict[str, object]", difference).get("low") if isinstance(difference, dict) else None
    if not isinstance(low, int | float) or low <= 0.0:
        notes.append("The certificate does not show with confidence that the policy is better than the logging policy.")
    return data, notes


def hashes_of_run(run: Path) -> dict[str, str]:
    """SHA-256 of the files that say how a run was made; none for a built-in plan."""
    names = ("config.yaml", "scenario.yaml", "manifest.json")
    return {
        f"run/{name}": hashlib.sha256((run / name).read_bytes()).hexdigest() for name in names if (run / name).is_file()
    }


def seed_of_run(run: Path) -> dict[str, int]:
    """The seed of a run; none for a built-in plan."""
    if not (run / "config.yaml").is_file():
        return {}
    seed = RunDirectory.open(run).config().get("seed")
    return {"train": seed} if isinstance(seed, int) else {}
