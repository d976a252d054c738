"""Sentences for what a quality report finds, one a code."""

from collections.abc import Mapping

from xbopt.calibration.customers.quality import FindingCode, QualityFinding

SENTENCES: Mapping[FindingCode, str] = {
    "no_sales": "Of {rows:,.0f} rows of orders none is a sale. Look at the rules above: were the right columns taken, "
    "and does the file hold sold orders?",
    "one_day": "All {orders:,.0f} orders are of one day. Export a period of at least eight weeks by day.",
    "short_history": "The orders cover {days:,.0f} days: the season of the year is not told, and repeat purchases "
    "only as far as the data reach. A year of orders tells both.",
    "days_missing": "{days:,.0f} days have no sale, {longest:,.0f} of them in a row. If the shop was open then, a "
    "part of the export is missing.",
    "one_day_holds_much": "One day holds {share:.0%} of all revenue: look whether orders were booked in bulk on it.",
    "future_dates": "{rows:,.0f} rows lie after today and were left out. Look at the order of day and month.",
    "much_left_out": "{share:.0%} of the rows ({rows:,.0f}) were left out. Look at the rules that took most of them "
    "before you believe the rest.",
    "duplicates": "{rows:,.0f} rows repeat another one and were counted once: data folders that overlap, or a format "
    "that is known to write lines down twice.",
    "alike_lines": "{rows:,.0f} sales are alike another line of their order but for its number; each counts, as two "
    "engravings do. A format of your own with alike_lines: copies counts them once.",
    "no_customers": "No order names a customer: repeat purchases, segments and customer value are not told. A column "
    "of customer numbers or e-mails would tell them; it is turned into pseudonyms when it is read.",
    "many_without_customer": "{share:.0%} of the sales name no customer. Customers are learnt from the rest, which "
    "may be other people.",
    "few_customers": "{customers:,.0f} customers, {repeaters:,.0f} of whom came again: too few for segments of their "
    "own.",
    "one_customer_holds_much": "One customer brings {share:.0%} of the revenue: averages are about that one.",
    "no_refunds": "There are no refunds in the data: return rates are not told, and revenue is before returns.",
    "refunds_dated_by_order": "{share:.0%} of the refunds carry the day of the order: how long returns take is not "
    "told.",
    "no_discounts": "No order shows a discount: what promotions do is not told.",
    "no_country": "No order names a country: give it with the import, or all sales count for one region.",
    "revenue_computed": "For {rows:,.0f} sales the net revenue is quantity times price less discount: whether tax is "
    "in the prices is not known.",
    "price_outliers": "{rows:,.0f} sales at more than twenty times or below a twentieth of the product's usual price "
    "were left out.",
}


def sentence(finding: QualityFinding) -> str:
    """The finding in words."""
    return SENTENCES[finding.code].format(**finding.figures)
