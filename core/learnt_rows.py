"""Which rows of a log a policy has learnt from: a fingerprint that goes with it, so that none of them is its judge.

A policy valued on the rows that it was learnt on has taken their luck for its own merit. So whatever learns from a log
keeps two 64-bit numbers a row: of the decision's id, and of what was decided on what. The second tells the same
decisions from other ones under the same ids, as where each log numbers its rows from 1. The reward is no part of it: a
decision whose reward was revised is the same decision.
"""

# pyarrow ships without complete type information, so that much of what it returns has no known type here.
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false, reportUnknownParameterType=false
# pyright: reportUnknownMemberType=false, reportAttributeAccessIssue=false

from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from functools import partial
from types import FunctionType, MethodType, ModuleType
from typing import cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from xbopt.core.arrays import BoolArray, FloatArray, IntArray
from xbopt.core.text_hashes import hashed

Hashes = NDArray[np.uint64]
SAME_CONTENT = 0.9
"""Share of the known ids that must stand for the same decisions; with fewer, other decisions are numbered alike."""
_DEEPEST = 5
_MIXER = np.uint64(0xBF58_476D_1CE4_E5B9)
_STEP = np.uint64(0x9E37_79B9_7F4A_7C15)


def _none() -> Hashes:
    return np.zeros(0, dtype=np.uint64)


@dataclass(frozen=True, slots=True, eq=False)
class LearntRows:
    """The rows that a policy has learnt from.

    Attributes:
        ids: Hash of each decision id, in order, each once ``(m,)``.
        contents: Hash of what was decided on what in each of these rows ``(m,)``.
    """

    ids: Hashes = field(default_factory=_none)
    contents: Hashes = field(default_factory=_none)

    @classmethod
    def of(cls, ids: IntArray | Hashes, contents: Hashes) -> "LearntRows":
        """Rows with these hashes ``(n,)``, in any order."""
        known, first = np.unique(ids.view(np.uint64), return_index=True)
        return cls(known, contents[first])

    def __len__(self) -> int:
        """Number of rows, ``m``."""
        return len(self.ids)

    def plus(self, other: "LearntRows") -> "LearntRows":
        """What both have learnt from."""
        if not len(self) or not len(other):
            return self if len(self) else other
        return LearntRows.of(np.concatenate([self.ids, other.ids]), np.concatenate([self.contents, other.contents]))

    def seen(self, ids: IntArray) -> BoolArray:
        """Which of these decisions, by the hashes of their ids, it has learnt from ``(n,)``."""
        if not len(self):
            return np.zeros(len(ids), dtype=np.bool_)
        place = np.minimum(np.searchsorted(self.ids, ids.view(np.uint64)), len(self) - 1)
        return np.asarray(self.ids[place] == ids.view(np.uint64))

    def alike(self, ids: IntArray, contents: Hashes) -> int:
        """How many of these decisions, all of them seen, hold what it has learnt from."""
        return int((self.contents[np.searchsorted(self.ids, ids.view(np.uint64))] == contents).sum())


def id_hashes(decision_id: ArrayLike) -> IntArray:
    """Hash of each decision id ``(n,)``; whole numbers count as the text that they are written as."""
    import pyarrow as pa

    return hashed(pa.array(np.asarray(decision_id).astype(np.str_).tolist(), type=pa.string()))


def content_hashes(context: FloatArray, action: IntArray, propensity: FloatArray) -> Hashes:
    """Hash of each decision ``(n,)``: its context ``(n, d)``, action and propensity, to the last bit."""
    total = np.zeros(len(action), dtype=np.uint64)
    for column in (*context.T, action.astype(np.float64), propensity):
        total += np.ascontiguousarray(column + 0.0).view(np.uint64)  # 0 is -0 too
        total *= _STEP
        total ^= total >> np.uint64(30)
        total *= _MIXER
    return total


def learnt_rows_of(policy: object) -> LearntRows:
    """The rows that a policy, or anything within it, has learnt from.

    Whatever learns from a log holds its fingerprint in the attribute ``learnt_on``. It is looked for in the object, in
    what its attributes hold, and behind functions and methods: a wrapper that adds exploration hides nothing.
    """
    found, visited = LearntRows(), set[int]()
    level: list[object] = [policy]
    for _ in range(_DEEPEST):
        below: list[object] = []
        for one in level:
            if id(one) in visited:
                continue
            visited.add(id(one))
            if isinstance(one, LearntRows):
                found = found.plus(one)
            else:
                below.extend(_held_by(one))
        level = below
    return found


def _held_by(one: object) -> Iterator[object]:
    """What an object holds, as far as a policy may be in it."""
    if isinstance(one, str | bytes | int | float | np.ndarray | type | ModuleType) or one is None:
        return
    if isinstance(one, Mapping):
        yield from cast("Mapping[object, object]", one).values()
    elif isinstance(one, list | tuple | AbstractSet):
        yield from cast("list[object]", one)
    elif isinstance(one, partial):
        yield from (cast("partial[object]", one).func, one.args, one.keywords)
    elif isinstance(one, MethodType):
        yield one.__self__
    elif isinstance(one, FunctionType):
        yield from (cell.cell_contents for cell in one.__closure__ or () if _is_filled(cell))
        yield one.__defaults__
    else:
        yield from getattr(one, "__dict__", {}).values()
        slots = getattr(type(one), "__slots__", ())
        names = (slots,) if isinstance(slots, str) else tuple(cast("tuple[str, ...]", slots))
        yield from (getattr(one, name, None) for name in names)


def _is_filled(cell: object) -> bool:
    try:
        return cell.cell_contents is not None  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]
    except ValueError:  # a name that its function has not set yet
        return False
