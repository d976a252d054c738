"""What is worth knowing, in a sentence, a table and JSON."""

from xbopt.core.scenario.scenario import Scenario
from xbopt.reports.kit.figures import Column, Table
from xbopt.reports.kit.numbers import NumberFormat
from xbopt.reports.plan.words import GOAL_WORDS, GROUP_WORDS
from xbopt.studies.labels import axis_names
from xbopt.studies.plan import PlanningResult
from xbopt.studies.value_of_information import ValueOfInformation, WorthKnowing

TEST_WORDS = {
    "geo_holdout": "geo holdout: in some towns or regions, drawn by lot, spend on it nothing or twice as much",
    "price_test": "price test: two prices or depths side by side, by customer or by week, drawn by lot",
    "conversion_test": "sessions and carts of a few weeks, by region, from the shop's own statistics",
    "traffic_count": "visits of some weeks in a place without media",
    "own_books": "own books: orders, returns and invoices of the last months",
    "platform_quote": "the platform's own forecast, or a week at another bid",
}
MOST_ROWS = 8
# Of less than this share of what everything is worth nobody needs to be told.
_WORTH_A_ROW = 0.01


def parameter_name(one: WorthKnowing, scenario: Scenario) -> str:
    """As in ``Response to media: Paid search, Germany``."""
    regions, segments, channels = axis_names(scenario)
    names = {
        "channel": dict(zip(scenario.channels, channels, strict=True)),
        "region": dict(zip(scenario.regions, regions, strict=True)),
        "segment": dict(zip(scenario.segments, segments, strict=True)),
    }
    place = ", ".join(names[axis][key] for axis, key in one.place.items())
    return f"{GROUP_WORDS[one.group]}: {place}" if place else GROUP_WORDS[one.group]


def worth_knowing_sentence(found: ValueOfInformation | None, result: PlanningResult, numbers: NumberFormat) -> str:
    """What all knowledge would be worth, and which parameter is worth most."""
    if found is None:
        return (
            "The scenario names no uncertain parameters, so nothing can be said about what is worth knowing. "
            "State how unsure they are under uncertainty."
        )
    unit, goal = result.goal_unit, GOAL_WORDS[result.campaign.goal]
    start = f"Knowing every parameter before planning would bring {numbers.number(found.everything, unit)} more {goal}"
    best = next(iter(_shown(found)), None)
    if best is None:
        return f"{start}; no parameter is worth a test by itself."
    name = parameter_name(best, result.scenario)
    return (
        f"{start}; most of one parameter comes from {name[0].lower()}{name[1:]}, {numbers.number(best.value, unit)}. "
        f"The test for it: {TEST_WORDS[best.test]}."
    )


def worth_knowing_table(found: ValueOfInformation | None, result: PlanningResult) -> Table:
    """The parameters that are worth most to know, with the test that tells them."""
    shown = () if found is None else _shown(found)
    return Table(
        key="worth_knowing",
        title="What is worth knowing",
        columns=(
            Column("parameter", "Parameter", "text"),
            Column("value", "Worth", result.goal_unit, "What a plan made with that knowledge brings more, in the mean"),
            Column("test", "Test", "text"),
        ),
        rows=tuple((parameter_name(one, result.scenario), one.value, TEST_WORDS[one.test]) for one in shown),
        note="" if found is None else f"{found.plans} plans, each in {found.worlds} worlds of parameters.",
    )


def worth_knowing_json(found: ValueOfInformation | None) -> dict[str, object] | None:
    """Every parameter with its value and test; null where nothing is uncertain."""
    if found is None:
        return None
    return {
        "everything": found.everything,
        "worlds": found.worlds,
        "plans": found.plans,
        "parameters": [
            {"group": one.group, "place": dict(one.place), "value": one.value, "test": one.test}
            for one in found.parameters
        ],
    }


def _shown(found: ValueOfInformation) -> tuple[WorthKnowing, ...]:
    least = _WORTH_A_ROW * found.everything
    return tuple(one for one in found.parameters if one.value > max(least, 0.0))[:MOST_ROWS]
