"""Many campaigns as a native ``gymnasium.vector.VectorEnv``: all worlds are played as one batch of arrays."""

from pathlib import Path
from typing import cast

import numpy as np
from numpy.typing import NDArray

from xbopt.core.decisions.plan import ScheduledPolicy
from xbopt.core.errors import UsageError
from xbopt.core.scenario.scenario import Scenario
from xbopt.env.actions import Actions, EncodingName, Form
from xbopt.env.campaign import Campaign, CampaignSettings, CampaignStep, Objective
from xbopt.env.episodes import Episodes
from xbopt.env.features import Float32Array
from xbopt.env.spaces import NO_GYMNASIUM, action_space, observation_space

try:
    from gymnasium.vector import AutoresetMode, VectorEnv
    from gymnasium.vector.utils import batch_space
except ModuleNotFoundError as error:
    raise UsageError(NO_GYMNASIUM) from error

Info = dict[str, object]
FlagOrNumber = NDArray[np.float64 | np.bool_]


class CampaignVectorEnv(VectorEnv[Float32Array, Actions, FlagOrNumber]):
    """``num_envs`` campaigns that begin and end together, each in a world of its own.

    The autoreset modes are Gymnasium's: ``NEXT_STEP`` (the step after the last one ignores its action and resets),
    ``SAME_STEP`` (the last step resets at once; ``final_obs`` and ``final_info`` hold what was last), ``DISABLED``
    (reset is called by hand).
    """

    def __init__(
        self,
        num_envs: int = 1,
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
        autoreset_mode: AutoresetMode | str = AutoresetMode.NEXT_STEP,
    ) -> None:
        """Open the environments; see ``CampaignSettings`` for the options.

        Raises:
            ScenarioError: The scenario cannot be used.
            UsageError: An option makes no sense.
        """
        super().__init__()
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
        self.autoreset_mode = _mode(autoreset_mode)
        self.metadata = {"autoreset_mode": self.autoreset_mode, "render_modes": []}
        self._episodes = Episodes(scenario, worlds=num_envs, settings=settings, plan=plan)
        campaign = self.campaign = self._episodes.campaign
        self.num_envs = num_envs
        self.feature_names = campaign.features.names
        self.action_names = campaign.encoding.names
        self.reward_unit_base = campaign.reward_unit_base
        self.single_observation_space = observation_space(campaign.features)
        self.single_action_space = action_space(campaign.encoding)
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self._over = False

    def reset(self, *, seed: int | None = None, options: dict[str, object] | None = None) -> tuple[Float32Array, Info]:
        """Begin the next episode in new worlds; with a seed, the first worlds under it.

        Args:
            seed: Noise seed.
            options: ``reset_mask`` may be given if it asks for all worlds: they share the day.

        Raises:
            UsageError: The seed or an option makes no sense.
        """
        if options is not None:
            self._check_options(options)
        if seed is not None and not isinstance(cast("object", seed), int | np.integer):
            raise UsageError(f"seed is {seed!r}; one whole number is wanted: worlds of a batch differ by their number.")
        super().reset(seed=seed)
        self._over = False
        observation = self._episodes.begin(seed)
        return self.campaign.features.flat(observation), self._first_info()

    def step(self, actions: Actions) -> tuple[Float32Array, FlagOrNumber, FlagOrNumber, FlagOrNumber, Info]:
        """Hold one action a world for some days.

        Raises:
            DecisionError: Actions of a wrong shape, or values that are no actions.
            UsageError: The episode is over and ``autoreset_mode`` is ``DISABLED``.
        """
        nothing, none = np.zeros(self.num_envs), np.zeros(self.num_envs, dtype=np.bool_)
        if self._over and self.autoreset_mode is AutoresetMode.NEXT_STEP:
            first, info = self.reset()
            return first, nothing, none, none.copy(), info
        step = self.campaign.step(np.asarray(actions))
        self._over = step.done
        features, info = self.campaign.features.flat(step.observation), self._step_info(step)
        done = np.full(self.num_envs, step.done)
        if step.done and self.autoreset_mode is AutoresetMode.SAME_STEP:
            rows = np.empty(self.num_envs, dtype=object)
            rows[:] = list(features)
            all_worlds = np.ones(self.num_envs, dtype=np.bool_)
            final = {"final_obs": rows, "_final_obs": all_worlds, "final_info": info, "_final_info": all_worlds}
            features, info = self.reset()
            info |= final
        return features, step.reward, done, none, info

    def _check_options(self, options: dict[str, object]) -> None:
        unknown = set(options) - {"reset_mask"}
        if unknown:
            raise UsageError(f"reset takes the option reset_mask only; it was given {', '.join(sorted(unknown))}.")
        mask = options.get("reset_mask")
        if mask is not None and not np.asarray(mask, dtype=np.bool_).all():
            raise UsageError("All worlds of a batch share the day, so they can only be reset together.")

    def _first_info(self) -> Info:
        everywhere = np.ones(self.num_envs, dtype=np.bool_)
        worlds = self.campaign.numbers(self._episodes.episode)
        days = np.zeros(self.num_envs, dtype=np.int64)
        return {"world": worlds, "_world": everywhere, "day": days, "_day": everywhere}

    def _step_info(self, step: CampaignStep) -> Info:
        """Infos as Gymnasium lays them out: an array a name, and beside it a mask of the worlds that have it."""
        everywhere = np.ones(self.num_envs, dtype=np.bool_)
        terms: Info = {}
        for name, values in step.terms_base.items():
            terms |= {name: values, f"_{name}": everywhere}
        days = np.full(self.num_envs, step.observation.day, dtype=np.int64)
        return {"reward_terms": terms, "_reward_terms": everywhere, "day": days, "_day": everywhere}


def _mode(mode: AutoresetMode | str) -> AutoresetMode:
    if isinstance(mode, AutoresetMode):
        return mode
    try:
        return AutoresetMode(mode)
    except ValueError:
        names = ", ".join(known.value for known in AutoresetMode)
        raise UsageError(f"autoreset_mode is {mode!r}; one of {names} is wanted.") from None
