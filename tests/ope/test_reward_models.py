"""Reward models: what they find, what they need, and rewards that are not there yet."""

import numpy as np
import pytest

from tests.ope.worlds import LoggedWorld
from xbopt.core.errors import DecisionLogError, UsageError
from xbopt.ope import LoggedBanditData, evaluate_policy, fit_reward_model
from xbopt.ope.data.row_keys import folds_of, row_keys
from xbopt.ope.diagnostics.propensity import estimate_propensities
from xbopt.ope.reward_models.fitting import reward_moments
from xbopt.ope.reward_models.linear import fit_linear, solve_linear


def linear_log(rows, seed, *, n_actions=3, noise=0.0):
    """Rewards 1 + x0 + a * x1."""
    random = np.random.default_rng(seed)
    context, action = random.normal(size=(rows, 2)), random.integers(0, n_actions, rows)
    reward = 1.0 + context[:, 0] + action * context[:, 1] + noise * random.normal(size=rows)
    return LoggedBanditData(
        context=context, action=action, reward=reward, propensity=np.full(rows, 1 / n_actions), n_actions=n_actions
    )


def keys_of(data):
    return row_keys(len(data), first_row=0, cluster=data.cluster, seed=0)


def test_the_linear_model_finds_action_context_interactions():
    data = linear_log(3000, 0, noise=0.1)
    model = fit_reward_model("linear", data, seed=0)
    wanted = 1.0 + data.context[:, :1] + np.arange(3) * data.context[:, 1:]
    inside = (wanted > data.reward.min()) & (wanted < data.reward.max())
    errors = np.abs(model.predict(data.context, keys_of(data)) - wanted)[inside]
    assert np.quantile(errors, 0.99) < 0.05
    assert model.share_explained > 0.98


def test_ridge_by_hand():
    """One action: coefficients are (X'X + penalty)^-1 X'r on the rows outside of the fold, context standardised."""
    random = np.random.default_rng(1)
    context, reward = random.normal(3.0, 2.0, size=(50, 1)), random.random(50)
    data = LoggedBanditData(context=context, action=np.zeros(50), reward=reward, propensity=np.ones(50), n_actions=1)
    moments = reward_moments(data, seed=0)
    # With a huge deviation penalty only the shared coefficients are left.
    found = solve_linear(moments, 0, np.array([5.0, 1e12]))[0]
    out = folds_of(keys_of(data), 5) == 0
    scaled = (context[:, 0] - context.mean()) / context.std()
    design = np.stack([np.ones(50), scaled], axis=1)[~out]
    slopes = np.linalg.solve(design.T @ design + np.diag([1e-8, 5.0]), design.T @ reward[~out])
    np.testing.assert_allclose(found[0] + found[1] * context[:, 0], slopes[0] + slopes[1] * scaled, rtol=1e-6)


def test_an_action_that_was_never_taken_leans_on_the_others():
    data = linear_log(500, 2)
    seen = data.rows(data.action != 2)
    model = fit_reward_model("linear", seen, seed=0)
    predicted = model.predict(seen.context, keys_of(seen))
    assert np.isfinite(predicted).all()
    between = predicted[:, :2].mean(axis=1)
    assert np.corrcoef(predicted[:, 2], between)[0, 1] > 0.9


def test_constant_and_huge_context_fields_do_no_harm():
    data = linear_log(800, 3, noise=0.1)
    odd = LoggedBanditData(
        context=np.concatenate([data.context * 1e6 + 1e7, np.full((800, 1), 4.2)], axis=1), action=data.action,
        reward=data.reward, propensity=data.propensity, n_actions=3,
    )  # fmt: skip
    plain, moved = (
        fit_reward_model("linear", part, seed=0).predict(part.context, keys_of(data)) for part in (data, odd)
    )
    np.testing.assert_allclose(moved, plain, atol=1e-3)


def test_predictions_stay_within_the_rewards_seen():
    data = linear_log(300, 4)
    far = np.full((2, 2), 1e6)
    predicted = fit_reward_model("linear", data, seed=0).predict(far, keys_of(data)[:2])
    assert predicted.max() <= data.reward.max()


def test_a_context_of_no_fields_is_fine():
    rewards = np.random.default_rng(5).random(100)
    data = LoggedBanditData(
        context=np.empty((100, 0)), action=np.arange(100) % 2, reward=rewards, propensity=np.full(100, 0.5), n_actions=2
    )
    assert evaluate_policy(data, np.full((100, 2), 0.5)).estimates["snips"].value == pytest.approx(rewards.mean())


def test_moments_of_another_width_are_refused():
    moments = reward_moments(linear_log(50, 6), seed=0)
    with pytest.raises(DecisionLogError, match="context has 3 fields; 2 are wanted"):
        moments.add(np.zeros((1, 3)), np.zeros(1, dtype=np.int64), np.zeros(1), np.zeros(1, dtype=np.uint64))


@pytest.mark.statistical
def test_the_logistic_model_finds_the_chances():
    """Log odds are linear in the world, so with 20,000 rows the error is small where the log is dense."""
    world = LoggedWorld(n_actions=3)
    data, _ = world.draw(20_000, np.random.default_rng(7))
    predicted = fit_reward_model("logistic", data, seed=0).predict(data.context, keys_of(data))
    assert np.abs(predicted - world.chance(data.context)).mean() < 0.02
    linear = fit_reward_model("linear", data, seed=0).predict(data.context, keys_of(data))
    assert np.abs(linear - world.chance(data.context)).mean() > np.abs(predicted - world.chance(data.context)).mean()


def test_the_logistic_model_wants_zero_or_one():
    with pytest.raises(UsageError, match="0 or 1"):
        fit_reward_model("logistic", linear_log(50, 8), seed=0)


def test_an_unknown_model_is_named():
    with pytest.raises(UsageError, match="'magic'"):
        fit_reward_model("magic", linear_log(50, 9), seed=0)


@pytest.mark.statistical
def test_trees_find_what_no_line_can():
    """Rewards |x|: held-out trees explain most of it, lines nothing."""
    random = np.random.default_rng(10)
    context = random.normal(size=(1500, 1))
    data = LoggedBanditData(
        context=context, action=random.integers(0, 2, 1500), reward=np.abs(context[:, 0]), n_actions=2,
        propensity=np.full(1500, 0.5),
    )  # fmt: skip
    evaluation = np.full((1500, 2), 0.5)
    trees = evaluate_policy(data, evaluation, reward_model="trees").model
    line = evaluate_policy(data, evaluation).model
    assert (trees.name, line.name) == ("trees", "linear")
    assert trees.share_explained > 0.9
    assert line.share_explained < 0.1


def test_an_ensemble_reports_how_much_its_members_disagree():
    data, evaluation = LoggedWorld(n_actions=3).draw(400, np.random.default_rng(11))
    found = evaluate_policy(data, evaluation, reward_model="ensemble").model
    assert found.name == "ensemble"
    assert 0.0 < found.disagreement < 0.1
    assert evaluate_policy(data, evaluation).model.disagreement == 0.0


def test_rewards_that_are_not_complete_are_left_out_and_not_zero():
    data = linear_log(1000, 12, noise=1.0)
    observed = np.arange(1000) % 4 > 0
    censored = LoggedBanditData(
        context=data.context, action=data.action, reward=np.where(observed, data.reward, np.nan),
        propensity=data.propensity, n_actions=3, observed=observed,
    )  # fmt: skip
    evaluation = np.full((1000, 3), 1 / 3)
    result = evaluate_policy(censored, evaluation)
    assert (result.rows, result.rows_censored) == (750, 250)
    assert result.logging_policy.value == pytest.approx(data.reward[observed].mean())


@pytest.mark.statistical
def test_weights_make_up_for_rewards_that_are_missing_more_often_where_they_are_high():
    """Left out, low rewards dominate: 0.5 too low. Weighted by the chance of being complete they do not."""
    random = np.random.default_rng(13)
    rows = 20_000
    group = random.integers(0, 2, rows)
    reward = 2.0 * group + random.normal(size=rows)
    chance = np.where(group == 1, 1 / 3, 1.0)
    observed = random.random(rows) < chance
    data = LoggedBanditData(
        context=random.normal(size=(rows, 1)), action=random.integers(0, 2, rows), reward=reward,
        propensity=np.full(rows, 0.5), n_actions=2, observed=observed,
    )  # fmt: skip
    evaluation = np.full((rows, 2), 0.5)
    assert evaluate_policy(data, evaluation).estimates["dr"].value == pytest.approx(0.5, abs=0.05)
    weighted = evaluate_policy(data, evaluation, observation_probability=chance).estimates
    for name in ("ips", "snips", "dr"):
        assert abs(weighted[name].value - 1.0) < 4 * weighted[name].se, name


@pytest.mark.statistical
def test_propensities_are_estimated_and_the_verdict_is_a_caution():
    world = LoggedWorld(n_actions=4)
    data, evaluation = world.draw(5000, np.random.default_rng(14))
    silent = LoggedBanditData(
        context=data.context, action=data.action, reward=data.reward, propensity=None, n_actions=4
    )
    estimated = estimate_propensities(silent, seed=0)
    np.testing.assert_allclose(estimated.probabilities.sum(axis=1), 1.0)
    assert np.abs(estimated.probabilities - world.logging(data.context)).mean() < 0.02
    assert estimated.temperature == pytest.approx(1.0, abs=0.1)
    result = evaluate_policy(silent, evaluation)
    assert result.verdict == "CAUTION"
    assert "states no propensities" in result.reasons[0]
    assert result.estimates["dr"].low < world.truth() < result.estimates["dr"].high


def test_too_few_rows_for_propensities_are_refused():
    data = linear_log(6, 15)
    silent = LoggedBanditData(
        context=data.context, action=data.action, reward=data.reward, propensity=None, n_actions=3
    )
    with pytest.raises(DecisionLogError, match="6 rows"):
        evaluate_policy(silent, np.full((6, 3), 1 / 3))


def test_fit_linear_is_what_the_name_gives():
    data = linear_log(200, 16)
    named = fit_reward_model("linear", data, seed=3)
    np.testing.assert_array_equal(named.coefficients, fit_linear(reward_moments(data, seed=3)).coefficients)
