"""Running the command line in a process of its own, as a user does."""

import os
import subprocess
import sys
from dataclasses import dataclass

import pytest


@dataclass(frozen=True)
class Answer:
    """What a command answered."""

    code: int
    out: str
    err: str


@pytest.fixture
def xbopt_command(tmp_path):
    """Run ``xbopt`` in an empty folder; gives exit code, stdout and stderr."""

    def run(*arguments, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, **environment):
        done = subprocess.run(
            [sys.executable, "-c", "from xbopt.cli.main import main; main()", *map(str, arguments)],
            cwd=tmp_path,
            env={**os.environ, "COLUMNS": "110", "TERM": "dumb", **environment},
            stdin=stdin,
            stdout=stdout,
            stderr=subprocess.PIPE,
            text=True,
            timeout=120,
            check=False,
        )
        assert "Traceback" not in done.stderr, done.stderr
        return Answer(done.returncode, done.stdout or "", done.stderr)

    return run
