"""Carry-over, fatigue and saturation against arrays worked by hand."""

import math

import numpy as np
import pytest

from xbopt.core.scenario.media import (
    DelayedAdstock,
    ExponentialSaturation,
    Fatigue,
    GeometricAdstock,
    HillSaturation,
    NoAdstock,
    WeibullAdstock,
)
from xbopt.simulator.curves.adstock import (
    AdstockBank,
    adstock_bank,
    delayed_weights,
    geometric_retention,
    geometric_weights,
    weibull_weights,
)
from xbopt.simulator.curves.fatigue import FatigueBank, fatigue_bank
from xbopt.simulator.curves.saturation import exponential, hill, saturation_bank

GEOMETRIC = GeometricAdstock(curve="geometric", half_life_days=1.0)
DELAYED = DelayedAdstock(curve="delayed", half_life_days=1.0, peak_days=1.0, window_days=3)
WEIBULL = WeibullAdstock(curve="weibull", shape=1.0, scale_days=1.0, window_days=2)
NONE = NoAdstock(curve="none")


def carried(bank: AdstockBank, exposures: list[list[float]]) -> np.ndarray:
    """Carried exposure by day ``(T, C)`` of one cell."""
    channels = len(exposures[0])
    today = np.zeros((1, 1, 1, channels))
    window = np.zeros((max(bank.window_days - 1, 0), 1, 1, 1, len(bank.windowed)))
    rows = []
    for row in exposures:
        today, window = bank.carry(today, window, np.array(row).reshape(1, 1, 1, -1))
        rows.append(today[0, 0, 0])
    return np.array(rows)


def test_geometric_adstock_halves_in_its_half_life() -> None:
    assert geometric_retention(2.0) == pytest.approx(math.sqrt(0.5))
    np.testing.assert_allclose(geometric_weights(1.0, 3), [0.5, 0.25, 0.125])
    np.testing.assert_allclose(carried(adstock_bank([GEOMETRIC]), [[8.0], [0.0], [4.0]])[:, 0], [4.0, 2.0, 3.0])


def test_delayed_adstock_peaks_where_it_is_told_and_halves_a_half_life_away() -> None:
    # theta = 1/2: theta^1, theta^0, theta^1 over their sum 2.
    np.testing.assert_allclose(delayed_weights(1.0, 1.0, 3), [0.25, 0.5, 0.25])
    np.testing.assert_allclose(carried(adstock_bank([DELAYED]), [[8.0], [0.0], [0.0], [0.0]])[:, 0], [2, 4, 2, 0])


def test_weibull_adstock_with_shape_one_is_a_cut_exponential() -> None:
    e1, e2 = math.exp(-1.0), math.exp(-2.0)
    np.testing.assert_allclose(weibull_weights(1.0, 1.0, 2), [e1 / (e1 + e2), e2 / (e1 + e2)])


@pytest.mark.parametrize(
    ("weights", "place"),
    [
        (weibull_weights(10.0, 0.2, 28), 0),  # all mass lies before the first whole day
        (weibull_weights(0.3, 0.2, 60), 0),
        (weibull_weights(10.0, 60.0, 60), 58),
        (delayed_weights(0.05, 30.0, 2), 1),  # the peak lies far beyond the window
        (delayed_weights(0.05, 0.4, 60), 0),
    ],
)
def test_extreme_windows_put_their_weight_where_the_curve_has_it(weights: np.ndarray, place: int) -> None:
    assert np.isfinite(weights).all()
    assert weights.sum() == pytest.approx(1.0, rel=1e-12)
    assert weights.argmax() == place


def test_a_bank_carries_each_channel_by_its_own_curve() -> None:
    bank = adstock_bank([WEIBULL, GEOMETRIC, DELAYED, NONE])
    assert bank.windowed == (0, 2)
    assert bank.window_days == 3
    first, second = math.exp(-1.0), math.exp(-2.0)
    share = first / (first + second)
    found = carried(bank, [[8.0] * 4, [0.0] * 4, [0.0] * 4])
    np.testing.assert_allclose(found[:, 0], [8 * share, 8 * (1 - share), 0])  # a shorter window than its neighbour's
    np.testing.assert_allclose(found[:, 1], [4, 2, 1])
    np.testing.assert_allclose(found[:, 2], [2, 4, 2])
    np.testing.assert_allclose(found[:, 3], [8, 0, 0])


def test_carry_leaves_the_window_it_was_given_alone() -> None:
    bank = adstock_bank([DELAYED])
    window = np.ones((2, 1, 1, 1, 1))
    bank.carry(np.zeros((1, 1, 1, 1)), window, np.full((1, 1, 1, 1), 5.0))
    np.testing.assert_array_equal(window, np.ones((2, 1, 1, 1, 1)))


def test_hill_is_a_half_at_its_half_saturation() -> None:
    np.testing.assert_allclose(hill(np.array([0.0, 1.0, 3.0]), 1.0), [0.0, 0.5, 0.75])
    np.testing.assert_allclose(hill(np.array([0.5, 1.0, 2.0]), 2.0), [0.2, 0.5, 0.8])


def test_exponential_saturation_doubles_its_gap_every_half_saturation() -> None:
    np.testing.assert_allclose(exponential(np.array([0.0, 1.0, 2.0, 3.0])), [0.0, 0.5, 0.75, 0.875])


def test_a_saturation_bank_treats_each_channel_by_its_own_curve() -> None:
    bank = saturation_bank(
        [
            HillSaturation(curve="hill", half_saturation=1.0, slope=2.0),
            ExponentialSaturation(curve="exponential", half_saturation=3.0),
            HillSaturation(curve="hill", half_saturation=2.0),
        ]
    )
    np.testing.assert_allclose(bank.reached(np.array([[2.0, 2.0, 3.0]])), [[0.8, 0.75, 0.75]])
    np.testing.assert_allclose(bank.half, [1, 3, 2])
    small = 1e-7
    np.testing.assert_allclose(bank.reached(np.full((1, 3), small))[0, 1:] / small, bank.first_slope[1:], rtol=1e-6)


def tired(limit_weekly: float, exponent: float, half_life: float = 1.0):
    """A bank with the limit of ``limit_weekly / 7`` a day, remembered over its half-life."""
    retention = 0.5 ** (1.0 / half_life)
    return FatigueBank(
        limit=np.array([limit_weekly / 7.0 / (1.0 - retention)]),
        exponent=np.array([exponent]),
        retention=np.array([retention]),
    )


def test_the_weekly_limit_is_met_by_a_steady_week_at_that_frequency() -> None:
    # One a day reaches half of the ceiling, remembered as 0.5/(1 - 1/2) = 1.
    half = saturation_bank([HillSaturation(curve="hill", half_saturation=1.0)])
    bank = fatigue_bank([Fatigue(weekly_frequency=7.0, exponent=0.5, half_life_days=1.0)], half)
    np.testing.assert_allclose(bank.limit, [1.0])
    np.testing.assert_allclose(bank.remembered(np.array([6.0])), [3.0])


def test_nobody_tires_below_the_limit() -> None:
    assert tired(7.0, 0.5).effective(np.array([[1.0]]), np.array([[1.0]])) == 1.0


@pytest.mark.parametrize(
    ("exponent", "remembered", "exposure", "counted"),
    [
        # limit 2, marginal effect sqrt(2/f): its integral from a to b is 2 sqrt(2) (sqrt b - sqrt a).
        (0.5, 2.0, 6.0, 2 * math.sqrt(2) * (math.sqrt(8) - math.sqrt(2))),
        (0.5, 8.0, 10.0, 2 * math.sqrt(2) * (math.sqrt(18) - math.sqrt(8))),
        # One exposure more before the limit is met, then the integral.
        (0.5, 1.0, 7.0, 1.0 + 2 * math.sqrt(2) * (math.sqrt(8) - math.sqrt(2))),
        # Exponent 1 integrates to a logarithm, exponent 0 to no fatigue at all.
        (1.0, 2.0, 6.0, 2 * math.log(4)),
        (0.0, 2.0, 6.0, 6.0),
    ],
)
def test_fatigue_is_the_integral_of_the_marginal_effect(
    exponent: float, remembered: float, exposure: float, counted: float
) -> None:
    found = tired(7.0, exponent).effective(np.array([[remembered]]), np.array([[exposure]]))
    np.testing.assert_allclose(found, [[counted]], rtol=1e-12)


def test_a_small_exposure_of_a_very_tired_head_still_counts_a_little() -> None:
    found = tired(7.0, 0.5).effective(np.array([[2e12]]), np.array([[1e-6]]))
    np.testing.assert_allclose(found, [[1e-6 * math.sqrt(1e-12)]], rtol=1e-9)


def test_no_exposure_counts_nothing_however_tired() -> None:
    assert tired(7.0, 0.7).effective(np.array([[50.0, 0.0]]), np.array([[0.0, 0.0]])).tolist() == [[0.0, 0.0]]
