"""``xbopt export``: a policy and its evidence as a bundle."""

import re
from pathlib import Path
from typing import Annotated

import typer

from xbopt.cli.completion import scenario_names
from xbopt.cli.options import JsonOption
from xbopt.cli.terminal import print_json, result_console, say
from xbopt.core.errors import UsageError


def export_command(
    run: Annotated[
        str, typer.Argument(metavar="RUN_DIR", help="A training run; or, with --scenario, the name of a built-in plan.")
    ],
    output: Annotated[
        Path, typer.Option("-o", "--output", help="The bundle: a new folder, or a file ending in .xbopt.")
    ],
    evaluation: Annotated[
        Path | None, typer.Option("--evaluation", help="Certificate of xbopt evaluate, which proves the policy.")
    ] = None,
    unproven: Annotated[
        bool, typer.Option("--unproven", help="Export without a certificate; the service wants the same option.")
    ] = False,
    scenario: Annotated[
        str | None,
        typer.Option("--scenario", help="The scenario of a built-in plan.", autocompletion=scenario_names),
    ] = None,
    exploration: Annotated[
        float | None,
        typer.Option(
            "--exploration", min=0.0, max=1.0, help="Share of random decisions; the log can then be evaluated."
        ),
    ] = None,
    name: Annotated[
        str | None, typer.Option("--name", help="Name in the service; the policy's where left out.")
    ] = None,
    version: Annotated[str, typer.Option("--version", help="Semantic version of the bundle.")] = "1.0.0",
    guardrails: Annotated[
        Path | None,
        typer.Option("--guardrails", help="Your own guardrails.json; the scenario's limits where left out."),
    ] = None,
    key: Annotated[
        Path | None, typer.Option("--sign", help="Private ed25519 key in PEM, which signs the bundle.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Put a policy into a bundle: ONNX graph, schema, guardrails, golden vectors, and the proof that it is better."""
    from xbopt.core.extras import need_extra

    need_extra("export", "onnx", "onnxruntime", "msgspec", *(["cryptography"] if key is not None else []))
    if (evaluation is None) != unproven:
        raise UsageError("Give the proof with --evaluation CERT.json, or say --unproven; one of them.")
    from xbopt.service.bundle.archive import write_files
    from xbopt.service.bundle.formats import GUARDRAILS, Guardrails, read_document
    from xbopt.service.bundle.integrity import manifest_of
    from xbopt.service.exporting.export import ExportSettings, export_policy
    from xbopt.service.exporting.run_export import hashes_of_run, policy_of_run, read_certificate, seed_of_run

    policy, market = policy_of_run(run, scenario=scenario, exploration=exploration)
    certificate, notes = (None, []) if evaluation is None else read_certificate(evaluation, market)
    for note in notes:
        say(f"Note: {note}")
    files = export_policy(
        policy,
        market,
        ExportSettings(
            name=name or re.sub(r"[^a-z0-9._-]+", "-", policy.name.lower()).strip("-."),
            version=version,
            certificate=certificate,
            guardrails=None if guardrails is None else read_document(_read(guardrails), Guardrails, GUARDRAILS),
            private_key_pem=None if key is None else _read(key),
            seeds=seed_of_run(Path(run)),
            data_sha256=hashes_of_run(Path(run)),
        ),
    )
    write_files(files, output)
    manifest = manifest_of(files)
    if as_json:
        print_json(
            {
                "bundle": str(output),
                "name": manifest.name,
                "version": manifest.version,
                "content_address": manifest.content_address,
                "shape": manifest.shape,
                "policy": policy.name,
                "proven": certificate is not None,
                "signed": key is not None,
                "bytes": sum(len(data) for data in files.values()),
            }
        )
        return
    console = result_console()
    console.print(
        f"{manifest.name} {manifest.version}: {manifest.shape} policy {policy.name} in {output}", markup=False
    )
    console.print(manifest.content_address, markup=False)
    if certificate is None:
        say("Note: the bundle is unproven; the service starts with it only with --unproven.")


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}.") from error
