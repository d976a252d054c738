"""Logs on which evaluations go wrong are not answered; ``benchmarks/bench_ope_worlds.py`` tries them at full length."""

import numpy as np
import pytest

from benchmarks.bench_ope_episodes import EpisodeWorld
from benchmarks.bench_ope_episodes import one_log as one_of_episodes
from benchmarks.bench_ope_growth import WORLDS as GROWING
from benchmarks.bench_ope_growth import one_log as one_growing
from benchmarks.bench_ope_worlds import one_log, worlds
from benchmarks.ope_worlds import World

pytestmark = pytest.mark.statistical
BY_NAME = {f"{world.kind}: {world.name}": world for world in worlds()}
WRONG = [name for name, world in BY_NAME.items() if world.wanted == "refuse" and world.rows <= 3000]
CLEAN = [name for name, world in BY_NAME.items() if world.wanted == "answer"]


def verdict(world: World, seed: int) -> str:
    return one_log(world, seed, (np.nan, np.nan)).verdict


def test_every_world_has_a_name_of_its_own_and_some_of_each_kind_are_tried():
    assert len(BY_NAME) == len(worlds())
    assert len(WRONG) >= 5
    assert len(CLEAN) >= 8


@pytest.mark.parametrize("name", WRONG)
def test_a_log_that_says_what_is_not_so_is_refused(name):
    # Of 40 logs of each of these worlds 40 were refused.
    assert [verdict(BY_NAME[name], seed) for seed in (900, 901)] == ["REFUSE", "REFUSE"]


@pytest.mark.parametrize("name", CLEAN)
def test_a_clean_log_is_answered(name):
    # Of clean logs 2 to 3 % get a caution, and 2 % at most a refusal: of three, two cautions are one in 400.
    found = [verdict(BY_NAME[name], seed) for seed in (900, 901, 902)]
    assert "REFUSE" not in found
    assert found.count("ANSWER") >= 2


@pytest.mark.parametrize(
    "name",
    [
        "orders: sigma 1.5, 1%, n 3000, skewed log",
        "small: n 50",
        "clusters: drawn by customer, unit named",
        "masked: logging without exploration",
        "propensity: 5% by tails",
        "after: clicks +0.1, n 1000",
    ],
)
def test_every_kind_is_evaluated_without_an_error(name):
    assert verdict(BY_NAME[name], 900) != "ERROR"


def test_a_state_that_hides_a_strong_past_is_refused_and_one_that_holds_it_is_not_for_that():
    hidden, seen = (
        one_of_episodes(EpisodeWorld(episodes=500, steps=7, policy="far", memory=0.5, hidden=hides), 900)
        for hides in (True, False)
    )
    assert hidden[0] == "REFUSE"
    assert "state_misses_past" in hidden[4]
    assert "state_misses_past" not in seen[4]


@pytest.mark.parametrize("world", ["season", "by row"])
def test_a_growing_log_is_looked_at_again_and_again(world):
    assert world in GROWING
    given, missed_value, missed_difference, _ = one_growing(world, 900)
    assert given >= 5
    assert not missed_value
    assert not missed_difference
