"""The concave model of media response that the planner's convex program is made of.

For one region, segment and channel, with level ``y_k`` of spend in block ``k``:

    ``u_k = y_k^(1 - g)``                 price of reach rises with own spend
    ``z_k = sum_j A_kj u_j``              carried-over exposure over half-saturation, mean over the block
    ``m = sum_k V_k h(z_k) + l_k y_k``    value, with the channel's saturation ``h``

``A`` holds price, season, audience and carry-over; ``V`` what a channel's full ceiling would be worth in that block.
Both are read off the course of a plan in expected mode. What the model leaves out (fatigue, synergy, later orders of
today's customers) enters through ``V`` and the linear term ``l``, so that value and slope agree with expected mode at
that plan (gradient-consistent inner model: Scutari, Facchinei, Song, Palomar, Pang 2014, "Decomposition by Partial
Linearization").
"""

from dataclasses import dataclass, replace

import numpy as np

from xbopt.agents.planner.blocks import Blocks
from xbopt.agents.planner.expected import Branch, Course, ExpectedMarket
from xbopt.core.arrays import FloatArray, contract
from xbopt.core.decisions.decision import Decision
from xbopt.simulator.curves.adstock import AdstockBank
from xbopt.simulator.curves.saturation import SaturationBank
from xbopt.simulator.media import daypart_factor, per_bucket_sum
from xbopt.simulator.response import channel_margins

_STEP = 1e-5
_LEAST_LEVEL = 1e-9
_LEAST_EXPOSURE = 0.02
_LARGEST_CORRECTION = 5.0
_FLAT = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class ResponseModel:
    """See the module's head. Values are in the goal's unit.

    Attributes:
        blocks: The plan's cells.
        power: ``1 - g`` by channel ``(C,)``.
        carry: ``A`` ``(R, S, C, K, K)``.
        ceiling: ``V`` ``(K, R, S, C)``.
        linear: ``l`` ``(K, R, S, C)``, goal per level.
        saturation: The channels' saturation.
        retention: Share of a block's exposure that the next block keeps ``(C,)``, where that is all there is to
            carry-over: geometric channels by days. 0 elsewhere.
        cost: What a level costs in the goal ``(K, R, S, C)``; 0 where the goal does not count media.
    """

    blocks: Blocks
    power: FloatArray
    carry: FloatArray
    ceiling: FloatArray
    linear: FloatArray
    saturation: SaturationBank
    retention: FloatArray
    cost: FloatArray

    def exposure(self, level: FloatArray) -> FloatArray:
        """``z`` ``(K, R, S, C)`` at levels ``(K, R, S, C)``."""
        return contract("rsckj,jrsc->krsc", self.carry, np.power(level, self.power))

    def value(self, level: FloatArray) -> float:
        """What media bring, media paid where the goal counts them."""
        reached = self.saturation.reached(self.exposure(level))
        return float((self.ceiling * reached + (self.linear - self.cost) * level).sum())

    def slope(self, level: FloatArray) -> FloatArray:
        """Derivative of ``value`` without the cost of media ``(K, R, S, C)``; levels above 0."""
        z = self.exposure(level)
        inner = contract("krsc,rsckj->jrsc", self.ceiling * saturation_slope(self.saturation, z), self.carry)
        return inner * self.power * np.power(np.maximum(level, _LEAST_LEVEL), self.power - 1.0) + self.linear

    def agreeing_with(self, level: FloatArray, slope: FloatArray) -> "ResponseModel":
        """The model whose slope at ``level`` is ``slope`` ``(K, R, S, C)``, media not paid.

        ``V`` takes as much of the difference as a bounded factor can; the linear term takes the rest. Cells that reach
        next to nobody keep the model's own slope: there it has no bound, or an S-curve has not begun to rise.
        """
        plain = replace(self, linear=np.zeros_like(self.linear))
        own = plain.slope(level)
        sound = (level > _LEAST_LEVEL) & (self.exposure(level) > _LEAST_EXPOSURE)
        # Of a flat curve a finite difference sees only rounding.
        sound &= own > _FLAT * own.max()
        factor = np.ones_like(level)
        scaled = plain
        # With carry-over a block's slope holds later blocks' values, so one division does not settle it.
        for _ in range(4):
            own = scaled.slope(level)
            ratio = np.where(sound & (own > 0.0), slope / np.where(own > 0.0, own, 1.0), 1.0)
            factor = np.clip(factor * np.maximum(ratio, 0.0), 1.0 / _LARGEST_CORRECTION, _LARGEST_CORRECTION)
            scaled = replace(plain, ceiling=self.ceiling * factor)
        rest = np.where(sound, slope - scaled.slope(level), 0.0)
        return replace(scaled, linear=rest)


def saturation_slope(bank: SaturationBank, ratio: FloatArray) -> FloatArray:
    """Derivative of the share reached by ``ratio = x/K`` ``(..., C)``."""
    slope = 1.0 / (1.0 + ratio) ** 2
    safe = np.maximum(ratio, 1e-12)
    for channel in np.flatnonzero(bank.slope != 1.0):
        k = float(bank.slope[channel])
        powered = np.power(safe[..., channel], k)
        slope[..., channel] = k * powered / safe[..., channel] / (1.0 + powered) ** 2
    for channel in bank.exponential:
        slope[..., channel] = np.log(2.0) * np.exp2(-ratio[..., channel])
    return slope


def model_at(market: ExpectedMarket, blocks: Blocks, course: Course, level: FloatArray) -> ResponseModel:
    """The response model that agrees with expected mode at a plan of levels ``(K, R, S, C)``."""
    model = model_form(market, blocks, course)
    return model.agreeing_with(level, expected_slope(market, blocks, course, level) + model.cost)


def model_form(market: ExpectedMarket, blocks: Blocks, course: Course) -> ResponseModel:
    """The response model as the market's curves alone give it, before it is made to agree with any slope."""
    media = market.market.media
    by_day, worth = _exposure_per_power(market, blocks, course), _worth_of_ceiling(market, course)
    power = 1.0 - media.bid_up
    return ResponseModel(
        blocks=blocks,
        power=power,
        carry=_carry_by_block(blocks, media.adstock, by_day, worth),
        ceiling=np.add.reduceat(worth, blocks.starts, axis=0),
        linear=np.zeros(blocks.level_days.shape),
        saturation=media.saturation,
        retention=_retention(blocks, media.adstock),
        cost=blocks.unit_base * blocks.level_days * market.goal.media_cost,
    )


def expected_slope(market: ExpectedMarket, blocks: Blocks, course: Course, level: FloatArray) -> FloatArray:
    """Derivative of the goal in expected mode by level ``(K, R, S, C)``, by small changes in a batch of worlds."""
    _, segments, channels, _ = market.market.shape
    # Relative to what the cell spends, so that a cell with little money is not lost in rounding.
    step = _STEP * np.maximum(level, 1e-3)
    branches: list[Branch] = []
    for k in range(blocks.count):

        def decide(day: int, own: Decision, k: int = k) -> Decision:
            spend = np.repeat(own.spend_base, segments * channels, axis=0)
            extra = blocks.unit_base * step[k] * blocks.profile[day]  # (R, S, C)
            for s in range(segments):
                for c in range(channels):
                    spend[s * channels + c, :, s, c] += extra[:, s, c]
            return replace(own, spend_base=spend)

        first, end = int(blocks.starts[k]), int(blocks.ends[k])
        branches.append(Branch(first_day=first, end_day=end, worlds=segments * channels, decide=decide))
    gains = np.stack(market.gains(course, branches))  # (K, S * C, R)
    by_cell = gains.reshape(blocks.count, segments, channels, -1).transpose(0, 3, 1, 2)
    return by_cell / step


def _exposure_per_power(market: ExpectedMarket, blocks: Blocks, course: Course) -> FloatArray:
    """Exposure over half-saturation that a power of level brings on its day, ``(T, R, S, C)``."""
    media, world = market.market.media, market.world
    power = 1.0 - media.bid_up
    rows: list[FloatArray] = []
    for day in range(market.market.scenario.days):
        state = course.mornings[day]
        _, effect = daypart_factor(market.market, course.plan.daypart_weights[None], day)
        season = market.market.calendar.cpm[day] * np.exp(state.outside.media_price_log[0])
        price = season[:, None, None] * (media.price_base / 1000.0)[:, None, :] * world.media_price[0]
        heads = np.maximum(per_bucket_sum(state.customers, media.reach)[0], 1.0)
        bought = np.power(blocks.unit_base * blocks.profile[day] / media.reference_base, power) * media.reference_base
        half = media.saturation.half * world.half_saturation[0]
        rows.append(bought * effect[0][:, None, :] / (price * heads * half))
    return np.stack(rows)


def _worth_of_ceiling(market: ExpectedMarket, course: Course) -> FloatArray:
    """Goal that a channel's full ceiling would bring on each day ``(T, R, S, C)``, before any correction."""
    media, world = market.market.media, market.world
    usual = channel_margins(market.market)
    rows: list[FloatArray] = []
    for outcome in course.outcomes:
        split, _ = outcome.attribution.sharing.details()
        quality = np.broadcast_to(outcome.attribution.quality, (1, *usual.shape))[0]
        orders = per_bucket_sum(split.per_visit_of_all(outcome.orders), media.reach)[0] * quality
        per_order = np.ones_like(usual)
        for place, taken in zip(market.market.places, outcome.places, strict=True):
            # Orders and money of the place alone; its money has no media in it.
            brought = market.goal.of_cell(replace(outcome, orders=taken.orders, money=taken.money))[0]
            count = taken.orders.sum(axis=3)[0]
            here = list(place.channels)
            worth = np.broadcast_to((brought / np.where(count > 0.0, count, 1.0))[..., None], (*count.shape, len(here)))
            # A marketplace that nobody was sent to has no orders to read a worth from.
            unknown = usual[..., here] if market.goal.in_money else 1.0
            per_order[..., here] = np.where(count[..., None] > 0.0, worth, unknown)
        full = media.ceiling * world.media_response[0] * world.half_saturation[0]
        rows.append(full * orders * np.maximum(per_order, 0.0))
    return np.stack(rows)


def _carry_by_block(blocks: Blocks, bank: AdstockBank, by_day: FloatArray, worth: FloatArray) -> FloatArray:
    """``A`` ``(R, S, C, K, K)``: carry-over between blocks, days of a block weighted by what exposure is worth."""
    days, regions, segments, channels = by_day.shape
    membership = (blocks.of_day[:, None] == np.arange(blocks.count)).astype(np.float64)  # (T, K)
    weight = worth / np.maximum(np.add.reduceat(worth, blocks.starts, axis=0)[blocks.of_day], 1e-300)
    even = 1.0 / (blocks.ends - blocks.starts)[blocks.of_day]
    idle = np.add.reduceat(worth, blocks.starts, axis=0)[blocks.of_day] <= 0.0
    weight = np.where(idle, even[:, None, None, None], weight)
    carry = np.empty((regions, segments, channels, blocks.count, blocks.count))
    for channel in range(channels):
        lags = _lag_matrix(bank, channel, days)
        for r in range(regions):
            for s in range(segments):
                daily = lags * by_day[:, r, s, channel]
                if blocks.count == days:
                    carry[r, s, channel] = daily
                else:
                    carry[r, s, channel] = (membership * weight[:, r, s, channel, None]).T @ daily @ membership
    return carry


def _retention(blocks: Blocks, bank: AdstockBank) -> FloatArray:
    """See ``ResponseModel.retention``."""
    kept = np.zeros(len(bank.retention))
    if (blocks.ends - blocks.starts == 1).all():
        geometric = [c for c in range(len(kept)) if c not in bank.windowed]
        kept[geometric] = bank.retention[geometric]
    return kept


def _lag_matrix(bank: AdstockBank, channel: int, days: int) -> FloatArray:
    """Share of an exposure on day ``j`` that works on day ``t``, ``(T, T)``."""
    lag = np.subtract.outer(np.arange(days), np.arange(days))
    if channel in bank.windowed:
        weights = np.zeros(days)
        own = bank.weights[:, bank.windowed.index(channel)][:days]
        weights[: len(own)] = own
    else:
        retention = float(bank.retention[channel])
        weights = (1.0 - retention) * np.power(retention, np.arange(days, dtype=np.float64))
    return np.where(lag >= 0, weights[np.maximum(lag, 0)], 0.0)
