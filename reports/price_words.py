"""Sentences about price elasticities and promotions, worded once for all faces."""

from collections.abc import Callable, Mapping

from xbopt.calibration.prices import PriceCode, PriceEstimate, PriceFinding
from xbopt.calibration.prices import Reason as PriceReason
from xbopt.calibration.promotions import PromotionProfile, PromotionReason
from xbopt.calibration.time_controls import Control
from xbopt.reports.kit.numbers import NumberFormat

_PRICE_REASONS: Mapping[PriceReason, str] = {
    "": "",
    "prices_never_moved": "Prices never moved, so that orders cannot say what a price does. Change the price of some "
    "products for four weeks in one region.",
    "prices_moved_together": "Prices moved with time only, all alike, so that a price cannot be told from a trend. "
    "Change prices product by product, or region by region.",
    "too_little_data": "Too few products sold in enough weeks.",
    "no_convergence": "The estimate did not settle.",
    "wide": "Prices moved too little or in too few products for a useful interval.",
    "wrong_sign": "Orders rose where prices rose: prices followed demand, or something moved both, so that these "
    "orders do not tell what a price does. Give what moves prices and not demand (costs, duties, exchange rates), or "
    "change prices by lot.",
    "out_of_range": "The estimate lies beyond -12, further than any market's: something else moved with prices. Look "
    "for promotions and for prices in several currencies.",
}
_CONTROLS: Mapping[Control, str] = {
    "region_week": "each week in each region",
    "week": "each week",
    "smooth": "a trend and a yearly wave only",
}
_PROMOTION_REASONS: Mapping[PromotionReason, str] = {
    "": "",
    "no_promotions": "There were no promotions.",
    "always_on": "There was no week without a discount, so that nothing tells what a promotion adds.",
    "too_few": "There were too few promotions that began after a week without one (six in four different weeks are "
    "the least).",
    "collinear": "Promotions came so regularly that their own weeks cannot be told from the weeks after the one before."
    " Vary when they begin.",
    "no_bump": "Promotions did not raise sales beyond chance, so that there is nothing to borrow.",
    "wide": "There were too few promotions to say how much they borrow.",
}


def price_sentences(estimate: PriceEstimate, numbers: NumberFormat) -> tuple[str, ...]:
    """What a price estimate says, and what has to be known with it; the first sentence is the verdict."""
    plain = numbers.decimal
    interval = f"{plain(estimate.elasticity)} ({plain(estimate.low)} to {plain(estimate.high)})"
    if estimate.status == "prior only":
        verdict = f"Price elasticity: prior only, {interval}. {_PRICE_REASONS[estimate.reason]}"
    else:
        taken = "" if estimate.control is None else f", with {_CONTROLS[estimate.control]} taken out"
        told = (
            f"from {numbers.count(estimate.price_changes)} price changes of {numbers.count(estimate.products)} "
            f"products in {numbers.count(estimate.weeks)} weeks"
        )
        verdict = f"Price elasticity: {interval}, {told}{taken}."
    return (verdict, *(_PRICE_FINDINGS[finding.code](finding, numbers) for finding in estimate.findings))


def _quantity_breaks(finding: PriceFinding, numbers: NumberFormat) -> str:
    share = numbers.share(finding.figures["at_two_prices"])
    return (
        f"Larger quantities cost less: of products sold in several quantities on one day, {share} had several prices. "
        "A large order is then cheap because it is large. A spreadsheet would make that an elasticity of "
        f"{numbers.decimal(finding.figures['naive'])}; here only list prices over time count."
    )


def _orders_differ(finding: PriceFinding, numbers: NumberFormat) -> str:
    return (
        f"Orders alone respond with {numbers.decimal(finding.figures['orders'])}: the rest is how many pieces an order "
        "holds."
    )


_PRICE_FINDINGS: Mapping[PriceCode, Callable[[PriceFinding, NumberFormat], str]] = {
    "quantity_breaks": _quantity_breaks,
    "other_currency": lambda finding, numbers: (
        f"{numbers.count(finding.figures['rows'])} lines are in another currency than most of their region; they were "
        "left out."
    ),
    "mostly_promotions": lambda finding, numbers: (
        f"{numbers.share(finding.figures['share'])} of the price's movement are discounts. People respond more to a "
        "short deal than to a lasting price, so this may overstate what a lasting price does."
    ),
    "smooth_season": lambda _finding, _numbers: (
        "All prices moved in the same weeks, so that only a trend and a yearly wave were taken out: whatever else "
        "happened in those weeks is in the figure."
    ),
    "no_instrument": lambda _finding, _numbers: (
        "No instrument moves prices here, so that this is measured only if prices did not follow demand: where they "
        "were raised when demand was high, the true elasticity lies further from 0."
    ),
    "weak_instruments": lambda finding, numbers: (
        f"The instruments hardly move prices (F = {numbers.decimal(finding.figures['f'], digits=1)}, at least 10 is "
        "wanted); they were not used."
    ),
    "instruments_differ": lambda finding, numbers: (
        f"Without instruments it would be {numbers.decimal(finding.figures['plain'])}: prices follow demand."
    ),
    "stock_unknown": lambda finding, numbers: (
        f"No table of stock is there. {numbers.count(finding.figures['weeks'])} weeks without any sale of products "
        "that usually sell were taken as out of stock and left out."
    ),
    "empty_weeks": lambda finding, numbers: (
        f"In {numbers.share(finding.figures['share'])} of the weeks a product sold nothing, so that its price is a "
        "guess: the true elasticity may lie further from 0. A table of list prices by day would tell."
    ),
    "orders_differ": _orders_differ,
}


def promotion_sentences(profile: PromotionProfile, numbers: NumberFormat) -> tuple[str, ...]:
    """What a promotion profile says; the first sentence is the verdict."""
    share = numbers.share(profile.pull_forward)
    if profile.bump is None or profile.net is None:
        return (f"Promotions: prior only, {share} of the bump borrowed. {_PROMOTION_REASONS[profile.reason]}",)
    low, high = (numbers.share(bound) for bound in (profile.bump.low, profile.bump.high))
    brought = (
        f"A promotion of {numbers.share(profile.depth)} adds {numbers.share(profile.bump.value)} of a usual week's "
        f"sales in its own week ({low} to {high}); {numbers.share(profile.net.value)} are left after ten weeks "
        f"({numbers.share(profile.net.low)} to {numbers.share(profile.net.high)})."
    )
    if profile.status == "prior only":
        told = f"How much it borrows is prior only, {share} of the bump. {_PROMOTION_REASONS[profile.reason]}"
    else:
        told = f"Other weeks lose {share} of the bump."
    once = (
        "All promotions ran in the same weeks, so that only a trend and a yearly wave were taken out: whatever else "
        "happened in those weeks is in these figures."
    )
    return (brought, told, *([once] if profile.control == "smooth" else []))
