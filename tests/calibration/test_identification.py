"""What is known and what is prior only, on posteriors worked by hand."""

import numpy as np
import pytest

from tests.worlds import document, scenario_of
from xbopt.calibration.fit.identification import identification
from xbopt.calibration.fit.parameters import ParameterSpace, parameter_space
from xbopt.calibration.fit.prior import Prior
from xbopt.calibration.fit.recovery import planned_panel, varied_spend
from xbopt.calibration.fit.replay import replay_of
from xbopt.calibration.fit.returns import IncrementalReturns
from xbopt.core.arrays import FloatArray


@pytest.fixture(scope="module")
def space() -> ParameterSpace:
    from datetime import date

    scenario = scenario_of(document())
    panel = planned_panel(date(2026, 3, 2), varied_spend(scenario, 84, seed=1))
    return parameter_space(replay_of(scenario, panel).market, panel, Prior(shared_frac=0.0), 28)


def returns_of(space: ParameterSpace, channels: tuple[str, ...]) -> IncrementalReturns:
    """Returns that are one parameter each, in the first region."""
    gradient = np.zeros((len(channels), len(space.parameters)))
    for d, channel in enumerate(channels):
        gradient[d, position(space, f"return.north.{channel}")] = 1.0
    return IncrementalReturns(
        channels=channels,
        log=np.zeros(len(channels)),
        gradient=gradient,
        nothing_possible=np.zeros(len(channels), dtype=np.bool_),
    )


def position(space: ParameterSpace, name: str) -> int:
    return [parameter.name for parameter in space.parameters].index(name)


def known_sum(space: ParameterSpace, *names: str) -> FloatArray:
    """A posterior that knows nothing but the sum of some standardised parameters, and that exactly."""
    direction = np.zeros(len(space.parameters))
    direction[[position(space, name) for name in names]] = 1.0
    direction /= np.linalg.norm(direction)
    return np.eye(len(direction)) - np.outer(direction, direction) * (1.0 - 1e-12)


def moving(space: ParameterSpace, factor: float) -> FloatArray:
    regions, _, channels, _ = space.market.shape
    return np.linspace(1.0, factor, 20)[:, None, None] * np.ones((1, regions, channels))


def test_a_known_sum_of_two_channels_tells_neither_and_shows_in_their_contrast(space: ParameterSpace) -> None:
    posterior = known_sum(space, "return.north.search", "return.north.social")
    found = identification(space, returns_of(space, ("search", "social")), posterior, posterior, moving(space, 9.0))
    # The variance of each is 1/2 of the prior's, that of the difference all of it.
    assert [one.ratio for one in found.returns] == pytest.approx([0.5**0.5] * 2)
    assert found.contrasts[0].name == "search - social"
    assert found.contrasts[0].ratio == pytest.approx(1.0)
    assert [one.verdict for one in found.returns] == ["prior_only", "prior_only"]
    assert [one.held_back for one in found.returns] == ["contrast", "contrast"]


def test_what_only_the_model_without_slack_tells_is_no_measurement(space: ParameterSpace) -> None:
    count = len(space.parameters)
    found = identification(
        space, returns_of(space, ("search",)), 0.01 * np.eye(count), np.eye(count), moving(space, 9.0)
    )
    assert {one.verdict for one in found.parameters} == {"prior_only"}
    assert found.parameters[0].without_slack == pytest.approx(0.1)
    assert len(found.directions) == count


def test_a_test_speaks_for_its_channel_though_another_is_unknown(space: ParameterSpace) -> None:
    names = ("return.north.search", "return.north.social")
    returns, posterior = returns_of(space, ("search", "social")), np.eye(len(space.parameters))
    posterior[(position(space, names[0]),) * 2] = 0.04
    # Slack can leave less than the prior knew.
    posterior[(position(space, names[1]),) * 2] = 2.0
    every = (space, returns, posterior, posterior, moving(space, 9.0))
    without, with_test, of_the_other = (identification(*every, tested) for tested in ((), {"search"}, {"social"}))
    # Of the contrast's variance (0.04 + 2) / 2 is left: all of it is social's.
    assert without.contrasts[0].ratio == 1.0
    assert [one.held_back for one in without.returns] == ["contrast", ""]
    assert [one.verdict for one in with_test.returns] == ["measured", "prior_only"]
    assert of_the_other.returns == without.returns


def test_what_visits_are_worth_is_known_no_better_than_the_return(space: ParameterSpace) -> None:
    posterior = 0.01 * np.eye(len(space.parameters))
    posterior[(position(space, "return.north.search"),) * 2] = 0.49
    found = identification(space, returns_of(space, ("search",)), posterior, posterior, moving(space, 9.0))
    assert found.returns[0].ratio == pytest.approx(0.7)
    judged = found.parameters[position(space, "visit_quality.search")]
    assert (judged.ratio, judged.verdict) == (pytest.approx(0.7), "partly")


def test_steady_spend_measures_nothing_of_a_response_without_a_test(space: ParameterSpace) -> None:
    sharp = 0.01 * np.eye(len(space.parameters))
    returns = returns_of(space, ("search", "social", "email"))
    still, moved, tested = (
        identification(space, returns, sharp, sharp, moving(space, factor), names)
        for factor, names in ((1.1, set[str]()), (9.0, set[str]()), (1.1, {"search"}))
    )
    shapes = ("half_saturation.search", "carry_over.email", "visit_half_saturation.search", "visit_carry_over.email")
    for name in (*shapes, "return.north.search", "visit_quality.social"):
        assert still.verdict_of(name) == "prior_only"
        assert moved.verdict_of(name) == "measured"
    assert {one.held_back for one in still.parameters if one.verdict == "prior_only"} == {"steady_spend"}
    assert [(one.verdict, one.held_back) for one in still.returns] == [("prior_only", "steady_spend")] * 3
    # A test tells the return of its own channel, and no curvature.
    assert [one.verdict for one in tested.returns] == ["measured", "prior_only", "prior_only"]
    assert still.verdict_of("clicks.search") == "measured"
    assert tested.verdict_of("return.north.search") == "measured"
    assert tested.verdict_of("half_saturation.search") == "prior_only"


def test_directions_are_named_by_what_they_move_most(space: ParameterSpace) -> None:
    posterior = 0.01 * np.eye(len(space.parameters))
    posterior += 0.99 * np.outer(*[_unit(space, "clicks.search", "visit_quality.search")] * 2)
    found = identification(space, returns_of(space, ("search",)), posterior, posterior, moving(space, 9.0))
    assert [one.ratio for one in found.directions] == [pytest.approx(1.0)]
    assert set(found.directions[0].name.replace("+", "").replace("-", "").split()) == {
        "clicks.search",
        "visit_quality.search",
    }


def _unit(space: ParameterSpace, one: str, other: str) -> FloatArray:
    direction = np.zeros(len(space.parameters))
    direction[position(space, one)], direction[position(space, other)] = 0.5**0.5, -(0.5**0.5)
    return direction


def test_a_channel_that_paused_has_moved_and_one_that_never_ran_has_not(space: ParameterSpace) -> None:
    spend = moving(space, 1.0)
    spend[:5, 0, 0] = 0.0
    spend[:, :, 2] = 0.0
    sharp = 0.01 * np.eye(len(space.parameters))
    found = identification(space, returns_of(space, ("search",)), sharp, sharp, spend)
    assert found.moved[0].tolist() == [np.inf, 1.0, 1.0]
    # Five weeks of twenty are a quarter: sqrt(0.25 / 0.75).
    assert found.spread[0] == pytest.approx([3.0**-0.5, 0.0, 0.0])


@pytest.mark.parametrize("on", [4, 44])
def test_a_channel_that_is_on_or_off_for_a_few_weeks_has_told_what_it_brings(space: ParameterSpace, on: int) -> None:
    spend = np.ones((48, *space.exposure.shape))
    spend[on:, :, 0] = 0.0
    sharp = 0.01 * np.eye(len(space.parameters))
    found = identification(space, returns_of(space, ("search", "social")), sharp, sharp, spend)
    assert [(one.verdict, one.held_back) for one in found.returns] == [
        ("measured", ""),
        ("prior_only", "steady_spend"),
    ]
    assert found.verdict_of("carry_over.search") == "measured"
    # One level of spend, and nothing beside it, does not bend.
    curves = [one for one in found.parameters if one.name == "half_saturation.search"]
    assert [(one.verdict, one.held_back) for one in curves] == [("prior_only", "one_level")]
