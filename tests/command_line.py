"""Calls of ``xbopt``: in this process, where that says the same, and in one of its own as a user makes them."""

import io
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, TypeAlias

import pytest

# A fixed width, and no colours: what a command says does not depend on who runs the tests.
TERMINAL = {"COLUMNS": "110", "TERM": "dumb"}
PROGRAM = "import sys; sys.argv[0] = 'xbopt'; from xbopt.cli.main import main; main()"


@dataclass(frozen=True)
class Answer:
    """What a command answered."""

    code: int
    out: str
    err: str


Command = Callable[..., Answer]
Started: TypeAlias = "subprocess.Popen[str]"


def call(*arguments: object, folder: Path) -> Answer:
    """Run ``xbopt`` in this process, with a folder as its own; start-up, which costs a second, is left out.

    Warnings are errors here, as in every test.
    """
    from xbopt.cli.main import main

    out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True) for _ in range(2))
    on_terminate = signal.getsignal(signal.SIGTERM)
    with pytest.MonkeyPatch.context() as patch, Path(os.devnull).open(encoding="utf-8") as nothing:
        patch.chdir(folder)
        for name, value in TERMINAL.items():
            patch.setenv(name, value)
        for name, stream in (("stdin", nothing), ("stdout", out), ("stderr", err)):
            patch.setattr(sys, name, stream)
        patch.setattr(sys, "argv", ["xbopt", *map(str, arguments)])
        # The program's name in `Usage:` is taken from here; pytest was started as a package.
        patch.setattr(sys.modules["__main__"], "__package__", None)
        try:
            main()
            code = 0
        except SystemExit as ended:
            code = int(ended.code or 0)
        finally:
            signal.signal(signal.SIGTERM, on_terminate)
    return _checked(code, *(_text(stream) for stream in (out, err)))


def start(*arguments: object, folder: Path, stdout: int | IO[str] = subprocess.PIPE, **environment: str) -> Started:
    """Start ``xbopt`` in a process of its own.

    Ctrl-C reaches it even where the tests run in the background: their shell ignores SIGINT, and children inherit that.
    """
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, *map(str, arguments)],
        cwd=folder,
        env={**os.environ, **TERMINAL, **environment},
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509 - no threads run here
    )


def run(*arguments: object, folder: Path, stdout: int | IO[str] = subprocess.PIPE, **environment: str) -> Answer:
    """Run ``xbopt`` in a process of its own: for what depends on its start, its streams or its end."""
    with start(*arguments, folder=folder, stdout=stdout, **environment) as process:
        out, err = process.communicate(timeout=120)
        return _checked(process.returncode, out or "", err)


def _text(stream: io.TextIOWrapper) -> str:
    buffer = stream.buffer
    assert isinstance(buffer, io.BytesIO)
    return buffer.getvalue().decode()


def _checked(code: int, out: str, err: str) -> Answer:
    assert "Traceback" not in err, err
    return Answer(code, out, err)
