"""Which arithmetic a bandit runs on: compiled loops where numba is installed, numpy elsewhere."""

from importlib import import_module
from importlib.util import find_spec
from typing import Literal, Protocol, cast

from xbopt.core.axes import FloatArray, IntArray
from xbopt.core.errors import UsageError

Engine = Literal["auto", "compiled", "plain"]
"""``auto`` takes ``compiled`` where numba is installed. Both give the same answers to rounding."""


class Arithmetic(Protocol):
    """The functions that ``compiled.py`` and ``plain.py`` both hold; their docstrings say what each does."""

    def first_bad_row(self, context: FloatArray) -> int: ...

    def predict(self, context: FloatArray, theta: FloatArray) -> FloatArray: ...

    def variances(self, context: FloatArray, inverse: FloatArray) -> FloatArray: ...

    def greedy_mix(self, scores: FloatArray, epsilon: float, tie: float) -> FloatArray: ...

    def gap_weights(self, scores: FloatArray, gamma: float, *, relative: bool) -> FloatArray: ...

    def thompson(self, mean: FloatArray, sd: FloatArray) -> FloatArray: ...

    def draw(self, probabilities: FloatArray, uniforms: FloatArray) -> tuple[IntArray, FloatArray]: ...

    def invert(
        self, gram: FloatArray, ridge: float, inverse: FloatArray, target: FloatArray, theta: FloatArray
    ) -> None: ...

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
        target: FloatArray,
        theta: FloatArray,
        steps: IntArray,
    ) -> None: ...

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
        theta: FloatArray,
        steps: IntArray,
    ) -> None: ...


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
