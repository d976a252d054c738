"""``xbopt campaign status``, ``propose``, ``book`` and ``close``: what to do next, and what is left of it."""

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from xbopt.cli.campaign import ByOption, NameArgument, campaigns_of, need_campaigns, printed, read_campaigns, who
from xbopt.cli.campaign_actuals import app
from xbopt.cli.options import (
    HtmlOption,
    JsonOption,
    StoreOption,
    TodayOption,
    check_outputs,
    day_of,
    policy_or_bundle,
    today_of,
)
from xbopt.cli.terminal import figures_table, print_json, result_console, say, stage_bar, terminal_numbers
from xbopt.core.errors import CampaignError, UsageError

if TYPE_CHECKING:
    from xbopt.campaigns.books.record import CampaignRecord
    from xbopt.campaigns.standing import Standing
    from xbopt.core.decisions.policy import Policy

_CENT = 0.005


@app.command(name="status", epilog="Example: xbopt campaign status spring --store shop.db --report status.html")
def status_command(
    name: NameArgument,
    store: StoreOption,
    report: HtmlOption = None,
    today: TodayOption = None,
    as_json: JsonOption = False,
) -> None:
    """Where a campaign stands: its money, what came against the model, what was learnt, alarms and what they want."""
    need_campaigns()
    from xbopt.campaigns.advice.status import status_of
    from xbopt.campaigns.standing import Standing
    from xbopt.reports.campaign.document import status_json
    from xbopt.reports.campaign.tables import learnt_table, money_table, result_table
    from xbopt.reports.campaign.words import CampaignWords

    check_outputs({"--report": (report, ".html")})
    asked = today_of(today)
    standing = Standing(read_campaigns(store, lambda book: book.load(name)))
    scenario = standing.scenario
    with stage_bar(quiet=as_json) as on_progress:
        on_progress("playing the model along", 0, 0)
        status = status_of(standing, this_day=(asked - scenario.start).days)
    if report is not None:
        from xbopt.reports.campaign.page import status_content
        from xbopt.reports.kit.page import write_html

        write_html(status_content(standing, status), report)
        say(f"Report: {report}")
    if as_json:
        print_json(status_json(standing, status))
        return
    numbers, console = terminal_numbers(scenario.base_currency), result_console()
    for sentence in CampaignWords(scenario, numbers).status(status):
        console.print(sentence, markup=False)
    tables = (
        money_table(status),
        result_table(status),
        learnt_table(status),
    )
    for table in tables:
        if table.rows:
            console.print(figures_table(table, numbers))


@app.command(name="propose", epilog="Example: xbopt campaign propose spring --until 2026-10-31 --store shop.db")
def propose_command(
    name: NameArgument,
    store: StoreOption,
    first: Annotated[
        str | None,
        typer.Option("--from", metavar="DATE", help="First day; the first that is not over where left out."),
    ] = None,
    until: Annotated[
        str | None,
        typer.Option("--until", metavar="DATE", help="Last day; that of the campaign where left out."),
    ] = None,
    anew: Annotated[
        bool,
        typer.Option("--anew", help="Plan the market from nothing, deals too, as xbopt plan does; takes as long."),
    ] = False,
    report: HtmlOption = None,
    today: TodayOption = None,
    by: ByOption = None,
    as_json: JsonOption = False,
) -> None:
    """Propose what to do: the rest planned anew from what came, or what the campaign's policy decides."""
    need_campaigns()
    from xbopt.campaigns.advice.proposal import propose
    from xbopt.campaigns.books.events import PlanBytes, Proposed
    from xbopt.campaigns.standing import Standing
    from xbopt.reports.campaign.document import proposal_json
    from xbopt.reports.campaign.tables import move_table
    from xbopt.reports.campaign.words import CampaignWords

    check_outputs({"--report": (report, ".html")})
    asked, actor = today_of(today), who(by)
    with campaigns_of(store) as book:
        standing = Standing(book.load(name))
        record, scenario = standing.record, standing.scenario
        this_day = (asked - scenario.start).days
        start = record.open_from(this_day) if first is None else (day_of("--from", first) - scenario.start).days
        end = scenario.days if until is None else (day_of("--until", until) - scenario.start).days + 1
        with stage_bar(quiet=as_json) as on_progress:
            on_progress("planning the days ahead", 0, 0)
            policy = _policy_of(standing)
            if anew and policy is not None:
                raise UsageError(f"--anew is for a campaign that its plan decides; {name} is decided by {policy.name}.")
            found = propose(
                standing, first_day=start, end_day=end, policy=policy, this_day=this_day, anew=anew
            )  # fmt: skip
        figures = found.figures

        def event(now: "CampaignRecord") -> Proposed:
            if now.number != record.number:
                raise CampaignError(f"Something was done with {name} meanwhile; propose again.")
            return Proposed(
                proposal=now.next_proposal,
                days=PlanBytes.of(found.days),
                knows_until=figures.knows_until,
                figures=figures.to_json(),
                around=None if found.around is None else PlanBytes.of(found.around),
            )

        made = record.next_proposal
        with _appearing(report) as page:
            if page is not None:
                from xbopt.reports.campaign.page import proposal_content
                from xbopt.reports.kit.page import write_html

                write_html(proposal_content(standing, made, figures), page)
            book.add(name, event, actor=actor)
    if report is not None:
        say(f"Report: {report}")
    if as_json:
        print_json(proposal_json(standing, made, figures))
        return
    numbers, console = terminal_numbers(scenario.base_currency), result_console()
    words = CampaignWords(scenario, numbers)
    for sentence in words.proposal(made, figures):
        console.print(sentence, markup=False)
    moves = move_table(figures, words)
    if moves.rows:
        console.print(figures_table(moves, numbers))
    say(f"Next: xbopt campaign approve {name} {made} makes it the plan; the page (--report) says more.")


@contextmanager
def _appearing(path: Path | None) -> "Generator[Path | None]":
    """A file that appears under its name only where the block ends well, so that nothing is half done; or none.

    Raises:
        UsageError: It cannot be written there.
    """
    from xbopt.core.files import replace_file

    if path is None:
        yield None
        return
    with replace_file(path) as temporary:
        yield temporary


def _policy_of(standing: "Standing") -> "Policy | None":
    """The policy that decides a campaign; None where its plan does.

    Raises:
        CampaignError: It is another one than the campaign began with.
    """
    from xbopt.agents.policies import PolicyShelf
    from xbopt.campaigns.opening import SERVED
    from xbopt.core.files import sha256_of_content

    opened = standing.record.opened
    if opened.decides == "plan":
        return None
    if opened.policy_source == SERVED:
        raise CampaignError(
            f"{standing.record.name} was opened by a service, and the bundle that is served decides it: propose over "
            "HTTP, POST /v1/campaigns/NAME/proposals."
        )
    if opened.policy_address:
        path = Path(opened.policy_source)
        content = path / "policy" if (path / "policy").is_dir() else path
        if not content.exists():
            raise CampaignError(f"{path} decides {standing.record.name}, and it is not there any more.")
        if sha256_of_content(content) != opened.policy_address:
            raise CampaignError(
                f"{path} is another policy than {standing.record.name} began with. Put the first one back, or close "
                "the campaign and open another with this one."
            )
    asked = policy_or_bundle(opened.policy_source)
    return PolicyShelf(standing.market).policy(asked) if isinstance(asked, str) else asked


@app.command(name="book", epilog="Example: xbopt campaign book spring p1 --for google_editor --template export.csv")
def book_command(
    name: NameArgument,
    proposal: Annotated[str, typer.Argument(metavar="ID", help="An approved proposal, or plan for the whole plan.")],
    platform: Annotated[str, typer.Option("--for", metavar="PLATFORM", help="Which sheets; `formats` lists them.")],
    store: StoreOption,
    template: Annotated[
        Path | None, typer.Option("--template", help="Your own export of that platform, whose budgets are changed.")
    ] = None,
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder of the sheets and the check file.")] = Path(),
    mapping: Annotated[
        Path | None,
        typer.Option("--mapping", help="Table campaign, region, segment, channel, share; names tell where left out."),
    ] = None,
    currency: Annotated[str, typer.Option("--currency", help="Currency of the account.")] = "",
    rate: Annotated[
        float | None, typer.Option("--rate", help="What one unit of it costs in base currency today.")
    ] = None,
    zone: Annotated[str, typer.Option("--zone", help="Time zone of the account, as Europe/Berlin.")] = "",
    each: Annotated[
        Literal["run", "mean"],
        typer.Option("--each", help="A sheet for each run of days with equal budgets, or one with the mean day."),
    ] = "run",
    again: Annotated[
        bool, typer.Option("--again", help="In place of all that was booked for the same cells and days.")
    ] = False,
    accept: Annotated[
        Literal["doubtful_rates"] | None,
        typer.Option("--accept", help="Book despite this refusal: a --rate that is far from the one known."),
    ] = None,
    today: TodayOption = None,
    by: ByOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write upload sheets from your own export: budgets and hours change, nothing is created or switched on."""
    need_campaigns()
    from xbopt.cli.campaign_booking import book_days

    book_days(
        name, proposal, platform, store=store, template=template, out=out, mapping=mapping, currency=currency,
        rate=rate, rate_is_sure=accept == "doubtful_rates", zone=zone, each=each, again=again, today=today_of(today),
        actor=who(by), as_json=as_json,
    )  # fmt: skip


@app.command(name="close", epilog="Example: xbopt campaign close spring --panel spring.parquet --store shop.db")
def close_command(
    name: NameArgument,
    store: StoreOption,
    reason: Annotated[str, typer.Option("--reason", help="Why it ends.")] = "over",
    panel: Annotated[
        Path | None, typer.Option("--panel", help="Write its days as a panel for xbopt calibrate (.parquet).")
    ] = None,
    early: Annotated[bool, typer.Option("--early", help="End it although days are to come.")] = False,
    today: TodayOption = None,
    by: ByOption = None,
    as_json: JsonOption = False,
) -> None:
    """End a campaign: plan against actual, and its days as a panel for the next calibration. Actuals may still come."""
    need_campaigns()
    import numpy as np

    from xbopt.campaigns.books.bookings import beyond_grant
    from xbopt.campaigns.books.events import Closed
    from xbopt.campaigns.closing import plan_against_actual, write_panel
    from xbopt.campaigns.standing import Standing
    from xbopt.reports.campaign.booking_words import runs_on
    from xbopt.reports.campaign.tables import plan_table

    check_outputs({"--panel": (panel, ".parquet")})
    why, actor = printed("--reason", reason, "a few words say why the campaign ends"), who(by)
    asked = today_of(today)
    with campaigns_of(store) as book:
        record = book.load(name)
        if not early:
            record.check_over((asked - record.scenario.start).days)
        standing, number = Standing(record), record.number
        found = plan_against_actual(standing) if standing.today else None

        def event(now: "CampaignRecord") -> Closed:
            if now.number != number:
                raise CampaignError(f"Something was done with {name} meanwhile; close it again.")
            return Closed(reason=why)

        with _appearing(panel) as file:
            span = None if file is None else write_panel(standing, file)
            if record.closed is None:
                record = book.add(name, event, actor=actor)
    scenario = standing.scenario
    first = record.open_from((asked - scenario.start).days)
    running = beyond_grant(record, np.zeros(record.plan.spend_base.shape), first) if first < scenario.days else []
    table = None if found is None else plan_table(found, scenario)
    if as_json:
        heads = [] if table is None else [column.key for column in table.columns]
        print_json(
            {
                "campaign": name,
                "closed": record.closed,
                "currency": scenario.base_currency,
                "known_days": standing.today,
                "spent_base": record.ledger.known_spend_base,
                "untold_base": 0.0 if found is None else found.untold_base,
                "running_sheets": [{"platform": one.booking.platform, "said_base": one.said_base} for one in running],
                "plan_against_actual": []
                if table is None
                else [dict(zip(heads, row, strict=True)) for row in table.rows],
                "panel": None if span is None else {"first": str(scenario.date_of(span[0])), "days": span[1] - span[0]},
            }
        )
        return
    numbers, console = terminal_numbers(scenario.base_currency), result_console()
    console.print(f"{name} is closed: {record.closed}.", markup=False)
    if table is not None:
        console.print(figures_table(table, numbers))
    if found is not None and found.untold_base >= _CENT:
        console.print(
            f"{numbers.money(found.untold_base)} were granted on these days to channels and regions whose spend nobody "
            "told; that is in none of these figures.",
            markup=False,
        )
    for one in running:
        console.print(runs_on(one, numbers.money), markup=False)
    if span is not None:
        from xbopt.calibration.fit.market_fit import LEAST_DAYS

        days = span[1] - span[0]
        say(f"Panel: {panel}, {days} days. xbopt calibrate {panel} --like SCENARIO fits the next scenario.")
        if days < LEAST_DAYS:
            say(
                f"Note: that needs {LEAST_DAYS} days (four weeks warm up, eight are compared); this panel has {days}. "
                "Join it with the panels of the campaigns just before it, without a gap between them, or calibrate the "
                "shop's whole exports: xbopt calibrate DATA_DIR, the folder of xbopt import."
            )
