"""What a prior says before any record is seen: its vital signs on the panel's own days, beside published ranges.

The same signs as `xbopt.studies.vital_signs`, with the panel's spend in place of the plan's.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from xbopt.calibration.fit.parameters import ParameterSpace
from xbopt.calibration.fit.replay import Replay
from xbopt.calibration.fit.returns import sold_with
from xbopt.core.arrays import FloatArray
from xbopt.core.errors import CalibrationError
from xbopt.core.randomness import named_generator
from xbopt.core.tables.published_ranges import published_ranges
from xbopt.simulator.lifetime import repeat_probability
from xbopt.simulator.parameters import MarketParameters

_DRAWS = 32
_STEP = 0.05
_LEAST_INSIDE = 0.05
_WIDER = 3.0
_OWN_LIST = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class PriorSign:
    """One vital sign under the prior.

    Attributes:
        sign: Its id in ``published_ranges.csv``.
        place: Channel or segment; empty for the whole.
        low, median, high: Of the middle 90 % of the draws.
        published: Lower and upper end of the published range.
        inside: Share of the draws within it.
        near: Share of the draws within a range that is three times as wide either way, in ratio.
    """

    sign: str
    place: str
    low: float
    median: float
    high: float
    published: tuple[float, float]
    inside: float
    near: float


def prior_predictive(replay: Replay, space: ParameterSpace, first: int, *, seed: int) -> tuple[PriorSign, ...]:
    """Vital signs of markets drawn from a prior.

    Args:
        replay: The panel's days.
        space: The parameters and their prior.
        first: First day that counts.
        seed: Seed of the draws.
    """
    z = named_generator(seed, "calibration/prior").standard_normal((_DRAWS, len(space.parameters)))
    theta = space.theta(z)
    return (*_of_media(replay, space, theta, first), *_of_prices(space, theta), *_of_repeats(space, theta))


def refuse_nonsense(signs: tuple[PriorSign, ...]) -> None:
    """Refuse a prior that lies wholly elsewhere than anything published.

    Raises:
        CalibrationError: Fewer than one draw in twenty comes near the published range of a sign.
    """
    for one in signs:
        if one.near < _LEAST_INSIDE:
            name, place = published_ranges()[one.sign].name, f" of {one.place}" if one.place else ""
            raise CalibrationError(
                f"The prior says nonsense before any record is seen: {name}{place} is {one.median:.3g} "
                f"({one.low:.3g} to {one.high:.3g}) on the panel's days, and {one.published[0]:g} to "
                f"{one.published[1]:g} elsewhere. Look at the scenario's own numbers first (xbopt scenario check), or "
                "at the currency and the completeness of spend."
            )


def _of_media(replay: Replay, space: ParameterSpace, theta: FloatArray, first: int) -> Iterator[PriorSign]:
    channels = replay.market.scenario.document.channels
    paid = replay.panel.spend[first:].sum(axis=(0, 1, 2))
    if not paid.any():
        return
    every = np.ones(len(channels))
    whole = [factor * every for factor in (1.0, 0.0, 1.0 - _STEP, 1.0 + _STEP)]
    sold = sold_with(replay, space, theta, first, np.stack([*whole, *(1.0 - np.eye(len(channels)))]))
    orders, revenue = sold[..., replay.kinds.index("orders")], sold[..., -1]
    own, off, less, more = orders[:, :4].T
    yield _sign("media_share", "", 1.0 - off / own)
    yield _sign("advertising_elasticity", "", np.log(more / less) / np.log((1.0 + _STEP) / (1.0 - _STEP)))
    for c, channel in enumerate(channels):
        if paid[c] > 0.0:
            own_list = channel.reach.prospect <= _OWN_LIST * channel.reach.active
            sign = "owned_roas" if own_list else "incremental_roas"
            yield _sign(sign, channel.id, (revenue[:, 0] - revenue[:, 4 + c]) / paid[c])


def _of_prices(space: ParameterSpace, theta: FloatArray) -> Iterator[PriorSign]:
    segments = {segment.id: segment.elasticity for segment in space.market.scenario.document.segments}
    for p in space.of_kind("elasticity"):
        segment = space.parameters[p].segment
        assert segment is not None, "elasticities belong to segments"
        yield _sign("price_elasticity", segment, segments[segment] * np.exp(theta[:, p]))


def _of_repeats(space: ParameterSpace, theta: FloatArray) -> Iterator[PriorSign]:
    """Second orders within a year: their course between a few levels of how readily customers order."""
    market = space.market
    for p in space.of_kind("customer_conversion"):
        logs = np.quantile(theta[:, p], [0.0, 0.25, 0.5, 0.75, 1.0])
        levels = [repeat_rate(market, float(np.exp(log))) for log in logs]
        yield _sign("second_order_365", "", np.interp(theta[:, p], logs, levels))


def repeat_rate(market: MarketParameters, factor: float) -> float:
    """Share of first-time buyers who order again within a year without media, customers ordering ``factor`` as readily.

    A mean over regions and segments, weighted by first orders.
    """
    kinds = replace(market.customers, conversion=market.customers.conversion * factor)
    return repeat_probability(replace(market, customers=kinds)).weighted


def _sign(sign: str, place: str, values: FloatArray) -> PriorSign:
    found = published_ranges()[sign]
    low, median, high = np.quantile(values, [0.05, 0.5, 0.95])
    sizes, ends = np.abs(values), sorted((abs(found.low), abs(found.high)))
    right_sign = values * np.sign(found.low + found.high) > 0.0
    near = right_sign & (sizes >= ends[0] / _WIDER) & (sizes <= ends[1] * _WIDER)
    return PriorSign(
        sign=sign,
        place=place,
        low=float(low),
        median=float(median),
        high=float(high),
        published=(found.low, found.high),
        inside=float(((values >= found.low) & (values <= found.high)).mean()),
        near=float(near.mean()),
    )
