"""Intervals hold as often as they say; benchmarks/bench_ope_coverage.py does the same at full length."""

import numpy as np
import pytest

from tests.ope.worlds import CampaignWorld, LoggedWorld
from xbopt.ope import LoggedBanditData, evaluate_policy, evaluate_sequential, self_test

pytestmark = pytest.mark.statistical
DRAWS = 100
# 95 % of 100 is 95, with a standard error of 2.18: 3.5 of them below is 87.4.
FEWEST_HITS = 88


def hits(kind, names):
    world = LoggedWorld(kind=kind)
    truth = world.truth()
    count, answered, plain = dict.fromkeys(names, 0), 0, 0
    for seed in range(DRAWS):
        result = evaluate_policy(*world.draw(2000, np.random.default_rng(10_000 + seed)), seed=seed)
        if result.withheld:
            continue
        answered += 1
        plain += result.verdict == "ANSWER"
        for name in names:
            estimate = result.estimates[result.recommended if name == "recommended" else name]
            count[name] += estimate.low <= truth <= estimate.high
    return count, answered, plain


@pytest.mark.parametrize("kind", ["good overlap", "high reward", "rare reward"])
def test_intervals_hold_on_good_overlap(kind):
    names = ["recommended", "dr", "snips", "sndr", "ips", "dm", "switch_dr", "dr_os"]
    count, answered, plain = hits(kind, names)
    # A mean weight 3 standard errors below 1 is refused: 0.1 to 0.5 % of honest logs, as weights are skewed.
    assert answered >= 0.98 * DRAWS
    # Of 2 % rare rewards those that the policy leans on are worth fewer than 10 now and then: a rightful CAUTION.
    assert plain >= (0.9 if kind == "rare reward" else 0.95) * DRAWS
    assert {name: number for name, number in count.items() if number < FEWEST_HITS} == {}


def test_on_poor_overlap_intervals_hold_or_the_log_is_refused():
    """The effective sample size is about 56. Coverage among the answered: 95 % less 3.5 standard errors."""
    count, answered, _ = hits("poor overlap", ["recommended"])
    allowed = 0.95 * answered - 3.5 * np.sqrt(0.95 * 0.05 * max(answered, 1))
    assert count["recommended"] >= allowed


def test_clustered_rows_have_intervals_that_hold():
    """100 markets of 20 rows with a common shock: intervals by row would hold in about half of the logs."""
    by_cluster = by_row = 0
    for seed in range(100):
        random = np.random.default_rng(seed)
        market = np.repeat(np.arange(100), 20)
        shock = random.normal(size=100)[market]
        action = random.integers(0, 2, 2000)
        arrays = {
            "context": random.normal(size=(2000, 1)), "action": action, "n_actions": 2,
            "reward": 0.3 * action + shock + random.normal(size=2000), "propensity": np.full(2000, 0.5),
        }  # fmt: skip
        evaluation = np.tile([0.3, 0.7], (2000, 1))
        for cluster in (market, None):
            found = evaluate_policy(LoggedBanditData(**arrays, cluster=cluster), evaluation).estimates["dr"]
            held = found.low <= 0.21 <= found.high
            by_cluster += held and cluster is not None
            by_row += held and cluster is None
    # 95 of 100, with a standard error of 2.2.
    assert by_cluster >= 95 - 3.5 * 2.2
    assert by_row < 80


@pytest.mark.parametrize(("steps", "draws"), [(7, 40), (28, 8)])
def test_sequential_intervals_hold(steps, draws):
    """500 episodes: 95 % less 3.5 standard errors, and far narrower than 13 % of the value."""
    world = CampaignWorld()
    truth = world.truth(steps, 50_000)
    held, widths = 0, []
    for seed in range(draws):
        result = evaluate_sequential(*world.draw(500, steps, np.random.default_rng(seed)), seed=seed)
        estimate = result.estimates["dr"]
        held += estimate.low <= truth <= estimate.high
        widths.append((estimate.high - estimate.low) / truth)
    assert held >= 0.95 * draws - 3.5 * np.sqrt(0.95 * 0.05 * draws)
    assert np.mean(widths) < 0.10


def test_the_self_test_reports_the_coverage_at_the_users_own_overlap():
    world = LoggedWorld()
    data, evaluation = world.draw(1000, np.random.default_rng(1), with_probabilities=True)
    found = self_test(data, evaluation, draws=40)
    assert (found.draws, found.rows, found.refused, found.recommended) == (40, 1000, 0.0, "dr")
    # 40 draws: 95 % less 3.5 standard errors of 3.4 %.
    assert found.coverage["dr"] >= 0.95 - 3.5 * np.sqrt(0.95 * 0.05 / 40)
    assert found.width["dr"] < found.width["ips"]
    assert self_test(data, evaluation, draws=2).truth == found.truth
