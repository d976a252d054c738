"""Findings of a calibration in sentences, each with what to do."""

from collections.abc import Callable, Mapping
from typing import cast

from xbopt.calibration.scenario.calibration import Calibration
from xbopt.calibration.scenario.findings import Finding, FindingCode
from xbopt.calibration.scenario.next_tests import NextTest
from xbopt.calibration.scenario.shop import Reason
from xbopt.reports.imports import TABLE_WORDS
from xbopt.reports.kit.numbers import NumberFormat

_REASONS: Mapping[Reason, str] = {
    "few_orders": "too few orders",
    "few_customers": "too few customers",
    "one_customer": "one customer buys more than half",
    "not_chosen": "not chosen",
    "beyond_the_largest": "beyond the twelve largest",
    "no_facts": "no table has its taxes and facts",
}
EVIDENCE_WORDS: Mapping[str, str] = {
    "M": "measured in the data",
    "stated": "stated by the seller",
    "set": "by choice or by definition",
    "S": "published research or law",
    "S-": "published statistics, second-hand",
    "W": "trade sources",
    "W+": "trade sources",
    "E": "estimates and assumptions",
    "mem": "from memory",
    "src": "other programs' defaults",
}
_MOST_NAMED = 6
_HARDLY = 0.9


def _listed(names: tuple[str, ...]) -> str:
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return f"{', '.join(names[:_MOST_NAMED])}{more}"


def _countries(finding: Finding, numbers: NumberFormat) -> str:
    pairs = [subject.split(":") for subject in finding.subjects]
    named = tuple(f"{code} ({_REASONS[cast('Reason', reason)]})" for code, reason in pairs)
    return (
        f"Left out, with {numbers.share(finding.figures['share'])} of the revenue: {_listed(named)}. Take others with "
        "--regions."
    )


def _levels(finding: Finding, numbers: NumberFormat) -> str:
    parts = tuple(
        f"{name} ({numbers.decimal(finding.figures[f'scale_{n}'])} times)" for n, name in enumerate(finding.subjects)
    )
    return (
        f"Known customers order at another rate than the repeat model of newly won ones says: {_listed(parts)}. The "
        "rates follow the orders counted, so second orders of new customers may be off by as much."
    )


_BOTH = ("found", "taken")


def _held(finding: Finding, numbers: NumberFormat) -> str:
    parts = tuple(
        "{} ({} found, {} taken)".format(path, *(numbers.exact(finding.figures[f"{name}_{n}"]) for name in _BOTH))
        for n, path in enumerate(finding.subjects)
    )
    return (
        f"A scenario cannot hold what the data say of {_listed(parts)}. See whether these rows are right; what rests "
        "on them is no measurement."
    )


def _second_orders(finding: Finding, numbers: NumberFormat) -> str:
    parts = tuple(
        f"{name} {numbers.share(finding.figures[f'types_{n}'])}, seen {numbers.share(finding.figures[f'seen_{n}'])}"
        for n, name in enumerate(finding.subjects)
    )
    return (
        f"Second orders within 90 days are not as the customer types say: {_listed(parts)}. Types order by chance; "
        "customers who keep a rhythm, or leave when they have bought, do otherwise. What a new customer brings in the "
        "first months is off by as much."
    )


_ODD_COSTS = {
    "unlisted": "{} of the sales are of goods that it does not list, whose cost is that of the others of their price",
    "above": "{} are of goods that cost more than they sell for",
    "free": "{} are of goods that cost nothing",
}


def _odd_costs(finding: Finding, numbers: NumberFormat) -> str:
    parts = [_ODD_COSTS[name].format(numbers.share(share)) for name, share in finding.figures.items()]
    return f"The list of costs is odd: {'; '.join(parts)}. Every split of money rests on it: see whether it is right."


_UNREAD = {
    "sends": "What mail brings stays in organic visits and repeat orders, as if as much were sent on; a plan neither "
    "adds mailings nor stops them.",
}
"""Where the effect of what a table tells is found, although nothing uses the table."""


_SENTENCES: Mapping[FindingCode, Callable[[Finding, NumberFormat], str]] = {
    "no_media": lambda _f, _n: (
        "No advertising is in these data. What media cost and bring is taken over and nothing of it measured (evidence "
        "E): do not trust a split of money by it. Import the spend of the ad platforms by day, and calibrate again."
    ),
    "not_fitted": lambda f, _n: (
        f"What media bring was not fitted and is prior only (evidence E): {f.subjects[0]} Prices of reach are measured."
    ),
    "no_customers": lambda _f, _n: (
        "Too few orders name a customer, so nobody can tell first orders from repeat ones: how often customers come "
        "back is taken over (evidence E). Export orders with an e-mail or customer number; both become pseudonyms."
    ),
    "trade_assumed": lambda _f, _n: (
        "Nobody said what is sold: margins, returns and elasticities of general merchandise were taken. Say it with "
        "--trade, and with --origin where the goods come from, or name a scenario like this market with --like."
    ),
    "no_repeat_model": lambda f, n: (
        f"{n.count(f.figures['customers'])} customers are too few to tell how often they come back; types of customers "
        "are taken over (evidence E). More months of orders would tell."
    ),
    "no_prices": lambda _f, _n: (
        "No line of the orders has a product, a quantity and a price: elasticity is taken over. Export the lines of "
        "orders with their prices."
    ),
    "few_weeks": lambda f, n: (
        f"The orders cover {n.count(f.figures['weeks'])} weeks. A season needs 52: months that were not seen are taken "
        "over, and what grew cannot be told from what was in season."
    ),
    "segments_few": lambda f, _n: (
        "Customers are one segment: "
        + {
            "too_few_customers": "there are too few of them to tell groups apart.",
            "no_stable_clusters": "no groups were found that come back when the sample changes.",
            "no_differences": "their orders do not differ in what segments are cut on.",
        }[f.subjects[0]]
    ),
    "countries_left_out": _countries,
    "without_country": lambda f, n: (
        f"Orders that bring {n.share(f.figures['share'])} of the revenue name no country, and are in no region of the "
        "scenario: it is smaller than the shop by as much. Export them with a country of shipping or billing."
    ),
    "foreign_region": lambda f, _n: (
        f"The scenario started from does not have {_listed(f.subjects)}: delivery, fees and media prices there are "
        "those of its first region, the time zone is UTC. Set them under market.regions, or start from another one."
    ),
    "rare_channels": lambda f, _n: f"Bought on fewer than 14 days, and left out as tests: {_listed(f.subjects)}.",
    "costs_odd": _odd_costs,
    "spend_shared": lambda f, _n: (
        f"No file tells in which country {_listed(f.subjects[1:])} spent: the spend was shared over the countries by "
        "their orders. What it brings in one country is not measured (evidence E), do not split money over countries "
        "by it, and no test in one country is proposed. Export the reports with a column of countries, or import them "
        + (
            f"again with {f.subjects[0]}, if these words of the campaigns' names say where they ran."
            if f.subjects[0]
            else "with --country-map WORD=CC,... where the names of campaigns say the country."
        )
    ),
    "media_exceed_orders": lambda f, _n: (
        f"The media alone, as assumed, bring more first orders than were counted in {_listed(f.subjects)}: what media "
        "bring is assumed too high there. A test that stops a channel in a region for some weeks would tell."
    ),
    "costs_assumed": lambda _f, _n: (
        "Nobody said what the goods cost: the gross margin is taken over. Give --costs FILE (sku,cost) or "
        "--gross-margin; every split of money rests on it."
    ),
    "visits_assumed": lambda _f, _n: (
        "No sessions are in these data. Orders are counted, visits and conversion are not: their product is measured, "
        "each of them assumed. An export of sessions by day and country would tell."
    ),
    "levels_differ": _levels,
    "held": _held,
    "burn_in": lambda f, n: (
        f"The orders cover {n.count(f.figures['given'])} weeks, and the fit plays the last "
        f"{n.count(f.figures['played'])}: two years at most, and none of the first part, in which nobody can tell old "
        "customers from new ones."
    ),
    "media_hole": lambda f, _n: (
        f"{f.subjects[0]} has no row from {f.subjects[1]} to {f.subjects[2]}, while the shop took orders. Was it off, "
        "or is the file missing? These days count as not known. Import the missing export, or say that it was off: "
        f"--off {f.subjects[0]}:{f.subjects[1]}..{f.subjects[2]}"
    ),
    "orders_hole": lambda f, _n: (
        f"No order is in the data from {f.subjects[1]} to {f.subjects[2]}, far beyond chance. Was the shop closed, or "
        "is the file missing? These days count as not known, and customers seem to have stayed away. Import the "
        f"missing export, or say that it was closed: --off {f.subjects[0]}:{f.subjects[1]}..{f.subjects[2]}"
    ),
    "covered_days": lambda f, _n: (
        f"The fit plays {f.subjects[0]} to {f.subjects[1]}: the longest run of days that the orders and every platform "
        "bought tell about."
    ),
    "second_orders_differ": _second_orders,
    "order_value_unusual": lambda f, n: (
        f"The median order is worth {n.money(f.figures['value'])}, and such orders are usually worth "
        f"{n.money(f.figures['low'])} to {n.money(f.figures['high'])}: see that the money is in {f.subjects[0]}, and "
        "not in cents. If not, import the orders again with the right --currency."
    ),
    "amounts_in_other_money": lambda f, n: (
        f"The same {n.count(f.figures['articles'])} articles cost {f.figures['times']:.3g} times as much in "
        f"{f.subjects[0]} as at home, and {f.figures['rate']:.4g} {f.subjects[4]} are 1 {f.subjects[3]}: the amounts "
        f"of {f.subjects[0]} are most likely in {f.subjects[2]} and marked {f.subjects[1]}. Import the orders again "
        "with the column of the currency that was paid (--columns currency=NAME), or the file of "
        f"{f.subjects[0]} by itself with --currency {f.subjects[2]}; till then no figure of {f.subjects[0]} is right."
    ),
    "folders_overlap": lambda f, n: (
        f"{n.count(f.figures['rows'])} rows stand in two of the data folders and count once, as when the same files or "
        "days were imported into both."
    ),
    "panel_note": lambda f, _n: f.subjects[0],
    "panel_alone": lambda f, _n: (
        f"The data are a panel without orders: prices, costs and how often customers come back are those of "
        f"{f.subjects[0]}, and only what the panel's days tell was fitted."
    ),
    "panel_left_out": lambda f, n: (
        f"{n.count(f.figures['rows'])} rows of the panel are about the {f.subjects[0]}, which the scenario does not "
        "have; they were left out."
    ),
    "table_unread": lambda f, n: (
        f"{n.count(f.figures['rows'])} {TABLE_WORDS.get(f.subjects[0], f'rows of {f.subjects[0]}')} were read and are "
        f"used by nothing here. {_UNREAD.get(f.subjects[0], 'No plan takes account of them.')}"
    ),
    "own_plan_without_deals": lambda f, n: (
        f"Deals of {n.share(f.figures['depth'])} in the mean ran on {n.count(f.figures['days'])} of the last 56 days. "
        "The scenario's own plan carries media on and gives no discounts: what a plan with discounts brings more than "
        "it is not what it brings more than last time. State yours under plan.discounts to compare with them."
    ),
    "shocks_dropped": lambda f, n: (
        f"{n.count(f.figures['shocks'])} shocks of the scenario named are of its own days, and are not in the new one."
    ),
}


def finding_sentence(finding: Finding, numbers: NumberFormat) -> str:
    """What a finding says, and what to do."""
    return _SENTENCES[finding.code](finding, numbers)


def verdict_sentence(calibration: Calibration, numbers: NumberFormat) -> str:
    """What was made of what."""
    shop = calibration.shop
    counts = calibration.by_evidence()
    whole, measured = sum(counts.values()), counts.get("M", 0)
    places = _listed(calibration.scenario.regions)
    what = f"A panel of {numbers.count(calibration.days)} days, {calibration.period}, of {places} makes the scenario "
    if shop is not None:
        what = f"{numbers.count(shop.orders.height)} orders of {shop.period} to {places} make the scenario "
    return (
        f"{what}"
        f"{calibration.scenario.name}: {numbers.count(measured)} of its {numbers.count(whole)} numbers are measured, "
        f"the others say what they rest on."
    )


def next_test_sentence(test: NextTest, numbers: NumberFormat) -> str:
    """What the best test would tell, and whether that is much."""
    now, after = numbers.decimal(test.width_now), numbers.decimal(test.width_after)
    start = f"{test.channel} off in {test.region} for {test.days} days would take its interval from {now} to {after}"
    if test.width_after > _HARDLY * test.width_now:
        return f"{start}: no single test of this size tells much. Test in more regions at once, or longer."
    return f"{start}, in net revenue per unit of spend; {numbers.count(test.orders)} orders are at risk."


def reason_words(reason: Reason) -> str:
    """Why a country is no region."""
    return _REASONS[reason]
