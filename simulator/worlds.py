"""What differs from world to world: parameters that the scenario is unsure of, drawn once a world."""

from dataclasses import dataclass, replace
from functools import cache

import numpy as np

from xbopt.core.arrays import FloatArray, IntArray
from xbopt.core.randomness import WorldStream
from xbopt.core.scenario.draws import JointDraws
from xbopt.core.scenario.scenario import Scenario
from xbopt.core.scenario.uncertainty import GROUP_AXES
from xbopt.simulator.draws import sorted_positions
from xbopt.simulator.sampling import lognormal_from_normal, normal_from_uniform


@dataclass(frozen=True, slots=True, kw_only=True)
class WorldParameters:
    """Multipliers on the market's parameters, one array a group: worlds, then the group's axes (``GROUP_AXES``).

    An axis along which worlds do not differ has length 1, the worlds' own axis too where a group is certain. Where
    spreads are drawn the mean is 1, but for ``media_price``, whose inverse has mean 1: that is what a given spend buys.

    Attributes:
        elasticity: Own-price elasticity ``(B, R, S)``.
        conversion: Carts per visit ``(B, R, S)``.
        customer_conversion: Cart rate of customers against prospects ``(B, R, S)``.
        organic_traffic: Organic visits ``(B, R, S)``.
        order_value: Value of an order, its cost of goods too ``(B, R, S)``.
        media_response: Visits per impression ``(B, R, S, C)``.
        half_saturation: Half-saturation, and the ceiling with it ``(B, R, S, C)``.
        media_price: Price of reach ``(B, R, S, C)``.
        bid_up: Exponent of price to own spend ``(B, C)``.
        visit_quality: Conversion of media visits ``(B, C)``.
        carry_over: Half-life or time scale of carry-over ``(B, R, S, C)``.
        fatigue: Contact up to which nobody tires ``(B, R, S, C)``.
        synergy: Strength of all synergies ``(B,)``.
        event_lift: What events add to demand ``(B, R)``.
        deal_gain: Weight of the remembered price ``(B, R, S)``.
        price_memory: Half-life of the remembered price ``(B, R, S)``.
        pull_forward: Borrowed share of a promotion's bump ``(B,)``.
        dropout: Chances by which customers drop out ``(B, R, S)``.
        return_rate: Share of orders that come back ``(B, R, S)``.
        unit_cost: Cost of goods ``(B, R, S)``.
        shipping_cost: Cost of a parcel ``(B, R)``.
        delivery_days: Usual delivery days ``(B, R)``.
    """

    elasticity: FloatArray
    conversion: FloatArray
    customer_conversion: FloatArray
    organic_traffic: FloatArray
    order_value: FloatArray
    media_response: FloatArray
    half_saturation: FloatArray
    media_price: FloatArray
    bid_up: FloatArray
    visit_quality: FloatArray
    carry_over: FloatArray
    fatigue: FloatArray
    synergy: FloatArray
    event_lift: FloatArray
    deal_gain: FloatArray
    price_memory: FloatArray
    pull_forward: FloatArray
    dropout: FloatArray
    return_rate: FloatArray
    unit_cost: FloatArray
    shipping_cost: FloatArray
    delivery_days: FloatArray


@cache
def average_world() -> WorldParameters:
    """The market as the scenario states it: every multiplier is 1. Its arrays cannot be written to."""
    ones = {group: np.ones((1,) * (1 + len(axes))) for group, axes in GROUP_AXES.items()}
    for factor in ones.values():
        factor.setflags(write=False)
    return WorldParameters(**ones)


def is_certain(factor: FloatArray) -> bool:
    """Whether a group's multiplier is 1 in all worlds, so that work on it can be left out."""
    return factor.size == 1 and factor.item() == 1.0


def draw_worlds(scenario: Scenario, *, seed: int, worlds: IntArray) -> WorldParameters:
    """Draw the uncertain parameters of some worlds: mean-one log-normal multipliers, or rows of joint draws.

    Each group has a stream of its own name, so that making one more group uncertain moves no other.

    Args:
        scenario: Its ``uncertainty`` section says what is unsure, by how much and along which axes.
        seed: World seed; not the noise seed.
        worlds: Global numbers of the worlds ``(B,)``.
    """
    names = {"region": scenario.regions, "segment": scenario.segments, "channel": scenario.channels}
    drawn: dict[str, FloatArray] = {}
    for group, spec in scenario.document.uncertainty.spreads.items():
        kept = [names[axis] if axis in spec.by else ("all",) for axis in GROUP_AXES[group]]
        order = sorted_positions(kept) if kept else np.zeros(1, dtype=np.int64)
        stream = WorldStream(seed=seed, name=f"world/{group}", worlds=worlds, slots=len(order), days_ahead=1)
        normals = normal_from_uniform(stream.uniforms(0)[:, order])
        shape = tuple(len(axis) for axis in kept)
        factor = lognormal_from_normal(normals, spec.spread)
        if group == "media_price":
            # Money buys its inverse: E[1/m] = 1 + cv^2 for a mean-one log-normal m. With this factor a given spend
            # buys the scenario's impressions in the mean over worlds.
            factor = factor * (1.0 + spec.spread**2)
        drawn[group] = factor.reshape(len(worlds), *shape)
    if scenario.draws is not None:
        drawn |= _joint(scenario, scenario.draws, _rows(scenario.draws, seed=seed, worlds=worlds))
    return replace(average_world(), **drawn)


def _rows(draws: JointDraws, *, seed: int, worlds: IntArray) -> IntArray:
    """Row of the joint draws that each world takes ``(B,)``.

    Rows that weigh alike are taken in turn, world ``w`` row ``w`` modulo their number: each comes up equally often.
    Weighted rows are chosen by inversion of their cumulated weights, from the stream ``world/draws``.
    """
    if draws.cumulated_weight is None:
        return worlds % draws.rows
    stream = WorldStream(seed=seed, name="world/draws", worlds=worlds, slots=1, days_ahead=1)
    chosen = np.searchsorted(draws.cumulated_weight, stream.uniforms(0)[:, 0], side="right")
    return np.minimum(chosen, draws.rows - 1)


def _joint(scenario: Scenario, draws: JointDraws, rows: IntArray) -> dict[str, FloatArray]:
    """The multipliers of the groups that joint draws set; several columns of one group multiply."""
    names = {"region": scenario.regions, "segment": scenario.segments, "channel": scenario.channels}
    drawn: dict[str, FloatArray] = {}
    for column in draws.columns:
        for group in column.groups:
            axes = GROUP_AXES[group]
            shape = [len(names[axis]) if axis in column.place else 1 for axis in axes]
            factor = np.ones((len(rows), *shape))
            factor[:, *(column.place.get(axis, 0) for axis in axes)] = column.ratio[rows]
            drawn[group] = drawn.get(group, np.ones(1)) * factor
    return drawn


def select_worlds(parameters: WorldParameters, rows: IntArray) -> WorldParameters:
    """The parameters of some rows of a batch; certain groups stay as they are."""
    return WorldParameters(
        **{
            name: array[rows] if array.shape[0] > 1 else array
            for name in WorldParameters.__dataclass_fields__
            for array in [getattr(parameters, name)]
        }
    )
