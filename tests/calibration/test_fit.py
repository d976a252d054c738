"""A fit finds the market that its records come from."""

from datetime import date

import numpy as np
import pytest

from tests.worlds import document, scenario_of
from xbopt.calibration.fit.market_fit import fit_market
from xbopt.calibration.fit.parameters import parameter_space
from xbopt.calibration.fit.prior import Prior
from xbopt.calibration.fit.recovery import planned_panel, recorded, varied_spend
from xbopt.calibration.fit.replay import replay_of
from xbopt.core.errors import CalibrationError
from xbopt.core.scenario.scenario import Scenario

DAYS = 28 + 16 * 7


@pytest.fixture(scope="module")
def small() -> Scenario:
    return scenario_of(document())


def test_records_without_noise_give_their_market_back(small: Scenario) -> None:
    planned = planned_panel(date(2026, 3, 2), varied_spend(small, DAYS, seed=3))
    replay = replay_of(small, planned)
    space = parameter_space(replay.market, planned, Prior(), 28)
    truth = np.zeros(len(space.parameters))
    told = {"return.north.search": 0.4, "organic_traffic.island": -0.3, "conversion.north": 0.2, "clicks.social": 0.1}
    for name, value in told.items():
        position = [parameter.name for parameter in space.parameters].index(name)
        truth[position] = value
    counts = replay.play(space.sampled(truth[None]))[0]
    fit = fit_market(small, recorded(replay, counts), seed=1)
    # No noise, so what is left of a parameter's way to the truth is the pull of the prior: within one posterior sd.
    assert fit.optimum.converged
    assert (np.abs(fit.mode - truth) < fit.sd).all()
    assert fit.mode[[p.name for p in fit.parameters].index("organic_traffic.island")] == pytest.approx(-0.3, abs=0.1)


def test_the_same_seed_gives_the_same_fit(small: Scenario) -> None:
    planned = planned_panel(date(2026, 3, 2), varied_spend(small, 28 + 8 * 7, seed=3))
    replay = replay_of(small, planned)
    space = parameter_space(replay.market, planned, Prior(), 28)
    panel = recorded(
        replay, replay.play(space.sampled(space.mean[None]), seed=5, worlds=np.zeros(1, dtype=np.int64))[0]
    )
    one, other = (fit_market(small, panel, seed=1).draws(16) for _ in range(2))
    for path, values in one.columns.items():
        assert (values == other.columns[path]).all(), path


def test_a_short_panel_is_refused(small: Scenario) -> None:
    planned = planned_panel(date(2026, 3, 2), varied_spend(small, 60, seed=3))
    with pytest.raises(CalibrationError, match="60 days"):
        fit_market(small, planned)
