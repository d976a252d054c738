"""Ways to tamper with a decision store, by somebody who owns the database and knows how the chain is made.

Each is told with what finds it: ``verify`` alone, or only together with a head that was kept elsewhere, since whoever
owns the database can always write a shorter or another chain that is whole.
"""

import hashlib
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np

from tests.command_line import Answer, call
from xbopt.service.store.entries import (
    GENESIS,
    AdministrationEntry,
    Entry,
    EntryKind,
    Head,
    OutcomeEntry,
    ShadowEntry,
    next_hash,
)
from xbopt.service.store.recording import decode_decision

Rng = np.random.Generator
Chain = tuple[list[Entry], list[Head]]
"""Rows and ends, as they are to stand in the tables."""


def read_chain(url: str) -> Chain:
    """All rows of a store, whatever they are worth."""
    if url.startswith("sqlite"):
        with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as connection:
            rows = connection.execute("SELECT seq, kind, key, payload, hash FROM entries ORDER BY seq").fetchall()
            return [Entry(*row) for row in rows], [
                Head(*row) for row in connection.execute("SELECT seq, hash FROM head")
            ]
    import psycopg

    with psycopg.connect(url) as connection:
        rows = connection.execute("SELECT seq, kind, key, payload, hash FROM xbopt_entries ORDER BY seq").fetchall()
        ends = connection.execute("SELECT seq, hash FROM xbopt_head").fetchall()
        return [Entry(*row) for row in rows], [Head(*row) for row in ends]


def write_chain(url: str, chain: Chain) -> None:
    """Write all rows anew: the guards are taken away, and put back as they were."""
    rows = [(row.seq, row.kind, row.key, row.payload, row.hash) for row in chain[0]]
    ends = [(end.seq, end.hash) for end in chain[1]]
    if url.startswith("sqlite"):
        with closing(sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None)) as connection:
            run = connection.execute
            guards = run("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
            run("BEGIN")
            for name, _ in guards:
                run(f"DROP TRIGGER {name}")
            run("DELETE FROM entries")
            run("DELETE FROM head")
            connection.executemany("INSERT INTO entries VALUES (?, ?, ?, ?, ?)", rows)
            connection.executemany("INSERT INTO head VALUES (1, ?, ?)", ends)
            for _, sql in guards:
                run(sql)
            run("COMMIT")
        return
    import psycopg

    with psycopg.connect(url) as connection, connection.cursor() as cursor:
        for table in ("xbopt_entries", "xbopt_head"):
            cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")  # type: ignore[arg-type]
        cursor.execute("DELETE FROM xbopt_entries")
        cursor.execute("DELETE FROM xbopt_head")
        cursor.executemany("INSERT INTO xbopt_entries VALUES (%s, %s, %s, %s, %s)", rows)
        cursor.executemany("INSERT INTO xbopt_head VALUES (1, %s, %s)", ends)
        for table in ("xbopt_entries", "xbopt_head"):
            cursor.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")  # type: ignore[arg-type]


def chained_anew(rows: list[Entry]) -> Chain:
    """Rows in their order with the right places and hashes, and the end that goes with them."""
    chain, done = GENESIS, []
    for seq, row in enumerate(rows, start=1):
        chain = next_hash(chain, seq, row.kind, row.key, row.payload)
        done.append(Entry(seq, row.kind, row.key, row.payload, chain))
    return done, [Head(len(done), chain)]


def _with(row: Entry, **changes: object) -> Entry:
    return msgspec.structs.replace(row, **changes)


def _flipped(data: bytes, rng: Rng) -> bytes:
    made = bytearray(data)
    made[int(rng.integers(len(made)))] ^= 1 << int(rng.integers(8))
    return bytes(made)


def _change(chain: Chain, rng: Rng, change: Callable[[Entry], Entry]) -> Chain:
    rows, ends = chain
    at = int(rng.integers(len(rows)))
    return [*rows[:at], change(rows[at]), *rows[at + 1 :]], ends


def _without(chain: Chain, at: int) -> Chain:
    rows, ends = chain
    return [*rows[:at], *rows[at + 1 :]], ends


def _swapped(chain: Chain, rng: Rng) -> Chain:
    rows, ends = list(chain[0]), chain[1]
    one, two = rng.choice(len(rows), size=2, replace=False).tolist()
    left, right = rows[one], rows[two]
    rows[one], rows[two] = _with(right, seq=left.seq), _with(left, seq=right.seq)
    return rows, ends


def _closed(chain: Chain, rng: Rng) -> Chain:
    """One row less, and those behind it moved up."""
    rows, ends = _without(chain, int(rng.integers(len(chain[0]) - 1)))
    return [_with(row, seq=seq) for seq, row in enumerate(rows, start=1)], ends


def _beyond(chain: Chain, _: Rng) -> Chain:
    """One row more behind the end, rightly chained."""
    rows, ends = chain
    return chained_anew([*rows, _with(rows[-1], key="one more")])[0], ends


def _inserted(chain: Chain, rng: Rng) -> Chain:
    rows, _ = chain
    at = int(rng.integers(1, len(rows)))
    made = [*rows[:at], _with(rows[at], key="one more"), *rows[at:]]
    return [_with(row, seq=seq) for seq, row in enumerate(made, start=1)], [Head(len(made), rows[-1].hash)]


def _head_at(chain: Chain, at: int) -> Chain:
    rows, _ = chain
    return rows, [Head(at, rows[at - 1].hash if 0 < at <= len(rows) else GENESIS)]


def _rewritten(chain: Chain, rng: Rng) -> Chain:
    """Another reward, and everything behind it chained anew."""
    rows = list(chain[0])
    told = [i for i, row in enumerate(rows) if row.kind == "outcome"]
    at = told[int(rng.integers(len(told)))]
    outcome = msgspec.msgpack.decode(rows[at].payload, type=OutcomeEntry)
    outcome.reward += 1.0
    rows[at] = _with(rows[at], payload=msgspec.msgpack.encode(outcome))
    return chained_anew(rows)


def _cut(chain: Chain, rng: Rng) -> Chain:
    rows = chain[0]
    return chained_anew(rows[: int(rng.integers(1, len(rows)))])


def _fork(chain: Chain, rng: Rng) -> Chain:
    """A common beginning, then acts that nobody did, as many as there were entries."""
    rows, _ = _cut(chain, rng)
    more = [Entry(0, "administration", f"fork{i}", _ACT, b"") for i in range(len(chain[0]) - len(rows))]
    return chained_anew(rows + more)


def _forged(kind: EntryKind | str, key: str, payload: bytes) -> Callable[[Chain, Rng], Chain]:
    return lambda chain, _: chained_anew([*chain[0], Entry(0, kind, key, payload, b"")])  # type: ignore[arg-type]


def _foreign_bundle(chain: Chain, _: Rng) -> Chain:
    first = next(row for row in chain[0] if row.kind == "decision")
    decision = decode_decision(first.payload)
    decision.bundle, decision.decision_ids = "sha256:" + "0" * 64, ["foreign"]
    return chained_anew([*chain[0], Entry(0, "decision", "foreign", msgspec.msgpack.encode(decision), b"")])


def _other_names(chain: Chain, _: Rng) -> Chain:
    first = next(row for row in chain[0] if row.kind == "decision")
    return chained_anew([*chain[0], _with(first, key="another")])


_ACT = msgspec.msgpack.encode(AdministrationEntry(at_us=0, actor="nobody", action="start", bundle=""))
_STRANGER = msgspec.msgpack.encode(
    OutcomeEntry(decision_id="nobody", unit="DE/families", reward=1.0, cost=0.0, ready_us=0, revision=0)
)
_NO_SHADOW = msgspec.msgpack.encode(ShadowEntry(decision="nobody", address="a", name="n", probabilities=b""))

ROWS: dict[str, Callable[[Chain, Rng], Chain]] = {
    "a payload": lambda chain, rng: _change(chain, rng, lambda row: _with(row, payload=_flipped(row.payload, rng))),
    "a name": lambda chain, rng: _change(chain, rng, lambda row: _with(row, key=row.key + "x")),
    "a kind": lambda chain, rng: _change(chain, rng, lambda row: _with(row, kind=row.kind + "x")),
    "a hash": lambda chain, rng: _change(chain, rng, lambda row: _with(row, hash=_flipped(row.hash, rng))),
    "a place far away": lambda chain, rng: _change(chain, rng, lambda row: _with(row, seq=row.seq + 10_000)),
    "a place before the first": lambda chain, rng: _change(chain, rng, lambda row: _with(row, seq=-row.seq)),
    "a row less": lambda chain, rng: _without(chain, int(rng.integers(len(chain[0])))),
    "the first row less": lambda chain, _: _without(chain, 0),
    "the last row less": lambda chain, _: _without(chain, len(chain[0]) - 1),
    "a row less, the gap closed": _closed,
    "two rows swapped": _swapped,
    "a row beyond the end": _beyond,
    "a row put in": _inserted,
    "no end": lambda chain, _: (chain[0], []),
    "the end lowered": lambda chain, rng: _head_at(chain, int(rng.integers(len(chain[0])))),
    "the end raised": lambda chain, rng: (
        chain[0], [Head(len(chain[0]) + int(rng.integers(1, 9)), chain[1][0].hash)]
    ),
    "the end's hash": lambda chain, rng: (chain[0], [Head(chain[1][0].seq, _flipped(chain[1][0].hash, rng))]),
    "all rows gone": lambda chain, _: ([], chain[1]),
    "all rows gone, the end at the beginning": lambda *_: ([], [Head(0, GENESIS)]),
    "a decision that cannot be read": _forged("decision", "x", b"garbage"),
    "a kind that there is not": _forged("surprise", "x", b""),
    "an outcome of nobody": _forged("outcome", "nobody|DE/families|0", _STRANGER),
    "a shadow of nobody": _forged("shadow", "nobody|a", _NO_SHADOW),
    "a decision of an unknown bundle": _foreign_bundle,
    "a decision under another name": _other_names,
    "an act that cannot be read": _forged("administration", "x", b"\x90"),
}  # fmt: skip
"""Changes of rows that verify finds alone."""

WITH_HEAD: dict[str, Callable[[Chain, Rng], Chain]] = {
    "a reward, chained anew": _rewritten,
    "the tail cut off, the end lowered": _cut,
    "a fork": _fork,
}
"""Changes of rows that verify finds with a head or a receipt from the end."""

SQLITE: dict[str, str] = {
    "a guard less": "DROP TRIGGER entries_stay",
    "another guard less": "DROP TRIGGER entries_remain",
    "a guard that guards nothing": (
        "DROP TRIGGER entries_stay; CREATE TRIGGER entries_stay BEFORE UPDATE ON entries BEGIN SELECT 1; END"
    ),
    "a guard more": "CREATE TRIGGER entries_change AFTER INSERT ON entries BEGIN SELECT 1; END",
    "a table more": "CREATE TABLE entries2 AS SELECT * FROM entries",
    "a view more": "CREATE VIEW Head2 AS SELECT * FROM head",
    "an index more": "CREATE INDEX by_kind ON entries (kind)",
    "a view for a table": (
        "ALTER TABLE entries RENAME TO kept; CREATE VIEW entries AS SELECT seq, kind, key, payload, hash FROM kept"
    ),
    "a column more": "ALTER TABLE entries ADD COLUMN note TEXT",
    "two ends": (
        "CREATE TABLE h AS SELECT * FROM head; DROP TABLE head; CREATE TABLE head (one INTEGER, seq INTEGER NOT NULL, "
        "hash BLOB NOT NULL) STRICT; INSERT INTO head SELECT * FROM h; INSERT INTO head SELECT * FROM h; DROP TABLE h"
    ),
    "no table of the end": "DROP TABLE head",
}
POSTGRES: dict[str, str] = {
    "a guard less": "DROP TRIGGER xbopt_entries_stay ON xbopt_entries",
    "a guard turned off": "ALTER TABLE xbopt_entries DISABLE TRIGGER xbopt_entries_stay",
    "a guard that guards nothing": (
        "CREATE OR REPLACE FUNCTION xbopt_entries_stay() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RETURN NULL; END $$"
    ),
    "a guard more": (
        "CREATE TRIGGER more AFTER INSERT ON xbopt_entries FOR EACH STATEMENT EXECUTE FUNCTION xbopt_entries_stay()"
    ),
    "a rule": "CREATE RULE quiet AS ON INSERT TO xbopt_entries DO INSTEAD NOTHING",
    "hidden rows": "ALTER TABLE xbopt_entries ENABLE ROW LEVEL SECURITY",
    "a view for a table": "ALTER TABLE xbopt_entries RENAME TO kept; CREATE VIEW xbopt_entries AS SELECT * FROM kept",
    "a column more": "ALTER TABLE xbopt_entries ADD COLUMN note TEXT",
    "another type": "ALTER TABLE xbopt_head ALTER COLUMN seq TYPE numeric",
    "no unique names": "ALTER TABLE xbopt_entries DROP CONSTRAINT xbopt_entries_kind_key_key",
    "two ends": (
        "ALTER TABLE xbopt_head DROP CONSTRAINT xbopt_head_pkey; INSERT INTO xbopt_head SELECT * FROM xbopt_head"
    ),
    "a child table": "CREATE TABLE child () INHERITS (xbopt_entries)",
}


def run_script(url: str, script: str) -> None:
    """Run statements as somebody who owns the database."""
    if url.startswith("sqlite"):
        with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as connection:
            connection.executescript(script)
        return
    import psycopg

    with psycopg.connect(url) as connection:
        connection.execute(script)  # type: ignore[call-overload]


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
    "a log cut in a page": FileTampering(
        lambda path, rng: _cut_log(path, 41 + 8 * int(rng.integers(520, 510 * _frames(path))))
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


def copy_files(source: Path, target: Path) -> Path:
    """Copy a store with what lies beside it; gives the new main file."""
    target.mkdir(parents=True)
    for path in source.parent.glob(source.name + "*"):
        shutil.copy(path, target / path.name)
    return target / source.name


def state_of(url: str) -> str:
    """A hash over every byte of the files, or over every row, guard and column of the database."""
    if not url.startswith("postgres"):
        folder = Path(url.removeprefix("sqlite:///")).parent
        parts = [(path.name, path.read_bytes()) for path in sorted(folder.iterdir()) if not path.name.endswith("-shm")]
        return hashlib.sha256(repr(parts).encode()).hexdigest()
    import psycopg

    with psycopg.connect(url) as connection:
        found: list[object] = []
        for table in ("xbopt_entries", "xbopt_head"):
            found += connection.execute(f"SELECT * FROM {table} ORDER BY seq").fetchall()  # type: ignore[arg-type]  # noqa: S608
        for catalog in ("pg_class", "pg_trigger", "pg_attribute", "pg_rewrite", "pg_proc"):
            found += connection.execute(f"SELECT xmin::text, ctid::text FROM {catalog}").fetchall()  # type: ignore[arg-type]  # noqa: S608
    return hashlib.sha256(repr(found).encode()).hexdigest()


def verify(url: str, *options: object) -> Answer:
    """``xbopt decisions verify``; whatever it finds, it changes nothing and tells no traceback."""
    before = state_of(url)
    answer = call("decisions", "verify", "--store", url, *options, folder=Path())
    assert state_of(url) == before
    assert "Traceback" not in answer.err
    return answer


def head_of(chain: Chain) -> str:
    return f"{chain[1][0].seq}:{chain[1][0].hash.hex()}"
