"""What channels with a window of earlier exposures still do after the last day, day by day.

Of such a channel the state is a whole window, and on which days its exposures fell decides which days still to come
they saturate, and how they meet what goes on then. So the shares of its ceiling are followed through these days. Of
channels whose exposures all fade alike, one amount says it all (``simulator/after.py``).
"""

from dataclasses import dataclass

import numpy as np

from xbopt.core.arrays import BoolArray, FloatArray
from xbopt.core.decisions.decision import Decision
from xbopt.simulator.curves.adstock import AdstockBank
from xbopt.simulator.curves.fatigue import FatigueBank
from xbopt.simulator.curves.saturation import SaturationBank
from xbopt.simulator.parameters import MarketParameters
from xbopt.simulator.response import audience
from xbopt.simulator.state import MarketState
from xbopt.simulator.step import play_day
from xbopt.simulator.worlds import average_world


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowsLeft:
    """The days after the last one, as channels with a window see them.

    Attributes:
        channels: Positions of these channels ``(W,)``.
        weights: Their weights by lag ``(N, W)``.
        own_carried: Exposure that goes on by itself, nothing left behind, by day ``(T, R, S, W)``.
        day_weight: What a share of the ceiling counts on these days ``(T, R, S, W)``: the day's demand times the orders
            that all who are reached can bring, against those of the last evening, discounted.
        saturation: Curves of these channels.
        fatigue: The same.
    """

    channels: tuple[int, ...]
    weights: FloatArray
    own_carried: FloatArray
    day_weight: FloatArray
    saturation: SaturationBank
    fatigue: FatigueBank

    def shares(
        self, window: FloatArray | None, frequency: FloatArray, alone: FloatArray, half: FloatArray
    ) -> FloatArray:
        """Effective shares of the days after, weighted and added up ``(B, R, S, W)``.

        Args:
            window: Exposures of the last days, latest first ``(N-1, B, R, S, W)``; None where there are none.
            frequency: Remembered shares; broadcasts to ``(B, R, S, W)``.
            alone: Shares that are reached where nothing is left behind, by day ``(T, B or 1, R, S, W)``.
            half: Half-saturation; broadcasts to ``(B, R, S, W)``.
        """
        days, regions, segments, channels = self.own_carried.shape
        worlds = max(len(frequency), alone.shape[1], 1 if window is None else window.shape[1])
        rows = np.empty((2, days, channels, segments, regions, worlds)).transpose(0, 1, 5, 4, 3, 2)  # worlds innermost
        reached: FloatArray = rows[0]
        remembered: FloatArray = rows[1]
        reached[...] = alone
        if window is not None:
            ahead = min(days, len(window))
            carried = np.zeros((ahead, channels, segments, regions, worlds)).transpose(0, 4, 3, 2, 1)
            for lag in np.flatnonzero(self.weights.any(axis=1)):
                # On day ``t`` an exposure that is ``l`` days old then was the last one but ``l - t - 1`` of the window.
                first = max(lag - ahead, 0)
                carried[: lag - first] += self.weights[lag] * window[first:lag][::-1]
            reached[:ahead] = self.saturation.reached((carried + self.own_carried[:ahead, None]) / half)
        left = frequency
        for day in range(days):
            remembered[day] = self.fatigue.remembered(left)
            left = remembered[day] + reached[day]
        # Who is tired rests in the end, and nobody is tired from then on.
        above = remembered + reached > self.fatigue.limit
        tired: BoolArray = np.asarray(np.any(above, axis=(1, 2, 3, 4)), dtype=np.bool_)
        end = days - int(tired[::-1].argmax()) if tired.any() else 0
        reached[:end] = self.fatigue.effective(remembered[:end], reached[:end])
        total = np.zeros(reached.shape[1:], order="F")
        for weight, share in zip(self.day_weight, reached, strict=True):
            total += weight * share
        return total

    def left(self, state: MarketState, half_factor: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Shares of the days after that the windows add, and that the memory of exposures takes ``(B, R, S, W)`` each.

        Args:
            state: The last evening.
            half_factor: Multiplier on half-saturation; broadcasts to ``(B, R, S, C)``.
        """
        here = list(self.channels)
        factor = half_factor[..., here] if half_factor.shape[-1] > 1 else half_factor
        half = self.saturation.half * factor
        alone = self.saturation.reached(self.own_carried[:, None] / half)
        frequency = state.frequency[..., here]
        rested = self.shares(None, np.zeros_like(frequency[:1]), alone, half)
        tired = self.shares(None, frequency, alone, half) if self.fatigue.exponent.any() else rested
        return self.shares(state.window, frequency, alone, half) - tired, np.broadcast_to(
            tired - rested, frequency.shape
        )


def even_exposure(adstock: AdstockBank, state: MarketState) -> FloatArray:
    """Exposure a head that still works on later days ``(B, R, S, C)``, as if it had been the same on all days.

    Of a windowed channel each day's exposure counts by the share of its weights that lies ahead.
    """
    left = state.carried.copy(order="K")
    for position, channel in enumerate(adstock.windowed):
        ahead = adstock.weights[::-1, position].cumsum()[::-1][1:]
        total = np.zeros(left.shape[:-1])
        for lag in np.flatnonzero(ahead):
            total = total + ahead[lag] * state.window[lag, ..., position]
        left[..., channel] = total / max(float(ahead.sum()), 1e-300)
    return left


def windows_left(
    market: MarketParameters, later: MarketParameters, clean: MarketState, going_on: Decision, days: int
) -> WindowsLeft | None:
    """The days after the last one for channels with a window; None where there are neither.

    Args:
        market: The market.
        later: The market over its horizon and the days after.
        clean: The last evening with nothing left behind, one world.
        going_on: What is done on each day after.
        days: Number of days after.
    """
    media = market.media
    here, weights = list(media.adstock.windowed), media.adstock.weights
    if not here or days == 0:
        return None
    discount, state = market.customers.daily_discount, clean
    at_first = np.maximum(audience(market, clean), 1e-300)
    carried: list[FloatArray] = []
    weight: list[FloatArray] = []
    tires = bool((media.fatigue.exponent[here] > 0.0).any())  # so that what goes on meets the memory for longer
    for day in range(days if tires else min(days, len(weights) - 1)):
        demand = later.calendar.demand_at_list_price[state.day][:, None, None]
        weight.append(discount**day * demand * (audience(market, state) / at_first)[0][..., here])
        _, state = play_day(later, average_world(), state, going_on, None)
        carried.append(state.carried[0][..., here])
    return WindowsLeft(
        channels=tuple(here),
        weights=weights,
        own_carried=np.array(carried),
        day_weight=np.array(weight),
        saturation=SaturationBank(
            slope=media.saturation.slope[here],
            exponential=tuple(i for i, c in enumerate(here) if c in media.saturation.exponential),
            half=media.saturation.half[here],
        ),
        fatigue=FatigueBank(
            limit=media.fatigue.limit[here],
            exponent=media.fatigue.exponent[here],
            retention=media.fatigue.retention[here],
        ),
    )
