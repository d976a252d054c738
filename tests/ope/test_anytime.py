"""Any-time intervals: the formula by hand, and misses over all looks where values drift and rows share luck."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xbopt.core.errors import UsageError
from xbopt.ope import LoggedBanditData, anytime_confidence, evaluate_policy
from xbopt.ope.intervals.anytime import FEWEST_UNITS

PREFERS_B = np.array([0.2, 0.8])
LOOKS, SIZE, LOGS = range(100, 1001, 100), 1000, 40
MOST_MISSES = 6
"""Of 40 logs at most 5 % may miss at any look: 2, and 3 standard errors of 1.38 above it."""


def test_the_confidence_is_that_of_the_formula():
    # At 200 units m = 5.9915 + log(6.9915) = 7.9362; f^2 = (1 + 1 / m) (log(1 + m) + 5.9915) = 9.2125; 2 Phi(f) - 1.
    assert anytime_confidence(200) == pytest.approx(0.997596, abs=2e-6)
    # A fiftieth of the miss rate, 2 log(1 / .001) = 13.816: m = 13.816 + log(14.816) = 16.511; f^2 = 17.688.
    assert anytime_confidence(200, confidence=0.999) == pytest.approx(1 - 2.6e-5, abs=2e-7)


def test_more_looks_to_come_cost_width_but_little():
    """From 50 to a million units the interval is 1.5 to 2.1 times the ordinary one, and narrowest near 200."""
    confidences = [anytime_confidence(units) for units in (50, 200, 5000, 1_000_000)]
    assert confidences[1] == min(confidences)
    assert max(confidences) < 2 * 0.99999 - 0.99995  # 2 Phi(4.12) - 1 = 0.99996


@pytest.mark.parametrize(("units", "confidence"), [(FEWEST_UNITS - 1, 0.95), (200, 0.0), (200, 1.0)])
def test_too_few_units_or_no_confidence_is_an_error(units, confidence):
    with pytest.raises(UsageError):
        anytime_confidence(units, confidence=confidence)


def drawn(world, random):
    """A log of one world: actions, propensities, rewards, clusters and the mean reward of both actions ``(n, 2)``."""
    at = np.arange(SIZE)
    chance = 0.1 + 0.8 / (1.0 + np.exp(-random.normal(size=SIZE)))
    table = np.stack([1.0 - chance, chance], axis=1)
    base = {
        "trend": 0.1 + 0.3 * at / SIZE,
        "season": 0.3 + 0.2 * np.sin(at / 60.0),
        "sale week": np.where((at > 400) & (at < 550), 0.6, 0.1),
    }.get(world, np.full(SIZE, 0.2))
    cluster, luck = None, np.zeros(SIZE)
    if world == "clusters":
        cluster = np.repeat(np.arange(SIZE), random.integers(1, 8, SIZE))[:SIZE]
        luck = random.normal(size=SIZE)[cluster]
    if world == "recurring units":  # each unit has one arm for good, and comes back over the whole log
        cluster = random.integers(0, 150, SIZE)
        luck, table = random.normal(size=SIZE)[cluster], np.full((SIZE, 2), 0.5)
        action = random.integers(0, 2, 150)[cluster]
    else:
        action = (random.random(SIZE) < table[:, 1]).astype(int)
    mean = np.stack([base, base + 0.1], axis=1)
    reward = (random.random(SIZE) < mean[at, action]) + luck
    return action, table, reward, cluster, mean


@pytest.mark.statistical
@pytest.mark.parametrize("world", ["trend", "season", "sale week", "clusters", "recurring units"])
def test_all_looks_together_miss_no_more_than_one_look_may(world):
    value_missed = difference_missed = 0
    for seed in range(LOGS):
        action, table, reward, cluster, mean = drawn(world, np.random.default_rng([seed, 61]))
        value_is_off = difference_is_off = False
        for size in LOOKS:
            data = LoggedBanditData(
                context=np.zeros((size, 0)), action=action[:size], reward=reward[:size], n_actions=2,
                propensity=table[np.arange(size), action[:size]], cluster=None if cluster is None else cluster[:size],
            )  # fmt: skip
            found = evaluate_policy(data, np.tile(PREFERS_B, (size, 1)), sequence=True).anytime
            if found is None:
                continue
            truth = (mean[:size] @ PREFERS_B).mean()
            gained = truth - (mean[:size] * table[:size]).sum(axis=1).mean()
            value_is_off |= not found.values["dr"].low <= truth <= found.values["dr"].high
            difference_is_off |= not found.differences["dr"].low <= gained <= found.differences["dr"].high
        value_missed += value_is_off
        difference_missed += difference_is_off
    assert value_missed <= MOST_MISSES
    assert difference_missed <= MOST_MISSES


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 10_000), st.sampled_from(["drawn", "by action", "by reward"]), st.floats(0.5, 0.999))
def test_low_is_never_above_high_and_the_ordinary_interval_lies_within(seed, order, confidence):
    random = np.random.default_rng(seed)
    action = random.integers(0, 2, 600)
    reward = random.random(600) ** 3 + action * random.random()
    if order != "drawn":
        rank = np.argsort(action if order == "by action" else reward, kind="stable")
        action, reward = action[rank], reward[rank]
    data = LoggedBanditData(
        context=np.zeros((600, 0)), action=action, reward=reward, propensity=np.full(600, 0.5), n_actions=2
    )
    found = evaluate_policy(data, np.tile(PREFERS_B, (600, 1)), confidence=confidence, sequence=True)
    for wide, plain in ((found.anytime.values, found.estimates), (found.anytime.differences, found.differences)):
        for name, estimate in plain.items():
            assert wide[name].low <= estimate.low <= estimate.high <= wide[name].high


def test_a_refused_log_gets_no_any_time_interval_even_by_force():
    random = np.random.default_rng(3)
    action = (random.random(400) < 0.01).astype(int)
    data = LoggedBanditData(
        context=np.zeros((400, 0)), action=action, reward=random.random(400), n_actions=2,
        propensity=np.where(action == 1, 0.01, 0.99),
    )  # fmt: skip
    found = evaluate_policy(data, np.tile([0.0, 1.0], (400, 1)), sequence=True, force=True)
    assert found.verdict == "REFUSE"
    assert found.anytime is None
