"""Logged episodes as arrays, checked once."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from xbopt.core.arrays import BoolArray, FloatArray, IntArray
from xbopt.core.errors import DecisionLogError
from xbopt.ope.data.array_checks import check_between, check_distributions, codes_of, finite_array, whole_numbers
from xbopt.ope.data.logged import LARGEST, LARGEST_WANTED, PROPENSITY_WANTED


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedEpisodes:
    """Episodes of decisions, each from its start; ``n`` episodes, at most ``T`` steps, ``d`` state fields.

    Attributes:
        state: What was known at each step ``(n, T, d)``; has to hold all of the past that matters for the future.
        action: The action that was taken ``(n, T)``, from 0 to ``n_actions`` - 1.
        reward: What the step brought ``(n, T)``.
        propensity: Probability of the logged action ``(n, T)``, in (0, 1].
        n_actions: Number of actions ``K``.
        length: Steps after which each episode ended ``(n,)``, 1..T; None where all have T. An ended episode earns
            nothing more; one whose later rewards are merely unknown must not stand here with a shorter length.
        cluster: Episodes that depend on each other share a label ``(n,)``; None where all are independent.
        discount: Factor on the reward of the next step, in (0, 1].
    """

    state: FloatArray
    action: IntArray
    reward: FloatArray
    propensity: FloatArray
    n_actions: int
    length: IntArray | None = None
    cluster: IntArray | None = None
    discount: float = 1.0

    def __post_init__(self) -> None:
        """Check every array.

        Raises:
            DecisionLogError: The message names array, episode, step, value and what is wanted.
        """
        if isinstance(self.n_actions, bool) or self.n_actions < 1:
            raise DecisionLogError(f"n_actions is {self.n_actions}; at least 1 is wanted.")
        if not 0.0 < self.discount <= 1.0:
            raise DecisionLogError(f"discount is {self.discount}; above 0 and at most 1 is wanted.")
        shape = np.shape(self.action)
        if len(shape) != 2 or 0 in shape:
            raise DecisionLogError(f"action has shape {shape}; (n, T) with at least one episode and step is wanted.")
        episodes, steps = shape
        if self.length is not None:
            length = whole_numbers("length", self.length, axes=("n",), lengths=(episodes,))
            check_between("length", length, 1, steps, f"episodes have from 1 to {steps} steps")
            self._set("length", length)
        axes, lengths = ("n", "T"), (episodes, steps)
        action = whole_numbers("action", self._filled(self.action, 0.0), axes=axes, lengths=lengths)
        check_between("action", action, 0, self.n_actions - 1, f"actions run from 0 to {self.n_actions - 1}", axes=axes)
        propensity = finite_array("propensity", self._filled(self.propensity, 1.0), axes=axes, lengths=lengths)
        check_between("propensity", propensity, 0.0, 1.0, PROPENSITY_WANTED, open_low=True, axes=axes)
        self._set("action", action)
        self._set("propensity", propensity)
        reward = finite_array("reward", self._filled(self.reward, 0.0), axes=axes, lengths=lengths)
        check_between("reward", reward, -LARGEST, LARGEST, LARGEST_WANTED, axes=axes)
        self._set("reward", reward)
        state = finite_array("state", self._filled(self.state, 0.0), axes=("n", "T", "d"), lengths=(*lengths, None))
        if state.size:
            check_between("state", state, -LARGEST, LARGEST, LARGEST_WANTED, axes=("n", "T", "d"))
        self._set("state", state)
        if self.cluster is not None:
            self._set("cluster", codes_of("cluster", self.cluster, episodes))

    def __len__(self) -> int:
        """Number of episodes, ``n``."""
        return len(self.action)

    @property
    def steps(self) -> int:
        """Greatest number of steps, ``T``."""
        return len(self.action.T)

    @property
    def alive(self) -> BoolArray:
        """Which steps belong to their episode ``(n, T)``."""
        if self.length is None:
            return np.ones(self.action.shape, dtype=np.bool_)
        return np.arange(len(np.transpose(self.action))) < self.length[:, None]

    def checked_probabilities(self, evaluation_probabilities: ArrayLike) -> FloatArray:
        """The evaluation policy's probabilities ``(n, T, K)``; uniform beyond an episode's end.

        Raises:
            DecisionLogError: They have another shape, or a step holds no distribution.
        """
        name = "evaluation_probabilities"
        filled = self._filled(evaluation_probabilities, 1.0 / self.n_actions)
        lengths = (*self.action.shape, self.n_actions)
        whole = finite_array(name, filled, axes=("n", "T", "K"), lengths=lengths)
        check_distributions(name, whole, axes=("n", "T", "K"))
        return whole

    def _filled(self, values: ArrayLike, beyond: float) -> ArrayLike:
        """The values with something harmless beyond the episodes' ends."""
        if self.length is None:
            return values
        array = np.array(values)
        if array.dtype.kind not in "iuf" or array.shape[:2] != np.shape(self.action):
            return values  # the check of shapes will say so
        over = ~self.alive
        filled = array.copy()
        filled[over] = beyond
        return filled

    def _set(self, name: str, value: object) -> None:
        object.__setattr__(self, name, value)
