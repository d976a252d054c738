"""Whatever comes into the kernel's own functions is refused by an exception, or played; nothing ends the process."""

from math import prod
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from xbopt.core.arrays import FloatArray

pytestmark = pytest.mark.usefixtures("kernel")
SIZES = dict(
    zip("TRSLCHKGJMPQFIWANDVOE", (3, 2, 2, 5, 3, 2, 2, 2, 4, 5, 1, 2, 1, 2, 1, 4, 3, 8, 11, 2, 2), strict=True)
)
# Fields that name places of other axes, counted from 0.
NAMING = ("region_currency", "rule_currency", "fee_currency", "windowed", "pair_first", "pair_second", "segment_by_id")
WORLDS = 9


def arrays_of(fields: Any, sizes: dict[str, int], worlds: int | None = None) -> tuple[FloatArray, ...]:
    """Ones for a list of fields; zeros, which name the first place, where places are named."""
    first = () if worlds is None else (worlds,)
    return tuple(
        np.full((*first, *(sizes[axis] for axis in axes)), float(name not in NAMING), order="F")
        for name, axes in fields
    )


def market_of(kernel: ModuleType, sizes: dict[str, int], **changed: FloatArray) -> object:
    ones = arrays_of(kernel.MARKET_FIELDS, sizes)
    named = [
        np.ascontiguousarray(changed.get(name, array))
        for (name, _), array in zip(kernel.MARKET_FIELDS, ones, strict=True)
    ]
    return kernel.market(tuple(sizes[letter] for letter in kernel.SIZES), tuple(named))


def rows_of(fields: Any, worlds: int) -> FloatArray:
    return np.zeros(worlds * sum(prod(SIZES[axis] for axis in axes) for _, axes in fields))


def play(kernel: ModuleType, **changed: Any) -> object:
    """Play a day of a market of ones, some arguments given."""
    market = changed.pop("market", None) or market_of(kernel, SIZES)
    known = {
        "level": kernel.LEVELS[0],
        "market": market,
        "worlds": changed.pop("worlds", None) or kernel.worlds(market, arrays_of(kernel.WORLD_FIELDS, SIZES, 1)),
        "limits": None,
        "state": arrays_of(kernel.STATE_FIELDS, SIZES, WORLDS),
        "window": np.zeros(WORLDS * prod(SIZES[axis] for axis in "RSAW")),
        "decision": decided(kernel),
        "draws": (),
        "evening": rows_of(kernel.STATE_FIELDS, WORLDS),
        "outcome": rows_of(kernel.OUTCOME_FIELDS, WORLDS),
        "channels": None,
        "details": None,
        "day": 0,
        "count": WORLDS,
        "threads": 1,
    }
    return kernel.play(*(known | changed).values())


def decided(kernel: ModuleType, mechanic: int = 0) -> tuple[Any, ...]:
    floats = arrays_of(kernel.DECISION_FIELDS, SIZES, WORLDS)[:3]
    return (*floats, np.full((WORLDS, SIZES["R"], SIZES["S"]), mechanic, order="F"))


def test_what_fits_is_played(kernel: ModuleType) -> None:
    assert play(kernel) is True


@pytest.mark.parametrize("letter", SIZES)
def test_sizes_of_no_market_are_refused(kernel: ModuleType, letter: str) -> None:
    known = [SIZES[letter] - 1] if letter in "LJDVOE" else []  # the kernel knows their lengths
    for length in (-1, 1 << 20, SIZES[letter] + (1 << 32), *known):
        wrong = {**SIZES, letter: length}
        with pytest.raises(ValueError, match="are those of no market"):
            kernel.market(tuple(wrong[own] for own in kernel.SIZES), ())


@pytest.mark.parametrize("name", [*NAMING, "lead_days"])
def test_places_that_are_not_there_are_refused(kernel: ModuleType, name: str) -> None:
    shape = [SIZES[axis] for axis in dict(kernel.MARKET_FIELDS)[name]]
    for place in (-1.0, 100.0, 1e300, np.nan):
        with pytest.raises(ValueError, match="names a place that is not there"):
            market_of(kernel, SIZES, **{name: np.full(shape, place)})


def test_a_decision_of_too_few_arrays_or_of_a_mechanic_that_is_not_there_is_refused(kernel: ModuleType) -> None:
    with pytest.raises(ValueError, match="4 arrays are wanted"):
        play(kernel, decision=decided(kernel)[:2])
    for mechanic in (-1, 5, 1 << 40):
        with pytest.raises(ValueError, match="mechanic names one"):
            play(kernel, decision=decided(kernel, mechanic))


@pytest.mark.parametrize("count", [-1, 1 << 40, 1 << 60, 1 << 61, 1 << 62])
def test_so_many_worlds_that_their_bytes_overflow_are_refused(kernel: ModuleType, count: int) -> None:
    nothing = dict.fromkeys(("window", "evening", "outcome"), np.zeros(0))
    states = tuple(np.zeros(0) for _ in kernel.STATE_FIELDS)
    with pytest.raises(ValueError, match="worlds does not fit"):
        play(kernel, count=count, state=states, **nothing)


def test_worlds_of_another_market_or_of_none_are_refused(kernel: ModuleType) -> None:
    wide = {**SIZES, "C": 2}
    small = market_of(kernel, wide)
    with pytest.raises(ValueError, match="those of another market"):
        play(kernel, worlds=kernel.worlds(small, arrays_of(kernel.WORLD_FIELDS, wide, WORLDS)))
    with pytest.raises(ValueError, match="has another shape"):
        kernel.worlds(small, arrays_of(kernel.WORLD_FIELDS, wide, 0))


@pytest.mark.parametrize("rows", [-1, 1 << 40, 1 << 58, 1 << 61])
def test_so_many_rows_of_a_graph_that_their_bytes_overflow_are_refused(kernel: ModuleType, rows: int) -> None:
    steps = np.zeros((0, 25), dtype=np.int64)
    tensors = np.array([[1, 8, 1, 0], [9, 8, 1, 0]])  # place, numbers of a row, by row, whole
    program = kernel.program(kernel.LEVELS[0], steps, 0, np.zeros(1), tensors, 1, 32)
    with pytest.raises(ValueError, match="rows are wanted"):
        kernel.run(program, (np.zeros(0),), np.zeros(0), rows)


def test_a_count_that_no_number_reaches_is_not_searched_for_ever(kernel: ModuleType) -> None:
    """Uniforms lie below 1; what lies above it has no quantile."""
    counts = np.zeros(3)
    kernel.evaluate(kernel.LEVELS[0], "poisson", np.array([2.0, np.inf, 0.5]), np.array([1.0, 7.0, 0.0]), counts)
    assert (counts[:2] > 1e15).all()
    assert counts[2] == 0.0
