"""What a promotion's extra orders are made of."""

import altair as alt

from xbopt.reports.kit.chart_spec import Record, Spec, chart_data, finished
from xbopt.reports.kit.chart_style import ACCENT, INK, LOSS
from xbopt.reports.kit.numbers import NumberFormat
from xbopt.reports.simulation.promotion import PromotionLedger


def ledger_chart(ledger: PromotionLedger, numbers: NumberFormat, description: str) -> Spec:
    """One bar: what the bump is made of."""
    parts = (
        ("New demand", ledger.new.mean, ACCENT, "#ffffff"),
        ("Switched", ledger.switched.mean, "#8fb8d4", INK),
        ("Brought forward", ledger.borrowed.mean, LOSS, "#ffffff"),
    )
    records: list[Record] = []
    start, total = 0.0, ledger.bump.mean or 1.0
    for name, amount, colour, ink in parts:
        text = f"{name} {numbers.count(amount)}"
        records.append(
            {
                "from": start,
                "to": start + amount,
                "middle": start + amount / 2.0,
                "colour": colour,
                "ink": ink,
                "label": text if amount / total > 0.14 else "",
                "tip": f"{text} orders, {numbers.share(amount / total)} of the bump",
            }
        )
        start += amount
    base = alt.Chart(chart_data(records))
    bars = base.mark_bar(height=34).encode(
        x=alt.X("from:Q", title=None, axis=None, scale=alt.Scale(domain=[0.0, start or 1.0], nice=False)),
        x2="to:Q",
        color=alt.Color("colour:N", scale=None),
        tooltip=alt.Tooltip("tip:N"),
    )
    words = base.mark_text().encode(x="middle:Q", text="label:N", color=alt.Color("ink:N", scale=None))
    return finished(alt.layer(bars, words).properties(width="container", height=40), description)
