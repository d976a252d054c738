"""What all faces of the environment share: opening a campaign, seeding it, counting its episodes, rendering it."""

import warnings
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import cast

import numpy as np

from xbopt.core.arrays import FloatArray, IntArray
from xbopt.core.decisions.policy import DirectPolicy, Observation
from xbopt.core.documents.problems import suggest
from xbopt.core.errors import DecisionError, UsageError
from xbopt.core.randomness import folded_seed
from xbopt.core.scenario.loading import scenario_of
from xbopt.core.scenario.scenario import Scenario
from xbopt.env.actions import Actions
from xbopt.env.anchors import AnchoredMarket
from xbopt.env.campaign import Campaign, CampaignStep
from xbopt.env.rendering import RENDER_MODES, Course
from xbopt.env.settings import FIRST_WORLDS, JUDGED_WORLDS, CampaignSettings, Split, as_whole, one_of, whole_number

RESET_OPTIONS: tuple[str, ...] = ("world",)
PASSED_ON: tuple[str, ...] = ("reset_mask", "minari_autoseed")
"""Options that libraries hand to every environment, and that ask nothing of this one."""


def first_world_of(split: Split, first_world: int | None) -> int:
    """Global number of the first world: as given, or that of the split.

    Raises:
        UsageError: There is no such split, or no such world.
    """
    one_of("split", split, tuple(FIRST_WORLDS))
    return FIRST_WORLDS[split] if first_world is None else whole_number("first_world", first_world, least=0)


def cycle_of(split: Split, first_world: int | None, cycle: int | None) -> int | None:
    """Number of worlds after which they begin again: as given, or that of the split; None for no end."""
    if cycle is None and first_world is None and split != "train":
        return JUDGED_WORLDS
    return cycle


def open_campaign(
    scenario: str | Path | Scenario | Campaign,
    *,
    worlds: int,
    settings: CampaignSettings,
    plan: str | Path | DirectPolicy | None = None,
) -> Campaign:
    """A campaign from what users write.

    Args:
        scenario: Name of a shipped scenario, path or text of a file, or a loaded scenario; or a campaign that is set up
            already: then the others are left alone.
        worlds: Number of worlds in the batch.
        settings: What can be chosen.
        plan: What actions are relative to; see ``AnchoredMarket.anchor``.

    Raises:
        ScenarioError: The scenario cannot be used.
        PolicyError: What actions are to be relative to cannot be used.
        UsageError: A setting makes no sense, or a campaign has another number of worlds.
    """
    if isinstance(scenario, Campaign):
        if scenario.worlds != worlds:
            raise UsageError(f"The campaign has {scenario.worlds} worlds, and {worlds} are wanted.")
        return scenario
    if not isinstance(cast("object", scenario), str | Path | Scenario):
        raise UsageError(f"scenario is {scenario!r}; a name, a path or a loaded scenario is wanted.")
    worlds = whole_number("num_envs", worlds, least=1)
    made = AnchoredMarket.of(scenario_of(scenario))
    schedule, policy = made.anchor(plan)
    return Campaign(made.market, worlds=worlds, settings=settings, plan=schedule, anchor_policy=policy)


class Episodes:
    """A campaign that counts its episodes: every one plays new worlds.

    Attributes:
        campaign: The campaign.
        course: What was spent and earned so far, where it is rendered.
        episode: Number of the episode since the last seed or option, from 0; -1 before the first.
    """

    def __init__(self, campaign: Campaign, *, render_mode: str | None = None) -> None:
        """Stand before the first episode.

        Args:
            campaign: The campaign.
            render_mode: ``ansi``, ``rgb_array``, or None.

        Raises:
            UsageError: There is no such mode.
        """
        if render_mode is not None:
            one_of("render_mode", render_mode, RENDER_MODES)
        self.campaign = campaign
        self.course = None if render_mode is None else Course.begin(campaign.market, campaign.worlds)
        self._first_world = campaign.settings.first_world
        self.episode = -1

    def begin(self, seed: int | None = None, options: Mapping[str, object] | None = None) -> Observation:
        """Begin the next episode; with a seed, the first one under it.

        Args:
            seed: Noise seed of any size, 0 or more; large ones are folded.
            options: ``world``: number of the world from which this episode and the next ones are played.

        Raises:
            UsageError: An option makes no sense, or the world is none of the cycle.
        """
        campaign = self.campaign
        if options is not None and not isinstance(cast("object", options), Mapping):
            raise UsageError(f"options is {options!r}; a mapping such as {{'world': 5}} is wanted.")
        if seed is not None:
            self.episode = -1
            campaign.settings = replace(campaign.settings, seed=folded_seed(seed), first_world=self._first_world)
            campaign.entered = 0
        for name, value in (options or {}).items():
            if name == "world":
                self._enter(whole_number("world", value, least=0))
                self.episode = -1
            elif name not in PASSED_ON:
                # Options are each environment's own, so a foreign one is no error; but a slip should show.
                known = f"The one option of reset is {RESET_OPTIONS[0]}."
                warnings.warn(
                    f"reset passes over the option {name!r}.{suggest(name, RESET_OPTIONS)} {known}", stacklevel=3
                )
        self.episode += 1
        if self.course is not None:
            self.course = Course.begin(campaign.market, campaign.worlds)
        return campaign.reset(self.episode)

    def _enter(self, world: int) -> None:
        campaign, cycle = self.campaign, self.campaign.settings.cycle
        if cycle is None:
            campaign.settings = replace(campaign.settings, first_world=world)
            return
        entered = world - self._first_world
        if not 0 <= entered < cycle:
            raise UsageError(
                f"world is {world}; the worlds of this environment are {self._first_world} to "
                f"{self._first_world + cycle - 1}. Open it with another first_world to play on from there."
            )
        campaign.entered = entered

    def step(self, actions: object) -> CampaignStep:
        """Hold an action for some days; anything that NumPy reads as numbers ``(B, A)``.

        Raises:
            DecisionError: A wrong shape, or values that are no actions.
            UsageError: No episode has begun, or it is over.
        """
        step = self.campaign.step(as_actions(actions))
        if self.course is not None:
            self.course = self.course.after(step)
        return step

    @property
    def worlds(self) -> IntArray:
        """Global numbers of the worlds of this episode ``(B,)``."""
        return self.campaign.numbers(self.episode)

    def infos(self, day: int, terms_base: Mapping[str, FloatArray] | None = None) -> list[dict[str, object]]:
        """What each world tells beside its observation; reset and step tell the same things, of the same types.

        Args:
            day: The day, from 0.
            terms_base: Reward terms ``(B,)`` each; None at a reset, when nothing was earned.
        """
        names, worlds = self.campaign.term_names, self.campaign.worlds
        columns = [[0.0] * worlds if terms_base is None else terms_base[name].tolist() for name in names]
        rows = zip(self.worlds.tolist(), zip(*columns, strict=True), strict=True)
        return [{"world": n, "day": day, "reward_terms": dict(zip(names, row, strict=True))} for n, row in rows]


def as_actions(actions: object) -> Actions:
    """Actions as an array of numbers.

    Raises:
        DecisionError: They are something else.
    """
    try:
        array = np.asarray(actions)
    except ValueError as error:  # rows of different lengths
        raise DecisionError(f"actions are no array of numbers: {error}") from error
    if array.dtype.kind not in "biuf":
        raise DecisionError(f"actions are of type {array.dtype}; numbers are wanted.")
    return array


def first_seed(seed: object) -> int | None:
    """A seed as Gymnasium takes it: a whole number of Python or NumPy as Python's, or None; negative ones it refuses.

    Raises:
        UsageError: It is something else.
    """
    whole = as_whole(seed)
    if seed is not None and whole is None:
        raise UsageError(f"seed is {seed!r}; one whole number or None is wanted.")
    return whole


def noise_seed(np_random_seed: int | None, np_random: np.random.Generator) -> int:
    """The noise seed of an environment that was given none: Gymnasium's entropy, so that it can be given again."""
    # A generator that was put there by hand has the seed -1: nobody knows it.
    if np_random_seed is None or np_random_seed < 0:
        return int(np_random.integers(2**63))
    return np_random_seed
