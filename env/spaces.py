"""Gymnasium spaces and specifications of a campaign, and the message where Gymnasium is missing."""

from collections.abc import Mapping
from dataclasses import replace
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np

from xbopt.core.scenario.loading import scenario_text
from xbopt.core.scenario.scenario import Scenario
from xbopt.env.actions import Actions, Encoding
from xbopt.env.features import LARGEST_FEATURE, FeatureLayout, Float32Array

if TYPE_CHECKING:
    import gymnasium
    from gymnasium.envs.registration import EnvSpec


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


class WritableSpec:
    """An environment whose ``spec`` can be written as JSON, and made from again anywhere.

    Gymnasium notes the arguments that an environment was made with. A path becomes its text, a loaded scenario the text
    of its file, a mode its name. A plan or policy object, and a scenario with draws of its own, stay as they are: JSON
    refuses them.
    """

    _spec: "EnvSpec | None" = None

    @property
    def spec(self) -> "EnvSpec | None":
        """How the environment was made."""
        return self._spec

    @spec.setter
    def spec(self, spec: "EnvSpec | None") -> None:
        self._spec = None if spec is None else replace(spec, kwargs=_written(cast("Mapping[str, object]", spec.kwargs)))


def _written(arguments: Mapping[str, object]) -> dict[str, object]:
    return {name: _written_value(value) for name, value in arguments.items()}


def _written_value(value: object) -> object:
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, Scenario) and value.draws is None:
        return scenario_text(value)
    if isinstance(value, Enum):
        return cast("object", value.value)
    return cast("object", value.item()) if isinstance(value, np.generic) else value
