"""Ways to tamper with the files of a SQLite store: its main file and the write-ahead log beside it."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.service.tamperings import Rng


@dataclass(frozen=True, slots=True)
class FileTampering:
    """A change of the files of a SQLite store that a service has open, or had until it was killed.

    Attributes:
        change: What is done to the main file; the log lies beside it.
        codes: Exit codes of ``verify`` alone.
        codes_with_head: Exit codes with the head of the whole chain.
    """

    change: Callable[[Path, Rng], object]
    codes: frozenset[int] = frozenset({5})
    codes_with_head: frozenset[int] = frozenset({5})


def _log(path: Path) -> Path:
    return path.with_name(path.name + "-wal")


def _alone(path: Path, _: Rng) -> None:
    for other in path.parent.iterdir():
        if other != path:
            other.unlink()


def _cut_log(path: Path, size: int) -> None:
    with _log(path).open("r+b") as file:
        file.truncate(size)
    path.with_name(path.name + "-shm").unlink(missing_ok=True)


def _frames(path: Path) -> int:
    return (_log(path).stat().st_size - 32) // 4120


def _damage(path: Path, at: int, rng: Rng) -> None:
    data = bytearray(path.read_bytes())
    data[at] ^= 1 << int(rng.integers(8))
    path.write_bytes(data)
    path.with_name(path.name.removesuffix("-wal") + "-shm").unlink(missing_ok=True)


def _page(path: Path, rng: Rng) -> None:
    """A page of the main file, but for the first, is filled with noise."""
    data = bytearray(path.read_bytes())
    at = 4096 * int(rng.integers(1, len(data) // 4096))
    data[at : at + 4096] = rng.bytes(4096)
    path.write_bytes(data)


def _shortened(path: Path, rng: Rng) -> None:
    pages = path.stat().st_size // 4096
    with path.open("r+b") as file:
        file.truncate(4096 * int(rng.integers(1, pages)))


OPEN_FILES: dict[str, FileTampering] = {
    "no log": FileTampering(_alone),
    "an empty log": FileTampering(lambda path, _: _cut_log(path, 0)),
    "a log of a header": FileTampering(lambda path, _: _cut_log(path, 32)),
    # A disk that was full leaves a log that ends with a sector, and a kill one that ends with a frame's header.
    "a log cut in a page": FileTampering(
        lambda path, rng: _cut_log(
            path, 32 + 4120 * int(rng.integers(1, _frames(path))) + 8 * int(rng.integers(4, 500)) + 1
        )
    ),
    "a log cut at a sector": FileTampering(
        lambda path, rng: _cut_log(path, 512 * int(rng.integers(9, 8 * _frames(path)))), frozenset({0, 5})
    ),
    # A log that ends with a page may have been written no further: only a head tells.
    "a log cut after a page": FileTampering(
        lambda path, rng: _cut_log(path, 32 + 4120 * int(rng.integers(1, _frames(path)))), frozenset({0, 5})
    ),
    "a bit of the log": FileTampering(
        lambda path, rng: _damage(_log(path), 32 + int(rng.integers(4120 * (_frames(path) - 1))), rng)
    ),
    "a bit of the log's header": FileTampering(lambda path, rng: _damage(_log(path), int(rng.integers(32)), rng)),
}
CLOSED_FILES: dict[str, FileTampering] = {
    "a page of noise": FileTampering(_page),
    "a file cut short": FileTampering(_shortened),
    "an empty file": FileTampering(lambda path, _: path.write_bytes(b""), frozenset({2}), frozenset({2})),
    "a text": FileTampering(lambda path, _: path.write_text("y\n" * 9999), frozenset({2}), frozenset({2})),
}
