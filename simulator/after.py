"""What a plan leaves behind: the expected margin of the days after the last one that the last evening decides.

Left behind are carried-over exposure, tiredness of media, the remembered price and the orders owed to promotions. The
days after are played in expected mode, once as if nothing had been left and once for each of a few amounts of each of
these; the difference, discounted daily like customer value, is the amount's worth. Between the amounts it is
interpolated. Both plays have the same customers and go on in the same way (``horizon.after``), so what cancels is all
that is not left behind. Customers won in these days count with their customer value at the end of them.

The parts are added up: that a channel's exposure helps another, or meets a remembered deal, is left out.
"""

from dataclasses import dataclass, replace

import numpy as np

from xbopt.core.arrays import BoolArray, FloatArray, add_up, contract, worlds_innermost
from xbopt.core.scenario.memory import days_after
from xbopt.simulator.continuation import going_on, margin_after, nothing_left
from xbopt.simulator.curves.adstock import AdstockBank
from xbopt.simulator.edges import market_after
from xbopt.simulator.media import per_bucket_sum
from xbopt.simulator.once import once_whatever_the_limits
from xbopt.simulator.parameters import MarketParameters
from xbopt.simulator.response import order_margin, ready_people
from xbopt.simulator.state import MarketState, join_states
from xbopt.simulator.worlds import WorldParameters

# Amounts of exposure by log(1 + u), u over half-saturation: worth rises with u at first, and with its log where the
# channel stays saturated for days. Chebyshev nodes keep the polynomial between them steady.
_LARGEST_EXPOSURE = float(np.log1p(30.0))
_EXPOSURE = _LARGEST_EXPOSURE * 0.5 * (1.0 - np.cos(np.pi * np.arange(6) / 5))
# Amounts of the fatigue memory by f/(1 + f), f over its limit: at 1/2 it has a kink; worth is linear between these.
_FATIGUE = np.array([0.0, 0.3, 0.42, 0.5, 0.58, 0.68, 0.8, 0.95])
# Distances of the remembered log price from the own one; a price above it and one below it count differently.
_REFERENCE = (-0.3, -0.1, 0.1, 0.3)
_REFERENCE_BOUND = 0.7
# Orders owed, as a share of a day's orders.
_OWED = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class CarriedBeyond:
    """The worth of what is left behind, by cell, base currency.

    Attributes:
        media: Coefficients of powers of exposure at the nodes of fatigue ``(R, S, C, P, Q)``.
        reference: Of the remembered price: linear and square term below the own price, then above it ``(R, S, 4)``.
        owed: Of an order owed to promotions ``(R, S)``; 0 or below.
        own_reference: Remembered price of who always pays the own one ``(R, S)``.
        audience: Usual orders that all can bring who a channel reaches ``(R, S, C)``, on
            the last evening of the plan's average level.
        market: The market.
    """

    media: FloatArray
    reference: FloatArray
    owed: FloatArray
    own_reference: FloatArray
    audience: FloatArray
    market: MarketParameters

    def by_cell(self, state: MarketState, world: WorldParameters) -> FloatArray:
        """Worth of what the last evening leaves behind ``(B, R, S)``.

        Args:
            state: The last evening.
            world: What differs by world, ``B`` or 1 worlds.
        """
        media = self.market.media
        half = media.saturation.half * world.half_saturation
        exposure = np.minimum(np.log1p(exposure_left(media.adstock, state) / half), _LARGEST_EXPOSURE)
        tiredness = state.frequency / media.fatigue.limit
        fatigue = np.minimum(tiredness / (1.0 + tiredness), _FATIGUE[-1])
        worth = _interpolated(self.media, exposure, fatigue)
        usual = np.where(self.audience > 0.0, self.audience, np.inf)
        reach = _audience(self.market, state) / usual
        orders = world.conversion * world.order_value
        scale = world.media_response * world.half_saturation * orders[..., None]
        by_media = add_up(worth * reach * scale, 3)
        price = np.clip(
            (state.reference_log - self.own_reference) * world.elasticity, -_REFERENCE_BOUND, _REFERENCE_BOUND
        )
        below, above = np.minimum(price, 0.0), np.maximum(price, 0.0)
        by_price = below * (self.reference[..., 0] + self.reference[..., 1] * below)
        by_price = by_price + above * (self.reference[..., 2] + self.reference[..., 3] * above)
        return worlds_innermost(by_media + by_price * orders + state.borrowed * self.owed * world.order_value)


def exposure_left(adstock: AdstockBank, state: MarketState) -> FloatArray:
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


@once_whatever_the_limits
def carried_beyond(market: MarketParameters) -> CarriedBeyond:
    """What a market's last evening may leave behind, by ``horizon.after``.

    It is worked out once for markets that differ in their limits only.
    """
    days = days_after(market.scenario.document)
    later = market_after(market, days)
    clean = nothing_left(later, market, days)
    tired = market.media.fatigue.exponent > 0.0
    media, owed = _media_amounts(later, clean, tired), _owed_amount(later, clean)
    remembered = [replace(clean, reference_log=clean.reference_log + distance) for distance in _REFERENCE]
    states = [clean, *media, *remembered, replace(clean, borrowed=owed)]
    worth = margin_after(later, market, join_states(states), going_on(later, market, clean, days), days)
    worth = worth[1:] - worth[0]
    some = np.where(owed[0] > 0.0, owed[0], 1.0)
    return CarriedBeyond(
        media=_media_coefficients(worth[: len(media)], tired),
        reference=_reference_coefficients(worth[len(media) : -1]),
        owed=np.where(owed[0] > 0.0, worth[-1] / some, -np.maximum(order_margin(market), 0.0)),
        own_reference=clean.reference_log[0],
        audience=_audience(market, clean)[0],
        market=market,
    )


def _media_amounts(later: MarketParameters, clean: MarketState, tired: BoolArray) -> list[MarketState]:
    """States with one channel's exposure and fatigue on each node, nothing left of it at first left out."""
    media = later.media
    states: list[MarketState] = []
    for channel in range(later.shape[2]):
        for i, amount in enumerate(_EXPOSURE):
            for j, g in enumerate(_FATIGUE if tired[channel] else _FATIGUE[:1]):
                if i == j == 0:
                    continue
                carried, frequency, window = clean.carried.copy(), clean.frequency.copy(), clean.window.copy()
                exposure = float(media.saturation.half[channel] * np.expm1(amount))
                carried[..., channel] = exposure
                if channel in media.adstock.windowed:
                    window[..., media.adstock.windowed.index(channel)] = exposure
                frequency[..., channel] = float(media.fatigue.limit[channel]) * g / (1.0 - g)
                states.append(replace(clean, carried=carried, window=window, frequency=frequency))
    return states


def _owed_amount(later: MarketParameters, clean: MarketState) -> FloatArray:
    """A share of a usual day's orders ``(1, R, S)``."""
    ready = ready_people(later, clean.customers, add_up(clean.living, 3))
    return _OWED * add_up(ready, 3) * later.demand.visits_per_head


def _media_coefficients(worth: FloatArray, tired: BoolArray) -> FloatArray:
    """Polynomials through the worth at the nodes ``(N, R, S)``, as ``(R, S, C, P, Q)``."""
    rows, columns = len(_EXPOSURE), len(_FATIGUE)
    # Without a constant: nothing left is worth nothing.
    by_exposure = np.asarray(np.linalg.inv(np.vander(_EXPOSURE, increasing=True)), dtype=np.float64)
    regions, segments = worth.shape[1:]
    coefficients = np.zeros((regions, segments, len(tired), rows, columns))
    first = 0
    for channel, tires in enumerate(tired):
        width = columns if tires else 1
        last = first + rows * width - 1
        values = np.concatenate([np.zeros((1, regions, segments)), worth[first:last]])
        values = values.reshape(rows, width, regions, segments)
        # Who does not tire is worth the same at every node of fatigue.
        coefficients[:, :, channel] = contract("pi,iqrs->rspq", by_exposure, values)
        first = last
    return coefficients


def _reference_coefficients(worth: FloatArray) -> FloatArray:
    """Linear and square terms below and above the own price ``(R, S, 4)``, each through two points."""
    sides: list[FloatArray] = []
    for pair in (slice(0, 2), slice(2, 4)):
        x = np.array(_REFERENCE[pair])
        sides.append(contract("pi,irs->rsp", np.asarray(np.linalg.inv(np.stack([x, x**2], axis=1))), worth[pair]))
    return np.concatenate(sides, axis=2)


def _audience(market: MarketParameters, state: MarketState) -> FloatArray:
    """Orders that a visit of each whom a channel reaches would bring ``(B, R, S, C)``."""
    return per_bucket_sum(ready_people(market, state.customers, add_up(state.living, 3)), market.media.reach)


def _interpolated(coefficients: FloatArray, exposure: FloatArray, fatigue: FloatArray) -> FloatArray:
    """Polynomial in exposure, linear between nodes of fatigue: ``(R, S, C, P, Q)`` at ``(B, R, S, C)`` each."""
    total = np.zeros(exposure.shape, order="F")
    # Coordinates lie within the outer nodes, so what stands beyond these only closes their slopes.
    nodes = [-1.0, *_FATIGUE, 2.0]
    for q in range(len(_FATIGUE)):
        before, here, behind = nodes[q : q + 3]
        weight = np.minimum((fatigue - before) / (here - before), (behind - fatigue) / (behind - here))
        weight = np.maximum(weight, 0.0)
        row = np.zeros(exposure.shape, order="F")
        for p in reversed(range(coefficients.shape[-2])):
            row = row * exposure + coefficients[..., p, q]
        total = total + weight * row
    return total
