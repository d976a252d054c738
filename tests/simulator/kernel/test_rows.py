"""The kernel's random numbers are those of the named streams, whatever the batch."""

import numpy as np
import pytest

from xbopt.core.errors import UsageError
from xbopt.core.randomness import WorldStream
from xbopt.core.scenario.loading import load_scenario
from xbopt.simulator.draws import MarketDraws
from xbopt.simulator.kernel.engine import chosen, playing_with
from xbopt.simulator.kernel.rows import NativeRows

WORLDS = np.array([0, 7, 7, 2**40, 5, *range(1000, 1070)])


def rows(slots: int, normals: int = 0, worlds: np.ndarray = WORLDS) -> NativeRows:
    with playing_with("native"):
        return NativeRows(
            chosen(), seed=11, name="demand", worlds=worlds, order=np.arange(slots)[::-1], normals=normals
        )


@pytest.mark.usefixtures("kernel")
@pytest.mark.parametrize("slots", [1, 4, 23])
def test_uniforms_are_those_of_the_stream_to_the_bit(slots: int) -> None:
    stream = WorldStream(seed=11, name="demand", worlds=WORLDS, slots=slots)
    for day in (0, 1, 8, 500):
        assert rows(slots).day(day)[::-1].T.tobytes() == np.ascontiguousarray(stream.uniforms(day)).tobytes()


@pytest.mark.usefixtures("kernel")
def test_a_world_draws_the_same_in_any_batch() -> None:
    whole = rows(9, normals=4).day(3)
    for some in ([0], [4, 2, 70], list(range(64, 75))):
        assert (
            rows(9, normals=4, worlds=WORLDS[some]).day(3).tobytes() == np.ascontiguousarray(whole[:, some]).tobytes()
        )


@pytest.mark.usefixtures("kernel")
def test_a_markets_draws_are_the_same_on_both_engines() -> None:
    scenario, made = load_scenario("quickstart"), []
    for name in ("native", "numpy"):
        with playing_with(name):
            made.append(MarketDraws(scenario, seed=2, worlds=WORLDS).day(5))
    assert made[0].counts.tobytes() == made[1].counts.tobytes()
    assert made[0].jump.tobytes() == made[1].jump.tobytes()
    for name, normals in made[0].normals.items():
        np.testing.assert_allclose(normals, made[1].normals[name], rtol=1e-13, atol=1e-15)


@pytest.mark.usefixtures("kernel")
def test_a_world_number_below_zero_is_refused() -> None:
    with pytest.raises(UsageError, match="worlds holds -1"):
        rows(4, worlds=np.array([3, -1]))
