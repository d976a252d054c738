"""Response curves: what each channel brings at other levels of steady daily spend."""

from dataclasses import dataclass

import numpy as np

from xbopt.core.arrays import FloatArray
from xbopt.simulator.parameters import MarketParameters
from xbopt.simulator.response import channel_baskets, steady_response
from xbopt.simulator.worlds import average_world
from xbopt.studies.labels import axis_names
from xbopt.studies.simulate import SimulationResult

_STEPS = 24
_BEYOND = 2.0
"""How far a curve is drawn, in multiples of the largest planned daily spend."""
_NUDGE = 1e-3
"""Relative step of the numerical derivative."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ResponseCurve:
    """One channel's long-run response to steady spend in the average market; base currency a day.

    Attributes:
        channel: Id of the channel.
        name: Readable name.
        spend: Grid of daily spend.
        margin: Margin before media at each.
        current_spend: The plan's mean daily spend.
        current_margin: Margin before media there.
        largest_spend: The plan's largest daily spend; beyond it the curve is an extrapolation.
        marginal_margin: Margin before media that the next unit of spend brings; NaN where nothing is spent.
        marginal_revenue: Net revenue that it brings.
        average_margin: Margin before media per unit of spend; NaN where nothing is spent.
        best_spend: Daily spend on the grid at which margin less spend is largest.
        best_is_edge: Whether that is the end of the grid, so that the best lies beyond what is drawn.
        other_spend: Mean daily spend of another plan to compare with; NaN without one.
        other_margin: Margin before media there, on this plan's curve.
    """

    channel: str
    name: str
    spend: tuple[float, ...]
    margin: tuple[float, ...]
    current_spend: float
    current_margin: float
    largest_spend: float
    marginal_margin: float
    marginal_revenue: float
    average_margin: float
    best_spend: float
    best_is_edge: bool
    other_spend: float = float("nan")
    other_margin: float = float("nan")


def response_curves(result: SimulationResult, other: SimulationResult | None = None) -> tuple[ResponseCurve, ...]:
    """One curve a channel, with the channel's spend split over regions and segments as the plan splits it.

    Args:
        result: The plan.
        other: Another plan of the same scenario, whose spend is marked on the curves.
    """
    market, scenario = result.market, result.scenario
    daily = result.totals.spend_by_cell() / scenario.days  # (R, S, C)
    largest = result.totals.mean_spend_by_day().sum(axis=1).max(axis=0)  # (C,)
    _, _, names = axis_names(scenario)
    elsewhere = np.full(len(names), np.nan)
    if other is not None and other.scenario.hash == scenario.hash:
        elsewhere = other.totals.spend_by_cell().sum(axis=(0, 1)) / scenario.days
    return tuple(_curve(market, daily, c, name, float(largest[c]), float(elsewhere[c])) for c, name in enumerate(names))


def _curve(
    market: MarketParameters, daily: FloatArray, channel: int, name: str, largest: float, other: float
) -> ResponseCurve:
    current = float(daily[..., channel].sum())
    if current > 0.0:
        split = daily[..., channel] / current
    else:
        reference = market.media.reference_base[..., channel]
        split = reference / reference.sum() if reference.sum() > 0.0 else np.full(reference.shape, 1.0 / reference.size)
    reach = largest * _BEYOND if largest > 0.0 else float(market.media.reference_base[..., channel].sum())
    if not np.isnan(other):
        reach = max(reach, 1.1 * other)
    grid = np.unique(np.concatenate([reach * np.linspace(0.0, 1.0, _STEPS + 1) ** 2, [current, largest]]))
    margin, _ = _brought(market, split, channel, grid)
    fine = np.linspace(0.0, reach, 20 * _STEPS + 1)
    profit = _brought(market, split, channel, fine)[0] - fine
    best = int(np.argmax(profit))
    at = np.array([current, current * (1.0 + _NUDGE)])
    margins, revenues = _brought(market, split, channel, at)
    step = at[1] - at[0]
    known = step > 0.0
    return ResponseCurve(
        channel=market.scenario.channels[channel],
        name=name,
        spend=tuple(float(x) for x in grid),
        margin=tuple(float(y) for y in margin),
        current_spend=current,
        current_margin=float(margins[0]),
        largest_spend=largest,
        marginal_margin=float((margins[1] - margins[0]) / step) if known else float("nan"),
        marginal_revenue=float((revenues[1] - revenues[0]) / step) if known else float("nan"),
        average_margin=float(margins[0] / current) if known else float("nan"),
        best_spend=float(fine[best]),
        best_is_edge=best == len(fine) - 1,
        other_spend=other,
        other_margin=float("nan")
        if np.isnan(other)
        else float(_brought(market, split, channel, np.array([other]))[0][0]),
    )


def _brought(
    market: MarketParameters, split: FloatArray, channel: int, spend: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Margin before media and net revenue a day at each spend, summed over cells, each ``(n,)``."""
    tried = np.zeros((len(spend), *split.shape, len(market.scenario.channels)))
    tried[..., channel] = spend[:, None, None] * split
    response = steady_response(market, average_world(), tried)
    orders, basket = market.orders, channel_baskets(market)[channel]
    per_order = orders.price_base * basket * (1.0 - orders.return_rate) + orders.charged_base[:, None]
    revenue = response.orders[..., channel] * per_order
    return response.margin_base[..., channel].sum(axis=(1, 2)), revenue.sum(axis=(1, 2))
