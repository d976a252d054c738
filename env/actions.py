"""What an environment's actions mean: the encodings, behind one protocol.

Every encoding ends in a ``Decision``, and every decision passes the one projection
(``core/decisions/feasibility.py``) when the day is played.
"""

from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from xbopt.core.arrays import FloatArray, IntArray
from xbopt.core.decisions.decision import Decision
from xbopt.core.decisions.policy import Morning, Observation
from xbopt.core.errors import DecisionError

EncodingName = Literal["residual", "tactics", "continuous"]
Form = Literal["factored", "full"]
ENCODINGS: tuple[EncodingName, ...] = ("residual", "tactics", "continuous")
FORMS: tuple[Form, ...] = ("factored", "full")
Actions = NDArray[np.float64 | np.float32 | np.int64]


class Encoding(Protocol):
    """How actions become decisions. An action is held until the next one."""

    @property
    def names(self) -> tuple[str, ...]:
        """A readable name for each entry of an action ``(A,)``."""
        ...

    @property
    def choices(self) -> IntArray | None:
        """Number of choices of each entry ``(A,)``; None where entries are numbers from -1 to 1."""
        ...

    @property
    def neutral(self) -> Actions:
        """The action that carries the plan on ``(A,)``."""
        ...

    def check(self, actions: Actions) -> Actions:
        """The actions ``(B, A)``, if they are actions.

        Raises:
            DecisionError: A wrong shape, or values that are no actions.
        """
        ...

    def decode(self, actions: Actions, morning: Observation) -> Decision:
        """The day's decision, before projection.

        Args:
            actions: Checked actions ``(B, A)``.
            morning: What is seen on the day; the action may have been chosen some days before.
        """
        ...


class ImitatingEncoding(Encoding, Protocol):
    """An encoding around a plan, in which another policy's spend can be said as nearly as it goes."""

    def nearest(self, spend_base: FloatArray, morning: Morning) -> Actions:
        """The actions ``(B, A)`` whose spend is nearest to a given one; all else is the plan's.

        Args:
            spend_base: Spend ``(B, R, S, C)``, base currency, of somebody who does not know this encoding.
            morning: The morning of the day.
        """
        ...


def check_choices(actions: Actions, choices: IntArray, names: tuple[str, ...]) -> IntArray:
    """Actions of choices ``(B, A)`` as whole numbers.

    Raises:
        DecisionError: A wrong shape, or a number that names no choice.
    """
    if actions.ndim != 2 or actions.shape[1] != len(choices):
        raise DecisionError(f"actions have shape {actions.shape}; (worlds, {len(choices)}) is wanted.")
    whole = np.asarray(actions, dtype=np.int64) if actions.dtype.kind in "iu" else _whole(actions)
    bad = (whole < 0) | (whole >= choices)
    if bad.any():
        row, entry = (int(i) for i in np.argwhere(bad)[0])
        raise DecisionError(
            f"The action in row {row} of the batch is {whole[row, entry]} for {names[entry]}; "
            f"0 to {choices[entry] - 1} are its choices."
        )
    return whole


def check_numbers(actions: Actions, names: tuple[str, ...]) -> NDArray[np.float64]:
    """Actions of numbers from -1 to 1 ``(B, A)``.

    Raises:
        DecisionError: A wrong shape, a value that is no number, or one outside -1..1.
    """
    if actions.ndim != 2 or actions.shape[1] != len(names):
        raise DecisionError(f"actions have shape {actions.shape}; (worlds, {len(names)}) is wanted.")
    values = np.asarray(actions, dtype=np.float64)
    bad = ~(np.abs(values) <= 1.0 + 1e-6)
    if bad.any():
        row, entry = (int(i) for i in np.argwhere(bad)[0])
        raise DecisionError(
            f"The action in row {row} of the batch is {values[row, entry]:g} for {names[entry]}; "
            "a number from -1 to 1 is wanted."
        )
    return np.clip(values, -1.0, 1.0)


def levels_of(scaled: FloatArray, choices: IntArray) -> IntArray:
    """The choices nearest to numbers from -1 to 1 ``(..., A)``; the way back from ``scaled_of``.

    Raises:
        DecisionError: A value is no number.
    """
    if not np.isfinite(scaled).all():
        raise DecisionError("An answer is no number; numbers from -1 to 1 are wanted.")
    return np.rint((np.clip(scaled, -1.0, 1.0) + 1.0) / 2.0 * (choices - 1)).astype(np.int64)


def _whole(actions: Actions) -> IntArray:
    if not np.isfinite(actions).all() or bool((actions != np.rint(actions)).any()):
        raise DecisionError("actions must be whole numbers that name choices; they hold something else.")
    return np.asarray(actions, dtype=np.int64)
