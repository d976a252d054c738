"""``xbopt decisions``: is the decision store whole, and what is in it, as a decision log."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from xbopt.cli.options import JsonOption, StoreOption, UnprovenOption
from xbopt.cli.terminal import print_json, result_console, say
from xbopt.core.errors import UsageError

app = typer.Typer(help="The decision store of the service.", no_args_is_help=True, rich_markup_mode=None)


@app.command(name="verify", epilog="Example: xbopt decisions verify --store sqlite:///decisions.sqlite")
def verify_command(
    store: StoreOption,
    head: Annotated[
        str | None,
        typer.Option("--head", help="A head that was written down earlier; the chain has to run through it."),
    ] = None,
    bundle: Annotated[
        Path | None, typer.Option("--bundle", help="Also work every decision of this bundle out again, bit for bit.")
    ] = None,
    unproven: UnprovenOption = False,
    as_json: JsonOption = False,
) -> None:
    """Check the hash chain of a decision store. Exit code 5 if an entry was changed, removed, added or moved."""
    from xbopt.core.extras import need_extra

    need_extra("serve", "msgspec", "psycopg")
    from xbopt.service.store.opening import open_store
    from xbopt.service.store.verification import verify_chain

    opened = open_store(store, read_only=True, wait_seconds=60.0)
    try:
        report = verify_chain(opened, expected=head)
        replayed = None
        if bundle is not None:
            need_extra("serve", "onnxruntime", "cryptography")
            from xbopt.service.store.verification import replay_decisions

            replayed = replay_decisions(opened, bundle, unproven=unproven)
    finally:
        opened.close()
    if as_json:
        print_json({**asdict(report), "replayed": replayed})
        return
    console = result_console()
    console.print(
        f"The chain is whole: {report.entries:,} entries, of which {report.decisions:,} hold decisions and "
        f"{report.outcomes:,} outcomes",
        markup=False,
    )
    console.print(f"head {report.head}", markup=False)
    if replayed is not None:
        console.print(f"{replayed:,} decisions came out the same again, bit for bit", markup=False)


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
        (report.held, "cells carried on with a tactic drawn before: no new decision, not in the log"),
        (report.idle, "cells were not asked for: not in the log"),
        (report.other_bundles, "decisions belong to other bundles: not in the log"),
        (report.strangers, "outcomes belong to no decision in the log"),
        *((missed, f"have no answer of the shadow {name}") for name, missed in report.shadow_missed.items()),
    ):
        if count:
            say(f"Note: {count:,} {what}.")
    if report.certain == report.rows:
        say("Note: every action had probability 1, so this log judges no other policy. Export with --exploration 0.2.")
