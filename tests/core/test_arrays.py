"""Sums and checks of arrays: the same bits in every layout and batch, the order of the terms kept."""

from collections.abc import Callable

import numpy as np
import pytest

from xbopt.core.arrays import FloatArray, add_up, every, some


def one_by_one(array: FloatArray, axis: int) -> FloatArray:
    """The definition: entry by entry along one axis, in plain Python."""
    moved = np.moveaxis(array, axis, -1)
    total = np.empty(moved.shape[:-1])
    for place in np.ndindex(*total.shape):
        sum_so_far = float(moved[place][0])
        for term in moved[place][1:].tolist():
            sum_so_far += term
        total[place] = sum_so_far
    return total


LAYOUTS: tuple[Callable[[FloatArray], FloatArray], ...] = (
    np.ascontiguousarray,
    np.asfortranarray,
    lambda array: np.asfortranarray(array.swapaxes(1, 3)).swapaxes(1, 3),
    lambda array: np.asfortranarray(array.swapaxes(0, 3)).swapaxes(0, 3),
    lambda array: np.broadcast_to(array[:, :, :1], array.shape),
    lambda array: np.broadcast_to(np.asfortranarray(array[..., :1]), array.shape),
)


@pytest.mark.parametrize("worlds", [1, 2, 70])
@pytest.mark.parametrize("cells", [(1, 1), (1, 3), (4, 1), (3, 9)])
@pytest.mark.parametrize("last", [1, 2, 5, 8, 9, 40])
@pytest.mark.parametrize("layout", range(len(LAYOUTS)))
def test_a_sum_adds_entry_by_entry_in_every_layout(worlds: int, cells: tuple[int, int], last: int, layout: int) -> None:
    """Terms of very different sizes: any other grouping would show in the last bits."""
    rng = np.random.default_rng(5)
    array = LAYOUTS[layout](rng.standard_normal((worlds, *cells, last)) * 10.0 ** rng.integers(-8, 8, last))
    for axis in (1, 2, 3):
        np.testing.assert_array_equal(add_up(array, axis), one_by_one(array, axis))
    np.testing.assert_array_equal(add_up(array, 1, 2, 3), one_by_one(one_by_one(one_by_one(array, 3), 2), 1))


@pytest.mark.parametrize("worlds", [2, 70])
@pytest.mark.parametrize("last", [1, 8, 40])
def test_a_world_does_not_notice_its_neighbours_in_a_sum(worlds: int, last: int) -> None:
    rng = np.random.default_rng(6)
    array = np.asfortranarray(rng.standard_normal((worlds, 1, 3, last)) * 10.0 ** rng.integers(-8, 8, last))
    together = add_up(array, 1, 2, 3)
    alone = [add_up(np.asfortranarray(array[[world]]), 1, 2, 3)[0] for world in range(worlds)]
    assert together.tolist() == alone


def test_some_and_every_are_any_and_all() -> None:
    for mask in ([True, True], [True, False], [False, False], []):
        assert some(np.array(mask, dtype=np.bool_)) == any(mask)
        assert every(np.array(mask, dtype=np.bool_)) == all(mask)
    assert some(np.array([0.0, -1e-300]))
    assert not some(np.array([0.0, -0.0]))
