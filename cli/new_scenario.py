"""``xbopt scenario new``: like a shipped one, or for a market that a sentence names."""

import json
import re
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from xbopt.cli.completion import scenario_names
from xbopt.cli.options import JsonOption
from xbopt.cli.terminal import figures_table, print_json, result_console, say, terminal_numbers
from xbopt.core.errors import UsageError

if TYPE_CHECKING:
    from xbopt.studies.new_for.scenario import NewScenario

_SCHEMA_FILE = "xbopt.schema.json"
_LEAST_ORDERS = 10.0
_MATTER_MOST = 5


def new_command(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name of the new scenario; writes NAME.yaml.")],
    like: Annotated[
        str | None,
        typer.Option("--like", help="Shipped scenario to start from; else quickstart.", autocompletion=scenario_names),
    ] = None,
    wish: Annotated[
        str | None,
        typer.Option(
            "--for",
            metavar="TEXT",
            help='Make it from public facts: trade, origin, countries, budget, as in "home goods, CN to DE FR US, 30k '
            'EUR a month". Asks what else you know; --defaults asks nothing.',
        ),
    ] = None,
    order_value: Annotated[
        str | None, typer.Option("--order-value", help="Net value of an order, in the budget's currency.")
    ] = None,
    gross_margin: Annotated[
        str | None, typer.Option("--gross-margin", help="Share of the price left after the cost of goods, before duty.")
    ] = None,
    orders_a_month: Annotated[
        str | None, typer.Option("--orders-a-month", help="Orders of an average month, all countries.")
    ] = None,
    conversion: Annotated[str | None, typer.Option("--conversion", help="Orders a visit, as in 1.8%.")] = None,
    repeat: Annotated[
        str | None, typer.Option("--repeat", help="Share of first buyers who order again within a year.")
    ] = None,
    return_rate: Annotated[str | None, typer.Option("--return-rate", help="Share of orders that come back.")] = None,
    channels: Annotated[
        str | None, typer.Option("--channels", help="Media channels with commas between, as in search,social,email.")
    ] = None,
    shares: Annotated[
        str | None, typer.Option("--shares", help="Share of spend by country, as in DE=50,FR=30,US=20.")
    ] = None,
    start: Annotated[str | None, typer.Option("--start", help="First day; else the first of next month.")] = None,
    days: Annotated[str | None, typer.Option("--days", help="Number of days; else 90.")] = None,
    defaults: Annotated[
        bool, typer.Option("--defaults", help="Ask nothing: take the usual for what no option says.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Overwrite the file if it is there.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Write a new scenario file to start from: a shipped one's numbers, or a market made from public facts."""
    told = {
        "--order-value": order_value,
        "--gross-margin": gross_margin,
        "--orders-a-month": orders_a_month,
        "--conversion": conversion,
        "--repeat": repeat,
        "--return-rate": return_rate,
        "--channels": channels,
        "--shares": shares,
        "--start": start,
        "--days": days,
    }
    path = _target(name, force=force)
    if wish is None:
        if given := [option for option, value in told.items() if value is not None]:
            raise UsageError(f"{', '.join(given)} say what a market is; name it with --for.")
        if as_json:
            raise UsageError("--json tells what was assumed; it goes with --for.")
        _write_like(path, like or "quickstart")
        return
    if like is not None:
        raise UsageError("Start from a shipped scenario with --like, or from public facts with --for, not from both.")
    _write_for(path, wish, told, ask=not (defaults or as_json) and sys.stdin.isatty(), as_json=as_json)


def _target(name: str, *, force: bool) -> Path:
    stem = name.removesuffix(".yaml").removesuffix(".yml")
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]{0,39}", Path(stem).name):
        raise UsageError(
            f"{Path(stem).name!r} is no scenario name. Use letters, digits and _, starting with a letter, 40 at most."
        )
    path = Path(f"{stem}.yaml")
    if path.exists() and not force:
        raise UsageError(f"{path} is already there. Choose another name, or use --force to overwrite it.")
    return path


def _write_like(path: Path, like: str) -> None:
    from xbopt.core.scenario.loading import shipped_file
    from xbopt.core.scenario.new_scenario import new_scenario_text

    other = shipped_file(like).read_text(encoding="utf-8")
    schema = _schema_beside(path)
    _write(path, new_scenario_text(other, name=path.stem, like=like, schema_file=schema))
    beside = f", and beside it {schema} for editors" if schema else ""
    say(f"Wrote {path}{beside}. Change it, then: xbopt scenario validate {path}, and: xbopt scenario check {path}")


def _write(path: Path, text: str) -> None:
    from xbopt.core.files import replace_file

    with replace_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def _schema_beside(path: Path) -> str:
    """Write the schema beside a scenario, so that editors know its fields; gives the file's name.

    Empty where it cannot be written, or where a file of that name is somebody else's.
    """
    from xbopt.core.files import replace_file
    from xbopt.core.scenario.document import scenario_schema

    schema = path.with_name(_SCHEMA_FILE)
    try:
        if schema.exists() and '"title": "ScenarioDocument"' not in schema.read_text(encoding="utf-8"):
            return ""
        with replace_file(schema) as temporary:
            temporary.write_text(json.dumps(scenario_schema(), indent=2) + "\n", encoding="utf-8")
    except (OSError, UsageError, UnicodeDecodeError):
        return ""
    return _SCHEMA_FILE


def _write_for(path: Path, wish: str, told: dict[str, str | None], *, ask: bool, as_json: bool) -> None:
    from xbopt.cli.answers import answers_of
    from xbopt.core.defaults.wish import read_wish
    from xbopt.core.scenario.new_scenario import schema_line
    from xbopt.studies.new_for.scenario import new_for

    answers = answers_of(read_wish(wish), told, ask=ask)
    new = new_for(answers, name=path.stem)
    if answers.orders_a_month is None and new.volumes.orders_a_month < _LEAST_ORDERS:
        raise UsageError(
            f"--for: {answers.wish.money} goes with about {new.volumes.orders_a_month:.2g} orders a month; below "
            f"{_LEAST_ORDERS:g} chance hides whatever a campaign does. Take a larger budget, or state --orders-a-month."
        )
    _write(path, schema_line(_schema_beside(path)) + new.text)
    if as_json:
        print_json(_document(path, new))
    else:
        _print(new)
    say(f"Wrote {path}. Change what you know better, then: xbopt scenario check {path}, and: xbopt plan {path}")


def _print(new: "NewScenario") -> None:
    from xbopt.reports.plan.new_scenario import assumptions_table, finding_lines, implied_sentence, influences_table
    from xbopt.studies.new_for.assumptions import assumptions
    from xbopt.studies.new_for.influence import influences

    numbers, console = terminal_numbers(new.scenario.base_currency), result_console()
    console.print(f"{new.scenario.title}; money in {new.scenario.base_currency}")
    for source in (
        assumptions_table(assumptions(new.scenario), numbers),
        influences_table(influences(new.scenario), new, _MATTER_MOST),
    ):
        listing = figures_table(source, numbers)
        for column in listing.columns[1:]:
            column.justify = "left"
        console.print(listing)
    console.print(implied_sentence(new, numbers))
    for line in finding_lines(new.findings):
        console.print(f"- {line}")


def _document(path: Path, new: "NewScenario") -> dict[str, object]:
    from xbopt.studies.new_for.assumptions import assumptions
    from xbopt.studies.new_for.influence import influences

    return {
        "file": str(path),
        "volumes": asdict(new.volumes),
        "findings": [asdict(one) for one in new.findings],
        "assumptions": [asdict(one) for one in assumptions(new.scenario)],
        "influences": [asdict(one) for one in influences(new.scenario)],
    }
