"""A fit finds the market that its records come from, says how sure it is, and hands it on as draws."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from tests.worlds import document, scenario_of
from xbopt.calibration.fit.decomposition import causes, fitted_weeks, response_curves
from xbopt.calibration.fit.draws import write_draws
from xbopt.calibration.fit.market_fit import MarketFit, fit_market
from xbopt.calibration.fit.noise import weekly
from xbopt.calibration.fit.parameters import parameter_space
from xbopt.calibration.fit.predictive import prior_predictive, refuse_nonsense
from xbopt.calibration.fit.prior import Prior
from xbopt.calibration.fit.recovery import known_market, planned_panel, recorded, varied_spend
from xbopt.calibration.fit.replay import replay_of
from xbopt.calibration.fit.returns import added_revenue
from xbopt.calibration.panel import CalibrationPanel
from xbopt.core.arrays import FloatArray
from xbopt.core.errors import CalibrationError, UsageError
from xbopt.core.scenario.loading import load_scenario, scenario_text
from xbopt.core.scenario.scenario import Scenario

DAYS = 28 + 8 * 7
TOLD = {"return.north.search": 0.4, "organic_traffic.island": -0.3, "conversion.north": 0.2, "clicks.social": 0.1}


@pytest.fixture(scope="module")
def small() -> Scenario:
    return scenario_of(document())


@pytest.fixture(scope="module")
def planned(small: Scenario) -> CalibrationPanel:
    return planned_panel(date(2026, 3, 2), varied_spend(small, DAYS, seed=3))


def records(
    scenario: Scenario, planned: CalibrationPanel, told: Mapping[str, float] = TOLD
) -> tuple[CalibrationPanel, FloatArray]:
    """Expected counts of a market that differs from the scenario, and the logs by which it does, by name or kind."""
    replay = replay_of(scenario, planned)
    space = parameter_space(replay.market, planned, Prior(), 28)
    truth = np.array([told.get(one.name, told.get(one.kind, 0.0)) for one in space.parameters])
    return recorded(replay, replay.count(space.sampled(truth[None]))[0]), truth


@pytest.fixture(scope="module")
def fit(small: Scenario, planned: CalibrationPanel) -> MarketFit:
    return fit_market(small, records(small, planned)[0], seed=1, worlds=32)


def test_records_without_noise_give_their_market_back(
    fit: MarketFit, small: Scenario, planned: CalibrationPanel
) -> None:
    _, truth = records(small, planned)
    assert fit.optimum.converged
    # There is no noise: what is left of a parameter's way to the truth is the pull of the prior, within one sd.
    assert (np.abs(fit.mode - truth) < fit.sd).all()
    position = [parameter.name for parameter in fit.parameters].index("return.north.search")
    assert fit.mode[position] == pytest.approx(0.4, abs=0.1)
    # Less than a year is in doubt, and counts a tenth.
    assert fit.sd[position] < 0.5 * fit.space.sd[position]
    row = fit.to_frame().to_pylist()[position]
    assert row["parameter"] == "return.north.search"
    assert row["mode"] == pytest.approx(np.exp(fit.mode[position]))
    assert row["low"] < row["mode"] < row["high"]


def test_the_scenario_and_the_draws_of_a_fit_load_together(fit: MarketFit, small: Scenario, tmp_path: Path) -> None:
    draws = fit.draws(64)
    (tmp_path / "small.yaml").write_text(scenario_text(small))
    write_draws(tmp_path / "draws.parquet", draws)
    changes = [f"{path}={value!r}" for path, value in draws.values.items()]
    changes += [f"uncertainty.{group}=null" for group in ("media_response", "elasticity", "synergy")]
    changes += [f"uncertainty.draws={tmp_path / 'draws.parquet'}"]
    loaded = load_scenario(tmp_path / "small.yaml", overrides=changes)
    assert loaded.draws is not None
    assert loaded.draws.rows == 64
    means = {column.path: loaded.draws.mean_ratio(column) for column in loaded.draws.columns if column.at}
    joint = {path for path in means if "visit_quality" in path}
    assert joint == {f"channels.{one}.visit_quality" for one in ("search", "social", "email")}
    assert {path: round(means[path], 9) for path in means if path not in joint} == dict.fromkeys(
        means.keys() - joint, 1.0
    )


def test_the_scenario_of_a_fit_expects_the_mean_of_its_draws_orders(fit: MarketFit) -> None:
    """Visits and what they are worth hang together: their means alone would promise other orders than the draws."""
    draws = fit.draws(512)
    value = {path: draws.values[path] / draws.stated[path] for path in draws.stated}
    for channel in ("search", "social", "email"):
        quality = f"channels.{channel}.visit_quality"
        promised, drawn, apart = 0.0, 0.0, 0.0
        for region in ("north", "island"):
            response, level = (
                f"channels.{channel}.region_response.{region}",
                f"market.regions.{region}.conversion_level",
            )
            promised += value[response] * value[quality] * value[level]
            drawn += float((draws.ratios[response] * draws.ratios[quality] * draws.ratios[level]).mean())
            apart += float(np.prod([draws.ratios[path].mean() for path in (response, quality, level)]))
        assert promised == pytest.approx(drawn)
        assert abs(apart / drawn - 1.0) > 0.01


def test_the_same_seed_gives_the_same_draws_and_another_gives_others(fit: MarketFit) -> None:
    one, same, other = (replace(fit, seed=seed).draws(8).columns for seed in (1, 1, 2))
    for path, values in one.items():
        assert (values == same[path]).all(), path
        assert (values != other[path]).any(), path


def test_a_half_saturation_moves_no_average_return(fit: MarketFit) -> None:
    space = fit.space
    theta = np.zeros((2, len(space.parameters)))
    theta[1, space.of_kind("half_saturation")] = np.log(2.0)
    sampled = space.sampled(theta)
    half, response = sampled.world.half_saturation, sampled.world.media_response[:, :, 0]
    reached = space.market.media.saturation.reached
    x = space.exposure
    returns = [response[b] * half[b, 0, 0] * reached(x / half[b, 0, 0]) / np.maximum(x, 1e-12) for b in (0, 1)]
    paid = x > 0.0
    np.testing.assert_allclose(returns[1][paid], returns[0][paid])
    assert (response[1][paid] < response[0][paid]).all()


def test_orders_are_scored_where_nobody_knows_which_were_first(small: Scenario, planned: CalibrationPanel) -> None:
    panel, _ = records(small, planned)
    unknown = replay_of(small, replace(panel, new_customers=np.full_like(panel.orders, np.nan)))
    told = dict(zip(unknown.kinds, np.isfinite(unknown.observed()).all(axis=(0, 1)), strict=True))
    assert {kind for kind, known in told.items() if not known} == {"first"}


def test_panels_that_cannot_answer_are_refused(small: Scenario, planned: CalibrationPanel) -> None:
    short = planned_panel(date(2026, 3, 2), varied_spend(small, 60, seed=3))
    with pytest.raises(CalibrationError, match="60 days"):
        fit_market(small, short)
    with pytest.raises(CalibrationError, match="no orders"):
        fit_market(small, planned)
    with pytest.raises(UsageError, match="sd of clicks"):
        Prior(sd={"clicks": 0.0})


def test_spend_in_the_wrong_currency_makes_the_prior_nonsense(small: Scenario, planned: CalibrationPanel) -> None:
    right, wrong = (replace(planned, spend=planned.spend * factor) for factor in (1.0, 1000.0))
    for panel in (right, wrong):
        replay = replay_of(small, panel)
        signs = prior_predictive(replay, parameter_space(replay.market, panel, Prior(), 28), 28, seed=1)
        assert {one.sign for one in signs} >= {"incremental_roas", "advertising_elasticity", "second_order_365"}
        if panel is right:
            refuse_nonsense(signs)
        else:
            with pytest.raises(CalibrationError, match="Incremental ROAS"):
                refuse_nonsense(tuple(one for one in signs if one.sign == "incremental_roas"))


def test_clicks_alone_measure_no_return(fit: MarketFit, small: Scenario) -> None:
    steady = planned_panel(date(2026, 3, 2), varied_spend(small, DAYS, seed=3, spread=0.0))
    still = fit_market(small, records(small, steady)[0], seed=1, worlds=32)
    verdicts = {one.name: one.verdict for one in still.identification.returns}
    assert verdicts == dict.fromkeys(("search", "social", "email"), "prior_only")
    # Spend that moves lets orders tell; less than a year without a test keeps that from being called measured.
    moving = fit.identification.returns[0]
    assert moving.ratio < 0.5
    assert (moving.verdict, moving.held_back) == ("partly", "misfit")
    assert {"short_panel", "no_tests", "in_doubt"} <= {finding.code for finding in fit.findings}


def test_visits_that_come_sooner_than_orders_move_no_return(small: Scenario, planned: CalibrationPanel) -> None:
    """Clicks follow spend at once and without a limit; orders come twice as late, and a visit brings half of them."""
    late = {"carry_over": 0.7, "visit_carry_over": -3.0, "visit_half_saturation": 2.0, "visit_quality": -0.7}
    panel, truth = records(small, planned, {**late, "return": -0.7})
    fit = fit_market(small, panel, seed=1, worlds=32)
    z = np.linalg.solve(fit.space.factor, truth - fit.space.mean)[None]
    spend = fit.replay.panel.spend[fit.likelihood.first :].sum(axis=(0, 1, 2))
    true = np.log(added_revenue(fit.likelihood, z, np.arange(3))[0] / spend)
    assert (np.abs(fit.returns.log - true) < 1.96 * fit.returns.sd(fit.covariance)).all()
    sooner = fit.space.of_kind("visit_carry_over")
    assert (fit.mode[sooner] < -0.5).any()
    # How long media work is known no better than orders tell.
    assert (fit.sd[fit.space.of_kind("carry_over")] > 0.3 * fit.space.sd[fit.space.of_kind("carry_over")]).all()


def test_causes_sum_to_what_the_fit_sold_and_channels_bring_their_return(fit: MarketFit) -> None:
    parts = {cause.name: cause for cause in causes(fit)}
    assert list(parts) == ["base", "search", "social", "email", "discounts", "season"]
    expected = fitted_weeks(fit).expected / fit.likelihood.noise.ratio
    summed = np.stack([cause.weekly for cause in parts.values()]).sum(axis=0)
    np.testing.assert_allclose(summed, expected[..., -1].sum(axis=1))
    spend = fit.replay.panel.spend[fit.likelihood.first :].sum(axis=(0, 1, 2))
    for channel, log, paid in zip(fit.returns.channels, fit.returns.log, spend, strict=True):
        assert parts[channel].total == pytest.approx(np.exp(log) * paid)
        assert 0.0 < parts[channel].low < parts[channel].total < parts[channel].high
    # No day of this panel had a discount.
    assert parts["discounts"].total == 0.0
    assert np.abs(parts["season"].weekly).max() > 0.0
    assert 0.0 < parts["base"].total < expected[..., -1].sum()


def test_a_return_that_may_be_nothing_begins_at_0_wherever_it_is_told(fit: MarketFit) -> None:
    nothing = replace(fit, returns=replace(fit.returns, nothing_possible=np.array([True, False, False])))
    low, high = nothing.returns.interval(fit.covariance).T
    as_before = fit.returns.interval(fit.covariance).T
    assert (low[0], *low[1:]) == (0.0, *as_before[0][1:])
    assert (high == as_before[1]).all()
    told = {cause.name: cause for cause in causes(nothing)}
    assert told["search"].low == 0.0 < told["social"].low
    curves = response_curves(nothing, (0.0, 1.0))
    assert [float(curve.low[1]) > 0.0 for curve in curves] == [False, True, True]
    # Draws are those of the mode, whatever is said of its interval.
    assert nothing.draws(8).values == fit.draws(8).values


def test_a_multiplier_far_below_the_prior_has_no_lower_end_where_it_is_a_return(fit: MarketFit) -> None:
    z = fit.optimum.z.copy()
    at = [one.name for one in fit.parameters].index("return.north.search")
    z[at] -= 4.0
    sunk = replace(fit, optimum=replace(fit.optimum, z=z))
    # Regions share four fifths of a channel's prior, so the other one sinks as well.
    open_below = {one.name for one, low in zip(fit.parameters, sunk.intervals[:, 0], strict=True) if low == 0.0}
    assert open_below == {"return.north.search", "return.island.search"}
    assert sunk.to_frame().to_pylist()[at]["low"] == 0.0


def test_in_doubt_intervals_keep_what_sampled_worlds_widened_them_by(fit: MarketFit) -> None:
    """Records that count a tenth leave no parameter better known than the same records in full."""
    in_full = np.sqrt(np.diag(np.linalg.inv(fit.optimum.precision)))
    scored = fit.likelihood.noise.used.size
    weak = fit.optimum.jacobian[:scored] * np.sqrt(0.1)
    plain = np.sqrt(np.diag(np.linalg.inv(weak.T @ weak + np.eye(len(in_full)))))
    widened = np.sqrt(np.diag(fit.covariance))
    assert "in_doubt" in {finding.code for finding in fit.findings}
    assert (widened >= plain - 1e-12).all()
    # So few worlds scatter so far from what they should that some parameters are widened.
    assert (widened > 1.01 * plain).any()


def test_fitted_weeks_lie_beside_the_records_of_the_same_days(fit: MarketFit) -> None:
    weeks = fitted_weeks(fit)
    panel = fit.replay.panel
    assert weeks.weeks[0] == date(2026, 3, 30)
    assert (weeks.weeks[-1] - weeks.weeks[0]).days == 7 * 7
    np.testing.assert_allclose(weeks.observed[0, :, -3], panel.orders[28:35].sum(axis=0))
    assert (weeks.low <= weeks.expected).all()
    # The records are expected counts: nearly all lie well within a week's noise.
    assert ((weeks.observed > weeks.low) & (weeks.observed < weeks.high)).mean() > 0.95


def test_response_curves_start_at_nothing_and_rise_through_what_was_spent(fit: MarketFit) -> None:
    brought = {cause.name: cause.total / 8 for cause in causes(fit)}
    by_week = weekly(fit.replay.panel.spend.sum(axis=2)[None], 28)[0].sum(axis=1)
    for c, curve in enumerate(response_curves(fit, (0.0, 0.5, 1.0, 2.0))):
        assert curve.revenue[0] == curve.low[0] == curve.high[0] == curve.spend[0] == 0.0
        # A channel that is full long before its usual spend brings nothing more; what is left then is rounding.
        assert (np.diff(curve.revenue) > -1e-9 * curve.revenue.max()).all()
        assert curve.revenue[1] > 0.0
        assert (np.diff(curve.spend) > 0.0).all()
        assert (curve.low[1:] < curve.revenue[1:]).all()
        assert (curve.revenue[1:] < curve.high[1:]).all()
        assert curve.spend[2] == pytest.approx(by_week[:, c].mean())
        assert curve.revenue[2] == pytest.approx(brought[curve.channel])
        assert by_week[:, c].min() <= curve.seen[0] < curve.spend[2] < curve.seen[1] <= by_week[:, c].max()


@pytest.mark.statistical
def test_a_cold_start_is_told_and_intervals_cover_all_the_same(small: Scenario) -> None:
    planned = planned_panel(date(2026, 3, 2), varied_spend(small, 28 + 16 * 7, seed=4))
    space = parameter_space(replay_of(small, planned).market, planned, Prior(), 28)
    truth = np.where([one.name == "customers.north" for one in space.parameters], -1.5, 0.0)
    market = known_market(small, planned, seed=11, truth=truth)
    fit = fit_market(small, market.panel, seed=1, worlds=64)
    assert "north" in {finding.place for finding in fit.findings if finding.code == "cold_start"}
    assert "island" not in {finding.place for finding in fit.findings if finding.code == "cold_start"}
    errors = (fit.mode - truth) / fit.sd
    # Truths at the prior's centre: a mean square of 1 at most is expected, with a standard error of 0.25 over 31.
    assert (errors**2).mean() < 1.75
    assert np.abs(errors).max() < 3.5
