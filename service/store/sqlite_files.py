"""The files of a SQLite store: what may be opened, how to read without leaving a trace, and whether the log is there.

While a service has a store open, the newest entries stand in the write-ahead log beside the main file. A copy of the
main file alone looks like a whole, shorter store. So a service marks the main file as long as it has it open
(``PRAGMA user_version``), and takes the mark away at a clean end, when the log has gone into the main file.
"""

import struct
import time
from dataclasses import dataclass
from pathlib import Path

from xbopt.core.errors import UsageError
from xbopt.service.store.interface import StoreError

IN_USE = 0x78626F70
"""The mark of a file that a service has open, less the version of its schema.

SQLite's own backup, which takes in the log, raises that version in the copy: the copy is not marked, and is whole.
"""
UNCHANGING, NO_LOCKS = "&immutable=1", "&vfs=unix-none"
_MAGIC = b"SQLite format 3\0"
_MARK = struct.Struct(">I")
_MARK_AT, _SCHEMA_VERSION_AT = 60, 40
# The write-ahead log: https://www.sqlite.org/fileformat2.html#walformat
_LOG_MAGIC = (0x377F0682, 0x377F0683)
_LOG_HEADER, _FRAME_HEADER = struct.Struct(">8I"), struct.Struct(">6I")
_RESTLESS_SECONDS = 0.1


def check_file(path: Path, *, read_only: bool) -> None:
    """Refuse what cannot be a store before SQLite touches it.

    Raises:
        UsageError: It is a folder or a device; or it is to be read, and is missing or empty.
        StoreError: It holds something else than a database.
    """
    if not path.parent.is_dir():
        raise UsageError(f"There is no folder {path.parent} for the store {path.name}; create it first.")
    if path.exists() and not path.is_file():
        what = "a folder" if path.is_dir() else "not an ordinary file"
        raise UsageError(f"{path} is {what}; a decision store is one SQLite file.")
    if read_only and not path.exists():
        raise UsageError(f"There is no store {path}.")
    if read_only and not path.stat().st_size:
        raise UsageError(f"{path} is an empty file, not a decision store.")
    if path.exists():
        with path.open("rb") as file:
            start = file.read(len(_MAGIC))
        # SQLite itself takes a file of a few bytes for an empty database, and would write over it.
        if start and start != _MAGIC:
            raise StoreError(
                f"{path}: file is not a database. A decision store is a SQLite file that xbopt serve makes."
            )


@dataclass(frozen=True, slots=True)
class LogState:
    """The write-ahead log of a store, as its files tell before SQLite opens them.

    Attributes:
        way: How SQLite has to open the file so that reading leaves no trace.
        doubt: Why the log cannot be whole; empty where nothing speaks for it.
    """

    way: str
    doubt: str


def log_state(path: Path) -> LogState:
    """Look at the log of a store. Nobody in this process may have the store open: that would lose its locks.

    Log and index stand there while a service writes, or after it was killed: they are used as they are. A log without
    its index, as in a copy, is read into memory, for which SQLite wants a file system without locks. A file that stands
    alone is read as one that does not change; whether that was so is checked afterwards. So is one whose log holds no
    complete transaction: SQLite would remove that log in the end.
    """
    log = _beside(path, "-wal")
    complete, damage = _read_log(log)
    if not complete and not damage and path.exists() and _marked(path):
        damage = (
            f"a service had {path.name} open when it was copied or stopped, and its write-ahead log {log.name}, which "
            "holds the newest entries, is not beside it or empty"
        )
    if not complete:
        return LogState(UNCHANGING, damage)
    return LogState("" if _beside(path, "-shm").exists() else NO_LOCKS, damage)


def _read_log(log: Path) -> tuple[int, str]:
    """Number of frames that SQLite will read, and what is wrong with the log."""
    complete, found = 0, ""
    for _ in range(3):
        data = log.read_bytes() if log.exists() else b""
        if len(data) <= _LOG_HEADER.size:
            return 0, ""
        complete, found = _frames(data)
        if not found:
            break
        # A service that writes at this moment is seen in the middle of its work.
        time.sleep(_RESTLESS_SECONDS)
        if log.exists() and log.read_bytes() == data:
            return complete, f"the write-ahead log {log.name} {found}"
    return complete, ""


def last_change(path: Path) -> tuple[int, int]:
    """When a file was last written to, in ns, and its size in bytes."""
    now = path.stat()
    return now.st_mtime_ns, now.st_size


def _beside(path: Path, ending: str) -> Path:
    there = path.resolve()
    return there.with_name(there.name + ending)


def _marked(path: Path) -> bool:
    with path.open("rb") as file:
        header = file.read(_MARK_AT + _MARK.size)
    if len(header) < _MARK_AT + _MARK.size:
        return False
    mark, version = (_MARK.unpack_from(header, at)[0] for at in (_MARK_AT, _SCHEMA_VERSION_AT))
    return mark == IN_USE + version


def _frames(log: bytes) -> tuple[int, str]:
    """Number of frames up to the last complete transaction, and what is wrong; empty where SQLite reads them all.

    Frames carry the salt of the log's header and a sum over all before them; SQLite stops at the first that does not
    fit. Older frames behind the newest have another salt. A last frame that does not fit was being written when the
    service was killed; one that others of its time follow was damaged.
    """
    magic, _, page, _, *salt, first, second = _LOG_HEADER.unpack_from(log)
    if magic not in _LOG_MAGIC or page < 512 or page & (page - 1):
        return 0, "has no header that SQLite knows"
    order = "<" if magic == _LOG_MAGIC[0] else ">"
    sums = _checksum(log[:24], order, (0, 0))
    if sums != (first, second):
        return 0, "has a damaged header"
    size = _FRAME_HEADER.size + page
    complete = 0
    is_broken = False
    for number, at in enumerate(range(_LOG_HEADER.size, len(log) - size + 1, size), start=1):
        _, commit, salt_1, salt_2, first, second = _FRAME_HEADER.unpack_from(log, at)
        if [salt_1, salt_2] != salt:
            # Those before it were written over, so nothing behind it counts.
            is_broken = True
            continue
        if is_broken:
            return complete, "is damaged before its end"
        sums = _checksum(log[at : at + 8] + log[at + _FRAME_HEADER.size : at + size], order, sums)
        is_broken = sums != (first, second)
        if commit and not is_broken:
            complete = number
    if (len(log) - _LOG_HEADER.size) % size:
        return complete, "ends in the middle of a page"
    return complete, ""


def _checksum(data: bytes, order: str, sums: tuple[int, int]) -> tuple[int, int]:
    """SQLite's sum over 8 bytes after 8 bytes."""
    left, right = sums
    words = iter(struct.unpack(f"{order}{len(data) // 4}I", data))
    for one, two in zip(words, words, strict=True):
        left = (left + one + right) & 0xFFFFFFFF
        right = (right + two + left) & 0xFFFFFFFF
    return left, right
