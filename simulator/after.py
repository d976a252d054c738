"""What a plan leaves behind: the expected margin of the days after the last one that the last evening decides.

Left behind are carried-over exposure, tiredness of media, the remembered price and the orders owed to promotions. The
days after are played in expected mode, once as if nothing had been left and once for each of a few amounts of each of
these; the difference, discounted daily like customer value, is the amount's worth. Between the amounts it is
interpolated. Both plays have the same customers and go on in the same way (``horizon.after``), so what cancels is all
that is not left behind. Customers won in these days count with their customer value at the end of them.

The parts are added up: that a channel's exposure helps another, or meets a remembered deal, is left out.
"""

from dataclasses import dataclass, replace
from itertools import accumulate, chain

import numpy as np

from xbopt.core.arrays import FloatArray, add_up, contract, worlds_innermost
from xbopt.core.scenario.memory import days_after
from xbopt.simulator.continuation import going_on, margin_after, nothing_left
from xbopt.simulator.edges import market_after
from xbopt.simulator.once import once_whatever_the_limits
from xbopt.simulator.parameters import MarketParameters
from xbopt.simulator.response import audience, order_margin, ready_people
from xbopt.simulator.state import MarketState, join_states
from xbopt.simulator.windows_left import WindowsLeft, even_exposure, windows_left
from xbopt.simulator.worlds import WorldParameters

# Amounts of exposure by log(1 + u), u over half-saturation: worth rises with u at first, and with its log where the
# channel stays saturated for days. Chebyshev nodes keep the polynomial between them steady.
_LARGEST_EXPOSURE = float(np.log1p(30.0))
_EXPOSURE = _LARGEST_EXPOSURE * 0.5 * (1.0 - np.cos(np.pi * np.arange(6) / 5))
# Amounts of the fatigue memory by f/(1 + f), f over its limit: at 1/2 it has a kink; worth is linear between these.
_FATIGUE = np.array([0.0, 0.3, 0.42, 0.5, 0.58, 0.68, 0.8, 0.95])
# Of a channel with a window the worth of a share hardly depends on the amount of exposure, but where other channels
# help it: amounts over half-saturation, each a multiple of the one before, and one amount of fatigue.
_WINDOW_STEP, _WINDOW_FATIGUE = 5.0, 0.58
_WINDOW_EXPOSURE = 0.01 * _WINDOW_STEP ** np.arange(6)
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
        windows: The days after as channels with a window see them; None without such channels or days.
        share_worth: Worth of a share of the ceiling of these channels, weighted by day, by amount of exposure
            ``(R, S, W, N)``.
        tired_worth: Worth of a share of the ceiling of these channels, weighted by day, that their fatigue takes
            ``(R, S, W)``.
    """

    media: FloatArray
    reference: FloatArray
    owed: FloatArray
    own_reference: FloatArray
    audience: FloatArray
    market: MarketParameters
    windows: WindowsLeft | None
    share_worth: FloatArray
    tired_worth: FloatArray

    def by_cell(self, state: MarketState, world: WorldParameters) -> FloatArray:
        """Worth of what the last evening leaves behind ``(B, R, S)``.

        Args:
            state: The last evening.
            world: What differs by world, ``B`` or 1 worlds.
        """
        media = self.market.media
        half = media.saturation.half * world.half_saturation
        left = even_exposure(media.adstock, state)
        exposure = np.minimum(np.log1p(left / half), _LARGEST_EXPOSURE)
        tiredness = state.frequency / media.fatigue.limit
        fatigue = np.minimum(tiredness / (1.0 + tiredness), _FATIGUE[-1])
        worth = _interpolated(self.media, exposure, fatigue)
        if self.windows is not None:
            here = list(self.windows.channels)
            added, taken = self.windows.left(state, world.half_saturation)
            amount = np.log(np.maximum((left / half)[..., here], 1e-300) / _WINDOW_EXPOSURE[0]) / np.log(_WINDOW_STEP)
            worth[..., here] = _between(self.share_worth, amount) * added + self.tired_worth * taken
        usual = np.where(self.audience > 0.0, self.audience, np.inf)
        reach = audience(self.market, state) / usual
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


@once_whatever_the_limits
def carried_beyond(market: MarketParameters) -> CarriedBeyond:
    """What a market's last evening may leave behind, by ``horizon.after``.

    It is worked out once for markets that differ in their limits only.
    """
    days = days_after(market.scenario.document)
    later = market_after(market, days)
    clean = nothing_left(later, market, days)
    owed = _owed_amount(later, clean)
    amounts = [_media_amounts(later, clean, channel) for channel in range(later.shape[2])]
    remembered = [replace(clean, reference_log=clean.reference_log + distance) for distance in _REFERENCE]
    states = [clean, *chain(*amounts), *remembered, replace(clean, borrowed=owed)]
    onward = going_on(later, market, clean, days)
    worth = margin_after(later, market, join_states(states), onward, days)
    worth = worth[1:] - worth[0]
    ends = list(accumulate(len(of_channel) for of_channel in amounts))
    by_channel = np.split(worth[: ends[-1]], ends[:-1])
    windows = windows_left(market, later, clean, onward, days)
    media = np.zeros((*later.shape[:3], len(_EXPOSURE), len(_FATIGUE)))
    tired_worth = np.zeros((*later.shape[:2], len(later.media.adstock.windowed)))
    share_worth = np.zeros((*tired_worth.shape, len(_WINDOW_EXPOSURE)))
    for channel, (of_channel, at_nodes) in enumerate(zip(amounts, by_channel, strict=True)):
        if channel not in later.media.adstock.windowed:
            media[:, :, channel] = _media_coefficients(at_nodes)
        elif windows is not None:
            position = windows.channels.index(channel)
            added, taken = windows.left(join_states(of_channel), np.ones(1))
            for i, value in enumerate(at_nodes):
                is_tired = i == len(_WINDOW_EXPOSURE)
                shares = (taken if is_tired else added)[i, ..., position]
                worth_of_one = np.divide(value, shares, out=np.zeros_like(value), where=shares != 0.0)
                if is_tired:
                    tired_worth[..., position] = worth_of_one
                else:
                    share_worth[..., position, i] = worth_of_one
    some = np.where(owed[0] > 0.0, owed[0], 1.0)
    return CarriedBeyond(
        media=media,
        reference=_reference_coefficients(worth[ends[-1] : -1]),
        owed=np.where(owed[0] > 0.0, worth[-1] / some, -np.maximum(order_margin(market), 0.0)),
        own_reference=clean.reference_log[0],
        audience=audience(market, clean)[0],
        market=market,
        windows=windows,
        share_worth=share_worth,
        tired_worth=tired_worth,
    )


def _media_amounts(later: MarketParameters, clean: MarketState, channel: int) -> list[MarketState]:
    """States with a channel's exposure and fatigue on each node, nothing left of it at first left out.

    Of a channel with a window exposure is the same on all days, and one amount of fatigue is enough.
    """
    media, windowed = later.media, later.media.adstock.windowed
    tires = media.fatigue.exponent[channel] > 0.0
    if channel in windowed:
        nodes = [(float(np.log1p(amount)), 0.0) for amount in _WINDOW_EXPOSURE] + (
            [(0.0, _WINDOW_FATIGUE)] if tires else []
        )
    else:
        tiredness = _FATIGUE if tires else _FATIGUE[:1]
        nodes = [(amount, g) for amount in _EXPOSURE for g in tiredness][1:]
    states: list[MarketState] = []
    for amount, g in nodes:
        carried, frequency, window = clean.carried.copy(), clean.frequency.copy(), clean.window.copy()
        carried[..., channel] = float(media.saturation.half[channel] * np.expm1(amount))
        if channel in windowed:
            window[..., windowed.index(channel)] = carried[..., channel]
        frequency[..., channel] = float(media.fatigue.limit[channel]) * g / (1.0 - g)
        states.append(replace(clean, carried=carried, window=window, frequency=frequency))
    return states


def _owed_amount(later: MarketParameters, clean: MarketState) -> FloatArray:
    """A share of a usual day's orders ``(1, R, S)``."""
    ready = ready_people(later, clean.customers, add_up(clean.living, 3))
    return _OWED * add_up(ready, 3) * later.demand.visits_per_head


def _media_coefficients(worth: FloatArray) -> FloatArray:
    """Polynomials through a channel's worth at the nodes ``(N, R, S)``, as ``(R, S, P, Q)``."""
    rows, columns = len(_EXPOSURE), len(_FATIGUE)
    # Without a constant: nothing left is worth nothing. Who does not tire is worth the same at every node of fatigue.
    by_exposure = np.asarray(np.linalg.inv(np.vander(_EXPOSURE, increasing=True)), dtype=np.float64)
    values = np.concatenate([np.zeros((1, *worth.shape[1:])), worth]).reshape(rows, -1, *worth.shape[1:])
    found = contract("pi,iqrs->rspq", by_exposure, values)
    return np.broadcast_to(found, (*found.shape[:3], columns))


def _reference_coefficients(worth: FloatArray) -> FloatArray:
    """Linear and square terms below and above the own price ``(R, S, 4)``, each through two points."""
    sides: list[FloatArray] = []
    for pair in (slice(0, 2), slice(2, 4)):
        x = np.array(_REFERENCE[pair])
        sides.append(contract("pi,irs->rsp", np.asarray(np.linalg.inv(np.stack([x, x**2], axis=1))), worth[pair]))
    return np.concatenate(sides, axis=2)


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


def _between(at_nodes: FloatArray, where: FloatArray) -> FloatArray:
    """Linear between nodes at 0, 1, 2 ..: ``(R, S, W, N)`` at ``(B, R, S, W)``; beyond the outer ones, these."""
    where = np.clip(where, 0.0, at_nodes.shape[-1] - 1.0)
    total = np.zeros(where.shape, order="F")
    for node in range(at_nodes.shape[-1]):
        total = total + np.maximum(1.0 - np.abs(where - node), 0.0) * at_nodes[..., node]
    return total
