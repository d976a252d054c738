"""Copies of bandits by ``copy``, pickle, joblib and in other processes: half-way through learning, equal to the bit."""

import copy
import io
import multiprocessing
import pickle
from collections.abc import Callable

import numpy as np
import pytest

from tests.agents.bandits.conftest import OPEN_KINDS, make_bandit, make_rows
from xbopt.agents import BudgetedBandit
from xbopt.agents.bandits.bandit import Bandit
from xbopt.core.arrays import FloatArray


def through_joblib(bandit: Bandit) -> Bandit:
    joblib = pytest.importorskip("joblib")
    memory = io.BytesIO()
    joblib.dump(bandit, memory)
    memory.seek(0)
    loaded = joblib.load(memory)
    assert isinstance(loaded, Bandit)
    return loaded


COPIERS: dict[str, Callable[[Bandit], Bandit]] = {
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    "pickle": lambda bandit: pickle.loads(pickle.dumps(bandit)),  # noqa: S301 - our own bytes
    "joblib": through_joblib,
}


def half_way(kind: str) -> Bandit:
    bandit = make_bandit(kind, seed=3)
    bandit.update(*(column[:70] for column in make_rows(130)))
    bandit.act(make_rows(130)[0][:5])
    return bandit


@pytest.mark.parametrize("way", COPIERS)
def test_a_copy_goes_on_as_the_bandit_itself(kind: str, way: str) -> None:
    rows, bandit = make_rows(130), half_way(kind)
    copied = COPIERS[way](bandit)
    for one in (bandit, copied):
        one.update(*(column[70:] for column in rows))
    assert copied.rows_seen == bandit.rows_seen == 130
    np.testing.assert_array_equal(copied.probabilities(rows[0]), bandit.probabilities(rows[0]))
    np.testing.assert_array_equal(copied.act(rows[0]), bandit.act(rows[0]))


@pytest.mark.parametrize("way", COPIERS)
def test_what_a_copy_learns_stays_with_it(kind: str, way: str) -> None:
    rows, bandit = make_rows(130), half_way(kind)
    before = bandit.probabilities(rows[0])
    COPIERS[way](bandit).update(*(column[70:] for column in rows))
    np.testing.assert_array_equal(bandit.probabilities(rows[0]), before)


def learned(bandit: Bandit) -> tuple[Bandit, FloatArray]:
    """What a worker does: goes on learning, and sends the bandit back."""
    rows = make_rows(130)
    bandit.update(*(column[70:] for column in rows))
    return bandit, bandit.probabilities(rows[0])


def test_bandits_go_to_another_process_and_back() -> None:
    bandits = [half_way(kind) for kind in OPEN_KINDS]
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        back = pool.map(learned, bandits)
    for bandit, (returned, probabilities) in zip(bandits, back, strict=True):
        np.testing.assert_array_equal(probabilities, learned(bandit)[1])
        np.testing.assert_array_equal(returned.act(make_rows(130)[0]), bandit.act(make_rows(130)[0]))


@pytest.mark.parametrize("way", COPIERS)
def test_a_copy_of_a_budgeted_bandit_keeps_its_money(budgeted: BudgetedBandit, way: str) -> None:
    context, _, reward = make_rows(60)
    for i in range(60):
        action = budgeted.act(context[i : i + 1])
        budgeted.update(context[i : i + 1], action, reward[i : i + 1], cost=0.05 * action)
    budgeted.act(context[:4])  # not paid yet
    copied = COPIERS[way](budgeted)
    assert isinstance(copied, BudgetedBandit)
    assert (copied.price.paid, copied.unpaid) == (budgeted.price.paid, budgeted.unpaid)
    np.testing.assert_array_equal(copied.act(context), budgeted.act(context))
