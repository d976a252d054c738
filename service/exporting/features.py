"""The features of a network in a graph: as ``env/features.py``, rounded to float32 as there."""

from dataclasses import dataclass

import numpy as np

from xbopt.core.arrays import FloatArray
from xbopt.core.decisions.policy import Observation
from xbopt.env.features import LARGEST_FEATURE, FeatureLayout
from xbopt.service.exporting.graph import Graph, as_float
from xbopt.service.exporting.inputs import Inputs


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureTensors:
    """Names of the tensors with the features: ``(B, G)``, ``(B, R, F)``, ``(B, R, S, E)`` and ``(B, R, S, C, D)``."""

    whole: str
    regions: str
    cells: str
    channels: str

    @property
    def blocks(self) -> tuple[str, str, str, str]:
        """All of them, in the order of a flat row."""
        return self.whole, self.regions, self.cells, self.channels


def feature_tensors(graph: Graph, inputs: Inputs, layout: FeatureLayout, sample: Observation) -> FeatureTensors:
    """The features of a request.

    What depends on the day alone stands in tables: the layout itself is asked about every day.

    Args:
        graph: The graph.
        inputs: Its inputs.
        layout: Which features there are.
        sample: An observation, which names the features that come with a request.
    """
    by_day = [layout.plan_features(day, days=inputs.days) for day in range(inputs.days)]
    own = {
        name: graph.add("Gather", inputs.regions, graph.constant([sample.region_names.index(name)]), axis=2)
        for name in ("budget_left", "pace")
    }
    # The first region speaks for all: budget and pace are of the whole market.
    first = {
        name: graph.reshape(graph.add("Gather", tensor, graph.constant([0]), axis=1), -1, 1)
        for name, tensor in own.items()
    }
    # Order: budget left, time left, pace, the plan's spend of the period, the plan's spend to come.
    tables = np.stack([one.whole for one in by_day])  # (T, 3)
    time, period, rest = (graph.rows_of(as_float(tables[:, i : i + 1]), inputs.day) for i in range(3))
    whole = graph.add("Concat", first["budget_left"], time, first["pace"], period, rest, axis=1)
    cells = graph.add(
        "Concat", inputs.cells, graph.rows_of(as_float(np.stack([one.cells for one in by_day])), inputs.day), axis=3
    )
    channels = graph.add(
        "Concat",
        inputs.channels,
        graph.rows_of(as_float(np.stack([one.channels for one in by_day])), inputs.day),
        axis=4,
    )
    scales = layout.scales()
    return FeatureTensors(
        whole=_bounded(graph, whole, scales[0]),
        regions=_bounded(graph, inputs.regions, scales[1]),
        cells=_bounded(graph, cells, scales[2]),
        channels=_bounded(graph, channels, scales[3]),
    )


def _bounded(graph: Graph, values: str, scale: FloatArray) -> str:
    scaled = graph.add("Mul", values, graph.constant(as_float(scale)))
    held = graph.at_most(graph.at_least(scaled, -LARGEST_FEATURE), LARGEST_FEATURE)
    return graph.add("Cast", graph.add("Cast", held, to=1), to=11)
