"""Panels whose truth is known: a market drawn from the prior, its records played, to be fitted again."""

from dataclasses import dataclass, field, replace
from datetime import date

import numpy as np

from xbopt.calibration.fit.market_fit import MarketFit
from xbopt.calibration.fit.parameters import ParameterSpace, parameter_space
from xbopt.calibration.fit.prior import Prior
from xbopt.calibration.fit.replay import Replay, replay_of
from xbopt.calibration.fit.returns import added_revenue
from xbopt.calibration.panel import CalibrationPanel
from xbopt.core.arrays import FloatArray
from xbopt.core.randomness import named_generator
from xbopt.core.scenario.scenario import Scenario

_BEFORE_SCORING = 28
_SPREAD = 0.6


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownMarket:
    """Records of a market, and what is true of it.

    Attributes:
        panel: The records.
        space: The parameters that are known.
        truth: Logs of their multipliers ``(P,)``.
    """

    panel: CalibrationPanel = field(repr=False)
    space: ParameterSpace = field(repr=False)
    truth: FloatArray = field(repr=False)


def varied_spend(scenario: Scenario, days: int, *, seed: int, spread: float = _SPREAD) -> FloatArray:
    """The own plan's spend, each region and channel moved by a log-normal factor from week to week ``(T, R, S, C)``."""
    regions, _, channels, _ = scenario.shape
    weeks = -(-days // 7)
    normals = named_generator(seed, "recovery/spend").standard_normal((weeks, regions, 1, channels))
    a_day = scenario.limits.total_base * scenario.plan.spend_frac / scenario.days * scenario.plan.share
    return a_day * np.repeat(np.exp(spread * normals - 0.5 * spread**2), 7, axis=0)[:days]


def deal_weeks(scenario: Scenario, days: int, *, every: int = 6, depth: float = 0.1) -> FloatArray:
    """A discount for five days of every sixth week ``(T, R, S)``."""
    day = np.arange(days)
    in_deal = (day // 7 % every == every - 1) & (day % 7 < 5)
    return np.where(in_deal[:, None, None], depth, 0.0) * np.ones((1, *scenario.shape[:2]))


def planned_panel(start: date, spend: FloatArray, discount_frac: FloatArray | None = None) -> CalibrationPanel:
    """What is done on some days, before anything is counted: counts are 0, impressions unknown."""
    days, regions, segments, channels = spend.shape
    empty = np.zeros((days, regions))
    return CalibrationPanel(
        start=start,
        spend=spend,
        impressions=np.full((days, regions, channels), np.nan),
        clicks=np.zeros((days, regions, channels)),
        visits=empty,
        orders=empty,
        new_customers=empty,
        net_revenue=empty,
        discount_frac=np.zeros((days, regions, segments)) if discount_frac is None else discount_frac,
        price_index=np.full((days, regions), np.nan),
        stock_out=empty,
    )


def known_market(
    scenario: Scenario,
    planned: CalibrationPanel,
    *,
    seed: int,
    prior: Prior | None = None,
    truth: FloatArray | None = None,
    world: int = 0,
) -> KnownMarket:
    """Records of one market: its parameters from the prior, its luck from the sampled mode.

    Args:
        scenario: The prior's centre.
        planned: What is done, from `planned_panel`.
        seed: Seed of truth and luck.
        prior: How markets differ.
        truth: Logs of the multipliers ``(P,)`` where they are not to be drawn.
        world: Number of the world whose luck it is.
    """
    replay = replay_of(scenario, planned)
    space = parameter_space(replay.market, planned, prior or Prior(), _BEFORE_SCORING)
    drawn = named_generator(seed, "recovery/truth").standard_normal(len(space.parameters))
    logs = space.theta(drawn) if truth is None else truth
    counted = replay.count(space.sampled(logs[None]), seed=seed, worlds=np.array([world]))[0]
    return KnownMarket(panel=recorded(replay, counted), space=space, truth=logs)


def recorded(replay: Replay, counted: FloatArray) -> CalibrationPanel:
    """The panel of a replay with other counts by day, region and kind ``(T, R, K)``."""
    channels = replay.market.shape[2]
    visits, orders, first, revenue = np.moveaxis(counted[..., channels:], 2, 0)
    return replace(
        replay.panel,
        clicks=counted[..., :channels],
        visits=visits,
        new_customers=first,
        orders=orders,
        net_revenue=revenue,
    )


def truth_of(fit: MarketFit, market: KnownMarket) -> FloatArray:
    """The truth in the order of a fit's parameters ``(P,)``, logs; 0 is true of one that the market did not draw."""
    by_name = dict(zip((one.name for one in market.space.parameters), market.truth, strict=True))
    return np.array([by_name.get(one.name, 0.0) for one in fit.parameters])


def true_returns(fit: MarketFit, truth: FloatArray) -> FloatArray:
    """Logs of the true incremental returns ``(D,)``."""
    z = np.asarray(np.linalg.solve(fit.space.factor, truth - fit.space.mean), dtype=np.float64)[None]
    channels = fit.space.market.scenario.channels
    at = np.array([channels.index(channel) for channel in fit.returns.channels])
    spend = fit.replay.panel.spend[fit.likelihood.first :].sum(axis=(0, 1, 2))
    return np.log(added_revenue(fit.likelihood, z, at)[0] / spend[at])
