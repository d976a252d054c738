"""A foreign agent as a policy: whatever answers a row of features with an action, played like any other policy."""

import inspect
from collections.abc import Callable, Mapping
from typing import Protocol, cast, runtime_checkable

import numpy as np

from xbopt.core.decisions.decision import Decision
from xbopt.core.decisions.policy import Observation, PolicyKind
from xbopt.core.errors import DecisionError, PolicyError, UsageError
from xbopt.env.actions import Actions, Encoding, levels_of
from xbopt.env.campaign import Campaign
from xbopt.env.features import Float32Array

Answer = Callable[[Float32Array], object]


@runtime_checkable
class Predicts(Protocol):
    """A model in the way of stable-baselines3 or d3rlpy."""

    def predict(self, observation: Float32Array) -> object:
        """The actions, or the actions and the state of a recurrent model."""
        ...


class AgentPolicy:
    """A foreign agent in one campaign at a time: it is asked once a decision period, and its answer is held.

    The first morning of a horizon forgets what was held, and the state of a recurrent model.
    """

    kind: PolicyKind = "agent"

    def __init__(
        self,
        agent: Predicts | Answer,
        campaign: Campaign,
        *,
        name: str,
        normalise: Callable[[Float32Array], Float32Array] | None = None,
        scaled: bool = False,
        deterministic: bool = True,
        batched: bool = True,
    ) -> None:
        """Seat an agent.

        Args:
            agent: Has ``predict(observation)``, or is called with the observation.
            campaign: Says what its observations and actions mean.
            name: Name in reports.
            normalise: What its training did to observations ``(B, N)``.
            scaled: Its answers are numbers from -1 to 1 that stand for choices; see ``levels_of``.
            deterministic: Ask ``predict`` for its likeliest action, where it can be asked.
            batched: It takes all worlds at once ``(B, N)`` and answers ``(B, A)``; else one row at a time.

        Raises:
            UsageError: It can be asked in neither way, or its answers cannot be scaled.
        """
        if not isinstance(agent, Predicts) and not callable(agent):
            raise UsageError(f"{type(agent).__name__} is no agent: it has no predict(observation) and is no function.")
        self.name = name
        self._hold_days, self._features = campaign.hold_days, campaign.features
        self._encoding: Encoding = campaign.encoding
        if scaled and self._encoding.choices is None:
            raise UsageError("The actions are numbers from -1 to 1 already; scaled answers stand for choices.")
        self._agent, self._normalise, self._scaled, self._batched = agent, normalise, scaled, batched
        self._options: dict[str, object] = {}
        self._recurrent = False
        if isinstance(agent, Predicts):
            known = _parameters(agent.predict)
            self._options = {"deterministic": deterministic} if "deterministic" in known else {}
            self._recurrent = {"state", "episode_start"} <= known.keys()
        self._states: dict[int, object] = {}
        self._held: Actions | None = None

    def decide(self, observation: Observation) -> Decision:
        """The day's decision.

        Raises:
            DecisionError: The agent's answer is no action.
        """
        if observation.day == 0:
            self._held, self._states = None, {}
        if observation.day % self._hold_days == 0 or self._held is None:
            self._held = self._ask(self._features.flat(observation), first=observation.day == 0)
        return self._encoding.decode(self._held, observation)

    def _ask(self, rows: Float32Array, *, first: bool) -> Actions:
        seen = rows if self._normalise is None else self._normalise(rows)
        if self._batched:
            answer = self._answer(seen, 0, first=first)
        else:
            answer = np.stack([np.asarray(self._answer(row, i, first=first)) for i, row in enumerate(seen)])
        entries = len(self._encoding.names)
        actions = np.asarray(answer)
        if actions.shape != (len(rows), entries) and actions.size == len(rows) * entries:
            actions = actions.reshape(len(rows), entries)
        if actions.dtype.kind not in "iuf":
            raise DecisionError(f"{self.name} answered with {actions.dtype} values; numbers are wanted.")
        if self._scaled:
            assert self._encoding.choices is not None, "checked at the start"
            actions = levels_of(actions.astype(np.float64), self._encoding.choices)
        return self._encoding.check(cast("Actions", actions))

    def _answer(self, seen: Float32Array, row: int, *, first: bool) -> object:
        if not isinstance(self._agent, Predicts):
            return self._agent(seen)
        options = dict(self._options)
        if self._recurrent:
            count = len(seen) if self._batched else 1
            options |= {"state": self._states.get(row), "episode_start": np.full(count, first)}
        answer = self._agent.predict(seen, **options)
        if isinstance(answer, tuple):
            action, *state = cast("tuple[object, ...]", answer)
            self._states[row] = state[0] if state else None
            return action
        return answer


def _parameters(function: Callable[..., object]) -> Mapping[str, object]:
    try:
        return inspect.signature(function).parameters
    except ValueError as error:  # a function without a signature takes the observation alone
        raise PolicyError(f"The agent's predict cannot be looked at: {error}.") from None
