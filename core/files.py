"""Writing files so that nothing on disk is ever lost or half-written."""

import os
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from xbopt.core.errors import UsageError


def check_target(path: Path) -> None:
    """Check early that a file can be written there, before long work is done for it.

    Raises:
        UsageError: The folder is missing or cannot be written to, or the path is a folder.
    """
    folder = path.parent
    if path.is_dir():
        raise UsageError(f"{path} is a folder; name a file in it.")
    if not folder.is_dir():
        raise UsageError(f"There is no folder {folder}; create it first, or write elsewhere.")
    if not os.access(folder, os.W_OK):
        raise UsageError(f"The folder {folder} cannot be written to.")


@contextmanager
def replace_file(path: Path) -> Generator[Path, None, None]:
    """A temporary file beside the target, renamed to it at the end; on any error the target stays as it was.

    Raises:
        UsageError: The file cannot be written there.
    """
    check_target(path)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=path.suffix, dir=path.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        # mkstemp makes files private; give the target the mode that an ordinary new file would have.
        mask = os.umask(0)
        os.umask(mask)
        temporary.chmod(0o666 & ~mask)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
