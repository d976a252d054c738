"""The files of a SQLite store: what may be opened, how to read without leaving a trace, and whether the log is there.

While a service has a store open, the newest entries stand in the write-ahead log beside the main file. A copy of the
main file alone looks like a whole, shorter store. So a service marks the main file where its log holds more: the mark
stands in the field ``user_version`` of the file's header, and the log holds the same page without it. Whoever takes the
whole log into the file, the service at a clean end or any SQLite that finds both, takes the mark away by that.
"""

import fcntl
import os
import sqlite3
import struct
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from xbopt.core.errors import UsageError
from xbopt.service.store.interface import StoreError

_IN_USE = 0x78626F70
"""The mark, less the version of the schema.

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
_TURN_SECONDS = 0.01
_SECTOR = 512
# Its index: version, unused, changes, two flags, page size, number of frames, pages, sums, salt, sums; all of it twice.
# https://www.sqlite.org/walformat.html#the_wal_index_file_format
_INDEX = struct.Struct("=3I2BH4I8s8x")
_INDEX_VERSION = 3007000
_IN_USE_LOCK = 128
_LOCK = struct.Struct("hhqqi4x")
# A rollback journal: https://www.sqlite.org/fileformat2.html#the_rollback_journal
_JOURNAL_MAGIC = bytes.fromhex("d9d505f920a163d7")
_JOURNAL_HEADER = struct.Struct(">8s3I")
_MADE_BYTES = 1 << 16
"""More than a store without entries takes."""


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


class FileMark:
    """The mark of a file that a service has open.

    It is written past SQLite, which would write it into the log. SQLite would lose its locks if anybody else in the
    process closed the file; so this is made before SQLite opens it, and closed after.

    Args:
        path: The main file; it is made where there is none.
    """

    def __init__(self, path: Path) -> None:
        try:
            self._file = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            raise StoreError(f"{path} cannot be opened for writing: {error.strerror}.") from error

    def renew(self) -> bool:
        """Mark the file; gives whether the mark was gone."""
        header = os.pread(self._file, _MARK_AT + _MARK.size, 0)
        mark = _mark_of(header)
        if not mark or header[_MARK_AT:] == mark:
            return False
        os.pwrite(self._file, mark, _MARK_AT)
        return True

    def close(self) -> None:
        """Close the file."""
        os.close(self._file)


@contextmanager
def opening_alone(path: Path, wait_seconds: float) -> Generator[None]:
    """Be the only one in the folder who opens a store, or closes one that was written to.

    Whoever closes takes log and mark away, and whoever opens looks at them and makes them: between each other they
    would find, or leave, a marked file without a log. The folder is locked, because some systems do not tell a lock on
    the file from those of SQLite. Where somebody may not look into the folder, there is no lock.

    Raises:
        StoreError: Others did so all the time.
    """
    until = time.monotonic() + wait_seconds
    try:
        folder = os.open(path.resolve().parent, os.O_RDONLY)
    except PermissionError:
        yield
        return
    try:
        while True:
            try:
                fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError as error:
                if time.monotonic() >= until:
                    raise StoreError(f"{path} is opened or closed by somebody else all the time.") from error
                time.sleep(_TURN_SECONDS)
        yield
    finally:
        os.close(folder)


@dataclass(frozen=True, slots=True)
class LogState:
    """The write-ahead log of a store, as its files tell before SQLite opens them.

    Attributes:
        way: How SQLite has to open the file so that reading leaves no trace.
        doubt: Why the log cannot be whole; empty where nothing speaks for it.
        seen: When the files were last written to, before they were looked at.
    """

    way: str
    doubt: str
    seen: tuple[int, ...]


def log_state(path: Path) -> LogState:
    """Look at the log of a store. Nobody in this process may have the store open: that would lose its locks.

    Where another process has the store open, its log and index are used with it. A log that nobody uses, as in a copy
    or after a kill, is read into memory, for which SQLite wants a file system without locks: its index stays as it is.
    A file that stands alone is read as one that does not change. So is one whose log holds no complete transaction:
    SQLite would remove that log in the end. Whether nothing changed is checked afterwards.
    """
    seen = last_change(path)
    log, index = _beside(path, "-wal"), _beside(path, "-shm")
    complete, damage = _read_log(log, index)
    if not path.exists() or not path.stat().st_size:
        damage = f"its write-ahead log {log.name} is there, but the file itself is not, or empty" if complete else ""
    elif not complete and not damage and _marked(path) and not _begun_anew(log, index):
        damage = (
            f"a service had {path.name} open when it was copied or stopped, and its write-ahead log {log.name}, which "
            "holds the newest entries, is not beside it or empty"
        )
    if not complete:
        return LogState(UNCHANGING, damage, seen)
    return LogState("" if _in_use(index) else NO_LOCKS, damage, seen)


def is_unmade(path: Path) -> bool:
    """Whether a file is still to become a database: missing, empty, or its making was cut short.

    SQLite empties the last again by the journal beside it. It would empty any other, too; so that one has to be as
    short as a store without entries.
    """
    if not path.exists() or not path.stat().st_size:
        return True
    journal = _beside(path, "-journal")
    header = journal.read_bytes()[: _JOURNAL_HEADER.size] if journal.exists() else b""
    if len(header) < _JOURNAL_HEADER.size:
        return False
    magic, _, _, pages = _JOURNAL_HEADER.unpack(header)
    return magic == _JOURNAL_MAGIC and not pages and path.stat().st_size <= _MADE_BYTES


def _read_log(log: Path, index: Path) -> tuple[int, str]:
    """Number of frames that SQLite will read, and what is wrong with the log."""
    complete, found = 0, ""
    for _ in range(3):
        # Before the log, which may grow meanwhile.
        counted, salt = _indexed(index)
        data = log.read_bytes() if log.exists() else b""
        complete, found = _frames(data) if len(data) > _LOG_HEADER.size else (0, "")
        if salt == data[16:24] and counted > complete:
            found = f"holds {complete} frames that fit, and its index {index.name} counted {counted}"
        elif salt == data[16:24] and found and _in_use(index):
            # Whoever has the store open knows where its log ends: what lies behind was given up.
            found = ""
        if not found:
            break
        # A service that writes at this moment is seen in the middle of its work.
        time.sleep(_RESTLESS_SECONDS)
        if log.exists() and log.read_bytes() == data:
            return complete, f"the write-ahead log {log.name} {found}"
    return complete, ""


def _begun_anew(log: Path, index: Path) -> bool:
    """Whether a log without a complete transaction is one that SQLite began again, after it took all into the file.

    A kill may come then, before the first transaction of the new log is whole. The index counts no frame of it; or
    frames of the log before lie behind, whose first salt is one less.
    """
    data = log.read_bytes() if log.exists() else b""
    if len(data) <= _LOG_HEADER.size:
        return False
    if _indexed(index) == (0, data[16:24]):
        return True
    _, _, page, _, salt, *_ = _LOG_HEADER.unpack_from(data)
    frames = range(_LOG_HEADER.size, len(data) - _FRAME_HEADER.size, _FRAME_HEADER.size + page)
    return any(_FRAME_HEADER.unpack_from(data, at)[2] == (salt - 1) & 0xFFFFFFFF for at in frames)


def _indexed(index: Path) -> tuple[int, bytes]:
    """How many frames were stored for good, as the index says, and the salt of the log that it is for.

    A frame is counted after it was synced. An index that a loss of power left may count less.
    """
    header = b""
    if index.exists():
        with index.open("rb") as file:
            header = file.read(2 * _INDEX.size)
    first, second = header[: _INDEX.size], header[_INDEX.size :]
    if len(header) < 2 * _INDEX.size or first != second:
        return 0, b""
    version, *_, frames, _, _, _, salt = _INDEX.unpack(first)
    return (frames, salt) if version == _INDEX_VERSION else (0, b"")


def _in_use(index: Path) -> bool:
    """Whether somebody has the store open, who holds a lock on its index then."""
    if not index.exists():
        return False
    if not hasattr(fcntl, "F_OFD_GETLK"):
        return True
    with index.open("rb") as file:
        held = fcntl.fcntl(file, fcntl.F_OFD_GETLK, _LOCK.pack(fcntl.F_WRLCK, os.SEEK_SET, _IN_USE_LOCK, 1, 0))
    return bool(_LOCK.unpack(held)[0] != fcntl.F_UNLCK)


def connected(path: Path, way: str, busy_seconds: float) -> sqlite3.Connection:
    """SQLite's connection to a file, opened in one of its ways: ``ro`` with what is said of the log, or ``rwc``."""
    address = f"{path.resolve().as_uri()}?mode={way}"
    # The service hands the connection to its one writing thread.
    return sqlite3.connect(address, timeout=busy_seconds, isolation_level=None, check_same_thread=False, uri=True)


def last_change(path: Path) -> tuple[int, ...]:
    """When a file and its log were last written to, in ns, and their sizes in bytes."""
    found = [one.stat() for one in (path, _beside(path, "-wal")) if one.exists()]
    return tuple(number for one in found for number in (one.st_mtime_ns, one.st_size))


def _beside(path: Path, ending: str) -> Path:
    there = path.resolve()
    return there.with_name(there.name + ending)


def _marked(path: Path) -> bool:
    with path.open("rb") as file:
        header = file.read(_MARK_AT + _MARK.size)
    return header[_MARK_AT:] == _mark_of(header) != b""


def _mark_of(header: bytes) -> bytes:
    """The mark that a file with this header has to have; empty for a file without one."""
    if len(header) < _MARK_AT + _MARK.size:
        return b""
    return _MARK.pack(_IN_USE + _MARK.unpack_from(header, _SCHEMA_VERSION_AT)[0])


def _frames(log: bytes) -> tuple[int, str]:
    """Number of frames up to the last complete transaction, and what is wrong; empty where SQLite reads them all.

    Frames carry the salt of the log's header and a sum over all before them; SQLite stops at the first that does not
    fit, and goes on from the last complete transaction. Behind that may lie what was never complete: older frames of
    another salt, and frames of transactions that a full disk, a kill or a rollback cut short, whose last one is missing
    or torn. So a frame there that ends a transaction, and fits what is written of the one before, shows that a complete
    transaction was damaged. (A loss of power may store the pages of the last transaction in any order, and look so,
    too.) The file ends after a frame, or where writing stops: after a frame's header, or with a sector.
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
    is_whole = True
    written = sums
    for number, at in enumerate(range(_LOG_HEADER.size, len(log) - size + 1, size), start=1):
        _, commit, salt_1, salt_2, *ends = _FRAME_HEADER.unpack_from(log, at)
        content = log[at : at + 8] + log[at + _FRAME_HEADER.size : at + size]
        before, written = written, (ends[0], ends[1])
        if [salt_1, salt_2] != salt:
            is_whole = False
            continue
        sums = _checksum(content, order, sums)
        if is_whole and sums == written:
            complete = number if commit else complete
            continue
        is_whole = False
        # Torn are the last frames of a file only in part, or over older ones.
        if commit and (at + size == len(log) or written in {sums, _checksum(content, order, before)}):
            return complete, "is damaged before its end"
    rest = (len(log) - _LOG_HEADER.size) % size
    if rest not in {0, _FRAME_HEADER.size} and len(log) % _SECTOR:
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
