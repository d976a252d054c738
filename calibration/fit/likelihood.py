"""How well markets fit the records: whitened deviations of weekly counts, and of lift tests."""

from dataclasses import dataclass, field

import numpy as np

from xbopt.calibration.fit.lift_tests import PlacedTest, outside_tests
from xbopt.calibration.fit.noise import WeeklyNoise, noise_of, weekly
from xbopt.calibration.fit.parameters import ParameterSpace
from xbopt.calibration.fit.replay import Replay
from xbopt.calibration.fit.slack import Slack
from xbopt.core.arrays import FloatArray

_BATCH = 128
# Away from the numbers that simulated panels have: noise is never read off the records' own luck.
_FIRST_WORLD = 5_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Likelihood:
    """Records, and the noise around what a market expects.

    Attributes:
        replay: The panel's days.
        space: The parameters.
        first: First day that is scored.
        tests: Lift tests.
        noise: Noise of the weekly counts.
    """

    replay: Replay = field(repr=False)
    space: ParameterSpace = field(repr=False)
    first: int
    tests: tuple[PlacedTest, ...]
    noise: WeeklyNoise = field(repr=False)

    @property
    def observed(self) -> FloatArray:
        """The records by week ``(W, R, K)``; NaN where they do not tell, or a lift test tells it."""
        return _observed(self.replay, self.tests, self.first)

    def residuals(self, z: FloatArray) -> FloatArray:
        """Whitened residuals ``(B, N)`` of standardised vectors ``(B, P)``; lift tests last."""
        parts = [self._residuals(z[start : start + _BATCH], None) for start in range(0, len(z), _BATCH)]
        return np.concatenate(parts)

    def slack_derivatives(self, z: FloatArray, slack: Slack, step: float) -> FloatArray:
        """Derivatives of the residuals with respect to slack at ``z`` ``(N, Q)``."""
        count = len(slack.kinds)
        amounts = np.concatenate([np.zeros((1, count)), step * np.eye(count)])
        played = self._residuals(np.repeat(z[None], count + 1, axis=0), (slack, amounts))
        return (played[1:] - played[0]).T / step

    def of_weeks(self, residuals: FloatArray) -> FloatArray:
        """Whitened residuals of the weekly counts ``(W, R, K)`` out of all of one market ``(N,)``."""
        used = self.noise.used
        return residuals[: used.size].reshape(used.shape)

    def rows_of_tests(self, channel: str | None = None) -> list[int]:
        """Positions of the residuals of lift tests, of all or of a channel's."""
        scored = self.noise.used.size
        return [scored + t for t, one in enumerate(self.tests) if channel in (None, one.test.channel)]

    def _residuals(self, z: FloatArray, slack: tuple[Slack, FloatArray] | None) -> FloatArray:
        sampled = self.space.sampled(self.space.theta(z))
        played = self.replay.count(sampled, slack=slack)
        white = self.noise.whitened(self.noise.standardised(weekly(played, self.first), self.observed))
        if not self.tests:
            return white
        of_tests = [test.residual(self.replay, sampled, played) for test in self.tests]
        return np.concatenate([white, np.stack(of_tests, axis=1)], axis=1)


def sampled_noise(
    replay: Replay,
    space: ParameterSpace,
    z: FloatArray,
    first: int,
    tests: tuple[PlacedTest, ...],
    *,
    worlds: int,
    seed: int,
) -> tuple[WeeklyNoise, FloatArray]:
    """Noise of weekly counts around one market, and the whitened residuals of its sampled worlds ``(B, N)``."""
    at = space.sampled(space.theta(z[None]))
    expected = weekly(replay.count(at), first)[0]
    numbers = _FIRST_WORLD + np.arange(worlds)
    sampled = weekly(replay.count(at, seed=seed, worlds=numbers), first)
    noise = noise_of(sampled, expected, _observed(replay, tests, first))
    return noise, noise.whitened(noise.standardised(expected, sampled))


def _observed(replay: Replay, tests: tuple[PlacedTest, ...], first: int) -> FloatArray:
    return np.where(outside_tests(replay, tests, first), weekly(replay.observed(), first), np.nan)
