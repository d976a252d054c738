"""The inputs that every graph has."""

from dataclasses import dataclass

from xbopt.core.decisions.policy import Observation
from xbopt.core.scenario.scenario import Scenario
from xbopt.service.exporting.graph import Graph


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """Names of the tensors that a policy may read.

    Attributes:
        regions: Features of regions ``(B, R, F)``.
        cells: Features of cells ``(B, R, S, G)``.
        channels: Features of channels in cells ``(B, R, S, C, E)``; empty text where the policy reads none.
        day: Day of the horizon ``(B,)``, int64, within the horizon.
        budget: Money left ``(B,)``.
        region: Money left by region ``(B, R)``.
        channel: Money left by channel ``(B, C)``.
        day_budget: The money left, spread evenly over the days left ``(B,)``.
        days: Length of the horizon, ``T``.
    """

    regions: str
    cells: str
    channels: str
    day: str
    budget: str
    region: str
    channel: str
    day_budget: str
    days: int


def declare_inputs(graph: Graph, scenario: Scenario, sample: Observation, *, channels: bool) -> Inputs:
    """Declare the inputs that every graph has, in the order of the schema.

    Args:
        graph: The graph.
        scenario: The scenario.
        sample: An observation, which says how many features there are.
        channels: Whether the policy reads features of channels.
    """
    regions, segments, media, _ = scenario.shape
    wide, deep, fine = (array.shape[-1] for array in (sample.regions, sample.cells, sample.channels))
    by_region = graph.input("regions", "float64", ("B", regions, wide))
    by_cell = graph.input("cells", "float64", ("B", regions, segments, deep))
    by_channel = graph.input("channels", "float64", ("B", regions, segments, media, fine)) if channels else ""
    day = graph.input("day", "int64", ("B",))
    budget = graph.input("budget_base", "float64", ("B",))
    region = graph.input("region_base", "float64", ("B", regions))
    channel = graph.input("channel_base", "float64", ("B", media))
    # A day outside the horizon would read past a table's end.
    inside = graph.add("Clip", day, graph.whole(0), graph.whole(scenario.days - 1))
    left = graph.add("Cast", graph.add("Sub", graph.whole(scenario.days), inside), to=11)
    return Inputs(
        regions=by_region,
        cells=by_cell,
        channels=by_channel,
        day=inside,
        budget=budget,
        region=region,
        channel=channel,
        day_budget=graph.add("Div", budget, left),
        days=scenario.days,
    )
