"""Sequential estimators by hand, and when a log of episodes can answer."""

import numpy as np
import pytest

from tests.ope.worlds import CampaignWorld
from xbopt.ope import LoggedEpisodes, SupportRules, evaluate_sequential
from xbopt.ope.data.row_keys import row_keys
from xbopt.ope.estimators.ratios import ProjectedFormula
from xbopt.ope.sequential.action_values import ActionValues, fit_action_values
from xbopt.ope.sequential.marginal import marginal_weights
from xbopt.ope.sequential.scores import cumulative_weights, sequential_formulas

ANYTHING_GOES = SupportRules(top_weight_share=1.0, ess=0.0, pareto_k=np.inf, unsupported_mass=1.0, missing_z=np.inf)

# Two episodes of two steps. Step weights (2, 0.5) and (1, 3): products (2, 1) and (1, 3).
LOG = LoggedEpisodes(
    state=np.zeros((2, 2, 1)),
    action=[[0, 1], [1, 0]],
    reward=[[1.0, 2.0], [0.0, 4.0]],
    propensity=[[0.25, 0.5], [0.5, 0.2]],
    n_actions=2,
)
EVALUATION = np.array([[[0.5, 0.5], [0.75, 0.25]], [[0.5, 0.5], [0.6, 0.4]]])
STEP_WEIGHTS = np.array([[2.0, 0.5], [1.0, 3.0]])
VALUES = ActionValues(taken=np.array([[1.0, 1.0], [2.0, 3.0]]), state=np.array([[2.0, 1.5], [1.0, 2.0]]))


@pytest.fixture
def by_hand():
    formulas = sequential_formulas(
        LOG,
        cumulative=cumulative_weights(STEP_WEIGHTS),
        marginal=np.array([[2.0, 0.5], [1.0, 2.0]]),
        values=VALUES,
        cluster=np.arange(2),
    )
    return {name: formula.value() for name, formula in formulas.items()}


def test_importance_sampling_by_hand(by_hand):
    # tis: (1 * 3 + 3 * 4) / 2. pdis: (2 * 1 + 1 * 2 + 1 * 0 + 3 * 4) / 2.
    assert by_hand["tis"] == pytest.approx(7.5)
    assert by_hand["pdis"] == pytest.approx(8.0)
    # snpdis: step 0 (2 * 1 + 1 * 0) / 3, step 1 (1 * 2 + 3 * 4) / 4.
    assert by_hand["snpdis"] == pytest.approx(2 / 3 + 14 / 4)


def test_sequential_dr_by_hand(by_hand):
    # Episode 0: 2 + 2 (1 - 1) + 2 * 1.5 + 1 (2 - 1) = 6. Episode 1: 1 + 1 (0 - 2) + 1 * 2 + 3 (4 - 3) = 4.
    assert by_hand["dr"] == pytest.approx(5.0)
    # With marginal weights: 2 + 0 + 2 * 1.5 + 0.5 * 1 = 5.5 and 1 - 2 + 2 + 2 * 1 = 3.
    assert by_hand["drl"] == pytest.approx(4.25)
    assert by_hand["fqe"] == pytest.approx(1.5)
    assert by_hand["dr - logging"] == pytest.approx(5.0 - 3.5)


def test_sequential_dr_is_the_recursion_of_jiang_and_li():
    """V_t = V(s_t) + w_t (r_t + V_{t+1} - Q_t), from the end."""
    random = np.random.default_rng(1)
    log = LoggedEpisodes(
        state=np.zeros((5, 4, 1)), action=np.zeros((5, 4)), reward=random.random((5, 4)),
        propensity=np.full((5, 4), 0.5), n_actions=2, discount=0.9,
    )  # fmt: skip
    weights = random.random((5, 4)) + 0.5
    values = ActionValues(taken=random.random((5, 4)), state=random.random((5, 4)))
    later = np.zeros(5)
    for step in (3, 2, 1, 0):
        later = values.state[:, step] + weights[:, step] * (log.reward[:, step] + 0.9 * later - values.taken[:, step])
    formulas = sequential_formulas(
        log, cumulative=cumulative_weights(weights), marginal=weights, values=values, cluster=np.arange(5)
    )
    assert formulas["dr"].value() == pytest.approx(later.mean())


def test_weights_of_the_public_function_are_those_by_hand():
    result = evaluate_sequential(LOG, EVALUATION, rules=ANYTHING_GOES)
    assert result.estimates["tis"].value == pytest.approx(7.5)
    assert result.support.ess == pytest.approx((1 + 3) ** 2 / (1 + 9))
    assert (result.support.top_row, result.support.top_action, result.support.top_propensity) == (1, 0, 0.2)
    assert result.logging_policy.value == pytest.approx(3.5)
    assert result.estimand == "sequential"


@pytest.fixture(scope="module")
def campaign():
    return CampaignWorld().draw(300, 5, np.random.default_rng(2))


def test_the_logging_policy_earns_the_log_mean_exactly(campaign):
    log, _ = campaign
    world = CampaignWorld()
    own = np.stack([world.policy(log.state[:, step], 0.0) for step in range(5)], axis=1)
    result = evaluate_sequential(log, own)
    for name in ("tis", "pdis", "snpdis"):
        assert result.estimates[name].value == pytest.approx(log.reward.sum(axis=1).mean(), rel=1e-12)
    assert result.verdict == "ANSWER"
    # Then weights are 1 and DR telescopes to the log mean too.
    assert result.estimates["dr"].value == pytest.approx(result.logging_policy.value, rel=0.01)


def test_renaming_actions_changes_nothing(campaign):
    log, evaluation = campaign
    order = np.array([2, 0, 3, 1])
    renamed = LoggedEpisodes(
        state=log.state, action=np.argsort(order)[log.action], reward=log.reward, propensity=log.propensity, n_actions=4
    )
    before, after = (evaluate_sequential(*pair) for pair in ((log, evaluation), (renamed, evaluation[:, :, order])))
    for name in before.estimates:
        assert after.estimates[name].value == pytest.approx(before.estimates[name].value, rel=1e-9)


def test_action_values_of_an_episode_do_not_see_it(campaign):
    log, evaluation = campaign
    keys = row_keys(len(log), first_row=0, cluster=None, seed=0)
    before = fit_action_values(log, evaluation, keys)
    reward = log.reward.copy()
    reward[7] += 100.0
    changed = LoggedEpisodes(state=log.state, action=log.action, reward=reward, propensity=log.propensity, n_actions=4)
    after = fit_action_values(changed, evaluation, keys)
    np.testing.assert_allclose(after.taken[7], before.taken[7])
    assert np.abs(after.taken - before.taken).max() > 0.01


@pytest.mark.statistical
def test_marginal_weights_have_mean_one_and_less_spread_than_products():
    """Their mean is 1 in expectation; 4000 episodes with second moment below 3 leave a standard error below 0.03."""
    log, evaluation = CampaignWorld().draw(4000, 12, np.random.default_rng(3))
    taken = np.take_along_axis(evaluation, log.action[:, :, None], axis=2)[:, :, 0]
    weights = taken / log.propensity
    marginal = marginal_weights(log, weights, row_keys(4000, first_row=0, cluster=None, seed=0))
    np.testing.assert_allclose(marginal.mean(axis=0), 1.0, atol=0.09)
    assert marginal[:, -1].var() < 0.5 * cumulative_weights(weights)[:, -1].var()


def test_episodes_of_unequal_length_end_where_they_end():
    """What lies beyond an episode's end does not matter to any estimate."""
    world = CampaignWorld()
    log, evaluation = world.draw(200, 6, np.random.default_rng(4))
    length = np.random.default_rng(5).integers(2, 7, 200)
    results = []
    for beyond in (np.nan, 1e9):
        reward = np.where(np.arange(6) < length[:, None], log.reward, beyond)
        cut = LoggedEpisodes(
            state=log.state, action=log.action, reward=reward, propensity=log.propensity, n_actions=4, length=length
        )
        results.append(evaluate_sequential(cut, evaluation))
    for name in results[0].estimates:
        assert results[0].estimates[name] == results[1].estimates[name]
    assert results[0].logging_policy.value < log.reward.sum(axis=1).mean()


def test_long_episodes_lean_on_marginal_weights_and_say_so():
    result = evaluate_sequential(*CampaignWorld(tilt=1.0).draw(500, 20, np.random.default_rng(6)))
    assert (result.verdict, result.recommended) == ("CAUTION", "drl")
    assert "state holds all of the past" in result.reasons[0]
    assert result.marginal_ess > 2 * result.support.ess
    assert not result.estimates["tis"].covers
    fqe, leaned_on = result.estimates["fqe"], result.estimates["drl"]
    assert fqe.low <= leaned_on.low
    assert fqe.high >= leaned_on.high


def test_a_state_that_hides_what_carries_over_is_noticed():
    """Without adstock in the state earlier actions still predict what follows; with it they do not."""
    log, evaluation = CampaignWorld(tilt=1.5).draw(800, 15, np.random.default_rng(7))
    hidden = LoggedEpisodes(
        state=log.state[:, :, 1:], action=log.action, reward=log.reward, propensity=log.propensity, n_actions=4
    )
    result = evaluate_sequential(hidden, evaluation)
    assert result.verdict == "REFUSE"
    assert any("Earlier actions predict what follows" in reason for reason in result.reasons)
    assert any("into the state" in step for step in result.next_steps)
    assert evaluate_sequential(log, evaluation).verdict == "CAUTION"


def test_episodes_that_cannot_answer_are_refused():
    """A deterministic policy over 12 steps of three even choices, where a third takes each step."""
    random = np.random.default_rng(8)
    log = LoggedEpisodes(
        state=np.zeros((120, 12, 1)), action=random.integers(0, 3, (120, 12)), n_actions=3,
        reward=random.random((120, 12)), propensity=np.full((120, 12), 1 / 3),
    )  # fmt: skip
    evaluation = np.zeros((120, 12, 3))
    evaluation[:, :, 1] = 1.0
    result = evaluate_sequential(log, evaluation)
    assert result.verdict == "REFUSE"
    assert result.withheld
    assert result.reasons[0] == "The evaluation policy would have produced none of the 120 logged episodes."
    assert any("weights multiply less" in step for step in result.next_steps)


def test_clusters_of_episodes_add_up():
    tops, bottoms = np.arange(6.0)[None], np.ones((1, 6))
    pairs = ProjectedFormula(tops.reshape(1, 3, 2).sum(axis=2), bottoms.reshape(1, 3, 2).sum(axis=2))
    assert pairs.value() == pytest.approx(2.5)
    # Sums 1, 5, 9 less 2 * 2.5: -4, 0, 4 over 6, times sqrt(3 / 2).
    assert pairs.standard_error() == pytest.approx(np.sqrt(1.5 * 32 / 36))


def coin_flips(stated, steps, cluster=None, episodes=500):
    """Fair draws of two actions; the policy takes action 0 with 80 %."""
    random = np.random.default_rng(1)
    state = random.normal(size=(episodes, steps, 1))
    action = random.integers(0, 2, (episodes, steps))
    log = LoggedEpisodes(
        state=state, action=action, reward=(action == 0) + 0.5 * state[..., 0],
        propensity=np.where(action == 0, stated[0], stated[1]), n_actions=2, cluster=cluster,
    )  # fmt: skip
    return log, np.tile([0.8, 0.2], (episodes, steps, 1))


@pytest.mark.parametrize(("stated", "steps"), [((0.25, 0.25), 7), ((0.3, 0.7), 7), ((0.4, 0.4), 28)])
def test_wrong_propensities_are_refused_however_many_steps_there_are(stated, steps):
    result = evaluate_sequential(*coin_flips(stated, steps))
    assert result.verdict == "REFUSE"
    assert any("propensities" in reason for reason in result.reasons)


def test_marginal_weights_do_not_excuse_a_lack_of_clusters():
    one = evaluate_sequential(*coin_flips((0.5, 0.5), 28, cluster=np.zeros(500, int)))
    assert one.verdict == "REFUSE"
    assert any("one cluster" in reason for reason in one.reasons)
    five = evaluate_sequential(*coin_flips((0.5, 0.5), 28, cluster=np.arange(500) % 5))
    assert (five.verdict, five.recommended) == ("CAUTION", "drl")
    assert any("Only 5 clusters" in reason for reason in five.reasons)
