"""``xbopt decisions``: is the decision store whole, and what is in it, as a decision log."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from xbopt.cli.options import JsonOption, StoreOption, UnprovenOption
from xbopt.cli.terminal import print_json, result_console, say
from xbopt.core.errors import UsageError

_ACTS_SHOWN = 10

app = typer.Typer(help="The decision store of the service.", no_args_is_help=True, rich_markup_mode=None)


@app.command(name="verify", epilog="Example: xbopt decisions verify --store sqlite:///decisions.sqlite")
def verify_command(
    store: StoreOption,
    head: Annotated[
        str | None,
        typer.Option(
            "--head", help="A head that was written down earlier, HASH or SEQ:HASH; the chain has to run through it."
        ),
    ] = None,
    receipt: Annotated[
        list[str] | None,
        typer.Option(
            "--receipt", help="SEQ:HASH as an answer told, or a file of answers in JSON; each has to be in the chain."
        ),
    ] = None,
    bundle: Annotated[
        list[Path] | None,
        typer.Option("--bundle", help="Also work every decision of this bundle out again, bit for bit; repeatable."),
    ] = None,
    unproven: UnprovenOption = False,
    as_json: JsonOption = False,
) -> None:
    """Check the hash chain of a decision store and what stands in it. Exit code 5 if anything is wrong or in doubt."""
    from xbopt.core.extras import need_extra

    need_extra("serve", "msgspec", "psycopg")
    from xbopt.service.store.contents import Contents
    from xbopt.service.store.opening import open_store
    from xbopt.service.store.receipts import read_receipts
    from xbopt.service.store.verification import verify_chain

    receipts = read_receipts(receipt or [])
    opened = open_store(store, read_only=True, wait_seconds=60.0)
    try:
        contents = Contents()
        with opened.snapshot():
            report = verify_chain(opened, expected=head, receipts=receipts, look=contents.look)
            replayed = None
            if bundle:
                need_extra("serve", "onnxruntime", "cryptography")
                from xbopt.service.store.verification import replay_decisions

                replayed = replay_decisions(opened, bundle, unproven=unproven)
    finally:
        opened.close()
    if as_json:
        told = {
            **asdict(report),
            "stray_outcomes": contents.stray_outcomes,
            "acts": [asdict(act) for act in contents.acts],
            "replayed": None if replayed is None else replayed.same,
            "unchecked": {} if replayed is None else replayed.unchecked,
        }
        print_json(told)
        return
    console = result_console()
    whole = f"The chain is whole: {report.entries:,} entries, of which {report.decisions:,} hold decisions and "
    lines = [f"{whole}{report.outcomes:,} outcomes", f"head {report.head}"]
    if report.receipts:
        lines.append(f"{report.receipts:,} receipts are in it")
    if replayed is not None:
        lines.append(f"{replayed.same:,} decisions came out the same again, bit for bit")
    for act in contents.acts[-_ACTS_SHOWN:]:
        by = f" by {act.actor}" if act.actor else ""
        lines.append(f"{act.at} {act.action}{by}, {act.bundle}{f': {act.detail}' if act.detail else ''}")
    for line in lines:
        console.print(line, markup=False)
    notes = [
        (len(contents.acts) - _ACTS_SHOWN, "earlier acts of operators are left out here; --json lists all"),
        (report.campaign_events, "entries are events of campaigns"),
        (report.withdrawals, "decisions were answered by the plan, because the store failed; its answers count"),
        (contents.stray_outcomes, "outcomes belong to rows or cells that were not decided"),
        *(
            (count, f"decisions of {address} were not worked out again; name it with --bundle")
            for address, count in (replayed.unchecked.items() if replayed is not None else ())
        ),
    ]
    for count, what in notes:
        if count > 0:
            say(f"Note: {count:,} {what}.")
    if report.doubt:
        say(f"Note: the chain runs through the head that was given; entries after it may be missing: {report.doubt}.")


@app.command(name="export", epilog="Example: xbopt decisions export --store sqlite:///decisions.sqlite -o log.parquet")
def export_command(
    store: StoreOption,
    output: Annotated[Path, typer.Option("-o", "--output", help="The decision log, a .parquet file.")],
    bundle: Annotated[
        str | None, typer.Option("--bundle", help="Content address, or its beginning, where the store holds several.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Write the decisions and their outcomes as a decision log that can be evaluated."""
    from xbopt.core.extras import need_extra

    need_extra("serve", "msgspec", "psycopg")
    from xbopt.core.files import check_target
    from xbopt.service.store.log_export import export_log
    from xbopt.service.store.opening import open_store

    if output.suffix != ".parquet":
        raise UsageError(f"-o {output}: give the file a name that ends in .parquet.")
    check_target(output)
    opened = open_store(store, read_only=True, wait_seconds=60.0)
    try:
        report = export_log(opened, output, bundle=bundle)
    finally:
        opened.close()
    if as_json:
        print_json({"log": str(output), **asdict(report)})
        return
    result_console().print(f"{report.rows:,} decisions in {output}", markup=False)
    for count, what in (
        (report.waiting, "have no outcome yet; their reward is empty"),
        (report.stopped, "cells got nothing because the kill switch stopped everything: not in the log"),
        (report.filled, "rows were decided with missing inputs that were filled in (columns filled and missing)"),
        (report.unsaid, "rows were decided by an earlier version, which did not say what was missing; both are empty"),
        (report.incumbent, "cells were left to a campaign's plan by its roll-out, which draws nothing: not in the log"),
        (report.planned, "cells were decided by the plan, which draws no levels: not in the log"),
        (report.held, "cells carried on with what was drawn before: no new decision, not in the log"),
        (report.idle, "cells were not asked for: not in the log"),
        (report.withdrawn, "decisions reached the store too late to be told: the plan's answer stands for them"),
        (report.other_bundles, "decisions belong to other bundles: not in the log"),
        (report.strangers, "outcomes belong to no decision in the log"),
        *((missed, f"have no answer of the shadow {name}") for name, missed in report.shadow_missed.items()),
    ):
        if count:
            say(f"Note: {count:,} {what}.")
    if report.certain == report.rows:
        say("Note: every action had probability 1, so this log judges no other policy. Export with --exploration 0.2.")
