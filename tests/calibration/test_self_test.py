"""A fit's test of itself: the same bytes whatever does it, and it tells intervals that hold from those that do not."""

from dataclasses import replace
from datetime import date, timedelta
from functools import partial
from importlib.util import find_spec

import numpy as np
import pytest

from tests.calibration import killed_fit
from tests.worlds import document, scenario_of
from xbopt.calibration.fit import self_test as module
from xbopt.calibration.fit.lift_tests import LiftTest
from xbopt.calibration.fit.market_fit import MarketFit, fit_market
from xbopt.calibration.fit.recovery import known_market, planned_panel, true_returns, truth_of, varied_spend
from xbopt.calibration.fit.self_test import Refit, SelfTest, against_truth, market_like, self_test_fit
from xbopt.core.errors import CalibrationError, UsageError
from xbopt.reports.calibration.self_test import self_test_json, self_test_sentences, self_test_table
from xbopt.reports.kit.numbers import NumberFormat

DAYS, START, FITS = 28 + 8 * 7, date(2026, 3, 2), 2
RAY = pytest.param(
    "ray", None, marks=pytest.mark.skipif(find_spec("ray") is None, reason="Ray is not installed (the extra scale)")
)


@pytest.fixture(scope="module")
def fit() -> MarketFit:
    """Of a panel with a hole in its visits, two weeks of a channel off in a region, and the lift of that."""
    scenario = scenario_of(document())
    spend = varied_spend(scenario, DAYS, seed=3)
    off = slice(42, 56)
    spend[off, 0, :, 1] = 0.0
    panel = known_market(scenario, planned_panel(START, spend), seed=3).panel
    panel.visits[:, 1] = np.nan
    test = LiftTest(
        channel=scenario.channels[1], regions=scenario.regions[:1], start=START + timedelta(days=off.start),
        end=START + timedelta(days=off.stop - 1), days_after=0, change=-1.0, metric="orders", lift=-30.0, se=10.0,
    )  # fmt: skip
    return fit_market(scenario, panel, tests=[test], seed=1, worlds=32)


@pytest.fixture(scope="module")
def tested(fit: MarketFit) -> SelfTest:
    return self_test_fit(fit, FITS)


@pytest.mark.parametrize(("engine", "workers"), [("local", 2), RAY])
def test_a_worker_that_is_killed_changes_nothing(engine, workers, fit, tested, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "fit_again", partial(killed_fit.killed_once, str(tmp_path)))
    again = self_test_fit(fit, FITS, engine=engine, workers=workers)
    assert (tmp_path / "died").exists()
    assert again == tested


def test_a_market_like_it_has_its_days_holes_and_tests(fit):
    market, (test,) = market_like(fit, 0)
    own, panel = fit.replay.panel, market.panel
    for name in ("spend", "discount_frac", "price_index", "stock_out", "impressions"):
        np.testing.assert_array_equal(getattr(panel, name), getattr(own, name), err_msg=name)
    assert np.isnan(panel.visits[:, 1]).all()
    assert np.isfinite(panel.orders).all()
    assert (panel.orders != own.orders).any()
    asked = fit.likelihood.tests[0].test
    assert replace(test, lift=asked.lift) == asked
    assert test.lift != asked.lift
    other, _ = market_like(fit, 1)
    assert (other.truth != market.truth).any()
    np.testing.assert_array_equal(market_like(fit, 0)[0].truth, market.truth)


def test_truths_are_draws_of_the_posterior(fit):
    """Over 200 draws each mean lies within 4.5 standard errors, which one of some 40 misses in 1 of 3,000 seeds."""
    random = np.array([market_like_truth(fit, n) for n in range(200)])
    off = (random.mean(axis=0) - fit.mode) / (fit.sd / np.sqrt(len(random)))
    assert np.abs(off).max() < 4.5
    assert random.std(axis=0) == pytest.approx(fit.sd, rel=0.25)


def market_like_truth(fit: MarketFit, number: int) -> np.ndarray:
    bare = replace(fit, likelihood=replace(fit.likelihood, tests=()))
    with pytest.MonkeyPatch.context() as patch:
        counted = np.zeros((1, *fit.replay.observed().shape))
        patch.setattr(type(fit.replay), "count", lambda *_args, **_asked: counted)
        return market_like(bare, number)[0].truth


def test_every_number_and_the_return_of_every_channel_is_held_against_the_truth(fit, tested):
    wanted = {one.name for one in fit.parameters} | {f"incremental_return.{one}" for one in fit.returns.channels}
    assert {row.name for row in tested.numbers} == wanted
    assert all(row.intervals == FITS for row in tested.numbers)
    assert tested.numbers[0].name.startswith("incremental_return.")
    assert [one.number for one in tested.refits] == list(range(FITS))
    share = np.mean([held for one in tested.refits for held in one.inside.values()])
    assert share > 0.8, "of right intervals 95 % hold the truth; these hang together"


def test_stated_intervals_are_those_of_the_fit(fit):
    """Two standard deviations off are outside of 1.96, one is within."""
    for steps, inside in ((1.0, True), (2.0, False)):
        held, off = against_truth(fit, fit.mode - steps * fit.sd)
        of_parameters = [one.name for one in fit.parameters]
        assert [off[name] for name in of_parameters] == pytest.approx([steps] * len(of_parameters))
        lowest = {one.name for one, (low, _) in zip(fit.parameters, fit.intervals, strict=True) if low == 0.0}
        assert all(held[name] == inside for name in of_parameters if name not in lowest)
    market, _ = market_like(fit, 0)
    held, off = against_truth(fit, truth_of(fit, market))
    true = true_returns(fit, market.truth)
    sd = fit.returns.sd(fit.covariance)
    wanted = (fit.returns.log - true) / sd
    assert [off[f"incremental_return.{one}"] for one in fit.returns.channels] == pytest.approx(wanted.tolist())


def made(held: list[bool], *, codes: tuple[str, ...] = ()) -> SelfTest:
    """One number, a fit each; and one more fit that failed."""
    fits = [Refit(number=n, inside={"conversion.DE": one}, off={"conversion.DE": 0.5}) for n, one in enumerate(held)]
    fits[0] = replace(fits[0], codes=codes)
    return SelfTest(refits=(*fits, Refit(number=len(held), error="It sells nothing.")))


def test_intervals_that_miss_too_often_are_named():
    """17 of 20: 95 % intervals do so in 7.5 % of cases; 15 of 20 in 0.26 %."""
    numbers = NumberFormat(locale="en", currency="EUR", is_for_terminal=True)
    (fair,), (bad,) = made([True] * 17 + [False] * 3).numbers, made([True] * 15 + [False] * 5).numbers
    assert (fair.p, bad.p) == (pytest.approx(0.0755, abs=1e-4), pytest.approx(0.00257, abs=1e-5))
    assert not fair.fails
    assert bad.fails
    test = made([True] * 15 + [False] * 5, codes=("in_doubt",))
    said = " ".join(self_test_sentences(test, numbers))
    assert "1 of 21 markets of the self-test could not be fitted: It sells nothing." in said
    assert "of 20 intervals in 20 markets like this one, 75 % hold what is true" in said.replace("75%", "75 %")
    assert "Intervals of conversion.DE miss the truth more often than chance explains" in said
    assert "1 of these 20 fits were put in doubt" in said
    assert self_test_table(test).rows == (("conversion", 20.0, 0.75, 0.5),)
    told = self_test_json(test)
    assert told is not None
    assert (told["markets"], told["fitted"], told["in_doubt"]) == (21, 20, 1)
    assert self_test_json(None) is None
    assert self_test_table(None).rows == ()


def test_a_market_that_cannot_be_fitted_is_told(fit, monkeypatch):
    def refuse(*_args: object, **_asked: object) -> None:
        raise CalibrationError("It sells nothing.")

    monkeypatch.setattr(module, "fit_market", refuse)
    assert [one.error for one in self_test_fit(fit, 2).refits] == ["It sells nothing."] * 2
    with pytest.raises(UsageError, match="from 1 to 1000"):
        self_test_fit(fit, 0)
