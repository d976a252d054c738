"""What one per cent more or less of a plan's money brings, as a table and in a sentence."""

import math

from xbopt.reports.kit.figures import Column, Table
from xbopt.reports.kit.numbers import NumberFormat
from xbopt.studies.marginals import Marginal, Marginals

# A return within this of 1 is where a plan should be: neither more nor less of the money pays.
_EVEN = 0.05


def marginals_table(marginals: Marginals, numbers: NumberFormat) -> Table:
    """One row a channel, region, week, and region with channel."""
    unit = "money" if marginals.in_money else "count"
    return Table(
        key="marginals",
        title="What 1% more or less brings",
        columns=(
            Column("of", "Money of", "text"),
            Column("spend", "Spend", "money", "Over the horizon"),
            Column("more", "1% more brings", unit, "Change of the goal with 1 % more of this money, media paid"),
            Column("less", "1% less brings", unit, "Change of the goal with 1 % less of this money, media paid"),
            Column(
                "return_of_more",
                "Return of the next",
                "ratio",
                "Goal before media per unit of the next 1 % of this money; in money, above 1 it pays for itself",
            ),
            Column("return_of_last", "Return of the last", "ratio", "The same of the last 1 % that is spent"),
            Column("reading", "Reading", "text"),
        ),
        rows=tuple(
            (
                name_of(row, numbers),
                row.spend_base,
                row.more,
                row.less,
                _known(row.return_of_more),
                _known(row.return_of_last),
                _reading(row),
            )
            for row in marginals.rows
        ),
        note="This plan, played again in expected mode over its own days with 1 % more and less of the money, all else "
        "as planned and limits aside.",
    )


def name_of(row: Marginal, numbers: NumberFormat) -> str:
    """What money a row is about, in words."""
    return " / ".join(row.place) if row.first_day is None else f"Week from {numbers.short_day(row.first_day)}"


def marginals_takeaway(marginals: Marginals) -> str:
    """For which channels more or less money would pay."""
    used = [row for row in marginals.by_channel if row.spend_base > 0.0]
    if not used:
        return "This plan uses no channel, so there is no last unit of spend to look at."
    if not used[0].media_is_counted:
        return "The goal does not count what media cost, so more money never brings less of it."
    more = [row.place[0] for row in used if row.return_of_more > 1.0 + _EVEN]
    less = [row.place[0] for row in used if row.return_of_last < 1.0 - _EVEN]
    if not more and not less:
        return "In every channel the last unit of spend brings about what it costs: no small change would pay."
    parts = [
        f"{words} in {' and '.join([', '.join(names[:-1]), names[-1]]) if len(names) > 1 else names[0]}"
        for words, names in (("a little more spend would pay", more), ("a little less would pay", less))
        if names
    ]
    sentence = "; ".join(parts)
    return f"{sentence[0].upper()}{sentence[1:]}."


def _reading(row: Marginal) -> str:
    if row.spend_base <= 0.0:
        return "not used by this plan"
    if not row.media_is_counted:
        return ""
    if row.return_of_more > 1.0 + _EVEN:
        return "more would pay for itself"
    if row.return_of_last < 1.0 - _EVEN:
        return "less would save more than it loses"
    return "about right"


def _known(number: float) -> float | None:
    return None if math.isnan(number) else number
