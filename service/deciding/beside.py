"""What a request may say beside the inputs of the graph: spend of the day before, what is held, and cells."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from xbopt.core.arrays import BoolArray, FloatArray, IntArray
from xbopt.core.decisions.decision import Decision
from xbopt.service.bundle.schema import SHAPES, Field, Missing, Schema
from xbopt.service.deciding.requests import RequestError

PREVIOUS, HELD, UNITS = "previous_spend_base", "held", "units"
_MOST_MONEY = 1e15
"""More than any budget; a multiple of it is still a number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Beside:
    """What stands beside the inputs of a batch; None where nobody says.

    Attributes:
        previous_base: Spend of the day before ``(B, R, S, C)``, NaN where unknown.
        held: Tactics ``(B, R, S)`` or levels ``(B, A)`` that still hold; -1 where one is to be drawn. None where none
            holds.
        active: Which cells are decided ``(B, R, S)``.
        granted_base: Spend that was granted for the same day before ``(B, R, S, C)``; it shares the day's limits.
        incumbent: What is done in place of the policy's decision, where a roll-out drew that.
    """

    previous_base: FloatArray | None = None
    held: IntArray | None = None
    active: BoolArray | None = None
    granted_base: FloatArray | None = None
    incumbent: Decision | None = None


NOTHING = Beside()


class BesideReader:
    """Reads what stands beside the inputs, from JSON and from arrays.

    Args:
        schema: The schema.
    """

    def __init__(self, schema: Schema) -> None:
        self.units = [f"{region}/{segment}" for region in schema.axes["R"] for segment in schema.axes["S"]]
        self._position = {unit: i for i, unit in enumerate(self.units)}
        self._cells = (len(schema.axes["R"]), len(schema.axes["S"]))
        self._channels = len(schema.axes["C"])
        factors = schema.decision_factors()
        self._names = () if factors is None else factors.names
        # How many tactics a cell has, or each factor levels.
        self._choices: IntArray = (
            np.full(self._cells, len(schema.axes.get("K", [])), dtype=np.int64) if factors is None else factors.levels
        )
        what, given = ("tactics" if factors is None else "levels"), Missing(rule="refuse")
        self.fields = {
            PREVIOUS: Field(
                name=PREVIOUS, dtype="float64", axes=list("BRSC"), unit=schema.currency, low=0.0, high=_MOST_MONEY,
                about="spend of the day before; NaN where it is not known", missing=given,
            ),
            HELD: Field(
                name=HELD, dtype="int64", axes=list(SHAPES[schema.shape].held), unit="", low=-1.0,
                high=self._choices.max() - 1.0, about=f"{what} that were drawn before and still hold; -1 to draw",
                missing=given,
            ),
            UNITS: Field(
                name=UNITS, dtype="int64", axes=list("BRS"), unit="", low=0.0, high=1.0,
                about="1 for a cell that is decided, 0 for one that gets no money", missing=given,
            ),
        }  # fmt: skip
        """The arrays that a batch may have beside its inputs, by the name that announces them."""

    def arrays(self, given: "Mapping[str, FloatArray | IntArray]", rows: int) -> "Beside":
        """What came as arrays, by the names of ``fields``.

        Raises:
            RequestError: An array has another shape, or holds what cannot be.
        """
        previous, held, units = given.get(PREVIOUS), given.get(HELD), given.get(UNITS)
        return Beside(
            previous_base=None if previous is None else self._previous(previous.astype(np.float64, copy=False), rows),
            held=None if held is None else self._held(held.astype(np.int64, copy=False), rows),
            active=None if units is None else self._active(units, rows),
        )

    def nested(
        self,
        previous: Sequence[Sequence[Sequence[float | None]]] | None,
        held: Sequence[Sequence[int] | int] | None,
        units: Sequence[str] | None,
    ) -> "Beside":
        """What a JSON request says.

        Raises:
            RequestError: It is of another shape, or names what is not there.
        """
        if previous is None and held is None and units is None:
            return NOTHING
        return Beside(
            previous_base=None if previous is None else self._previous(_floats(previous), 1),
            held=None if held is None else self._held(_integers(held), 1),
            active=None if units is None else self._named(units),
        )

    def _held(self, array: IntArray, rows: int) -> IntArray | None:
        shape = (rows, *self._choices.shape)
        wrong = None if array.shape != shape else ~((array >= -1) & (array < self._choices))
        if wrong is None or (wrong.any() and not self._names):
            wanted, place = ("level", "factor") if self._names else ("tactic", "cell")
            most = self._choices.max() - 1
            raise RequestError(f"held needs one {wanted} from 0 to {most} a {place}, shape {shape[1:]}; -1 to draw.")
        if wrong.any():
            row, factor = np.argwhere(wrong)[0].tolist()
            raise RequestError(
                f"held is {array[row, factor]} for the factor {self._names[factor]}; a level from 0 to "
                f"{self._choices[factor] - 1} is possible, or -1 to draw."
            )
        if self._names and bool((mixed := (array >= 0).any(axis=1) & (array < 0).any(axis=1)).any()):
            free = self._names[int(np.argmin(array[int(mixed.argmax())]))]
            raise RequestError(
                f"held draws the factor {free} and holds others; the levels of a decision are drawn together and held "
                "together, so that a log can tell what was chosen. Hold all of them, or none."
            )
        return array if (array >= 0).any() else None

    def _previous(self, array: FloatArray, rows: int) -> FloatArray:
        shape = (rows, *self._cells, self._channels)
        if array.shape != shape or not (np.isnan(array) | ((array >= 0.0) & (array <= _MOST_MONEY))).all():
            raise RequestError(
                f"previous_spend_base needs amounts of 0 or more, shape {shape[1:]}; null (NaN in bytes) where one is "
                "not known."
            )
        return array

    def _active(self, array: "FloatArray | IntArray", rows: int) -> BoolArray:
        shape = (rows, *self._cells)
        if array.shape != shape or not ((array == 0) | (array == 1)).all():
            raise RequestError(f"units needs 1 for a cell that is decided and 0 for the others, shape {shape[1:]}.")
        active: BoolArray = array.astype(np.bool_)
        if not active.any(axis=(1, 2)).all():
            raise RequestError("units is 0 in all cells of a row; a decision is for one cell at least.")
        return active

    def _named(self, units: Sequence[str]) -> BoolArray:
        active = np.zeros((1, len(self.units)), dtype=np.bool_)
        for unit in units:
            if unit not in self._position:
                raise RequestError(f"There is no unit {unit!r}; known: {', '.join(self.units[:8])}.")
            active[0, self._position[unit]] = True
        if not units:
            raise RequestError("units is empty; name cells, or leave it out for all of them.")
        return active.reshape(1, *self._cells)


def _floats(nested: object) -> FloatArray:
    try:
        array: FloatArray = np.array([nested], dtype=np.float64)
    except ValueError as error:
        raise RequestError("previous_spend_base has rows of unequal length.") from error
    return array


def _integers(nested: object) -> IntArray:
    try:
        array: IntArray = np.array([nested], dtype=np.int64)
    except (ValueError, OverflowError) as error:
        raise RequestError("held has rows of unequal length, or no whole numbers.") from error
    return array
