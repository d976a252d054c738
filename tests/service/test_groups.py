"""What shares a transaction does not share its fate, and a server that stands still holds nobody up."""

import asyncio
import os
import signal
import sqlite3
import threading
from collections.abc import Awaitable, Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import TypeVar

import psycopg
import pytest

from tests.service.conftest import Exported, Serve, new_database
from tests.service.test_http import body
from tests.service.test_store import entry
from xbopt.service.store.entries import NewEntry, Stored
from xbopt.service.store.group_commit import GroupCommit
from xbopt.service.store.interface import RefusedEntryError, Store, StoreError, UncertainStoreError, Wanted
from xbopt.service.store.opening import open_store
from xbopt.service.store.postgres import PostgresStore
from xbopt.service.store.sqlite import SqliteStore
from xbopt.service.store.verification import verify_chain


class Slow:
    """A store whose disk takes its time."""

    def __init__(self, inner: Store, seconds: float, *, after: float = 0.0) -> None:
        self.inner, self.seconds, self.after, self.batches = inner, seconds, after, 0

    def append(self, entries: Sequence[NewEntry], wanted: Wanted | None = None) -> list[Stored]:
        self.batches += 1
        threading.Event().wait(self.seconds)
        stored = self.inner.append(entries, wanted)
        threading.Event().wait(self.after)
        return stored

    def __getattr__(self, name: str) -> object:
        return getattr(self.inner, name)


Answer = TypeVar("Answer")


def committed(store: object, work: Callable[[GroupCommit], Awaitable[Answer]], **settings: object) -> Answer:
    async def run() -> Answer:
        commit = GroupCommit(store, **settings)  # type: ignore[arg-type]
        try:
            return await work(commit)
        finally:
            await commit.close()

    return asyncio.run(run())


def test_many_decisions_share_a_sync(tmp_path: Path) -> None:
    slow = Slow(open_store(str(tmp_path / "s.sqlite")), 0.02)

    async def work(commit: GroupCommit) -> None:
        await asyncio.gather(*(commit.append(entry(i)) for i in range(300)))

    committed(slow, work)
    assert slow.batches <= 4
    with closing(open_store(str(tmp_path / "s.sqlite"))) as store:
        assert verify_chain(store).entries == 300


def test_what_nobody_waits_for_any_more_is_not_written(tmp_path: Path) -> None:
    """The store gets to its work too late: neither the entry under way nor those in the queue are stored."""
    slow = Slow(open_store(str(tmp_path / "s.sqlite")), 0.5)

    async def work(commit: GroupCommit) -> None:
        first = asyncio.ensure_future(commit.append(entry(1)))
        await asyncio.sleep(0.1)
        second = asyncio.ensure_future(commit.append(entry(2), entry(3)))
        for late in (first, second):
            with pytest.raises(StoreError, match="did not answer within") as failed:
                await late
            assert not isinstance(failed.value, UncertainStoreError)
        assert commit.waiting == 0

    committed(slow, work, wait_seconds=0.2)
    with closing(open_store(str(tmp_path / "s.sqlite"))) as store:
        assert list(store.entries()) == []


def test_what_is_being_written_may_be_there_later(tmp_path: Path) -> None:
    """Giving up in the middle of the writing says so; the client that asks again meets the entry."""
    slow = Slow(open_store(str(tmp_path / "s.sqlite")), 0.0, after=0.5)

    async def work(commit: GroupCommit) -> Stored:
        with pytest.raises(UncertainStoreError, match="may be there later"):
            await commit.append(entry(1))
        await asyncio.sleep(0.6)
        slow.after = 0.0
        return (await commit.append(entry(1)))[0]

    assert committed(slow, work, wait_seconds=0.1).state == "known"


def test_too_much_waiting_is_refused_at_once(tmp_path: Path) -> None:
    slow = Slow(open_store(str(tmp_path / "s.sqlite")), 0.1)

    async def work(commit: GroupCommit) -> list[object]:
        return await asyncio.gather(*(commit.append(entry(i)) for i in range(50)), return_exceptions=True)

    results = committed(slow, work, most_waiting=20)
    # The store's thread may have taken the first one or two away already.
    assert 25 <= sum(isinstance(one, StoreError) for one in results) <= 30  # type: ignore[attr-defined]


class Picky(SqliteStore):
    """A store that one entry makes stumble, in a way that nobody thought of."""

    transactions = 0

    def append(self, entries: Sequence[NewEntry], wanted: Wanted | None = None) -> list[Stored]:
        self.transactions += 1
        stored = super().append(entries, wanted)
        if any(one.key == "guilty" for one in entries):
            raise ZeroDivisionError("nobody thought of this")
        return stored


async def together(commit: GroupCommit, entries: list[NewEntry]) -> list[object]:
    """Entries of many callers, which share transactions."""
    answers = await asyncio.gather(*(commit.append(one) for one in entries), return_exceptions=True)
    return [one if isinstance(one, BaseException) else one[0].state for one in answers]


@pytest.mark.parametrize(
    "guilty",
    [NewEntry("outcome", "d1/\x00|x|0", b"", requires="d1"), NewEntry("decision", "\ud800", b"x"),
     NewEntry("decision", "x", "no bytes"), NewEntry("outcome", "x", b"", requires="\x00")],  # type: ignore[arg-type]
    ids=["a zero byte", "half a character", "a text for bytes", "a zero byte in what it requires"],
)  # fmt: skip
def test_a_bad_entry_fails_alone(store_url: str, guilty: NewEntry) -> None:
    """One of a hundred; SQLite can hold some of what PostgreSQL cannot."""
    entries = [entry(i) for i in range(100)]
    entries.insert(37, guilty)
    results = committed(open_store(store_url), lambda commit: together(commit, entries))
    own = results.pop(37)
    assert set(results) == {"new"}
    if store_url.startswith("postgres") or "\x00" not in guilty.key + guilty.requires:
        assert isinstance(own, RefusedEntryError)
    with closing(open_store(store_url, read_only=True)) as store:
        assert verify_chain(store).entries in {100, 101}


def test_whatever_an_entry_does_fails_it_alone(tmp_path: Path) -> None:
    """An unforeseen error costs two transactions a halving."""
    store = Picky(tmp_path / "s.sqlite")
    entries = [entry(i) for i in range(400)]
    entries.insert(123, NewEntry("decision", "guilty", b"x"))

    async def work(commit: GroupCommit) -> list[object]:
        return await together(commit, entries)

    results = committed(store, work)
    assert isinstance(results.pop(123), RefusedEntryError)
    assert set(results) <= {"new", "known"}
    assert store.transactions < 30


def test_an_entry_that_is_too_large_fails_alone(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "s.sqlite")
    store._connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, 10_000)
    entries = [*map(entry, range(10)), NewEntry("decision", "large", bytes(20_000))]
    results = committed(store, lambda commit: together(commit, entries))
    assert isinstance(results.pop(), RefusedEntryError)
    assert set(results) == {"new"}


def test_a_full_disk_is_nobody_s_fault(tmp_path: Path) -> None:
    """All of a group fail, in one try, and can be sent again."""
    store = SqliteStore(tmp_path / "s.sqlite", most_pages=20)
    entries = [NewEntry("decision", f"d{i}", bytes(5000)) for i in range(50)]
    results = committed(store, lambda commit: together(commit, entries))
    assert {type(one) for one in results if isinstance(one, BaseException)} <= {StoreError} | set(
        StoreError.__subclasses__()
    )
    assert not any(isinstance(one, RefusedEntryError) for one in results)


def test_a_guilty_client_harms_nobody_over_http(serve: Serve, tactic: Exported, postgres_server: str) -> None:
    """What reached PostgreSQL before and failed whole groups is refused at the edge."""
    served = serve(tactic.path, store=new_database(postgres_server))
    with served.client() as client:
        for i in range(5):
            outcome = {"decision_id": "p1/\x00", "unit": "DE/families", "reward": 1.0}
            assert client.post("/v1/outcomes", json=outcome).status_code == 422
            assert client.post("/v1/allocate", json=body(tactic, decision_id=f"p{i}")).status_code == 200


def backends(url: str) -> list[int]:
    """Process ids of the server's ends of a store's connections."""
    with psycopg.connect(url, application_name="test") as other:
        found = other.execute(
            "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        ).fetchall()
    return [int(pid) for (pid,) in found]


def test_a_backend_that_stands_still_is_left(postgres_server: str) -> None:
    """It answers in time that it does not know; then it takes another connection."""
    url = new_database(postgres_server)
    store = open_store(url, wait_seconds=0.5)
    stopped: list[int] = []

    async def work(commit: GroupCommit) -> None:
        await commit.append(entry(1))
        stopped.extend(backends(url))
        for pid in stopped:
            os.kill(pid, signal.SIGSTOP)
        loop = asyncio.get_running_loop()
        started = loop.time()
        with pytest.raises(StoreError, match="did not answer within"):
            await commit.append(entry(2))
        assert loop.time() - started < 1.0
        for _ in range(100):
            try:
                assert (await commit.append(entry(3)))[0].state in {"new", "known"}
                break
            except StoreError:
                await asyncio.sleep(0.05)
        else:
            pytest.fail("the store did not come back")

    try:
        committed(store, work, wait_seconds=0.5)
    finally:
        for pid in stopped:
            os.kill(pid, signal.SIGCONT)
    with closing(open_store(url, read_only=True)) as reader:
        assert verify_chain(reader).entries == 2, "nobody waited for the second any more"


def test_a_chain_that_another_session_holds_is_not_waited_for(postgres_server: str) -> None:
    url = new_database(postgres_server)

    async def work(commit: GroupCommit) -> None:
        with psycopg.connect(url) as other:
            other.execute("SELECT * FROM xbopt_head FOR UPDATE")
            with pytest.raises(StoreError):
                await commit.append(entry(1))
            with pytest.raises(StoreError):
                await commit.probe()
        assert (await commit.append(entry(2)))[0].seq == 1

    committed(open_store(url, wait_seconds=0.3), work, wait_seconds=0.3)


def test_a_probe_leaves_no_entry(store_url: str) -> None:
    async def work(commit: GroupCommit) -> None:
        await commit.probe()
        assert commit.head is None
        await commit.append(entry(1))
        assert commit.head is not None
        await asyncio.gather(*(commit.probe() for _ in range(50)))
        last = await commit.latest("decision")
        assert last is not None
        assert (last.seq, last.hash) == (commit.head.seq, commit.head.hash)
        assert await commit.latest("bundle") is None
        assert await commit.find("decision", "d1") == last
        assert await commit.find("decision", "d2") is None

    committed(open_store(store_url), work)
    with closing(open_store(store_url, read_only=True)) as store:
        assert verify_chain(store).entries == 1


def test_a_store_whose_end_was_changed_is_not_ready(store_url: str) -> None:
    from tests.service.tamperings import read_chain, write_chain

    async def work(commit: GroupCommit) -> None:
        await commit.append(entry(1), entry(2))
        rows, ends = read_chain(store_url)
        write_chain(store_url, (rows[:1], ends))
        for trying in (commit.probe(), commit.append(entry(3))):
            with pytest.raises(StoreError, match="not written to"):
                await trying

    committed(open_store(store_url), work)


def test_no_message_tells_the_password() -> None:
    for url in (
        "postgresql://user:se/cret@127.0.0.1:1/x",
        "postgresql://user:s3cret@127.0.0.1:1/x",
        "postgresql://user:s3cret@127.0.0.1:port/x",
        "postgresql://user:s3cret@127.0.0.1:1/x?strange=1",
    ):
        with pytest.raises(StoreError) as failed:
            PostgresStore(url, wait_seconds=0.5)
        assert "cret" not in str(failed.value)


def test_least_rights_are_enough(postgres_server: str) -> None:
    """A writer that may add, and an auditor that may look."""
    url = new_database(postgres_server)
    open_store(url).close()
    name = url.rpartition("/")[2]
    with psycopg.connect(url) as owner:
        for role, entries, head in (("w", "SELECT, INSERT", "SELECT, UPDATE"), ("a", "SELECT", "SELECT")):
            owner.execute(f"CREATE ROLE {role}{name} LOGIN")  # type: ignore[arg-type]
            owner.execute(f"GRANT {entries} ON xbopt_entries TO {role}{name}")  # type: ignore[arg-type]
            owner.execute(f"GRANT {head} ON xbopt_head TO {role}{name}")  # type: ignore[arg-type]
    with closing(open_store(url.replace("xbopt@", f"w{name}@"))) as writer:
        assert writer.append([entry(1), entry(2)])[1].seq == 2
        writer.probe()
    with closing(open_store(url.replace("xbopt@", f"a{name}@"), read_only=True)) as auditor:
        assert verify_chain(auditor).entries == 2
