"""The command line: ``xbopt``."""

import io
import os
import signal
import sys
from typing import Annotated, Protocol, runtime_checkable

import typer

from xbopt.cli.backtest import backtest_command
from xbopt.cli.bundles import app as tokens_app
from xbopt.cli.bundles import serve_command, verify_command
from xbopt.cli.calibrate import calibrate_command
from xbopt.cli.campaign_advice import app as campaign_app
from xbopt.cli.compare import compare_command
from xbopt.cli.completion import CommandWithNames
from xbopt.cli.dataset import dataset_command
from xbopt.cli.decisions import app as decisions_app
from xbopt.cli.evaluate import evaluate_command
from xbopt.cli.export import export_command
from xbopt.cli.import_data import import_command
from xbopt.cli.keys import app as keys_app
from xbopt.cli.plan import plan_command
from xbopt.cli.scenario import app as scenario_app
from xbopt.cli.simulate import simulate_command
from xbopt.cli.sweep import sweep_command
from xbopt.cli.terminal import fail, say
from xbopt.cli.train import train_command
from xbopt.cli.what_if import CommandWithForms, what_if_command
from xbopt.core.errors import UsageError, XboptError
from xbopt.core.version import __version__

INTERRUPTED = 130


@runtime_checkable
class _BadCall(Protocol):
    """A wrong option or argument, as typer reports it; it carries its own copy of click and exports no such class."""

    exit_code: int

    def show(self) -> None: ...


app = typer.Typer(
    name="xbopt",
    help=(
        "Plan, simulate and learn cross-border e-commerce campaigns.\n\n"
        "Start with: xbopt simulate quickstart\n\n"
        "Exit codes: 0 done, 1 internal error, 2 invalid input, 3 refused, 4 infeasible, 5 integrity."
    ),
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.add_typer(scenario_app, name="scenario")
app.add_typer(campaign_app, name="campaign")
app.add_typer(decisions_app, name="decisions")
app.add_typer(tokens_app, name="tokens")
app.add_typer(keys_app, name="keys")
for _name, _command, _example in (
    ("simulate", simulate_command, "quickstart --policy greedy_roas --runs 128 --report report.html"),
    ("export", export_command, "runs/first -o policy.xbopt --evaluation certificate.json"),
    ("verify", verify_command, "policy.xbopt"),
    ("serve", serve_command, "policy.xbopt --store sqlite:///decisions.sqlite"),
    ("plan", plan_command, "quickstart -o plan.csv --report plan.html"),
    ("calibrate", calibrate_command, "data --like us_eu_launch -o my_market.yaml --report calibration.html"),
    ("compare", compare_command, "quickstart --policies baseline,plan.csv --report comparison.html"),
    ("backtest", backtest_command, "scenario.yaml data --report backtest.html"),
    (
        "evaluate",
        evaluate_command,
        "log.parquet --policy greedy_roas --scenario quickstart --report evaluation.html",
    ),
    ("sweep", sweep_command, "sweep.yaml --workers 2 -o sweeps/budget"),
    ("dataset", dataset_command, "quickstart --policy replan --exploration 0.2 --episodes 512 -o data"),
    ("import", import_command, "orders_export.csv meta.csv -o data --zone Europe/Berlin"),
    ("train", train_command, "quickstart --agent ppo --time-limit 2m --out runs/first"),
):
    app.command(name=_name, cls=CommandWithNames, epilog=f"Example: xbopt {_name} {_example}")(_command)
app.command(
    name="what-if",
    cls=CommandWithForms,
    epilog="Example: xbopt what-if quickstart 'GBP -5%' 'UK tariff +10%' 'move 10% search social DE'",
)(what_if_command)


def _version(value: bool) -> None:
    if value:
        sys.stdout.write(f"xbopt {__version__}\n")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    del version


def main() -> None:
    """Run the command line; every error that is meant becomes a message and an exit code."""
    _prepare_streams()
    # Ending the process from outside leaves no more behind than Ctrl-C does.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        code = app(standalone_mode=False)
        sys.stdout.flush()
    except XboptError as error:
        code = fail(error)
    except (KeyboardInterrupt, typer.Abort):
        code = INTERRUPTED
    except BrokenPipeError:
        # The reader of a pipe has gone, as in `| head`: nothing is wrong. Python must not flush to it at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    except OSError as error:
        say(f"Error: {error.strerror or error}{f': {error.filename}' if error.filename else ''}.")
        code = UsageError.exit_code
        sys.stdout = open(os.devnull, "w")  # noqa: PTH123, SIM115 - what is left in the buffer cannot be written
    except typer.Exit as error:
        code = error.exit_code
    except Exception as error:  # noqa: BLE001 - the last net: a user never sees a traceback
        code = _unexpected(error)
    if code == INTERRUPTED:
        say("Interrupted. No file was left half-written.")
    sys.exit(code if isinstance(code, int) else 0)


def _prepare_streams() -> None:
    """Make sure that there is somewhere to write to, and that no letter is too much for a narrow encoding."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:  # closed by the caller, as with `>&-`
            setattr(sys, name, open(os.devnull, "w"))  # noqa: PTH123, SIM115 - open for as long as the process
        elif isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def _unexpected(error: Exception) -> int:
    if isinstance(error, _BadCall):
        error.show()
        return UsageError.exit_code
    if os.environ.get("XBOPT_DEBUG"):
        raise error
    say(f"Internal error: {type(error).__name__}: {error}\nSet XBOPT_DEBUG=1 to see where, and please report it.")
    return XboptError.exit_code


if __name__ == "__main__":
    main()
