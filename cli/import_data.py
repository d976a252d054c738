"""``xbopt import``: files of shops and advertising platforms as canonical tables."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

import typer

from xbopt.cli.options import HtmlOption, JsonOption, check_outputs, pairs_of
from xbopt.cli.terminal import figures_table, print_json, result_console, say, stage_bar, terminal_numbers
from xbopt.core.errors import UsageError

_FORMATS = "formats"


def import_command(
    files: Annotated[
        list[str],
        typer.Argument(
            metavar="FILE...", help="Files to import; or `formats`, and perhaps one by id, to see what is known."
        ),
    ],
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Data folder; what it holds already stays.")] = None,
    profile: Annotated[
        str | None, typer.Option("--as", metavar="FORMAT", help="Format of the files; found out where left out.")
    ] = None,
    columns: Annotated[
        str | None,
        typer.Option(
            "--columns",
            metavar="ROLE=NAME,...",
            help="Columns by role, as date=Day,order_id=Order,unit_price=Price; with --as they replace its headers.",
        ),
    ] = None,
    currency: Annotated[
        str | None, typer.Option("--currency", help="Currency of amounts where a file does not say it, as EUR.")
    ] = None,
    zone: Annotated[
        str | None,
        typer.Option("--zone", help="Time zone of days and hours where a file does not say it, as Europe/Berlin."),
    ] = None,
    account: Annotated[
        str | None,
        typer.Option(
            "--account",
            metavar="NAME",
            help="Account or shop that the files are of; keeps equal campaigns and order numbers of two apart.",
        ),
    ] = None,
    prices: Annotated[
        Literal["with-tax", "without-tax"] | None,
        typer.Option("--prices", help="Whether prices contain the tax, where a file does not say it."),
    ] = None,
    rates: Annotated[Path | None, typer.Option("--rates", help="File of exchange rates, imported as well.")] = None,
    key_file: Annotated[
        Path | None,
        typer.Option("--key-file", help="Key of the customers' pseudonyms; your own one where left out, made at need."),
    ] = None,
    channel_map: Annotated[
        list[str] | None,
        typer.Option(
            "--channel-map",
            metavar="START=CHANNEL,...",
            help="Your own channels by platform or by the start of a campaign's name; repeatable.",
        ),
    ] = None,
    country_map: Annotated[
        list[str] | None,
        typer.Option(
            "--country-map",
            metavar="WORD=CC,...",
            help="Country by a word of a campaign's name, where a report has no column of countries; repeatable.",
        ),
    ] = None,
    decimal: Annotated[
        Literal[".", ","] | None, typer.Option("--decimal", help="Decimal sign, where nothing in a file tells it.")
    ] = None,
    dates: Annotated[
        Literal["DMY", "MDY"] | None, typer.Option("--dates", help="Day or month first, where nothing tells it.")
    ] = None,
    accept: Annotated[
        list[str] | None, typer.Option("--accept", metavar="CODE", help="Read a file despite this refusal; repeatable.")
    ] = None,
    k: Annotated[
        int,
        typer.Option(
            "--k",
            min=0,
            help="Empty regions, replace texts and numbers of goods that fewer customers share; 0 keeps all.",
        ),
    ] = 5,
    profiles: Annotated[
        list[Path] | None, typer.Option("--profiles", metavar="DIR", help="Folder with further formats; repeatable.")
    ] = None,
    save_profile: Annotated[
        str | None,
        typer.Option("--save-profile", metavar="NAME", help="Keep what --columns says as a format of yours."),
    ] = None,
    report: HtmlOption = None,
    as_json: JsonOption = False,
) -> None:
    """Read exports of shops and advertising platforms into a data folder, and say what was done to every row."""
    from xbopt.core.extras import need_extra

    if files[0] == _FORMATS:
        _show_formats(files[1:], profiles or [], as_json=as_json)
        return
    need_extra("data", "polars")
    from xbopt.imports.engine.run import import_files
    from xbopt.reports.imports import (
        file_lines,
        files_table,
        folder_lines,
        import_json,
        import_page,
        loud_lines,
        next_step,
    )

    if out is None:
        raise UsageError("Say where the tables go, as in -o data.")
    check_outputs({"--report": (report, ".html")})
    with stage_bar(quiet=as_json) as on_progress:
        result = import_files(
            files, into=out, profile=profile, columns=pairs_of("--columns", [columns] if columns else []),
            currency=currency, zone=zone, account=account, prices=prices, rates=rates, key=key_file, k=k,
            channels=pairs_of("--channel-map", channel_map or []),
            countries=pairs_of("--country-map", country_map or []), decimal=decimal, dates=dates, accept=accept or (),
            profiles=profiles or (), save_as=save_profile, on_progress=on_progress,
        )  # fmt: skip
    if report is not None:
        from xbopt.reports.kit.page import write_html

        write_html(import_page(result), report)
        say(f"Report: {report}")
    if result.saved_profile is not None:
        say(f"Format saved: {result.saved_profile}")
    if result.key_file is not None:
        made = "A new key was made" if result.key_is_new else "The key lies"
        say(f"{made} in {result.key_file}; customers' pseudonyms hang on it.")
    if as_json:
        print_json(import_json(result))
        return
    console = result_console()
    for line in loud_lines(result):
        console.print(f"! {line}", style="bold", markup=False)
    if result.files:
        console.print(figures_table(files_table(result.files), terminal_numbers("EUR")))
    for record in result.files:
        console.print(record.file, style="bold", markup=False)
        for line in file_lines(record, names_ignored=False):
            console.print(f"  {line}", markup=False)
    for line in folder_lines(result):
        console.print(line, markup=False)
    console.print(next_step(result), markup=False)


def _show_formats(names: Sequence[str], folders: Sequence[Path], *, as_json: bool) -> None:
    """The formats that are known, or what one of them wants.

    Raises:
        UsageError: There is no such format.
    """
    from xbopt.core.documents.problems import suggest
    from xbopt.imports.profile_files import load_profiles
    from xbopt.reports.imports import format_lines, formats_json, formats_table

    known = load_profiles(folders)
    for name in names:
        if name not in known:
            raise UsageError(f"There is no format {name!r}.{suggest(name, known)}")
    chosen = [known[name] for name in names] or list(known.values())
    if as_json:
        print_json(formats_json(chosen))
        return
    console = result_console()
    if not names:
        table = formats_table(chosen)
        console.print(figures_table(table, terminal_numbers("EUR")))
        console.print(table.note, markup=False)
        return
    for each in chosen:
        for line in format_lines(each):
            console.print(line, markup=False)
