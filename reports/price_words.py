"""Sentences about price elasticities and promotions, worded once for all faces."""

from collections.abc import Callable, Mapping

from xbopt.calibration.price_fit import Reason as PriceReason
from xbopt.calibration.prices import PriceCode, PriceEstimate, PriceFinding
from xbopt.calibration.promotions import PromotionProfile, PromotionReason
from xbopt.calibration.time_controls import Control
from xbopt.reports.kit.numbers import NumberFormat

_PRICE_REASONS: Mapping[PriceReason, str] = {
    "": "",
    "prices_never_moved": "Prices never moved, so that orders cannot say what a price does. Change the price of some "
    "products for four weeks in one region.",
    "prices_moved_together": "Prices moved with time only, all alike, so that a price cannot be told from a trend. "
    "Change prices product by product, or region by region.",
    "common_moves": "All prices moved in the same weeks, and such weeks are often chosen for their demand: nothing "
    "tells the price from the week. Change prices product by product or region by region, or give what moves them and "
    "not demand (costs, duties, exchange rates).",
    "prices_follow_demand": "Sales go with later prices otherwise than with earlier ones: prices were set by the sales "
    "before them, or people bought ahead of them, so that these orders do not tell what a price does. Give what moves "
    "prices and not demand (costs, duties, exchange rates), or change prices by lot.",
    "too_little_data": "Too few products sold in enough weeks.",
    "no_convergence": "The estimate did not settle.",
    "wide": "Prices moved too little, in too few products, or for a week only, beside how much demand swings, for a "
    "useful interval.",
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
_DIFFER: Mapping[Control, str] = {"region_week": "between products", "week": "between regions", "smooth": "over time"}
_PROMOTION_REASONS: Mapping[PromotionReason, str] = {
    "": "",
    "no_promotions": "The orders show no promotions. Where there were some, export the lines with their discounts; "
    "else run six or more, begun in different weeks, in one region and not in another.",
    "always_on": "There was no week without a discount, so that nothing tells what a promotion adds. Leave weeks "
    "without one, region by region.",
    "too_few": "There were too few promotions that began after a week without one (six in four different weeks are "
    "the least). Run more of them, begun in different weeks.",
    "collinear": "Promotions came so regularly that their own weeks cannot be told from the weeks after the one before."
    " Vary when they begin.",
    "common_dates": "All promotions ran in the same weeks, and such weeks are often chosen for their demand: nothing "
    "tells the promotion from the week. Run some in one region and not in another.",
    "deals_follow_demand": "Sales were higher or lower before promotions began: these followed demand, or people "
    "waited for them, so that the weeks do not tell what a promotion adds.",
    "no_bump": "Promotions did not raise sales beyond chance, so that there is nothing to borrow. More of them, or "
    "deeper ones, would tell whether they do.",
    "wide": "There were too few promotions to say how much they borrow. More of them, begun in different weeks, would "
    "tell.",
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
        verdict = f"{verdict} {_variation(estimate, numbers)}"
    return (verdict, *(_PRICE_FINDINGS[finding.code](finding, numbers) for finding in estimate.findings))


def _variation(estimate: PriceEstimate, numbers: NumberFormat) -> str:
    """Which moves of prices a measured elasticity rests on."""
    if estimate.control is None or (estimate.instruments is not None and not estimate.instruments.is_weak):
        return "It rests on what instruments moved in prices."
    one = (
        " It is that of one product: where buyers change between products, a change of all prices does less."
        if estimate.control == "region_week"
        else ""
    )
    return (
        f"It rests on prices that differ {_DIFFER[estimate.control]} in the same week and outlast it, beside each "
        f"product's own trend: {numbers.share(estimate.lasting_share)} of what moved.{one}"
    )


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
        "The instruments moved all prices in the same weeks, so that only a trend and a yearly wave were taken out: "
        "whatever else happened in those weeks is in the figure."
    ),
    "no_instrument": lambda _finding, _numbers: (
        "No instrument moves prices here. Prices raised in a busy week, or set by earlier sales, are seen through; "
        "prices that changed when demand did, and for as long, are not. A price test by lot would tell."
    ),
    "short_moves_differ": lambda finding, numbers: (
        f"Prices that were there for a week only go with {numbers.decimal(finding.figures['fleeting'])} instead of "
        f"{numbers.decimal(finding.figures['lasting'])}: deals, prices of busy weeks, or prices read with an error. "
        "They do not count."
    ),
    "demand_swings": lambda finding, numbers: (
        "Demand of single products swings for weeks, as prices do. The interval allows for a tenth of the prices' "
        f"lasting moves to follow it, which adds an error of {numbers.decimal(finding.figures['error'])}."
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
    return brought, told
