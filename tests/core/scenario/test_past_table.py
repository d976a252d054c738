"""A table of what went before: inline, from CSV or from Parquet, and what is wrong with one."""

from datetime import date, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from xbopt.agents.run_directory import RunDirectory
from xbopt.core.errors import ScenarioError
from xbopt.core.scenario.loading import load_scenario, shipped_file
from xbopt.core.scenario.notes import before_words, scenario_notes

START = date(2026, 10, 5)
HEAD = "date,region,segment,channel,spend_base,discount_frac"
CELLS = [(r, s, c) for r in ("DE", "UK") for s in ("families", "students") for c in ("search", "social", "email")]


def lines(days=3, spend="40"):
    dates = [START - timedelta(days=n) for n in range(days, 0, -1)]
    return [f"{day},{','.join(cell)},{spend}," for day in dates for cell in CELLS]


@pytest.fixture
def write(tmp_path):
    """Write a scenario whose history is a file beside it, and that file."""

    def written(rows, *, head=HEAD, name="past.csv"):
        (tmp_path / name).write_text("\n".join([head, *rows]) + "\n", encoding="utf-8")
        return scenario_beside(tmp_path, name)

    return written


def scenario_beside(folder: Path, name: str) -> Path:
    document = yaml.safe_load(shipped_file("quickstart").read_text(encoding="utf-8"))
    document["horizon"]["start"] = START.isoformat()
    document["history"]["before"] = {"file": name}
    for item in document["plan"]["discounts"]:
        item.update(start=str(item["start"]), end=str(item["end"]))
    path = folder / "own.yaml"
    path.write_text(yaml.safe_dump(document), encoding="utf-8")
    return path


def problems(path):
    with pytest.raises(ScenarioError) as caught:
        load_scenario(path)
    return caught.value.problems


def test_a_file_becomes_part_of_the_scenario(write, tmp_path):
    scenario = load_scenario(write(lines()))
    assert scenario.past is not None
    assert scenario.past.spend_base.shape == (3, 2, 2, 3)
    assert (scenario.past.spend_base == 40.0).all()
    assert before_words(scenario) == "a table of 3 days, 2026-10-02 to 2026-10-04, 1,440 EUR of media."
    other = load_scenario(write(lines(spend="41")))
    assert other.hash != scenario.hash
    run = RunDirectory.empty(tmp_path / "run")
    run.create()
    (tmp_path / "past.csv").unlink()
    run.write_scenario(scenario)
    assert run.scenario().hash == scenario.hash


def test_parquet_and_semicolons_say_the_same_as_commas(write, tmp_path):
    plain = load_scenario(write(lines(spend="40.5")))
    rows = [line.replace(",", ";").replace("40.5", "40,5") for line in lines(spend="40.5")]
    assert load_scenario(write(rows, head=HEAD.replace(",", ";"))).hash == plain.hash
    cells = [line.split(",") for line in lines(spend="40.5")]
    columns = {name: [row[i] for row in cells] for i, name in enumerate(HEAD.split(",")[:4])}
    columns["date"] = [date.fromisoformat(day) for day in columns["date"]]
    pq.write_table(pa.table({**columns, "spend_base": [40.5] * len(cells)}), tmp_path / "past.parquet")
    assert load_scenario(scenario_beside(tmp_path, "past.parquet")).hash == plain.hash


def test_rows_that_are_left_out_spent_nothing(write):
    rows = [line for line in lines() if "email" not in line]
    scenario = load_scenario(write(rows))
    assert scenario.past.spend_base[..., 2].sum() == 0.0
    assert scenario.past.spend_base[..., 0].sum() == 3 * 4 * 40.0


def test_a_short_table_is_noted(write):
    notes = scenario_notes(load_scenario(write(lines())))
    assert any("history.before covers 3 days" in note and "fades in 94" in note for note in notes)


@pytest.mark.parametrize(
    ("change", "line", "column", "words"),
    [
        (lambda rows: [rows[0].replace("40", "-3"), *rows[1:]], 2, 31, "Must be at least 0"),
        (lambda rows: [*rows[:4], rows[4].replace("social", "socail"), *rows[5:]], 6, 24, "Did you mean 'social'?"),
        (lambda rows: [*rows, f"{START},DE,families,search,1,"], 38, 1, "is not before the first day, 2026-10-05"),
        (lambda rows: [*rows, rows[0]], 38, 1, "already"),
        (lambda rows: [rows[0] + "0.1", rows[1] + "0.2", *rows[2:]], 3, 34, "they must agree"),
        (lambda rows: rows[:12] + rows[24:], 0, 0, "No row speaks of 2026-10-03"),
        (lambda rows: [*rows[:2], "2026-10-02,DE", *rows[2:]], 4, 1, "2 entries for 6 columns"),
        (lambda rows: [rows[0].replace("40", "forty"), *rows[1:]], 2, 31, "number"),
    ],
)
def test_what_is_wrong_is_told_at_its_line(write, tmp_path, change, line, column, words):
    problem = problems(write(change(lines())))[0]
    assert problem.file == str(tmp_path / "past.csv")
    assert (problem.line, problem.column) == (line, column)
    assert words in problem.message


def test_columns_that_nobody_knows_are_refused(write):
    found = problems(write([], head="date,region,segment,chanel,spend_base,notes"))
    said = [problem.message for problem in found]
    assert "The column channel is missing." in said
    assert any("Did you mean 'channel'?" in message for message in said)


def test_a_file_that_is_not_there_or_empty_is_told_where_it_is_named(tmp_path):
    problem = problems(scenario_beside(tmp_path, "nowhere.csv"))[0]
    assert problem.path == "history.before.file"
    assert problem.line > 0
    assert "cannot be read beside the scenario" in problem.message
    (tmp_path / "nowhere.csv").write_text(HEAD + "\n", encoding="utf-8")
    assert "before: none" in problems(scenario_beside(tmp_path, "nowhere.csv"))[0].message


def test_set_takes_a_launch_and_a_file_of_the_current_folder(write, tmp_path, monkeypatch):
    write(lines())
    monkeypatch.chdir(tmp_path)
    launch = load_scenario("quickstart", overrides=["history.before=none"])
    table = load_scenario("quickstart", overrides=["history.before.file=past.csv"])
    assert before_words(launch).startswith("a launch")
    assert table.past is not None
    assert table.past.days == 3


def test_an_inline_run_of_days_is_one_row():
    row = "{date: 2026-09-01, to: 2026-10-04, region: UK, segment: students, channel: email, spend_base: 7}"
    scenario = load_scenario("quickstart", overrides=[f"history.before={{rows: [{row}]}}"])
    assert scenario.past.days == 34
    assert scenario.past.spend_base.sum() == 34 * 7.0


def test_a_row_without_a_number_is_one_problem_and_no_other_word_for_the_table(write):
    """A NaN equals nothing, so what holds one must not be taken for something else."""
    path = write(lines())
    document = yaml.safe_load(path.read_text(encoding="utf-8"))
    row = {"date": "2026-10-04", "region": "DE", "segment": "families", "channel": "search", "spend_base": float("nan")}
    document["history"]["before"] = {"rows": [row]}
    path.write_text(yaml.safe_dump(document), encoding="utf-8")
    assert [problem.message for problem in problems(path)] == ["Must be a finite number, not nan."]
