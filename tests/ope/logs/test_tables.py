"""A table in memory is a log like any file; policies come from the program with named actions."""

import json

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import csv, parquet

import xbopt
from xbopt.core.errors import DecisionLogError, PolicyError, UsageError
from xbopt.ope import evaluate_log, open_log, program_policy
from xbopt.reports.evaluation.document import certificate, evaluation_json
from xbopt.studies.simulate import simulate

COLUMNS = ["action=mail,propensity=p,reward=bought,context=city,context=age,decision_id=id"]
ROWS = 2_000
SHARES = {"short": 0.5, "long": 0.3, "none": 0.2}


class Frame:
    """What the log knows of a data frame: the Arrow C stream alone."""

    def __init__(self, columns):
        self._table = pa.table(columns)

    def __arrow_c_stream__(self, requested_schema=None):
        return self._table.__arrow_c_stream__(requested_schema)


@pytest.fixture(scope="module")
def columns():
    random = np.random.default_rng(11)
    mail = random.choice(list(SHARES), ROWS, p=list(SHARES.values()))
    return {
        "id": [f"d{i}" for i in range(ROWS)],
        "mail": mail.tolist(),
        "p": [SHARES[name] for name in mail.tolist()],
        "bought": (random.random(ROWS) < 0.2 + 0.2 * (mail == "long")).astype(float).tolist(),
        "city": random.choice(["Rome", "Oslo"], ROWS).tolist(),
        "age": (random.integers(18, 70, ROWS) + 0.5).tolist(),
    }


def test_a_table_gives_what_the_same_file_gives(columns, tmp_path):
    csv.write_csv(pa.table(columns), tmp_path / "log.csv")
    parquet.write_table(pa.table(columns), tmp_path / "log.parquet")
    coded = pa.table(columns)
    place = coded.schema.get_field_index("city")
    coded = coded.set_column(place, "city", coded["city"].dictionary_encode())
    expected = evaluation_json(xbopt.evaluate(tmp_path / "log.csv", "always:long", columns=COLUMNS))
    for log in (columns, Frame(columns), pa.table(columns), coded, tmp_path / "log.parquet"):
        assert evaluation_json(xbopt.evaluate(log, "always:long", columns=COLUMNS)) == expected


def test_the_certificate_of_a_table_is_of_its_content(columns):
    whole = pa.table(columns)
    pieces = pa.concat_tables([whole.slice(0, 777), whole.slice(777)])
    coded = whole.set_column(1, "mail", whole["mail"].dictionary_encode())
    changed = whole.set_column(5, "age", pa.array([*columns["age"][:-1], 1.0]))
    first, same, also, other = (
        certificate(xbopt.evaluate(log, "uniform", columns=COLUMNS))["log"]["sha256"]
        for log in (whole, pieces, coded, changed)
    )
    assert first == same == also != other


def test_what_lies_beneath_an_empty_value_is_no_content():
    filled = pa.table({"action": ["a", "b", "c"], "context_x": [1.0, 2.0, 3.0]})
    empty = pa.table({"action": ["a", "b", "c"], "context_x": pa.array([1.0, None, 3.0])})
    masked = empty.set_column(1, "context_x", pa.array(np.array([1.0, 9.0, 3.0]), mask=np.array([False, True, False])))
    from xbopt.ope.logs.tables import TableRows

    assert TableRows.of(empty).digest() == TableRows.of(masked).digest() != TableRows.of(filled).digest()


def test_roles_may_be_given_by_name(columns):
    roles = {"action": "mail", "propensity": "p", "reward": "bought", "context": ["city", "age"], "decision_id": "id"}
    expected = xbopt.evaluate(columns, "always:long", columns=COLUMNS).result.estimates["dr"]
    for given in (roles, COLUMNS[0]):
        assert xbopt.evaluate(columns, "always:long", columns=given).result.estimates["dr"] == expected
    with pytest.raises(UsageError, match=r"there is no role 'acton'. Did you mean 'action'"):
        open_log(columns, columns={"acton": "mail"})


@pytest.mark.parametrize("kind", [pa.timestamp("ns"), pa.timestamp("ns", "Europe/Berlin"), pa.timestamp("s")])
def test_moments_of_any_unit_are_read(kind):
    whole = np.array(["2026-01-01T00:00:00.123456789"], dtype="datetime64[ns]")
    moment = pa.array(whole).cast(pa.int64()) if kind.unit == "ns" else pa.array([1767225600])
    table = {"action": ["a"], "reward": [1.0], "propensity": [0.5], "timestamp": moment.cast(kind)}
    assert str(open_log(table).profile.first).startswith("2026-01-01T00:00:00")


def test_our_own_log_may_be_a_table_too(tmp_path):
    simulate("quickstart", runs=3, log=tmp_path / "log.parquet")
    table = parquet.read_table(tmp_path / "log.parquet")
    own, file = open_log(table), open_log(tmp_path / "log.parquet")
    assert own.own
    assert own.action_labels == file.action_labels
    one, two = (evaluate_log(log, program_policy(_even(log), log), force=True).result for log in (own, file))
    assert one.values == two.values
    assert [finding.code for finding in one.findings] == [finding.code for finding in two.findings]


def _even(log):
    return dict.fromkeys(log.action_labels, 1.0 / len(log.action_labels))


def test_messages_name_the_row_of_the_table(columns):
    broken = {**columns, "p": [*columns["p"][:7], 0.0, *columns["p"][8:]]}
    with pytest.raises(DecisionLogError, match=r"^table: row 8, column p: is 0; a probability above 0"):
        xbopt.evaluate(broken, "uniform", columns=COLUMNS)


@pytest.mark.parametrize("bad", [{"a": [1, 2], "b": [1]}, {"a": [1, "x"]}])
def test_columns_that_are_no_table_are_an_error(bad):
    with pytest.raises(DecisionLogError, match="no table of columns with one type each"):
        open_log(bad)


def test_what_is_neither_path_nor_table_is_an_error():
    with pytest.raises(UsageError, match="a table with __arrow_c_stream__ such as a data frame; int was given"):
        open_log(5)


def test_a_slice_boundary_changes_nothing(columns, monkeypatch):
    expected = evaluation_json(xbopt.evaluate(columns, "always:long", columns=COLUMNS))
    monkeypatch.setattr("xbopt.ope.logs.tables._SLICE", 300)
    log = open_log(columns, columns=COLUMNS)
    assert log.files[0].rows_of_groups == (300,) * 6 + (200,)
    assert rounded(evaluation_json(xbopt.evaluate(log, "always:long"))) == rounded(expected)


def rounded(document):
    """Numbers to twelve digits: sums of slices may round otherwise than one sum, on some processors."""
    return json.loads(json.dumps(document), parse_float=lambda text: float(f"{float(text):.12g}"))


# Policies of a program


def same_value(columns, policy, **options):
    """The value is that of the shares 0.2 short, 0.8 long."""
    expected = xbopt.evaluate(columns, {"short": 0.2, "long": 0.8, "none": 0.0}, columns=COLUMNS).result
    found = xbopt.evaluate(columns, policy, columns=COLUMNS, **options).result
    assert found.estimates["dr"] == expected.estimates["dr"]
    assert found.verdict == expected.verdict == "ANSWER"


def test_arrays_need_the_names_of_their_columns(columns):
    table = np.tile([0.8, 0.0, 0.2], (ROWS, 1))
    same_value(columns, table, actions=["long", "none", "short"])
    with pytest.raises(
        UsageError, match=r"needs actions=\[...\], the names of its columns in order; the log has: long"
    ):
        xbopt.evaluate(columns, table, columns=COLUMNS)


def test_a_table_of_probabilities_is_aligned_by_row_and_named_by_action(columns):
    same_value(columns, {"none": [0.0] * ROWS, "long": [0.8] * ROWS, "short": [0.2] * ROWS})
    same_value(columns, Frame({"none": [0.0] * ROWS, "long": [0.8] * ROWS, "short": [0.2] * ROWS}))


def test_rows_of_a_table_of_probabilities_belong_to_their_rows_in_every_file(columns, tmp_path):
    whole = pa.table(columns)
    (tmp_path / "log").mkdir()
    parquet.write_table(whole.slice(0, 900), tmp_path / "log" / "1.parquet", row_group_size=250)
    parquet.write_table(whole.slice(900), tmp_path / "log" / "2.parquet")
    chance = np.random.default_rng(3).dirichlet(np.ones(3), ROWS)
    by_row = dict(zip(("long", "none", "short"), chance.T.tolist(), strict=True))
    one, two = (xbopt.evaluate(log, by_row, columns=COLUMNS).result for log in (columns, tmp_path / "log"))
    assert one.estimates["ips"].value == pytest.approx(two.estimates["ips"].value, rel=1e-12)
    taken = chance[np.arange(ROWS), [("long", "none", "short").index(name) for name in columns["mail"]]]
    assert one.estimates["ips"].value == pytest.approx(np.mean(taken / np.array(columns["p"]) * columns["bought"]))


class Model:
    """A classifier as those of scikit-learn: classes in an order of its own."""

    classes_ = np.array(["short", "none", "long"])

    def predict_proba(self, rows):
        assert rows.shape[1] == 1
        old = rows[:, 0].astype(float) > 40.0
        return np.stack([np.where(old, 0.1, 0.9), np.zeros(len(rows)), np.where(old, 0.9, 0.1)], axis=1)


def test_a_model_on_raw_columns_is_mapped_by_its_classes(columns):
    long = np.where(np.array(columns["age"]) > 40.0, 0.9, 0.1)
    expected = xbopt.evaluate(
        columns, np.stack([1.0 - long, long, 0.0 * long], axis=1), actions=["short", "long", "none"], columns=COLUMNS
    ).result
    for policy in (Model(), Model().predict_proba):
        found = xbopt.evaluate(columns, policy, columns=COLUMNS, policy_columns=["age"])
        assert found.result.estimates["dr"] == expected.estimates["dr"]
        assert found.policy == "Model"


def test_a_function_of_raw_columns_may_answer_with_named_columns(columns):
    def by_city(table):
        rome = np.asarray(table["city"]) == "Rome"
        return {"none": 0.0 * rome, "short": np.where(rome, 1.0, 0.5), "long": np.where(rome, 0.0, 0.5)}

    def by_city_in_order(table):
        answer = by_city(table)
        return np.stack([answer["short"], answer["long"]], axis=1)

    named = xbopt.evaluate(columns, by_city, actions=["short", "long", "none"], columns=COLUMNS)
    ordered = xbopt.evaluate(columns, by_city_in_order, actions=["short", "long"], columns=COLUMNS)
    assert named.result.estimates["dr"] == ordered.result.estimates["dr"]
    assert "by_city_in_order does not know these actions of the log, and never takes them: none." in ordered.rules


@pytest.mark.parametrize(
    ("policy", "options", "message"),
    [
        ({"short": 0.2, "long": 0.8}, {}, "says nothing about the log's action 'none'"),
        ({"short": 0.2, "log": 0.8, "none": 0.0}, {}, "action 'long'. Only the policy has: log."),
        ({"short": 0.2, "long": 0.2, "none": 0.2}, {}, "policy, row 0: the probabilities sum to 0.6"),
        ({"short": "half", "long": 0.5, "none": 0.0}, {}, "policy holds something that is no number"),
        ({"short": 0.5, "long": np.nan, "none": 0.0}, {}, "policy, row 0, column 1: nan"),
        (np.full((3, 3), "x"), {"actions": list(SHARES)}, "policy holds something that is no number"),
        (3.0, {"actions": list(SHARES)}, "policy has shape ()"),
        ({"short": [0.2], "long": [0.8], "none": [0.0]}, {}, "The policy has 1 rows; the log has 2,000"),
        ({"short": ["x"], "long": ["x"], "none": ["y"]}, {}, "column 'short' holds large_string"),
        (np.ones((3, 2)), {"actions": ["short", "long", "none"]}, "has shape (3, 2); (2000, 3) is wanted"),
        (np.ones((3, 2)), {"actions": ["short", "short"]}, "names the action 'short' more than once"),
        (lambda table: np.ones((len(table), 3)), {"actions": list(SHARES)}, "row 0: the probabilities sum to 3"),
        (lambda table: {"short": [1.0] * len(table)}, {"actions": list(SHARES)}, "returned the columns short; wanted"),
        (Model(), {"policy_columns": ["agee"]}, "the column 'agee', which the log does not have. Did you mean 'age'"),
    ],
)  # fmt: skip
def test_a_policy_that_does_not_fit_is_an_error(policy, options, message, columns):
    with pytest.raises((PolicyError, DecisionLogError)) as error:
        xbopt.evaluate(columns, policy, columns=COLUMNS, **options)
    assert message in str(error.value)


def test_a_probabilities_table_is_joined_as_the_file_is(columns, tmp_path):
    keyed = pa.table(
        {"city": ["Rome", "Rome", "Rome", "Oslo", "Oslo", "Oslo"], "action": list(SHARES) * 2,
         "probability": [1.0, 0.0, 0.0, 0.0, 1.0, 0.0]}
    )  # fmt: skip
    csv.write_csv(keyed, tmp_path / "policy.csv")
    found, expected = (
        xbopt.evaluate(columns, probabilities=source, columns=COLUMNS).result
        for source in (keyed, tmp_path / "policy.csv")
    )
    assert found.estimates["dr"] == expected.estimates["dr"]


# Showing it


def test_an_evaluation_is_short_to_read_and_a_frame(columns):
    evaluation = xbopt.evaluate(columns, "always:long", columns=COLUMNS)
    for shown in (repr(evaluation), repr(evaluation.result)):
        assert len(shown) < 200
        assert "ANSWER" in shown
    rows = evaluation.to_frame().to_pylist()
    assert [rows[0]["estimator"], rows[-1]["estimator"]] == ["dr", "logging"]
    assert rows[0]["value"] == evaluation.result.estimates["dr"].value
    assert rows[0]["difference_low"] == evaluation.result.difference.low
    assert rows[-1]["difference_value"] is None
    assert "<b>ANSWER</b>: always:long" in evaluation._repr_html_()


def test_a_refused_evaluation_shows_no_value_of_the_policy(columns):
    refused = xbopt.evaluate(columns, {"short": 0.0, "long": 0.0, "none": 0.0, "new & <b>": 1.0}, columns=COLUMNS)
    assert [row["estimator"] for row in refused.to_frame().to_pylist()] == ["logging"]
    assert repr(refused) == "LogEvaluation(REFUSE, policy='short 0, long 0, none 0, new & <b> 1', rows=2,000)"
    assert "new &amp; &lt;b&gt;" in refused._repr_html_()
