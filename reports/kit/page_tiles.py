"""Tiles as a page shows them: the figure, its range and its change, in words."""

import math

from xbopt.reports.kit.numbers import NumberFormat
from xbopt.reports.kit.page_parts import TileText
from xbopt.reports.kit.tiles import Tile


def tile_text(tile: Tile, numbers: NumberFormat) -> TileText:
    """Format a tile of KPIs."""
    change, tone = "", "even"
    if tile.change is not None:
        mean = tile.change.estimate.mean
        if math.isfinite(mean):
            text = numbers.number(abs(mean), tile.unit, short=True)
            is_zero = text == numbers.number(0.0, tile.unit, short=True)
            sign = "" if is_zero else "+" if mean > 0.0 else "\N{MINUS SIGN}"
            if tile.unit == "share":
                text = f"{numbers.decimal(abs(mean) * 100.0)} points"
            change = f"{sign}{text} against {tile.baseline}" if not is_zero else f"as {tile.baseline}"
            if tile.good_if_higher is not None and not is_zero:
                tone = "good" if (mean > 0.0) == tile.good_if_higher else "bad"
    return TileText(
        name=tile.name,
        figure=numbers.number(tile.estimate.mean, tile.unit, short=True),
        range=numbers.range(tile.estimate, tile.unit, short=True),
        change=change,
        tone=tone,
        meaning=tile.meaning,
    )
