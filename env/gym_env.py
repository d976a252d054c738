"""One campaign as a ``gymnasium.Env``: the batched core with a batch of one."""

from pathlib import Path
from typing import SupportsFloat

import numpy as np

from xbopt.core.decisions.plan import ScheduledPolicy
from xbopt.core.errors import UsageError
from xbopt.core.scenario.scenario import Scenario
from xbopt.env.actions import Actions, EncodingName, Form
from xbopt.env.campaign import Campaign, CampaignSettings, Objective
from xbopt.env.episodes import Episodes
from xbopt.env.features import Float32Array
from xbopt.env.spaces import NO_GYMNASIUM, action_space, observation_space

try:
    import gymnasium
except ModuleNotFoundError as error:
    raise UsageError(NO_GYMNASIUM) from error

Info = dict[str, object]


class CampaignEnv(gymnasium.Env[Float32Array, Actions]):
    """A campaign in one world; every episode is another world.

    Observation: named, bounded features (``feature_names``). Action: see ``docs/environment.md``
    (``action_names``). Reward: see ``CampaignSettings.objective``, in units of ``reward_unit_base``, the budget.
    An episode ends with the horizon (``terminated``); nothing truncates it.
    """

    metadata = {"render_modes": []}  # noqa: RUF012 - Gymnasium reads a plain dict from the class

    def __init__(
        self,
        scenario: str | Path | Scenario | Campaign = "quickstart",
        *,
        encoding: EncodingName = "tactics",
        form: Form = "factored",
        plan: ScheduledPolicy | None = None,
        days_per_step: int | None = None,
        objective: Objective = "margin_and_customers",
        relative_to_anchor: bool = False,
        expected_reward: bool = False,
        seed: int = 0,
        world_seed: int | None = None,
        first_world: int = 0,
        render_mode: None = None,
    ) -> None:
        """Open the environment; see ``CampaignSettings`` for the options.

        Raises:
            ScenarioError: The scenario cannot be used.
            UsageError: An option makes no sense.
        """
        if render_mode is not None:
            raise UsageError("There is nothing to render; the reports of xbopt simulate show what was done.")
        self.render_mode = None
        settings = CampaignSettings(
            encoding=encoding,
            form=form,
            days_per_step=days_per_step,
            objective=objective,
            relative_to_anchor=relative_to_anchor,
            expected_reward=expected_reward,
            seed=seed,
            world_seed=world_seed,
            first_world=first_world,
        )
        self._episodes = Episodes(scenario, worlds=1, settings=settings, plan=plan)
        campaign = self.campaign = self._episodes.campaign
        self.feature_names = campaign.features.names
        self.action_names = campaign.encoding.names
        self.reward_unit_base = campaign.reward_unit_base
        self.observation_space = observation_space(campaign.features)
        self.action_space = action_space(campaign.encoding)

    def reset(self, *, seed: int | None = None, options: dict[str, object] | None = None) -> tuple[Float32Array, Info]:
        """Begin the next episode in a new world; with a seed, the first world under it.

        Raises:
            UsageError: The seed makes no sense, or options were given: there are none.
        """
        if options:
            raise UsageError(f"reset takes no options; it was given {', '.join(options)}.")
        super().reset(seed=seed)
        observation = self._episodes.begin(seed)
        world = int(self.campaign.numbers(self._episodes.episode)[0])
        return self.campaign.features.flat(observation)[0], {"world": world, "day": 0}

    def step(self, action: Actions) -> tuple[Float32Array, SupportsFloat, bool, bool, Info]:
        """Hold an action for some days.

        Raises:
            DecisionError: The action has a wrong shape or holds values that are no actions.
            UsageError: The episode is over.
        """
        step = self.campaign.step(np.asarray(action)[None])
        terms = {name: float(values[0]) for name, values in step.terms_base.items()}
        info: Info = {"reward_terms": terms, "day": step.observation.day}
        return self.campaign.features.flat(step.observation)[0], float(step.reward[0]), step.done, False, info
