"""What many formats have in common that a reader must know: each sentence once, by code. Profiles name the code."""

from collections.abc import Mapping

TRAPS: Mapping[str, str] = {
    "hours_without_country": (
        "No platform reports hours by country. These rows are kept as the margin 'hour', beside other tables of the "
        "same money, and are never added to them."
    ),
    "countries_without_hour": (
        "These rows split the money by country. They are kept as the margin 'country', beside other tables of the "
        "same money, and are never added to them."
    ),
    "conversions_are_claims": (
        "Conversions are what the platform claims within its window: other platforms claim the same orders, and "
        "recent days are still incomplete. They are kept as claims, never as orders, and never summed over platforms."
    ),
    "several_windows": (
        "Several attribution windows stand side by side and count the same orders again; the shortest that is "
        "reported is taken."
    ),
    "reach_does_not_add": (
        "Reach counts persons within one row; over days, countries or campaigns it does not add up. It is kept by row "
        "only."
    ),
    "viewer_zone": (
        "These hours are those of whoever saw the ad, not of the account, so their days are not the account's days. "
        "Choose the hours of the ad account where days and hours have to agree."
    ),
    "opens_are_inflated": (
        "Opens are inflated: mail programs open messages by themselves to protect their users. Judge mailings by "
        "clicks."
    ),
    "no_spend": (
        "The export tells what mailings did and not what they cost; the price of mail goes into the scenario by hand."
    ),
    "period_total": (
        "Rows cover more than one day, and no day can be told from totals. Ask for one row a day, and export it again."
    ),
    "refunds_by_order": (
        "The file does not say when money was paid back; each refund is dated by its order, which is earlier than it "
        "was."
    ),
    "tax_unknown": (
        "Whether the prices contain the tax cannot be solved from the amounts. Say it: --prices with-tax or --prices "
        "without-tax."
    ),
    "tax_by_law": (
        "The tax fits the standard rate neither inside prices nor on top of them; prices are taken to contain it "
        "where the country's law wants that. --prices with-tax or --prices without-tax says it for all."
    ),
    "tax_on_top": (
        "No tax rate is known for the country; the tax is taken to be on top of prices. --prices with-tax says "
        "otherwise."
    ),
    "order_changed": (
        "Subtotal is not what the lines cost less the discounts, as after an order was changed; the stated discount "
        "is taken."
    ),
    "tax_not_in_file": (
        "The file has no tax: revenue is as charged and may contain it. --prices with-tax takes off each country's "
        "standard rate; --prices without-tax says that there is none."
    ),
    "tax_taken_off": (
        "The file has no tax; prices were said to contain it, and each country's standard rate of the day was taken "
        "off."
    ),
    "tax_rate_missing": (
        "Prices were said to contain the tax, but the country's rate is not known; revenue of these rows is left empty."
    ),
    "amounts_repeat": "Amounts of the whole order stand on each of its rows; they are counted once an order.",
    "platform_pays": (
        "Discounts that the platform gives and pays for lower what the buyer pays, not what the seller gets; they "
        "stand in platform_discount and are not taken off revenue."
    ),
    "no_customer": "The file does not say who ordered; repeat purchases and customers cannot be told from it.",
    "one_purchase_type": (
        "Meta reports the same purchases under several names; one of them is taken, never their sum."
    ),
    "order_twice": (
        "The same order is reported more than once, as a purchase page that was opened again does; it is counted once."
    ),
    "no_rate": "Days on which a currency had no rate make no row.",
    "consent_gaps": (
        "Analytics sees only visitors who agreed to it, and may estimate or withhold small numbers. Sessions serve as "
        "shares by channel and country, and orders come from the shop."
    ),
    "compared_periods": (
        "The report compares two periods, so that days stand in it twice. Switch the comparison off, and export it "
        "again."
    ),
    "cancelled_refunds": (
        "Money of cancelled orders was paid back; such an order is no sale, so that this is no refund of one."
    ),
    "orders_elsewhere": (
        "The same sales stand in the platform's report of all orders. Import one of the two, lest they count twice."
    ),
    "account_level": (
        "These rows are of a whole account, without campaigns: a margin of the same money as tables by campaign, "
        "never added to them."
    ),
    "names_elsewhere": (
        "The table has no names of campaigns; they are told apart by their numbers. Names stand in the connector's "
        "tables of campaigns."
    ),
}
"""Sentence by code."""
