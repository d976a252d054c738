"""The command line: ``xbopt``."""

import io
import os
import signal
import sys
from typing import Annotated, Protocol, runtime_checkable

import typer

from xbopt.cli.verbs import Verbs
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
    cls=Verbs,
    help=(
        "Plan, simulate and learn cross-border e-commerce campaigns.\n\n"
        "Start with: xbopt simulate quickstart\n\n"
        "Exit codes: 0 done, 1 internal error, 2 invalid input, 3 refused, 4 infeasible, 5 integrity."
    ),
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


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
        from xbopt.cli.terminal import fail

        code = fail(error)
    except (KeyboardInterrupt, typer.Abort):
        code = INTERRUPTED
    except BrokenPipeError:
        # The reader of a pipe has gone, as in `| head`: nothing is wrong. Python must not flush to it at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    except OSError as error:
        _say(f"Error: {error.strerror or error}{f': {error.filename}' if error.filename else ''}.")
        code = UsageError.exit_code
        sys.stdout = open(os.devnull, "w")  # noqa: PTH123, SIM115 - what is left in the buffer cannot be written
    except typer.Exit as error:
        code = error.exit_code
    except Exception as error:  # noqa: BLE001 - the last net: a user never sees a traceback
        code = _unexpected(error)
    if code == INTERRUPTED:
        _say("Interrupted. No file was left half-written.")
    sys.exit(code if isinstance(code, int) else 0)


def _say(message: str) -> None:
    from xbopt.cli.terminal import say

    say(message)


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
    _say(f"Internal error: {type(error).__name__}: {error}\nSet XBOPT_DEBUG=1 to see where, and please report it.")
    return XboptError.exit_code


if __name__ == "__main__":
    main()
