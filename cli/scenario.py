"""``xbopt scenario``: list, new, validate, migrate, check, schema, show."""

import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from xbopt.cli.new_scenario import new_command
from xbopt.cli.options import JsonOption, ScenarioArgument, SetOption, load_with_notes
from xbopt.cli.terminal import print_json, print_trade_rules, result_console, say, table, terminal_numbers
from xbopt.core.errors import ScenarioError

REFUSED = 3

app = typer.Typer(help="List, create, check and show scenarios.", no_args_is_help=True, rich_markup_mode=None)


@app.command("list", epilog="Example: xbopt scenario list")
def list_command(as_json: JsonOption = False) -> None:
    """List the scenarios that come with xbopt."""
    from xbopt.core.scenario.loading import load_scenario, shipped_scenarios

    scenarios = [load_scenario(name) for name in shipped_scenarios()]
    if as_json:
        rows = [
            {
                "name": s.name,
                "title": s.title,
                "days": s.days,
                "regions": len(s.regions),
                "segments": len(s.segments),
                "channels": len(s.channels),
                "base_currency": s.base_currency,
            }
            for s in scenarios
        ]
        print_json({"scenarios": rows})
        return
    listing = table("Shipped scenarios", "Name", "Regions", "Segments", "Channels", "Days", "Currency")
    for s in scenarios:
        size = (str(len(axis)) for axis in (s.regions, s.segments, s.channels))
        listing.add_row(s.name, *size, str(s.days), s.base_currency)
    console = result_console()
    console.print(listing)
    for s in scenarios:
        console.print(f"{s.name}: {s.title}", markup=False)


app.command("new", epilog="Example: xbopt scenario new my_market --like us_eu_launch")(new_command)


@app.command("validate", epilog="Example: xbopt scenario validate my_market.yaml")
def validate_command(
    files: Annotated[list[str], typer.Argument(metavar="FILE...", help="Scenario files, or shipped names.")],
    as_json: JsonOption = False,
) -> None:
    """Check scenario files: every mistake with its line, its path and how to mend it."""
    from xbopt.core.scenario.loading import load_scenario
    from xbopt.core.scenario.notes import scenario_notes
    from xbopt.core.scenario.provenance import numeric_paths, uncovered, unused_patterns

    results: list[dict[str, object]] = []
    failed = False
    for file in files:
        try:
            scenario = load_scenario(file)
        except ScenarioError as error:
            failed = True
            say(str(error))
            results.append({"file": file, "valid": False, "problems": [asdict(problem) for problem in error.problems]})
            continue
        numbers, missing = len(numeric_paths(scenario.document)), uncovered(scenario.document)
        results.append(
            {"file": file, "valid": True, "problems": [], "numbers": numbers, "without_provenance": len(missing)}
        )
        for note in scenario_notes(scenario):
            say(f"{file}: note: {note}")
        for pattern in unused_patterns(scenario.document):
            say(f"{file}: note: the provenance of {pattern} speaks for nothing that the scenario states.")
        if not as_json:
            sys.stdout.write(f"{file}: valid ({numbers - len(missing)} of {numbers} numbers have a source)\n")
            if missing:
                say(f"  No source for: {', '.join(missing[:5])}{', ...' if len(missing) > 5 else ''}")
    if as_json:
        print_json({"files": results})
    if failed:
        raise typer.Exit(ScenarioError.exit_code)


@app.command("check", epilog="Example: xbopt scenario check my_market.yaml")
def check_command(
    scenario: ScenarioArgument,
    changes: SetOption = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="Exit with 3 where a sign lies outside and the file does not say why.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Check a scenario's vital signs: what it implies beside published ranges, by playing it in expected mode."""
    from xbopt.reports.simulation.vital_signs import NO_UNCERTAINTY, accepted_lines, advice, signs_json, signs_table
    from xbopt.studies.vital_signs import check

    loaded = load_with_notes(scenario, changes)
    signs = check(loaded)
    if as_json:
        print_json(signs_json(signs))
    else:
        console = result_console()
        console.print(f"{loaded.name}: {loaded.title}")
        if not signs.states_uncertainty:
            console.print(NO_UNCERTAINTY)
        source = signs_table(signs, terminal_numbers(loaded.base_currency))
        listing = table(f"{source.title}; money in {loaded.base_currency}", *(column.name for column in source.columns))
        for column in listing.columns[-2:]:
            column.justify = "left"
        for row in source.rows:
            listing.add_row(*map(str, row))
        console.print(listing)
        for line in (*accepted_lines(signs), advice(signs)):
            console.print(line)
    if strict and signs.warnings:
        raise typer.Exit(REFUSED)


@app.command("migrate", epilog="Example: xbopt scenario migrate my_market.yaml -o my_market_new.yaml")
def migrate_command(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A scenario file of an older form.")],
    out: Annotated[Path | None, typer.Option("-o", "--out", help="File to write; FILE itself where left out.")] = None,
) -> None:
    """Rewrite a scenario file of an older form in the form of today; comments stay where they can."""
    from xbopt.core.documents.yaml_edits import with_data
    from xbopt.core.documents.yaml_files import load_yaml
    from xbopt.core.files import replace_file
    from xbopt.core.scenario.loading import load_scenario
    from xbopt.core.scenario.migration import migrated

    data, changes = migrated(load_yaml(file))
    path = file if out is None else out
    if not changes and path == file:
        sys.stdout.write(f"{file}: nothing to change, it has the form of today\n")
        return
    with file.open(encoding="utf-8", newline="") as stream:
        found = with_data(stream.read(), data)
    with replace_file(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as stream:
        stream.write(found.text)
    for change in changes:
        sys.stdout.write(f"{change}\n")
    if not found.keeps_comments:
        say("The file was written anew: its comments and its layout are lost.")
    say(f"Wrote {path}.")
    load_scenario(path)  # what else is wrong is told with its place in the new file


@app.command("schema", epilog="Example: xbopt scenario schema > xbopt.schema.json")
def schema_command() -> None:
    """Print the JSON Schema of scenario files, for editors."""
    from xbopt.core.scenario.document import scenario_schema

    print_json(scenario_schema())


@app.command("show", epilog="Example: xbopt scenario show quickstart")
def show_command(scenario: ScenarioArgument, as_json: JsonOption = False) -> None:
    """Show what a scenario holds; --json prints it in full, defaults included."""
    from xbopt.core.scenario.loading import load_scenario
    from xbopt.core.scenario.notes import after_words, before_words
    from xbopt.studies.rules_in_force import rules_in_force

    loaded = load_scenario(scenario)
    document = loaded.document
    if as_json:
        print_json(document.model_dump(mode="json"))
        return
    console = result_console()
    last = loaded.date_of(loaded.days - 1)
    money = loaded.base_currency
    console.print(f"{loaded.name}: {loaded.title}", markup=False)
    console.print(f"{loaded.start} to {last}, {loaded.days} days; budget {money} {loaded.limits.total_base:,.0f}")
    console.print(f"Before: {before_words(loaded)} After: {after_words(loaded)}", markup=False)
    if document.description:
        console.print(document.description.strip(), markup=False)
    regions = table("Regions", "Id", "Country", "Currency", "Tax", "Duty", "People", "Customers", "Share of spend")
    for r, region in enumerate(document.market.regions):
        regions.add_row(
            region.id,
            region.country,
            region.currency,
            region.tax,
            region.duty,
            f"{loaded.population[r].sum():,.0f}",
            f"{loaded.customers[r, :, 1:].sum():,.0f}",
            f"{loaded.plan.share[r].sum():.0%}",
        )
    segments = table("Segments", "Id", "People", f"Order at list price, {money}", "Elasticity", "Share of spend")
    for s, segment in enumerate(document.segments):
        segments.add_row(
            segment.id,
            f"{loaded.population[:, s].sum():,.0f}",
            f"{loaded.assortment.price_base[:, s].mean():,.2f}",
            f"{segment.elasticity:g}",
            f"{loaded.plan.share[:, s].sum():.0%}",
        )
    channels = table("Channels", "Id", "Price", "Carry-over", "Saturation", "Share of spend")
    for c, channel in enumerate(document.channels):
        channels.add_row(
            channel.id,
            f"{channel.price.model.upper()} {channel.price.amount_base:g}",
            channel.adstock.curve,
            channel.saturation.curve,
            f"{loaded.plan.share[:, :, c].sum():.0%}",
        )
    places = table(
        "Places of sale beside the own shop",
        "Id",
        "Fee",
        "On",
        f"An order, {money}",
        "Conversion",
        "Basket",
        "Channels",
    )
    for place in document.places:
        fees = place.fees
        places.add_row(
            place.id,
            f"{fees.platform_frac:.1%}{' (differs by region)' if fees.by_region else ''}",
            fees.fee_on,
            f"{fees.fixed_base:,.2f}",
            f"x{place.conversion:g}",
            f"x{place.basket:g}",
            ", ".join(channel.id for channel in document.channels if channel.place == place.id) or "none",
        )
    for part in (regions, segments, channels, *([places] if document.places else [])):
        console.print(part)
    print_trade_rules(rules_in_force(loaded), money, console)
    every = document.tactics.decide_every_days
    console.print(f"Tactic menu: {len(loaded.menu)} tactics per cell, chosen every {every} days.")
