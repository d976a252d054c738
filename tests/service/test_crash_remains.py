"""What a full disk, a kill and a damaged log leave: the first two lose nothing, the third is refused and kept."""

import os
import signal
import sqlite3
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Generator
from contextlib import closing
from pathlib import Path

import psycopg
import pytest

from tests.service.conftest import new_database
from tests.service.tamperings import copy_files
from tests.service.test_store import entry
from xbopt.core.errors import XboptError
from xbopt.service.store import sqlite_files
from xbopt.service.store.entries import NewEntry
from xbopt.service.store.interface import StoreError, TamperedStoreError
from xbopt.service.store.opening import open_store
from xbopt.service.store.verification import verify_chain

FRAME = 24 + 4096
WRITER = """
import random, sys
from xbopt.service.store.entries import NewEntry
from xbopt.service.store.interface import StoreError
from xbopt.service.store.opening import open_store
path, first, size = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
rng, refused = random.Random(first), 0
store = open_store(path)
print("open", flush=True)
while refused < 30:
    try:
        store.append([NewEntry("decision", f"d{first}", rng.randbytes(rng.choice([10, size, 3 * size])))])
        print(first, flush=True)
    except StoreError:
        refused += 1
    first += 1
print("full", flush=True)
sys.stdin.readline()
store.close()
"""
"""Tells which entries were stored, until the disk is full."""


def every_byte(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def keys_of(path: Path) -> set[str]:
    """Names of the entries of a chain that is whole; looking changes no byte."""
    with closing(open_store(str(path), read_only=True)) as store:
        found: set[str] = set()
        verify_chain(store, look=lambda one: found.add(one.key))
    return found


@pytest.fixture
def writer(repository: Path) -> Generator[Callable[..., "subprocess.Popen[str]"]]:
    running: list[subprocess.Popen[str]] = []

    def start(path: Path, first: int, size: int) -> "subprocess.Popen[str]":
        command = [sys.executable, "-c", WRITER, str(path), str(first), str(size)]
        environment = {**os.environ, "PYTHONPATH": str(repository)}
        one = subprocess.Popen(
            command, stdout=subprocess.PIPE, stdin=subprocess.PIPE, env=environment, cwd=repository, text=True
        )
        running.append(one)
        assert one.stdout is not None
        assert one.stdout.readline() == "open\n"
        return one

    yield start
    for one in running:
        one.kill()
        one.communicate()


def test_a_kill_at_any_moment_loses_nothing(writer: Callable[..., "subprocess.Popen[str]"], tmp_path: Path) -> None:
    path, told = tmp_path / "s.sqlite", set[str]()
    for turn, size in enumerate([100, 400_000, 8000, 60_000] * 2):
        one = writer(path, 100_000 * turn, size)
        time.sleep(0.02 + 0.05 * turn)
        one.send_signal(signal.SIGKILL)
        told |= {f"d{number}" for number in one.communicate()[0].split()}
        before = every_byte(tmp_path)
        assert told <= keys_of(path)
        assert every_byte(tmp_path) == before
    with closing(open_store(str(path))) as store:
        store.append([entry(1)])
    assert told < keys_of(path)


@pytest.mark.parametrize("without_index", [False, True])
def test_a_log_that_was_begun_anew_lacks_nothing(tmp_path: Path, *, without_index: bool) -> None:
    """SQLite took all into the file and wrote the head of the next log; the kill came before its first transaction."""
    path, copy = tmp_path / "s.sqlite", tmp_path / "copy"
    copy.mkdir()
    with closing(open_store(str(path))) as store:
        for number in range(20):
            store.append([entry(number)])
        with closing(sqlite3.connect(path)) as other:
            assert other.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()[0] == 0
        store.append([entry(20)])
        with closing(sqlite3.connect(path)) as other:
            other.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
        main = copy_files(path, copy / "store")
    mark = sqlite_files.FileMark(main)
    mark.renew()
    mark.close()
    log, index = main.with_name("s.sqlite-wal"), main.with_name("s.sqlite-shm")
    data = bytearray(log.read_bytes())
    magic, version, page, count, salt, *_ = struct.unpack_from(">8I", data)
    head = struct.pack(">6I", magic, version, page, count + 1, (salt + 1) & 0xFFFFFFFF, 0xDEADBEEF)
    order = "<" if magic == 0x377F0682 else ">"
    data[:32] = head + struct.pack(">2I", *sqlite_files._checksum(head, order, (0, 0)))
    log.write_bytes(data)
    if without_index:
        index.unlink(missing_ok=True)
    else:
        raw = bytearray(index.read_bytes())
        for at in (0, 48):
            raw[at + 16 : at + 20] = bytes(4)
            raw[at + 32 : at + 40] = data[16:24]
        index.write_bytes(raw)
    assert len(keys_of(main)) == 21
    log.write_bytes(data[:32])
    index.unlink(missing_ok=True)
    with pytest.raises(TamperedStoreError, match="more may be missing"):
        keys_of(main)


@pytest.fixture
def small_disk(tmp_path: Path) -> Generator[Path]:
    folder = tmp_path / "disk"
    folder.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "none", folder], capture_output=True, check=False)
    if done.returncode:
        pytest.skip("mounting a file system takes rights that this user has not")
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


@pytest.mark.parametrize("is_killed", [False, True])
def test_a_full_disk_loses_nothing(
    writer: Callable[..., "subprocess.Popen[str]"], small_disk: Path, *, is_killed: bool
) -> None:
    """Full in the middle of a page, and the service killed or stopped; room is made, and it goes on."""
    path, told = small_disk / "s.sqlite", set[str]()
    for turn, (size, room_kb) in enumerate([(60_000, 1000), (100, 1900), (8000, 3300), (60_000, 6000)]):
        subprocess.run(["mount", "-o", f"remount,size={room_kb}k", small_disk], check=True)
        one = writer(path, 100_000 * turn, size)
        assert one.stdout is not None
        for line in one.stdout:
            if line == "full\n":
                break
            told.add(f"d{int(line)}")
        tail = (path.with_name(path.name + "-wal").stat().st_size - 32) % FRAME
        assert tail, "the disk was full after a page"
        assert told <= keys_of(path), "while the service runs"
        if is_killed:
            one.kill()
        one.communicate("\n")
        before = every_byte(small_disk)
        assert told <= keys_of(path)
        assert every_byte(small_disk) == before
    assert len(told) > 20


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a service left that was killed: log and index hold 40 transactions."""
    folder = tmp_path_factory.mktemp("killed")
    with closing(open_store(str(folder / "s.sqlite"))) as store:
        for number in range(40):
            store.append([NewEntry("decision", f"d{number}", os.urandom(5000))])
        return copy_files(folder / "s.sqlite", folder / "left")


def cut(at: Callable[[int], int]) -> Callable[[Path], object]:
    return lambda log: os.truncate(log, at(log.stat().st_size))


def flip(at: Callable[[int], int]) -> Callable[[Path], object]:
    def change(log: Path) -> None:
        data = bytearray(log.read_bytes())
        data[at(len(data))] ^= 4
        log.write_bytes(data)

    return change


def unlink_main(log: Path) -> None:
    log.with_name(log.name.removesuffix("-wal")).unlink()


DAMAGES: dict[str, tuple[Callable[[Path], object], bool]] = {
    "a bit in the middle": (flip(lambda size: size // 2), True),
    "a bit of a sum in the middle": (flip(lambda size: 32 + FRAME * 60 + 17), True),
    "a bit of a salt in the middle": (flip(lambda size: 32 + FRAME * 60 + 9), True),
    "a bit of the last sum but one": (flip(lambda size: size - 2 * FRAME + 20), True),
    "a bit of the last page": (flip(lambda size: size - 9), True),
    "cut in half": (cut(lambda size: size // 2), True),
    "cut by a byte": (cut(lambda size: size - 1), True),
    "cut by a frame": (cut(lambda size: size - FRAME), False),
    "cut in a frame, at a sector": (cut(lambda size: (size // 2) & ~511), False),
    "cut after the header of a frame": (cut(lambda size: size - FRAME + 24), False),
    "empty": (cut(lambda size: 0), True),
    "gone": (Path.unlink, True),
    "without its main file": (unlink_main, True),
}
"""What is done to the log, and whether the log shows it without its index."""


@pytest.mark.parametrize("with_index", [True, False])
@pytest.mark.parametrize("how", DAMAGES)
def test_a_damaged_log_is_refused_and_kept(killed: Path, tmp_path: Path, how: str, *, with_index: bool) -> None:
    """Time after time, and not a byte changes. What a kill may leave, too, is told by the index, or by a head only."""
    path = copy_files(killed, tmp_path / "copy")
    change, is_shown = DAMAGES[how]
    if not with_index:
        path.with_name(path.name + "-shm").unlink()
    change(path.with_name(path.name + "-wal"))
    before = every_byte(path.parent)
    for _ in range(2):
        with pytest.raises(XboptError) if is_shown or with_index else closing(open_store(str(path), read_only=True)):
            keys_of(path)
        assert every_byte(path.parent) == before
        if is_shown or with_index:
            with pytest.raises(TamperedStoreError):
                open_store(str(path))
            assert every_byte(path.parent) == before


def of_strangers(path: Path) -> None:
    with closing(sqlite3.connect(path)) as other:
        other.executescript("PRAGMA writable_schema=1; DROP TRIGGER entries_stay; PRAGMA wal_checkpoint(PASSIVE)")


def end_lowered(path: Path) -> None:
    with closing(sqlite3.connect(path)) as other:
        other.executescript("UPDATE head SET seq = seq - 1")


@pytest.mark.parametrize("change", [of_strangers, end_lowered])
@pytest.mark.parametrize("is_open", [True, False])
def test_a_refused_start_changes_no_byte(
    killed: Path, tmp_path: Path, change: Callable[[Path], object], *, is_open: bool
) -> None:
    """Whatever it is refused for: with a log beside it that another program left, or without one."""
    path = copy_files(killed, tmp_path / "copy")
    with closing(sqlite3.connect(path)) as holder:
        holder.execute("SELECT * FROM head").fetchall()
        change(path)
        left = copy_files(path, tmp_path / "left")
    refused = left if is_open else path
    before = every_byte(refused.parent)
    assert len(before) == (3 if is_open else 1)
    for _ in range(2):
        with pytest.raises(TamperedStoreError):
            open_store(str(refused))
        assert every_byte(refused.parent) == before


def test_a_store_whose_making_was_cut_short_is_made_anew(tmp_path: Path) -> None:
    """SQLite writes the pages one after the other, and a journal beside says that there were none before."""
    path = tmp_path / "s.sqlite"
    open_store(str(path)).close()
    with path.open("r+b") as file:
        file.truncate(2 * 4096)
    header = bytes.fromhex("d9d505f920a163d7") + struct.pack(">5I", 0, 1, 0, 512, 4096)
    path.with_name("s.sqlite-journal").write_bytes(header.ljust(512, b"\0"))
    with closing(open_store(str(path))) as store:
        store.append([entry(1)])
    assert keys_of(path) == {entry(1).key}


def test_vacuum_into_copies_a_store_that_is_written_to(tmp_path: Path) -> None:
    """It ends while others write, and the copy is whole and can be served from."""
    path = tmp_path / "s.sqlite"
    stop, told = threading.Event(), 0

    def write() -> None:
        nonlocal told
        with closing(open_store(str(path))) as store:
            while not stop.is_set():
                store.append([NewEntry("decision", f"d{told}", os.urandom(3000))])
                told += 1

    thread = threading.Thread(target=write)
    thread.start()
    try:
        for number in range(3):
            deadline = time.monotonic() + 20.0
            while told < 100 * (number + 1) and time.monotonic() < deadline:
                time.sleep(0.01)
            least = told
            copied = tmp_path / f"copy{number}"
            copied.mkdir()
            script = (
                "import sqlite3, sys; sqlite3.connect(f'file:{sys.argv[1]}?mode=ro', uri=True)"
                ".execute('VACUUM INTO ?', [sys.argv[2]])"
            )
            subprocess.run([sys.executable, "-c", script, path, copied / "s.sqlite"], check=True, timeout=20)
            assert len(keys_of(copied / "s.sqlite")) >= least
    finally:
        stop.set()
        thread.join()
    with closing(open_store(str(copied / "s.sqlite"))) as store:
        store.append([entry(10_000)])
    assert len(keys_of(copied / "s.sqlite")) > least
    assert len(keys_of(path)) == told


@pytest.mark.parametrize(
    "read",
    [
        lambda store: store.find_all([("decision", "d1")]),
        lambda store: store.latest("decision"),
        lambda store: store.head(),
        lambda store: store.probe(),
        lambda store: list(store.entries("decision")),
        verify_chain,
        lambda store: store.append([entry(2)]),
    ],
)
def test_a_lost_connection_is_made_again(postgres_server: str, read: Callable[[object], object]) -> None:
    url = new_database(postgres_server)
    with closing(open_store(url)) as store, psycopg.connect(url, autocommit=True) as other:
        store.append([entry(1)])
        for _ in range(2):
            other.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() "
                "AND pid <> pg_backend_pid()"
            )
            read(store)


def test_a_snapshot_does_not_go_on_with_another_connection(postgres_server: str) -> None:
    url = new_database(postgres_server)
    with closing(open_store(url)) as store, psycopg.connect(url, autocommit=True) as other:
        store.append([entry(1)])

        def look() -> None:
            with store.snapshot():
                store.head()
                other.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() "
                    "AND pid <> pg_backend_pid()"
                )
                for _ in range(2):
                    with pytest.raises(StoreError):
                        store.head()

        with pytest.raises(StoreError):
            look()
        assert store.head().seq == 1


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://u:sec@ret#hidden/w@127.0.0.1:abc/x", "postgresql://u:hid/den@127.0.0.1/x",
        "postgresql://u:hidden", "postgresql://u:hid%zzden@127.0.0.1:1/x", "postgresql:/u:hidden@127.0.0.1/x",
        "postgresql://u:hid[den@127.0.0.1:1/x", "postgresql://u:hid?den@127.0.0.1:1/x?password=hidden",
        "u:hidden@h://x", "//u:hidden@h/x", "host=127.0.0.1 password=hidden dbname=x", " dbname = hidden",
        "mysql://u:hidden@h/x",
    ],
)  # fmt: skip
def test_no_part_of_a_password_is_told(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(XboptError) as failed:
        open_store(url, wait_seconds=1.0)
    assert failed.value.exit_code == 2
    assert not any(part in str(failed.value) for part in ("hid", "den", "sec", "ret#"))
    assert not list(tmp_path.iterdir())


def test_files_with_such_names_are_given_as_urls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("a=b.sqlite", "a:b@c.sqlite"):
        open_store(f"sqlite:///{name}").close()
        assert (tmp_path / name).exists()
