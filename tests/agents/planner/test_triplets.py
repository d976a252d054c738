"""Triplets do what dense matrices do."""

import numpy as np
import pytest

from xbopt.agents.planner.triplets import Triplets, stacked

DENSE = np.array([[1.0, 0.0, 2.0], [0.0, 0.0, 0.0], [0.0, -3.0, 4.0]])


def dense(matrix: Triplets) -> np.ndarray:
    made = np.zeros((matrix.height, matrix.width))
    np.add.at(made, (matrix.row, matrix.column), matrix.value)
    return made


def test_operations_agree_with_dense_matrices():
    sparse = Triplets.dense(DENSE)
    vector, rows, columns = np.array([1.0, 2.0, -1.0]), np.array([2.0, 3.0, 5.0]), np.array([7.0, 0.5, 1.0])
    assert np.array_equal(dense(sparse), DENSE)
    assert np.array_equal(sparse @ vector, DENSE @ vector)
    assert np.array_equal(dense(-sparse), -DENSE)
    assert np.array_equal(dense(sparse + sparse), 2 * DENSE)
    assert np.array_equal(dense(sparse.scaled(rows=rows, columns=columns)), rows[:, None] * DENSE * columns)
    assert np.array_equal(dense(stacked([sparse, -sparse])), np.vstack([DENSE, -DENSE]))
    assert np.array_equal(dense(sparse.shifted(2, 6))[:, 2:5], DENSE)
    assert np.array_equal(dense(sparse.spread(3, 1))[1::3], DENSE)


@pytest.mark.parametrize("rows", [[2], [0, 2], [2, 2, 1, 0], []])
def test_chosen_rows_come_in_the_order_asked_for(rows):
    chosen = Triplets.dense(DENSE).chosen(np.array(rows, dtype=np.int64))
    assert np.array_equal(dense(chosen), DENSE[rows])
