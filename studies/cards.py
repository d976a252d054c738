"""Task cards: frozen tasks, each with worlds to train, validate and test on, and a budget of steps.

A card names the hash of its scenario. A scenario that has changed is another task, so the card refuses it.
"""

from dataclasses import replace
from importlib import resources
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, get_args

from pydantic import Field, model_validator

from xbopt.core.documents.problems import suggest
from xbopt.core.documents.validation import validate_document
from xbopt.core.documents.yaml_files import load_yaml
from xbopt.core.documents.yaml_text import parse_yaml
from xbopt.core.errors import UsageError
from xbopt.core.scenario.fields import Section, Text
from xbopt.core.scenario.loading import load_scenario
from xbopt.core.scenario.scenario import Scenario
from xbopt.env.actions import Actions, EncodingName, Form
from xbopt.env.features import Float32Array
from xbopt.env.settings import FIRST_WORLDS, Objective
from xbopt.studies.tasks import CHANGED, Task, scaled_env

if TYPE_CHECKING:
    import gymnasium

    from xbopt.env.vector_env import CampaignVectorEnv

Split = Literal["train", "validation", "test"]
SPLITS: tuple[Split, ...] = get_args(Split)
_WORLD = Field(ge=0, lt=2**63)
_COUNT = Field(ge=2, le=2**41)


class Worlds(Section):
    """A range of worlds by number."""

    first: Annotated[int, _WORLD] = Field(description="number of the first world")
    count: Annotated[int, _COUNT] = Field(description="how many there are")


class Splits(Section):
    """Worlds to learn in, to choose by, and to report on."""

    train: Worlds
    validation: Worlds
    test: Worlds

    @model_validator(mode="after")
    def _share_no_world(self) -> "Splits":
        ranges = sorted((getattr(self, name).first, getattr(self, name).count, name) for name in SPLITS)
        for (first, count, name), (then, _, other) in pairwise(ranges):
            if first + count > then:
                raise ValueError(f"{name} and {other} share worlds from {then} on; who learns must not know the test")
        if ranges[-1][0] + ranges[-1][1] > 2**63:
            raise ValueError(f"{ranges[-1][2]} ends beyond world 2^63-1")
        return self


class Truth(Section):
    """What holds in the worlds and the seller does not know."""

    changes: list[str] = Field(min_length=1, description="changes path=value of the scenario")
    hash: str = Field(description="hash of the true scenario")


class Card(Section):
    """A frozen task.

    ``steps`` counts decisions that were played to learn from: one is a world on one decision morning, once for each way
    in which it was played on, so a branch counts as one. Validation and test worlds do not count.
    """

    card: str = Field(pattern=r"^[a-z][a-z0-9_]*-v[0-9]+$", description="name and version")
    title: Text
    description: Text
    scenario: str = Field(description="name of a shipped scenario")
    scenario_hash: str = Field(description="its hash")
    truth: Truth | None = Field(default=None, description="where the worlds differ from what the seller believes")
    plan: str = Field(default="planner", description="the plan that features are relative to")
    anchor: str = Field(default="replan", description="the policy that residual actions are relative to")
    encoding: EncodingName = "residual"
    form: Form = "factored"
    objective: Objective = "margin_and_customers"
    worlds: Splits
    seed: Annotated[int, _WORLD] = Field(default=0, description="noise seed, and seed of the uncertain parameters")
    steps: int = Field(ge=1, description="decisions that a learner may take: worlds times decision mornings played")
    metric: Literal["reward", "contribution_margin"] = Field(description="what policies are compared by")

    @property
    def task(self) -> Task:
        """The task."""
        return Task(
            scenario=self.scenario,
            scenario_hash=self.scenario_hash,
            truth=() if self.truth is None else tuple(self.truth.changes),
            truth_hash="" if self.truth is None else self.truth.hash,
            plan=self.plan,
            anchor=self.anchor,
            encoding=self.encoding,
            form=self.form,
            objective=self.objective,
        )

    def training_scenario(self) -> Scenario:
        """The scenario that agents of xbopt train on; ``xbopt.agents.train`` plays the worlds of the train split.

        Raises:
            UsageError: The scenario has changed since the card was frozen, or training knows no such task.
        """
        other = {name: self.split(name).first for name in SPLITS} != {name: FIRST_WORLDS[name] for name in SPLITS}
        reasons = {
            "its seller is wrong about the worlds, and training here takes the scenario for the truth": self.truth,
            "its splits begin with other worlds than those that training plays": other,
            f"its objective is {self.objective}": self.objective != "margin_and_customers",
            f"its noise seed is {self.seed}": self.seed != 0,
        }
        if why := [reason for reason, holds in reasons.items() if holds]:
            raise UsageError(
                f"{self.card} is no task for xbopt train: {why[0]}. Train on its scenario, {self.scenario}, and judge "
                f'the run by the card: evaluate_agent("RUN_DIR", "{self.card}"). To learn in its worlds: card.env().'
            )
        loaded = load_scenario(self.scenario)
        if loaded.hash != self.scenario_hash:
            raise UsageError(CHANGED.format("scenario", self.scenario, loaded.hash, self.scenario_hash))
        return loaded

    def split(self, name: Split) -> Worlds:
        """The worlds of a split.

        Raises:
            UsageError: There is no such split.
        """
        if name not in SPLITS:
            raise UsageError(f"split is {name!r}.{suggest(name, SPLITS)} One of {', '.join(SPLITS)} is wanted.")
        return getattr(self.worlds, name)

    def env(
        self, *, split: Split = "train", relative_to_anchor: bool = False, scaled: bool = False
    ) -> "gymnasium.Env[Float32Array, Actions]":
        """One world at a time, beginning with the first of the split, and again with it after the last.

        Without a seed, resets play under the card's: every environment of a split meets the same worlds.

        Args:
            split: Where the worlds come from.
            relative_to_anchor: Take off what the anchor brings in the same world, with the same luck.
            scaled: Take numbers from -1 to 1 for choices in order: for learners that know no MultiDiscrete actions,
                such as SAC. The nearest choice is played.

        Raises:
            UsageError: The scenario has changed since the card was frozen.
        """
        task = replace(self.task, relative_to_anchor=relative_to_anchor)
        worlds = self.split(split)
        env = task.env(first_world=worlds.first, seed=self.seed, cycle=worlds.count)
        return scaled_env(env) if scaled else env

    def vector_env(
        self, num_envs: int, *, split: Split = "train", relative_to_anchor: bool = False
    ) -> "CampaignVectorEnv":
        """Many worlds at a time, at most those of the split; see ``env``."""
        task = replace(self.task, relative_to_anchor=relative_to_anchor)
        worlds = self.split(split)
        return task.vector_env(num_envs, first_world=worlds.first, seed=self.seed, cycle=worlds.count)


def shipped_cards() -> tuple[str, ...]:
    """Names of the cards that come with xbopt, sorted."""
    folder = resources.files("xbopt.cards")
    return tuple(sorted(item.name.removesuffix(".yaml") for item in folder.iterdir() if item.name.endswith(".yaml")))


def load_card(card: str | Path) -> Card:
    """A task card by the name of a shipped one, or by its file.

    Raises:
        UsageError: There is no such card.
        ScenarioError: The file is no card; every problem has its place.
    """
    text = str(card)
    if text in shipped_cards():
        content = (resources.files("xbopt.cards") / f"{text}.yaml").read_text(encoding="utf-8")
        return validate_document(Card, parse_yaml(content, file=f"{text}.yaml"))
    if not Path(text).is_file():
        known = shipped_cards()
        raise UsageError(f"There is no card {text!r}.{suggest(text, known)} Shipped: {', '.join(known)}.")
    return validate_document(Card, load_yaml(Path(text)))
