"""One campaign as a ``gymnasium.Env``: the batched core with a batch of one."""

from collections.abc import Mapping
from pathlib import Path
from typing import SupportsFloat

from xbopt.core.arrays import BoolArray
from xbopt.core.decisions.policy import DirectPolicy
from xbopt.core.errors import UsageError
from xbopt.core.scenario.scenario import Scenario
from xbopt.env.actions import Actions, EncodingName, Form
from xbopt.env.campaign import Campaign
from xbopt.env.episodes import Episodes, as_actions, cycle_of, first_seed, first_world_of, noise_seed, open_campaign
from xbopt.env.features import Float32Array
from xbopt.env.rendering import FRAMES_PER_SECOND, RENDER_MODES, Frame
from xbopt.env.settings import CampaignSettings, Objective, Split
from xbopt.env.spaces import NO_GYMNASIUM, WritableSpec, action_space, observation_space

try:
    import gymnasium
except ModuleNotFoundError as error:
    raise UsageError(NO_GYMNASIUM) from error

Info = dict[str, object]


class CampaignEnv(WritableSpec, gymnasium.Env[Float32Array, Actions]):  # pyright: ignore[reportIncompatibleVariableOverride]
    """A campaign in one world; every episode is another world.

    Observation: named, bounded features (``feature_names``). Action: see ``docs/environment.md``
    (``action_names``). Reward: see ``CampaignSettings.objective``, in units of ``reward_unit_base``, the budget.
    An episode ends with the horizon (``terminated``); nothing truncates it. Infos of reset and step have one structure:
    ``world``, ``day`` and ``reward_terms``.
    """

    metadata = {"render_modes": list(RENDER_MODES), "render_fps": FRAMES_PER_SECOND}  # noqa: RUF012 - as Gymnasium reads it

    def __init__(
        self,
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
    ) -> None:
        """Open the environment.

        Args:
            scenario: Name of a shipped scenario, path or text of a file, or a loaded scenario.
            encoding: See ``CampaignSettings``, as for the options without a word here.
            form: See there.
            plan: What actions are relative to: name of a policy, path of a plan, a plan or a policy; the re-planner of
                the planner's plan where left out.
            days_per_step: See there.
            objective: See there.
            relative_to_anchor: See there.
            expected_reward: See there.
            seed: Seed of the first reset that is given none; from the system's entropy where left out. Environments
                that share it play the same worlds.
            world_seed: See there.
            split: Which worlds are played: ``train``, ``validation`` or ``test``. They share none.
            first_world: Global number of the first world, in place of the split's.
            cycle: Number of worlds after which they begin again. Left out: 256 for validation and test, no end for
                training or with ``first_world``.
            render_mode: ``ansi``, ``rgb_array``, or None.

        Raises:
            ScenarioError: The scenario cannot be used.
            PolicyError: What actions are to be relative to cannot be used.
            UsageError: An option makes no sense.
        """
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
        self.render_mode = render_mode
        campaign = self.campaign = open_campaign(scenario, worlds=1, settings=settings, plan=plan)
        self._episodes = Episodes(campaign, render_mode=render_mode)
        self.feature_names = campaign.features.names
        self.action_names = campaign.encoding.names
        self.reward_unit_base = campaign.reward_unit_base
        self.observation_space = observation_space(campaign.features)
        self.action_space = action_space(campaign.encoding)

    def reset(
        self, *, seed: int | None = None, options: Mapping[str, object] | None = None
    ) -> tuple[Float32Array, Info]:
        """Begin the next episode in a new world; with a seed, the first world under it.

        Args:
            seed: Noise seed, of any size; the same one, the same worlds. The first reset without one takes Gymnasium's
                entropy (``np_random_seed``), later ones go on.
            options: ``world``: number of the world from which this episode and the next ones are played.

        Raises:
            UsageError: The seed or an option makes no sense.
        """
        begins = self._episodes.episode < 0
        given = first_seed(seed)
        if given is None and begins:
            given = self._first_seed
        super().reset(seed=given)
        if given is None and begins:
            given = noise_seed(self.np_random_seed, self.np_random)
        observation = self._episodes.begin(given, options)
        return self.campaign.features.flat(observation)[0], self._episodes.infos(0)[0]

    def step(self, action: Actions) -> tuple[Float32Array, SupportsFloat, bool, bool, Info]:
        """Hold an action for some days.

        Raises:
            DecisionError: The action has a wrong shape or holds values that are no actions.
            UsageError: The episode is over.
        """
        step = self._episodes.step(as_actions(action)[None])
        features = self.campaign.features.flat(step.observation)[0]
        info = self._episodes.infos(step.observation.day, step.terms_base)[0]
        return features, float(step.reward[0]), step.done, False, info

    def action_masks(self) -> BoolArray:
        """Which choices can be carried out this morning, one entry after the other ``(sum(nvec),)``.

        Raises:
            UsageError: Actions are numbers, or the episode is over.
        """
        return self.campaign.action_masks()[0]

    def render(self) -> str | Frame | None:  # pyright: ignore[reportIncompatibleMethodOverride] - its type is open
        """The campaign so far: a table (``ansi``) or a picture (``rgb_array``)."""
        course = self._episodes.course
        if course is None:
            gymnasium.logger.warn(
                "render was called without a render_mode; give gymnasium.make one of its render_modes."
            )
            return None
        if self.render_mode == "ansi":
            return course.table(0, int(self._episodes.worlds[0]))
        return course.picture(0)
