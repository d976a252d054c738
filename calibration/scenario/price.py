"""The price elasticity of a scenario's segments, from orders where they tell it."""

from typing import cast

from xbopt.calibration.prices import PriceEstimate
from xbopt.calibration.scenario.draft import Draft, Plain, Source, rounded

_MOST_SPREAD = 1.5


def put_price(draft: Draft, price: PriceEstimate, period: str) -> None:
    """Write the elasticity where the data tell it; where they do not, that of the market started from stays.

    Orders tell one elasticity of all customers. Where the market started from has segments that differ, their ratios
    stay, around the measured mean.
    """
    if price.status != "measured":
        return
    segments = cast("list[Plain]", draft.data["segments"])
    stated = [cast("float", segment["elasticity"]) for segment in segments]
    mean = sum(stated) / len(stated)
    note = f"95 % interval {price.low:.2f} to {price.high:.2f}, one for all; {price.price_changes:,} price changes"
    source = Source(evidence="M", source=f"Orders of {period}", note=note)
    for s, own in enumerate(stated):
        value = min(max(rounded(price.elasticity * own / mean, 3), -12.0), -0.05)
        draft.put(("segments", s, "elasticity"), value, source)
    spread = min(rounded(price.sd / abs(price.elasticity), 2), _MOST_SPREAD)
    draft.put(("uncertainty", "elasticity"), {"spread": spread, "by": []}, source)
