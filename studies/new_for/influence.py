"""Which uncertain numbers decide where money goes: those that move some channels' or countries' returns, not all."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from xbopt.core.arrays import FloatArray
from xbopt.core.scenario.scenario import Scenario
from xbopt.core.scenario.uncertainty import GROUP_AXES, ParameterGroup
from xbopt.simulator.worlds import WorldParameters, average_world, select_worlds
from xbopt.studies.new_for.average_days import average_market, count

_STEP = 0.05
_ARMS_AT_ONCE = 512
_SEEN_BY_DEALS: frozenset[ParameterGroup] = frozenset(("event_lift", "deal_gain", "price_memory", "pull_forward"))
"""Groups that average days without deals and events do not show."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Influence:
    """What one standard deviation of a parameter does to where money is best spent.

    Attributes:
        group: Its group, as the scenario's ``uncertainty`` names it.
        axis: ``channel`` or ``region`` where it belongs to one, else empty.
        place: Id of that channel or region.
        spread: Its relative standard deviation.
        moves: By how much the returns of the next unit move apart, against their mean: the standard deviation over
            channels and over countries, weighted by spend.
    """

    group: ParameterGroup
    axis: str
    place: str
    spread: float
    moves: float


def influences(scenario: Scenario) -> tuple[Influence, ...]:
    """Every uncertain parameter that average days show, the one that moves most first.

    Each is moved alone by one standard deviation, and the margin of the next unit of spend is read off for each channel
    and each country.
    """
    market = average_market(scenario.document)
    regions, _, channels, _ = market.shape
    arms = _arms(regions, channels)
    moved = [(Influence(group="elasticity", axis="", place="", spread=0.0, moves=0.0), average_world())]
    moved += list(_moved_worlds(scenario))
    marginal: list[FloatArray] = []
    at_once = max(_ARMS_AT_ONCE // len(arms), 1)
    for start in range(0, len(moved), at_once):
        some = [world for _, world in moved[start : start + at_once]]
        counts = count(market, np.tile(arms, (len(some), 1, 1, 1)), _stacked(some, len(arms)))
        margin = counts.margin.sum(axis=1).reshape(len(some), -1)
        spend = counts.spend.reshape(len(some), -1)
        marginal += list((margin[:, 1:] - margin[:, :1]) / (spend[:, 1:] - spend[:, :1]))
    share = scenario.plan.share.sum(axis=(0, 1)), scenario.plan.share.sum(axis=(1, 2))
    own = marginal[0]
    found = [
        replace(one, moves=_apart(after - own, own, channels, *share))
        for (one, _), after in zip(moved[1:], marginal[1:], strict=True)
    ]
    return tuple(sorted(found, key=lambda one: -one.moves))


def _arms(regions: int, channels: int) -> FloatArray:
    """The plan, then a little more of each channel, then of each region ``(1 + C + R, R, 1, C)``."""
    arms = np.ones((1 + channels + regions, regions, 1, channels))
    for c in range(channels):
        arms[1 + c, :, :, c] += _STEP
    for r in range(regions):
        arms[1 + channels + r, r] += _STEP
    return arms


def _apart(change: FloatArray, own: FloatArray, channels: int, by_channel: FloatArray, by_region: FloatArray) -> float:
    total = 0.0
    for values, level, weight in (
        (change[:channels], own[:channels], by_channel),
        (change[channels:], own[channels:], by_region),
    ):
        share = weight / weight.sum()
        relative = values / max(abs(float((level * share).sum())), 1e-9)
        total += float((share * (relative - (share * relative).sum()) ** 2).sum())
    return float(np.sqrt(total))


def _moved_worlds(scenario: Scenario) -> Iterator[tuple[Influence, WorldParameters]]:
    """Each parameter one standard deviation larger, alone: of a channel, of a region, or of all."""
    ids = {"region": scenario.regions, "segment": scenario.segments, "channel": scenario.channels}
    for group, spec in scenario.document.uncertainty.spreads.items():
        if group in _SEEN_BY_DEALS:
            continue
        axes = GROUP_AXES[group]
        shape = tuple(len(ids[axis]) for axis in axes)
        places = [
            (axis, i)
            for axis in ("channel", "region")
            if axis in spec.by and axis in axes
            for i in range(len(ids[axis]))
        ]
        for axis, i in places or [("", 0)]:
            factor = np.ones((1, *shape))
            where = [slice(None)] * factor.ndim
            if axis:
                where[1 + axes.index(axis)] = slice(i, i + 1)
            factor[tuple(where)] += spec.spread
            place = ids[axis][i] if axis else ""
            one = Influence(group=group, axis=axis, place=place, spread=spec.spread, moves=0.0)
            yield one, replace(average_world(), **{group: factor})


def _stacked(worlds: list[WorldParameters], arms: int) -> WorldParameters:
    """Worlds below one another, each repeated for its arms."""
    stacked: dict[str, FloatArray] = {}
    for name in WorldParameters.__dataclass_fields__:
        arrays = [getattr(world, name) for world in worlds]
        if all(array.size == 1 for array in arrays) and all(array.item() == 1.0 for array in arrays):
            stacked[name] = arrays[0]
            continue
        shape = np.broadcast_shapes(*(array.shape[1:] for array in arrays))
        stacked[name] = np.concatenate([np.broadcast_to(array, (1, *shape)) for array in arrays])
    rows = np.repeat(np.arange(len(worlds)), arms)
    return select_worlds(WorldParameters(**stacked), rows)
