"""The price elasticity of a scenario's segments, from orders where they tell it."""

from dataclasses import replace
from typing import cast

from xbopt.calibration.prices import ELASTICITY_RANGE, PriceEstimate
from xbopt.calibration.scenario.draft import Draft, Plain, Source, rounded

_MOST_SPREAD = 1.5


def put_price(draft: Draft, price: PriceEstimate, period: str) -> None:
    """Write the elasticity where the data tell it; where they do not, that of the market started from stays.

    Orders tell one elasticity of all customers. Where the market started from has segments that differ, their ratios
    stay, around the measured mean, unless one would leave the range of the format: then all have the measured one.
    """
    if price.status != "measured":
        return
    segments = cast("list[Plain]", draft.data["segments"])
    stated = [cast("float", segment["elasticity"]) for segment in segments]
    mean = sum(stated) / len(stated)
    notes = [
        f"95 % interval {price.low:.2f} to {price.high:.2f}, one for all",
        f"{price.price_changes:,} price changes",
    ]
    if price.control == "region_week":
        notes.append("that of one product, a change of all prices may do less")
    if any(finding.code == "no_instrument" for finding in price.findings):
        notes.append("measured if prices did not follow lasting swings of demand, no instrument tells")
    values = [rounded(price.elasticity * own / mean, 3) for own in stated]
    low, high = ELASTICITY_RANGE
    if not all(low <= value <= high for value in values):
        values = [rounded(price.elasticity, 3)] * len(stated)
        notes.append("segments are alike, since their ratios would lead beyond the format's range")
    if len(set(values)) > 1:
        notes.append("ratios between segments are taken over: orders tell one elasticity of all customers")
    spread = rounded(price.sd / abs(price.elasticity), 2)
    source = Source(evidence="M", source=f"Orders of {period}", note="; ".join(notes))
    # One number was measured: it is that of a segment where there is one segment only.
    own = source if len(values) == 1 else replace(source, evidence="E")
    for s, value in enumerate(values):
        draft.put(("segments", s, "elasticity"), value, own)
    taken = min(spread, _MOST_SPREAD)
    draft.put(
        ("uncertainty", "elasticity"), {"spread": taken, "by": []}, source, pattern="uncertainty.elasticity.spread"
    )
    draft.hold(("uncertainty", "elasticity", "spread"), spread, taken)
