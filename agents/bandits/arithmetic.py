"""Which arithmetic a bandit runs on: compiled loops where numba is installed, numpy elsewhere."""

from importlib import import_module
from importlib.util import find_spec
from typing import Literal, Protocol, cast

from xbopt.core.arrays import FloatArray, IntArray
from xbopt.core.errors import UsageError

Engine = Literal["auto", "compiled", "plain"]
"""``auto`` takes ``compiled`` where numba is installed. Both give the same answers to rounding."""


class Arithmetic(Protocol):
    """The functions that ``compiled.py`` and ``plain.py`` both hold; their docstrings say what each does."""

    def first_bad_row(self, context: FloatArray) -> int:
        """Position of the first row with a value that is no finite number, or -1."""
        ...

    def predict(self, context: FloatArray, theta: FloatArray) -> FloatArray:
        """Means of every action."""
        ...

    def variances(self, context: FloatArray, inverse: FloatArray) -> FloatArray:
        """Quadratic forms of every action."""
        ...

    def greedy_mix(self, scores: FloatArray, epsilon: float, tie: float) -> FloatArray:
        """Most mass to the best scores."""
        ...

    def gap_weights(self, scores: FloatArray, gamma: float, *, relative: bool) -> FloatArray:
        """Less mass the larger the gap to the best score."""
        ...

    def thompson(self, mean: FloatArray, sd: FloatArray) -> FloatArray:
        """Chance of every action to have the highest Gaussian score."""
        ...

    def ucb(
        self,
        context: FloatArray,
        theta: FloatArray,
        inverse: FloatArray,
        norm: FloatArray,
        alpha: float,
        epsilon: float,
        tie: float,
        probabilities: FloatArray,
    ) -> int:
        """Probabilities of LinUCB, in place."""
        ...

    def thompson_linear(
        self,
        context: FloatArray,
        theta: FloatArray,
        inverse: FloatArray,
        norm: FloatArray,
        spread: float,
        epsilon: float,
        probabilities: FloatArray,
    ) -> int:
        """Probabilities of Thompson sampling, in place."""
        ...

    def draw(self, probabilities: FloatArray, uniforms: FloatArray, chosen: IntArray, propensity: FloatArray) -> None:
        """An action a row, and its propensity."""
        ...

    def invert(
        self,
        gram: FloatArray,
        ridge: float,
        inverse: FloatArray,
        norm: FloatArray,
        target: FloatArray,
        theta: FloatArray,
    ) -> None:
        """Inverses and coefficients from Gram sums."""
        ...

    def learn(
        self,
        context: FloatArray,
        action: IntArray,
        reward: FloatArray,
        weight: FloatArray,
        ridge: float,
        most_steps: int,
        gram: FloatArray,
        inverse: FloatArray,
        norm: FloatArray,
        target: FloatArray,
        theta: FloatArray,
        steps: IntArray,
    ) -> None:
        """Add rows to ridge regressions."""
        ...

    def learn_rates(
        self,
        context: FloatArray,
        action: IntArray,
        reward: FloatArray,
        weight: FloatArray,
        offset: float,
        ridge: float,
        most_steps: int,
        gram: FloatArray,
        inverse: FloatArray,
        norm: FloatArray,
        theta: FloatArray,
        steps: IntArray,
    ) -> None:
        """Add rows to logistic regressions."""
        ...


def arithmetic(engine: Engine) -> Arithmetic:
    """The arithmetic of that name.

    Raises:
        UsageError: The name is unknown, or ``compiled`` is asked for and numba is not installed.
    """
    if engine not in ("auto", "compiled", "plain"):
        raise UsageError(f"engine is {engine!r}; auto, compiled or plain is wanted.")
    has_numba = find_spec("numba") is not None
    if engine == "compiled" and not has_numba:
        raise UsageError("engine is 'compiled', which needs numba: pip install 'xbopt[rl]', or take 'auto'.")
    name = "plain" if engine == "plain" or not has_numba else "compiled"
    return cast("Arithmetic", import_module(f"xbopt.agents.bandits.{name}"))
