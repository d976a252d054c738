"""Data sets hold what was seen, chosen and earned, and how probable each choice was."""

import hashlib
import json
from dataclasses import replace

import numpy as np
import pytest

from xbopt.core.errors import PolicyError, UsageError
from xbopt.env.actions import levels_of
from xbopt.studies.behaviour import behaviour_of
from xbopt.studies.dataset import record_episodes
from xbopt.studies.dataset_files import D3RLPY_FILE, about, dataset_id, write_d3rlpy, write_minari
from xbopt.studies.simulate import simulate
from xbopt.studies.tasks import OpenTask, Task, scaled_of
from xbopt.studies.totals import measured

# A fortnight around a plan that takes no search.
TASK = Task(changes=("plan.discounts=[]", "horizon.days=14"), plan="greedy_roas", anchor="greedy_roas")
FIRST = 2**40


@pytest.fixture(scope="module")
def logged():
    return record_episodes(TASK, "greedy_roas", episodes=5, exploration=0.4)


def test_propensities_are_those_of_the_notches(logged):
    """A share of 0.4: the own level has 0.6, either neighbour 0.2."""
    notch = np.abs(logged.actions - logged.choices // 2)
    assert set(np.unique(notch)) == {0, 1}
    np.testing.assert_allclose(logged.propensity, np.where(notch == 0, 0.6, 0.2), rtol=1e-12)


def test_without_exploration_the_data_is_the_policy_itself():
    plain = record_episodes(TASK, "baseline", episodes=3, exploration=0.0)
    assert (plain.propensity == 1.0).all()
    result = simulate(plain.task.opened().market, "baseline", runs=3, first_world=FIRST)
    earned = plain.rewards.sum(axis=1) * plain.reward_unit_base
    np.testing.assert_allclose(earned, measured(result.totals)["reward"], rtol=1e-12)


def test_terms_sum_to_the_reward(logged):
    total = sum(logged.reward_terms.values()) / logged.reward_unit_base
    np.testing.assert_allclose(total, logged.rewards, rtol=1e-12)


def test_an_episode_does_not_depend_on_how_many_there_are(logged, monkeypatch):
    monkeypatch.setattr("xbopt.studies.dataset.CHUNK_WORLDS", 2)
    fewer = record_episodes(TASK, "greedy_roas", episodes=3, exploration=0.4)
    for name in ("world", "observations", "actions", "propensity", "rewards"):
        np.testing.assert_array_equal(getattr(fewer, name), getattr(logged, name)[:3], err_msg=name)


def test_random_draws_every_level_alike():
    data = record_episodes(TASK, "random", episodes=4)
    np.testing.assert_allclose(data.propensity, np.broadcast_to(1.0 / data.choices, data.propensity.shape))
    assert len(np.unique(data.actions[..., data.choices == 9])) == 9


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"policy": "nobody", "episodes": 1}, PolicyError),
        ({"policy": "baseline", "episodes": 0}, UsageError),
        ({"policy": "baseline", "episodes": 1, "exploration": 1.5}, PolicyError),
        ({"policy": "random", "episodes": 1, "exploration": 0.1}, UsageError),
    ],
)
def test_what_makes_no_sense_is_refused(options, error):
    with pytest.raises(error):
        record_episodes(TASK, **options)


def test_choices_survive_the_way_to_numbers_and_back():
    choices = np.array([5, 3, 9])
    levels = np.stack(np.meshgrid(*(np.arange(n) for n in choices)), axis=-1).reshape(-1, 3)
    scaled = scaled_of(levels, choices)
    assert scaled.dtype == np.float32
    assert np.abs(scaled).max() == 1.0
    np.testing.assert_array_equal(levels_of(scaled.astype(np.float64), choices), levels)


def test_other_data_has_another_name_and_says_what_is_hidden(logged):
    task = logged.task
    others = [
        replace(logged, seed=1),
        replace(logged, world=logged.world[:4]),
        replace(logged, world=logged.world + 1),
        replace(logged, task=replace(task, truth=("segments.families.elasticity=-4.2",), truth_hash="1" * 16)),
        replace(logged, task=replace(task, changes=(*task.changes, "budget.total_base=1"))),
        replace(logged, task=replace(task, objective="margin")),
        replace(logged, scenario_hash="0" * 16),
    ]
    names = [dataset_id(one) for one in (logged, *others)]
    assert len(set(names)) == len(names)
    assert dataset_id(replace(logged, task=replace(task, scenario="/elsewhere/quickstart.yaml"))) == names[0]
    told = about(others[3], author="someone")
    assert told["truth_hash"] == "1" * 16
    assert "the seller does not know it: segments.families.elasticity=-4.2" in told["description"]
    assert about(logged, author="someone")["truth_hash"] == ""


def test_minari_reads_the_data_and_builds_the_environment_again(logged, tmp_path, monkeypatch):
    minari = pytest.importorskip("minari")
    path = write_minari(logged, tmp_path, author="someone")
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path))
    data = minari.load_dataset(dataset_id(logged))
    assert (data.total_episodes, data.total_steps) == (5, 10)
    assert minari.MinariDataset(path).total_episodes == 5
    metadata = data.storage.metadata
    assert metadata["scenario_hash"] == logged.scenario_hash
    assert metadata["author"] == {"someone"}
    assert metadata["license"] == "CC-BY-4.0"
    env = data.recover_environment()
    for e, episode in enumerate(data.iterate_episodes()):
        np.testing.assert_array_equal(episode.observations, logged.observations[e])
        np.testing.assert_array_equal(episode.infos["propensity"][1:], logged.propensity[e])
        assert episode.infos["world"][0] == FIRST + e
        seen, info = env.reset()
        assert info["world"] == FIRST + e
        np.testing.assert_array_equal(seen, episode.observations[0])
        for t, action in enumerate(episode.actions):
            seen, reward, terminated, _, _ = env.step(action)
            np.testing.assert_array_equal(seen, episode.observations[t + 1])
            assert (reward, terminated) == (episode.rewards[t], episode.terminations[t])


def test_the_same_seed_writes_the_same_arrays(logged, tmp_path):
    h5py = pytest.importorskip("h5py")

    def fingerprint(folder):
        with h5py.File(write_d3rlpy(logged, tmp_path / folder), "r") as file:
            numbers = [np.asarray(file[name][()]) for name in sorted(file) if file[name].dtype.kind != "O"]
            return hashlib.sha256(b"".join(array.tobytes() for array in numbers)).digest()

    assert fingerprint("one") == fingerprint("two")


def test_d3rlpy_files_hold_choices_as_numbers_and_their_probabilities(logged, tmp_path):
    h5py = pytest.importorskip("h5py")
    with h5py.File(write_d3rlpy(logged, tmp_path / "data"), "r") as file:
        assert file["num_episodes"][()] == 5
        np.testing.assert_array_equal(levels_of(file["actions_2"][()], logged.choices), logged.actions[2])
        np.testing.assert_array_equal(file["propensity_2"][()], logged.propensity[2])
        assert file["observations_2"].shape == logged.observations[2, :-1].shape
    assert json.loads((tmp_path / "data" / "about.json").read_text())["choices"] == logged.choices.tolist()


def test_d3rlpy_reads_its_file(logged, tmp_path):
    dataset = pytest.importorskip("d3rlpy.dataset")
    path = write_d3rlpy(logged, tmp_path / "data")
    with path.open("rb") as file:
        buffer = dataset.ReplayBuffer.load(file, dataset.InfiniteBuffer())
    assert len(buffer.episodes) == 5
    np.testing.assert_allclose(buffer.episodes[1].rewards[:, 0], logged.rewards[1], rtol=1e-6)


@pytest.mark.parametrize("write", [write_minari, write_d3rlpy])
def test_nothing_is_written_over(logged, tmp_path, write):
    write(logged, tmp_path / "data")
    with pytest.raises(UsageError, match="exists already"):
        write(logged, tmp_path / "data")
    assert D3RLPY_FILE not in [path.name for path in tmp_path.iterdir() if path.name.startswith(".xbopt")]


class Reacting:
    """A factored policy whose anchor looks at results every morning, as a trained one around the re-planner does."""

    kind = "ppo"
    name = "reacting"

    def __init__(self, task):
        opened = task.opened()
        market = opened.shelf.market
        anchor = opened.policy("replan")
        self.own = behaviour_of(anchor, market, 0.2)
        self.factors = self.own.factors

    def factor_probabilities(self, observation):
        return self.own.factor_probabilities(observation)

    def decode(self, levels, observation):
        assert observation.channel_names  # all of it, on every day
        return self.own.decode(levels, observation)

    def exploring(self, share):
        return self


def test_a_trained_policy_around_the_re_planner_is_recorded(monkeypatch):
    """What it decodes between two decisions reads results, whatever the plan beneath it reads."""
    reacting = Reacting(TASK)
    own = OpenTask.policy
    monkeypatch.setattr(OpenTask, "policy", lambda self, name: reacting if name == "run" else own(self, name))
    logged = record_episodes(TASK, "run", episodes=2)
    assert logged.action_names == reacting.factors.names
    assert logged.task.campaign(1, first_world=0).encoding.names == reacting.factors.names
    with pytest.raises(PolicyError, match="draws its choices"):
        replace(logged.task, relative_to_anchor=True).campaign(1, first_world=0)


def test_an_environment_that_was_recovered_meets_the_same_worlds_without_a_word(logged):
    env = logged.task.env(first_world=FIRST, seed=logged.seed)
    for e in range(2):
        np.testing.assert_array_equal(env.reset()[0], logged.observations[e, 0])
        for t, action in enumerate(logged.actions[e]):
            assert env.step(action)[1] == logged.rewards[e, t]
