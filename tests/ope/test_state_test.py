"""The test of the state: stocks that it hides are seen, and a state that holds them passes."""

import numpy as np
import pytest

from xbopt.ope import LoggedEpisodes, evaluate_sequential
from xbopt.ope.data.row_keys import row_keys
from xbopt.ope.sequential.action_values import fit_action_values
from xbopt.ope.sequential.state_test import state_p_value

THIRDS = [1 / 3] * 3
LIKES_THE_LAST = np.array([0.1, 0.2, 0.7])


def played(episodes, steps, seed, fade, *, hidden, chances=THIRDS):
    """Action 1 builds up a stock that fades; action 2 pays at once and is borrowed from what follows."""
    random = np.random.default_rng(seed)
    taste, stock, debt = random.normal(0.0, 0.5, episodes), np.zeros(episodes), np.zeros(episodes)
    state, action, reward = [], [], []
    for _ in range(steps):
        state.append(np.stack([taste] if hidden else [taste, stock, debt], axis=1))
        taken = random.choice(3, episodes, p=chances)
        action.append(taken)
        reward.append(1 + 0.5 * (taste + stock - debt) + 0.4 * taken + random.normal(size=episodes))
        stock, debt = fade * stock + 0.4 * (taken == 1), fade * debt + 0.6 * (taken == 2)
    log = LoggedEpisodes(
        state=np.stack(state, axis=1), action=np.stack(action, axis=1), reward=np.stack(reward, axis=1),
        propensity=np.full((episodes, steps), 1 / 3), n_actions=3,
    )  # fmt: skip
    return log, np.tile(LIKES_THE_LAST, (episodes, steps, 1))


def p_value(log, evaluation):
    keys = row_keys(len(log), first_row=0, cluster=None, seed=0)
    return state_p_value(log, fit_action_values(log, evaluation, keys), np.arange(len(log)))


@pytest.mark.statistical
@pytest.mark.parametrize(("episodes", "steps", "fade"), [(500, 7, 0.6), (500, 14, 0.95), (100, 14, 0.6)])
def test_a_hidden_stock_is_seen_and_a_known_one_is_not_held_against_the_state(episodes, steps, fade):
    hidden = [p_value(*played(episodes, steps, seed, fade, hidden=True)) for seed in range(10)]
    assert sum(p <= 0.005 for p in hidden) >= 9
    known = [p_value(*played(episodes, steps, seed, fade, hidden=False)) for seed in range(40)]
    # At one in two hundred 40 logs give 0.2; the chance of three or more is 0.001.
    assert sum(p <= 0.005 for p in known) <= 2
    # p values are not small throughout: of 40 at 5 % 2 are expected, and 2 + 3 * 1.38 is 6.
    assert sum(p <= 0.05 for p in known) <= 6


def test_an_answer_that_leans_on_a_state_that_misses_the_past_is_refused():
    refused = evaluate_sequential(*played(500, 14, 0, 0.6, hidden=True))
    assert refused.verdict == "REFUSE"
    assert [finding.code for finding in refused.findings if finding.level == "refuse"] == ["state_misses_past"]
    assert not any("Log action" in step for step in refused.next_steps)
    known = evaluate_sequential(*played(500, 10, 0, 0.6, hidden=False))
    assert (known.verdict, known.recommended) == ("CAUTION", "drl")


def test_products_of_weights_rest_on_no_state():
    """Three steps: products of weights have support, and a hidden stock is no reason to refuse them."""
    random = np.random.default_rng(1)
    truth = played(100_000, 3, 2, 0.6, hidden=True, chances=LIKES_THE_LAST)[0].reward.sum(axis=1).mean()
    found = evaluate_sequential(*played(2000, 3, int(random.integers(100)), 0.6, hidden=True))
    assert (found.verdict, found.recommended) == ("ANSWER", "dr")
    assert abs(found.estimates["dr"].value - truth) < 4 * found.estimates["dr"].se


def test_single_steps_and_single_actions_have_no_past_to_test():
    log, evaluation = played(60, 1, 0, 0.6, hidden=True)
    assert p_value(log, evaluation) is None
    one = LoggedEpisodes(
        state=np.zeros((60, 3, 1)), action=np.zeros((60, 3)), reward=np.ones((60, 3)), propensity=np.ones((60, 3)),
        n_actions=1,
    )  # fmt: skip
    assert p_value(one, np.ones((60, 3, 1))) in (None, 1.0)
