"""The probabilities file: joined on any keys, in any order, in any sizes of batches."""

import numpy as np
import pytest

from xbopt.core.errors import DecisionLogError, PolicyError, SupportError
from xbopt.ope.logs import files
from xbopt.ope.logs.open_log import open_log
from xbopt.ope.logs.policies import FromContext, named_policy
from xbopt.ope.logs.probabilities import open_probabilities
from xbopt.studies.simulate import simulate

LOG = """decision,item,p,click,position,city
a,red,0.5,1,1,Rome
b,blue,0.5,0,2,Oslo
c,red,0.5,0,2,Rome
"""


@pytest.fixture
def log(csv_log):
    return open_log(csv_log(LOG), columns=["action=item,propensity=p,reward=click,decision_id=decision"])


def answers(policy, log):
    answer = policy.answers()
    return np.concatenate([answer(rows) for part in log.parts() for rows in log.rows(part, keys=policy.keys)])


def test_one_distribution_for_all_rows(log, csv_log):
    file = open_probabilities(csv_log("action,probability\nred,0.9\nblue,0.1\n", "p.csv"), log)
    assert file.file_labels == ("blue", "red")
    np.testing.assert_allclose(answers(file, log), [[0.1, 0.9]] * 3)


def test_joined_on_columns_of_the_log(log, csv_log):
    text = "position,action,probability\n2,red,0.75\n1,red,1\n2,blue,0.25\n1,blue,0\n"
    file = open_probabilities(csv_log(text, "p.csv"), log)
    np.testing.assert_allclose(answers(file, log), [[0, 1], [0.25, 0.75], [0.25, 0.75]])
    text = "position,city,action,probability\n2,Rome,red,1\n1,Rome,red,0.5\n1,Rome,blue,0.5\n2,Oslo,blue,1\n"
    file = open_probabilities(csv_log(text, "p.csv"), log)
    np.testing.assert_allclose(answers(file, log), [[0.5, 0.5], [1, 0], [0, 1]])


@pytest.mark.parametrize("order", ["abc", "cab", "bca"])
@pytest.mark.parametrize("name", ["decision", "decision_id"])
def test_one_distribution_a_decision(order, name, log, csv_log):
    shares = {"a": 0.1, "b": 0.2, "c": 0.3}
    lines = [f"{d},red,{shares[d]}\n{d},blue,{1 - shares[d]}" for d in order]
    file = open_probabilities(csv_log("\n".join([f"{name},action,probability", *lines]), "p.csv"), log)
    assert file.in_order
    np.testing.assert_allclose(answers(file, log), [[0.9, 0.1], [0.8, 0.2], [0.7, 0.3]])
    # Each pass reads anew.
    np.testing.assert_allclose(answers(file, log), [[0.9, 0.1], [0.8, 0.2], [0.7, 0.3]])


def test_rows_of_a_decision_that_do_not_stand_together(log, csv_log):
    text = "decision,action,probability\na,red,0.1\nb,red,0.2\nc,red,0.3\na,blue,0.9\nb,blue,0.8\nc,blue,0.7\n"
    file = open_probabilities(csv_log(text, "p.csv"), log)
    assert not file.in_order
    np.testing.assert_allclose(answers(file, log), [[0.9, 0.1], [0.8, 0.2], [0.7, 0.3]])


@pytest.mark.parametrize("rows", [1, 2, 3, 5, 7])
def test_batches_may_end_anywhere(rows, tmp_path, monkeypatch):
    """A decision's rows may lie in two batches of the file, and log and file have batches of different sizes."""
    from pyarrow import csv, parquet

    text = "decision,action,probability\n" + "".join(f"d{i},x,{i / 9}\nd{i},y,{1 - i / 9}\n" for i in range(10))
    logged = "decision_id,action,propensity,reward\n" + "".join(f"d{i},{'xy'[i % 2]},0.5,1\n" for i in range(10))
    for name, content in (("p", text), ("log", logged)):
        (tmp_path / f"{name}.csv").write_text(content)
        parquet.write_table(csv.read_csv(tmp_path / f"{name}.csv"), tmp_path / f"{name}.parquet")
    original = files.read_part

    def in_small_batches(part, columns):
        yield from original(part, columns, batch_rows=rows if part.file.path.name == "p.parquet" else 4)

    monkeypatch.setattr("xbopt.ope.logs.probabilities.read_part", in_small_batches)
    monkeypatch.setattr("xbopt.ope.logs.open_log.read_part", in_small_batches)
    (tmp_path / "p.csv").unlink()
    log = open_log(tmp_path / "log.parquet")
    content = parquet.read_table(tmp_path / "p.parquet").rename_columns(["decision_id", "action", "probability"])
    parquet.write_table(content, tmp_path / "p.parquet")
    file = open_probabilities(tmp_path / "p.parquet", log)
    assert file.in_order
    expected = np.arange(10) / 9
    np.testing.assert_allclose(answers(file, log), np.stack([expected, 1 - expected], axis=1))


def test_an_action_that_was_never_logged_gets_a_column_of_its_own(log, csv_log):
    file = open_probabilities(csv_log("action,probability\nred,0.5\nblue,0\ngreen,0.5\n", "p.csv"), log)
    assert (file.file_labels, file.unseen) == (("blue", "red", "green"), ("green",))
    np.testing.assert_allclose(answers(file, log), [[0, 0.5, 0.5]] * 3)


def test_rounded_probabilities_are_divided_by_their_sum(log, csv_log):
    file = open_probabilities(csv_log("action,probability\nred,0.3333\nblue,0.6666\n", "p.csv"), log)
    np.testing.assert_allclose(answers(file, log).sum(axis=1), 1.0, rtol=1e-15)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("action,probability\nred,0.5\nblue,0.4\n", "the probabilities of the policy sum to 0.9; 1 is wanted"),
        ("action,probability\nred,1.5\nblue,-0.5\n", "row 1, column probability: is 1.5; a probability from 0 to 1"),
        ("action,probability\nred,\nblue,1\n", "row 1, column probability: is empty"),
        ("action,probability\nred,x\nblue,1\n", "row 1, column probability: is 'x', which is no number"),
        ("action,probability\nred,1\n", "the log's action 'blue' stands nowhere in column action. Give it a row"),
        ("action,probability\nred,1\nBlue,0\n", "'blue' stands nowhere in column action. Only the file has: Blue."),
        ("action,probability\nred,1\nblue,0\nred,0\n", "row 1, column action: 'red' stands there twice for a key"),
        ("action,probability\n", "the file holds no rows"),
        ("item,probability\nred,1\n", "the column 'action' is missing"),
        ("action,probabilty\nred,1\n", "the column 'probability' is missing. Did you mean 'probabilty'"),
        ("positon,action,probability\n1,red,1\n", "the column 'positon' does not stand in the log"),
        (
            "position,action,probability\n1,red,1\n1,blue,0\n3,red,1\n",
            "log.csv: row 2: position '2' does not stand in",
        ),
        (
            "decision,action,probability\na,red,1\na,blue,0\nb,red,0.5\nc,red,1\n",
            "the probabilities of decision 'b' sum to 0.5; 1 is wanted",
        ),
    ],
)
def test_files_that_do_not_fit(text, message, log, csv_log):
    with pytest.raises(DecisionLogError) as error:
        answers(open_probabilities(csv_log(text, "p.csv"), log), log)
    assert message in str(error.value)


def test_positions_or_names_for_our_own_logs(tmp_path, csv_log):
    simulate("quickstart", runs=2, log=tmp_path / "log.parquet")
    log = open_log(tmp_path / "log.parquet")
    for names in (log.action_labels, [str(i) for i in range(54)]):
        lines = "".join(f'"{name}",{1.0 if i == 3 else 0.0}\n' for i, name in enumerate(names))
        file = open_probabilities(csv_log(f"action,probability\n{lines}", "p.csv"), log)
        np.testing.assert_array_equal(answers(file, log).argmax(axis=1), 3)
    with pytest.raises(DecisionLogError, match=r"column action holds 54; the log's actions are 0 to 53"):
        open_probabilities(csv_log("action,probability\n" + "".join(f"{i},0\n" for i in range(55)), "p.csv"), log)


def test_policies_that_every_log_knows(log):
    np.testing.assert_array_equal(answers(named_policy("uniform", log), log), 0.5)
    np.testing.assert_array_equal(answers(named_policy("always:red", log), log), [[0, 1]] * 3)
    assert named_policy("baseline", log) is None
    with pytest.raises(PolicyError, match=r"no action 'rad'. Did you mean 'red'\? It has: blue, red"):
        named_policy("always:rad", log)
    with pytest.raises(PolicyError, match="the policy that wrote it is not known in full"):
        answers(named_policy("logging", log), log)


def test_the_logging_policy_of_our_own_log(tmp_path):
    simulate("quickstart", runs=2, log=tmp_path / "log.parquet")
    log = open_log(tmp_path / "log.parquet")
    (rows,) = [rows for part in log.parts() for rows in log.rows(part)]
    np.testing.assert_array_equal(answers(named_policy("logging", log), log), rows.data.action_probabilities)


def test_the_logging_policy_with_less_exploration(tmp_path):
    """It is what the same plan would have logged with that share, and no longer known where all was drawn."""
    for share in (0.4, 0.1, 1.0):
        simulate("quickstart", runs=2, exploration=share, log=tmp_path / f"{share}.parquet")
    log, less = (open_log(tmp_path / f"{share}.parquet") for share in (0.4, 0.1))
    policy = named_policy("logging", log, exploration=0.1)
    assert policy.name == "logging+explore0.1"
    found, wanted = answers(policy, log), answers(named_policy("logging", less), less)
    # The worlds move with the actions drawn; the first morning is the same in both.
    first = np.concatenate([rows.step == 0 for part in log.parts() for rows in log.rows(part)])
    np.testing.assert_allclose(found[first], wanted[first], atol=1e-12)
    np.testing.assert_allclose(found.sum(axis=1), 1.0, rtol=1e-12)
    even = open_log(tmp_path / "1.0.parquet")
    with pytest.raises(SupportError, match="row 1 was drawn uniformly"):
        answers(named_policy("logging", even, exploration=0.1), even)


class _Odd:
    name, kind = "odd", "bandit"

    def __init__(self, answer):
        self.answer = answer

    def probabilities_from_context(self, context, names):
        return np.tile(self.answer, (len(context), 1))


def test_a_policy_of_the_context_must_answer_with_distributions(log):
    good = FromContext(name="odd", policy=_Odd([0.3, 0.7]), names=log.context_names, n_actions=2)
    np.testing.assert_array_equal(answers(good, log), [[0.3, 0.7]] * 3)
    for answer, message in (([0.3, 0.6], "do not sum to 1"), ([-0.5, 1.5], "negative"), ([1.0], "the log has 2")):
        with pytest.raises(PolicyError, match=message):
            answers(FromContext(name="odd", policy=_Odd(answer), names=log.context_names, n_actions=2), log)
