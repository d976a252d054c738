"""Saving and loading: bit-equal continuation, and a clear word about anything that cannot be continued."""

import json
from pathlib import Path

import numpy as np
import pytest

from tests.agents.bandits.conftest import make_bandit, make_rows
from xbopt.agents import BudgetedBandit, load_bandit
from xbopt.agents.bandits.storage import read_state, write_state
from xbopt.core.errors import PolicyError, UsageError


@pytest.mark.usefixtures("engine")
def test_a_loaded_bandit_continues_bit_for_bit(kind: str, tmp_path: Path) -> None:
    rows = make_rows(130)
    bandit = make_bandit(kind, seed=3)
    bandit.update(*(column[:70] for column in rows))
    bandit.act(rows[0][:5])
    bandit.save(tmp_path / "bandit.npz")
    loaded = load_bandit(tmp_path / "bandit.npz")
    for one in (bandit, loaded):
        one.update(*(column[70:] for column in rows))
    assert loaded.rows_seen == 130
    np.testing.assert_array_equal(loaded.probabilities(rows[0]), bandit.probabilities(rows[0]))
    np.testing.assert_array_equal(loaded.act(rows[0]), bandit.act(rows[0]))


def test_discounting_continues_inside_a_block(tmp_path):
    rows = make_rows(101)
    bandit = make_bandit("LinUcb", discount=0.99)  # blocks of 5 rows
    bandit.update(*(column[:73] for column in rows))
    bandit.save(tmp_path / "bandit.npz")
    loaded = load_bandit(tmp_path / "bandit.npz")
    for one in (bandit, loaded):
        one.update(*(column[73:] for column in rows))
    np.testing.assert_array_equal(loaded.scores(rows[0]), bandit.scores(rows[0]))


def test_a_budgeted_bandit_continues_with_its_price(budgeted, tmp_path):
    context, _, reward = make_rows(60)
    for i in range(60):
        action = budgeted.act(context[i : i + 1])
        budgeted.update(context[i : i + 1], action, reward[i : i + 1], cost=0.05 * action)
    budgeted.save(tmp_path / "bandit.npz")
    loaded = load_bandit(tmp_path / "bandit.npz")
    assert isinstance(loaded, BudgetedBandit)
    assert loaded.price.paid == budgeted.price.paid > 0.0
    assert loaded.price.price == budgeted.price.price
    np.testing.assert_array_equal(loaded.probabilities(context), budgeted.probabilities(context))


@pytest.fixture
def saved(tmp_path):
    bandit = make_bandit("LinUcb")
    bandit.update(*make_rows(20))
    path = tmp_path / "bandit.npz"
    bandit.save(path)
    return path


def test_every_flipped_byte_of_an_array_is_noticed(saved):
    healthy = saved.read_bytes()
    at = healthy.find(np.load(saved)["gram"].tobytes())
    assert at > 0
    broken = bytearray(healthy)
    broken[at + 11] ^= 1
    saved.write_bytes(bytes(broken))
    with pytest.raises(PolicyError, match="no complete saved bandit"):
        load_bandit(saved)


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9])
def test_a_cut_off_file_is_refused(saved, share):
    content = saved.read_bytes()
    saved.write_bytes(content[: int(share * len(content))])
    with pytest.raises(PolicyError, match="no complete saved bandit"):
        load_bandit(saved)


def test_a_file_of_something_else_is_refused(tmp_path):
    with (tmp_path / "other.npz").open("wb") as file:
        np.save(file, np.zeros(3))
    with pytest.raises(PolicyError, match="no complete saved bandit"):
        load_bandit(tmp_path / "other.npz")
    with pytest.raises(PolicyError, match="there is no such file"):
        load_bandit(tmp_path / "nothing.npz")


@pytest.mark.parametrize(
    ("asked", "message"), [({"n_actions": 9}, "4 actions; 9"), ({"n_features": 2}, "3 features; 2")]
)
def test_a_bandit_of_another_shape_is_refused(saved, asked, message):
    with pytest.raises(PolicyError, match=message):
        load_bandit(saved, **asked)


def changed(path, **changes):
    state = read_state(path)
    values = {name: getattr(state, name) for name in ("kind", "settings", "rows", "generator", "arrays")} | changes
    write_state(path, type(state)(**values))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"kind": "Oracle"}, "it holds a 'Oracle'"),
        ({"settings": {"n_actions": 4, "n_features": 3, "colour": 1}}, "do not fit a LinUcb"),
        ({"settings": {"n_actions": 5, "n_features": 3}}, r"array gram is float64 of shape \(4, 6\)"),
        ({"arrays": {}}, "array gram is missing"),
        ({"generator": {"bit_generator": "MT19937"}}, "random generator"),
    ],
)
def test_a_state_that_does_not_fit_is_refused(saved, changes, message):
    changed(saved, **changes)
    with pytest.raises(PolicyError, match=message):
        load_bandit(saved)


def test_another_format_version_is_refused(saved):
    state = dict(np.load(saved))
    described = json.loads(bytes(state["description"])) | {"format_version": 99}
    state["description"] = np.frombuffer(json.dumps(described).encode(), dtype=np.uint8)
    np.savez(saved, **state)
    with pytest.raises(PolicyError, match="format version 99"):
        load_bandit(saved)


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(UsageError, match="no folder"):
        make_bandit("LinUcb").save(tmp_path / "nowhere" / "bandit.npz")


def test_nothing_in_a_file_can_run_code(saved):
    with np.load(saved, allow_pickle=False) as archive:
        assert all(archive[name].dtype != object for name in archive.files)
