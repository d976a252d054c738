"""What a day brought."""

from dataclasses import dataclass

from xbopt.core.arrays import FloatArray
from xbopt.core.decisions.decision import Decision
from xbopt.core.decisions.feasibility import Adjustments
from xbopt.core.made_later import MadeLater
from xbopt.simulator.attribution import Attribution
from xbopt.simulator.kernel.engine import EngineName
from xbopt.simulator.money import MoneyBridge
from xbopt.simulator.places import PlaceDay
from xbopt.simulator.promotion import Ledger


@dataclass(frozen=True, slots=True, kw_only=True)
class DayOutcome(MadeLater):
    """What a day brought; ``(B, R, S)`` unless said. Counts are whole numbers in sampled mode.

    Attributes:
        decision: The decision that was carried out, after projection.
        adjustments: What the projection changed.
        visits: Visits.
        carts: Visits that reached a cart.
        orders: Shipped orders by bucket ``(B, R, S, L)``.
        lost_orders: Orders lost for want of stock.
        returns: Returns that arrived.
        returns_due: Returns that today's orders will cause, expected.
        known_customers: Customers this morning who have bought before and not churned.
        money: Money terms.
        places: The same by place of sale, media left out; the own shop first.
        impressions: ``(B, R, S, C)``.
        attribution: Where visits and orders come from.
        ledger: Where promotions' extra orders come from, expected.
        satisfaction: This morning's satisfaction.
        delivery_days: ``(B, R)``.
        capped: 1 where a cart rate met its cap.
        fx_log: Log currency rates this morning against their first-day level ``(B, K)``.
        engine: Who played it.
    """

    decision: Decision
    adjustments: Adjustments
    visits: FloatArray
    carts: FloatArray
    orders: FloatArray
    lost_orders: FloatArray
    returns: FloatArray
    returns_due: FloatArray
    known_customers: FloatArray
    money: MoneyBridge
    places: tuple[PlaceDay, ...]
    impressions: FloatArray
    attribution: Attribution
    ledger: Ledger
    satisfaction: FloatArray
    delivery_days: FloatArray
    capped: FloatArray
    fx_log: FloatArray
    engine: EngineName

    @property
    def channel_visits(self) -> FloatArray:
        """Expected visits by channel ``(B, R, S, C)``."""
        return self.attribution.sharing.visits()

    @property
    def channel_orders(self) -> FloatArray:
        """Orders by channel ``(B, R, S, C)``, in proportion to expected orders."""
        return self.attribution.sharing.orders()
