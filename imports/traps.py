"""What many formats have in common that a reader must know: each sentence once, by code. Profiles name the code."""

from collections.abc import Mapping

TRAPS: Mapping[str, str] = {
    "hours_without_country": (
        "No platform reports hours by country. These rows are kept as the margin 'hour', beside other tables of the same "
        "money, and are never added to them."
    ),
    "countries_without_hour": (
        "These rows split the money by country. They are kept as the margin 'country', beside other tables of the same "
        "money, and are never added to them."
    ),
    "conversions_are_claims": (
        "Conversions are what the platform claims within its window: other platforms claim the same orders, and recent "
        "days are still incomplete. They are kept as claims, never as orders, and never summed over platforms."
    ),
    "several_windows": (
        "Several attribution windows stand side by side and count the same orders again; the shortest that is reported is "
        "taken."
    ),
    "reach_does_not_add": (
        "Reach counts persons within one row; over days, countries or campaigns it does not add up. It is kept by row only."
    ),
    "viewer_zone": (
        "These hours are those of whoever saw the ad, not of the account, so their days are not the account's days. Choose "
        "the hours of the ad account where days and hours have to agree."
    ),
    "opens_are_inflated": (
        "Opens are inflated: mail programs open messages by themselves to protect their users. Judge mailings by clicks."
    ),
    "no_spend": "The export tells what mailings did and not what they cost; the price of mail goes into the scenario by hand.",
    "period_total": (
        "Rows cover more than one day, and no day can be told from totals. Ask for one row a day, and export it again."
    ),
    "refunds_by_order": (
        "The file does not say when money was paid back; each refund is dated by its order, which is earlier than it was."
    ),
    "tax_unknown": (
        "Whether the prices contain the tax cannot be solved from the amounts. Say it: --prices with-tax or --prices "
        "without-tax."
    ),
    "tax_not_in_file": (
        "The file has no tax: revenue is as charged and may contain it. --prices with-tax takes off each country's standard "
        "rate; --prices without-tax says that there is none."
    ),
    "tax_taken_off": (
        "The file has no tax; prices were said to contain it, and each country's standard rate of the day was taken off."
    ),
    "tax_rate_missing": (
        "Prices were said to contain the tax, but the country's rate is not known; revenue of these rows is left empty."
    ),
    "amounts_repeat": "Amounts of the whole order stand on each of its rows; they are counted once an order.",
    "platform_pays": (
        "Discounts that the platform gives and pays for lower what the buyer pays, not what the seller gets; they stand in "
        "platform_discount and are not taken off revenue."
    ),
    "no_customer": "The file does not say who ordered; repeat purchases and customers cannot be told from it.",
}
"""Sentence by code."""
