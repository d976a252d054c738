"""What is fitted: logs of multipliers on the scenario's own numbers, with their prior.

A vector ``theta`` ``(P,)`` of logs is 0 where the scenario holds. Media are told by two numbers that data can tell
apart: the average return at the panel's mean exposure, and the half-saturation. Slope, ceiling and marginal return
follow from them. Returns are those of orders: conversion and quality of visits say how many visits stand behind them.

Some parameters are about the records and not about the market: the level of a platform's clicks, of revenue an order,
how many customers the first day has, and how clicks and visits follow spend in a way of their own; they stay with the
fit. Visits are counted by the thousand and would drown orders where the two do not keep the same time.
"""

from dataclasses import dataclass, field, fields, replace
from typing import Literal

import numpy as np

from xbopt.calibration.fit.prior import Prior
from xbopt.calibration.panel import CalibrationPanel
from xbopt.core.arrays import FloatArray
from xbopt.core.scenario.media import DelayedAdstock, GeometricAdstock, WeibullAdstock
from xbopt.simulator.media import money_at_reference_price, per_bucket_sum
from xbopt.simulator.parameters import MarketParameters
from xbopt.simulator.worlds import WorldParameters, average_world

ParameterKind = Literal[
    "return",
    "half_saturation",
    "carry_over",
    "visit_quality",
    "visit_carry_over",
    "visit_half_saturation",
    "organic_traffic",
    "conversion",
    "customer_conversion",
    "elasticity",
    "deal_gain",
    "event_lift",
    "customers",
    "recent_customers",
    "order_value",
    "clicks",
]
_PRICE_MOVES = 0.01
_SMALLEST = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """One number that is fitted.

    Attributes:
        kind: What it multiplies.
        region, segment, channel: Where it holds; None where it holds everywhere.
    """

    kind: ParameterKind
    region: str | None = None
    segment: str | None = None
    channel: str | None = None

    @property
    def name(self) -> str:
        """Kind and place, as in ``return.DE.search``."""
        return ".".join(part for part in (self.kind, self.region, self.segment, self.channel) if part)


@dataclass(frozen=True, slots=True, kw_only=True)
class SampledMarket:
    """What some vectors say, ``B`` of them.

    Attributes:
        world: The market's own parameters.
        customers: Known customers of the first day against the scenario's, at risk and lapsed ``(B, R)``.
        recent_customers: The same of new and active ones ``(B, R)``.
        clicks: Clicks that a platform counts, against visits ``(B, C)``.
        order_value: Revenue an order against the scenario's ``(B, R)``.
        visit_world: The market as clicks and visits show it; None where they keep the time of orders.
    """

    world: WorldParameters
    customers: FloatArray
    recent_customers: FloatArray
    clicks: FloatArray
    order_value: FloatArray
    visit_world: WorldParameters | None = None

    def both(self, batch: int) -> "SampledMarket":
        """``2 B`` markets: as orders show each, then as clicks and visits do; one vector stands for all ``B``."""
        seen = self.visit_world or self.world

        def twice(one: FloatArray, other: FloatArray) -> FloatArray:
            if one is other and len(one) == 1:
                return one
            every = [np.broadcast_to(part, (batch, *part.shape[1:])) for part in (one, other)]
            return _laid_out(np.concatenate(every))

        groups = {one.name: twice(getattr(self.world, one.name), getattr(seen, one.name)) for one in fields(seen)}

        def rows(values: FloatArray) -> FloatArray:
            return np.concatenate([np.broadcast_to(values, (batch, values.shape[1]))] * 2)

        return SampledMarket(
            world=replace(self.world, **groups),
            customers=rows(self.customers),
            recent_customers=rows(self.recent_customers),
            clicks=rows(self.clicks),
            order_value=rows(self.order_value),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ParameterSpace:
    """The parameters of a fit, in their order.

    ``theta = mean + factor z`` with ``z`` standard normal under the prior; fits move ``z``.

    Attributes:
        market: The market that they multiply.
        parameters: ``P`` of them.
        mean: Prior mean of the logs ``(P,)``.
        factor: Lower triangular; ``factor factor'`` is the prior's covariance ``(P, P)``.
        exposure: Mean exposure of a paid day over half-saturation ``(R, C)``; 0 where nothing was paid.
    """

    market: MarketParameters = field(repr=False)
    parameters: tuple[Parameter, ...]
    mean: FloatArray = field(repr=False)
    factor: FloatArray = field(repr=False)
    exposure: FloatArray = field(repr=False)

    @property
    def sd(self) -> FloatArray:
        """Prior standard deviations of the logs ``(P,)``."""
        return np.sqrt((self.factor**2).sum(axis=1))

    def posterior_sd(self, covariance: FloatArray) -> FloatArray:
        """Standard deviations of the logs ``(P,)`` under a covariance in standardised coordinates ``(P, P)``."""
        return np.sqrt(np.einsum("pq,qr,pr->p", self.factor, covariance, self.factor))

    def theta(self, z: FloatArray) -> FloatArray:
        """Logs ``(..., P)`` of standardised vectors ``(..., P)``."""
        return self.mean + z @ self.factor.T

    def of_kind(self, kind: ParameterKind) -> list[int]:
        """Positions of the parameters of a kind."""
        return [p for p, parameter in enumerate(self.parameters) if parameter.kind == kind]

    def sampled(self, theta: FloatArray) -> SampledMarket:
        """The markets of some vectors ``(B, P)``."""
        regions, segments, channels, _ = self.market.shape
        half = self._factor(theta, "half_saturation", "channel", channels)
        carry_over = self._factor(theta, "carry_over", "channel", channels)
        world = replace(
            average_world(),
            **self._media(theta, half, carry_over),
            visit_quality=_laid_out(self._factor(theta, "visit_quality", "channel", channels)),
            organic_traffic=_laid_out(self._factor(theta, "organic_traffic", "region", regions)[..., None]),
            conversion=_laid_out(self.conversion(theta)[..., None]),
            customer_conversion=_laid_out(self._factor(theta, "customer_conversion", "", 1)[..., None]),
            elasticity=_laid_out(self._factor(theta, "elasticity", "segment", segments)[:, None, :]),
            deal_gain=_laid_out(self._factor(theta, "deal_gain", "", 1)[..., None]),
            event_lift=_laid_out(self._factor(theta, "event_lift", "", 1)),
        )
        visits_half = half * self._factor(theta, "visit_half_saturation", "channel", channels)
        visits_carry_over = carry_over * self._factor(theta, "visit_carry_over", "channel", channels)
        customers = self._factor(theta, "customers", "region", regions)
        return SampledMarket(
            world=world,
            customers=customers,
            recent_customers=customers * self._factor(theta, "recent_customers", "region", regions),
            clicks=self._factor(theta, "clicks", "channel", channels),
            order_value=self._factor(theta, "order_value", "region", regions),
            visit_world=replace(world, **self._media(theta, visits_half, visits_carry_over)),
        )

    def media_response(self, theta: FloatArray) -> FloatArray:
        """Visits per impression against the scenario's ``(B, R, C)``."""
        return self._response(theta, self._factor(theta, "half_saturation", "channel", self.market.shape[2]))

    def conversion(self, theta: FloatArray) -> FloatArray:
        """Carts per visit against the scenario's ``(B, R)``."""
        return self._factor(theta, "conversion", "region", self.market.shape[0])

    def _media(self, theta: FloatArray, half: FloatArray, carry_over: FloatArray) -> dict[str, FloatArray]:
        """How a market follows spend, with half-saturations and carry-over ``(B, C)``."""
        return {
            "media_response": _laid_out(self._response(theta, half)[:, :, None, :]),
            "half_saturation": _laid_out(half[:, None, None, :]),
            "carry_over": _laid_out(carry_over[:, None, None, :]),
        }

    def _response(self, theta: FloatArray, half: FloatArray) -> FloatArray:
        """Visits per impression ``(B, R, C)`` that bring the return in orders, at the conversion of its visits."""
        quality = self._factor(theta, "visit_quality", "channel", self.market.shape[2])[:, None, :]
        sold = quality * self.conversion(theta)[:, :, None]
        return np.exp(self._by_region_and_channel(theta)) / sold * self._kept_return(half)

    def _kept_return(self, half: FloatArray) -> FloatArray:
        """What visits per impression must be multiplied by so that another half-saturation keeps the average return.

        The average return of a mean exposure ``x`` is ``response * half * G(x / half) / x``, ``G`` the share of the
        ceiling. ``half`` is ``(B, C)``; the result ``(B, R, C)``.
        """
        reached = self.market.media.saturation.reached
        ratio = np.maximum(self.exposure, _SMALLEST)[None]
        wide = half[:, None, :]
        return reached(ratio) / (wide * reached(ratio / wide))

    def _by_region_and_channel(self, theta: FloatArray) -> FloatArray:
        regions, _, channels, _ = self.market.shape
        return theta[:, self.of_kind("return")].reshape(-1, regions, channels)

    def _factor(self, theta: FloatArray, kind: ParameterKind, axis: str, length: int) -> FloatArray:
        """Multipliers of a kind ``(B, length)``, 1 where nothing is fitted; they stand in the order of their axis."""
        factor = np.ones((len(theta), length))
        names: tuple[str | None, ...] = (None,)
        if axis:
            names = {
                "region": self.market.scenario.regions,
                "segment": self.market.scenario.segments,
                "channel": self.market.scenario.channels,
            }[axis]
        for p in self.of_kind(kind):
            at = names.index(getattr(self.parameters[p], axis)) if axis else 0
            factor[:, at] = np.exp(theta[:, p])
        return factor


def _laid_out(array: FloatArray) -> FloatArray:
    return np.asfortranarray(array)


def parameter_space(market: MarketParameters, panel: CalibrationPanel, prior: Prior, first: int) -> ParameterSpace:
    """The parameters that a panel can be asked about, with their prior.

    Args:
        market: The market on the panel's days.
        panel: Its records; prices that never move ask nothing about the response to deals.
        prior: How sure anybody is beforehand.
        first: First day that is scored.
    """
    scenario = market.scenario
    regions, channels = scenario.regions, scenario.channels
    found = [Parameter(kind="return", region=region, channel=channel) for region in regions for channel in channels]
    found += [Parameter(kind="half_saturation", channel=channel) for channel in channels]
    lasting = [
        channel.id
        for channel in scenario.document.channels
        if isinstance(channel.adstock, GeometricAdstock | DelayedAdstock | WeibullAdstock)
    ]
    found += [Parameter(kind="carry_over", channel=channel) for channel in lasting]
    visits = bool(np.isfinite(panel.visits[first:]).any())
    seen = [one for c, one in enumerate(channels) if visits or np.isfinite(panel.clicks[first:, :, c]).any()]
    found += [Parameter(kind="visit_quality", channel=channel) for channel in seen]
    found += [Parameter(kind="visit_carry_over", channel=channel) for channel in seen if channel in lasting]
    found += [Parameter(kind="visit_half_saturation", channel=channel) for channel in seen]
    found += [Parameter(kind="organic_traffic", region=region) for region in regions]
    found += [Parameter(kind="conversion", region=region) for region in regions]
    found.append(Parameter(kind="customer_conversion"))
    found += [Parameter(kind="elasticity", segment=segment) for segment in scenario.segments]
    if float(np.ptp(panel.discount_frac, axis=0).max(initial=0.0)) > _PRICE_MOVES and (
        market.demand.deal_gain.any() and bool((market.demand.deal_gain > 0.0).all())
    ):
        found.append(Parameter(kind="deal_gain"))
    if market.calendar.event_strength[first:].any():
        found.append(Parameter(kind="event_lift"))
    found += [Parameter(kind="customers", region=region) for region in regions]
    found += [Parameter(kind="recent_customers", region=region) for region in regions]
    found += [Parameter(kind="order_value", region=region) for region in regions]
    found += [
        Parameter(kind="clicks", channel=channel)
        for c, channel in enumerate(channels)
        if np.isfinite(panel.clicks[first:, :, c]).all()
    ]
    names = [parameter.name for parameter in found]
    sd = np.array([prior.sd_of(parameter.kind, parameter.name) for parameter in found])
    mean = np.array([prior.mean_of(name) for name in names])
    covariance = np.diag(sd**2)
    for p, one in enumerate(found):
        for q, other in enumerate(found):
            if p != q and one.kind == other.kind == "return" and one.channel == other.channel:
                covariance[p, q] = prior.shared_frac * sd[p] * sd[q]
    return ParameterSpace(
        market=market,
        parameters=tuple(found),
        mean=mean,
        factor=np.linalg.cholesky(covariance),
        exposure=_mean_exposure(market, panel),
    )


def _mean_exposure(market: MarketParameters, panel: CalibrationPanel) -> FloatArray:
    """Exposure a head on paid days over half-saturation ``(R, C)``, weighted by spend, first-day people."""
    media = market.media
    heads = np.maximum(per_bucket_sum(market.scenario.customers[None], media.reach), 1.0)[0]
    per_impression = market.calendar.cpm[:, :, None] * media.price_base / 1000.0
    bought = money_at_reference_price(media, panel.spend) / per_impression[:, :, None, :]
    ratio = bought / heads / media.saturation.half
    total = panel.spend.sum(axis=(0, 2))
    return (ratio * panel.spend).sum(axis=(0, 2)) / np.where(total > 0.0, total, 1.0)
