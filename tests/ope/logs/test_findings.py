"""Findings are told with the log's own names and rows, whatever these look like."""

import ast
import json
import re
from collections.abc import Callable
from pathlib import Path
from unittest import mock

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import csv, parquet

from xbopt.core.decision_log import reader
from xbopt.core.errors import DecisionLogError
from xbopt.ope import LoggedBanditData, LoggedEpisodes, evaluate_policy, evaluate_sequential
from xbopt.ope.logs.evaluation import LogEvaluation, evaluate_log
from xbopt.ope.logs.open_log import open_log
from xbopt.ope.logs.policies import named_policy
from xbopt.ope.results.words import SENTENCES
from xbopt.reports.evaluation.document import certificate, evaluation_json
from xbopt.studies.evaluate import evaluate
from xbopt.studies.simulate import simulate

COLUMNS = {"action": pa.string(), "reward": pa.float64(), "propensity": pa.float64(), "segment": pa.string()}
Writer = Callable[..., Path]


def thin(label: str, rows: int = 300, culprit: int = 206) -> list[dict[str, object]]:
    """A log that hardly ever takes the action; one row of it carries nearly all weight."""
    return [
        {
            "action": label if i == culprit or i % 60 == 1 else "hero",
            "reward": float(i % 3 == 0),
            "propensity": 0.0001 if i == culprit else 0.5,
            "segment": f"segment: {i % 2}",
        }
        for i in range(rows)
    ]


@pytest.fixture
def written(tmp_path: Path) -> Writer:
    """Write rows as one file, or as a folder of files of so many rows."""

    def write(rows: list[dict[str, object]], ending: str = "csv", each: int | None = None) -> Path:
        path = tmp_path / ("log" if each else f"log.{ending}")
        parts = [rows] if each is None else [rows[i : i + each] for i in range(0, len(rows), each)]
        for number, part in enumerate(parts):
            file = path if each is None else path / f"part-{number}.{ending}"
            file.parent.mkdir(exist_ok=True)
            content = pa.Table.from_pylist(part)
            csv.write_csv(content, file) if ending == "csv" else parquet.write_table(content, file)
        return path

    return write


def told(found: LogEvaluation) -> str:
    return "\n".join((*found.result.reasons, *found.result.next_steps))


@pytest.mark.parametrize("label", ["row 7 banner", "action 2", "Action 0, 1 (5.0%)", "segment: 1", "{row} %s", "it's"])
def test_a_label_that_looks_like_a_position_is_told_as_it_is(label: str, written: Writer) -> None:
    found = evaluate(written(thin(label)), f"always:{label}")
    assert found.verdict == "REFUSE"
    assert f"because action '{label}' was logged there with propensity 0.0001." in told(found)
    assert f"Log action '{label}' more often" in told(found)
    assert "row 207 has weight 1e+04" in told(found), "rows of one file are counted from 1, without its header"


def test_actions_that_were_never_logged_are_named(written: Writer, tmp_path: Path) -> None:
    names = ("hero", "row 7 banner", "new 3 (4.0%)")
    (tmp_path / "p.csv").write_text("action,probability\n" + "".join(f'"{name}",{0.25}\n' for name in (*names, "x")))
    rows = [{"action": names[i % 2], "reward": 1.0, "propensity": 0.5} for i in range(200)]
    found = evaluate(written(rows), probabilities=tmp_path / "p.csv")
    assert "never logged: action 'new 3 (4.0%)' (25.0%), 'x' (25.0%)." in told(found)
    (unseen,) = (finding for finding in evaluation_json(found)["findings"] if finding["code"] == "unseen_actions")
    assert unseen["unseen_actions"] == [{"action": "new 3 (4.0%)", "share": 0.25}, {"action": "x", "share": 0.25}]


def test_a_segment_is_told_by_its_own_name(written: Writer) -> None:
    rows = thin("b")
    assert re.search(r"weakest segment: segment: [01] \(\d+ rows", told(evaluate(written(rows), "always:b")))


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_a_row_in_a_folder_of_files_is_the_row_of_its_file(ending: str, written: Writer) -> None:
    """Two files of 200 rows: the culprit is row 7 of the second, and row 207 of no file."""
    found = evaluate(written(thin("b", rows=400), ending, each=200), "always:b")
    assert f"row 7 of part-1.{ending} has weight 1e+04, because action 'b' was logged there" in told(found)
    (top,) = (finding for finding in evaluation_json(found)["findings"] if finding["code"] == "top_weight")
    assert (top["file"], top["row"], top["action"], top["level"]) == (f"part-1.{ending}", 7, "b", "refuse")
    assert top["figures"]["propensity"] == 0.0001


def test_rows_of_row_groups_are_counted_over_the_whole_file(written: Writer, monkeypatch: pytest.MonkeyPatch) -> None:
    from xbopt.ope.logs import files

    path = written(thin("b"), "parquet")
    parquet.write_table(parquet.read_table(path), path, row_group_size=50)
    cut = files.split
    monkeypatch.setattr("xbopt.ope.logs.open_log.split", lambda found: cut(found, rows=100))
    assert "row 207 has weight" in told(evaluate(path, "always:b"))


def test_arrays_are_told_by_position() -> None:
    rows = thin("b")
    data = LoggedBanditData(
        context=np.zeros((300, 0)),
        action=[int(row["action"] == "b") for row in rows],
        reward=[row["reward"] for row in rows],
        propensity=[row["propensity"] for row in rows],
        n_actions=2,
        segment=[i % 2 for i in range(300)],
    )
    result = evaluate_policy(data, np.tile([0.0, 1.0], (300, 1)))
    assert any("row 206 has weight 1e+04, because action 1 was" in reason for reason in result.reasons)
    assert any("Log action 1 more often" in step for step in result.next_steps)


def test_an_episode_of_a_log_is_told_by_the_row_of_its_first_decision(written: Writer) -> None:
    """Arrays know the episode's number; a reader of files knows rows."""
    rows = [
        {
            "action": "b" if e == 7 else "a",
            "reward": 1.0,
            "propensity": 0.01 if e == 7 else 0.99,
            "episode_id": f"row {e}",
            "step": t,
        }
        for e in range(40)
        for t in range(2)
    ]
    found = evaluate(written(rows, each=20), "always:b", estimand="sequential")
    assert "the episode that begins in row 15 of part-0.csv has weight 1e+04, because action 'b'" in told(found)
    codes = np.array([[int(row["action"] == "b") for row in rows]]).reshape(40, 2)
    chances = np.array([[row["propensity"] for row in rows]]).reshape(40, 2)
    arrays = LoggedEpisodes(
        state=np.zeros((40, 2, 0)), action=codes, reward=np.ones((40, 2)), propensity=chances, n_actions=2
    )
    plain = evaluate_sequential(arrays, np.tile([0.0, 1.0], (40, 2, 1)))
    assert any("episode 7 has weight 1e+04, because action 1" in reason for reason in plain.reasons)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"propensity": 0.0}, "part-1.csv: row 7, column propensity: is 0; a probability"),
        ({"propensity": 1.5}, "part-1.csv: row 7, column propensity: is 1.5; a probability"),
        ({"reward": 1e200}, "part-1.csv: row 7, column reward: holds a number beyond 1e.100 in size"),
        ({"reward": 7.0}, "part-1.csv: row 7, column reward: is 7; the bounds of the reward say from 0 to 1"),
        ({"id": "row 3"}, "part-1.csv: row 7, column id: 'row 3' stands in an earlier row too (.*part-0.csv: row 4)"),
        ({"p_hero": 0.4, "p_b": 0.6}, "part-1.csv: row 7, column propensity: is 0.5, but the probabilities of all"),
        ({"p_hero": 0.4}, "part-1.csv: row 7, column p_hero: .* sums to 0.9; 1 is wanted"),
    ],
)
def test_a_wrong_value_in_a_folder_is_told_by_file_and_row(
    change: dict[str, object], message: str, written: Writer
) -> None:
    rows = [
        {"id": f"row {i}", "action": ("hero", "b")[i % 2], "reward": 1.0, "propensity": 0.5, "p_hero": 0.5, "p_b": 0.5}
        for i in range(400)
    ]
    rows[206] |= change
    columns = ["decision_id=id,action=action,reward=reward,propensity=propensity,action_probabilities=p_*"]
    with pytest.raises(DecisionLogError) as error:
        evaluate(written(rows, each=200), "uniform", columns=columns, reward_bounds=(0.0, 1.0))
    assert re.search(message.replace("(", r"\(").replace(")", r"\)"), str(error.value)), str(error.value)


def test_a_key_that_the_probabilities_lack_is_told_by_the_row_of_its_file(written: Writer, tmp_path: Path) -> None:
    rows = [{"action": "a", "reward": 1.0, "propensity": 1.0, "page": "row 9" if i == 206 else "p"} for i in range(400)]
    (tmp_path / "p.csv").write_text("action,probability,page\na,1,p\n")
    with pytest.raises(DecisionLogError, match=r"part-1.csv: row 7: page 'row 9' does not stand in"):
        evaluate(written(rows, each=200), probabilities=tmp_path / "p.csv")


def test_a_last_batch_without_a_complete_reward_is_no_error(written: Writer) -> None:
    rows = [
        {
            "action": "ab"[i % 2],
            "reward": None if i > 199 else float(i % 3),
            "propensity": 0.5,
            "reward_ready_at": "2026-03-01",
        }
        for i in range(400)
    ]
    found = evaluate(written(rows, each=200), "always:b", as_of="2026-04-01").result
    assert (found.rows, found.rows_censored) == (200, 200)
    for row in rows:
        row["reward"] = None
    with pytest.raises(DecisionLogError, match="no decision has a complete reward yet"):
        evaluate(written(rows, each=200), "always:b", as_of="2026-04-01")


@pytest.mark.parametrize("extras", [{}, {"self_test": True}, {"estimand": "sequential"}])
def test_the_rows_of_an_own_log_are_checked_exactly_once(extras: dict[str, object], tmp_path: Path) -> None:
    simulate("quickstart", runs=40, exploration=0.4, log=tmp_path / "own.parquet")
    checked: list[int] = []
    arrays: list[object] = []
    once = reader.check_columns

    def counted(columns: object, *arguments: object, **options: object) -> None:
        checked.append(len(columns))
        once(columns, *arguments, **options)

    def note_arrays(data: LoggedBanditData) -> None:
        arrays.append(data)

    with (
        mock.patch("xbopt.core.decision_log.reader.check_columns", counted),
        mock.patch.object(LoggedBanditData, "_check", note_arrays),
        mock.patch("xbopt.ope.logs.evaluation.self_test"),
    ):
        evaluate(tmp_path / "own.parquet", "logging", **extras)
    assert checked == [640]
    assert arrays == []


def codes_in(path: Path) -> set[str]:
    """Every code that a file gives to a finding: ``add``, ``note``, ``code=`` and ``code, level =``."""
    found: set[str] = set()

    def take(node: ast.expr) -> None:
        found.update(n.value for n in ast.walk(node) if isinstance(n, ast.Constant) and isinstance(n.value, str))

    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        match node:
            case ast.Call(func=ast.Attribute(attr="add"), args=[_, code]):
                take(code)
            case ast.Call(func=ast.Name(id="note"), args=[code]):
                take(code)
            case ast.Call(func=ast.Name(id="Finding" | "replace"), keywords=keywords):
                for keyword in keywords:
                    if keyword.arg == "code":
                        take(keyword.value)
            case ast.Assign(targets=[ast.Name(id="code")], value=code):
                take(code)
            case ast.Assign(targets=[ast.Tuple(elts=[ast.Name(id="code"), _])], value=ast.Tuple(elts=[code, _])):
                take(code)
    return found


def test_every_code_has_its_sentence_and_every_sentence_its_code(repository: Path) -> None:
    makers = [path for path in (repository / "studies").glob("*.py") if "ope.results.findings" in path.read_text()]
    used = set().union(*(codes_in(path) for path in (*(repository / "ope").rglob("*.py"), *makers)))
    assert used == set(SENTENCES)


def test_the_certificate_carries_the_findings(written: Writer) -> None:
    found = evaluate(written(thin("row 7 banner")), "always:row 7 banner", seed=5)
    document = json.loads(json.dumps(certificate(found)))
    assert document["seed"] == 5
    assert document["policy"]["name"] == "always:row 7 banner"
    assert [finding["action"] for finding in document["findings"] if finding["code"] == "top_weight"] == [
        "row 7 banner"
    ]


def test_an_evaluation_is_short_to_look_at(written: Writer) -> None:
    log = open_log(written([{"action": "ab"[i % 2], "reward": float(i % 3), "propensity": 0.5} for i in range(900)]))
    found = evaluate_log(log, named_policy("always:b", log))
    assert repr(found).startswith("LogEvaluation(ANSWER, policy='always:b', rows=900, dr=1 [0.")
    assert len(repr(found)) < 250
