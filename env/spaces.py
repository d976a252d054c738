"""Gymnasium spaces of a campaign, and the message where Gymnasium is missing."""

from typing import TYPE_CHECKING, cast

import numpy as np

from xbopt.env.actions import Actions, Encoding
from xbopt.env.features import LARGEST_FEATURE, FeatureLayout, Float32Array

if TYPE_CHECKING:
    import gymnasium


NO_GYMNASIUM = "Environments need Gymnasium: pip install 'xbopt[rl]'"


def observation_space(features: FeatureLayout) -> "gymnasium.Space[Float32Array]":
    """The Box of one world's flat features."""
    from gymnasium.spaces import Box

    shape = (len(features.names),)
    box = Box(low=-LARGEST_FEATURE, high=LARGEST_FEATURE, shape=shape, dtype=np.float32)
    return cast("gymnasium.Space[Float32Array]", box)


def action_space(encoding: Encoding) -> "gymnasium.Space[Actions]":
    """The action space of one world: a MultiDiscrete of choices, or a Box of numbers from -1 to 1."""
    from gymnasium.spaces import Box, MultiDiscrete

    if encoding.choices is not None:
        return cast("gymnasium.Space[Actions]", MultiDiscrete(encoding.choices))
    box = Box(low=-1.0, high=1.0, shape=(len(encoding.names),), dtype=np.float32)
    return cast("gymnasium.Space[Actions]", box)
