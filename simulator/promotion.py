"""Where a promotion's extra orders come from, and the memory of past prices.

A discount lifts orders by a *bump*, as far as it is a deal: what lasts becomes the price. About a third of the bump is
brought forward from the coming weeks, a third is switched from elsewhere, a third is new (van Heerde, Leeflang, Wittink
2004). What was brought forward is a debt that later days pay back; part of what was switched is taken from the seller's
own less discounted segments of the same region.
"""

from dataclasses import dataclass

import numpy as np

from xbopt.core.arrays import FloatArray, add_up, some
from xbopt.simulator.parameters import MarketParameters, PromotionParameters
from xbopt.simulator.state import MarketState
from xbopt.simulator.worlds import is_certain

WEEKS_AFTER_DAYS = 56
"""Days after a deal in which a reader of daily orders counts what is missing."""
# Stages of 7.5 days, the sixth is the price: of a new discount a thirtieth in the mean of its first four weeks, a half
# after six weeks, all but a fiftieth after three months.
DEAL_KEEP = float(np.exp(-1.0 / 7.5))


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledger:
    """The bump of a day and its sources, expected orders ``(B, R, S)``.

    Attributes:
        bump: Orders above those that no deal would have brought: at the part of the discount that has become the price.
        borrowed: Part of the bump taken from the coming weeks.
        switched: Part of the bump taken from elsewhere: competitors, and the seller's own other segments.
        repaid: Orders that today loses to earlier promotions.
        taken: Orders that today loses to deeper discounts of the region's other segments.
        debt: What is still to be paid back tonight.
    """

    bump: FloatArray
    borrowed: FloatArray
    switched: FloatArray
    repaid: FloatArray
    taken: FloatArray
    debt: FloatArray


def pull_forward(
    market: MarketParameters,
    state: MarketState,
    orders: FloatArray,
    undiscounted: FloatArray,
    borrowed_frac: FloatArray,
    still_a_deal: FloatArray | float = 0.0,
) -> tuple[Ledger, FloatArray]:
    """Split the bump into its sources, and cut today's orders by what earlier and other promotions took.

    Nobody pays back while a deal goes on, however the bump changes from day to day: debts are due as far as today's
    discount has become the price, wholly where there is none. A smaller deal than the last one holds less back.

    Args:
        market: Parameters.
        state: This morning's state.
        orders: Expected orders ``(B, R, S, L)`` before any cut.
        undiscounted: Share of them that no deal would have brought as well ``(B, R, S, L)``, at most 1.
        borrowed_frac: Share of the bump that the weeks after are to miss ``(B, R, S)``.
        still_a_deal: How much of today's discount is still a deal ``(B, R, S)``, 0..1.

    Returns:
        The ledger, and the multiplier on orders ``(B, R, S, L)``. Only the undiscounted part of the orders is cut,
        by ``largest_cut`` at the most, so the multiplier is never negative; a payback that does not fit stays owed.
    """
    promotion = market.promotion
    base_by_bucket = orders * undiscounted
    base = add_up(base_by_bucket, 3)
    bump = add_up(orders, 3) - base
    switched = promotion.switched_frac * bump
    by_prospects = orders[..., 0] - base_by_bucket[..., 0]
    borrowed = _borrowed(market, borrowed_frac * bump, bump, by_prospects)
    due = promotion.payback * (1.0 - still_a_deal) * state.borrowed
    taken = _taken_from_siblings(switched * promotion.own_frac, base, bump)
    wanted = due + taken
    cut = np.minimum(wanted, promotion.largest_cut * base)
    share = cut / np.where(base > 0.0, base, 1.0)
    fits = cut / np.where(wanted > 0.0, wanted, 1.0)
    return (
        Ledger(
            bump=bump,
            borrowed=borrowed,
            switched=switched,
            repaid=due * fits,
            taken=taken * fits,
            debt=state.borrowed,
        ),
        1.0 - share[..., None] * undiscounted,
    )


def _borrowed(market: MarketParameters, missing: FloatArray, bump: FloatArray, by_prospects: FloatArray) -> FloatArray:
    """Orders to borrow, so that the eight weeks after a deal lack those that are stated ``(B, R, S)``.

    Of what is borrowed only the share ``paid_in_time`` is missed in these weeks; and those whom the deal has won order
    again in them, which hides a part of the loss from whoever reads daily orders. Pay-back takes first orders too, and
    their second ones with them: on average it comes ``1 / payback`` days late, and cuts what is left of the weeks. What
    the won bring is made good up to as much as is stated, and nothing is borrowed beyond what switching leaves.

    Args:
        market: Parameters.
        missing: Orders that the weeks after are to lack.
        bump: Extra orders.
        by_prospects: Those of them that are first orders.
    """
    promotion = market.promotion
    hidden = np.minimum(promotion.comes_again * by_prospects, missing)
    paid = promotion.paid_in_time + weeks_left(promotion) * hidden / np.where(bump > 0.0, bump, 1.0)
    return np.minimum((missing + hidden) / paid, (1.0 - promotion.switched_frac) * bump)


def weeks_left(promotion: PromotionParameters) -> float:
    """What is left of the weeks after a deal when an order that it brought forward is paid back, on average."""
    return max(1.0 - 1.0 / (promotion.payback * WEEKS_AFTER_DAYS), 0.0)


def book_borrowing(ledger: Ledger, served: FloatArray) -> Ledger:
    """Add what today brings forward to the debt, and take off what today pays back.

    Args:
        ledger: The day's ledger so far.
        served: Share of the wanted orders that stock could fill ``(B, R, S)``: an order that was never shipped borrows
            from nobody.
    """
    borrowed = ledger.borrowed * served
    return Ledger(
        bump=ledger.bump * served,
        borrowed=borrowed,
        switched=ledger.switched * served,
        repaid=ledger.repaid,
        taken=ledger.taken,
        debt=np.maximum(ledger.debt - ledger.repaid, 0.0) + borrowed,
    )


def next_reference(
    market: MarketParameters, state: MarketState, landed_log: FloatArray, half_life_factor: FloatArray | None = None
) -> FloatArray:
    """The remembered price tomorrow: a moving average of the log landed price against the usual one ``(B, R, S)``."""
    keep = market.demand.reference_keep
    if half_life_factor is not None and not is_certain(half_life_factor):
        keep = keep ** (1.0 / half_life_factor)
    return keep * state.reference_log + (1.0 - keep) * landed_log


def next_remembered_deal(state: MarketState, seen_frac: FloatArray) -> FloatArray:
    """The remembered discount tomorrow ``(B, R, S, 8)``: moving averages in a row, the first of what people see.

    One moving average begins to take a deal for the price on its second day; several in a row (an Erlang delay) leave
    it a deal for weeks. How fast people get used to a price does not say whether it may be withdrawn, so this memory is
    apart from that of prices.
    """
    stages = state.remembered_deal
    before = np.empty_like(stages)
    before[..., 0], before[..., 1:] = seen_frac, stages[..., :-1]
    return DEAL_KEEP * stages + (1.0 - DEAL_KEEP) * before


def _taken_from_siblings(switched_own: FloatArray, base: FloatArray, bump: FloatArray) -> FloatArray:
    """Orders that each segment loses to the better offers of its region's other segments ``(B, R, S)``.

    A customer of segment ``j`` takes up the offer made to ``i`` only where it is better than ``j``'s own. How good an
    offer is shows in its relative lift ``bump/base``. What ``i`` wins is shared over the worse-off segments in
    proportion to their undiscounted orders.
    """
    segments = base.shape[2]
    if segments == 1 or not some(switched_own):
        return np.zeros_like(base)
    lift = bump / np.where(base > 0.0, base, 1.0)
    taken = np.zeros_like(base)
    for i in range(segments):
        worse = np.maximum(lift[..., i, None] - lift, 0.0) * base
        advantage = worse / np.where(lift[..., i, None] > 0.0, lift[..., i, None], 1.0)
        total = add_up(base, 2) - base[..., i]
        share = advantage / np.where(total > 0.0, total, 1.0)[..., None]
        taken += switched_own[..., i, None] * share
    return taken
