"""Feedback of the Open Bandit Pipeline, as it stands."""

import numpy as np
import pytest

from xbopt.core.errors import DecisionLogError
from xbopt.ope import evaluate_policy, from_obp

ROWS = 600


def feedback(positions):
    random = np.random.default_rng(5)
    return {
        "n_rounds": ROWS, "n_actions": 3, "context": random.normal(size=(ROWS, 2)), "action_context": np.eye(3),
        "action": np.arange(ROWS) % 3, "reward": random.integers(0, 2, ROWS), "pscore": np.full(ROWS, 1 / 3),
        "position": random.integers(0, positions, ROWS) if positions > 1 else None, "pi_b": None,
    }  # fmt: skip


def test_every_row_gets_the_probabilities_of_its_position():
    logged = feedback(2)
    dist = np.zeros((ROWS, 3, 2))
    dist[:, 0, 0] = dist[:, 2, 1] = 1.0  # action 0 in the first place, action 2 in the second
    data, chosen = from_obp(logged, dist)
    hit = logged["action"] == np.where(logged["position"] == 0, 0, 2)
    result = evaluate_policy(data, chosen)
    assert result.estimates["ips"].value == pytest.approx(np.mean(3.0 * hit * logged["reward"]))
    assert len(result.support.segments) == 2


@pytest.mark.parametrize("shape", [(ROWS, 3), (ROWS, 3, 1)])
def test_one_position_needs_no_third_axis(shape):
    data, chosen = from_obp({**feedback(1), "context": None}, np.full(shape, 1 / 3))
    assert data.context.shape == (ROWS, 0)
    assert chosen.shape == (ROWS, 3)
    assert evaluate_policy(data, chosen).estimates["ips"].value == pytest.approx(data.reward.mean())


def test_what_is_missing_or_does_not_fit_is_named():
    with pytest.raises(DecisionLogError, match="feedback has no 'pscore'"):
        from_obp({**feedback(1), "pscore": None}, np.full((ROWS, 3), 1 / 3))
    with pytest.raises(DecisionLogError, match="action_dist has positions 0 to 1"):
        from_obp(feedback(3), np.full((ROWS, 3, 2), 1 / 3))
