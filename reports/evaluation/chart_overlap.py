"""Support: how the weights are spread, and how log and policy overlap action by action."""

from collections.abc import Sequence

import altair as alt

from xbopt.reports.kit.charts import ACCENT, HAIRLINE, INK, NEUTRAL, Record, Spec, chart_of, finished, round_ticks
from xbopt.reports.kit.numbers import NumberFormat

BAR_HEIGHT, LINE_HEIGHT = 30, 24


def weight_chart(bins: Sequence[tuple[str, float, float]], units: str, numbers: NumberFormat, description: str) -> Spec:
    """Two bars a bin: its share of the rows, and its share of the weight.

    Args:
        bins: Name of the bin, share of rows, share of weight.
        units: What the rows are.
        numbers: How numbers are written.
        description: What the chart shows.
    """
    kinds = (f"share of {units}", "share of weight")
    records: list[Record] = [
        {
            "bin": name,
            "kind": kind,
            "share": share,
            "label": numbers.share(share) if share > 0.0 else "",
            "tip": f"{kind}: {numbers.share(share)}",
        }
        for name, *shares in bins
        for kind, share in zip(kinds, shares, strict=True)
    ]
    base = chart_of(records).encode(
        y=alt.Y(
            "bin:N", sort=[name for name, _, _ in bins], title="weight", axis=alt.Axis(labelColor=INK, titlePadding=8)
        ),
        yOffset=alt.YOffset("kind:N", sort=list(kinds)),
    )
    bars = base.mark_bar(cornerRadius=1).encode(
        x=alt.X(
            "share:Q",
            title=None,
            axis=alt.Axis(format=".0%", values=[0, 0.25, 0.5, 0.75, 1]),
            scale=alt.Scale(domain=[0, 1.1]),
        ),
        color=alt.Color(
            "kind:N",
            scale=alt.Scale(domain=list(kinds), range=[NEUTRAL, ACCENT]),
            legend=alt.Legend(title=None, orient="top", symbolType="square"),
        ),
        tooltip=[alt.Tooltip("bin:N", title="weight"), alt.Tooltip("tip:N")],
    )
    words = base.mark_text(align="left", dx=4, fontSize=11, fill=INK).encode(x="share:Q", text="label:N")
    chart = alt.layer(bars, words).properties(width="container", height=BAR_HEIGHT * len(bins))
    return finished(chart, description)


def overlap_chart(rows: Sequence[tuple[str, float, float, float]], numbers: NumberFormat, description: str) -> Spec:
    """A dot for the log's share and one for the policy's, joined, on one line an action.

    Args:
        rows: Name of the action, share in the log, share of the policy, what its decisions are worth.
        numbers: How numbers are written.
        description: What the chart shows.
    """
    names = [name for name, *_ in rows]
    kinds = ("in the log", "by the policy")
    records: list[Record] = [
        {
            "name": name,
            "kind": kind,
            "share": share,
            "other": policy,
            "worth": f"worth {numbers.count(worth)}",
            "tip": f"{numbers.share(share)} {kind}",
        }
        for name, logged, policy, worth in rows
        for kind, share in zip(kinds, (logged, policy), strict=True)
    ]
    base = chart_of(records).encode(
        y=alt.Y("name:N", sort=names, title=None, axis=alt.Axis(labelColor=INK, labelLimit=300, grid=False))
    )
    top = max((share for _, logged, policy, _ in rows for share in (logged, policy)), default=1.0) or 1.0
    scale = alt.Scale(domain=[-0.015 * top, 1.3 * top], nice=False)
    joints = (
        base.transform_filter("datum.kind == 'in the log'")
        .mark_rule(color=HAIRLINE, strokeWidth=4)
        .encode(
            x=alt.X("share:Q", title=None, scale=scale, axis=alt.Axis(format="~%", values=round_ticks(0.0, top))),
            x2="other:Q",
        )
    )
    dots = base.mark_point(filled=True, opacity=1.0, size=75).encode(
        x="share:Q",
        color=alt.Color(
            "kind:N",
            scale=alt.Scale(domain=list(kinds), range=[NEUTRAL, ACCENT]),
            legend=alt.Legend(title=None, orient="top"),
        ),
        tooltip=[alt.Tooltip("name:N"), alt.Tooltip("tip:N")],
    )
    words = (
        base.transform_filter("datum.kind == 'in the log'")
        .mark_text(align="right", fontSize=11, fill=INK)
        .encode(x=alt.XDatum(1.29 * top), text="worth:N")
    )
    return finished(
        alt.layer(joints, dots, words).properties(width="container", height=LINE_HEIGHT * len(rows)), description
    )
