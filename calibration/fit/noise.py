"""What chance does to a week's counts: read off the market's own sampled mode.

Counts of a week hang together: a good week has more visits and more orders, and the week after is good too. Each
region's standardised counts follow a vector autoregression of one lag, ``e_w = A e_(w-1) + u_w``. Given the weeks
before, ``u_w`` says whether a market fits; so spend may react to what past weeks brought without biasing anything.
"""

from dataclasses import dataclass, field, replace

import numpy as np
from scipy.stats import chi2

from xbopt.core.arrays import BoolArray, FloatArray, contract

WEEK = 7
_RIDGE = 1e-6
_LEAST_MEAN = 1e-9
_CERTAIN = 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class WeeklyNoise:
    """Noise of weekly counts by region and kind.

    Attributes:
        ratio: Mean of sampled over expected counts ``(W, R, K)``.
        sd: Standard deviation ``(W, R, K)``.
        lag: ``A`` ``(R, K, K)``.
        first: Whitens the first week ``(R, K, K)``.
        later: Whitens ``u`` of the others ``(R, K, K)``.
        used: Which counts are scored ``(W, R, K)``.
        inflation: What the records' own scatter multiplies the variances by ``(K,)``; 1 where the market's noise does.
    """

    ratio: FloatArray = field(repr=False)
    sd: FloatArray = field(repr=False)
    lag: FloatArray = field(repr=False)
    first: FloatArray = field(repr=False)
    later: FloatArray = field(repr=False)
    used: BoolArray = field(repr=False)
    inflation: FloatArray

    @property
    def scored(self) -> int:
        """Number of weekly counts that are scored."""
        return int(self.used.sum())

    def standardised(self, counts: FloatArray, observed: FloatArray) -> FloatArray:
        """Deviation of observed from expected counts in standard deviations ``(..., W, R, K)``; 0 where not scored."""
        scale = self.sd * np.sqrt(self.inflation)
        return np.where(self.used, (np.nan_to_num(observed) - counts * self.ratio) / scale, 0.0)

    def whitened(self, standardised: FloatArray) -> FloatArray:
        """Independent deviations of unit variance ``(..., W * R * K)``."""
        before = np.zeros_like(standardised)
        before[..., 1:, :, :] = standardised[..., :-1, :, :]
        news = standardised - np.einsum("rkl,...wrl->...wrk", self.lag, before)
        white = np.einsum("rkl,...wrl->...wrk", self.later, news)
        white[..., 0, :, :] = np.einsum("rkl,...rl->...rk", self.first, standardised[..., 0, :, :])
        return np.where(self.used, white, 0.0).reshape(*standardised.shape[:-3], -1)


def weekly(counts: FloatArray, first: int) -> FloatArray:
    """Sums over weeks ``(..., W, R, K)`` of daily counts ``(..., T, R, K)`` from a first day on; whole weeks."""
    scored = counts[..., first:, :, :]
    weeks = scored.shape[-3] // WEEK
    return scored.reshape(*scored.shape[:-3], weeks, WEEK, *scored.shape[-2:]).sum(axis=-3)


def noise_of(sampled: FloatArray, expected: FloatArray, observed: FloatArray) -> WeeklyNoise:
    """Noise from sampled worlds.

    Args:
        sampled: Weekly counts of ``B`` sampled worlds ``(B, W, R, K)``, drawn at the market that is fitted.
        expected: The same in expected mode ``(W, R, K)``.
        observed: The records ``(W, R, K)``; NaN is not scored, nor what is never above 0.
    """
    worlds = len(sampled)
    used = np.isfinite(observed) & (expected.max(axis=0) > _LEAST_MEAN)
    mean = sampled.mean(axis=0)
    ratio = np.where(expected > _LEAST_MEAN, mean / np.maximum(expected, _LEAST_MEAN), 1.0)
    # A count cannot be told to less than one; a week that nobody expects to bring any still has that much noise.
    variance = sampled.var(axis=0, ddof=1)
    sd = np.sqrt(np.maximum(variance, 1.0))
    deviation = (sampled - mean) / sd
    weeks, regions, kinds = expected.shape
    # What a region never counts must not stand beside what it counts as if it had been met exactly.
    told = used.any(axis=0)
    lag, first, later = (np.zeros((regions, kinds, kinds)) for _ in range(3))
    for region in range(regions):
        one = deviation[:, :, region] * told[region]
        now = contract("bwk,bwl->kl", one, one) / (worlds * weeks)
        now += np.diag(np.where(told[region], (1.0 - variance[:, region] / sd[:, region] ** 2).mean(axis=0), 1.0))
        then = contract("bwk,bwl->kl", one[:, 1:], one[:, :-1]) / (worlds * max(weeks - 1, 1))
        lag[region] = np.asarray(np.linalg.solve(now, then.T), dtype=np.float64).T
        first[region] = _inverse_root(now)
        later[region] = _inverse_root(now - lag[region] @ now @ lag[region].T)
    return WeeklyNoise(
        ratio=ratio, sd=sd, lag=lag, first=first, later=later, used=used, inflation=np.ones(expected.shape[2:])
    )


def _inverse_root(covariance: FloatArray) -> FloatArray:
    """The symmetric inverse root ``(K, K)``: each whitened count stays as near to its own count as can be.

    What hardly varies beside the others is held at a millionth of their variance.
    """
    values, vectors = np.linalg.eigh(covariance)
    return np.asarray((vectors / np.sqrt(np.maximum(values, _RIDGE))) @ vectors.T, dtype=np.float64)


def inflated(noise: WeeklyNoise, white: FloatArray, freedom: FloatArray) -> WeeklyNoise:
    """The same noise, larger where the records scatter more than the market's own sampled mode.

    Args:
        noise: Noise of the market.
        white: Whitened deviations of the records from the fit ``(W, R, K)``.
        freedom: What the fit left of the variance of each ``(W, R, K)``: it took the rest as degrees of freedom.
    """
    left = np.maximum(np.where(noise.used, freedom, 0.0).sum(axis=(0, 1)), 1.0)
    excess = (white**2).sum(axis=(0, 1)) / left
    beyond = excess > 1.0 + _CERTAIN * np.sqrt(2.0 / left)
    return replace(noise, inflation=noise.inflation * np.where(beyond & noise.used.any(axis=(0, 1)), excess, 1.0))


def scatter_by_chance(noise: WeeklyNoise, worlds: FloatArray, chance: float) -> FloatArray:
    """How much weeks scatter beyond the market's noise by chance at most, a ratio of variances ``(K + 1,)``.

    The mean square of whitened counts is chi-square over its degrees of freedom, of which there are as many as the
    scatter of sampled worlds' mean squares says (Satterthwaite 1946): fewer than counts where single weeks stand out.

    Args:
        noise: Noise of the market.
        worlds: Whitened counts of sampled worlds ``(B, N)``.
        chance: How often it may be more.

    Returns:
        By kind, and of all counts together last.
    """
    count = np.append(noise.used.sum(axis=(0, 1)), noise.scored)
    by_kind = (worlds.reshape(-1, *noise.used.shape) ** 2).sum(axis=(1, 2))
    squares = np.column_stack([by_kind, by_kind.sum(axis=1)]) / np.maximum(count, 1)
    freedom = np.clip(2.0 / np.maximum(squares.var(axis=0, ddof=1), 1e-12), 1.0, np.maximum(count, 1))
    return np.asarray(chi2.isf(chance, freedom) / freedom, dtype=np.float64)
