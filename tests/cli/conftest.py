"""Running the command line in an empty folder."""

from functools import partial
from pathlib import Path

import pytest

from tests.command_line import Command, call, run


@pytest.fixture
def xbopt_command(tmp_path: Path) -> Command:
    """Run ``xbopt`` in this process and an empty folder; gives exit code, stdout and stderr."""
    return partial(call, folder=tmp_path)


@pytest.fixture
def xbopt_process(tmp_path: Path) -> Command:
    """The same in a process of its own, where start, streams or end of a process matter."""
    return partial(run, folder=tmp_path)
