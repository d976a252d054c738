"""What is worth knowing: nothing where no plan would change, the right channel where one would."""

import numpy as np
import pytest

import xbopt
from xbopt.core.scenario.loading import load_scenario
from xbopt.studies.value_of_information import _worth, value_of_information

SHORT = ["horizon.days=7", "plan.discounts=[]"]


def planned_with(*changes):
    return xbopt.plan(load_scenario("quickstart", overrides=[*SHORT, *changes]))


def test_the_value_is_that_of_a_choice_worked_by_hand():
    """A plan gains x, standard normal, over the present one: knowing x is worth E max(x, 0) = 1/sqrt(2 pi) = 0.3989."""
    x = np.random.default_rng(7).standard_normal(4000)
    x = (x - x.mean()) / x.std()
    other = np.random.default_rng(8).standard_normal(4000)
    gains = np.stack([np.zeros(4000), x])
    # The standard error of the mean of max(x, 0) over 4,000 draws is 0.58 / 63 = 0.009.
    assert _worth(gains, x[:, None]) == pytest.approx(1.0 / np.sqrt(2.0 * np.pi), abs=3 * 0.009)
    assert _worth(gains, other[:, None]) < 0.02


def test_noise_is_not_taken_for_knowledge():
    """24 plans that gain or lose by chance alone: with the same worlds for choice and value they would look good."""
    rng = np.random.default_rng(3)
    gains = np.concatenate([np.zeros((1, 192)), rng.standard_normal((24, 192)) - 0.3])
    assert _worth(gains, rng.standard_normal((192, 1))) < 0.1


def test_one_uncertain_channel_is_what_is_worth_knowing():
    result = planned_with(
        "uncertainty={media_response: {spread: 0.5, by: [channel]}, delivery_days: {spread: 0.05}}",
    )
    found = value_of_information(result, worlds=64)
    best = found.parameters[0]
    assert (best.group, best.place, best.test) == ("media_response", {"channel": "search"}, "geo_holdout")
    assert 0.0 < best.value <= found.everything * 1.05
    assert found.parameters[-1].value < 0.2 * best.value


def test_a_certain_market_has_nothing_to_know():
    assert value_of_information(planned_with("uncertainty={}")) is None
