"""Upload sheets of a campaign, written, read back and told."""

from contextlib import ExitStack
from datetime import date
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from xbopt.cli.campaign import campaigns_of
from xbopt.cli.terminal import figures_table, print_json, result_console, say, stage_bar, terminal_numbers
from xbopt.core.errors import CampaignError, UsageError
from xbopt.core.files import replace_file

if TYPE_CHECKING:
    from xbopt.campaigns.booking.booking import Booking
    from xbopt.campaigns.books.events import BookedLine
    from xbopt.campaigns.books.record import CampaignRecord
    from xbopt.core.decisions.planned_days import PlannedDays

PLAN = "plan"
_SAME = 1e-9
"""Part by which the spend that sheets say may differ from what was to be written: the last bits of sums."""


def book_days(
    name: str,
    proposal: str,
    platform: str,
    *,
    store: str,
    template: Path | None,
    out: Path,
    mapping: Path | None,
    currency: str,
    rate: float | None,
    zone: str,
    each: Literal["run", "mean"],
    again: bool,
    rate_is_sure: bool,
    today: date,
    actor: str,
    as_json: bool,
) -> None:
    """Write the sheets of some days for one platform, and say what of them it will not do."""
    if platform == "formats":
        _tell_formats(as_json=as_json)
        return
    from xbopt.campaigns.advice.gain import gains_of
    from xbopt.campaigns.booking.account import account_of
    from xbopt.campaigns.booking.booking import write_sheets
    from xbopt.campaigns.booking.budget_lines import read_export
    from xbopt.campaigns.booking.mapping import read_mapping
    from xbopt.campaigns.booking.platform import booking_platform
    from xbopt.campaigns.booking.read_back import read_back
    from xbopt.campaigns.books.bookings import beyond_grant, check_booking
    from xbopt.campaigns.books.events import Booked, BookedFile, PlanBytes
    from xbopt.campaigns.days_ahead import may_go_out
    from xbopt.campaigns.standing import Standing
    from xbopt.reports.campaign.booking_words import booked_sentences, booking_json, check_file
    from xbopt.reports.campaign.words import CampaignWords

    if out.exists() and not out.is_dir():
        raise UsageError(f"{out} is no folder; write elsewhere with -o.")
    with campaigns_of(store) as book:
        standing = Standing(book.load(name))
        record, scenario = standing.record, standing.scenario
        carry = standing.carry
        days = _days_of(record, carry, proposal, (today - scenario.start).days)
        rows = None if mapping is None else read_mapping(mapping)
        told = read_export(template, booking_platform(platform)).currencies if template is not None else ()
        account = account_of(
            scenario, currency=currency, base_per_unit=rate, timezone=zone, told=told, rate_is_sure=rate_is_sure
        )
        made = write_sheets(
            days, scenario, platform, template, rows, account=account, by=each, label=f"{name}/{proposal}"
        )
        back = read_back(made.sheets, platform, template, scenario, rows, account=account, days=days)
        difference = float(abs(back.spend_base - made.booked.spend_base).sum())
        if difference > _SAME * max(made.booked_total_base, 1.0):
            raise CampaignError(
                f"The sheets of {made.platform.title} do not say what was to be written, so none was. Export again, as "
                "it comes from the platform, and book anew."
            )
        files = [BookedFile(name=file, sha256=sha256(content).hexdigest()) for file, content in made.sheets.items()]
        event = Booked(
            proposal="" if proposal == PLAN else proposal,
            platform=platform,
            days=PlanBytes.of(made.booked),
            channels=list(made.channels),
            files=files,
            share=made.share.ravel().tolist(),
            again=again,
            lines=_lines_of(made),
        )
        replaced = check_booking(record, event)
        beyond = beyond_grant(record, may_go_out(record, carry), days.first_day, event)
        plan, whole = record.plan, made.carried_out(days)
        with stage_bar(quiet=as_json) as on_progress:
            on_progress("playing what will be booked", 0, 0)
            gains = gains_of(standing, days.put_into(plan), [whole.put_into(plan)])[0]

        def booked(now: "CampaignRecord") -> Booked:
            if now.number != record.number:
                raise CampaignError(f"Something was done with {name} meanwhile; book again.")
            return event

        check = out / f"check-{platform}-{made.mark}.csv"
        contents = {**{out / file: content for file, content in made.sheets.items()}, check: check_file(made)}
        _create(out)
        with ExitStack() as written:  # files get their names once the booking is stored, or not at all
            for path, content in contents.items():
                written.enter_context(replace_file(path)).write_bytes(content)
            book.add(name, booked, actor=actor)
    after = record.ledger.committed_base[days.end_day :] * made.share
    goes_on = days.end_day if after.any() else None
    told_of = booking_json(made, gains, difference, replaced=replaced, beyond=beyond, goes_on=goes_on)
    if as_json:
        print_json({**told_of, "files": [str(out / one.name) for one in files], "check": str(check)})
        return
    console = result_console()
    words = CampaignWords(scenario, terminal_numbers(scenario.base_currency))
    for sentence in booked_sentences(made, gains, words, replaced=replaced, beyond=beyond, goes_on=goes_on):
        console.print(sentence, markup=False)
    for one in files:
        say(f"Sheet: {out / one.name}")
    say(f"Check: {check} ({len(made.check)} cells that are not what the plan asks for)")


def _create(folder: Path) -> None:
    """Make a folder where there is none.

    Raises:
        UsageError: It cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"The folder {folder} cannot be created ({error.strerror}).") from error


def _days_of(record: "CampaignRecord", carry: "PlannedDays", proposal: str, this_day: int) -> "PlannedDays":
    """The days to be booked that are not over, with the money that may still go out on them.

    Args:
        record: The campaign.
        carry: Its rest as `carried_on` gives it.
        proposal: What is to be booked.
        this_day: Today by the calendar, as a day of the horizon.

    Raises:
        CampaignError: The campaign is closed, the proposal is not approved, its days are over, or nothing is left for
            them.
    """
    from xbopt.campaigns.books.bookings import beyond_grant
    from xbopt.campaigns.days_ahead import may_go_out, still_granted, whole_plan
    from xbopt.core.decisions.planned_days import PlannedDays
    from xbopt.reports.campaign.booking_words import runs_on

    if record.closed is not None:
        raise CampaignError(f"The campaign {record.name} is closed ({record.closed}); nothing is booked any more.")
    first = record.open_from(this_day)
    if proposal == PLAN:
        end = record.scenario.days
    else:
        found = record.proposal(proposal)
        if found.state != "approved":
            raise CampaignError(
                f"The proposal {proposal} is {found.state}; xbopt campaign approve {record.name} {proposal} makes it "
                "the plan, and then it can be booked."
            )
        first, end = max(first, found.days.first_day), found.days.end_day
    if first >= end:
        raise CampaignError(f"All days of {proposal} are over; there is nothing left to book.")
    days = PlannedDays.of(whole_plan(record, still_granted(record, carry)), first, end)
    if not days.spend_base.any():
        raise CampaignError(
            f"No money may go out on the days of {proposal}: none is committed for them, or none is left. "
            f"xbopt campaign status {record.name} says what there is."
            + "".join(
                f" {runs_on(one, '{:,.2f}'.format)}" for one in beyond_grant(record, may_go_out(record, carry), first)
            )
        )
    return days


def _lines_of(made: "Booking") -> "list[BookedLine]":
    """Whose budgets stand in sheets, as the campaign's book holds it."""
    from xbopt.campaigns.books.events import BookedLine

    return [
        BookedLine(
            id=line.id, name=line.name, account=line.account, cells=share.nonzero()[0].tolist(),
            share=share[share > 0.0].tolist(),
        )
        for line, share in zip(made.takes.lines, made.takes.share.reshape(len(made.takes.lines), -1), strict=True)
    ]  # fmt: skip


def _tell_formats(*, as_json: bool) -> None:
    from xbopt.campaigns.booking.platform import booking_platforms
    from xbopt.reports.campaign.booking_words import formats_table

    table = formats_table(booking_platforms())
    if as_json:
        heads = [column.key for column in table.columns]
        print_json([dict(zip(heads, row, strict=True)) for row in table.rows])
        return
    result_console().print(figures_table(table, terminal_numbers("EUR")))
