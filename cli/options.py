"""What several commands share: options, loading a scenario with its notes, and the check of files to be written."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from xbopt.cli.completion import scenario_names
from xbopt.cli.terminal import say
from xbopt.core.errors import UsageError

if TYPE_CHECKING:
    from xbopt.core.decisions.policy import FactoredPolicy, TacticPolicy
    from xbopt.core.scenario.scenario import Scenario

JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document instead of tables.")]
ScenarioArgument = Annotated[
    str,
    typer.Argument(
        metavar="SCENARIO", help="A YAML file, or the name of a shipped scenario.", autocompletion=scenario_names
    ),
]
SetOption = Annotated[
    list[str] | None, typer.Option("--set", metavar="PATH=VALUE", help="Change a value of the scenario; repeatable.")
]
WorldSeedOption = Annotated[
    int | None, typer.Option("--world-seed", min=0, help="Seed of the uncertain parameters alone; else --seed.")
]
SeedOption = Annotated[int, typer.Option("--seed", min=0, help="Same seed, same result.")]
ExplorationCostOption = Annotated[
    str | None,
    typer.Option(
        "--exploration-cost",
        metavar="PART",
        help="Most that exploration may take from the margin, as in 1% or 0.01; finds the largest share within it.",
    ),
]
EngineOption = Annotated[
    Literal["local", "ray"],
    typer.Option(
        "--engine",
        help="Who does the work: processes of this machine, or a Ray cluster (that of RAY_ADDRESS, else one of this "
        "machine). The figures are the same.",
    ),
]
WorkersOption = Annotated[
    int | None,
    typer.Option(
        "--workers",
        min=1,
        max=4096,
        metavar="N",
        help="Number of processes, 1 where left out. With ray: of parts at once, by its processors where left out.",
    ),
]
HtmlOption = Annotated[Path | None, typer.Option("--report", help="Write the report to this HTML file.")]
XlsxOption = Annotated[Path | None, typer.Option("--xlsx", help="Write the figures to this Excel file.")]

BundleArgument = Annotated[Path, typer.Argument(help="The bundle: a folder, or a file that ends in .xbopt.")]
UnprovenOption = Annotated[
    bool, typer.Option("--unproven", help="Use a bundle that has no certificate (ope.json) all the same.")
]
TrustedKeyOption = Annotated[
    list[str] | None,
    typer.Option(
        "--trusted-key",
        help="Public ed25519 key in hex, or a file of keys; repeatable. A bundle that none of them signed is refused.",
    ),
]
StoreOption = Annotated[
    str,
    typer.Option(
        "--store", envvar="XBOPT_STORE", help="Decision store: sqlite:///FILE, a file, or postgresql://USER@HOST/NAME."
    ),
]


def check_outputs(outputs: Mapping[str, tuple[Path | None, str]], *, source: Path | None = None) -> None:
    """Check before the work that every file can be written, under a name that says what it is.

    Args:
        outputs: By option: the file, None where none is asked for, and the endings allowed, with commas between.
        source: What is read; it must not be written over.

    Raises:
        UsageError: A name ends otherwise, or a file cannot be written there.
    """
    from xbopt.core.files import check_targets

    check_targets({option: path for option, (path, _) in outputs.items()}, source=source)
    for option, (path, endings) in outputs.items():
        if path is not None and path.suffix not in endings.split(","):
            raise UsageError(f"{option} {path}: give the file a name that ends in {endings.replace(',', ' or ')}.")


def load_with_notes(scenario: str, changes: Sequence[str] | None) -> "Scenario":
    """Load a scenario with its ``--set`` changes, and say what a reader must know about it.

    Raises:
        ScenarioError: The scenario cannot be used.
        UsageError: A change names no path of it.
    """
    from xbopt.core.scenario.loading import load_scenario, read_document
    from xbopt.core.scenario.notes import scenario_notes, steady_notes

    loaded = load_scenario(scenario, overrides=changes or [])
    for note in (*scenario_notes(loaded), *(steady_notes(read_document(scenario), loaded) if changes else ())):
        say(f"Note: {note}")
    return loaded


def part_of(option: str, text: str) -> float:
    """A part of a whole, as in 1% or 0.01.

    Raises:
        UsageError: It is none.
    """
    number = text.strip()
    try:
        part = float(number.removesuffix("%")) / (100.0 if number.endswith("%") else 1.0)
    except ValueError:
        part = float("nan")
    if not 0.0 < part <= 1.0:
        raise UsageError(f"{option} is {text!r}; a part above 0 and up to all is wanted, as in 1% or 0.01.")
    return part


def policy_or_bundle(name: str) -> "str | TacticPolicy | FactoredPolicy":
    """A policy as a user names it; a bundle is loaded, because what asks policies by name knows none.

    Raises:
        BundleError: The bundle was tampered with, is broken or incompatible.
        PolicyError: It names its decisions outright.
    """
    path = Path(name)
    if not (path.suffix == ".xbopt" or ((path / "manifest.json").is_file() and (path / "policy.onnx").is_file())):
        return name
    from xbopt.core.extras import need_extra

    need_extra("serve", "msgspec", "onnxruntime", "cryptography")
    from xbopt.service.bundle_policy import bundle_policy

    return bundle_policy(path)


def pairs_of(option: str, texts: Sequence[str]) -> dict[str, str]:
    """Names and values of ``name=value,...``.

    Raises:
        UsageError: A part has no equals sign, or a name stands there twice.
    """
    found: dict[str, str] = {}
    for part in (part for text in texts for part in text.split(",")):
        name, sign, value = part.partition("=")
        name, value = name.strip(), value.strip()
        if not sign or not name or not value:
            raise UsageError(f"{option}: {part!r} is no NAME=VALUE. Between several stand commas.")
        if name in found:
            raise UsageError(f"{option}: {name} stands there twice.")
        found[name] = value
    return found


TodayOption = Annotated[
    str | None, typer.Option("--today", metavar="DATE", help="The day of asking; by the clock where left out.")
]


def day_of(option: str, text: str) -> date:
    """A day as it is written.

    Raises:
        UsageError: It is none.
    """
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise UsageError(f"{option} is {text!r}; a day is written YYYY-MM-DD, as in 2026-11-27.") from None


def today_of(text: str | None) -> date:
    """The day of asking.

    Raises:
        UsageError: The text is no date.
    """
    return datetime.now(UTC).date() if text is None else day_of("--today", text)


def at_once(engine: str, workers: int | None) -> int | None:
    """How many parts are done at once; None where nobody knows, as of a cluster."""
    return 1 if engine == "local" and workers is None else workers
