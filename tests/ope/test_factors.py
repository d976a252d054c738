"""Decisions made of factors: no product of weights where rewards add up, and a caution that says what is assumed."""

import re

import numpy as np
import pytest

from xbopt.core.errors import DecisionLogError, SupportError, UsageError
from xbopt.ope import LoggedBanditData, LoggedFactors, evaluate_factors, evaluate_policy

SIZES = (4, 3, 5, 4, 3)
EFFECTS = [np.linspace(0.0, 0.4, size) for size in SIZES]


def drawn(rows, seed, *, interaction=0.0, sizes=SIZES, clusters=0):
    """Factors drawn evenly; the reward is a sum of effects, and more where the first two values are both 0."""
    random = np.random.default_rng(seed)
    action = np.stack([random.integers(0, size, rows) for size in sizes], axis=1)
    x = random.normal(size=rows)
    luck = random.normal(size=clusters)[np.arange(rows) % clusters] if clusters else 0.0
    added = sum(EFFECTS[place][action[:, place]] for place in range(len(sizes)))
    both = (action[:, :2] == 0).all(axis=1)
    return LoggedFactors(
        action=action, propensity=np.tile([1.0 / size for size in sizes], (rows, 1)), n_actions=sizes, context=x,
        reward=added + interaction * both + 0.3 * x + 0.3 * random.normal(size=rows) + 0.3 * luck,
        cluster=np.arange(rows) % clusters if clusters else None,
    )  # fmt: skip


def policy(rows, sizes=SIZES, share=0.7):
    """The first value with that share, the others evenly."""
    return [np.tile([share, *[(1.0 - share) / (size - 1)] * (size - 1)], (rows, 1)) for size in sizes]


def truth(interaction=0.0, sizes=SIZES, share=0.7):
    means = [
        share * line[0] + (1.0 - share) * line[1:].mean() for line in (EFFECTS[i][:s] for i, s in enumerate(sizes))
    ]
    return sum(means) + interaction * share**2


def test_formulas_by_hand():
    """Two rows of two factors; weights 2 and 0.5, 1 and 2."""
    data = LoggedFactors(
        action=[[0, 0], [1, 1]], propensity=[[0.25, 0.8], [0.5, 0.3]], reward=[3.0, 1.0], n_actions=(2, 2)
    )
    chances = [np.array([[0.5, 0.5], [0.5, 0.5]]), np.array([[0.4, 0.6], [0.4, 0.6]])]
    result = evaluate_factors(data, chances, force=True)
    # PI weights: 1 + (2 - 1) + (0.5 - 1) = 1.5 and 1 + 0 + (2 - 1) = 2; products 1 and 2.
    assert result.estimates["pi"].value == pytest.approx((1.5 * 3.0 + 2.0 * 1.0) / 2)
    assert result.estimates["snpi"].value == pytest.approx((1.5 * 3.0 + 2.0 * 1.0) / 3.5)
    assert result.estimates["ips"].value == pytest.approx((1.0 * 3.0 + 2.0 * 1.0) / 2)
    by_position = LoggedFactors(
        action=[[0, 0], [1, 1]], propensity=[[0.25, 0.8], [0.5, 0.3]], reward=[[1.0, 2.0], [0.0, 1.0]], n_actions=(2, 2)
    )
    result = evaluate_factors(by_position, chances, force=True)
    # RIPS: (2 * 1 + 1 * 0) / (2 + 1) + (1 * 2 + 2 * 1) / (1 + 2); IIPS: means of 2 * 1 + 0.5 * 2 and 0 + 2 * 1.
    assert result.estimates["rips"].value == pytest.approx(2 / 3 + 4 / 3)
    assert result.estimates["iips"].value == pytest.approx((3.0 + 2.0) / 2)


def test_of_one_factor_nothing_is_left_but_weighting():
    data = drawn(2_000, 0, sizes=SIZES[:1])
    chances = policy(2_000, SIZES[:1])
    alone = LoggedBanditData(
        context=data.context,
        action=data.action[:, 0],
        reward=data.reward,
        propensity=data.propensity[:, 0],
        n_actions=4,
    )
    found, expected = evaluate_factors(data, chances), evaluate_policy(alone, chances[0])
    for one in ("pi", "ips"):
        assert found.estimates[one].value == pytest.approx(expected.estimates["ips"].value, rel=1e-12)
        assert found.estimates[one].high == pytest.approx(expected.estimates["ips"].high, rel=1e-9)
    assert found.support.ess == pytest.approx(expected.support.ess)
    assert found.factors[0].ess == pytest.approx(expected.support.ess)


@pytest.mark.statistical
def test_intervals_hold_in_an_additive_world_where_products_have_no_support():
    """Of 60 intervals of 95 % fewer than 52 hold in 0.5 % of all tries (binomial)."""
    results = [evaluate_factors(drawn(2_000, seed), policy(2_000)) for seed in range(60)]
    assert {result.verdict for result in results} == {"CAUTION"}
    assert {result.recommended for result in results} == {"pi_dr"}
    # Of each factor the mean weight is tested too, which alarms by chance now and then.
    assert sum([finding.code for finding in result.findings] == ["additive_rewards"] for result in results) >= 54
    for name in ("pi_dr", "pi", "snpi"):
        assert sum(one.estimates[name].low <= truth() <= one.estimates[name].high for one in results) >= 52
    gain = truth() - sum(float(line.mean()) for line in EFFECTS)
    assert sum(one.difference.low <= gain <= one.difference.high for one in results) >= 52
    width = np.mean([one.estimates["pi_dr"].high - one.estimates["pi_dr"].low for one in results])
    assert width < 0.5 * np.mean([one.estimates["ips"].high - one.estimates["ips"].low for one in results])


@pytest.mark.statistical
def test_factors_that_interact_are_found_where_whole_decisions_can_tell():
    """Three factors: whole weights have support, contradict the sum, and are quoted."""
    sizes = SIZES[:3]
    results = [
        evaluate_factors(drawn(12_000, seed, interaction=2.0, sizes=sizes), policy(12_000, sizes)) for seed in range(40)
    ]
    expected = truth(2.0, sizes)
    # The sum counts an interaction of both values as w_1 + w_2 - 1 instead of w_1 w_2: far off.
    assert all(one.estimates["pi_dr"].high < expected for one in results)
    assert all(one.recommended == "ips" for one in results)
    assert all("factors_interact" in [finding.code for finding in one.findings] for one in results)
    assert "The factors interact: the value of pi_dr is" in results[0].reasons[-1]
    # Fewer than 33 of 40 hold in 0.5 % of all tries.
    assert sum(one.estimates["ips"].low <= expected <= one.estimates["ips"].high for one in results) >= 33


def test_the_caution_stands_where_nothing_can_tell():
    result = evaluate_factors(drawn(2_000, 1, interaction=2.0), policy(2_000))
    assert result.verdict == "CAUTION"
    assert "The reward is taken to be a sum over the factors" in " ".join(result.reasons)


def beyond(share, *, factors=5, rows=8_000):
    """Three values are drawn evenly in each factor and a fourth never; the policy has a share on the fourth.

    Rewards are high and add up. The whole weights lose ``1 - (1 - share)^L`` of their mass, and their value as much.
    """
    random = np.random.default_rng(5)
    action = random.integers(0, 3, (rows, factors))
    data = LoggedFactors(
        action=action, propensity=np.full(action.shape, 1 / 3), n_actions=(4,) * factors,
        reward=20.0 + 0.1 * action.sum(axis=1) + 0.3 * random.normal(size=rows),
    )  # fmt: skip
    return data, [np.tile([*[(1.0 - share) / 3] * 3, share], (rows, 1))] * factors


def test_little_in_each_factor_that_was_never_logged_is_much_of_whole_decisions():
    """4 % in each of five factors: 1 - 0.96^5 = 18.5 % of decisions, though each factor stays below 5 %."""
    result = evaluate_factors(*beyond(0.04))
    codes = {finding.code: finding for finding in result.findings}
    assert result.verdict == "REFUSE"
    assert result.recommended is None
    assert result.support.unsupported_mass == pytest.approx(1.0 - 0.96**5)
    assert codes["unseen_decisions"].figures["share"] == pytest.approx(1.0 - 0.96**5)
    assert "18.5% of its probability on decisions with a level" in " ".join(result.reasons)
    assert result.next_steps


@pytest.mark.parametrize("share", [0.009, 0.003])
def test_whole_weights_that_lack_support_contradict_nothing(share):
    """Their value falls short by a part of a reward of 20, which is no interaction of factors."""
    data, chances = beyond(share)
    result = evaluate_factors(data, chances)
    assert result.recommended == "pi_dr"
    assert "factors_interact" not in [finding.code for finding in result.findings]
    said = " ".join(result.reasons)
    assert "cannot check that: the log lacks support" in said
    assert "which assume nothing" not in said
    # The policy is the log's but for that share: what it brings is known to within the effects of the levels.
    assert abs(result.difference.value) < 0.5
    short = result.differences["ips"].value
    assert short == pytest.approx(-20.5 * (1.0 - (1.0 - share) ** 5), abs=0.05)


def test_the_policy_that_wrote_the_log_differs_from_itself_by_nothing():
    data = drawn(500, 4)
    result = evaluate_factors(data, [np.full((500, size), 1.0 / size) for size in SIZES])
    assert {name: one.value for name, one in result.differences.items()} == dict.fromkeys(result.differences, 0.0)
    assert result.estimates["pi_dr"].value == pytest.approx(float(data.reward.mean()), rel=1e-12)


@pytest.mark.statistical
def test_honest_logs_of_four_clusters_are_not_refused_for_their_mean_weight():
    """A z value of 5 is as rare as one of 130 with 3 degrees of freedom: four clusters hardly tell their own spread."""
    alarms = 0
    for seed in range(40):
        random = np.random.default_rng(seed)
        cluster = np.repeat(np.arange(4), 250)
        action = (random.random((1_000, 1)) < 0.5).astype(int)
        data = LoggedFactors(
            action=action, propensity=np.full((1_000, 1), 0.5), reward=random.normal(size=1_000), n_actions=(2,),
            cluster=cluster,
        )  # fmt: skip
        result = evaluate_factors(data, [np.tile([0.1, 0.9], (1_000, 1))])
        codes = [finding.code for finding in result.findings]
        alarms += bool({"mean_weight_low", "mean_weight_high", "weights_of_action"} & set(codes))
        assert "few_clusters" in codes
    assert alarms == 0


def cascade(rows, seed):
    """Three positions; each earns by its own value and, where the one before was 0, half as much."""
    random = np.random.default_rng(seed)
    action = random.integers(0, 3, (rows, 3))
    base = np.array([0.6, 0.3, 0.1])[action]
    base[:, 1:] *= np.where(action[:, :-1] == 0, 0.5, 1.0)
    reward = (random.random((rows, 3)) < base).astype(float)
    return LoggedFactors(action=action, propensity=np.full((rows, 3), 1 / 3), reward=reward, n_actions=(3, 3, 3))


@pytest.mark.statistical
def test_positions_that_take_from_those_after_them_are_valued_right():
    """With value 0 always, the truth is .6 + .3 + .3; the sum of each position's own doing says 3 * its mean."""
    chances = [np.tile([0.8, 0.1, 0.1], (4_000, 1))] * 3
    own = 0.8 * 0.6 + 0.1 * 0.3 + 0.1 * 0.1
    expected = own + 2 * own * (0.8 * 0.5 + 0.2)
    results = [evaluate_factors(cascade(4_000, seed), chances) for seed in range(60)]
    assert sum(one.estimates["rips"].low <= expected <= one.estimates["rips"].high for one in results) >= 52
    assert {one.recommended for one in results} == {"rips"}
    assert {one.verdict for one in results} == {"CAUTION"}
    # Each position's own doing leaves out what the policy changes before it: half of it at a third, not at 0.8.
    alone = own + 2 * own * (0.5 / 3 + 2 / 3)
    assert np.mean([one.estimates["iips"].value for one in results]) == pytest.approx(alone, abs=0.02)


@pytest.mark.statistical
def test_rows_of_one_cluster_count_once():
    results = [evaluate_factors(drawn(2_000, seed, clusters=50), policy(2_000)) for seed in range(60)]
    assert (
        sum(
            one.logging_policy.low <= sum(line.mean() for line in EFFECTS) <= one.logging_policy.high for one in results
        )
        >= 52
    )
    assert results[0].support.clusters == 50


def test_a_factor_without_support_is_named():
    data = drawn(500, 2)
    never = LoggedFactors(
        action=np.where((data.action == 3) & (np.arange(5) == 2), 0, data.action), propensity=data.propensity,
        reward=data.reward, n_actions=SIZES, names=("title", "price", "picture", "channel", "hour"),
    )  # fmt: skip
    chances = policy(500)
    chances[2] = np.tile([0.4, 0.0, 0.0, 0.6, 0.0], (500, 1))
    result = evaluate_factors(never, chances)
    assert result.verdict == "REFUSE"
    assert result.reasons[0].startswith("Factor picture: The evaluation policy puts 60.0% of its probability")
    assert result.recommended is None
    with pytest.raises(SupportError):
        result.estimates["pi"]
    assert repr(result) == "FactorEvaluation(REFUSE, factors=5, rows=500)"


def test_propensities_that_are_not_those_of_the_draw_are_found_by_factor():
    """Of the second factor, half of its last values were turned into the middle one, and its propensities were kept."""
    data = drawn(4_000, 3)
    turned = (data.action == 2) & (np.arange(5) == 1) & (np.arange(4_000) % 2 == 0)[:, None]
    skewed = LoggedFactors(
        action=np.where(turned, 1, data.action), propensity=data.propensity, reward=data.reward, n_actions=SIZES
    )
    chances = policy(4_000)
    chances[1] = np.full((4_000, 3), 1 / 3)
    result = evaluate_factors(skewed, chances)
    assert {("weights_of_action", "2")} == {
        (finding.code, finding.factor) for finding in result.findings if finding.level == "refuse"
    }


GOOD = {"action": [[0, 1], [1, 0]], "propensity": [[0.5, 0.5]] * 2, "reward": [1.0, 2.0], "n_actions": (2, 2)}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"action": [[0, 2], [1, 0]]}, "action, factor 2, row 0: 2 was found; values run from 0 to 1"),
        ({"action": [0, 1]}, "action has shape (2,); (n, L=2) is wanted"),
        ({"propensity": [[0.5, 0.0], [0.5, 0.5]]}, "propensity, row 0, column 1: 0.0 was found"),
        ({"reward": [1.0, np.nan]}, "reward, row 1: nan"),
        ({"reward": [[1.0, 2.0]]}, "reward has shape (1, 2); (n=2, L=2) is wanted"),
        ({"n_actions": ()}, "n_actions is []; the number of values of each factor is wanted"),
        ({"names": ("a",)}, "names has 1 entries; n_actions says 2 factors"),
        ({"cluster": [1.0, np.nan]}, "cluster, row 1: nan"),
    ],
)
def test_bad_decisions_are_named(changes, message):
    with pytest.raises(DecisionLogError) as error:
        LoggedFactors(**{**GOOD, **changes})
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("chances", "message"),
    [
        ([np.full((2, 2), 0.5)], "has 1 entries; one array (n, K) for each of the 2 factors"),
        (
            [np.full((2, 2), 0.5), np.full((2, 2), 0.4)],
            "evaluation_probabilities, factor 2, row 0: the probabilities sum",
        ),
        ([np.full((2, 2), 0.5), np.full((2, 3), 1 / 3)], "evaluation_probabilities, factor 2 has shape (2, 3)"),
    ],
)
def test_bad_policies_are_named(chances, message):
    with pytest.raises(DecisionLogError) as error:
        evaluate_factors(LoggedFactors(**GOOD), chances)
    assert message in str(error.value)


def test_a_confidence_is_a_probability():
    with pytest.raises(UsageError, match="a number between 0 and 1 is wanted"):
        evaluate_factors(LoggedFactors(**GOOD), [np.full((2, 2), 0.5)] * 2, confidence=1.0)


def test_where_nothing_was_drawn_rounding_is_no_interaction_and_clusters_are_told_once():
    """Propensities of 1 and the same policy: all weights are 1, so that both values are the mean reward."""
    data = drawn(300, 3, clusters=12)
    still = LoggedFactors(
        action=np.zeros_like(data.action), propensity=np.ones(data.action.shape), n_actions=SIZES,
        reward=data.reward, context=data.context, cluster=data.cluster,
    )  # fmt: skip
    result = evaluate_factors(still, [np.eye(size)[np.zeros(300, dtype=int)] for size in SIZES])
    codes = [finding.code for finding in result.findings]
    assert result.estimates["pi_dr"].value == pytest.approx(float(data.reward.mean()), rel=1e-12)
    assert "factors_interact" not in codes
    assert result.recommended == "pi_dr"
    assert codes.count("few_clusters") == 1


def test_the_mean_weight_is_that_of_weights_that_may_be_negative():
    """PI weights 1 + sum (w - 1) of three factors at a half: 4 where all hit, -2 where none does, 1 in the mean."""
    action = np.array([[0, 0, 0], [1, 1, 1], [0, 1, 1], [1, 0, 0]])
    data = LoggedFactors(action=action, propensity=np.full((4, 3), 0.5), reward=np.arange(4.0), n_actions=(2, 2, 2))
    result = evaluate_factors(data, [np.tile([1.0, 0.0], (4, 1))] * 3, force=True)
    # Hits: 3, 0, 1 and 2, each weight 2 times the hits less 2.
    assert result.support.mean_weight == pytest.approx((4.0 - 2.0 + 0.0 + 2.0) / 4)
    assert result.support.max_weight == pytest.approx(4.0)


@pytest.mark.parametrize(
    ("tables", "message"),
    [
        ([np.tile([0.5, 0.5], (2, 1))], "one (n, K) for each of 2 factors"),
        ([np.tile([0.5, 0.5], (2, 1)), np.tile([0.5, 0.4], (2, 1))], "probabilities, factor 2, row 0: the prob"),
        ([np.tile([0.5, 0.5], (2, 1)), np.tile([0.4, 0.6], (2, 1))], "factor 2, row 0: the logged value has 0.4, and"),
    ],
)
def test_probabilities_of_the_log_have_to_fit_its_propensities(tables, message):
    with pytest.raises(DecisionLogError, match=re.escape(message)):
        LoggedFactors(
            action=[[0, 0], [1, 1]], propensity=np.full((2, 2), 0.5), reward=[1.0, 2.0], n_actions=(2, 2),
            probabilities=tables,
        )  # fmt: skip
