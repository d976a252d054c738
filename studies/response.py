"""Response curves: what each channel brings in the long run at other levels of the same spend every day.

Pictures of how channels saturate. What a plan's own money brings in its own days is in ``marginals.py``.
"""

from dataclasses import dataclass

import numpy as np

from xbopt.core.arrays import FloatArray
from xbopt.simulator.parameters import MarketParameters
from xbopt.simulator.response import steady_response
from xbopt.simulator.worlds import average_world
from xbopt.studies.labels import axis_names
from xbopt.studies.simulate import SimulationResult

_STEPS = 24
_BEYOND = 2.0
"""How far a curve is drawn, in multiples of the largest planned daily spend."""
_SAME = 1e-9
"""Points of a curve that are nearer than this, relative to its length, are one."""


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
    # An even plan's mean and largest day differ by rounding alone: two points of a curve, and no slope between them.
    grid = grid[np.append(True, np.diff(grid) > _SAME * reach)]
    margin = _brought(market, split, channel, grid)
    return ResponseCurve(
        channel=market.scenario.channels[channel],
        name=name,
        spend=tuple(float(x) for x in grid),
        margin=tuple(float(y) for y in margin),
        current_spend=current,
        current_margin=float(_brought(market, split, channel, np.array([current]))[0]),
        largest_spend=largest,
        other_spend=other,
        other_margin=float("nan") if np.isnan(other) else float(_brought(market, split, channel, np.array([other]))[0]),
    )


def _brought(market: MarketParameters, split: FloatArray, channel: int, spend: FloatArray) -> FloatArray:
    """Margin before media a day at each spend, summed over cells ``(n,)``."""
    tried = np.zeros((len(spend), *split.shape, len(market.scenario.channels)))
    tried[..., channel] = spend[:, None, None] * split
    response = steady_response(market, average_world(), tried)
    return response.margin_base[..., channel].sum(axis=(1, 2))
