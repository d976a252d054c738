"""What an order of a trade is usually worth: amounts far beyond it are most likely in another currency."""

from collections.abc import Sequence
from datetime import date

from xbopt.core.tables.market_facts import Fact, fact
from xbopt.core.tables.market_names import named, trades
from xbopt.core.tables.reference_rates import reference_rate

ANY_TRADE = "general"
"""The trade that holds for anything: its orders are worth what those of any trade are."""
FAR, TOO_FAR = 5.0, 20.0
"""Times that an order may lie outside the usual range before it is told, and before it is believed no more.

The dearest shops of a trade, wholesalers and those of single small articles lie within five times the ends of these
ranges; yen, won, forint and dong that are taken for euro, or the other way round, lie beyond twenty times.
"""


def usual_order_values(trade: str | None, currency: str, day: date) -> tuple[float, float] | None:
    """Low and high end of what an order is usually worth, in a currency; None where no rate of it is known.

    Args:
        trade: Id of a trade; the range of all trades together where it is not known.
        currency: ISO 4217 code.
        day: When.

    Raises:
        TableError: There is no such trade.
    """
    rate = reference_rate("USD", currency, day.year)
    if rate is None:
        return None
    own = ANY_TRADE if trade is None else named(trade, trades(), what="trade").id
    names: Sequence[str] = tuple(trades()) if own == ANY_TRADE else (own,)
    known: list[Fact] = [fact("trade", name, "order_value_usd", day) for name in names]
    return rate * min(one.low for one in known), rate * max(one.high for one in known)


def times_outside(value: float, usual: tuple[float, float]) -> float:
    """How many times an amount lies above the high end of a range, or below the low one; 1 inside."""
    low, high = usual
    return max(value / high, low / value, 1.0)
