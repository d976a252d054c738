"""What a reader of actuals has to know: codes, and their sentences."""

from collections.abc import Mapping
from typing import Literal

from xbopt.imports.panel_notes import YEARLY_RATES, CodedNote

NoteCode = Literal[
    "outside_days",
    "other_countries",
    "other_channels",
    "shared_by_plan",
    "yearly_rates",
    "not_finished",
    "no_country",
    "no_country_lost",
    "by_kind",
    "off_with_spend",
    "alike_rows",
    "unread_cells",
    "no_money",
    "margins_differ",
    "margins_multiplied",
    "off_to_come",
    "off_alone",
    "no_account",
    "account_named",
    "account_spelt",
    "off_with_orders",
]
_SENTENCES: Mapping[NoteCode, str] = {
    "outside_days": "{count:,} rows are of days before or after the campaign and were left out.",
    "other_countries": "{count:,} rows are of {what}, where the campaign does not run, and were left out.",
    "other_channels": "{count:,} rows are of media that were said to be none of the campaign's: {what}.",
    "shared_by_plan": "{count:,} rows of media name no country; they were shared over the regions as the money was "
    "committed.",
    "yearly_rates": YEARLY_RATES,
    "not_finished": "{what} was not over when the files were made, so {count:,} rows were left out; tell it again once "
    "it is over.",
    "no_country": "{count:,} orders name no country; of their days only the totals of all regions are known.",
    "no_country_lost": "{count:,} orders name no country, and others are of countries where the campaign does not run; "
    "the orders of their days are not known.",
    "by_kind": "{what}, by a word in the name; --channels says otherwise.",
    "off_with_spend": "{what} was said to be off, and the files tell spend on {count:,} of these days; that counts.",
    "alike_rows": "{what}",
    "unread_cells": "{what}",
    "no_money": "{what}",
    "margins_differ": "{what}: two tables of the same money differ by {count:,} per cent in all, so one of them is not "
    "complete. What one has more of a day counts, as of no country; where the other one is right, tell that alone.",
    "margins_multiplied": "{what}: channels and countries come in two tables of the same money; each day's channels "
    "were shared over its countries.",
    "off_to_come": "{what} reaches into days that are not over, so {count:,} days were left out.",
    "off_alone": "{what} on {count:,} days: nobody else told of it, so it counts as spending nothing there. Where "
    "another platform spends on it, tell its files.",
    "no_account": "The files name no account of {what}; they are read as the one that told before.",
    "account_named": "{what} is read as the account that told before without a name.",
    "account_spelt": "{what}: the two differ in punctuation, spaces or case alone.",
    "off_with_orders": "{what} was said to be closed, and {count:,} of these days are told with orders; they count.",
}


class ActualsNote(CodedNote[NoteCode]):
    """What a reader of actuals has to know."""

    __slots__ = ()
    sentences = _SENTENCES
