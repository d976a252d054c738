"""Files: writing so that nothing on disk is ever lost or half-written, and what they hold."""

import errno
import hashlib
import os
import tempfile
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path

from xbopt.core.errors import UsageError

_LONGEST_NAME = 255
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EROFS)


def sha256_of(path: Path) -> str:
    """Hash of what a file holds, as hexadecimal text."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def sha256_of_content(path: Path) -> str:
    """Hash of a file, or of a folder's files with their names in it, as hexadecimal text."""
    files = sorted(file for file in path.rglob("*") if file.is_file()) if path.is_dir() else [path]
    total = hashlib.sha256()
    for file in files:
        inside = file.relative_to(path).as_posix() if path.is_dir() else ""
        total.update(f"{inside}\0{sha256_of(file)}\n".encode())
    return total.hexdigest()


def check_target(path: Path) -> None:
    """Check early that a file can be written there, before long work is done for it.

    Raises:
        UsageError: The folder is missing or cannot be written to, the name is too long, or what stands there is no
            ordinary file.
    """
    folder = path.parent
    if len(path.name.encode()) > _LONGEST_NAME:
        raise UsageError(f"The file name is longer than {_LONGEST_NAME} bytes: {path.name[:40]}...")
    if path.is_dir():
        raise UsageError(f"{path} is a folder; name a file in it.")
    if path.exists() and not path.is_file():
        raise UsageError(f"{path} is no ordinary file (a device or pipe); write elsewhere.")
    if not folder.is_dir():
        raise UsageError(f"There is no folder {folder}; create it first, or write elsewhere.")
    try:
        # Asking for permission is not enough: a disk may be mounted for reading only.
        _temporary_beside(path).unlink()
    except OSError as error:
        raise UsageError(f"The folder {folder} cannot be written to ({error.strerror}).") from error


def check_targets(outputs: Mapping[str, Path | None], *, source: Path | None = None) -> None:
    """Check several outputs of one command: each by itself, against each other, and against the input.

    Args:
        outputs: Option and file; None where the option was not given.
        source: The input file, which no output may overwrite.

    Raises:
        UsageError: An output cannot be written, two are the same file, or one is the input.
    """
    seen: dict[Path, str] = {}
    for option, path in outputs.items():
        if path is None:
            continue
        check_target(path)
        real = path.resolve()
        if source is not None and real == source.resolve():
            raise UsageError(f"{option} {path} would overwrite the input; write elsewhere.")
        if real in seen:
            raise UsageError(f"{option} and {seen[real]} name the same file, {path}.")
        seen[real] = option


def _temporary_beside(path: Path) -> Path:
    handle, name = tempfile.mkstemp(prefix=".xbopt.", suffix=path.suffix[:16], dir=path.parent)
    os.close(handle)
    return Path(name)


@contextmanager
def replace_file(path: Path, *, private: bool = False) -> Generator[Path, None, None]:
    """A temporary file beside the target, renamed to it at the end; on any error the target stays as it was.

    Args:
        path: The target.
        private: Nobody but the owner may read it.

    Raises:
        UsageError: The file cannot be written there.
    """
    check_target(path)
    target = path.resolve()  # a link stays a link; the file it leads to is replaced
    temporary = _temporary_beside(target)
    try:
        yield temporary
        if not private:
            # mkstemp makes files private; give the target the mode that an ordinary new file would have.
            mask = os.umask(0)
            os.umask(mask)
            temporary.chmod(0o666 & ~mask)
        temporary.replace(target)
    except OSError as error:
        if error.errno not in _NO_ROOM:
            raise
        raise UsageError(f"{path} cannot be written ({error.strerror}). Make room, or write elsewhere.") from error
    finally:
        temporary.unlink(missing_ok=True)
