"""What-if answers for people and for other programs."""

from collections.abc import Mapping

from xbopt.core.paired import PairedDifference
from xbopt.reports.kit.figures import Column, Table
from xbopt.reports.kit.numbers import NumberFormat
from xbopt.reports.plan.words import GOAL_WORDS
from xbopt.reports.simulation.document import number_or_none, plan_cut_json
from xbopt.reports.simulation.verdict import plan_cut_sentence
from xbopt.studies.kpis import WorldRange
from xbopt.studies.labels import Unit
from xbopt.studies.what_if import Answer, WhatIf, WhatIfResult

_MEASURES: Mapping[str, tuple[str, Unit]] = {
    "reward": ("Reward", "money"),
    "contribution_margin": ("Contribution margin", "money"),
    "orders": ("Orders", "count"),
}
_IN_MONEY = ("reward", "contribution_margin")
"""What plans are made for, and the money of the campaign's own days."""
_PARTS = ("mean", "se", "low", "high")


def what_if_json(result: WhatIfResult) -> list[dict[str, object]]:
    """What ``xbopt what-if --json`` prints: one entry a change; see docs/semantics.md."""
    return [_entry(result, one) for one in result.changes]


def _entry(result: WhatIfResult, one: WhatIf) -> dict[str, object]:
    remade = None if one.remade is None else {**_answer(one.remade), "over_kept": _parts(one.remaking or {})}
    return {
        "text": one.change.text,
        "meaning": list(one.change.meaning),
        "plan": result.plan,
        "runs": result.runs,
        "seed": result.seed,
        "confidence": result.confidence,
        "today": {
            "kept": _answer(result.today)["value"],
            "remade": _answer(result.remade_today)["value"],
            "plan_cut": plan_cut_json(result.today.plan_cut),
        },
        "kept": _answer(one.kept),
        "remade": remade,
        "note": one.note,
    }


def _answer(answer: Answer) -> dict[str, object]:
    return {
        "difference": _parts(answer.difference),
        "value": _parts(answer.figures),
        "media_spend": answer.media_base,
        "plan_cut": plan_cut_json(answer.plan_cut),
    }


def _parts(figures: Mapping[str, PairedDifference] | Mapping[str, WorldRange]) -> dict[str, object]:
    return {name: {part: number_or_none(getattr(figure, part)) for part in _PARTS} for name, figure in figures.items()}


def what_if_table(result: WhatIfResult, numbers: NumberFormat) -> Table:
    """One row a change and plan: differences with their intervals."""

    def cells(answer: Answer) -> tuple[str, ...]:
        return tuple(_interval(answer.difference[name], unit, numbers) for name, (_, unit) in _MEASURES.items())

    rows: list[tuple[str, ...]] = []
    for one in result.changes:
        rows.append((one.change.text, "kept", *cells(one.kept)))
        rows.append(("", "made anew", *(["no plan"] * len(_MEASURES) if one.remade is None else cells(one.remade))))
    return Table(
        key="what_if",
        title=f"What changes, with {numbers.level(result.confidence)} intervals",
        columns=(
            Column("change", "Change", "text"),
            Column("plan", "Plan", "text"),
            *(Column(name, head, "text") for name, (head, _) in _MEASURES.items()),
        ),
        rows=tuple(rows),
    )


def _interval(difference: PairedDifference, unit: Unit, numbers: NumberFormat) -> str:
    mean, low, high = (
        numbers.signed(value, unit, symbol=False) for value in (difference.mean, difference.low, difference.high)
    )
    return mean if difference.low == difference.high else f"{mean} ({low} to {high})"


def cut_lines(result: WhatIfResult, numbers: NumberFormat) -> tuple[str, ...]:
    """What limits take from the plan that is kept, as things are and where a change takes more or less."""
    today = result.today.plan_cut
    lines = () if today is None else (f"Warning: {plan_cut_sentence(today, numbers)}",)
    changed = [one for one in result.changes if one.kept.plan_cut not in (None, today)]
    return *lines, *(
        f"Warning: {one.change.text}: {plan_cut_sentence(one.kept.plan_cut, numbers)}"
        for one in changed
        if one.kept.plan_cut is not None
    )


def today_sentence(result: WhatIfResult, numbers: NumberFormat) -> str:
    """What the plan brings of the goal as it is, its margin beside, and what a plan made anew would add."""
    value = {name: numbers.money(result.today.figures[name].mean) for name in _IN_MONEY}
    return (
        f"As things are, the plan {result.plan} brings {value['reward']} on average over "
        f"{numbers.count(result.runs)} worlds, {value['contribution_margin']} of it contribution margin; a plan made "
        f"anew brings {_moved(result.remade_today.difference, numbers)}. Plans are made for the reward: "
        f"{GOAL_WORDS['reward']}."
    )


def change_sentence(one: WhatIf, numbers: NumberFormat) -> str:
    """What a change does to the goal and the margin of the plan that is kept, and what making it anew is worth then."""
    start = f"{one.change.text}: the plan that is kept brings {_moved(one.kept.difference, numbers)}"
    if one.remade is None or one.remaking is None:
        return f"{start}. There is no plan to make anew: {one.note}"
    return (
        f"{start}; one that is made anew {_moved(one.remade.difference, numbers)}. Under the change, made anew against "
        f"kept: {_moved(one.remaking, numbers)}."
    )


def _moved(difference: Mapping[str, PairedDifference], numbers: NumberFormat) -> str:
    """How far the goal moves, and the margin with it."""
    goal, margin = (difference[name] for name in _IN_MONEY)
    if goal.mean == margin.mean == 0.0:
        return "the same"
    shown = "" if goal.low > 0.0 or goal.high < 0.0 else "no more than luck may bring; "
    return f"{_more(goal, numbers)} reward ({shown}margin: {_more(margin, numbers)})"


def _more(difference: PairedDifference, numbers: NumberFormat) -> str:
    if difference.mean == 0.0:
        return "the same"
    return f"{numbers.money(abs(difference.mean))} {'more' if difference.mean > 0.0 else 'less'}"
