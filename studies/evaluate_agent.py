"""Foreign agents judged like our own: played in the test worlds of a task beside planner, re-planner and simple plans.

All policies meet the same worlds with the same luck (``studies/compare.py``); the first, which the others are compared
with, is the re-planner.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, cast, runtime_checkable

import numpy as np

from xbopt.agents.policies import NAMES
from xbopt.agents.training import TEST_WORLDS
from xbopt.core.decisions.policy import DirectPolicy, FactoredPolicy, Policy, TacticPolicy
from xbopt.core.errors import PolicyError, UsageError
from xbopt.core.paired import PairedDifference
from xbopt.env.actions import ENCODINGS, FORMS, EncodingName, Form
from xbopt.env.campaign import Campaign
from xbopt.env.features import Float32Array
from xbopt.studies.agent_environment import environment_of
from xbopt.studies.agent_policy import AgentPolicy, Answer, Predicts
from xbopt.studies.cards import Card, load_card, shipped_cards
from xbopt.studies.compare import ComparedPolicy, ComparisonResult, GapClosed, compare
from xbopt.studies.frames import Frame, frame_of
from xbopt.studies.simulate import Progress
from xbopt.studies.tasks import OpenTask, Task

if TYPE_CHECKING:
    import gymnasium

REFERENCE = "replan"


@runtime_checkable
class _HasSpaces(Protocol):
    observation_space: "gymnasium.Space[object]"
    action_space: "gymnasium.Space[object]"


@runtime_checkable
class _Normalised(Protocol):
    def get_vec_normalize_env(self) -> object: ...


@runtime_checkable
class Normalisation(Protocol):
    """What ``VecNormalize`` of stable-baselines3 offers."""

    def normalize_obs(self, obs: Float32Array) -> Float32Array:
        """Rows ``(B, N)`` as the agent was trained on them."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentEvaluation:
    """What an agent brought in worlds that it never met.

    Attributes:
        task: Name of the card or scenario.
        agent: Name of the agent.
        encoding: Encoding of its actions; None for a policy of xbopt.
        metric: What policies are ranked by.
        first_world: Number of the first test world.
        notes: What a reader must know, in sentences.
        comparison: All policies side by side; the first is the re-planner.
    """

    task: str
    agent: str
    encoding: EncodingName | None
    metric: str
    first_world: int
    notes: tuple[str, ...]
    comparison: ComparisonResult = field(repr=False)

    @property
    def row(self) -> ComparedPolicy:
        """The agent's own part of the comparison."""
        return next(one for one in self.comparison.policies if one.name == self.agent)

    @property
    def difference(self) -> PairedDifference:
        """The metric less that of the re-planner, in the same worlds."""
        return self.row.difference[self.metric]

    @property
    def gap_closed(self) -> GapClosed | None:
        """How much of the way from the uniform plan to the planner that knows each world; None without an oracle."""
        closed = self.row.gap_closed
        return None if closed is None else closed[self.metric]

    def to_frame(self) -> Frame:
        """One row a policy, the best first; an Arrow table.

        Columns: ``policy``, ``mean`` of the metric, ``difference`` to the re-planner with its ``low``, ``high`` and
        ``verdict``, and ``gap_closed`` with its ends (null without an oracle).
        """
        rows: list[dict[str, object]] = []
        for one in sorted(self.comparison.policies, key=lambda one: -one.figures[self.metric].mean):
            less = one.difference[self.metric]
            closed = None if one.gap_closed is None else one.gap_closed[self.metric]
            rows.append(
                {
                    "policy": one.name,
                    "mean": one.figures[self.metric].mean,
                    "difference": less.mean,
                    "low": less.low,
                    "high": less.high,
                    "verdict": less.verdict,
                    "gap_closed": None if closed is None else closed.value,
                    "gap_closed_low": None if closed is None else closed.low,
                    "gap_closed_high": None if closed is None else closed.high,
                }
            )
        return frame_of(rows)


def evaluate_agent(
    agent: Predicts | Answer | Policy | str | Path,
    card_or_scenario: Card | Task | str | Path,
    *,
    name: str | None = None,
    encoding: EncodingName | None = None,
    form: Form | None = None,
    days_per_step: int | None = None,
    plan: str | None = None,
    anchor: str | None = None,
    normalisation: Normalisation | Callable[[Float32Array], Float32Array] | None = None,
    scaled: bool = False,
    deterministic: bool = True,
    batched: bool = True,
    runs: int = 256,
    first_world: int | None = None,
    seed: int | None = None,
    oracle_worlds: int = 0,
    on_progress: Progress | None = None,
) -> AgentEvaluation:
    """Play an agent that was trained elsewhere, or here, beside planner, re-planner and simple plans, in test worlds.

    Args:
        agent: A model of stable-baselines3 (recurrent ones keep their state), anything else with
            ``predict(observation)``, or a function from observations ``(B, N)`` to actions ``(B, A)``. Or a policy of
            xbopt: the folder of a training run, a plan's file, the name of a built-in policy, or a policy.
        card_or_scenario: A task card, a task, the name of either a card or a scenario, or a file of one.
        name: Its name in the result; ``agent``, or that of the policy of xbopt, where left out.
        encoding: What its actions mean. Left out with all of the next four, what they mean is read from the
            environment that a model of stable-baselines3 still has; else from its action space; else the task says.
        form: Form of the encoding.
        days_per_step: Days for which its actions are held.
        plan: Plan that its actions and features are relative to.
        anchor: Policy that residual actions are relative to.
        normalisation: A ``VecNormalize``, or what was done to its observations; that of the model's own environment
            where left out.
        scaled: Its answers are numbers from -1 to 1 for choices in order, as in data sets for d3rlpy; known where a
            model still has ``card.env(scaled=True)``.
        deterministic: Ask for its likeliest action.
        batched: It takes all worlds at once; else one observation at a time.
        runs: Number of worlds, at most those of a card's test split.
        first_world: Number of the first; the card's, or 2^42.
        seed: Noise seed; the card's, or 0.
        oracle_worlds: For so many worlds the planner that knows their parameters is asked, for the gap that is closed.
        on_progress: As for ``compare``.

    Raises:
        UsageError: Card or scenario is unknown or has changed, the agent's spaces are not those of the task, or a
            wrapper stood between it and the environment that it was trained in.
        PolicyError: ``name`` is that of a built-in policy, or there is no policy of xbopt like this for the market.
        DecisionError: An answer of the agent is no action.
    """
    card, task = _task_of(card_or_scenario)
    if card is not None:
        test = card.worlds.test
        first_world = test.first if first_world is None else first_world
        seed = card.seed if seed is None else seed
        if test.first <= first_world < test.first + test.count < first_world + runs:
            raise UsageError(f"runs is {runs}; the card {card.card} has {test.count} worlds to test in.")
    first_world, seed = TEST_WORLDS if first_world is None else first_world, seed or 0
    opened = task.opened()
    given = {"encoding": encoding, "form": form, "days_per_step": days_per_step, "plan": plan, "anchor": anchor}
    chosen = {key: value for key, value in given.items() if value is not None}
    if isinstance(agent, str | Path | DirectPolicy | TacticPolicy | FactoredPolicy):
        foreign = {**given, "name": name, "normalisation": normalisation, "scaled": scaled or None}
        own = str(agent) if isinstance(agent, Path) else agent
        return _judged(
            card, task, opened, _own(own, foreign), None,
            runs=runs, seed=seed, oracle_worlds=oracle_worlds, first_world=first_world, on_progress=on_progress,
        )  # fmt: skip
    name = "agent" if name is None else name
    environment = environment_of(agent)
    scaled = scaled or (environment is not None and environment.is_scaled)
    trained = None if chosen or environment is None else environment.campaign
    normalise = _normaliser(agent, normalisation)
    is_normalised = normalise is not None
    notes: tuple[str, ...] = ()
    if trained is not None and trained.believed.scenario.hash != opened.shelf.market.scenario.hash:
        notes = (f"The agent was trained on another scenario, {trained.believed.scenario.name}; here it is as told.",)
        trained = None
    if trained is None:
        told = replace(task, **cast("dict[str, Any]", chosen))
        is_given = "encoding" in chosen or "form" in chosen
        campaign = _fitting(agent, told, first_world, is_given=is_given, scaled=scaled, is_normalised=is_normalised)
    else:
        campaign = trained
        if isinstance(model := cast("object", agent), _HasSpaces):
            _check_seen(model, campaign, is_normalised=is_normalised)
            if not _same(model.action_space, taken := _taken(campaign, scaled=scaled)):
                raise UsageError(f"The agent acts in {model.action_space}, and its environment takes {taken}.")
    policy = AgentPolicy(
        agent,
        campaign,
        name=name,
        normalise=normalise,
        scaled=scaled,
        deterministic=deterministic,
        batched=batched,
    )
    if name in NAMES:
        raise PolicyError(f"The agent cannot be called {name}: a built-in policy has this name.")
    found = _judged(
        card, task, opened, policy, campaign.settings.encoding,
        runs=runs, seed=seed, oracle_worlds=oracle_worlds, first_world=first_world, on_progress=on_progress,
    )  # fmt: skip
    return replace(found, notes=notes)


def _own(policy: Policy | str, foreign: Mapping[str, object]) -> Policy | str:
    """A policy of xbopt, which needs nobody to say what its answers mean.

    Raises:
        UsageError: Somebody did.
    """
    given = [key for key, value in foreign.items() if value is not None]
    if given:
        raise UsageError(
            f"{given[0]} is for agents that were trained elsewhere; {getattr(policy, 'name', policy)} is a policy of "
            "xbopt and knows it itself."
        )
    return policy


def _judged(
    card: Card | None,
    task: Task,
    opened: OpenTask,
    policy: Policy | str,
    encoding: EncodingName | None,
    *,
    runs: int,
    seed: int,
    oracle_worlds: int,
    first_world: int,
    on_progress: Progress | None,
) -> AgentEvaluation:
    """The policy beside the others in the test worlds."""
    comparison = compare(
        opened.market,
        [policy] if policy == REFERENCE else [REFERENCE, policy],
        runs=runs,
        seed=seed,
        oracle_worlds=oracle_worlds,
        first_world=first_world,
        shelf=opened.shelf,
        on_progress=on_progress,
    )
    asked = [one.name for one in comparison.policies if one.asked_for]
    return AgentEvaluation(
        task=task.scenario if card is None else card.card,
        agent=asked[-1],
        encoding=encoding,
        metric="reward" if card is None else card.metric,
        first_world=first_world,
        notes=(),
        comparison=comparison,
    )


def _task_of(asked: Card | Task | str | Path) -> tuple[Card | None, Task]:
    if isinstance(asked, Task):
        return None, asked
    if isinstance(asked, Card):
        return asked, asked.task
    if str(asked) in shipped_cards():
        card = load_card(asked)
        return card, card.task
    return None, Task(scenario=str(asked))


def _fitting(
    agent: object, task: Task, first_world: int, *, is_given: bool, scaled: bool, is_normalised: bool
) -> Campaign:
    """The campaign that takes the actions of the agent.

    Raises:
        UsageError: There is none.
    """
    own = task.campaign(1, first_world=first_world)
    if not isinstance(agent, _HasSpaces):
        return own
    _check_seen(agent, own, is_normalised=is_normalised)
    choices = [(task.encoding, task.form)]
    if not is_given and not scaled:
        choices += [(encoding, form) for encoding in ENCODINGS for form in FORMS if encoding != "residual"]
    for encoding, form in choices:
        campaign = replace(task, encoding=encoding, form=form).campaign(1, first_world=first_world)
        if _same(agent.action_space, _taken(campaign, scaled=scaled)):
            return campaign
    raise UsageError(
        f"The agent acts in {agent.action_space}, and the task takes {_taken(own, scaled=scaled)} "
        f"(encoding {task.encoding}); no other encoding fits. Name the one that it was trained with (encoding=, "
        "form=), or say scaled=True if its numbers from -1 to 1 stand for choices."
    )


def _check_seen(agent: _HasSpaces, campaign: Campaign, *, is_normalised: bool) -> None:
    """Refuse an agent that sees other things than the campaign shows.

    Raises:
        UsageError: Its space is another.
    """
    from xbopt.env.spaces import observation_space

    shown = observation_space(campaign.features)
    # What is normalised may have any bounds.
    is_seen = agent.observation_space.shape == shown.shape if is_normalised else _same(agent.observation_space, shown)
    if not is_seen:
        raise UsageError(
            f"The agent observes {agent.observation_space}, and the task shows {shown}: it was trained on another "
            "scenario or version, or behind a wrapper."
        )


def _taken(campaign: Campaign, *, scaled: bool) -> object:
    """The space of actions; with ``scaled``, of numbers that stand for choices."""
    from gymnasium.spaces import Box

    from xbopt.env.spaces import action_space

    choices = campaign.encoding.choices
    if scaled and choices is not None:
        return Box(low=-1.0, high=1.0, shape=choices.shape, dtype=np.float32)
    return action_space(campaign.encoding)


def _same(one: object, other: object) -> bool:
    """Whether two spaces hold the same values, bounds and counts of choices alike."""

    def limits(space: object) -> list[object]:
        return [np.asarray(getattr(space, name, None)).tolist() for name in ("shape", "low", "high", "nvec", "start")]

    return type(one) is type(other) and limits(one) == limits(other)


def _normaliser(
    agent: object, given: Normalisation | Callable[[Float32Array], Float32Array] | None
) -> Callable[[Float32Array], Float32Array] | None:
    if given is None and isinstance(agent, _Normalised):
        given = cast("Normalisation | None", agent.get_vec_normalize_env())
    return given.normalize_obs if isinstance(given, Normalisation) else given
