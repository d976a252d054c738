"""A reinforcement learning task as plain text: enough to build its environment again, anywhere.

Two markets may stand behind a task: what the seller believes, from which the plan, the re-planner and all modelled
results come, and the truth, in which the worlds play. They are one where ``truth`` names no changes.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from xbopt.agents.policies import NAMES, PolicyShelf, policy_from
from xbopt.core.arrays import IntArray
from xbopt.core.decisions.plan import ScheduledPolicy
from xbopt.core.decisions.policy import DirectPolicy, Policy
from xbopt.core.errors import PolicyError, UsageError
from xbopt.core.scenario.loading import load_scenario
from xbopt.env.actions import Actions, EncodingName, Form
from xbopt.env.campaign import Campaign
from xbopt.env.drawn_actions import DrawnActions
from xbopt.env.features import Float32Array
from xbopt.env.settings import CampaignSettings, Objective
from xbopt.simulator.build import build_market
from xbopt.simulator.parameters import MarketParameters

if TYPE_CHECKING:
    import gymnasium
    from gymnasium.envs.registration import EnvSpec
    from gymnasium.vector import AutoresetMode

    from xbopt.env.gym_env import CampaignEnv
    from xbopt.env.vector_env import CampaignVectorEnv

TASK_ENV_ID = "xbopt/Task-v0"
CHANGED = (
    "The {} {} has hash {}, and the task was written for {}: results would not be comparable. Use the version of xbopt "
    "that the task came with, or write a new task."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """What an environment is made from. Every attribute can be written as JSON.

    Attributes:
        scenario: Name of a shipped scenario, or path of a file.
        scenario_hash: What its hash must be; not checked where empty.
        changes: Changes ``path=value`` of the scenario.
        truth: Further changes that hold in the worlds, and that the seller knows nothing of.
        truth_hash: What the hash of the true scenario must be; not checked where empty.
        plan: Name or file of the plan that features and actions are relative to.
        anchor: Policy that residual actions are relative to, by name, file or folder. If it gives probabilities of
            choices, these are the actions.
        encoding: See ``CampaignSettings``.
        form: See ``CampaignSettings``.
        days_per_step: See ``CampaignSettings``.
        objective: See ``CampaignSettings``.
        relative_to_anchor: See ``CampaignSettings``.
    """

    scenario: str = "quickstart"
    scenario_hash: str = ""
    changes: tuple[str, ...] = ()
    truth: tuple[str, ...] = ()
    truth_hash: str = ""
    plan: str = "planner"
    anchor: str = "replan"
    encoding: EncodingName = "residual"
    form: Form = "factored"
    days_per_step: int | None = None
    objective: Objective = "margin_and_customers"
    relative_to_anchor: bool = False

    def opened(self) -> "OpenTask":
        """Markets and policies of the task; planning takes a moment, so the last few are kept.

        Raises:
            ScenarioError: The scenario cannot be used.
            UsageError: The scenario is another one than the task was written for.
        """
        return _open(self)

    def campaign(self, worlds: int, *, first_world: int, seed: int = 0, cycle: int | None = None) -> Campaign:
        """A batch of worlds of the task; with ``cycle`` they begin again after so many.

        Raises:
            ScenarioError: The scenario cannot be used.
            PolicyError: Plan or anchor is unknown or broken, or rewards are to be relative to an anchor that draws.
            UsageError: A setting makes no sense, or the scenario is another one.
        """
        task = self.opened()
        plan, anchor = task.policy(self.plan), task.policy(self.anchor)
        if not isinstance(plan, ScheduledPolicy):
            raise PolicyError(f"{self.plan} is no plan: it reacts. Name a plan as 'plan', and it as 'anchor'.")
        settings = CampaignSettings(
            encoding=self.encoding,
            form=self.form,
            days_per_step=self.days_per_step,
            objective=self.objective,
            relative_to_anchor=self.relative_to_anchor,
            seed=seed,
            first_world=first_world,
            cycle=cycle,
        )
        direct = anchor if isinstance(anchor, DirectPolicy) else None
        drawn = None if isinstance(anchor, DirectPolicy) else DrawnActions.of(anchor, task.shelf.market.scenario)
        if drawn is not None and self.relative_to_anchor:
            raise PolicyError(f"{self.anchor} draws its choices, so rewards cannot be relative to what it brings.")
        return Campaign(
            task.market,
            worlds=worlds,
            settings=settings,
            plan=plan,
            anchor_policy=direct,
            believed=task.shelf.market,
            encoding=drawn,
        )

    def env(
        self, *, first_world: int, seed: int = 0, cycle: int | None = None, render_mode: str | None = None
    ) -> "CampaignEnv":
        """The task as a ``gymnasium.Env`` that knows how to be made again (``env.spec``).

        A reset without a seed plays under ``seed``, from the first world on: who makes it again meets the same worlds.
        """
        from xbopt.env.gym_env import CampaignEnv

        campaign = self.campaign(1, first_world=first_world, seed=seed, cycle=cycle)
        env = CampaignEnv(campaign, seed=seed, render_mode=render_mode)
        env.spec = self.spec(first_world=first_world, seed=seed, cycle=cycle)
        return env

    def vector_env(
        self,
        num_envs: int,
        *,
        first_world: int,
        seed: int = 0,
        cycle: int | None = None,
        render_mode: str | None = None,
        autoreset_mode: "AutoresetMode | str" = "NextStep",
    ) -> "CampaignVectorEnv":
        """The task as a native ``gymnasium.vector.VectorEnv``; see ``env``."""
        from xbopt.env.vector_env import CampaignVectorEnv

        campaign = self.campaign(num_envs, first_world=first_world, seed=seed, cycle=cycle)
        envs = CampaignVectorEnv(num_envs, campaign, seed=seed, render_mode=render_mode, autoreset_mode=autoreset_mode)
        envs.spec = self.spec(first_world=first_world, seed=seed, cycle=cycle)
        return envs

    def spec(self, *, first_world: int, seed: int = 0, cycle: int | None = None) -> "EnvSpec":
        """What ``gymnasium.make`` and ``make_vec`` build the environment from; it can be written as JSON."""
        from gymnasium.envs.registration import EnvSpec

        return EnvSpec(
            id=TASK_ENV_ID,
            entry_point="xbopt.studies.tasks:task_env",
            vector_entry_point="xbopt.studies.tasks:task_vector_env",
            kwargs={**self.as_json(), "first_world": first_world, "seed": seed, "cycle": cycle},
        )

    def as_json(self) -> dict[str, object]:
        """The attributes, ready for JSON."""
        return {**asdict(self), "changes": list(self.changes), "truth": list(self.truth)}


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenTask:
    """Markets and policies of a task.

    Attributes:
        market: The true market.
        shelf: Policies of the believed market.
    """

    market: MarketParameters
    shelf: PolicyShelf

    def policy(self, name_or_path: str) -> Policy:
        """A policy of the believed market; built-in ones are made once, files are read anew.

        Raises:
            PolicyError: There is none, or it is damaged or made for another market.
        """
        if name_or_path in NAMES:
            return self.shelf.policy(name_or_path)
        return policy_from(name_or_path, self.shelf.market)


def task_env(
    *,
    first_world: int,
    seed: int = 0,
    cycle: int | None = None,
    render_mode: str | None = None,
    **chosen: object,
) -> "CampaignEnv":
    """The environment of a task's attributes, as ``gymnasium.make`` calls it; see ``Task``.

    Raises:
        UsageError: An attribute is unknown.
    """
    return _task(chosen).env(first_world=first_world, seed=seed, cycle=cycle, render_mode=render_mode)


def task_vector_env(
    num_envs: int,
    *,
    first_world: int,
    seed: int = 0,
    cycle: int | None = None,
    render_mode: str | None = None,
    autoreset_mode: "AutoresetMode | str" = "NextStep",
    **chosen: object,
) -> "CampaignVectorEnv":
    """The same worlds as one batch, as ``gymnasium.make_vec`` calls it.

    Raises:
        UsageError: An attribute is unknown.
    """
    return _task(chosen).vector_env(
        num_envs,
        first_world=first_world,
        seed=seed,
        cycle=cycle,
        render_mode=render_mode,
        autoreset_mode=autoreset_mode,
    )


def _task(chosen: Mapping[str, object]) -> Task:
    known = {field.name for field in fields(Task)}
    unknown = set(chosen) - known
    if unknown:
        raise UsageError(f"A task has no {', '.join(sorted(unknown))}; it has {', '.join(sorted(known))}.")
    given = cast("dict[str, Any]", dict(chosen))
    given |= {name: tuple(given[name]) for name in ("changes", "truth") if name in given}
    return Task(**given)


def scaled_env(env: "CampaignEnv") -> "gymnasium.Env[Float32Array, Actions]":
    """An environment of choices that takes numbers from -1 to 1 for them, evenly spaced; the nearest one is played.

    Raises:
        UsageError: Its actions are numbers already.
    """
    from xbopt.studies.scaled_actions import ScaledActions

    return ScaledActions(env)


def scaled_of(levels: IntArray, choices: IntArray) -> Float32Array:
    """Choices ``(..., A)`` as numbers from -1 to 1, evenly spaced: for learners that know no MultiDiscrete actions."""
    return (2.0 * levels / np.maximum(choices - 1, 1) - 1.0).astype(np.float32)


_KEPT = 4
_OPENED: dict[tuple[str, str], OpenTask] = {}


def _open(task: Task) -> OpenTask:
    believed = load_scenario(task.scenario, overrides=task.changes)
    true = load_scenario(task.scenario, overrides=(*task.changes, *task.truth)) if task.truth else believed
    wanted = (("scenario", believed, task.scenario_hash), ("true scenario", true, task.truth_hash))
    for what, found, expected in wanted:
        if expected and found.hash != expected:
            raise UsageError(CHANGED.format(what, task.scenario, found.hash, expected))
    # By content, so that a file that was edited is another task.
    key = (believed.hash, true.hash)
    if key not in _OPENED:
        market = build_market(believed)
        _OPENED[key] = OpenTask(market=build_market(true) if task.truth else market, shelf=PolicyShelf(market))
        for oldest in list(_OPENED)[:-_KEPT]:
            del _OPENED[oldest]
    return _OPENED[key]
