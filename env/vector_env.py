"""Many campaigns as a native ``gymnasium.vector.VectorEnv``: all worlds are played as one batch of arrays."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from xbopt.core.arrays import BoolArray, FloatArray
from xbopt.core.decisions.policy import DirectPolicy
from xbopt.core.errors import UsageError
from xbopt.core.scenario.scenario import Scenario
from xbopt.env.actions import Actions, EncodingName, Form
from xbopt.env.campaign import Campaign
from xbopt.env.episodes import Episodes, cycle_of, first_seed, first_world_of, noise_seed, open_campaign
from xbopt.env.features import Float32Array
from xbopt.env.rendering import FRAMES_PER_SECOND, RENDER_MODES, Frame
from xbopt.env.settings import CampaignSettings, Objective, Split
from xbopt.env.spaces import NO_GYMNASIUM, WritableSpec, action_space, observation_space

try:
    from gymnasium import logger
    from gymnasium.vector import AutoresetMode, VectorEnv
    from gymnasium.vector.utils import batch_space
except ModuleNotFoundError as error:
    raise UsageError(NO_GYMNASIUM) from error

Info = dict[str, object]
FlagOrNumber = NDArray[np.float64 | np.bool_]


class CampaignVectorEnv(  # pyright: ignore[reportIncompatibleVariableOverride]
    WritableSpec, VectorEnv[Float32Array, Actions, FlagOrNumber]
):
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
        encoding: EncodingName = "residual",
        form: Form = "factored",
        plan: str | Path | DirectPolicy | None = None,
        days_per_step: int | None = None,
        objective: Objective = "margin_and_customers",
        relative_to_anchor: bool = False,
        expected_reward: bool = False,
        seed: int | None = None,
        world_seed: int | None = None,
        split: Split = "train",
        first_world: int | None = None,
        cycle: int | None = None,
        render_mode: str | None = None,
        autoreset_mode: AutoresetMode | str = AutoresetMode.NEXT_STEP,
    ) -> None:
        """Open the environments; the options are those of ``CampaignEnv``.

        Raises:
            ScenarioError: The scenario cannot be used.
            PolicyError: What actions are to be relative to cannot be used.
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
            world_seed=world_seed,
            first_world=first_world_of(split, first_world),
            cycle=cycle_of(split, first_world, cycle),
        )
        self._first_seed = first_seed(seed)
        self.autoreset_mode = _mode(autoreset_mode)
        modes, self.render_mode = list(RENDER_MODES), render_mode
        self.metadata = {"autoreset_mode": self.autoreset_mode, "render_modes": modes, "render_fps": FRAMES_PER_SECOND}
        campaign = self.campaign = open_campaign(scenario, worlds=num_envs, settings=settings, plan=plan)
        self._episodes = Episodes(campaign, render_mode=render_mode)
        self.num_envs = campaign.worlds
        self.feature_names = campaign.features.names
        self.action_names = campaign.encoding.names
        self.reward_unit_base = campaign.reward_unit_base
        self.single_observation_space = observation_space(campaign.features)
        self.single_action_space = action_space(campaign.encoding)
        self.observation_space = batch_space(self.single_observation_space, self.num_envs)
        self.action_space = batch_space(self.single_action_space, self.num_envs)
        self._over = False

    def reset(
        self, *, seed: int | None = None, options: Mapping[str, object] | None = None
    ) -> tuple[Float32Array, Info]:
        """Begin the next episode in new worlds; with a seed, the first worlds under it.

        Args:
            seed: One noise seed for all: worlds of a batch differ by their number. See ``CampaignEnv.reset``.
            options: ``world``: number of the first world from which this episode and the next ones are played;
                ``reset_mask`` may be given if it asks for all worlds: they share the day.

        Raises:
            UsageError: The seed or an option makes no sense.
        """
        mask = None if options is None else options.get("reset_mask")
        if mask is not None and not np.asarray(mask, dtype=np.bool_).all():
            raise UsageError("All worlds of a batch share the day, so they can only be reset together.")
        begins = self._episodes.episode < 0
        given = first_seed(seed)
        if given is None and begins:
            given = self._first_seed
        super().reset(seed=given)
        if given is None and begins:
            given = noise_seed(self.np_random_seed, self.np_random)
        self._over = False
        observation = self._episodes.begin(given, options)
        terms = {name: np.zeros(self.num_envs) for name in self.campaign.term_names}
        return self.campaign.features.flat(observation), self._info(0, terms)

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
        step = self._episodes.step(actions)
        self._over = step.done
        features, info = (
            self.campaign.features.flat(step.observation),
            self._info(step.observation.day, step.terms_base),
        )
        done = np.full(self.num_envs, step.done)
        if step.done and self.autoreset_mode is AutoresetMode.SAME_STEP:
            rows = np.empty(self.num_envs, dtype=object)
            rows[:] = list(features)
            all_worlds = np.ones(self.num_envs, dtype=np.bool_)
            final = {"final_obs": rows, "_final_obs": all_worlds, "final_info": info, "_final_info": all_worlds}
            features, info = self.reset()
            info |= final
        return features, step.reward, done, none, info

    def action_masks(self) -> BoolArray:
        """Which choices can be carried out this morning, one entry after the other ``(num_envs, sum(nvec))``.

        Raises:
            UsageError: Actions are numbers, or the episode is over.
        """
        return self.campaign.action_masks()

    def render(self) -> tuple[str | Frame, ...] | None:
        """Each campaign so far: a table (``ansi``) or a picture (``rgb_array``)."""
        course = self._episodes.course
        if course is None:
            logger.warn("render was called without a render_mode; give gymnasium.make_vec one of its render_modes.")
            return None
        if self.render_mode == "ansi":
            return tuple(course.table(row, number) for row, number in enumerate(self._episodes.worlds.tolist()))
        return tuple(course.picture(row) for row in range(self.num_envs))

    def _info(self, day: int, terms_base: Mapping[str, FloatArray]) -> Info:
        """Infos as Gymnasium lays them out: an array a name, and beside it a mask of the worlds that have it."""
        everywhere = np.ones(self.num_envs, dtype=np.bool_)
        terms: Info = {}
        for name, values in terms_base.items():
            terms |= {name: values, f"_{name}": everywhere}
        days = np.full(self.num_envs, day, dtype=np.int64)
        info: Info = {"world": self._episodes.worlds, "day": days, "reward_terms": terms}
        return info | {f"_{name}": everywhere for name in info}


def _mode(mode: AutoresetMode | str) -> AutoresetMode:
    if isinstance(mode, AutoresetMode):
        return mode
    try:
        return AutoresetMode(mode)
    except ValueError:
        names = ", ".join(known.value for known in AutoresetMode)
        raise UsageError(f"autoreset_mode is {mode!r}; one of {names} is wanted.") from None
