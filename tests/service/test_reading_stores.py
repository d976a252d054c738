"""Whoever only reads a store changes nothing, and refuses what is not one."""

import hashlib
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import psycopg
import pytest

from tests.service.conftest import Command, Exported, Serve, new_database
from tests.service.test_store import decided, entry
from xbopt.core.errors import UsageError
from xbopt.service.store.interface import ChangedStoreError, StoreError, TamperedStoreError
from xbopt.service.store.opening import open_store
from xbopt.service.store.sqlite import SqliteStore
from xbopt.service.store.sqlite_files import LogState, log_state
from xbopt.service.store.verification import verify_chain


def contents(folder: Path) -> dict[str, str]:
    """SHA-256 of every file."""
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir() if path.is_file()}


def entries_in(path: Path) -> int:
    with closing(open_store(str(path), read_only=True)) as store:
        return verify_chain(store).entries


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "store of decisions?#%"
    made.mkdir()
    return made


def foreign_database(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE orders (id INTEGER, head TEXT)")
        connection.commit()


def namesake(path: Path) -> None:
    """Tables of the same names that hold something else."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE entries (id INTEGER)")
        connection.execute("CREATE TABLE head (title TEXT)")
        connection.commit()


STRANGERS: dict[str, tuple[Callable[[Path], object], str]] = {
    "nothing": (lambda _: None, "There is no store"),
    "an empty file": (lambda path: path.write_bytes(b""), "empty file"),
    "a folder": (lambda path: path.mkdir(), "is a folder"),
    "a text": (lambda path: path.write_text("y\n" * 9), "not a database"),
    "a long text": (lambda path: path.write_text("y\n" * 9999), "not a database"),
    "a pipe": (os.mkfifo, "not an ordinary file"),
    "an empty database": (
        lambda path: sqlite3.connect(path).executescript("VACUUM").connection.close(), "holds no table"
    ),
    "the database of another program": (foreign_database, "holds the tables orders"),
    "tables of the same names": (namesake, "holds the tables entries, head"),
}  # fmt: skip


@pytest.mark.parametrize("verb", ["verify", "export"])
@pytest.mark.parametrize("stranger", STRANGERS)
def test_what_is_not_a_store_is_refused_and_left_alone(
    command: Command, folder: Path, stranger: str, verb: str
) -> None:
    make, message = STRANGERS[stranger]
    path = folder / "s.sqlite"
    make(path)
    before = contents(folder)
    output = ("-o", folder / "log.parquet") if verb == "export" else ()
    code, out, err = command("decisions", verb, "--store", path, *output)
    assert code == 2
    assert out == ""
    assert message in err
    assert contents(folder) == before


@pytest.mark.parametrize("stranger", ["a folder", "a text", "a pipe", "the database of another program",
                                      "tables of the same names"])  # fmt: skip
def test_a_service_makes_no_store_in_what_belongs_to_others(
    command: Command, tactic: Exported, folder: Path, stranger: str
) -> None:
    path = folder / "s.sqlite"
    STRANGERS[stranger][0](path)
    before = contents(folder)
    code, _, err = command("serve", tactic.path, "--store", path, "--port", 0)
    assert code == 2
    assert STRANGERS[stranger][1] in err
    assert contents(folder) == before


def test_a_store_at_rest_is_left_as_it_is(folder: Path) -> None:
    path = folder / "s.sqlite"
    with closing(SqliteStore(path)) as store:
        store.append([entry(i) for i in range(700)])
    before = contents(folder)
    assert list(before) == ["s.sqlite"]
    assert entries_in(path) == 700
    with closing(SqliteStore(path, read_only=True)) as reader, pytest.raises(StoreError, match="readonly"):
        reader.append([entry(700)])
    assert contents(folder) == before


@pytest.mark.parametrize("files", [["s.sqlite", "s.sqlite-wal", "s.sqlite-shm"], ["s.sqlite", "s.sqlite-wal"]])
def test_what_a_killed_service_left_behind_is_read_whole(folder: Path, tmp_path: Path, files: list[str]) -> None:
    """The last decisions stand in the write-ahead log only; they count, and log and file keep every byte."""
    with closing(SqliteStore(tmp_path / "s.sqlite")) as store:
        store.append([entry(i) for i in range(20)])
        for name in files:
            shutil.copy(tmp_path / name, folder / name)
    before = contents(folder)
    assert entries_in(folder / "s.sqlite") == 20
    after = contents(folder)
    assert after.keys() == before.keys()
    assert all(after[name] == before[name] for name in files[:2])


def test_a_store_is_verified_beside_its_service(command: Command, serve: Serve, tactic: Exported) -> None:
    import json

    import msgspec

    served = serve(tactic.path)
    request = json.loads(msgspec.json.encode(tactic.request(decision_id="")))
    with served.client() as client:
        for number in range(3):
            assert client.post("/v1/allocate", json=request).status_code == 200
            code, out, _ = command("decisions", "verify", "--store", served.store, "--json")
            assert (code, json.loads(out)["decisions"]) == (0, number + 1)
    served.process.terminate()
    assert served.process.wait(timeout=20) == 0
    # The bundle, that it began to decide, and three decisions.
    assert entries_in(Path(served.store.removeprefix("sqlite:///"))) == 2 + 3


def test_a_file_that_changes_while_it_is_read_is_not_trusted(folder: Path) -> None:
    path = folder / "s.sqlite"
    with closing(SqliteStore(path)) as store:
        store.append([entry(1)])
    with closing(SqliteStore(path, read_only=True)) as reader:
        with closing(SqliteStore(path)) as writer:
            writer.append([entry(2)])
        with pytest.raises(StoreError, match="written to while it was read"):
            verify_chain(reader)
    assert entries_in(path) == 2


def test_a_store_that_others_write_to_while_it_is_opened_is_opened_again(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, times = folder / "s.sqlite", list[int]()
    with closing(SqliteStore(path)) as store:
        store.append([entry(1)])

    def disturbed(path: Path) -> LogState:
        seen = log_state(path)
        if len(times) < 2:
            times.append(1)
            os.utime(path)
        return seen

    monkeypatch.setattr("xbopt.service.store.sqlite.log_state", disturbed)
    with pytest.raises(ChangedStoreError):
        open_store(str(path), wait_seconds=0.0, read_only=True)
    with closing(open_store(str(path), wait_seconds=5.0, read_only=True)) as reader:
        assert reader.head().seq == 1
    assert len(times) == 2


def test_processes_that_open_and_close_a_store_at_once_leave_it_whole(folder: Path) -> None:
    """Whoever closes takes log and mark away while others open: each entry is stored, and the file is unmarked."""
    path = folder / "s.sqlite"
    SqliteStore(path).close()
    code = (
        "import sys\n"
        "from pathlib import Path\n"
        "from tests.service.test_reading_stores import entry\n"
        "from xbopt.service.store.opening import open_store\n"
        "for number in range(int(sys.argv[2]), int(sys.argv[2]) + 40):\n"
        "    open_store(sys.argv[1], wait_seconds=30.0, read_only=True).close()\n"
        "    store = open_store(sys.argv[1], wait_seconds=30.0)\n"
        "    store.append([entry(number)])\n"
        "    store.close()\n"
    )
    started = [subprocess.Popen([sys.executable, "-c", code, str(path), str(100 * n)]) for n in range(3)]
    assert [one.wait(timeout=120) for one in started] == [0, 0, 0]
    assert entries_in(path) == 120
    assert list(contents(folder)) == ["s.sqlite"]


def test_a_damaged_file_counts_as_tampered(folder: Path) -> None:
    path = folder / "s.sqlite"
    with closing(SqliteStore(path)) as store:
        store.append([entry(i) for i in range(500)])
    data = bytearray(path.read_bytes())
    data[4096:] = b"\xff" * len(data[4096:])
    path.write_bytes(data)
    with pytest.raises(TamperedStoreError):
        entries_in(path)


def test_reading_needs_no_right_to_write(tactic: Exported, folder: Path, repository: Path) -> None:
    """As somebody who may write neither file nor folder, who sees what a read-only file system shows."""
    path = folder / "s.sqlite"
    with closing(SqliteStore(path)) as store:
        store.append(decided(tactic, 1))
    bundle = Path(shutil.copy(tactic.path, folder))
    for own in (path, bundle):
        own.chmod(0o444)
    folder.chmod(0o555)
    environment = {**os.environ, "PYTHONPATH": str(repository)}
    if os.getuid() == 0:
        # Root may write everywhere; without this capability even root may not.
        if shutil.which("setpriv") is None:
            pytest.skip("running as root, and there is no setpriv to give up its rights")
        drop = ["setpriv", "--bounding-set=-dac_override", "--inh-caps=-dac_override"]
    else:
        drop = []
    for words in (["decisions", "verify", "--store", str(path)], ["verify", str(bundle)]):
        done = subprocess.run(
            [*drop, sys.executable, "-m", "xbopt", *words], env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
    assert sorted(contents(folder)) == sorted([path.name, bundle.name])
    folder.chmod(0o755)


def test_postgres_is_read_without_making_anything(postgres_server: str) -> None:
    url = new_database(postgres_server)
    with pytest.raises(UsageError, match="holds no decision store"):
        open_store(url, read_only=True)
    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").fetchone() == (0,)
    with closing(open_store(url)) as store:
        store.append([entry(1)])
        with closing(open_store(url, read_only=True)) as reader:
            assert verify_chain(reader).entries == 1
            with pytest.raises(StoreError, match="read-only"):
                reader.append([entry(2)])


def test_a_file_of_somebody_else_is_never_written_over(tmp_path: Path) -> None:
    for text in ("x", "a,b\n1,2\n"):
        file = tmp_path / "junk.csv"
        file.write_text(text, encoding="utf-8")
        with pytest.raises(StoreError, match="not a database"):
            open_store(str(file))
        assert file.read_text(encoding="utf-8") == text
