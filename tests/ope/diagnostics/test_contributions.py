"""One order must not be the answer."""

import numpy as np
import pytest

from xbopt.core.arrays import FloatArray
from xbopt.ope import LoggedBanditData, PolicyEvaluation, evaluate_policy
from xbopt.ope.diagnostics.contributions import ContributionSums


def orders(rows: int, sigma: float, buyers: float, seed: int) -> tuple[LoggedBanditData, FloatArray]:
    random = np.random.default_rng(seed)
    action = random.integers(0, 4, rows)
    buys = random.random(rows) < buyers * (1.0 + 0.2 * action)
    data = LoggedBanditData(
        context=random.normal(size=(rows, 1)), action=action, n_actions=4, propensity=np.full(rows, 0.25),
        reward=np.where(buys, np.exp(3.5 + sigma * random.normal(size=rows)), 0.0),
    )  # fmt: skip
    return data, np.tile([0.1, 0.2, 0.3, 0.4], (rows, 1))


def codes(result: PolicyEvaluation) -> set[str]:
    return {finding.code for finding in result.findings if finding.level != "advice"}


def test_sizes_by_hand_whatever_the_chunks() -> None:
    """Sizes 3, 4, 5: worth 12^2 / 50 = 2.88, and the greatest is 5 / 12; a refund counts by its size."""
    whole, left, right = ContributionSums(), ContributionSums(), ContributionSums()
    part, reward, rows = np.array([3.0, -5.0, 4.0]), np.array([3.0, -10.0, 2.0]), np.array([7, 8, 9])
    whole.add(part, reward, rows=rows)
    left.add(part[2:], reward[2:], rows=rows[2:])
    right.add(part[:2], reward[:2], rows=rows[:2])
    left.merge(right)
    for sums in (whole, left):
        found = sums.found()
        assert found is not None
        assert (found.worth, found.top_share) == (pytest.approx(2.88), pytest.approx(5 / 12))
        assert (found.top_row, found.top_reward) == (8, -10.0)
    assert ContributionSums().found() is None


@pytest.mark.statistical
def test_a_log_in_which_one_order_is_a_fifth_of_the_sum_is_no_answer() -> None:
    """Lognormal orders of sigma 1.5, 2 % buyers, 2,000 rows: the contributions are worth about ten."""
    results = [evaluate_policy(*orders(2000, 1.5, 0.02, seed)) for seed in range(40)]
    assert not any(result.verdict == "ANSWER" for result in results)
    refused = next(result for result in results if "top_contribution" in codes(result))
    assert any("of all that the value is made of" in reason for reason in refused.reasons)
    assert any(step.startswith("Log on until no single decision matters") for step in refused.next_steps)
    assert not any("Log action" in step for step in refused.next_steps)


@pytest.mark.statistical
def test_many_moderate_orders_are_an_answer() -> None:
    """Sigma 0.5, 10 % buyers, 5,000 rows: worth some hundred."""
    assert [evaluate_policy(*orders(5000, 0.5, 0.1, seed)).verdict for seed in range(20)].count("ANSWER") >= 19


def test_prices_that_are_all_the_same_are_events_and_no_heavy_tail() -> None:
    data, evaluation = orders(3000, 0.0, 0.02, 1)
    assert not codes(evaluate_policy(data, evaluation)) & {"top_contribution", "few_contributions"}


@pytest.mark.statistical
def test_rewards_without_variance_are_seldom_an_answer_and_exponential_ones_are() -> None:
    """Pareto rewards of tail 1.7 have shape 1 / 1.7 = 0.59, above 0.5; exponential ones have shape 0."""
    verdicts: dict[str, list[str]] = {"pareto": [], "exponential": []}
    for seed in range(20):
        random = np.random.default_rng(seed)
        for name, reward in (
            ("pareto", random.pareto(1.7, 3000) + 1.0),
            ("exponential", random.exponential(size=3000)),
        ):
            data = LoggedBanditData(
                context=np.zeros((3000, 0)), action=random.integers(0, 2, 3000), n_actions=2,
                propensity=np.full(3000, 0.5), reward=reward,
            )  # fmt: skip
            verdicts[name].append(evaluate_policy(data, np.tile([0.0, 1.0], (3000, 1))).verdict)
    assert verdicts["pareto"].count("ANSWER") <= 8
    assert verdicts["exponential"].count("ANSWER") >= 18
