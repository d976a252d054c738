"""What differs from world to world: parameters that the scenario is unsure of, drawn once a world."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from xbopt.core.arrays import FloatArray, IntArray
from xbopt.core.randomness import WorldStream
from xbopt.core.scenario.scenario import Scenario
from xbopt.simulator.draws import sorted_positions
from xbopt.simulator.sampling import lognormal_from_normal, normal_from_uniform

# Synergy is one number a world.
GROUP_AXES: Mapping[str, tuple[str, ...]] = {
    "elasticity": ("region", "segment"),
    "conversion": ("region", "segment"),
    "organic_traffic": ("region", "segment"),
    "order_value": ("region", "segment"),
    "media_response": ("region", "segment", "channel"),
    "half_saturation": ("region", "segment", "channel"),
    "media_price": ("region", "segment", "channel"),
    "synergy": (),
    "delivery_days": ("region",),
}
"""The axes that a group's parameters have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorldParameters:
    """Multipliers on the market's parameters; ``B`` is 1 where nothing is uncertain.

    Their mean is 1, but for ``media_price``, whose inverse has mean 1: that is what a given spend buys.

    Attributes:
        elasticity: ``(B, R, S)``.
        conversion: ``(B, R, S)``.
        organic_traffic: ``(B, R, S)``.
        order_value: ``(B, R, S)``.
        media_response: ``(B, R, S, C)``.
        half_saturation: ``(B, R, S, C)``.
        media_price: ``(B, R, S, C)``.
        synergy: ``(B,)``.
        delivery_days: ``(B, R)``.

    An axis along which the draws do not differ has length 1.
    """

    elasticity: FloatArray
    conversion: FloatArray
    organic_traffic: FloatArray
    order_value: FloatArray
    media_response: FloatArray
    half_saturation: FloatArray
    media_price: FloatArray
    synergy: FloatArray
    delivery_days: FloatArray


def average_world() -> WorldParameters:
    """The market as the scenario states it: every multiplier is 1."""
    two, three = np.ones((1, 1, 1)), np.ones((1, 1, 1, 1))
    return WorldParameters(
        elasticity=two,
        conversion=two,
        organic_traffic=two,
        order_value=two,
        media_response=three,
        half_saturation=three,
        media_price=three,
        synergy=np.ones(1),
        delivery_days=np.ones((1, 1)),
    )


def draw_worlds(scenario: Scenario, *, seed: int, worlds: IntArray) -> WorldParameters:
    """Draw the uncertain parameters of some worlds: mean-one log-normal multipliers.

    Each group has a stream of its own name, so that making one more group uncertain moves no other.

    Args:
        scenario: Its ``uncertainty`` section says what is unsure, by how much and along which axes.
        seed: World seed; not the noise seed.
        worlds: Global numbers of the worlds ``(B,)``.
    """
    names = {"region": scenario.regions, "segment": scenario.segments, "channel": scenario.channels}
    drawn: dict[str, FloatArray] = {}
    for group, spec in scenario.document.uncertainty.items():
        axes = GROUP_AXES[group]
        kept = [names[axis] if axis in spec.by else ("all",) for axis in axes]
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
    return replace(average_world(), **drawn)


def select_worlds(parameters: WorldParameters, rows: IntArray) -> WorldParameters:
    """The parameters of some rows of a batch; certain groups stay as they are."""
    return WorldParameters(
        **{
            name: array[rows] if array.shape[0] > 1 else array
            for name in WorldParameters.__dataclass_fields__
            for array in [getattr(parameters, name)]
        }
    )
