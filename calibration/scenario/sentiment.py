"""What ratings, returns and service contacts say of a region, as ``market.regions.sentiment``."""

from collections.abc import Mapping

import polars as pl

from xbopt.calibration.customers.cleaning import Cleaned
from xbopt.calibration.customers.sentiment import sentiment_index
from xbopt.calibration.scenario.draft import Draft, Source, rounded
from xbopt.calibration.scenario.shop import Shop


def put_sentiment(draft: Draft, shop: Shop, cleaned: Cleaned, tables: Mapping[str, pl.DataFrame]) -> None:
    """Write start, volatility and half-life of each region that feedback is about; the others keep theirs."""
    feedback = tables.get("feedback")
    if feedback is None:
        return
    for mood in sentiment_index(feedback, cleaned.sales, cleaned.refunds):
        if mood.region not in shop.regions:
            continue
        path = ("market", "regions", shop.regions.index(mood.region), "sentiment")
        source = Source(
            evidence="M",
            source=f"Ratings, returns and contacts of {len(mood.months)} months, {mood.months[0]} to {mood.months[-1]}",
            note="Standard deviations of a single review around the shop's own mean; months of few are drawn to 0",
        )
        draft.put((*path, "start"), rounded(mood.start, 3), source)
        if mood.volatility is not None:
            draft.put((*path, "volatility"), min(rounded(mood.volatility, 3), 1.0), source)
        if mood.half_life_days is not None:
            draft.put((*path, "half_life_days"), rounded(mood.half_life_days, 3), source)
