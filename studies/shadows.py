"""Policies that are asked beside every decision of a simulation, and what its log says of them."""

from collections import Counter
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from xbopt.agents.exploration import over_the_menu
from xbopt.agents.factored_direct import FactoredDirect
from xbopt.agents.policies import NAMES, PolicyShelf, mark_of
from xbopt.core.decision_log.observations import StandAlonePolicy
from xbopt.core.decision_log.schema import LoggedShadow
from xbopt.core.decisions.policy import DirectPolicy, FactoredPolicy, Policy, TacticPolicy
from xbopt.core.errors import PolicyError, UsageError
from xbopt.core.files import sha256_of_content
from xbopt.simulator.parameters import MarketParameters

if TYPE_CHECKING:
    from xbopt.env.decision_book import Shadow


def shadows_of(asked: Sequence[str | Policy], market: MarketParameters, *, factored: bool = False) -> "list[Shadow]":
    """The shadows that were asked for; one that names its decisions is over the menu, or factors, around itself.

    Args:
        asked: Names of built-in policies, plans' files, folders of training runs, or policies.
        market: The market.
        factored: Whether the policy that decides chooses levels of factors: a plan is then its own neutral levels.

    Raises:
        PolicyError: One is unknown, damaged, or made for another market.
        UsageError: Two would stand under one name in the log.
    """
    if not asked:
        return []
    from xbopt.env.decision_book import Shadow  # pyarrow is slow to load

    shelf, found = PolicyShelf(market), list[Shadow]()
    for one in asked:
        policy = shelf.policy(one) if isinstance(one, str) else one
        if isinstance(policy, StandAlonePolicy) and policy.scenario_hash != market.scenario.hash:
            raise PolicyError(f"{policy.name} was made for another scenario than {market.scenario.name}.")
        answers: TacticPolicy | FactoredPolicy
        if factored and isinstance(policy, DirectPolicy):
            answers = FactoredDirect.of(policy, market)
        else:
            answers = over_the_menu(policy, market.scenario, None, mark=mark_of(one) if isinstance(one, str) else "")
        found.append(Shadow(about=_about(one, market), policy=answers))
    name, count = Counter(shadow.about.name for shadow in found).most_common(1)[0]
    if count > 1:
        raise UsageError(f"Two shadows are called {name}; give each file or folder a name of its own.")
    return found


def _about(asked: str | Policy, market: MarketParameters) -> LoggedShadow:
    if not isinstance(asked, str):
        if isinstance(asked, StandAlonePolicy):
            return LoggedShadow(name=asked.name, kind=asked.kind, sha256=asked.sha256)
        return LoggedShadow(name=asked.name, kind="object of a program", sha256=sha256(asked.name.encode()).hexdigest())
    if asked in NAMES:
        identity = f"{asked}|{market.scenario.hash}"
        return LoggedShadow(name=asked, kind="built in", sha256=sha256(identity.encode()).hexdigest())
    path = Path(asked)
    if path.is_dir():
        return LoggedShadow(name=path.resolve().name, kind="run directory", sha256=sha256_of_content(path / "policy"))
    return LoggedShadow(name=path.stem, kind="plan file", sha256=sha256_of_content(path))
