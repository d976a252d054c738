"""What each section says, in a sentence."""

import math
from collections.abc import Sequence

from xbopt.reports.simulation.report import SimulationReport


def bridge_takeaway(report: SimulationReport) -> str:
    """What is left of net revenue, and the two largest costs."""
    numbers = report.numbers
    steps = {step.key: step for step in report.bridge}
    revenue, margin = steps["net_revenue"], steps["contribution_margin"]
    if revenue.amount <= 0.0:
        return "There is no net revenue in this scenario."
    after = report.bridge[report.bridge.index(revenue) + 1 :]
    costs = sorted((step for step in after if step.kind == "amount"), key=lambda step: step.amount)[:2]
    words = " and ".join(f"{step.name.lower()} {numbers.share(-step.of_revenue)}" for step in costs)
    left = (
        f"{numbers.share(margin.of_revenue)} is left as contribution margin"
        if margin.amount >= 0.0
        else f"costs exceed it by {numbers.share(-margin.of_revenue)}"
    )
    return f"Of {numbers.money(revenue.amount)} net revenue, {words} are the largest costs; {left}."


def timeline_takeaway(report: SimulationReport) -> str:
    """From which day on the campaign is in profit on average."""
    first = report.timeline.in_profit_from
    if first is None:
        return "Added up, the mean contribution margin is below zero at the end."
    if first == report.timeline.starts[0]:
        return f"Added up, the mean contribution margin is above zero from the first {report.timeline.period} on."
    return f"Added up, the mean contribution margin is above zero for good from {report.numbers.day(first)} on."


def allocation_takeaway(report: SimulationReport) -> str:
    """The cell that gets the most money."""
    heat = report.allocation[0]
    total = math.fsum(value for row in heat.values for value in row)
    if total <= 0.0:
        return "This plan spends nothing on media."
    value, region, channel = max(
        (value, region, channel)
        for region, row in zip(heat.rows, heat.values, strict=True)
        for channel, value in zip(heat.columns, row, strict=True)
    )
    numbers = report.numbers
    return (
        f"{numbers.money(total)} in all. The largest part, {numbers.share(value / total)}, "
        f"goes to {channel} in {region}."
    )


def discount_takeaway(report: SimulationReport) -> str:
    """How deep and how often discounts are given."""
    heat = report.discounts
    deepest = max((value for row in heat.values for value in row), default=0.0)
    if deepest <= 0.0:
        return "This plan gives no discounts."
    given = sum(any(row[i] > 0.0 for row in heat.values) for i in range(len(heat.columns)))
    unit = "days" if heat.column_title == "Day" else "weeks"
    depth = report.numbers.share(deepest)
    mean = "" if unit == "days" else " on a week's average"
    return f"Discounts of up to {depth}{mean} run in {given} of {len(heat.columns)} {unit}."


def response_takeaway(report: SimulationReport) -> str:
    """What the curves show, and what they do not."""
    if not any(curve.current_spend > 0.0 for curve in report.response):
        return "This plan uses no channel; the curves show what steady spend would bring."
    return (
        "A picture of how fast each channel saturates under steady spend; what this plan's own money brings is above."
    )


def ledger_takeaway(report: SimulationReport) -> str:
    """How much of the bump is new."""
    ledger, numbers = report.ledger, report.numbers
    if ledger.is_empty:
        return "No discount brought any extra order, so nothing was brought forward."
    new = ledger.new.mean / ledger.bump.mean
    return (
        f"Of {numbers.count(ledger.bump.mean)} extra orders {numbers.share(new)} are new demand; "
        f"{numbers.count(ledger.owed.mean)} brought forward are still owed to the weeks after the horizon."
    )


def limits_takeaway(report: SimulationReport) -> str:
    """Whether limits changed the plan, and which are used in full."""
    limits = report.limits
    changed = (
        "Limits or stock-outs changed something; the second table says what and how often."
        if limits.anything_changed
        else "The limits changed nothing that the policy wanted, and nothing was out of stock."
    )
    full = f" Used in full: {_listed(limits.at_limit)}." if limits.at_limit else " No limit is used in full."
    return changed + full


def _listed(names: Sequence[str]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]]) if len(names) > 1 else names[0]
