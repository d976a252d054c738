"""Fit a market to a panel: the verb of this package."""

from dataclasses import dataclass, field

import numpy as np

from xbopt.calibration.fit.draws import MarketDraws, market_draws
from xbopt.calibration.fit.noise import WEEK, WeeklyNoise, inflated, noise_of, weekly
from xbopt.calibration.fit.optimum import Optimum, Residuals, find_mode
from xbopt.calibration.fit.parameters import Parameter, ParameterSpace, parameter_space
from xbopt.calibration.fit.prior import Prior
from xbopt.calibration.fit.replay import Replay, replay_of
from xbopt.calibration.panel import CalibrationPanel
from xbopt.core.arrays import FloatArray
from xbopt.core.errors import CalibrationError
from xbopt.core.randomness import named_generator
from xbopt.core.scenario.scenario import Scenario

WARM_UP_DAYS = 28
"""Days that are played and not scored: what media and deals of unknown days left behind has faded by then."""
_LEAST_WEEKS = 8
_WORLDS = (64, 256, 256)
# Away from the numbers that simulated panels have: noise is never read off the records' own luck.
_FIRST_WORLD = 5_000_000
_BATCH = 128


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketFit:
    """A market fitted to a panel.

    Attributes:
        scenario: The scenario that was fitted.
        replay: The panel's days, to be played again.
        space: The parameters and their prior.
        optimum: The mode, in standardised coordinates.
        noise: What chance does to weekly counts.
        covariance: Posterior covariance in standardised coordinates ``(P, P)``.
        first: First day that is scored.
        seed: Seed of the noise and of the draws.
    """

    scenario: Scenario = field(repr=False)
    replay: Replay = field(repr=False)
    space: ParameterSpace = field(repr=False)
    optimum: Optimum = field(repr=False)
    noise: WeeklyNoise = field(repr=False)
    covariance: FloatArray = field(repr=False)
    first: int
    seed: int

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """The parameters in their order."""
        return self.space.parameters

    @property
    def mode(self) -> FloatArray:
        """Logs of the multipliers at the mode ``(P,)``."""
        return self.space.theta(self.optimum.z)

    @property
    def sd(self) -> FloatArray:
        """Posterior standard deviations of the logs ``(P,)``."""
        return np.sqrt(np.einsum("pq,qr,pr->p", self.space.factor, self.covariance, self.space.factor))

    def draws(self, rows: int = 512) -> MarketDraws:
        """Joint draws of the scenario's own numbers, one row a world; the same for the same fit.

        Args:
            rows: Number of draws, 2 at least.
        """
        normals = named_generator(self.seed, "calibration/draws").standard_normal(
            (rows, len(self.parameters) + int(np.prod(self.space.exposure.shape)))
        )
        own, prices = np.split(normals, [len(self.parameters)], axis=1)
        z = self.optimum.z + own @ np.linalg.cholesky(self.covariance).T
        return market_draws(
            self.replay, self.space, self.space.theta(z), prices.reshape(rows, *self.space.exposure.shape)
        )


def fit_market(scenario: Scenario, panel: CalibrationPanel, *, prior: Prior | None = None, seed: int = 0) -> MarketFit:
    """Fit a scenario's market to a panel.

    Args:
        scenario: What is fitted; its numbers are the prior's centre.
        panel: The records.
        prior: How sure anybody is beforehand; published ranges where left out.
        seed: Seed of the noise that is simulated.

    Raises:
        CalibrationError: The panel is too short.
    """
    first = WARM_UP_DAYS + (panel.days - WARM_UP_DAYS) % WEEK
    if panel.days - first < _LEAST_WEEKS * WEEK:
        raise CalibrationError(
            f"The panel has {panel.days} days; {WARM_UP_DAYS} of them warm up, and {_LEAST_WEEKS} weeks at least must "
            f"be left to compare. Give {WARM_UP_DAYS + _LEAST_WEEKS * WEEK} days or more."
        )
    replay = replay_of(scenario, panel)
    space = parameter_space(replay.market, panel, prior or Prior(), first)
    observed = weekly(replay.observed(), first)
    z = np.zeros(len(space.parameters))
    noise = optimum = None
    for worlds in _WORLDS:
        noise = _noise(replay, space, z, observed, first, worlds=worlds, seed=seed)
        optimum = find_mode(_residuals(replay, space, noise, observed, first), z)
        z = optimum.z
    assert noise is not None, "at least one round"
    assert optimum is not None, "at least one round"
    larger = inflated(noise, _deviations(replay, space, noise, observed, first, z), _told(optimum))
    if (larger.inflation > 1.0).any():
        noise = larger
        optimum = find_mode(_residuals(replay, space, noise, observed, first), z)
    return MarketFit(
        scenario=scenario,
        replay=replay,
        space=space,
        optimum=optimum,
        noise=noise,
        covariance=np.linalg.inv(optimum.precision),
        first=first,
        seed=seed,
    )


def _noise(
    replay: Replay, space: ParameterSpace, z: FloatArray, observed: FloatArray, first: int, *, worlds: int, seed: int
) -> WeeklyNoise:
    at = space.sampled(space.theta(z[None]))
    expected = weekly(replay.play(at), first)[0]
    numbers = _FIRST_WORLD + np.arange(worlds)
    sampled = weekly(replay.play(at, seed=seed, worlds=numbers), first)
    return noise_of(sampled, expected, observed)


def _residuals(
    replay: Replay, space: ParameterSpace, noise: WeeklyNoise, observed: FloatArray, first: int
) -> Residuals:
    def residuals(z: FloatArray) -> FloatArray:
        parts: list[FloatArray] = []
        for start in range(0, len(z), _BATCH):
            counts = weekly(replay.play(space.sampled(space.theta(z[start : start + _BATCH]))), first)
            parts.append(noise.whitened(noise.standardised(counts, observed)))
        return np.concatenate(parts)

    return residuals


def _deviations(
    replay: Replay, space: ParameterSpace, noise: WeeklyNoise, observed: FloatArray, first: int, z: FloatArray
) -> FloatArray:
    counts = weekly(replay.play(space.sampled(space.theta(z[None]))), first)[0]
    return noise.standardised(counts, observed)


def _told(optimum: Optimum) -> int:
    """How many parameters the data have told: the trace of what the prior's variance lost."""
    return round(len(optimum.z) - float(np.trace(np.linalg.inv(optimum.precision))))
