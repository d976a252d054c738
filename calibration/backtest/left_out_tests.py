"""Lift tests that a market had to predict: each is left out, and what the market says about it is held against it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from xbopt.calibration.backtest.held_out_days import as_stated
from xbopt.calibration.backtest.rolling_origin import Refit
from xbopt.calibration.fit.lift_tests import LiftTest, placed_tests
from xbopt.calibration.fit.market_fit import first_scored, fit_market
from xbopt.calibration.fit.replay import replay_of
from xbopt.calibration.panel import CalibrationPanel
from xbopt.core.arrays import FloatArray
from xbopt.core.scenario.scenario import Scenario
from xbopt.simulator.worlds import draw_worlds

_DRAWS = 128


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOutTest:
    """A lift test and what was predicted of it without it.

    Attributes:
        test: The test.
        predicted: Mean predicted lift.
        low: Lower end of the 90 % band of its result: the market's parameters, and the test's own error.
        high: Upper end.
        refit: Whether the market was fitted anew without the test; else the scenario's own draws, which may know it.
    """

    test: LiftTest
    predicted: float
    low: float
    high: float
    refit: Refit

    @property
    def error(self) -> float:
        """Predicted less measured lift."""
        return self.predicted - self.test.lift

    @property
    def is_inside(self) -> bool:
        """Whether the measured lift lies in the band."""
        return self.low <= self.test.lift <= self.high


def left_out_tests(
    scenario: Scenario,
    panel: CalibrationPanel,
    tests: Sequence[LiftTest],
    *,
    refit: Refit,
    seed: int,
    on_test: Callable[[int, int], None],
) -> tuple[LeftOutTest, ...]:
    """Predict each test from the panel and the other tests.

    Args:
        scenario: The market's structure.
        panel: The records.
        tests: The tests.
        refit: ``market`` fits the market anew without each test; ``level`` takes the scenario's own draws.
        seed: Seed of fits and draws.
        on_test: Called with the tests done and in all.

    Raises:
        CalibrationError: A test is not about the panel, or the panel cannot be fitted.
    """
    done: list[LeftOutTest] = []
    for number, test in enumerate(tests):
        on_test(number, len(tests))
        others = [one for at, one in enumerate(tests) if at != number]
        lifts = _lifts(scenario, panel, test, others, refit, seed)
        # The result of a test is the lift and its own error: quantiles of the two together.
        normals = np.sqrt(lifts.var() + test.se**2) * 1.645
        mean = float(lifts.mean())
        done.append(
            LeftOutTest(test=test, predicted=mean, low=float(mean - normals), high=float(mean + normals), refit=refit)
        )
    return tuple(done)


def _lifts(
    scenario: Scenario, panel: CalibrationPanel, test: LiftTest, others: Sequence[LiftTest], refit: Refit, seed: int
) -> FloatArray:
    """The lift of a test in draws of the market ``(B,)``."""
    if refit == "market":
        fit = fit_market(scenario, panel, tests=others, seed=seed)
        replay, sampled = fit.replay, fit.space.sampled(fit.theta_draws(_DRAWS))
        first = fit.likelihood.first
    else:
        replay, first = replay_of(scenario, panel), first_scored(panel)
        sampled = as_stated(scenario, draw_worlds(scenario, seed=seed, worlds=np.arange(_DRAWS)), _DRAWS)
    (placed,) = placed_tests(replay, [test], first)
    played = replay.play(sampled, days=placed.days[1])
    return test.lift - placed.residual(replay, sampled, played) * test.se
