"""Entries that no service wrote, rightly chained, and guards that guard no more: verify and export end with 5."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import msgspec
import numpy as np
import psycopg
import pytest

from tests.command_line import call
from tests.service.conftest import Exported, new_database
from tests.service.tamperings import ROWS, Chain, chained_anew, copy_files, read_chain, run_script, verify, write_chain
from tests.service.test_store import store_of
from xbopt.core.decision_log.reader import read_decision_log
from xbopt.service.store.entries import (
    AdministrationEntry,
    BundleEntry,
    DecisionEntry,
    Entry,
    NewEntry,
    OutcomeEntry,
    ShadowEntry,
)
from xbopt.service.store.interface import StoreError, TamperedStoreError
from xbopt.service.store.log_export import export_log
from xbopt.service.store.opening import open_store
from xbopt.service.store.recording import bundle_entry, decision_entry
from xbopt.service.store.verification import replay_decisions, verify_chain

TYPES = {
    "decision": DecisionEntry,
    "withdrawal": DecisionEntry,
    "outcome": OutcomeEntry,
    "bundle": BundleEntry,
    "shadow": ShadowEntry,
    "administration": AdministrationEntry,
}
Edit = Callable[..., dict[str, object]]


@pytest.fixture(scope="module")
def whole(tactic: Exported, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Chain]:
    path = tmp_path_factory.mktemp("forged") / "s.sqlite"
    with closing(open_store(str(path))) as store:
        store_of(store, tactic)
    return path, read_chain(str(f"sqlite:///{path}"))


def forged(chain: Chain, kind: str, edit: Edit) -> Chain:
    """The last entry of a kind with other content, and all behind it chained anew."""
    rows = list(chain[0])
    at = max(i for i, row in enumerate(rows) if row.kind == kind)
    entry = msgspec.msgpack.decode(rows[at].payload, type=TYPES[kind])
    changed = msgspec.structs.replace(entry, **edit(entry))
    rows[at] = msgspec.structs.replace(rows[at], payload=msgspec.msgpack.encode(changed))
    return chained_anew(rows)


def output(name: str, value: float, dtype: str = "<f8") -> Edit:
    """An output that holds one number everywhere."""

    def edit(entry: DecisionEntry) -> dict[str, object]:
        width = np.dtype(dtype).itemsize
        return {"outputs": entry.outputs | {name: np.full(len(entry.outputs[name]) // width, value, dtype).tobytes()}}

    return edit


def given(name: str, value: float, dtype: str = "<f8") -> Edit:
    def edit(entry: DecisionEntry) -> dict[str, object]:
        width = np.dtype(dtype).itemsize
        return {"inputs": entry.inputs | {name: np.full(len(entry.inputs[name]) // width, value, dtype).tobytes()}}

    return edit


def fixed(**changes: object) -> Edit:
    return lambda _: changes


FORGED: dict[str, tuple[str, Edit]] = {
    "another source": ("decision", fixed(source=["nonsense"])),
    "no source": ("decision", fixed(source=[])),
    "a stop that nobody asked for": ("decision", fixed(source=["stopped"])),
    "a kill switch of no kind": ("decision", fixed(kill="half")),
    "two policies": ("decision", fixed(policy=["a", "b"])),
    "no list of guardrails": ("decision", fixed(guardrails=[])),
    "two rows that are off": ("decision", fixed(off=[["a"], ["b"]])),
    "no episode": ("decision", fixed(episode_ids=[])),
    "an episode without a name": ("decision", fixed(episode_ids=[""])),
    "a step below 0": ("decision", fixed(steps=[-5])),
    "a step above all": ("decision", fixed(steps=[2**40])),
    "a time before all": ("decision", fixed(created_us=-5)),
    "a time after all": ("decision", fixed(created_us=2**63)),
    "no decision": ("decision", fixed(decision_ids=[])),
    "another menu": ("decision", lambda entry: {"shape": (*entry.shape[:-1], 1)}),
    "spend that is no number": ("decision", output("spend_base", np.nan)),
    "spend below 0": ("decision", output("spend_base", -5.0)),
    "spend above the budget": ("decision", output("spend_base", 1e9)),
    "infinite spend": ("decision", output("spend_base", np.inf)),
    "a propensity of 7": ("decision", output("propensity", 7.0)),
    "a propensity of 0": ("decision", output("propensity", 0.0)),
    "a propensity of another tactic": ("decision", output("propensity", 0.123)),
    "a tactic off the menu": ("decision", output("tactic", 999, "<i8")),
    "probabilities that sum to less": ("decision", output("probabilities", 0.01, "<f4")),
    "a probability that is no number": ("decision", output("probabilities", np.nan, "<f4")),
    "a discount of 2": ("decision", output("discount_frac", 2.0)),
    "a mechanic of no kind": ("decision", output("mechanic", 9, "<i8")),
    "weights that are no numbers": ("decision", output("daypart_weights", np.nan)),
    "no propensity": (
        "decision",
        lambda entry: {"outputs": {name: one for name, one in entry.outputs.items() if name != "propensity"}},
    ),
    "a mass that nobody stores": ("decision", lambda entry: {"outputs": entry.outputs | {"allowed_mass": b"12345678"}}),
    "a day after the horizon": ("decision", given("day", 9999, "<i8")),
    "a budget below 0": ("decision", given("budget_base", -1.0)),
    "an infinite feature": ("decision", given("cells", np.inf)),
    "an input of no schema": ("decision", lambda entry: {"inputs": entry.inputs | {"foo": b"123"}}),
    "a held tactic off the menu": (
        "decision",
        lambda entry: {"inputs": entry.inputs | {"held": np.full(4, 999).astype("<i8").tobytes()}},
    ),
    "a withdrawal without a reason": ("withdrawal", fixed(reason="")),
    "spend of a withdrawal": ("withdrawal", output("spend_base", 1e9)),
    "an infinite reward": ("outcome", fixed(reward=np.inf)),
    "a reward that is no number": ("outcome", fixed(reward=np.nan)),
    "a reward above all": ("outcome", fixed(reward=1e300)),
    "a cost below 0": ("outcome", fixed(cost=-1e12)),
    "an outcome of another cell": ("outcome", fixed(unit="UK/families")),
    "an outcome of another decision": ("outcome", fixed(decision_id="d2")),
    "a revision below 0": ("outcome", fixed(revision=-1)),
    "an outcome after all": ("outcome", fixed(ready_us=2**63 - 1)),
    "exploration of 7": ("bundle", fixed(exploration=7.0)),
    "exploration that is no number": ("bundle", fixed(exploration=np.nan)),
    "a mask of two bytes": ("bundle", fixed(allowed=b"\1\2")),
    "a schema that is none": ("bundle", fixed(schema=b"{}")),
    "a shadow cut short": ("shadow", fixed(probabilities=b"abcd")),
    "a shadow of three bytes": ("shadow", fixed(probabilities=b"abc")),
    "a shadow that is no number": (
        "shadow", lambda entry: {"probabilities": np.full(len(entry.probabilities) // 4, np.nan, "<f4").tobytes()}
    ),
    "a shadow of another decision": ("shadow", fixed(decision="d1")),
    "an act at another time": ("administration", fixed(at_us=2**62)),
    "an act of no kind": ("administration", fixed(action="nothing")),
}  # fmt: skip


def both_refuse(url: str, folder: Path) -> None:
    """Verify and export end with 5 and say why; no file is made."""
    log = folder / "log.parquet"
    for answer in (verify(url), call("decisions", "export", "--store", url, "-o", log, folder=folder)):
        assert answer.code == 5, answer
        assert answer.out == ""
        assert "Internal" not in answer.err
    assert not log.exists()


@pytest.mark.parametrize("how", FORGED)
def test_what_no_service_wrote_is_found(whole: tuple[Path, Chain], how: str, tmp_path: Path) -> None:
    url = f"sqlite:///{copy_files(whole[0], tmp_path / 'copy')}"
    write_chain(url, forged(whole[1], *FORGED[how]))
    both_refuse(url, tmp_path)


@pytest.mark.parametrize("how", ROWS)
def test_no_log_is_made_of_a_store_that_was_tampered_with(whole: tuple[Path, Chain], how: str, tmp_path: Path) -> None:
    url = f"sqlite:///{copy_files(whole[0], tmp_path / 'copy')}"
    write_chain(url, ROWS[how](whole[1], np.random.default_rng(1)))
    both_refuse(url, tmp_path)


def test_no_decision_comes_after_its_withdrawal(whole: tuple[Path, Chain], tmp_path: Path) -> None:
    url = f"sqlite:///{copy_files(whole[0], tmp_path / 'copy')}"
    write_chain(
        url, chained_anew(sorted(whole[1][0], key=lambda row: (row.kind != "bundle", row.kind != "withdrawal")))
    )
    both_refuse(url, tmp_path)


def test_a_bundle_is_compared_with_what_is_written_down_of_it(
    whole: tuple[Path, Chain], tactic: Exported, tmp_path: Path
) -> None:
    """A smaller share of exploration is possible, but it is not the bundle's."""
    url = f"sqlite:///{copy_files(whole[0], tmp_path / 'copy')}"
    write_chain(url, forged(whole[1], "bundle", fixed(exploration=0.1)))
    with (
        closing(open_store(url, read_only=True)) as store,
        pytest.raises(TamperedStoreError, match="what the bundle does not"),
    ):
        replay_decisions(store, tactic.path)


POSTGRES = {
    "a guard that never fires": (
        "DROP TRIGGER xbopt_entries_stay ON xbopt_entries; CREATE TRIGGER xbopt_entries_stay BEFORE UPDATE OR DELETE "
        "OR TRUNCATE ON xbopt_entries FOR EACH STATEMENT WHEN (false) EXECUTE FUNCTION xbopt_entries_stay()"
    ),
    "a guard of one column": (
        "DROP TRIGGER xbopt_entries_stay ON xbopt_entries; CREATE TRIGGER xbopt_entries_stay BEFORE UPDATE OF key OR "
        "DELETE OR TRUNCATE ON xbopt_entries FOR EACH STATEMENT EXECUTE FUNCTION xbopt_entries_stay()"
    ),
    "unlogged tables": "ALTER TABLE xbopt_entries SET UNLOGGED; ALTER TABLE xbopt_head SET UNLOGGED",
    "no guard of the end": "DROP TRIGGER xbopt_head_remains ON xbopt_head",
    "a guard that only replicas obey": "ALTER TABLE xbopt_entries ENABLE REPLICA TRIGGER xbopt_entries_stay",
    "a rule for the end": "CREATE RULE quiet AS ON DELETE TO xbopt_head DO INSTEAD NOTHING",
    "a default": "ALTER TABLE xbopt_entries ALTER COLUMN kind SET DEFAULT 'decision'",
    "another order of letters": 'ALTER TABLE xbopt_entries ALTER COLUMN key TYPE text COLLATE "C"',
    "a function with settings": (
        "ALTER FUNCTION xbopt_entries_stay() SET client_min_messages = 'error'"
    ),
}  # fmt: skip


@pytest.mark.parametrize("how", POSTGRES)
def test_guards_are_compared_by_their_whole_definition(
    whole: tuple[Path, Chain], how: str, postgres_server: str
) -> None:
    url = new_database(postgres_server)
    open_store(url).close()
    write_chain(url, whole[1])
    assert verify(url).code == 0
    run_script(url, POSTGRES[how])
    answer = verify(url)
    assert answer.code == 5, answer
    with pytest.raises(TamperedStoreError, match="as xbopt serve made"):
        open_store(url)


def test_a_server_that_fires_no_trigger_is_told(whole: tuple[Path, Chain], postgres_server: str) -> None:
    url = new_database(postgres_server)
    open_store(url).close()
    write_chain(url, whole[1])
    with psycopg.connect(url, autocommit=True) as connection:
        name = url.rpartition("/")[2]
        connection.execute(f'ALTER DATABASE "{name}" SET session_replication_role = replica')  # type: ignore[call-overload]
    answer = verify(url)
    assert answer.code == 5
    assert "no trigger works" in answer.err


SQLITE = {
    "no guard of the end": "DROP TRIGGER head_remains",
    "a guard that never fires": (
        "DROP TRIGGER entries_remain; CREATE TRIGGER entries_remain BEFORE DELETE ON entries WHEN 0 "
        "BEGIN SELECT RAISE(ABORT, 'entries are never removed'); END"
    ),
    "a guard of one column": (
        "DROP TRIGGER entries_stay; CREATE TRIGGER entries_stay BEFORE UPDATE OF key ON entries "
        "BEGIN SELECT RAISE(ABORT, 'entries are never changed'); END"
    ),
    "a guard with the name of a table": "CREATE TRIGGER head AFTER INSERT ON entries BEGIN SELECT 1; END",
}


@pytest.mark.parametrize("how", SQLITE)
def test_guards_of_sqlite_are_compared_by_their_text(whole: tuple[Path, Chain], how: str, tmp_path: Path) -> None:
    url = f"sqlite:///{copy_files(whole[0], tmp_path / 'copy')}"
    run_script(url, SQLITE[how])
    both_refuse(url, tmp_path)
    with pytest.raises(TamperedStoreError, match="as xbopt serve made"):
        open_store(url)


def guard_of_the_end(url: str) -> bool:
    if url.startswith("sqlite"):
        with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as connection:
            return bool(connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'head_remains'").fetchall())
    with psycopg.connect(url) as connection:
        return bool(connection.execute("SELECT 1 FROM pg_trigger WHERE tgname = 'xbopt_head_remains'").fetchall())


def old(chain: Chain) -> Chain:
    """What a service wrote that knew neither withdrawals nor acts, and not who asked."""
    rows: list[Entry] = []
    for row in chain[0]:
        fields = {"decision": 15, "outcome": 7}.get(row.kind, 99)
        if row.kind not in {"withdrawal", "administration"}:
            payload = msgspec.msgpack.encode(msgspec.msgpack.decode(row.payload)[:fields])
            rows.append(msgspec.structs.replace(row, payload=payload))
    return chained_anew(rows)


def test_a_store_of_before_is_whole_and_gets_its_guard(store_url: str, whole: tuple[Path, Chain]) -> None:
    open_store(store_url).close()
    write_chain(store_url, old(whole[1]))
    run_script(store_url, (SQLITE if store_url.startswith("sqlite") else POSTGRES)["no guard of the end"])
    assert verify(store_url).code == 0
    assert not guard_of_the_end(store_url)
    open_store(store_url).close()
    assert guard_of_the_end(store_url)
    assert verify(store_url).code == 0


def test_who_may_not_add_the_guard_is_told_what_to_run(whole: tuple[Path, Chain], postgres_server: str) -> None:
    url = new_database(postgres_server)
    open_store(url).close()
    write_chain(url, old(whole[1]))
    name = url.rpartition("/")[2]
    run_script(
        url,
        f"{POSTGRES['no guard of the end']}; CREATE ROLE w{name} LOGIN; "
        f"GRANT SELECT, INSERT ON xbopt_entries TO w{name}; GRANT SELECT, UPDATE ON xbopt_head TO w{name}",
    )
    with pytest.raises(StoreError, match=r"Its owner has to run once: CREATE TRIGGER xbopt_head_remains"):
        open_store(url.replace("xbopt@", f"w{name}@"))


def test_what_a_service_of_before_did_not_say_is_empty_in_the_log(
    whole: tuple[Path, Chain], tactic: Exported, tmp_path: Path
) -> None:
    path = copy_files(whole[0], tmp_path / "copy")
    write_chain(f"sqlite:///{path}", old(whole[1]))
    allocator = tactic.allocator()
    with closing(open_store(str(path))) as store:
        assert replay_decisions(store, tactic.path).same == 6
        new = allocator.allocate(tactic.request(decision_id="new"))
        store.append([
            decision_entry(new, allocator, key="new", request=b"", episode_ids=[""], steps=[0], killed=False)
        ])  # fmt: skip
        report = export_log(store, tmp_path / "log.parquet")
    assert (report.rows, report.unsaid, report.filled) == (28, 24, 0)
    import pyarrow.parquet

    table = pyarrow.parquet.read_table(tmp_path / "log.parquet")
    width = len(table["context"][0])
    assert table["filled"].to_pylist() == [None] * 24 + [0] * 4
    assert table["missing"].to_pylist() == [None] * 24 + [[False] * width] * 4
    read = read_decision_log(tmp_path / "log.parquet").columns
    assert read.filled is not None
    assert read.missing is not None
    assert read.filled.tolist() == [-1] * 24 + [0] * 4
    assert not read.missing.any()


def test_a_service_of_before_lifted_spend_by_daily_change(
    whole: tuple[Path, Chain], tactic: Exported, tmp_path: Path
) -> None:
    """Above the budget, up to twice the day before: honest then, and told as other rules where it is replayed."""

    def lifted(amount: float) -> Edit:
        def edit(entry: DecisionEntry) -> dict[str, object]:
            numbers = np.ones(len(entry.outputs["spend_base"]) // 8)
            return {
                "outputs": entry.outputs | {"spend_base": (numbers * amount).tobytes()},
                "inputs": entry.inputs | {"previous_base": (numbers * 1e6).tobytes()},
            }

        return edit

    url = f"sqlite:///{copy_files(whole[0], tmp_path / 'copy')}"
    write_chain(url, forged(whole[1], "decision", lifted(1.5e6)))
    both_refuse(url, tmp_path)
    write_chain(url, forged(old(whole[1]), "decision", lifted(2.5e6)))
    both_refuse(url, tmp_path)
    write_chain(url, forged(old(whole[1]), "decision", lifted(1.5e6)))
    assert verify(url).code == 0
    answer = verify(url, "--bundle", tactic.path)
    assert answer.code == 5
    assert "or by an older version with other rules" in answer.err


def test_cells_beside_held_ones_keep_their_exploration(tactic: Exported, tmp_path: Path) -> None:
    """The row says held; a cell that was drawn was drawn with the bundle's share, 0.3."""
    allocator = tactic.allocator()
    made = allocator.allocate(tactic.request(decision_id="h", held=[[1, -1], [2, 3]]))
    assert made.source == ["held"]
    with closing(open_store(str(tmp_path / "s.sqlite"))) as store:
        store.append([
            bundle_entry(allocator),
            decision_entry(made, allocator, key="h", request=b"", episode_ids=[""], steps=[0], killed=False),
        ])  # fmt: skip
        assert export_log(store, tmp_path / "log.parquet").rows == 1
    columns = read_decision_log(tmp_path / "log.parquet").columns
    assert columns.exploration is not None
    assert columns.exploration.tolist() == pytest.approx([0.3], abs=1e-12)


def test_a_snapshot_inside_another_is_the_same(tmp_path: Path) -> None:
    path = str(tmp_path / "s.sqlite")
    for count, key in enumerate("ab", start=1):
        with closing(open_store(path)) as writer:
            writer.append([NewEntry("decision", key, b"")])
        with closing(open_store(path, read_only=True)) as reader:
            with reader.snapshot():
                assert verify_chain(reader).entries == count
                assert verify_chain(reader).entries == count
            assert verify_chain(reader).entries == count
