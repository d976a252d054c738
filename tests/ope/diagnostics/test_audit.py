"""Propensities that are not true are found."""

import numpy as np
import pytest

from tests.ope.worlds import LoggedWorld
from xbopt.core.errors import DecisionLogError
from xbopt.ope import LoggedBanditData, propensity_calibration, propensity_drift


@pytest.fixture(scope="module")
def log():
    return LoggedWorld(n_actions=4).draw(6000, np.random.default_rng(1), with_probabilities=True)[0]


@pytest.mark.statistical
def test_true_propensities_pass(log):
    """Bonferroni at 1 % over 30 days; ten bins within 4 standard errors."""
    assert propensity_drift(log, np.arange(6000) // 200).suspicious == ()
    calibration = propensity_calibration(log)
    assert calibration.pairs.sum() == 24_000
    assert np.abs(calibration.z).max() < 4.0


@pytest.mark.statistical
def test_a_day_that_another_policy_logged_is_found(log):
    """On day 7 actions were drawn uniformly, and the old propensities were written down."""
    action = log.action.copy()
    day = np.arange(6000) // 200
    action[day == 7] = np.random.default_rng(2).integers(0, 4, 200)
    written = LoggedBanditData(
        context=log.context, action=action, reward=log.reward, n_actions=4,
        propensity=log.action_probabilities[np.arange(6000), action],
    )  # fmt: skip
    drift = propensity_drift(written, day)
    assert drift.suspicious == (7,)
    assert drift.means[7] > 1.2


@pytest.mark.statistical
def test_probabilities_that_are_too_bold_are_found(log):
    sharper = log.action_probabilities**2
    sharper /= sharper.sum(axis=1, keepdims=True)
    bold = LoggedBanditData(
        context=log.context, action=log.action, reward=log.reward, n_actions=4, action_probabilities=sharper,
        propensity=None,
    )  # fmt: skip
    calibration = propensity_calibration(bold)
    assert calibration.z[0] > 5.0
    assert calibration.z[-1] < -5.0


def test_means_by_hand():
    # K = 2: 1 / (2 * 0.5) = 1 and 1 / (2 * 0.25) = 2 on the first day, 1 / (2 * 0.8) = 0.625 on the second.
    data = LoggedBanditData(
        context=np.zeros((3, 1)), action=[0, 1, 0], reward=[0.0, 0.0, 0.0], propensity=[0.5, 0.25, 0.8], n_actions=2
    )
    drift = propensity_drift(data, ["monday", "monday", "tuesday"])
    assert sorted(drift.means) == pytest.approx([0.625, 1.5])


def test_days_that_are_alike_are_no_drift():
    """One wrong propensity throughout is found by the mean weight; an action that never was possible is no drift."""
    data = LoggedBanditData(
        context=np.zeros((4, 1)), action=[0, 1, 0, 1], reward=np.zeros(4), propensity=np.full(4, 0.25), n_actions=2
    )
    assert propensity_drift(data, [1, 1, 2, 2]).suspicious == ()
    random = np.random.default_rng(3)
    third = LoggedBanditData(
        context=np.zeros((4000, 0)), action=random.integers(0, 2, 4000), reward=np.zeros(4000),
        propensity=np.full(4000, 0.5), n_actions=3,
    )  # fmt: skip
    found = propensity_drift(third, np.arange(4000) // 400)
    assert found.suspicious == ()
    np.testing.assert_allclose(found.means, 1.0)


def test_what_is_missing_is_named(log):
    data = LoggedBanditData(context=log.context, action=log.action, reward=log.reward, propensity=None, n_actions=4)
    with pytest.raises(DecisionLogError, match="no propensities"):
        propensity_drift(data, np.zeros(6000, dtype=int))
    with pytest.raises(DecisionLogError, match="action_probabilities"):
        propensity_calibration(data)
