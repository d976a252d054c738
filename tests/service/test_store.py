"""The decision store: nothing is lost, doubled, changed, removed or moved without being seen."""

import sqlite3
import threading
from collections.abc import Generator
from contextlib import closing
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest

from tests.service.conftest import Exported
from xbopt.core.decision_log.reader import read_decision_log
from xbopt.core.errors import SupportError, UsageError
from xbopt.env.decision_book import log_schema
from xbopt.service.deciding.allocator import STORE_FAILURE
from xbopt.service.deciding.requests import Outcome
from xbopt.service.http.outcomes import outcome_entry
from xbopt.service.store.entries import GENESIS, NewEntry, next_hash
from xbopt.service.store.interface import Store, StoreError, TamperedStoreError
from xbopt.service.store.log_export import export_log
from xbopt.service.store.opening import open_store
from xbopt.service.store.recording import administration_entry, bundle_entry, decision_entry, shadow_entry
from xbopt.service.store.verification import replay_decisions, verify_chain


def entry(number: int, kind: str = "decision", **more: object) -> NewEntry:
    return NewEntry(kind, f"d{number}", f"payload {number}".encode(), **more)  # type: ignore[arg-type]


@pytest.fixture
def store(store_url: str) -> Generator[Store]:
    with closing(open_store(store_url)) as opened:
        yield opened


def test_the_chain_is_the_documented_one(store: Store) -> None:
    """Two entries, hashed here by hand."""
    import hashlib

    store.append([NewEntry("decision", "ab", b"xyz"), NewEntry("outcome", "c", b"")])
    first = hashlib.sha256(GENESIS + b"1\0decision\x002\0abxyz").digest()
    second = hashlib.sha256(first + b"2\0outcome\x001\0c").digest()
    assert [e.hash for e in store.entries()] == [first, second]
    assert next_hash(GENESIS, 1, "decision", "ab", b"xyz") == first
    assert verify_chain(store).head == second.hex()


def test_the_same_name_is_stored_once(store: Store) -> None:
    assert [s.state for s in store.append([entry(1), entry(2)])] == ["new", "new"]
    other = NewEntry("decision", "d1", b"something else")
    again = store.append([entry(1), other, entry(3), entry(3)])
    assert [s.state for s in again] == ["known", "known", "new", "known"]
    assert again[1].payload == b"payload 1"
    assert [e.key for e in store.entries()] == ["d1", "d2", "d3"]
    assert store.append([NewEntry("outcome", "d1", b"of another kind")])[0].state == "new"


def test_an_outcome_needs_its_decision(store: Store) -> None:
    assert store.append([entry(1, "outcome", requires="d7")])[0].state == "orphan"
    assert [s.state for s in store.append([entry(7), entry(1, "outcome", requires="d7")])] == ["new", "new"]
    assert verify_chain(store).outcomes == 1


def test_what_is_stored_is_there_for_the_next(store_url: str) -> None:
    with closing(open_store(store_url)) as first:
        first.append([entry(i) for i in range(1200)])
    with closing(open_store(store_url)) as second:
        second.append([entry(1200)])
        report = verify_chain(second)
    assert report.entries == report.decisions == 1201


def test_entries_cannot_be_changed_through_sql(store_url: str, store: Store) -> None:
    store.append([entry(1)])
    for change in ("UPDATE {} SET key = 'x'", "DELETE FROM {}"):
        with pytest.raises(Exception, match="never"):
            run_sql(store_url, change)


def decided(exported: Exported, count: int) -> list[NewEntry]:
    """A bundle, and decisions as its service stores them."""
    allocator = exported.allocator()
    made = [allocator.allocate(exported.request(decision_id=f"d{i}")) for i in range(count)]
    return [bundle_entry(allocator)] + [
        decision_entry(one, allocator, key=f"d{i}", request=b"", episode_ids=[""], steps=[0], killed=False)
        for i, one in enumerate(made)
    ]


def store_of(store: Store, exported: Exported, *, first: int = 0) -> None:
    """Entries of every kind, as a service stores them; ``first`` is the number in the first decision's name."""
    allocator = exported.allocator()
    names = [f"d{first + i}" for i in range(6)]
    made = {name: allocator.allocate(exported.request(decision_id=name)) for name in names}
    entries = [bundle_entry(allocator), administration_entry("start", actor="boss", bundle=allocator.address)]
    for name, one in made.items():
        asked = {"key": name, "request": b"", "episode_ids": [""], "steps": [0], "killed": False}
        entries.append(decision_entry(one, allocator, **asked))  # type: ignore[arg-type]
        entries.append(shadow_entry(one, allocator, key=name))
    late = entries[2]
    plan = allocator.by_plan(made[names[0]].batch, STORE_FAILURE)
    told = decision_entry(plan, allocator, key=names[0], request=b"", episode_ids=[""], steps=[0], killed=False,
                          reason=STORE_FAILURE)  # fmt: skip
    entries.append(NewEntry("withdrawal", names[0], told.payload, identity=sha256(late.payload).digest()))
    told_of = [Outcome(decision_id=name, unit="DE/families", reward=1.5) for name in names[1:4]]
    entries += [outcome_entry(outcome, "shop") for outcome in told_of]
    assert {one.state for one in store.append(entries)} <= {"new", "known"}


def run_sql(url: str, *statements: str, freely: bool = False) -> None:
    """Run statements as somebody who has the database; ``freely`` takes the guards away, and puts them back."""
    if url.startswith("sqlite"):
        with closing(sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None)) as connection:
            guards = connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
            for name, _ in guards if freely else ():
                connection.execute(f"DROP TRIGGER {name}")
            for statement in statements:
                connection.execute(statement.format("entries", head="head"))
            for _, sql in guards if freely else ():
                connection.execute(sql)
        return
    import psycopg

    with psycopg.connect(url) as connection:
        for table in ("xbopt_entries", "xbopt_head") if freely else ():
            connection.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")  # type: ignore[arg-type]
        for statement in statements:
            connection.execute(statement.format("xbopt_entries", head="xbopt_head"))  # type: ignore[arg-type]
        for table in ("xbopt_entries", "xbopt_head") if freely else ():
            connection.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")  # type: ignore[arg-type]


def as_blob(url: str, value: bytes) -> str:
    """Bytes in the SQL of a store."""
    return f"x'{value.hex()}'" if url.startswith("sqlite") else f"'\\x{value.hex()}'::bytea"


@pytest.mark.parametrize(
    ("statements", "message"),
    [
        (["UPDATE {} SET payload = 'forged' WHERE seq = 3"], "Entry 3 .* was changed"),
        (["UPDATE {} SET key = 'other' WHERE seq = 3"], "Entry 3 .* was changed"),
        (["UPDATE {} SET kind = 'outcome' WHERE seq = 3"], "Entry 3 .* was changed"),
        (["DELETE FROM {} WHERE seq = 3"], "Entry 3 is missing"),
        (["DELETE FROM {} WHERE seq = 1"], "Entry 1 is missing"),
        (["DELETE FROM {} WHERE seq = 5"], "ends after 4 entries, but 5"),
        (["DELETE FROM {} WHERE seq = 3", "UPDATE {} SET seq = seq - 1 WHERE seq > 3"], "Entry 3 .* was changed"),
        (
            ["UPDATE {} SET seq = 100 WHERE seq = 2", "UPDATE {} SET seq = 2 WHERE seq = 3",
             "UPDATE {} SET seq = 3 WHERE seq = 100"],
            "Entry 2 .* another place",
        ),
    ],
)  # fmt: skip
def test_tampering_is_found(store_url: str, store: Store, statements: list[str], message: str) -> None:
    """Changed, renamed, removed, removed with the gap closed, and swapped entries."""
    store.append([entry(i) for i in range(5)])
    assert verify_chain(store).entries == 5
    if store_url.startswith("sqlite"):
        statements = [s.replace("'forged'", "CAST('forged' AS BLOB)") for s in statements]
    run_sql(store_url, *statements, freely=True)
    with pytest.raises(TamperedStoreError, match=message):
        verify_chain(store)


def test_a_rewritten_end_is_found_with_a_head_kept_elsewhere(store_url: str) -> None:
    """Whoever owns the database can write a whole new chain; a head that was written down shows it."""
    with closing(open_store(store_url)) as store:
        store.append([entry(i) for i in range(3)])
        kept = verify_chain(store).head
        store.append([entry(3)])
        assert verify_chain(store, expected=kept).entries == 4
    fresh = f"UPDATE {{head}} SET seq = 0, hash = {as_blob(store_url, GENESIS)}"  # noqa: S608 - a test
    run_sql(store_url, "DELETE FROM {}", fresh, freely=True)
    with closing(open_store(store_url)) as forger:
        forger.append([entry(i) for i in range(4, 9)])
        assert verify_chain(forger).entries == 5
        with pytest.raises(TamperedStoreError, match="does not run through the head"):
            verify_chain(forger, expected=kept)


def test_replicas_share_one_chain(postgres_server: str) -> None:
    """Four writers at once: every entry once, one chain without a fork."""
    from tests.service.conftest import new_database

    url = new_database(postgres_server)

    def write(replica: int) -> None:
        with closing(open_store(url)) as own:
            for batch in range(25):
                own.append([entry(1000 * replica + 4 * batch + i) for i in range(4)] + [entry(batch)])

    threads = [threading.Thread(target=write, args=(replica,)) for replica in range(1, 5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with closing(open_store(url)) as store:
        assert verify_chain(store).entries == 4 * 100 + 25


def test_postgres_connects_again(postgres_server: str) -> None:
    """The server closes the connection; the next decision is stored all the same."""
    import psycopg

    from tests.service.conftest import new_database

    url = new_database(postgres_server)
    with closing(open_store(url)) as store:
        store.append([entry(1)])
        with psycopg.connect(url, autocommit=True) as other:
            other.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() "
                "AND pid <> pg_backend_pid()"
            )
        assert store.append([entry(1), entry(2)])[1].state == "new"
        assert verify_chain(store).entries == 2


def test_a_locked_store_says_so(store_url: str) -> None:
    """Another writer does not let go: an error within the time allowed, and nothing is stored."""
    store = open_store(store_url, wait_seconds=0.3)
    if store_url.startswith("sqlite"):
        other = sqlite3.connect(store_url.removeprefix("sqlite:///"), isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
    else:
        import psycopg

        other = psycopg.connect(store_url)  # type: ignore[assignment]
        other.execute("SELECT * FROM xbopt_head FOR UPDATE")
    with pytest.raises(StoreError, match="lock"):
        store.append([entry(1)])
    other.rollback()
    other.close()
    assert store.append([entry(1)])[0].state == "new"
    store.close()


def test_a_full_disk_says_so_and_recovers(tmp_path: Path) -> None:
    """SQLite with room for 25 pages."""
    from xbopt.service.store.sqlite import SqliteStore

    store = SqliteStore(tmp_path / "s.sqlite", most_pages=25)
    done = 0
    with pytest.raises(StoreError, match="full"):  # noqa: PT012 - which of them fails is not known before
        for number in range(1000):
            store.append([NewEntry("decision", f"d{number}", bytes(2000))])
            done += 1
    assert 10 < done < 60
    assert verify_chain(store).entries == done
    store.close()
    with closing(SqliteStore(tmp_path / "s.sqlite")) as larger:
        larger.append([entry(10_000)])
        assert verify_chain(larger).entries == done + 1


def test_urls_that_name_no_store(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="mysql"):
        open_store("mysql://x")
    with pytest.raises(UsageError, match="no store"):
        open_store(f"sqlite:///{tmp_path}/none.sqlite", read_only=True)
    with pytest.raises(UsageError, match="no folder"):
        open_store(f"sqlite:///{tmp_path}/a/b.sqlite")
    (tmp_path / "text").write_text("no database, but long enough to be read as one" * 20)
    with pytest.raises(StoreError, match="not a database"):
        open_store(str(tmp_path / "text"))
    with pytest.raises(StoreError, match="PostgreSQL"):
        open_store("postgresql://127.0.0.1:1/x", wait_seconds=1.0)


@pytest.fixture
def filled(tactic: Exported, store: Store) -> Store:
    """A store with decisions of every kind, and outcomes for some."""
    import msgspec

    from xbopt.service.store.entries import OutcomeEntry

    allocator = tactic.allocator()
    entries = [bundle_entry(allocator)]
    asked = [{"decision_id": f"d{i}"} for i in range(6)]
    asked += [{"decision_id": "held", "held": [[1, -1], [-1, 2]]}, {"decision_id": "unit", "units": ["UK/families"]}]
    for number, changes in enumerate(asked):
        made = allocator.allocate(tactic.request(**changes))
        key = str(changes["decision_id"])
        entries.append(
            decision_entry(
                made, allocator, request=b"", key=key, episode_ids=["campaign"], steps=[number], killed=False
            )
        )
    for revision, reward in ((0, 5.0), (2, 7.0), (1, 6.0)):
        outcome = Outcome(decision_id="d0", unit="DE/families", reward=reward, cost=2.0, revision=revision)
        told = OutcomeEntry(
            decision_id=outcome.decision_id, unit=outcome.unit, reward=outcome.reward, cost=outcome.cost,
            ready_us=2_000_000_000_000_000, revision=revision,
        )  # fmt: skip
        entries.append(NewEntry("outcome", f"d0|DE/families|{revision}", msgspec.msgpack.encode(told), requires="d0"))
    assert {s.state for s in store.append(entries)} == {"new"}
    return store


def test_the_log_holds_what_was_decided(tactic: Exported, filled: Store, tmp_path: Path) -> None:
    """Six market days of four cells, two free cells of a held day, one unit; the last revision of an outcome counts."""
    report = export_log(filled, tmp_path / "log.parquet")
    assert (report.rows, report.held, report.idle, report.waiting) == (27, 2, 3, 26)
    log = read_decision_log(tmp_path / "log.parquet")
    simulated = log_schema(tactic.market.scenario)
    assert log.schema.context_names == simulated.context_names
    assert log.schema.reward_reach == simulated.reward_reach is not None  # what the bundle was told of its scenario
    assert log.schema.action_labels == tuple(tactic.allocator().bundle.schema.axes["K"])
    columns = log.columns
    first = columns.decision_id.tolist().index("d0/DE/families")
    assert (columns.reward[first], columns.cost[first]) == (7.0, 2.0)
    assert np.isnan(columns.reward).sum() == 26
    request = tactic.request()
    assert columns.context[first].tolist() == [*request.regions[0], *request.cells[0][0], 1.0, 0.0, 1.0, 0.0]
    made = tactic.allocator().allocate(tactic.request(decision_id="d0"))
    assert columns.action[first] == made.tactic[0, 0, 0]  # type: ignore[index]
    # A store keeps probabilities in single precision: one rounding of 2^-24.
    assert columns.propensity[first] == pytest.approx(made.propensity[0, 0, 0], rel=2.0**-24)  # type: ignore[index]
    assert set(columns.episode_id.tolist()) == {"campaign"}


def test_a_store_of_several_bundles_asks_which(filled: Store, direct: Exported, tmp_path: Path) -> None:
    other = direct.allocator()
    filled.append([bundle_entry(other)])
    with pytest.raises(UsageError, match="several bundles"):
        export_log(filled, tmp_path / "log.parquet")
    with pytest.raises(SupportError, match="no propensity"):
        export_log(filled, tmp_path / "log.parquet", bundle=other.address)
    with pytest.raises(UsageError, match="names 0 of"):
        export_log(filled, tmp_path / "log.parquet", bundle="abc")
    assert not (tmp_path / "log.parquet").exists()


def test_an_empty_store_has_no_log(store: Store, tactic: Exported, tmp_path: Path) -> None:
    with pytest.raises(TamperedStoreError, match="no entry at all"):
        export_log(store, tmp_path / "log.parquet")
    store.append([administration_entry("tokens", actor="", bundle="")])
    with pytest.raises(UsageError, match="no bundle"):
        export_log(store, tmp_path / "log.parquet")
    store.append([bundle_entry(tactic.allocator())])
    with pytest.raises(SupportError, match="no decision"):
        export_log(store, tmp_path / "log.parquet")


def test_entries_that_no_service_wrote_are_told(store: Store, tactic: Exported, tmp_path: Path) -> None:
    store.append([NewEntry("bundle", "b", b"garbage")])
    with pytest.raises(TamperedStoreError, match="cannot be read"):
        export_log(store, tmp_path / "log.parquet")


def test_stored_decisions_are_worked_out_again(tactic: Exported, filled: Store) -> None:
    assert replay_decisions(filled, tactic.path).same == 8
    made = tactic.allocator().allocate(tactic.request(decision_id="x"))
    made.spend_base[0, 0, 0, 0] += 1e-9
    forged = decision_entry(made, tactic.allocator(), request=b"", key="x", episode_ids=[""], steps=[0], killed=False)
    filled.append([forged])
    verify_chain(filled)
    with pytest.raises(TamperedStoreError, match="spend_base differ"):
        replay_decisions(filled, tactic.path)
