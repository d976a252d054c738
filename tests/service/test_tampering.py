"""Every way to tamper with a store is found, by the right exit code, and no byte is changed by looking."""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from tests.service.conftest import Exported, Serve, new_database
from tests.service.file_tamperings import CLOSED_FILES, OPEN_FILES, FileTampering
from tests.service.tamperings import (
    POSTGRES,
    ROWS,
    SQLITE,
    WITH_HEAD,
    Chain,
    copy_files,
    head_of,
    read_chain,
    run_script,
    state_of,
    verify,
    write_chain,
)
from tests.service.test_http import body
from tests.service.test_store import entry, store_of
from xbopt.service.store.entries import NewEntry
from xbopt.service.store.interface import TamperedStoreError
from xbopt.service.store.opening import open_store
from xbopt.service.store.verification import verify_chain


@pytest.fixture(scope="module")
def whole(tactic: Exported, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Chain]:
    """A store with entries of every kind."""
    path = tmp_path_factory.mktemp("whole") / "s.sqlite"
    with closing(open_store(str(path))) as store:
        store_of(store, tactic)
    return path, read_chain(f"sqlite:///{path}")


@pytest.fixture
def fresh_url(request: pytest.FixtureRequest, whole: tuple[Path, Chain], tmp_path: Path) -> str:
    """A copy of it, in the kind of store that the test asks for."""
    path, chain = whole
    if request.param == "sqlite":
        return f"sqlite:///{copy_files(path, tmp_path / 'copy')}"
    url = new_database(request.getfixturevalue("postgres_server"))
    open_store(url).close()
    write_chain(url, chain)
    return url


both = pytest.mark.parametrize("fresh_url", ["sqlite", "postgres"], indirect=True)


@both
def test_what_was_not_tampered_with_is_whole(fresh_url: str, whole: tuple[Path, Chain]) -> None:
    assert verify(fresh_url, "--head", head_of(whole[1])).code == 0


@both
@pytest.mark.parametrize("how", ROWS)
def test_changed_rows_are_found(fresh_url: str, whole: tuple[Path, Chain], how: str) -> None:
    write_chain(fresh_url, ROWS[how](whole[1], np.random.default_rng(1)))
    answer = verify(fresh_url)
    assert answer.code == 5, answer.out
    assert answer.out == ""


@both
@pytest.mark.parametrize("how", WITH_HEAD)
def test_a_rewritten_end_is_found_with_what_was_kept_elsewhere(
    fresh_url: str, whole: tuple[Path, Chain], how: str, tmp_path: Path
) -> None:
    head = head_of(whole[1])
    write_chain(fresh_url, WITH_HEAD[how](whole[1], np.random.default_rng(1)))
    assert verify(fresh_url).code == 0
    assert verify(fresh_url, "--head", head).code == 5
    assert verify(fresh_url, "--receipt", head).code == 5
    answers = tmp_path / "answers.jsonl"
    seq, _, chain = head.partition(":")
    answers.write_text(f'{{"stored": true, "receipt": {{"seq": {seq}, "hash": "{chain}"}}}}\n')
    assert verify(fresh_url, "--receipt", answers).code == 5


@pytest.mark.parametrize(
    ("fresh_url", "script"),
    [("sqlite", script) for script in SQLITE.values()] + [("postgres", script) for script in POSTGRES.values()],
    ids=[*(f"sqlite: {how}" for how in SQLITE), *(f"postgres: {how}" for how in POSTGRES)],
    indirect=["fresh_url"],
)
def test_changed_tables_and_guards_are_found(fresh_url: str, script: str) -> None:
    run_script(fresh_url, script)
    answer = verify(fresh_url)
    assert answer.code == 5, answer
    with pytest.raises(TamperedStoreError, match="as xbopt serve made"):
        open_store(fresh_url)


@both
@pytest.mark.parametrize(
    "how", ["the last row less", "a row beyond the end", "no end", "the end lowered", "the end raised",
            "the end's hash", "all rows gone"],
)  # fmt: skip
def test_a_store_whose_end_does_not_fit_is_not_written_to(fresh_url: str, whole: tuple[Path, Chain], how: str) -> None:
    """Neither by a service that starts, nor by one that runs; nothing is repaired."""
    with closing(open_store(fresh_url)) as running:
        write_chain(fresh_url, ROWS[how](whole[1], np.random.default_rng(1)))
        before = read_chain(fresh_url)
        with pytest.raises(TamperedStoreError, match=r"end of the chain|chain ends at"):
            open_store(fresh_url)
        with pytest.raises(TamperedStoreError, match=r"end of the chain|chain ends at"):
            running.append([])
        assert read_chain(fresh_url) == before


@pytest.fixture(scope="module")
def opened(whole: tuple[Path, Chain], tactic: Exported, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """What a service left that was killed: a main file, and a log with the newest entries; and the head."""
    path = copy_files(whole[0], tmp_path_factory.mktemp("killed") / "running")
    with closing(open_store(str(path))) as store:
        store_of(store, tactic, first=100)
        head = store.head()
        left = copy_files(path, tmp_path_factory.mktemp("killed") / "left")
    return left, f"{head.seq}:{head.hash.hex()}"


def check_files(source: Path, head: str, how: FileTampering, target: Path, seed: int) -> None:
    """Tamper with a copy of a store's files, and look for it."""
    path = copy_files(source, target)
    how.change(path, np.random.default_rng(seed))
    assert verify(str(path)).code in how.codes
    assert verify(str(path), "--head", head).code in how.codes_with_head


@pytest.mark.parametrize("how", OPEN_FILES)
def test_what_a_service_has_open_is_not_whole_without_its_log(
    opened: tuple[Path, str], how: str, tmp_path: Path
) -> None:
    for seed in range(2):
        check_files(*opened, OPEN_FILES[how], tmp_path / str(seed), seed)


@pytest.mark.parametrize("how", CLOSED_FILES)
def test_damaged_files_are_found(whole: tuple[Path, Chain], how: str, tmp_path: Path) -> None:
    check_files(whole[0], head_of(whole[1]), CLOSED_FILES[how], tmp_path / "copy", seed=1)


def test_a_head_shows_up_to_where_a_copy_without_its_log_is_whole(
    opened: tuple[Path, str], whole: tuple[Path, Chain], tmp_path: Path
) -> None:
    """The main file of a service that was killed, with all entries from before it started."""
    path = copy_files(opened[0], tmp_path / "copy")
    OPEN_FILES["no log"].change(path, np.random.default_rng(0))
    answer = verify(str(path))
    assert answer.code == 5
    assert "s.sqlite-wal" in answer.err
    answer = verify(str(path), "--head", head_of(whole[1]))
    assert answer.code == 0
    assert "entries after it may be missing" in answer.err
    before = state_of(str(path))
    with pytest.raises(TamperedStoreError, match="Put the log back"):
        open_store(str(path))
    assert state_of(str(path)) == before


def test_copies_of_a_service_s_store(serve: Serve, tactic: Exported, tmp_path: Path) -> None:
    """By cp while it runs, by SQLite's own backup, after kill -9, and after a clean end."""
    served = serve(tactic.path)
    path = Path(served.store.removeprefix("sqlite:///"))
    with served.client() as client:
        for i in range(5):
            assert client.post("/v1/allocate", json=body(tactic, decision_id=f"c{i}")).status_code == 200
        for name in ("alone", "backup"):
            (tmp_path / name).mkdir()
        alone = tmp_path / "alone" / "s.sqlite"
        shutil.copy(path, alone)
        assert verify(str(alone)).code == 5
        assert verify(str(copy_files(path, tmp_path / "together"))).code == 0
        with (
            closing(sqlite3.connect(path)) as source,
            closing(sqlite3.connect(tmp_path / "backup" / "s.sqlite")) as target,
        ):
            source.backup(target)
    assert verify(str(tmp_path / "backup" / "s.sqlite")).code == 0
    served.process.kill()
    served.process.wait(timeout=10)
    assert verify(str(copy_files(path, tmp_path / "killed"))).code == 0
    shutil.copy(path, alone)
    assert verify(str(alone)).code == 5
    again = serve(tactic.path, store=served.store)
    again.process.terminate()
    assert again.process.wait(timeout=20) == 0
    assert [one.name for one in path.parent.iterdir()] == [path.name]
    assert verify(str(path)).code == 0


def test_a_mark_stands_as_long_as_the_log_holds_more(tmp_path: Path) -> None:
    """Through several logs: the main file alone is in doubt; what any SQLite took the log into is whole."""
    path = tmp_path / "s.sqlite"
    with closing(open_store(str(path))) as store:
        for number in range(8):
            store.append([NewEntry("decision", f"{number}-{i}", bytes(3000)) for i in range(300)])
            alone = tmp_path / f"alone{number}"
            alone.mkdir()
            shutil.copy(path, alone)
            with closing(open_store(str(alone / path.name), read_only=True)) as reader:
                assert reader.doubt()
            taken = copy_files(path, tmp_path / f"taken{number}")
            with closing(sqlite3.connect(taken)) as other:
                assert other.execute("SELECT count(*) FROM entries").fetchone() == (300 * (number + 1),)
            assert [one.name for one in taken.parent.iterdir()] == [taken.name]
            with closing(open_store(str(taken), read_only=True)) as reader:
                assert verify_chain(reader).entries == 300 * (number + 1)
    assert [one.name for one in tmp_path.glob("s.sqlite*")] == ["s.sqlite"]
    with closing(open_store(str(path), read_only=True)) as reader:
        assert verify_chain(reader).entries == 2400


def test_reading_leaves_a_log_that_was_taken_into_the_file(tmp_path: Path) -> None:
    """SQLite would remove a log that holds nothing new; an auditor leaves it."""
    path = tmp_path / "s.sqlite"
    with closing(open_store(str(path))) as store:
        store.append([entry(i) for i in range(20)])
        with closing(sqlite3.connect(path)) as other:
            other.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
        copied = copy_files(path, tmp_path / "copied")
    before = state_of(str(copied))
    for _ in range(2):
        with closing(open_store(str(copied), read_only=True)) as reader:
            assert verify_chain(reader).entries == 20
        assert state_of(str(copied)) == before
