"""Hyperparameters of PPO, and presets by size of the market.

The presets come from ``benchmarks/search_ppo_presets.py``, rounded to three digits; ``benchmarks/RESULTS.md`` tells
what each search was and what its choice reaches.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Literal, cast, get_args

import numpy as np

from xbopt.agents.ppo.credit import CREDITS, CreditName
from xbopt.agents.training import read_options
from xbopt.core.decisions.factors import FACTOR_KINDS, FactorKind
from xbopt.core.errors import UsageError
from xbopt.core.scenario.scenario import Scenario
from xbopt.env.actions import ENCODINGS, EncodingName, Form
from xbopt.env.settings import CampaignSettings, Objective

NetworkName = Literal["shared", "flat"]
_EXPLORATIONS = ("exploration_pace", "exploration_spend", "exploration_dayparts", "exploration_discount")
NETWORKS: tuple[NetworkName, ...] = get_args(NetworkName)


@dataclass(frozen=True, slots=True, kw_only=True)
class PpoSettings:
    """How PPO learns.

    Attributes:
        encoding: ``residual``, ``tactics`` or ``continuous``.
        form: ``factored`` or ``full``.
        objective: What is earned, see ``CampaignSettings``.
        expected_reward: Learn from what days bring on average in their world; see ``CampaignSettings``.
        prompt_reward: Reward steps with what they change in customers and carry-over at once; see ``CampaignSettings``.
        imitation_steps: Gradient steps of imitating the re-planner before anything is tried; 0 for none. Only where the
            run starts from the planner's plan.
        branch_rounds: Rounds of learning from branches before anything is tried, for ``residual``; 0 for none. See
            ``branches``.
        branch_worlds: Worlds of a round.
        branch_steps: Gradient steps of a round.
        learn: Kinds of notches that are learnt, set apart by commas, for ``residual``; all others stay at neutral.
        credit: Which rewards an entry of an action is judged by: ``whole``, ``region`` or ``cell``; see ``credit``.
        network: ``shared`` (one small network for all cells) or ``flat`` (one perceptron over the whole row).
        width: Units of a hidden layer.
        worlds: Worlds played at once.
        episodes: Episodes an update learns from.
        batch_size: Decisions in a gradient step.
        epochs: Passes over what was played.
        learning_rate: Of Adam.
        clip_range: Of the probability ratio.
        target_kl: An update stops early beyond 1.5 times this.
        discount: Discount factor of a step; an episode is a horizon, so 1 is no trouble.
        gae_lambda: Of generalised advantage estimation.
        entropy: Weight of the entropy bonus.
        exploration_pace: First standard deviation of the pace entry, in units of its range.
        exploration_spend: The same of spend entries.
        exploration_dayparts: The same of daypart entries.
        exploration_discount: The same of discount entries.
        neutral_share: Probability of each component's neutral choice before training, for ``tactics``.
        pacing_slack: How far spend may run ahead of the plan's, as a share of all that the plan spends, before it has a
            price; 0 for no such constraint. See ``soft_constraints``.
        validation_worlds: Worlds on which it is chosen which policy is kept.
        test_worlds: Worlds that choose nothing, on which the kept policy is told at the end; 0 for none.
        evaluate_every: Updates between evaluations on the validation worlds.
        patience: Evaluations without improvement after which training stops.
    """

    encoding: EncodingName = "residual"
    form: Form = "factored"
    objective: Objective = "margin_and_customers"
    expected_reward: bool = True
    prompt_reward: bool = True
    imitation_steps: int = 500
    branch_rounds: int = 4
    branch_worlds: int = 128
    branch_steps: int = 400
    learn: str = ",".join(FACTOR_KINDS)
    credit: CreditName = "region"
    network: NetworkName = "shared"
    width: int = 32
    worlds: int = 128
    episodes: int = 1
    batch_size: int = 512
    epochs: int = 8
    learning_rate: float = 3e-4
    clip_range: float = 0.3
    target_kl: float = 0.05
    discount: float = 1.0
    gae_lambda: float = 0.9
    entropy: float = 0.0
    exploration_pace: float = 0.1
    exploration_spend: float = 0.2
    exploration_dayparts: float = 0.05
    exploration_discount: float = 0.01
    neutral_share: float = 0.9
    pacing_slack: float = 0.0
    validation_worlds: int = 128
    test_worlds: int = 256
    evaluate_every: int = 5
    patience: int = 40

    def __post_init__(self) -> None:
        """Check the ranges.

        Raises:
            UsageError: A value makes no sense.
        """
        self.campaign()  # checks encoding, form and objective
        if self.network not in NETWORKS:
            raise UsageError(f"network is {self.network!r}; one of {', '.join(NETWORKS)} is wanted.")
        if self.credit not in CREDITS:
            raise UsageError(f"credit is {self.credit!r}; one of {', '.join(CREDITS)} is wanted.")
        for name in (
            "branch_worlds",
            "branch_steps",
            "width",
            "worlds",
            "episodes",
            "epochs",
            "evaluate_every",
            "patience",
        ):
            if getattr(self, name) < 1:
                raise UsageError(f"{name} is {getattr(self, name)}; at least 1 is wanted.")
        for name in ("batch_size", "validation_worlds"):
            if getattr(self, name) < 2:
                raise UsageError(f"{name} is {getattr(self, name)}; at least 2 is wanted.")
        for name in ("learning_rate", "clip_range", "target_kl", *_EXPLORATIONS):
            if not 0.0 < getattr(self, name) < np.inf:
                raise UsageError(f"{name} is {getattr(self, name)}; a number above 0 is wanted.")
        for name in ("discount", "gae_lambda"):
            if not 0.0 < getattr(self, name) <= 1.0:
                raise UsageError(f"{name} is {getattr(self, name)}; a number above 0 and up to 1 is wanted.")
        for name in ("imitation_steps", "branch_rounds", "test_worlds", "pacing_slack", "entropy"):
            if not 0.0 <= getattr(self, name) < np.inf:
                raise UsageError(f"{name} is {getattr(self, name)}; a number from 0 on is wanted.")
        unknown = set(self.kinds) - set(FACTOR_KINDS)
        if unknown or not self.kinds:
            raise UsageError(
                f"learn is {self.learn!r}; some of {', '.join(FACTOR_KINDS)}, set apart by commas, are wanted."
            )
        if self.encoding != "residual" and len(self.kinds) < len(FACTOR_KINDS):
            raise UsageError(f"learn chooses kinds of notches, which encoding={self.encoding} does not have.")
        if self.learning_rate > 1.0:
            raise UsageError(f"learning_rate is {self.learning_rate:g}; a number above 0 and up to 1 is wanted.")
        if self.test_worlds == 1:
            raise UsageError("test_worlds is 1; at least 2 are wanted to tell a standard error, or 0 for none.")
        if not 0.0 < self.neutral_share < 1.0:
            raise UsageError(f"neutral_share is {self.neutral_share}; a number between 0 and 1 is wanted.")

    @property
    def kinds(self) -> tuple[FactorKind, ...]:
        """Kinds of notches that are learnt."""
        named = {name.strip() for name in self.learn.split(",")}
        return cast("tuple[FactorKind, ...]", tuple(sorted(named - {""})))

    def campaign(self) -> CampaignSettings:
        """The environment's part, without seeds."""
        return CampaignSettings(
            encoding=self.encoding,
            form=self.form,
            objective=self.objective,
            relative_to_anchor=True,
            expected_reward=self.expected_reward,
            prompt_reward=self.prompt_reward,
        )

    def as_played(self) -> CampaignSettings:
        """The same as the policy will be played: numbers are decided anew every day, tactics are held.

        Training holds numbers too: an action that stands for a week shows what it does.
        """
        return replace(self.campaign(), days_per_step=1 if self.encoding == "continuous" else None)

    @property
    def exploration(self) -> tuple[float, ...]:
        """First standard deviations by group."""
        return tuple(float(getattr(self, name)) for name in _EXPLORATIONS)


Size = Literal["small", "medium", "large"]
_RESIDUAL = PpoSettings(
    worlds=64,
    credit="cell",
    imitation_steps=0,
    epochs=4,
    learning_rate=3e-4,
    clip_range=0.2,
    target_kl=1.0,
    discount=0.95,
    gae_lambda=0.6,
    exploration_pace=0.4,
    exploration_spend=0.8,
    exploration_dayparts=0.4,
    exploration_discount=0.4,
    patience=12,
)
PRESETS: Mapping[tuple[EncodingName, Size], PpoSettings] = {
    ("residual", "small"): replace(_RESIDUAL, branch_worlds=512, validation_worlds=256),
    ("residual", "medium"): _RESIDUAL,
    ("residual", "large"): _RESIDUAL,
    ("continuous", "small"): PpoSettings(encoding="continuous", form="full", worlds=64),
    ("continuous", "medium"): PpoSettings(
        encoding="continuous",
        form="full",
        worlds=64,
        learning_rate=8e-4,
        discount=0.98,
        gae_lambda=0.8,
        exploration_pace=0.05,
        exploration_dayparts=0.02,
        exploration_discount=0.003,
    ),
    ("continuous", "large"): PpoSettings(
        encoding="continuous",
        credit="cell",
        form="full",
        expected_reward=False,
        epochs=6,
        learning_rate=1.08e-3,
        clip_range=0.278,
        target_kl=0.111,
        exploration_pace=0.0934,
        exploration_spend=0.0986,
        exploration_dayparts=0.158,
        exploration_discount=0.00437,
    ),
    ("tactics", "small"): PpoSettings(
        encoding="tactics", worlds=64, learning_rate=1e-3, target_kl=0.08, neutral_share=0.5
    ),
    ("tactics", "medium"): PpoSettings(
        encoding="tactics", worlds=64, learning_rate=1e-3, target_kl=0.08, neutral_share=0.5
    ),
    ("tactics", "large"): PpoSettings(
        encoding="tactics", expected_reward=False, learning_rate=1e-3, target_kl=0.08, neutral_share=0.5
    ),
}
"""Hyperparameters by encoding and size of the market, as ``benchmarks/search_ppo_presets.py`` found them."""

_SMALL, _MEDIUM = 40, 100


def preset_for(scenario: Scenario, encoding: str = "residual") -> PpoSettings:
    """The preset for a scenario's size: cells times channels up to 40 are small, up to 100 medium.

    Raises:
        UsageError: There is no such encoding.
    """
    if encoding not in ENCODINGS:
        raise UsageError(f"There is no encoding {encoding!r}; one of {', '.join(ENCODINGS)} is wanted.")
    regions, segments, channels, _ = scenario.shape
    cells = regions * segments * channels
    size: Size = "small" if cells <= _SMALL else "medium" if cells <= _MEDIUM else "large"
    return PRESETS[encoding, size]


RENAMED: Mapping[str, str] = {"lessons": "imitation_steps", "held_out_worlds": "validation_worlds"}
"""Settings that once had another name: saved policies are read by it, options are told the new one."""


def with_options(settings: PpoSettings, options: Mapping[str, object]) -> PpoSettings:
    """Settings with some values replaced; texts are read as the value's own type.

    Raises:
        UsageError: There is no such setting, or the value cannot be read.
    """
    for name in RENAMED.keys() & options.keys():
        raise UsageError(f"ppo has no setting {name!r}. Did you mean {RENAMED[name]!r}?")
    return replace(settings, **cast("dict[str, float]", read_options("ppo", options, asdict(settings))))
