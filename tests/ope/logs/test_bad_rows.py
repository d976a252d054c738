"""Garbage in a log is an error with file, row and column; never a number."""

import pyarrow as pa
import pytest
from pyarrow import parquet

from xbopt.core.errors import DecisionLogError
from xbopt.ope.logs.open_log import open_log
from xbopt.studies.simulate import simulate

COLUMNS = ["action=item,propensity=p,reward=click,decision_id=id,context=age,context=city"]


def read(path, columns=COLUMNS):
    log = open_log(path, columns=columns)
    return [rows for part in log.parts() for rows in log.rows(part)]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("b,blue,0.25", "b,blue,", "row 2, column p: is empty"),
        ("b,blue,0.25", "b,blue,0", "row 2, column p: is 0; a probability above 0 and at most 1 is wanted"),
        ("b,blue,0.25", "b,blue,-0.1", "row 2, column p: is -0.1; a probability"),
        ("b,blue,0.25", "b,blue,1.5", "row 2, column p: is 1.5; a probability"),
        ("b,blue,0.25", "b,blue,nan", "row 2, column p: is nan, which is no finite number"),
        ("b,blue,0.25", "b,blue,half", "row 2, column p: is 'half', which is no number"),
        ("b,blue,0.25", 'b,blue,"0,25"', "row 2, column p: is '0,25', which is no number"),
        ("c,red,0.5,0", "c,red,0.5,nan", "row 3, column click: is nan"),
        ("c,red,0.5,0", "c,red,0.5,", "row 3, column click: is empty"),
        ("c,red,0.5,0", "c,red,0.5,inf", "row 3, column click: is inf"),
        ("c,red,0.5,0", "c,red,0.5,yes", "row 3, column click: is 'yes', which is no number"),
        ("c,red", "c,", "row 3, column item: is empty"),
        ("c,red", "c,-1", "row 3, column item: is -1; a name or a whole number from 0 is wanted"),
        ("c,red", "a,red", "row 3, column id: 'a' stands in an earlier row too"),
        ("c,red", ",red", "row 3, column id: is empty"),
        ("0,27", "0,inf", "row 3, column age: is inf"),
        ("c,red,0.5,0,27,Rome", "c,red,0.5,0,27", "row 3 (line 4) has 5 columns; the first line names 6"),
        ("id,item", "p,item", "the column 'p' stands there more than once"),
    ],
)
def test_a_bad_value_is_named_with_row_and_column(old, new, message, changed):
    path = changed(old, new)
    with pytest.raises(DecisionLogError) as error:
        read(path)
    assert str(path) in str(error.value)
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [("", "the file is empty"), ("\n\n", "the file is empty"), ("id,item,p,click,age,city\n", "the log holds no rows")],
)
def test_empty_files(text, message, csv_log):
    with pytest.raises(DecisionLogError, match=message):
        read(csv_log(text))


def test_a_file_that_is_not_there(tmp_path):
    (tmp_path / "log.csv").touch()
    with pytest.raises(DecisionLogError, match=r"there is no such file. Did you mean 'log.csv'"):
        read(tmp_path / "lgo.csv")
    (tmp_path / "folder").mkdir()
    with pytest.raises(DecisionLogError, match=r"holds no .parquet or .csv or .csv.gz or .jsonl or .* file"):
        read(tmp_path / "folder")


def test_files_that_are_cut_off(csv_log, tmp_path):
    own = tmp_path / "own.parquet"
    simulate("quickstart", runs=2, log=own)
    lines = "".join(f"{i % 3},0.5,{i % 7}\n" for i in range(20_000))
    zipped = csv_log(f"action,propensity,reward\n{lines}", "log.csv.gz")
    for path in (own, zipped):
        path.write_bytes(path.read_bytes()[:-50])
        with pytest.raises(DecisionLogError, match=r"this is no complete .* It may be cut off or damaged"):
            read(path, [])


def test_bytes_that_are_no_text(csv_log):
    with pytest.raises(DecisionLogError, match="this is no complete text file"):
        read(csv_log(b"action,propensity,reward\n\xff\xfe,0.5,1\n"), [])


@pytest.mark.parametrize(
    ("column", "values", "message"),
    [
        ("action", [0.5, 1.0], "row 1, column action: is 0.5; a name or a whole number is wanted"),
        ("action", [[1], [2]], "column action holds list<"),
        ("action", [-1, 1], "row 1, column action: is -1"),
        ("propensity", ["a", "b"], "row 1, column propensity: is 'a', which is no number"),
        ("propensity", [None, 0.5], "row 1, column propensity: is empty"),
        ("reward", [1.0, float("nan")], "row 2, column reward: is nan"),
        ("reward", [[1.0], [2.0]], "column reward holds list<"),
        ("context_x", [[1.0], [1.0, 2.0]], "row 2, column context_x: has 2 entries; 1 are wanted"),
    ],
)
def test_bad_parquet_columns(column, values, message, tmp_path):
    good = {"action": [0, 1], "propensity": [0.5, 0.5], "reward": [1.0, 0.0], "context_x": [1.0, 2.0]}
    parquet.write_table(pa.table(good | {column: values}), tmp_path / "log.parquet")
    with pytest.raises(DecisionLogError) as error:
        read(tmp_path / "log.parquet", [])
    assert message in str(error.value)


def test_a_moment_that_is_none(csv_log):
    text = "action,propensity,reward,timestamp\na,0.5,1,2026-03-01\nb,0.5,1,yesterday\n"
    with pytest.raises(DecisionLogError, match="row 2, column timestamp: is 'yesterday'; write moments as"):
        read(csv_log(text), [])
    text = text.replace("timestamp", "reward_ready_at").replace("yesterday", "2026-02-30")
    with pytest.raises(DecisionLogError, match="row 2, column reward_ready_at: is '2026-02-30'"):
        read(csv_log(text), [])


def test_rows_of_later_batches_and_files_are_counted_right(tmp_path):
    """Messages count rows in the file, whatever the size of batches and row groups."""
    rows = 150_000
    propensity = [0.5] * rows
    propensity[140_001] = 0.0
    table = pa.table({"action": [0, 1] * (rows // 2), "propensity": propensity, "reward": [1.0] * rows})
    parquet.write_table(table, tmp_path / "log.parquet", row_group_size=40_000)
    with pytest.raises(DecisionLogError, match="row 140002, column propensity: is 0"):
        read(tmp_path / "log.parquet", [])


def test_our_own_logs_are_checked_too(tmp_path):
    path = tmp_path / "log.parquet"
    simulate("quickstart", runs=2, log=path)
    table = parquet.read_table(path)
    broken = table.set_column(table.schema.get_field_index("action"), table.schema.field("action"), [[99] * len(table)])
    parquet.write_table(broken, path)
    with pytest.raises(DecisionLogError, match=r"row 1 .*column action: is 99; positions 0..53 are wanted"):
        read(path, [])


def test_a_decision_in_two_files_is_found(csv_log, tmp_path):
    csv_log("id,action,propensity,reward\na,x,0.5,1\n", "log/1.csv")
    csv_log("id,action,propensity,reward\nb,x,0.5,1\na,x,0.5,1\n", "log/2.csv")
    with pytest.raises(DecisionLogError, match=r"2.csv: row 2, column id: 'a' stands in an earlier row too \(.*1.csv"):
        open_log(tmp_path / "log", columns=["decision_id=id,action=action,propensity=propensity,reward=reward"])
