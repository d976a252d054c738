"""``xbopt campaign actuals`` and ``withdraw``: what was spent and sold, and what should not have been told."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from xbopt.cli.campaign import ByOption, NameArgument, app, campaigns_of, need_campaigns, printed, who
from xbopt.cli.options import JsonOption, StoreOption, day_of, pairs_of
from xbopt.cli.terminal import print_json, result_console, say, table, terminal_numbers
from xbopt.core.errors import CampaignError

if TYPE_CHECKING:
    from xbopt.campaigns.books.events import ToldActuals
    from xbopt.campaigns.books.record import CampaignRecord


@app.command(name="actuals", epilog="Example: xbopt campaign actuals spring google.csv meta.csv orders.csv")
def actuals_command(
    name: NameArgument,
    store: StoreOption,
    files: Annotated[
        list[Path] | None,
        typer.Argument(metavar="FILE...", help="Exports of platforms and the shop, or data folders."),
    ] = None,
    profile: Annotated[str | None, typer.Option("--as", metavar="FORMAT", help="Format of all files.")] = None,
    currency: Annotated[str | None, typer.Option("--currency", help="Currency where a file does not say it.")] = None,
    zone: Annotated[str | None, typer.Option("--zone", help="Time zone where a file does not say it.")] = None,
    account: Annotated[str | None, typer.Option("--account", help="Account or shop that the files are of.")] = None,
    channel_map: Annotated[
        list[str] | None,
        typer.Option("--channel-map", metavar="START=CHANNEL,...", help="As of xbopt import; repeatable."),
    ] = None,
    country_map: Annotated[
        list[str] | None, typer.Option("--country-map", metavar="WORD=CC,...", help="As of xbopt import; repeatable.")
    ] = None,
    columns: Annotated[
        str | None, typer.Option("--columns", metavar="ROLE=NAME,...", help="Columns by role, as of xbopt import.")
    ] = None,
    prices: Annotated[
        Literal["with-tax", "without-tax"] | None, typer.Option("--prices", help="As of xbopt import.")
    ] = None,
    rates: Annotated[Path | None, typer.Option("--rates", help="File of exchange rates.")] = None,
    decimal: Annotated[Literal[".", ","] | None, typer.Option("--decimal", help="As of xbopt import.")] = None,
    dates: Annotated[Literal["DMY", "MDY"] | None, typer.Option("--dates", help="As of xbopt import.")] = None,
    channels: Annotated[
        list[str] | None,
        typer.Option(
            "--channels",
            metavar="NAME=CHANNEL,...",
            help="Which channel of the campaign the files' media are; none leaves one out. Repeatable.",
        ),
    ] = None,
    off: Annotated[
        list[str] | None,
        typer.Option("--off", metavar="PLATFORM:DATE..DATE", help="Days on which it was off: nothing was spent."),
    ] = None,
    until: Annotated[
        str | None, typer.Option("--until", metavar="DATE", help="Last day that was over; yesterday where left out.")
    ] = None,
    accept: Annotated[list[str] | None, typer.Option("--accept", metavar="CODE", help="As of xbopt import.")] = None,
    key_file: Annotated[Path | None, typer.Option("--key-file", help="As of xbopt import.")] = None,
    by: ByOption = None,
    as_json: JsonOption = False,
) -> None:
    """Tell what was spent and sold. A day that was told before is corrected, and nothing counts twice."""
    from xbopt.core.extras import need_extra

    need_campaigns()
    need_extra("data", "polars")
    from xbopt.campaigns.told_files import ImportAnswers, read_actuals
    from xbopt.imports.coverage import read_span

    answers = ImportAnswers(
        profile=profile, currency=currency, zone=zone, account=account,
        channels=pairs_of("--channel-map", channel_map or []),
        countries=pairs_of("--country-map", country_map or []),
        columns=pairs_of("--columns", [columns] if columns else []), prices=prices, rates=rates, decimal=decimal,
        dates=dates, accept=accept or (), key=key_file,
    )  # fmt: skip
    spans, actor = [read_span(text) for text in off or []], who(by)
    with campaigns_of(store) as book:
        record = book.load(name)
        found = read_actuals(
            files or [], record, answers=answers, channels=pairs_of("--channels", channels or []), off=spans,
            until=None if until is None else day_of("--until", until),
        )  # fmt: skip
        event, number = found.event, record.number

        def told(now: "CampaignRecord") -> "ToldActuals":
            if now.number != number or event is None:
                raise CampaignError(f"Something was done with {name} meanwhile; tell it again. Nothing was taken.")
            return event

        if event is not None:
            record = book.add(name, told, actor=actor)
    from xbopt.reports.campaign.actuals import actuals_json, actuals_sentences

    if as_json:
        print_json(actuals_json(found, record))
        return
    console = result_console()
    for sentence in actuals_sentences(found, record, terminal_numbers(record.scenario.base_currency)):
        console.print(sentence, markup=False)
    for note in found.notes:
        say(f"Note: {note.sentence}")


@app.command(
    name="withdraw", epilog="Example: xbopt campaign withdraw spring 4 --reason 'of another shop' --store shop.db"
)
def withdraw_command(
    name: NameArgument,
    store: StoreOption,
    event: Annotated[
        int | None, typer.Argument(metavar="[EVENT]", min=1, help="Number of what was told; all are listed without.")
    ] = None,
    reason: Annotated[str, typer.Option("--reason", help="Why, for whoever reads it later.")] = "",
    by: ByOption = None,
    as_json: JsonOption = False,
) -> None:
    """Take back actuals that were of another account, shop or campaign; what others told of the days stays."""
    why, actor = printed("--reason", reason, "a few words say why") if reason else "", who(by)
    with campaigns_of(store, "read" if event is None else "add") as book:
        from xbopt.campaigns.books.events import Withdrawn

        record = before = book.load(name)
        if event is not None:
            record = book.add(name, lambda _: Withdrawn(event=event, reason=why), actor=actor)
    from xbopt.reports.campaign.actuals import told_rows, withdrawn_sentence

    rows = told_rows(record)
    if as_json:
        print_json({"campaign": name, "withdrawn": event, "told": rows, "spent": record.ledger.known_spend_base})
        return
    if event is not None:
        say(withdrawn_sentence(before, record, event))
        over = float(record.ledger.counted_base.sum()) - record.scenario.limits.total_base
        if over >= 0.005:
            money = terminal_numbers(record.scenario.base_currency).money(over)
            say(f"Note: more than the budget is granted now, by {money}; the days ahead are cut by it. Propose again.")
    if not rows:
        say(f"Nothing is told of {name}.")
        return
    shown = table(f"Told of {name}", "event", "source", "days")
    for row in rows:
        shown.add_row(str(row["event"]), str(row["source"]), str(row["days"]))
    result_console().print(shown)
