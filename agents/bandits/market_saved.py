"""A trained bandit's policy on disk: one file a component, the plan, and a description with a hash of each."""

import json
from pathlib import Path
from typing import cast

import numpy as np

from xbopt.agents.bandits.factored import FactoredBandit
from xbopt.agents.bandits.kinds import load_bandit
from xbopt.agents.bandits.market_context import MarketContext
from xbopt.agents.bandits.market_policy import MarketBanditPolicy
from xbopt.core.decisions.anchor import Anchor
from xbopt.core.decisions.plan import ScheduledPolicy
from xbopt.core.decisions.policy import PolicyKind
from xbopt.core.errors import PolicyError
from xbopt.core.files import replace_file, sha256_of
from xbopt.env.components import MenuComponents
from xbopt.simulator.parameters import MarketParameters

FORMAT = 1
_PLAN_ARRAYS = ("spend_base", "daypart_weights", "discount_frac", "mechanic")
_WANTED = {"format", "agent", "form", "price", "caution", "exploration", "plan", "features", "actions", "sha256"}


def save_bandits(folder: Path, bandit: FactoredBandit) -> list[str]:
    """Write the bandit of each component; returns the names of the files.

    Raises:
        UsageError: The folder cannot be written to.
    """
    names = [f"bandit_{i}.npz" for i in range(len(bandit.bandits))]
    for name, one in zip(names, bandit.bandits, strict=True):
        one.save(folder / name)
    return names


def load_bandits(folder: Path, components: MenuComponents, n_features: int) -> FactoredBandit:
    """Read the bandit of each component.

    Raises:
        PolicyError: A file is missing, damaged, or for another market.
    """
    return FactoredBandit(
        components,
        tuple(
            load_bandit(folder / f"bandit_{i}.npz", n_actions=size, n_features=n_features)
            for i, size in enumerate(components.sizes)
        ),
    )


def save_policy(
    folder: Path, policy: MarketBanditPolicy, plan: ScheduledPolicy, *, form: str, scenario_hash: str
) -> None:
    """Write a policy; each file appears whole or not at all, ``policy.json`` last.

    Raises:
        UsageError: The folder cannot be written to.
    """
    folder.mkdir(parents=True, exist_ok=True)
    names = save_bandits(folder, policy.bandit)
    with replace_file(folder / "plan.npz") as temporary, temporary.open("wb") as file:
        np.savez(file, allow_pickle=False, **{name: getattr(plan, name) for name in _PLAN_ARRAYS})
    document = {
        "format": FORMAT,
        "agent": policy.name,
        "scenario_hash": scenario_hash,
        "form": form,
        "price": policy.price,
        "pacing": policy.pacing,
        "caution": list(policy.caution),
        "exploration": policy.exploration,
        "plan": {"name": plan.name, "kind": plan.kind},
        "features": list(policy.context.names),
        "actions": list(policy.context.menu.base.labels),
        "sha256": {name: sha256_of(folder / name) for name in [*names, "plan.npz"]},
    }
    with replace_file(folder / "policy.json") as temporary:
        temporary.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")


def load_policy(folder: Path, market: MarketParameters) -> MarketBanditPolicy:
    """Read a policy for a market.

    Raises:
        PolicyError: A file is missing, damaged or of another format, or the policy was trained for another market.
    """
    document = _document(folder)
    if document["format"] != FORMAT:
        raise PolicyError(f"{folder} holds a policy of format {document['format']}; {FORMAT} can be read.")
    for name, wanted in cast("dict[str, str]", document["sha256"]).items():
        if not (folder / name).is_file() or sha256_of(folder / name) != wanted:
            raise PolicyError(
                f"{folder / name} is missing or damaged: its hash is not the one in policy.json. Restore it, or train "
                "again."
            )
    plan = _plan(folder / "plan.npz", cast("dict[str, str]", document["plan"]))
    scenario = market.scenario
    regions, segments, channels, _ = scenario.shape
    if plan.spend_base.shape != (scenario.days, regions, segments, channels):
        raise PolicyError(
            f"The policy in {folder} was trained for another market: its plan has shape {plan.spend_base.shape}; "
            f"{(scenario.days, regions, segments, channels)} is wanted, axes (T, R, S, C). Train one on "
            f"{scenario.name}, or load it with the scenario.yaml of its run."
        )
    context = MarketContext.of(market, Anchor.of(plan, scenario.limits))
    for what, names in (("features", context.names), ("actions", scenario.menu.labels)):
        if tuple(cast("list[str]", document[what])) != names:
            raise PolicyError(
                f"The policy in {folder} knows other {what} than {scenario.name} has: other names or another version "
                "of xbopt. Train one on this scenario."
            )
    return MarketBanditPolicy(
        bandit=load_bandits(folder, components_of(market, str(document["form"])), len(context.names)),
        context=context,
        price=float(cast("float", document["price"])),
        pacing=float(cast("float", document["pacing"])),
        caution=tuple(float(one) for one in cast("list[float]", document["caution"])),
        exploration=float(cast("float", document["exploration"])),
        name=str(document["agent"]),
    )


def components_of(market: MarketParameters, form: str) -> MenuComponents:
    """The menu taken apart, or whole."""
    menu = market.scenario.menu
    return MenuComponents.of(menu) if form == "factored" else MenuComponents.whole(menu)


def _document(folder: Path) -> dict[str, object]:
    path = folder / "policy.json"
    try:
        document: object = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise PolicyError(f"{folder} holds no policy: policy.json is missing.") from None
    except (OSError, ValueError) as error:
        raise PolicyError(f"{path} is damaged: {error}") from error
    if not isinstance(document, dict) or not set(cast("dict[str, object]", document)) >= _WANTED:
        raise PolicyError(f"{path} is damaged: {', '.join(sorted(_WANTED))} are wanted.")
    return cast("dict[str, object]", document)


def _plan(path: Path, about: dict[str, str]) -> ScheduledPolicy:
    with np.load(path, allow_pickle=False) as arrays:
        return ScheduledPolicy(
            name=about["name"],
            spend_base=arrays["spend_base"],
            daypart_weights=arrays["daypart_weights"],
            discount_frac=arrays["discount_frac"],
            mechanic=arrays["mechanic"],
            kind=cast("PolicyKind", about["kind"]),
        )
