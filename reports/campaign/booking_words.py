"""What is said of upload sheets: how sure the format is, what a platform adds, each cell that differs from the plan.

``check_file`` is the table that stands beside the sheets.
"""

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict

from xbopt.campaigns.advice.gain import Gain, Gains
from xbopt.campaigns.booking.booking import Booking
from xbopt.campaigns.booking.check_row import CheckCode, CheckRow
from xbopt.campaigns.booking.export_table import as_text
from xbopt.campaigns.booking.platform import BookingPlatform
from xbopt.campaigns.books.bookings import BeyondGrant, Replaced
from xbopt.campaigns.books.events import Booked
from xbopt.imports.profile import EVIDENCE_MEANS
from xbopt.reports.campaign.words import CampaignWords
from xbopt.reports.kit.figures import Column, Table

_CHECK_WORDS: Mapping[CheckCode, str] = {
    "rounded": "Rounded to what the currency allows; all budgets together never exceed the plan.",
    "raised_to_minimum": "Below the platform's least budget, which stands there. Pause it by hand if it shall not run.",
    "lowered_for_others": "Lowered, so that budgets raised to the platform's least do not cost more than the plan has.",
    "mean_of_days": "The mean of these days, since one sheet holds one budget. The plan goes from {detail} a day.",
    "no_sheet": "No sheet for these days: the least budgets cost more than the plan. Pause these lines by hand.",
    "not_running": "It does not run by the export, so that it spends nothing. A sheet never switches anything on.",
    "left_out": "It runs, and the mapping leaves it out: it keeps this budget, which comes on top of the plan's.",
    "other_sheet": "The rest is not in this sheet. Book it with its own platform, or map a campaign to it.",
    "hours_unbookable": "The plan's hours are not written: the format or the export has no column for them.",
    "hours_only_on_off": "Hours are on or off here; bids by hour need a bid strategy by hand, named in the export.",
    "hours_no_zone": "The plan's hours are not written: say the time zone of the account with --zone.",
    "hours_left": "The schedule of the export stays as it is: {detail}",
    "hours_clipped": "Bids of {detail} quarters of an hour a day are moved to the platform's least or most.",
    "hours_merged": "Bids of {detail} quarters of an hour a day are evened out, since a day has few intervals.",
    "clock_change": "One clock is changed on this day: for some hours the schedule is off by that change.",
    "other_day": "The region's clock is {detail} h against the account's, and a budget is for the account's day.",
}
_CENT = 0.005
_MOST_TOLD = 5
_ERRORS = 2.0
"""A mean within so many standard errors of 0 is called none."""
_CHECK_HEAD = ("from", "to", "line", "asked_a_day", "stands", "currency", "code", "why")


def check_sentence(row: CheckRow) -> str:
    """Why a cell is not what the plan asks for."""
    return _CHECK_WORDS[row.code].format(detail=row.detail)


def check_file(booking: Booking) -> bytes:
    """Every cell that is not what the plan asks for, as CSV in UTF-8."""
    stream = io.StringIO(newline="")
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(_CHECK_HEAD)
    digits = max(booking.account.digits, 2)
    for row in booking.check:
        money = ("" if each is None else f"{each:.{digits}f}" for each in (row.asked, row.stands))
        writer.writerow((row.first, row.last, as_text(row.line), *money, row.currency, row.code, check_sentence(row)))
    return stream.getvalue().encode()


def booking_sentences(booking: Booking) -> tuple[str, ...]:
    """What to know before the sheets are uploaded, the gravest first."""
    form = booking.platform
    said = [f"{form.title}: known from {EVIDENCE_MEANS[form.evidence]} ({form.source}; {form.looked_up})."]
    if not booking.sheets:
        said.append("There is no sheet: the platform's least budgets cost more than the plan has on any of these days.")
    said.append(
        "Upload each sheet before the first day in its name; its budgets hold until the next, and those of the last go "
        "on. Rows that are not the plan's say what they said when they were exported: use an export of today, or what "
        "was paused since runs again."
    )
    if left := [row.line for row in booking.check if row.code == "left_out"]:
        shown = "; ".join(left[:_MOST_TOLD]) + ("; ..." if len(left) > _MOST_TOLD else "")
        said.insert(1, f"Running in the export, but not in the mapping, so that it goes on beside the plan: {shown}.")
    if form.day_multiple is not None:
        said.append(f"One day may cost up to {form.day_multiple:g} times its budget.")
    if form.month_multiple is not None:
        said.append(f"A month costs {form.month_multiple:g} times the daily budget at most.")
    said += form.notes
    said += [f"Not in the sheet: {what[0].lower()}{what[1:]}" for what in form.cannot]
    return (*said, "Not in the sheet: discounts, which are given in the shop.")


def booked_sentences(
    booking: Booking,
    gains: Gains | None,
    words: CampaignWords,
    *,
    replaced: Sequence[Replaced] = (),
    beyond: Sequence[BeyondGrant] = (),
    goes_on: int | None = None,
) -> tuple[str, ...]:
    """What was booked, what that is worth against the plan, and what to know before the sheets are uploaded.

    Args:
        booking: The sheets.
        gains: Of what will be done over the plan; None where it was not worked out.
        words: The campaign's.
        replaced: Earlier bookings that these sheets take the place of.
        beyond: Earlier bookings that say more than may go out by now.
        goes_on: The day after the last that was booked, where the plan spends on through this platform; else None.
    """
    money = words.numbers
    asked, booked = booking.asked_total_base, booking.booked_total_base
    sheets = "1 sheet" if len(booking.sheets) == 1 else f"{len(booking.sheets)} sheets"
    said = [f"{money.money(booked)} of {money.money(asked)} that the plan asks of it are in {sheets}."]
    account, base = booking.account, money.currency
    if account.currency != base:
        said.append(f"One {account.currency} is taken for {account.base_per_unit:g} {base}.")
    # Sheets of the same name from several bookings are told once.
    said += dict.fromkeys(_instead(one, booking.platform.id) for one in replaced)
    said += [
        f"{_booked_with(one.booking)} still says {money.money(one.more_base)} more than may go out: book that anew as "
        "well."
        for one in beyond
    ]
    if goes_on is not None:
        said.append(
            f"The plan goes on after these days. Their last budgets stand until others are uploaded: from "
            f"{words.day(goes_on)} on they are the plan's no more. Book the days that follow too (ID plan), and upload "
            "those sheets on their days, even where they were uploaded before."
        )
    if gains is not None:
        said.append(booked_gain(gains.reward, words))
    return (*said, "The sheets were read back and say the same.", *booking_sentences(booking))


def booked_gain(gain: Gain, words: CampaignWords) -> str:
    """What is gained by what will be done over the plan; what chance and single worlds make is no difference."""
    least = max(_ERRORS * gain.se, _CENT)
    if (gain.low > 0.0 and gain.mean > least) or (gain.high < 0.0 and gain.mean < -least):
        return f"{words.gain(gain, 'Against the plan what will be done brings')}."
    return "Against the plan what will be done brings no difference that is beyond chance."


def _instead(earlier: Replaced, platform: str) -> str:
    """What becomes of earlier sheets for the same cells and days."""
    said = f"{_booked_with(earlier.booking)} gives way to these sheets on the same days"
    if earlier.booking.platform != platform:
        return f"{said}: stop it there, or the money is spent twice."
    if earlier.not_written:
        return (
            f"{said}. These sheets do not write {'; '.join(earlier.not_written)}, where the old budget stays: stop it "
            "there, or the money is spent twice."
        )
    return f"{said}."


def runs_on(sheets: BeyondGrant, money: Callable[[float], str]) -> str:
    """Sheets that go on although nothing of what they say may go out.

    Args:
        sheets: The sheets.
        money: Writes an amount of base currency.
    """
    said = f"{_booked_with(sheets.booking)} still says {money(sheets.said_base)} for the days to come"
    return f"{said}: stop it there; nothing else ends it."


def _booked_with(earlier: Booked) -> str:
    return f"What was booked with {earlier.platform} ({', '.join(one.name for one in earlier.files)})"


def booking_json(
    booking: Booking,
    gains: Gains | None,
    difference_base: float,
    *,
    replaced: Sequence[Replaced] = (),
    beyond: Sequence[BeyondGrant] = (),
    goes_on: int | None = None,
) -> dict[str, object]:
    """What ``xbopt campaign book --json`` prints, but for the files."""
    return {
        "platform": booking.platform.id,
        "evidence": booking.platform.evidence,
        "currency": booking.account.currency,
        "asked_base": booking.asked_total_base,
        "booked_base": booking.booked_total_base,
        "read_back_difference_base": difference_base,
        "base_per_unit": booking.account.base_per_unit,
        "replaced": list(dict.fromkeys(one.booking.platform for one in replaced)),
        "not_written": list(dict.fromkeys(name for one in replaced for name in one.not_written)),
        "beyond_grant": [
            {"platform": one.booking.platform, "said_base": one.said_base, "more_base": one.more_base} for one in beyond
        ],
        "goes_on": goes_on,
        "gain": None if gains is None else asdict(gains.reward),
        "cells": [{**asdict(row), "first": str(row.first), "last": str(row.last)} for row in booking.check],
        "sentences": list(booking_sentences(booking)),
    }


def formats_table(known: Mapping[str, BookingPlatform]) -> Table:
    """The formats of upload sheets, and how each is known."""
    return Table(
        key="formats",
        title="Upload sheets",
        columns=(
            Column("id", "Format", "text"),
            Column("title", "Sheet", "text"),
            Column("evidence", "Known from", "text"),
            Column("source", "Where it is described", "text"),
        ),
        rows=tuple((one.id, one.title, EVIDENCE_MEANS[one.evidence], one.source) for one in known.values()),
    )
