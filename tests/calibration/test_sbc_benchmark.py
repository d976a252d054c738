"""Simulation-based calibration tells posteriors that are right from those that are too narrow, or shifted."""

import numpy as np
import pytest

from benchmarks.bench_sbc import Ranks, rank_one, table
from tests.worlds import document, scenario_of
from xbopt.calibration.fit.recovery import known_market, planned_panel, varied_spend
from xbopt.core.arrays import FloatArray
from xbopt.core.randomness import named_generator

FITS, DRAWS = 200, 99


def ranks_of(posterior_sd: float, shift: float) -> Ranks:
    """Ranks of a normal posterior of unit variance that is told as another."""
    random = named_generator(4, "tests/sbc")
    truth = random.standard_normal(FITS)
    drawn: FloatArray = shift + posterior_sd * random.standard_normal((FITS, DRAWS))
    return Ranks(ranks=[int(rank) for rank in (drawn < truth[:, None]).sum(axis=1)], ratios=[0.5] * FITS)


@pytest.mark.statistical
def test_right_posteriors_pass_and_wrong_ones_fail() -> None:
    """A right one fails once in a hundred seeds; of 200 ranks the wrong ones here pass less than once in a thousand."""
    right, narrow, shifted = table(
        {"right": ranks_of(1.0, 0.0), "narrow": ranks_of(0.5, 0.0), "shifted": ranks_of(1.0, 0.5)}, DRAWS
    )
    assert not right.fails
    assert right.histogram.sum() == FITS
    assert narrow.fails
    # Half as wide: the middle 95 % hold what lies within 0.98 of a standard deviation, 67 %.
    assert narrow.covered == pytest.approx(0.67, abs=4.0 * np.sqrt(0.67 * 0.33 / FITS))
    assert narrow.histogram[0] > 2.0 * narrow.histogram[4]
    assert shifted.fails


def test_a_fit_ranks_every_parameter_and_the_return_of_every_channel() -> None:
    scenario = scenario_of(document())
    planned = planned_panel(scenario.start, varied_spend(scenario, 28 + 8 * 7, seed=3))
    market = known_market(scenario, planned, seed=3)
    fit, found = rank_one(scenario, market, draws=9, worlds=32, seed=3)
    wanted = [one.name for one in fit.parameters] + [f"incremental_return.{one}" for one in fit.returns.channels]
    assert list(found) == wanted
    assert all(0 <= rank <= 9 and ratio > 0.0 for rank, ratio in found.values())
