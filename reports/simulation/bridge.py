"""The bridge from gross revenue to contribution margin."""

import math

from xbopt.reports.kit.figures import BridgeStep, Column, StepKind, Table
from xbopt.studies.labels import SUM_LABELS, TERM_LABELS

# After which term a running sum is worth a bar of its own.
_SUBTOTALS: dict[str, str] = {"fx_effect": "net_revenue", "return_handling": "margin_before_media"}


def build_bridge(terms: dict[str, float]) -> tuple[BridgeStep, ...]:
    """Lay the terms end to end. The amounts sum to the last step, the contribution margin, exactly.

    Args:
        terms: Mean of each money term, signed, in bridge order.
    """
    amounts = list(terms.items())
    position = next((i for i, (key, _) in enumerate(amounts) if key == "fx_effect"), -1)
    revenue = math.fsum(amount for _, amount in amounts[: position + 1])

    def share(amount: float) -> float:
        return amount / revenue if revenue else math.nan

    steps: list[BridgeStep] = []
    for i, (key, amount) in enumerate(amounts):
        # fsum rounds once, so that a running sum does not depend on the order of its terms.
        before = math.fsum(value for _, value in amounts[:i])
        after = math.fsum(value for _, value in amounts[: i + 1])
        steps.append(
            BridgeStep(
                key=key,
                name=TERM_LABELS[key],
                kind="amount",
                amount=amount,
                start=before,
                end=after,
                of_revenue=share(amount),
            )
        )
        if key in _SUBTOTALS:
            steps.append(_sum_step(_SUBTOTALS[key], "subtotal", after, share(after)))
    total = math.fsum(terms.values())
    steps.append(_sum_step("contribution_margin", "total", total, share(total)))
    return tuple(steps)


def _sum_step(key: str, kind: StepKind, value: float, of_revenue: float) -> BridgeStep:
    return BridgeStep(
        key=key, name=SUM_LABELS[key], kind=kind, amount=value, start=0.0, end=value, of_revenue=of_revenue
    )


def bridge_table(steps: tuple[BridgeStep, ...]) -> Table:
    """The bridge as a table."""
    return Table(
        key="bridge",
        title="From gross revenue to contribution margin",
        columns=(
            Column("term", "Term", "text", "Money term, or the sum of those above"),
            Column("amount", "Amount", "money", "Mean over worlds, signed, base currency"),
            Column("of_revenue", "Of net revenue", "share", "Amount over net revenue"),
        ),
        rows=tuple(
            (step.name if step.kind == "amount" else f"= {step.name}", step.amount, step.of_revenue) for step in steps
        ),
        last_is_total=True,
    )
