"""``xbopt verify`` and ``xbopt serve``: check a bundle, and decide with it."""

from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from xbopt.cli.options import (
    BundleArgument,
    JsonOption,
    StoreOption,
    TodayOption,
    TrustedKeyOption,
    UnprovenOption,
    today_of,
)
from xbopt.cli.terminal import print_json, result_console, say
from xbopt.core.errors import UsageError


def verify_command(
    bundle: BundleArgument,
    trusted_key: TrustedKeyOption = None,
    evaluation: Annotated[
        Path | None, typer.Option("--evaluation", help="The certificate that has to be in the bundle.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Check a bundle: checksums, signature, evidence, graph, golden vectors. Exit code 5 if anything is wrong."""
    from xbopt.core.extras import need_extra

    need_extra("serve", "msgspec", "onnxruntime", "cryptography")
    from xbopt.service.bundle.bundle import load_bundle
    from xbopt.service.bundle.keys import read_trusted_keys
    from xbopt.service.bundle.native_graph import DECIDERS

    keys = read_trusted_keys(trusted_key or [])
    found = load_bundle(bundle, unproven=True, trusted_key=keys)
    manifest, evidence = found.manifest, found.evidence
    if evaluation is not None:
        found.check_certificate(evaluation)
    for note in found.notes:
        say(f"Note: {note}")
    if found.signer is not None and keys is None:
        say("Note: the bundle is signed, and no key was named that is to be trusted (--trusted-key).")
    if as_json:
        print_json(
            {
                "name": manifest.name,
                "version": manifest.version,
                "content_address": manifest.content_address,
                "shape": manifest.shape,
                "policy": manifest.provenance.policy,
                "scenario": manifest.provenance.scenario,
                "scenario_hash": manifest.provenance.scenario_hash,
                "created": manifest.created,
                "proven": evidence is not None,
                "evidence": None if evidence is None else asdict(evidence),
                "exploration": found.exploration,
                "signed_by": found.signer,
                "signed_and_trusted": keys is not None,
                "decider": found.decider.name,
                "decider_reason": found.decider.reason,
                "files": {name: entry.sha256 for name, entry in manifest.files.items()},
            }
        )
        return
    console = result_console()
    console.print(f"{manifest.name} {manifest.version}: every byte is as it was exported", markup=False)
    console.print(manifest.content_address, markup=False)
    console.print(
        f"{manifest.shape} policy {manifest.provenance.policy}, scenario {manifest.provenance.scenario} "
        f"({manifest.provenance.scenario_hash}), made {manifest.created}",
        markup=False,
    )
    console.print(f"decided by {DECIDERS[found.decider.name]}: {found.decider.reason}", markup=False, soft_wrap=True)
    if evidence is not None:
        console.print(evidence.words, markup=False, soft_wrap=True)
    console.print("not signed" if found.signer is None else f"signed by {found.signer}", markup=False)


def serve_command(
    context: typer.Context,
    bundle: BundleArgument,
    host: Annotated[str, typer.Option("--host", help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=0, max=65_535, help="Port; 0 for any free one.")] = 8080,
    store: StoreOption = "sqlite:///decisions.sqlite",
    store_file: Annotated[
        Path | None,
        typer.Option("--store-file", help="File that holds the store's URL, so that no list of processes shows it."),
    ] = None,
    unproven: UnprovenOption = False,
    tokens: Annotated[
        Path | None,
        typer.Option("--tokens", help="Token file (see xbopt tokens), needed on any other host; SIGHUP reads it anew."),
    ] = None,
    allowed_host: Annotated[
        list[str] | None,
        typer.Option(
            "--allowed-host",
            help="A further name that requests may be for (Host); repeatable. Without tokens only the machine's own.",
        ),
    ] = None,
    trusted_key: TrustedKeyOption = None,
    shadow: Annotated[
        Path | None, typer.Option("--shadow", help="A second bundle that decides beside, for comparison only.")
    ] = None,
    accept_schema: Annotated[
        bool,
        typer.Option(
            "--accept-new-schema", help="The bundle may have other axes and inputs than the last one in the store."
        ),
    ] = False,
    most_megabytes: Annotated[int, typer.Option("--max-body-mb", min=1, max=1024, help="Largest body.")] = 32,
    most_connections: Annotated[
        int, typer.Option("--max-connections", min=1, max=100_000, help="Connections at a time; more are told 503.")
    ] = 1000,
    header_seconds: Annotated[
        float, typer.Option("--header-timeout", min=0.1, max=600.0, help="Seconds for the head of a request to come.")
    ] = 10.0,
    body_seconds: Annotated[
        float, typer.Option("--body-timeout", min=0.1, max=600.0, help="Seconds for a body to come.")
    ] = 10.0,
    idle_seconds: Annotated[
        float, typer.Option("--idle-timeout", min=0.1, max=3600.0, help="Seconds of silence between two requests.")
    ] = 30.0,
    write_seconds: Annotated[
        float, typer.Option("--write-timeout", min=0.1, max=600.0, help="Seconds for an answer to leave.")
    ] = 30.0,
    store_seconds: Annotated[
        float, typer.Option("--store-timeout", min=0.01, max=600.0, help="Seconds that the store may take.")
    ] = 5.0,
    stop_seconds: Annotated[
        int, typer.Option("--stop-timeout", min=2, max=600, help="Seconds from SIGTERM to the end of the process.")
    ] = 4,
    today: TodayOption = None,
) -> None:
    """Serve decisions over HTTP; each is stored before it is told. Stops gracefully on Ctrl-C or SIGTERM."""
    from xbopt.core.extras import need_extra

    need_extra("serve", "msgspec", "onnxruntime", "uvicorn", "prometheus_client", "cryptography", "psycopg")
    import signal
    import sys

    from xbopt.campaigns.http.routes import campaign_routes
    from xbopt.reports.campaign.document import status_json
    from xbopt.service.bundle.keys import read_trusted_keys
    from xbopt.service.http.connections import ConnectionLimits
    from xbopt.service.http.server import ServiceSettings, run_service
    from xbopt.service.http.tokens import readable_by_others

    def end(_signal: int, _frame: object) -> None:
        """Whoever stops a service that still loads has stopped it; there is nothing to answer first."""
        sys.exit(0)

    signal.signal(signal.SIGTERM, end)
    rehearsed = today_of(today)
    is_typed = getattr(context.get_parameter_source("store"), "name", "") == "COMMANDLINE"
    store = _store_url(store, store_file, is_typed=is_typed)
    settings = ServiceSettings(
        bundle=bundle,
        store=store,
        host=host,
        port=port,
        tokens=tokens,
        unproven=unproven,
        trusted_key=read_trusted_keys(trusted_key or []),
        shadow=shadow,
        accept_schema=accept_schema,
        allowed_hosts=tuple(allowed_host or ()),
        limits=ConnectionLimits(
            header_seconds=header_seconds,
            body_seconds=body_seconds,
            idle_seconds=idle_seconds,
            write_seconds=write_seconds,
            most_connections=most_connections,
            most_bytes=most_megabytes << 20,
        ),
        store_seconds=store_seconds,
        stop_seconds=stop_seconds,
        on_note=lambda note: say(f"Note: {note}"),
        further=partial(
            campaign_routes, tell_status=status_json, today=None if today is None else lambda _zone: rehearsed
        ),
    )
    if today is not None:
        say(f"A rehearsal: for campaigns it is {rehearsed}, and stays so.")
    if tokens is None:
        say("No tokens: whoever reaches this port may decide and administer.")
    elif readable_by_others(tokens):
        say(
            f"Warning: everybody may read {tokens}, or others than its owner may change it; chmod 600 {tokens}, or 640 "
            "where its group is to read it."
        )

    def listening(address: str) -> None:
        # The server answers what is under way before it ends; then it raises the signal again, for whoever else cares.
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        say(f"Listening on {address}")

    run_service(settings, listening)


def _store_url(store: str, file: Path | None, *, is_typed: bool) -> str:
    """The URL of the store, from wherever it was given.

    Raises:
        UsageError: It was given twice, or the file cannot be read.
    """
    import re

    if file is None:
        if is_typed and re.search(r"://[^/]*:.*@|password\s*=", store):
            say("Warning: everybody on this machine sees the password in --store; set XBOPT_STORE or use --store-file.")
        return store
    if is_typed:
        raise UsageError("Both --store and --store-file name a store; give one of them.")
    try:
        url = file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"The file {file} with the store's URL cannot be read: {error}.") from error
    if not url or "\n" in url:
        raise UsageError(f"{file} has to hold one line, the store's URL.")
    return url


def tokens_add_command(
    name: Annotated[str, typer.Argument(help="Whose token it is.")],
    file: Annotated[Path, typer.Option("--file", help="Token file; it is made where there is none.")],
    rights: Annotated[
        list[str] | None,
        typer.Option(
            "--right",
            help="allocate, outcomes, read, plan, approve or admin; repeatable. The first three where left out.",
        ),
    ] = None,
) -> None:
    """Make a bearer token. It is printed once; the file keeps only its hash."""
    from xbopt.core.extras import need_extra

    need_extra("serve", "msgspec")
    from xbopt.service.http.tokens import RIGHTS, add_token

    wanted = rights or ["allocate", "outcomes", "read"]
    strange = [right for right in wanted if right not in RIGHTS]
    if strange:
        raise UsageError(f"There is no right {strange[0]!r}; known: {', '.join(RIGHTS)}.")
    token = add_token(file, name, [right for right in RIGHTS if right in wanted])
    typer.echo(token)
    say(f"Only the hash is in {file}; the token cannot be shown again.")


def tokens_remove_command(
    name: Annotated[str, typer.Argument(help="Whose token it is.")],
    file: Annotated[Path, typer.Option("--file", help="Token file.")],
) -> None:
    """Take a bearer token away. A service that runs notices on SIGHUP: kill -HUP PID."""
    from xbopt.core.extras import need_extra

    need_extra("serve", "msgspec")
    from xbopt.service.http.tokens import remove_token

    remove_token(file, name)
    say(f"{name} has no token in {file} any more; kill -HUP PID tells it to a service that runs.")


def tokens_list_command(
    file: Annotated[Path, typer.Option("--file", help="Token file.")], as_json: JsonOption = False
) -> None:
    """Show whose tokens there are and what they allow. The tokens themselves are nowhere to be read."""
    from xbopt.core.extras import need_extra

    need_extra("serve", "msgspec")
    from xbopt.service.http.tokens import list_tokens

    entries = list_tokens(file)
    if as_json:
        print_json([{"name": entry.name, "rights": list(entry.rights)} for entry in entries])
        return
    for entry in entries:
        result_console().print(f"{entry.name}: {', '.join(entry.rights)}", markup=False)


app = typer.Typer(help="Bearer tokens of the service.", no_args_is_help=True, rich_markup_mode=None)
app.command(name="add", epilog="Example: xbopt tokens add checkout --file tokens.json --right allocate")(
    tokens_add_command
)
app.command(name="remove")(tokens_remove_command)
app.command(name="list")(tokens_list_command)
