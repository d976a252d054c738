"""Upload sheets of a campaign, written, read back and told."""

from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from xbopt.cli.campaign import campaigns_of
from xbopt.cli.terminal import figures_table, print_json, result_console, say, stage_bar, terminal_numbers
from xbopt.core.errors import CampaignError, UsageError

if TYPE_CHECKING:
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
    from xbopt.campaigns.books.events import Booked, BookedFile, PlanBytes
    from xbopt.campaigns.standing import Standing
    from xbopt.reports.campaign.booking_words import booked_sentences, booking_json, check_file
    from xbopt.reports.campaign.words import CampaignWords

    if not out.is_dir():
        raise UsageError(f"There is no folder {out}; create it first, or write elsewhere with -o.")
    with campaigns_of(store) as book:
        record = book.load(name)
        days = _days_of(record, proposal)
        scenario = record.scenario
        rows = None if mapping is None else read_mapping(mapping)
        told = read_export(template, booking_platform(platform)).currencies if template is not None else ()
        account = account_of(scenario, currency=currency, base_per_unit=rate, timezone=zone, told=told)
        label = sha256(f"{name}/{proposal}".encode()).hexdigest()[:8]
        made = write_sheets(days, scenario, platform, template, rows, account=account, by=each, label=label)
        again = read_back(made.sheets, platform, template, scenario, rows, account=account, days=days)
        difference = float(abs(again.spend_base - made.booked.spend_base).sum())
        if difference > _SAME * max(made.booked_total_base, 1.0):
            raise CampaignError(
                f"The sheets of {made.platform.title} do not say what was to be written, so none was. Export again, as "
                "it comes from the platform, and book anew."
            )
        standing = Standing(record)
        plan, whole = record.plan, made.carried_out(days)
        gains = None
        if days.first_day >= standing.today:
            with stage_bar(quiet=as_json) as on_progress:
                on_progress("playing what will be booked", 0, 0)
                gains = gains_of(standing, days.put_into(plan), [whole.put_into(plan)])[0]
        files = [BookedFile(name=file, sha256=sha256(content).hexdigest()) for file, content in made.sheets.items()]
        for file, content in made.sheets.items():
            (out / file).write_bytes(content)
        check = out / f"check-{platform}-{label}.csv"
        check.write_bytes(check_file(made))
        event = Booked(
            proposal="" if proposal == PLAN else proposal,
            platform=platform,
            days=PlanBytes.of(made.booked),
            channels=list(made.channels),
            files=files,
        )
        book.add(name, lambda _: event, actor=actor)
    told_of = booking_json(made, gains, difference)
    if as_json:
        print_json({**told_of, "files": [str(out / one.name) for one in files], "check": str(check)})
        return
    console = result_console()
    for sentence in booked_sentences(made, gains, CampaignWords(scenario, terminal_numbers(scenario.base_currency))):
        console.print(sentence, markup=False)
    for one in files:
        say(f"Sheet: {out / one.name}")
    say(f"Check: {check} ({len(made.check)} cells that are not what the plan asks for)")


def _days_of(record: "CampaignRecord", proposal: str) -> "PlannedDays":
    """The days to be booked that are not over.

    Raises:
        CampaignError: The proposal is not approved, or all its days are over.
    """
    from xbopt.core.decisions.planned_days import PlannedDays

    first = record.known_until
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
    return PlannedDays.of(record.plan, first, end)


def _tell_formats(*, as_json: bool) -> None:
    from xbopt.campaigns.booking.platform import booking_platforms
    from xbopt.reports.campaign.booking_words import formats_table

    table = formats_table(booking_platforms())
    if as_json:
        heads = [column.key for column in table.columns]
        print_json([dict(zip(heads, row, strict=True)) for row in table.rows])
        return
    result_console().print(figures_table(table, terminal_numbers("EUR")))
