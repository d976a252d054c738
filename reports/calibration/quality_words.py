"""What cleaning took and what a quality report finds, in words: one sentence a code, one name a rule."""

from collections.abc import Mapping

from xbopt.calibration.customers.cleaning_rules import Rule
from xbopt.calibration.customers.cleaning_sessions import SessionRule
from xbopt.calibration.customers.quality import FindingCode, QualityFinding, Severity
from xbopt.reports.kit.numbers import NumberFormat

SEVERITY_WORDS: Mapping[Severity, str] = {
    "stops": "stops calibration",
    "limits": "limits what is told",
    "note": "good to know",
}

SENTENCES: Mapping[FindingCode, str] = {
    "no_sales": "Of {rows} rows of orders none is a sale. Look at the rules below: were the right columns taken, "
    "and does the file hold sold orders?",
    "one_day": "All {orders} orders are of one day. Export a period of at least eight weeks by day.",
    "short_history": "The orders cover {days} days: the season of the year is not told, and repeat purchases "
    "only as far as the data reach. A year of orders tells both.",
    "days_missing": "{days} days have no sale, {longest} of them in a row. If the shop was open then, a "
    "part of the export is missing.",
    "one_day_holds_much": "One day holds {share} of all revenue: look whether orders were booked in bulk on it.",
    "future_dates": "{rows} rows lie after today and were left out. Look at the order of day and month.",
    "much_left_out": "{share} of the rows ({rows}) were left out. Look at the rules that took most of them "
    "before you believe the rest.",
    "duplicates": "{rows} rows repeat another one and were counted once: data folders that overlap, or a format "
    "that is known to write lines down twice.",
    "alike_lines": "{rows} sales are alike another line of their order but for its number; each counts, as two "
    "engravings do. A format of your own with alike_lines: copies counts them once.",
    "no_customers": "No order names a customer: repeat purchases, segments and customer value are not told. A column "
    "of customer numbers or e-mails would tell them; it is turned into pseudonyms when it is read.",
    "many_without_customer": "{share} of the sales name no customer. Customers are learnt from the rest, which "
    "may be other people.",
    "few_customers": "{customers} customers, {repeaters} of whom came again: too few for segments of their own.",
    "one_customer_holds_much": "One customer brings {share} of the revenue: averages are about that one.",
    "no_refunds": "There are no refunds in the data: return rates are not told, and revenue is before returns.",
    "refunds_dated_by_order": "{share} of the refunds carry the day of the order: how long returns take is not told.",
    "no_discounts": "No order shows a discount: what promotions do is not told.",
    "no_country": "No order names a country: give it with the import, or all sales count for one region.",
    "revenue_computed": "For {rows} sales the net revenue is quantity times price less discount: whether tax is "
    "in the prices is not known.",
    "price_outliers": "{rows} sales at more than twenty times or below a twentieth of the product's usual price "
    "were left out.",
}


RULE_WORDS: Mapping[Rule, str] = {
    "missing_order_id": "No order number",
    "missing_date": "No day",
    "future_date": "Lie after today",
    "exact_duplicate": "Repeat another line exactly",
    "not_goods": "No goods: postage, fees, tests",
    "pending": "Pending: not sold yet",
    "cancelled": "Cancelled",
    "reversal": "Reversals and cancellations, taken as refunds",
    "quantity_missing_or_not_positive": "Pieces missing, or none",
    "price_missing_or_not_positive": "Price missing, or none",
    "voided_same_day": "Undone on the day they were made",
    "price_outlier": "Price far beyond the product's usual one",
    "quantity_outlier": "Absurd number of pieces",
    "missing_customer": "Kept apart: sales without a customer",
}
SESSION_RULE_WORDS: Mapping[SessionRule, str] = {
    "missing_date": "No day",
    "future_date": "Lie after today",
    "exact_duplicate": "Repeat another row exactly",
    "sessions_missing_or_negative": "No count of sessions",
    "more_orders_than_sessions": "More orders than sessions",
    "robots": "Robots: many times the usual sessions, hardly one engaged",
}


def quality_sentence(finding: QualityFinding, numbers: NumberFormat) -> str:
    """The finding in words."""
    figures = {
        name: (numbers.share if name == "share" else numbers.count)(value) for name, value in finding.figures.items()
    }
    return SENTENCES[finding.code].format(**figures)
