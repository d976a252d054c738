"""Never a number from garbage: every bad array is refused, with column and row in the message."""

import numpy as np
import pytest

from xbopt.core.errors import DecisionLogError, UsageError
from xbopt.ope import LoggedBanditData, LoggedEpisodes, evaluate_policy

GOOD = {
    "context": np.ones((4, 2)),
    "action": [0, 1, 2, 0],
    "reward": [1.0, 0.0, 1.0, 0.0],
    "propensity": [0.5, 0.25, 0.25, 0.5],
    "n_actions": 3,
}


def changed(name, index, value):
    array = np.array(GOOD[name], dtype=np.float64)
    array[index] = value
    return {**GOOD, name: array}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (changed("reward", 2, np.nan), "reward, row 2: nan"),
        (changed("reward", 1, np.inf), "reward, row 1: inf"),
        (changed("context", (3, 1), np.nan), "context, row 3, column 1: nan"),
        (changed("propensity", 1, 0.0), "propensity, row 1: 0.0"),
        (changed("propensity", 3, -0.1), "propensity, row 3: -0.1"),
        (changed("propensity", 0, 1.5), "propensity, row 0: 1.5"),
        (changed("propensity", 0, np.nan), "propensity, row 0: nan"),
        (changed("action", 2, 3), "action, row 2: 3 was found; actions run from 0 to 2"),
        (changed("action", 0, -1), "action, row 0: -1"),
        (changed("action", 0, 0.5), "action, row 0: 0.5 was found; a whole number"),
        ({**GOOD, "reward": [1.0, 2.0]}, "reward has shape (2,); (n=4) is wanted"),
        ({**GOOD, "context": np.ones(3)}, "context has shape (3, 1)"),
        ({**GOOD, "reward": ["a", "b", "c", "d"]}, "reward holds something that is no number"),
        ({**GOOD, "n_actions": 0}, "n_actions is 0"),
        ({**GOOD, "action": [], "context": np.ones((0, 2)), "reward": [], "propensity": []}, "no row"),
        ({**GOOD, "cost": [1.0, np.nan, 0.0, 0.0]}, "cost, row 1: nan"),
        ({**GOOD, "previous_action": [-1, 0, 7, 1]}, "previous_action, row 2: 7"),
        ({**GOOD, "reward_bounds": (0.0, 0.5)}, "reward, row 0: 1.0 was found; reward_bounds says from 0 to 0.5"),
        ({**GOOD, "reward_bounds": (1.0, 0.0)}, "reward_bounds is (1.0, 0.0)"),
        ({**GOOD, "observed": [1, 2, 0, 1]}, "bool, or 0 and 1"),
        ({**GOOD, "observed": np.zeros(4, dtype=bool)}, "no decision has a complete reward"),
        ({**GOOD, "action_probabilities": np.full((4, 3), 0.5)}, "row 0: the probabilities sum to 1.5"),
        ({**GOOD, "action_probabilities": np.full((4, 3), 1 / 3)}, "propensity, row 0: 0.5 was found, but"),
        ({**GOOD, "policy": [0, 0, 0, 0]}, "belong together"),
        ({**GOOD, "cluster": [1, 2]}, "cluster has shape (2,)"),
        (
            {**GOOD, "cluster": [1.0, np.nan, 2.0, np.nan]},
            "cluster, row 1: nan was found; every row needs a label (1 mo",
        ),
        ({**GOOD, "cluster": ["a", "b", np.nan, "a"]}, "cluster, row 2: nan was found; every row needs a label"),
        ({**GOOD, "cluster": np.array(["a", None, "b", "a"], dtype=object)}, "cluster, row 1: None was found"),
        ({**GOOD, "cluster": np.array(["2026-01-01", "NaT"] * 2, dtype="datetime64[D]")}, "cluster, row 1: NaT"),
    ],
)
def test_bad_columns_are_named(arguments, words):
    with pytest.raises(DecisionLogError) as caught:
        LoggedBanditData(**arguments)
    assert words in str(caught.value)


def test_the_message_counts_the_rows_that_are_alike():
    with pytest.raises(DecisionLogError, match=r"\(2 more like it\)"):
        LoggedBanditData(**{**GOOD, "reward": [np.nan, np.nan, np.nan, 1.0]})


@pytest.mark.parametrize(
    ("probabilities", "words"),
    [
        (np.full((4, 3), 0.5), "evaluation_probabilities, row 0: the probabilities sum to 1.5"),
        (np.full((4, 2), 0.5), "evaluation_probabilities has shape (4, 2)"),
        ([[1.5, -0.5, 0.0]] * 4, "row 0, column 0: 1.5"),
        ([[np.nan, 0.5, 0.5]] * 4, "row 0, column 0: nan"),
    ],
)
def test_bad_evaluation_policies_are_named(probabilities, words):
    with pytest.raises(DecisionLogError) as caught:
        evaluate_policy(LoggedBanditData(**GOOD), probabilities)
    assert words in str(caught.value)


@pytest.mark.parametrize("confidence", [0.0, 1.0, 95.0])
def test_a_confidence_is_a_probability(confidence):
    with pytest.raises(UsageError, match="confidence"):
        evaluate_policy(LoggedBanditData(**GOOD), np.full((4, 3), 1 / 3), confidence=confidence)


def test_plain_shapes_mean_what_they_say():
    """No context, one context column, 0 and 1 for observed, and one action a row for a policy that is certain."""
    bare = LoggedBanditData(**{**GOOD, "context": None, "observed": [1, 1, 0, 1]})
    assert bare.context.shape == (4, 0)
    assert bare.observed.tolist() == [True, True, False, True]
    np.testing.assert_array_equal(
        LoggedBanditData(**{**GOOD, "context": [1.0, 2.0, 3.0, 4.0]}).context[:, 0], [1, 2, 3, 4]
    )
    certain = evaluate_policy(bare, [0, 0, 0, 0], force=True, reward_model=None)
    assert certain.estimates["ips"].value == pytest.approx((1 / 0.5 * 1.0 + 0.0 + 1 / 0.5 * 0.0) / 3)
    with pytest.raises(DecisionLogError, match="evaluation_probabilities, row 1: 3 was found; actions run from 0 to 2"):
        evaluate_policy(bare, [0, 3, 0, 0])


def test_labels_name_actions_in_reasons():
    data = LoggedBanditData(**GOOD)
    result = evaluate_policy(data, [1, 1, 1, 1], labels=("red", "green", "blue"))
    assert any("'green'" in words for words in (*result.reasons, *result.next_steps))
    with pytest.raises(UsageError, match="labels names 2 actions; the log has 3"):
        evaluate_policy(data, [1, 1, 1, 1], labels=("red", "green"))


EPISODES = {
    "state": np.zeros((2, 3, 1)),
    "action": np.zeros((2, 3), dtype=int),
    "reward": np.ones((2, 3)),
    "propensity": np.full((2, 3), 0.5),
    "n_actions": 2,
}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"reward": [[1, 1, np.nan], [1, 1, 1]]}, "reward, episode 0, step 2: nan"),
        ({"propensity": [[1, 1, 1], [1, 0, 1]]}, "propensity, episode 1, step 1: 0.0"),
        ({"action": [[0, 0, 0], [0, 2, 0]]}, "action, episode 1, step 1: 2"),
        ({"state": np.zeros((2, 3))}, "state has shape (2, 3)"),
        ({"length": [3, 4]}, "length, row 1: 4"),
        ({"discount": 0.0}, "discount is 0.0"),
        ({"action": np.zeros(3)}, "action has shape (3,)"),
    ],
)
def test_bad_episodes_are_named(arguments, words):
    with pytest.raises(DecisionLogError) as caught:
        LoggedEpisodes(**{**EPISODES, **arguments})
    assert words in str(caught.value)


def test_what_lies_beyond_an_episode_is_not_looked_at():
    reward = np.array([[1.0, 1.0, np.nan], [1.0, 1.0, 1.0]])
    log = LoggedEpisodes(**{**EPISODES, "reward": reward, "length": [2, 3]})
    assert log.reward[0, 2] == 0.0
    assert log.alive.sum() == 5


@pytest.mark.parametrize("name", ["reward", "context"])
def test_numbers_whose_squares_overflow_are_refused(name):
    arrays = {"context": np.zeros((5, 2)), "reward": np.zeros(5)}
    arrays[name][(3, 1) if name == "context" else 3] = 1e160
    with pytest.raises(DecisionLogError, match="at most 1e100"):
        LoggedBanditData(action=np.zeros(5), propensity=np.full(5, 0.5), n_actions=2, **arrays)


def test_propensities_cannot_be_estimated_from_one_cluster():
    data = LoggedBanditData(
        context=np.zeros((100, 1)), action=np.arange(100) % 2, reward=np.zeros(100), propensity=None, n_actions=2,
        cluster=np.zeros(100, int),
    )  # fmt: skip
    with pytest.raises(DecisionLogError, match="one fold"):
        evaluate_policy(data, np.full((100, 2), 0.5))


def test_a_policy_that_was_never_logged_has_ips_alone_when_forced():
    data = LoggedBanditData(
        context=np.zeros((100, 0)), action=np.zeros(100), reward=np.ones(100), propensity=np.full(100, 0.5), n_actions=2
    )
    result = evaluate_policy(data, np.tile([0.0, 1.0], (100, 1)), reward_model=None, force=True)
    assert (result.verdict, result.recommended) == ("REFUSE", "ips")
