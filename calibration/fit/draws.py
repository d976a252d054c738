"""From fitted logs to the scenario's own numbers: the columns of joint draws, and their means.

Columns are named as `xbopt.core.scenario.draws` reads them. A scenario that holds the means and names the draws plays
the same market in its expected path and, over its worlds, around it.
"""

# pyarrow ships without complete type information, so that much of what it returns has no known type here.
# pyright: reportUnknownVariableType=false, reportUnknownMemberType=false, reportUnknownArgumentType=false

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from xbopt.calibration.fit.parameters import Parameter, ParameterSpace
from xbopt.calibration.fit.replay import Replay
from xbopt.core.arrays import FloatArray
from xbopt.core.files import replace_file
from xbopt.core.scenario.document import ScenarioDocument
from xbopt.core.scenario.media import WeibullAdstock

_BLOCKS = 8
_FEWEST_PAID_DAYS = 28


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketDraws:
    """Joint draws of a fitted market.

    Attributes:
        theta: Logs of the multipliers ``(N, P)``.
        ratios: Columns by path or group: values over the scenario's own ``(N,)``.
        stated: The scenario's own values by path; groups have none.
        means: Ratios that the scenario should hold where the mean of the draws would not do, by path.
    """

    theta: FloatArray = field(repr=False)
    ratios: Mapping[str, FloatArray] = field(repr=False)
    stated: Mapping[str, float] = field(repr=False)
    means: Mapping[str, float] = field(default_factory=dict[str, float], repr=False)

    @property
    def values(self) -> dict[str, float]:
        """What the scenario should hold at each path: the mean of the draws.

        For the price of reach it is the mean of its inverse, inverted: that is what a given spend buys. Visits, their
        quality and conversion hang together: the quality is such that their product is the mean of the products, since
        orders follow that.
        """
        return {
            path: self.stated[path] * self.means.get(path, float(ratio.mean()))
            for path, ratio in self.ratios.items()
            if path in self.stated
        }

    @property
    def columns(self) -> dict[str, FloatArray]:
        """The columns of a file of draws ``(N,)``: values of paths, multipliers of groups."""
        return {path: ratio * self.stated.get(path, 1.0) for path, ratio in self.ratios.items()}


def write_draws(path: Path | str, draws: MarketDraws) -> None:
    """Write draws as a Parquet file that ``uncertainty.draws`` can name."""
    import pyarrow as pa
    from pyarrow import parquet

    table = pa.table({name: pa.array(values) for name, values in draws.columns.items()})
    with replace_file(Path(path)) as temporary:
        parquet.write_table(table, temporary, compression="zstd")


def market_draws(replay: Replay, space: ParameterSpace, theta: FloatArray, price_normals: FloatArray) -> MarketDraws:
    """Turn draws of logs into columns.

    Args:
        replay: The panel's days.
        space: The parameters.
        theta: Draws of their logs ``(N, P)``.
        price_normals: Standard normals ``(N, R, C)`` for the level of media prices, which impressions alone tell.
    """
    scenario = replay.market.scenario
    document = scenario.document
    ratios: dict[str, FloatArray] = {}
    stated: dict[str, float] = {}
    means: dict[str, float] = {}

    def add(path: str, own: float | None, ratio: FloatArray) -> None:
        ratios[path] = ratio
        if own is not None:
            stated[path] = own

    response = space.media_response(theta)
    level, error = media_price_level(replay)
    for c, channel in enumerate(document.channels):
        for r, region in enumerate(scenario.regions):
            own = channel.region_response.get(region, 1.0)
            if own > 0.0:
                add(f"channels.{channel.id}.region_response.{region}", own, response[:, r, c])
            if np.isfinite(level[r, c]):
                ratio = np.exp(level[r, c] + error[r, c] * price_normals[:, r, c])
                own_price = channel.price.by_region.get(region, 1.0)
                path = f"channels.{channel.id}.price.by_region.{region}"
                add(path, own_price, ratio)
                means[path] = 1.0 / float((1.0 / ratio).mean())
    for p, parameter in enumerate(space.parameters):
        ratio = np.exp(theta[:, p])
        for path, own in scenario_paths(document, parameter).items():
            if own != 0.0:
                add(path, own, ratio)
    converted = space.conversion(theta)
    for c, channel in enumerate(document.channels):
        paths = [f"channels.{channel.id}.region_response.{region}" for region in scenario.regions]
        sold = response[:, :, c] * converted
        usual = response[:, :, c].mean(axis=0) * converted.mean(axis=0)
        quality = f"channels.{channel.id}.visit_quality"
        if quality in ratios:
            means[quality] = float((sold * ratios[quality][:, None]).mean(axis=0).sum() / usual.sum())
        else:
            means |= dict(zip(paths, (sold.mean(axis=0) / converted.mean(axis=0)).tolist(), strict=True))
    return MarketDraws(theta=theta, ratios=ratios, stated=stated, means=means)


def scenario_paths(document: ScenarioDocument, parameter: Parameter) -> dict[str, float | None]:
    """The places of a scenario that a parameter multiplies, with what stands there; None for a group.

    Returns and what is about the records have none of their own.
    """
    channels = {channel.id: channel for channel in document.channels}
    if parameter.kind == "half_saturation" and parameter.channel:
        own = channels[parameter.channel].saturation.half_saturation
        return {f"channels.{parameter.channel}.saturation.half_saturation": own}
    if parameter.kind == "carry_over" and parameter.channel:
        adstock = channels[parameter.channel].adstock
        if isinstance(adstock, WeibullAdstock):
            return {f"channels.{parameter.channel}.adstock.scale_days": adstock.scale_days}
        half_life = getattr(adstock, "half_life_days", None)
        return {f"channels.{parameter.channel}.adstock.half_life_days": half_life}
    if parameter.kind == "visit_quality" and parameter.channel:
        return {f"channels.{parameter.channel}.visit_quality": channels[parameter.channel].visit_quality}
    if parameter.kind in ("organic_traffic", "conversion"):
        region = next(region for region in document.market.regions if region.id == parameter.region)
        if parameter.kind == "organic_traffic":
            return {f"market.regions.{region.id}.traffic_level": region.traffic_level}
        return {f"market.regions.{region.id}.conversion_level": region.conversion_level}
    if parameter.kind == "customer_conversion":
        return {f"segments.{one.id}.customer_conversion": one.customer_conversion for one in document.segments}
    if parameter.kind == "elasticity":
        return {
            f"segments.{one.id}.elasticity": one.elasticity for one in document.segments if one.id == parameter.segment
        }
    if parameter.kind == "deal_gain":
        return {f"segments.{one.id}.price_memory.deal_gain": one.price_memory.deal_gain for one in document.segments}
    return {"calendar.event_lift": document.calendar.event_lift or 1.0} if parameter.kind == "event_lift" else {}


def media_price_level(replay: Replay) -> tuple[FloatArray, FloatArray]:
    """Log level of the price of reach against the scenario's, and its standard error ``(R, C)``.

    The level is that of the mean reach that money bought. The error is that of the means of eight stretches of days, so
    that it holds for prices that wander. NaN where impressions tell fewer than four weeks.
    """
    told = np.isfinite(replay.panel.impressions) & (replay.panel.spend.sum(axis=2) > 0.0)
    reach = np.where(told, 1.0 / replay.media_price, np.nan)
    regions, channels = reach.shape[1:]
    level, error = np.full((regions, channels), np.nan), np.full((regions, channels), np.nan)
    for r in range(regions):
        for c in range(channels):
            days = reach[told[:, r, c], r, c]
            if len(days) < _FEWEST_PAID_DAYS:
                continue
            means = np.array([block.mean() for block in np.array_split(days, _BLOCKS)])
            level[r, c] = -np.log(days.mean())
            error[r, c] = means.std(ddof=1) / np.sqrt(_BLOCKS) / days.mean()
    return level, error
