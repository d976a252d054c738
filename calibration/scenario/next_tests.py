"""Which lift test would tell most: a channel off in one region for four weeks, and what that leaves unknown.

With the posterior linear around its mode, a test is one more row: the derivatives of its lift over its standard error.
The covariance after it follows at once, whatever the test may then find (Chaloner and Verdinelli 1995, linear design).
"""

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np

from xbopt.calibration.fit.market_fit import MarketFit
from xbopt.calibration.fit.noise import WEEK
from xbopt.calibration.fit.optimum import DIFFERENCE
from xbopt.core.arrays import FloatArray

TEST_DAYS, DAYS_AFTER = 28, 14
"""Days that a channel is off, and days after them whose orders count too: most of what a carry-over leaves."""
_REGIONS_EACH = 3
_MOST = 8
_USUAL = 0.8


@dataclass(frozen=True, slots=True, kw_only=True)
class NextTest:
    """A test that nobody has made yet.

    Attributes:
        channel: The channel that is switched off.
        region: Where.
        days: For how many days.
        spend: What is not spent for it, base currency.
        orders: Orders that are lost, as far as the fit knows.
        width_now: Width of the 95 % interval of the channel's incremental return.
        width_after: The same with the test.
        told: What the split of money gains: how much less unknown the channel's return is against those of the
            others (log, standard deviations before less after), times its spend a week.
    """

    channel: str
    region: str
    days: int
    spend: float
    orders: float
    width_now: float
    width_after: float
    told: float


def next_tests(fit: MarketFit, shared: Collection[str] = ()) -> tuple[NextTest, ...]:
    """Tests of the usual size, the one that tells most about the split of money first; empty where none tells anything.

    Each channel is tried in its three dearest regions. The standard error is that of the orders of these weeks, twice
    over in variance, since what they are held against is as uncertain. The days are weeks of the panel with as much
    spend as is usual.

    Args:
        fit: The fit.
        shared: Channels whose spend by country nobody told: what a test in one country would save is not known, so
            that none of them is proposed.
    """
    replay, space, first = fit.replay, fit.space, fit.likelihood.first
    points = fit.optimum.z + np.concatenate(
        [np.zeros((1, len(fit.optimum.z))), DIFFERENCE * np.eye(len(fit.optimum.z))]
    )
    sampled = space.sampled(space.theta(points))
    orders = replay.kinds.index("orders")
    weeks = (replay.days - first) // WEEK
    scenario = replay.market.scenario
    found: list[NextTest] = []
    by_week = replay.panel.spend[first:].sum(axis=2).reshape(weeks, WEEK, *replay.media_price.shape[1:]).sum(axis=1)
    as_was = replay.play(sampled)[..., orders]
    for d, channel in enumerate(fit.returns.channels):
        if channel in shared:
            continue
        c = scenario.channels.index(channel)
        spent = by_week[:, :, c].sum(axis=0)
        dearest: list[int] = np.argsort(-spent, kind="stable")[:_REGIONS_EACH].tolist()
        for r in dearest:
            week = _usual_weeks(by_week[:, r, c])
            if spent[r] <= 0.0 or week is None:
                continue
            begin = first + WEEK * week
            end = begin + TEST_DAYS + DAYS_AFTER
            off = replay.panel.spend.copy()
            off[begin : begin + TEST_DAYS, r, :, c] = 0.0
            otherwise = replay.play(sampled, spend=off, days=end)[..., orders]
            lift = (as_was[:, begin:end, r] - otherwise[:, begin:end, r]).sum(axis=1)
            noise = fit.likelihood.noise
            of_weeks = noise.sd[week : week + (end - begin) // WEEK, r, orders]
            error = float(np.sqrt(2.0 * noise.inflation[orders] * (of_weeks**2).sum()))
            row = (lift[1:] - lift[0]) / DIFFERENCE / error
            told = with_row(fit.covariance, row)
            spend = replay.panel.spend[begin : begin + TEST_DAYS, r, :, c].sum()
            contrast = _against_others(fit.returns.gradient, d, by_week.sum(axis=(0, 1)), scenario.channels, fit)
            narrower = _sd(contrast, fit.covariance) - _sd(contrast, told)
            found.append(
                NextTest(
                    channel=channel,
                    region=scenario.regions[r],
                    days=TEST_DAYS,
                    spend=float(spend),
                    orders=float(lift[0]),
                    width_now=_width(fit, d, fit.covariance),
                    width_after=_width(fit, d, told),
                    told=float(narrower * by_week[:, :, c].sum() / weeks),
                )
            )
    return tuple(sorted(found, key=lambda one: -one.told)[:_MOST])


def with_row(covariance: FloatArray, row: FloatArray) -> FloatArray:
    """Covariance ``(P, P)`` with one more whitened row of derivatives ``(P,)`` (Sherman and Morrison 1950)."""
    moved = covariance @ row
    return covariance - np.outer(moved, moved) / (1.0 + float(row @ moved))


def _usual_weeks(spend: FloatArray) -> int | None:
    """The first week from which on a test and the days after it fit, at no less than the usual spend ``(W,)``."""
    length, tested = (TEST_DAYS + DAYS_AFTER) // WEEK, TEST_DAYS // WEEK
    sums = np.array([spend[week : week + tested].sum() for week in range(len(spend) - length + 1)])
    usual = np.flatnonzero(sums >= _USUAL * tested * spend.mean())
    return int(usual[0]) if len(usual) else None


def _against_others(
    gradient: FloatArray, d: int, spend: FloatArray, channels: tuple[str, ...], fit: MarketFit
) -> FloatArray:
    """Direction ``(P,)`` of a channel's log return less that of the others, weighted by their spend ``(C,)``."""
    weights = np.array([spend[channels.index(channel)] for channel in fit.returns.channels])
    weights[d] = 0.0
    return gradient[d] - weights @ gradient / weights.sum() if weights.sum() > 0.0 else gradient[d]


def _width(fit: MarketFit, d: int, covariance: FloatArray) -> float:
    low, high = fit.returns.interval(covariance)[d]
    return float(high - low)


def _sd(direction: FloatArray, covariance: FloatArray) -> float:
    return float(np.sqrt(direction @ covariance @ direction))
