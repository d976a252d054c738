"""When the log can answer, when it cannot, and that a refusal says why."""

import numpy as np
import pytest

from tests.ope.worlds import LoggedWorld
from xbopt.core.errors import SupportError
from xbopt.ope import LoggedBanditData, evaluate_policy, plan_exploration
from xbopt.ope.diagnostics.pareto import pareto_shape
from xbopt.ope.results.words import sentence


def negative_control():
    """Ten thousand rows of which two match the evaluation policy, one with a weight of 20,000."""
    rows, n_actions = 10_000, 4
    random = np.random.default_rng(0)
    action = random.integers(0, n_actions, rows)
    propensity = np.full(rows, 0.25)
    evaluation = np.zeros((rows, n_actions))
    evaluation[np.arange(rows), (action + 1) % n_actions] = 1.0  # never what was logged,
    for row, chance in ((77, 1 / 20_000), (5, 1e-4)):  # but for these two rows
        propensity[row] = chance
        evaluation[row] = 0.0
        evaluation[row, action[row]] = 1.0
    data = LoggedBanditData(
        context=random.normal(size=(rows, 2)), action=action, reward=random.random(rows), propensity=propensity,
        n_actions=n_actions, segment=np.where(np.arange(rows) < 5000, "north", "south"),
    )  # fmt: skip
    return data, evaluation


def test_the_negative_control_is_refused_and_the_cause_named():
    data, evaluation = negative_control()
    result = evaluate_policy(data, evaluation)
    assert result.verdict == "REFUSE"
    assert result.support.ess == pytest.approx(1.8)
    assert any("row 77 has weight 2e+04" in reason for reason in result.reasons)
    assert any("worth 1.8 rows" in reason for reason in result.reasons)
    assert any("Log action" in step for step in result.next_steps)
    assert any("uniformly over the 4 actions" in step for step in result.next_steps)
    assert result.support.segments[0].rows == 5000


def test_a_refusal_withholds_every_value():
    result = evaluate_policy(*negative_control())
    assert result.withheld
    assert len(result.estimates) == 0
    assert dict(result.differences) == {}
    assert (result.recommended, result.difference) == (None, None)
    assert "dr" not in result.estimates
    with pytest.raises(SupportError, match="force=True"):
        result.estimates["dr"]


def test_force_shows_the_values_and_keeps_the_verdict():
    result = evaluate_policy(*negative_control(), force=True)
    assert result.verdict == "REFUSE"
    assert not result.withheld
    assert np.isfinite(result.estimates["dr"].value)
    with pytest.raises(KeyError):
        result.estimates["magic"]


def log_without(action, rows=3000):
    """A log that never takes one of three actions, and a policy that would with 20 %."""
    random = np.random.default_rng(2)
    others = [a for a in range(3) if a != action]
    data = LoggedBanditData(
        context=random.normal(size=(rows, 1)), action=random.choice(others, rows), reward=random.random(rows),
        propensity=np.full(rows, 0.5), n_actions=3,
    )  # fmt: skip
    evaluation = np.full((rows, 3), 0.4)
    evaluation[:, action] = 0.2
    return data, evaluation


def test_probability_on_actions_never_logged_is_refused_by_name():
    result = evaluate_policy(*log_without(2))
    assert result.verdict == "REFUSE"
    assert result.support.unsupported_mass == pytest.approx(0.2)
    assert any("never logged: action 2 (20.0%)" in reason for reason in result.reasons)


def test_a_propensity_of_one_leaves_nothing_for_other_actions():
    """Where the logging policy was deterministic, the log says nothing about any other action."""
    random = np.random.default_rng(3)
    action = random.integers(0, 2, 1000)
    data = LoggedBanditData(
        context=np.zeros((1000, 1)), action=action, reward=random.random(1000), propensity=np.ones(1000), n_actions=2
    )
    result = evaluate_policy(data, np.full((1000, 2), 0.5))
    assert result.support.unsupported_mass == pytest.approx(0.5)
    assert result.verdict == "REFUSE"


def test_propensities_that_cannot_be_right_are_noticed():
    """Stated propensities twice as high as they were make the mean weight a half."""
    random = np.random.default_rng(4)
    data = LoggedBanditData(
        context=np.zeros((4000, 1)), action=random.integers(0, 4, 4000), reward=random.random(4000),
        propensity=np.full(4000, 0.5), n_actions=4,
    )  # fmt: skip
    result = evaluate_policy(data, np.full((4000, 4), 0.25))
    assert result.verdict == "REFUSE"
    assert any("mean weight is 0.500" in reason for reason in result.reasons)
    np.testing.assert_allclose(result.support.actions.inverse_propensity_mean, 0.5, atol=0.05)


def test_hardly_any_event_is_a_caution():
    random = np.random.default_rng(5)
    reward = np.zeros(2000)
    reward[:4] = 1.0
    data = LoggedBanditData(
        context=random.normal(size=(2000, 1)), action=random.integers(0, 2, 2000), reward=reward,
        propensity=np.full(2000, 0.5), n_actions=2,
    )  # fmt: skip
    result = evaluate_policy(data, np.full((2000, 2), 0.5))
    assert result.verdict == "CAUTION"
    assert any("Only 4 of 2,000 rewards" in reason for reason in result.reasons)


def test_carry_over_turns_a_one_step_answer_into_a_caution():
    """Yesterday's action is worth 0.5 today; without carry-over the same log answers."""
    random = np.random.default_rng(6)
    before, action = random.integers(0, 3, 3000), random.integers(0, 3, 3000)
    noise = random.normal(size=3000)
    verdicts = {}
    for effect in (0.0, 0.5):
        data = LoggedBanditData(
            context=random.normal(size=(3000, 2)), action=action, reward=2.0 + effect * (before == 1) + noise,
            propensity=np.full(3000, 1 / 3), n_actions=3, previous_action=before,
        )  # fmt: skip
        result = evaluate_policy(data, np.full((3000, 3), 1 / 3))
        verdicts[effect] = result.verdict
    assert verdicts == {0.0: "ANSWER", 0.5: "CAUTION"}
    # The effect has deviation 0.5 sqrt(2 / 9) = 0.236 over actions.
    assert result.carry_over.effect == pytest.approx(0.236, abs=0.05)
    assert any("sequential" in step for step in result.next_steps)


def test_few_clusters_are_a_caution():
    world = LoggedWorld()
    data, evaluation = world.draw(1000, np.random.default_rng(1))
    clustered = LoggedBanditData(
        context=data.context, action=data.action, reward=data.reward, propensity=data.propensity, n_actions=10,
        cluster=[f"market {row % 7}" for row in range(1000)],
    )  # fmt: skip
    result = evaluate_policy(clustered, evaluation)
    assert result.support.clusters == 7
    assert result.verdict == "CAUTION"


def even_log(rows, reward, **more):
    return LoggedBanditData(
        context=np.zeros((rows, 1)), action=np.arange(rows) % 2, reward=reward, propensity=np.full(rows, 0.5),
        n_actions=2, **more,
    )  # fmt: skip


def test_one_cluster_is_refused():
    result = evaluate_policy(even_log(200, np.random.default_rng(1).random(200), cluster=[4] * 200), [[0.5, 0.5]] * 200)
    assert result.verdict == "REFUSE"
    assert any("one cluster" in reason for reason in result.reasons)


def test_a_log_without_any_matching_row_is_refused_in_plain_words():
    data = LoggedBanditData(
        context=np.zeros((50, 1)), action=np.zeros(50), reward=np.ones(50), propensity=np.full(50, 0.5), n_actions=2
    )
    result = evaluate_policy(data, [[0.0, 1.0]] * 50)
    assert result.reasons[0] == "The evaluation policy would have produced none of the 50 logged decisions."


def test_no_event_at_all_still_leaves_room_for_some():
    """Of 2000 zeros 3.69 events remain plausible: -log(0.025). Unbounded rewards all alike have no interval."""
    zeros = evaluate_policy(even_log(2000, np.zeros(2000), reward_bounds=(0.0, 1.0)), [[0.5, 0.5]] * 2000)
    assert zeros.verdict == "CAUTION"
    assert zeros.estimates["dr"].low == 0.0
    assert zeros.estimates["dr"].high == pytest.approx(3.689 / 2000, rel=1e-3)
    unknown = evaluate_policy(even_log(2000, np.zeros(2000)), [[0.5, 0.5]] * 2000)
    assert not unknown.estimates["dr"].covers, "zeros alone do not show that rewards end at 1"
    sevens = evaluate_policy(even_log(2000, np.full(2000, 7.0)), [[0.5, 0.5]] * 2000)
    assert not sevens.estimates["dr"].covers
    assert "no spread" in sevens.estimates["dr"].note


@pytest.mark.parametrize("shape", [0.2, 0.5, 0.9])
@pytest.mark.statistical
def test_the_tail_shape_of_pareto_weights_is_found(shape):
    """Pareto weights of shape k: the estimate is within 3 standard errors (1 + k) / sqrt(m) for m = 300 tail rows."""
    uniform = np.random.default_rng(7).random(10_000)
    weights = (uniform**-shape - 1.0) / shape + 1.0
    assert pareto_shape(weights, len(weights)) == pytest.approx(shape, abs=3 * (1 + shape) / np.sqrt(300))


def test_weights_without_a_tail_have_shape_zero():
    assert pareto_shape(np.ones(100), 100) == 0.0
    assert pareto_shape(np.concatenate([np.zeros(900), np.full(100, 10.0)]), 1000) == 0.0


def test_one_weight_far_above_all_others_has_no_shape():
    assert pareto_shape(np.array([1.0] * 999 + [20_000.0]), 1000) == np.inf


def test_exploration_plans_by_hand():
    # One context, two actions, pi_e = (1, 0), pi_b = (0, 1): at epsilon 0.5 the mixture gives 0.25, so E[w^2] = 4.
    options = plan_exploration([[1.0, 0.0]], logging_probabilities=[[0.0, 1.0]], epsilons=(1.0, 0.5))
    assert [(option.epsilon, option.second_moment, option.rows_to_answer) for option in options] == [
        (0.5, 4.0, 800),
        (1.0, 2.0, 400),
    ]
    # 4 (1.959964 * 2 / 0.1)^2 = 6146.3
    wide = plan_exploration([[1.0, 0.0]], half_width=0.1, reward_sd=2.0, epsilons=(0.5,))
    assert wide[0].rows_for_width == 6147


def by_arm(arm, size, stated, seed=0):
    """Clusters of one action each; the policy is action 0."""
    random = np.random.default_rng(seed)
    cluster = np.repeat(np.arange(len(arm)), size)
    action = np.asarray(arm)[cluster]
    data = LoggedBanditData(
        context=np.zeros((len(action), 0)), action=action, reward=random.normal(size=len(action)),
        propensity=np.where(action == 0, stated, 1.0 - stated), n_actions=2, cluster=cluster,
    )  # fmt: skip
    return data, np.tile([1.0, 0.0], (len(action), 1))


def test_a_policy_that_one_cluster_alone_took_is_refused_and_has_no_spread():
    result = evaluate_policy(*by_arm(np.arange(25) != 3, 200, 0.04), force=True)
    assert result.verdict == "REFUSE"
    assert any("One of 25 clusters holds all the weight" in reason for reason in result.reasons)
    assert result.support.by_cluster.carrying == 1
    assert np.isnan(result.estimates["snips"].se)
    assert (result.estimates["snips"].low, result.estimates["snips"].high) == (-np.inf, np.inf)


def test_a_policy_that_few_of_many_clusters_took_is_refused():
    result = evaluate_policy(*by_arm(np.arange(30) >= 3, 200, 0.1))
    assert result.support.by_cluster.ess == pytest.approx(3.0)
    assert any("clusters are worth 3.0" in reason for reason in result.reasons)


@pytest.mark.statistical
def test_actions_drawn_by_cluster_are_not_refused_for_it():
    """40 clusters of one fair draw each: by row the mean weight would be 7 standard errors from 1 again and again."""
    verdicts = []
    for seed in range(20):
        arm = np.random.default_rng(seed).integers(0, 2, 40)
        verdicts.append(evaluate_policy(*by_arm(arm, 200, 0.5, seed), reward_model=None).verdict)
    assert "REFUSE" not in verdicts


def partly_supported(seed, segments):
    random = np.random.default_rng(seed)
    alone = random.random(400) < 0.15  # here action 0 is never logged
    action = np.where(alone, 1, random.integers(0, 2, 400))
    data = LoggedBanditData(
        context=alone[:, None].astype(float), action=action, reward=random.random(400) + action,
        propensity=np.where(alone, 0.98, 0.5), n_actions=2, segment=alone.astype(int) if segments else None,
    )  # fmt: skip
    return data, np.tile([1.0, 0.0], (400, 1))


def test_a_segment_without_weight_counts_as_unsupported():
    data, evaluation = partly_supported(0, segments=True)
    result = evaluate_policy(data, evaluation)
    assert result.verdict == "REFUSE"
    assert result.support.unsupported_mass == pytest.approx(data.segment.mean())


@pytest.mark.statistical
def test_a_mean_weight_clearly_below_one_is_no_plain_answer():
    """E[w] = 0.85 with a standard error of 0.05: z is below -2 in 84 % of logs."""
    verdicts = [evaluate_policy(*partly_supported(seed, segments=False)).verdict for seed in range(60)]
    assert verdicts.count("ANSWER") <= 60 * 0.16 + 3.5 * np.sqrt(60 * 0.16 * 0.84)
    assert "REFUSE" in verdicts


def test_propensities_that_are_wrong_by_action_but_right_on_average_are_refused():
    random = np.random.default_rng(1)
    action = random.integers(0, 2, 5000)
    data = LoggedBanditData(
        context=np.zeros((5000, 0)), action=action, reward=random.random(5000) + action,
        propensity=np.where(action == 0, 0.25, 0.75), n_actions=2,
    )  # fmt: skip
    result = evaluate_policy(data, np.tile([0.25, 0.75], (5000, 1)))
    assert result.support.mean_weight == pytest.approx(1.0)
    assert result.verdict == "REFUSE"
    assert any("propensities are not those of the draw" in reason for reason in result.reasons)


@pytest.mark.statistical
def test_few_events_in_the_rows_that_carry_weight_are_a_caution_with_room_for_more():
    """Uniform logging of 10 actions; the policy's own has 2 events expected in its 200 rows, the others 90."""
    held, cautions = 0, 0
    for seed in range(60):
        random = np.random.default_rng(seed)
        action = random.integers(0, 10, 2000)
        data = LoggedBanditData(
            context=random.normal(size=(2000, 1)), action=action, propensity=np.full(2000, 0.1), n_actions=10,
            reward=(random.random(2000) < np.where(action == 0, 0.01, 0.05)).astype(float),
        )  # fmt: skip
        result = evaluate_policy(data, np.eye(10)[[0] * 2000])
        cautions += result.verdict == "CAUTION" or result.withheld
        held += result.estimates["dr"].low <= 0.01 <= result.estimates["dr"].high if not result.withheld else 1
    assert cautions == 60
    assert held >= 0.95 * 60 - 3.5 * np.sqrt(0.95 * 0.05 * 60)


def test_a_mass_point_inside_the_range_is_the_usual_reward():
    """Margins with returns: 0 almost always, a few orders above and returns below."""
    reward = np.zeros(2000)
    reward[:4], reward[4:6] = 10.0, -5.0
    result = evaluate_policy(even_log(2000, reward), [[0.5, 0.5]] * 2000)
    assert any("Only 6 of 2,000 rewards" in reason for reason in result.reasons)


def test_costs_keep_their_intervals_where_rewards_have_no_spread():
    cost = np.random.default_rng(1).random(2000)
    result = evaluate_policy(even_log(2000, np.full(2000, 7.0), cost=cost), [[0.5, 0.5]] * 2000)
    assert result.budget["cost"].covers
    assert not any(result.estimates[name].covers for name in ("dm", "switch_dr", "dr_os"))


def pooled(*, full):
    """An old policy that never takes action 2 and a new one that mostly does wrote half of the rows each."""
    random = np.random.default_rng(0)
    who = random.integers(0, 2, 4000)
    each = np.array([[0.5, 0.5, 0.0], [0.2, 0.2, 0.6]])
    own = each[who]
    action = (own.cumsum(axis=1) < random.random((4000, 1))).sum(axis=1)
    return LoggedBanditData(
        context=random.normal(size=(4000, 1)), action=action, n_actions=3, policy=who,
        reward=np.array([0.1, 0.2, 0.3])[action] + 0.3 * random.normal(size=4000),
        propensity=own[np.arange(4000), action], policy_propensities=each[:, action].T,
        action_probabilities=own if full else None,
    )  # fmt: skip


@pytest.mark.parametrize("full", [False, True])
def test_an_action_that_one_of_several_policies_took_has_support(full):
    """With or without all probabilities: knowing more must not refuse more. The truth is .01 + .06 + .18."""
    data = pooled(full=full)
    result = evaluate_policy(data, np.tile([0.1, 0.3, 0.6], (4000, 1)))
    assert result.verdict == "ANSWER"
    assert result.estimates["dr"].low <= 0.25 <= result.estimates["dr"].high


def test_hardly_any_unsupported_probability_is_a_note_and_never_zero_percent():
    data, _ = log_without(2)
    for share, level in ((3e-6, "note"), (0.02, "caution")):
        result = evaluate_policy(data, np.tile([0.5 - share / 2, 0.5 - share / 2, share], (len(data), 1)))
        (found,) = [finding for finding in result.findings if finding.code == "unseen_actions"]
        assert found.level == level
        assert result.verdict == ("ANSWER" if level == "note" else "CAUTION")
        told = sentence(found, result.names)
        assert "0.0%" not in told
        assert "0.00%" not in told


def test_a_log_in_which_nothing_was_drawn_says_so_and_no_more():
    random = np.random.default_rng(3)
    data = LoggedBanditData(
        context=np.zeros((1000, 1)), action=random.integers(0, 2, 1000), reward=random.random(1000),
        propensity=np.ones(1000), n_actions=2,
    )  # fmt: skip
    result = evaluate_policy(data, np.tile([0.0, 1.0], (1000, 1)))
    (reason,), (step,) = result.reasons, result.next_steps
    assert reason.startswith("Every stated propensity is 1: no action was drawn at random")
    assert step.startswith("Draw actions at random")
    assert "inf" not in reason + step
    on_policy = evaluate_policy(data, np.eye(2)[data.action])
    assert on_policy.verdict == "ANSWER", "what was done needs no propensity"


def test_propensities_that_are_too_low_are_looked_up_and_not_made_up_for_by_more_rows():
    """B was taken in 91 % of rows, and one half is written down."""
    random = np.random.default_rng(4)
    action = (random.random(3000) < 0.91).astype(int)
    data = LoggedBanditData(
        context=np.zeros((3000, 1)), action=action, reward=random.random(3000), propensity=np.full(3000, 0.5),
        n_actions=2,
    )  # fmt: skip
    result = evaluate_policy(data, np.tile([0.0, 1.0], (3000, 1)))
    assert result.verdict == "REFUSE"
    assert result.next_steps == ("Find out which propensities held when the actions were drawn, and write those down.",)
