"""Where sales came from, how well a fit meets them, and how a channel's response bends: for reports and workbooks."""

from dataclasses import dataclass, field, replace
from datetime import date, timedelta

import numpy as np

from xbopt.calibration.fit.market_fit import MarketFit
from xbopt.calibration.fit.noise import WEEK, weekly
from xbopt.calibration.fit.replay import Replay
from xbopt.calibration.fit.returns import WIDE, sold_with
from xbopt.core.arrays import FloatArray

_FACTORS = (0.0, 0.25, 0.5, 1.0, 1.5, 2.0)
_CURVE_DRAWS = 48


@dataclass(frozen=True, slots=True, kw_only=True)
class FittedWeeks:
    """The records beside what the fitted market expects.

    Attributes:
        weeks: First day of each scored week ``(W,)``.
        kinds: What is counted ``(K,)``.
        observed: ``(W, R, K)``; NaN where the records do not tell.
        expected: ``(W, R, K)``.
        low, high: 95 % band of a week's own noise ``(W, R, K)``.
    """

    weeks: tuple[date, ...]
    kinds: tuple[str, ...]
    observed: FloatArray = field(repr=False)
    expected: FloatArray = field(repr=False)
    low: FloatArray = field(repr=False)
    high: FloatArray = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """What one cause brought.

    Attributes:
        name: ``base``, a channel's id, ``discounts``, or ``season``.
        weekly: Net revenue by week ``(W,)``, base currency.
        total: Their sum.
        low, high: 95 % interval of the sum for channels; NaN for the others.
    """

    name: str
    weekly: FloatArray = field(repr=False)
    total: float
    low: float = float("nan")
    high: float = float("nan")


@dataclass(frozen=True, slots=True, kw_only=True)
class ResponseCurve:
    """Net revenue a week that a channel adds, over its spend, all else as it was.

    Attributes:
        channel: Its id.
        spend: Spend a week ``(F,)``, base currency, all regions.
        revenue: At the mode ``(F,)``.
        low, high: 95 % band over the posterior ``(F,)``.
        seen: The 5th and 95th percentile of the weeks' spend: what lies outside is no observation.
    """

    channel: str
    spend: FloatArray = field(repr=False)
    revenue: FloatArray = field(repr=False)
    low: FloatArray = field(repr=False)
    high: FloatArray = field(repr=False)
    seen: tuple[float, float]


def fitted_weeks(fit: MarketFit) -> FittedWeeks:
    """Fitted against actual, week by week."""
    likelihood, noise = fit.likelihood, fit.likelihood.noise
    played = fit.replay.count(fit.space.sampled(fit.mode[None]))
    expected = weekly(played, likelihood.first)[0] * noise.ratio
    sd = noise.sd * np.sqrt(noise.inflation)
    start = fit.replay.panel.start + timedelta(days=likelihood.first)
    return FittedWeeks(
        weeks=tuple(start + timedelta(days=WEEK * week) for week in range(len(expected))),
        kinds=fit.replay.kinds,
        observed=weekly(fit.replay.observed(), likelihood.first),
        expected=expected,
        low=np.maximum(expected - WIDE * sd, 0.0),
        high=expected + WIDE * sd,
    )


def causes(fit: MarketFit) -> tuple[Cause, ...]:
    """Sales of the scored days by cause: each is what would be missing without it, the base is what is left.

    Season is what demand's own calendar adds to its mean; over a year it sums to about nothing.
    """
    replay, channels = fit.replay, fit.space.market.scenario.channels
    every = np.ones((1, len(channels)))
    own, *without = _revenue(fit, replay, np.concatenate([every, 1.0 - np.eye(len(channels))]))
    found: list[Cause] = []
    around = fit.returns.interval(fit.covariance) / np.exp(fit.returns.log)[:, None]
    ends = dict(zip(fit.returns.channels, around, strict=True))
    for channel, rest in zip(channels, without, strict=True):
        added = own - rest
        total = float(added.sum())
        low, high = ends.get(channel, (1.0, 1.0))
        found.append(
            Cause(
                name=channel,
                weekly=added,
                total=total,
                low=float(total * low),
                high=float(total * high),
            )
        )
    dear = replace(replay, panel=replace(replay.panel, discount_frac=np.zeros_like(replay.panel.discount_frac)))
    calendar = replay.market.calendar
    flat = replace(calendar, demand=np.broadcast_to(calendar.demand.mean(axis=0), calendar.demand.shape))
    even = replace(replay, market=replace(replay.market, calendar=flat))
    for name, other in (("discounts", dear), ("season", even)):
        added = own - _revenue(fit, other, every)[0]
        found.append(Cause(name=name, weekly=added, total=float(added.sum())))
    base = own - sum(cause.weekly for cause in found)
    return (Cause(name="base", weekly=base, total=float(base.sum())), *found)


def response_curves(fit: MarketFit, factors: tuple[float, ...] = _FACTORS) -> tuple[ResponseCurve, ...]:
    """Response curves of the channels that were paid, with bands over the posterior."""
    replay, first = fit.replay, fit.likelihood.first
    theta = np.concatenate([fit.mode[None], fit.theta_draws(_CURVE_DRAWS)])
    weeks = (replay.days - first) // WEEK
    curves: list[ResponseCurve] = []
    for channel, nothing in zip(fit.returns.channels, fit.returns.nothing_possible, strict=True):
        c = fit.space.market.scenario.channels.index(channel)
        levels = np.ones((len(factors), replay.market.shape[2]))
        levels[:, c] = factors
        sold = sold_with(replay, fit.space, theta, first, levels)[..., -1].T / weeks
        added = sold - sold[factors.index(0.0)]
        by_week = replay.panel.spend[first:, ..., c].sum(axis=(1, 2)).reshape(weeks, WEEK).sum(axis=1)
        low, high = np.quantile(added[:, 1:], [0.025, 0.975], axis=1)
        seen = np.quantile(by_week, [0.05, 0.95])
        curves.append(
            ResponseCurve(
                channel=channel,
                spend=np.array(factors) * by_week.mean(),
                revenue=added[:, 0],
                low=np.zeros_like(low) if nothing else low,
                high=high,
                seen=(float(seen[0]), float(seen[1])),
            )
        )
    return tuple(curves)


def _revenue(fit: MarketFit, replay: Replay, factors: FloatArray) -> FloatArray:
    """Net revenue by scored week ``(F, W)`` at the mode, at ``F`` levels of spend ``(F, C)``."""
    first, modes = fit.likelihood.first, np.repeat(fit.mode[None], len(factors), axis=0)
    played = replay.play(fit.space.sampled(modes), factors=(first, factors))
    return weekly(played, first)[..., -1].sum(axis=2)
