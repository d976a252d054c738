"""Random streams: named, fixed in position, open at both ends, and independent of one another."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import stats

from xbopt.core.arrays import FloatArray, IntArray
from xbopt.core.errors import UsageError
from xbopt.core.randomness import WorldStream, named_generator, stream_key

PINNED_KEY = (4054635349528533424, 12824673637245326288)
PINNED_UNIFORMS = [0.5859008913393374, 0.022725788277904946]
SLOTS = 13  # no multiple of 4: the last block of a day is cut


def stream(
    worlds: IntArray, days_ahead: int = 8, name: str = "demand", seed: int = 7, slots: int = SLOTS
) -> WorldStream:
    return WorldStream(seed=seed, name=name, worlds=worlds, slots=slots, days_ahead=days_ahead)


def path(source: WorldStream, days: int) -> FloatArray:
    """Uniforms ``(T, B, slots)`` of the first days, in order."""
    return np.stack([source.uniforms(day) for day in range(days)])


class TestNames:
    def test_the_key_of_a_name_never_changes(self) -> None:
        """Pinned: logs and golden files of earlier versions depend on these numbers."""
        assert stream_key(0, "demand") == PINNED_KEY
        assert stream(np.array([3]), seed=0).uniforms(5)[0, :2].tolist() == PINNED_UNIFORMS

    def test_seed_and_name_cannot_trade_places(self) -> None:
        """The high word of a seed must not be read as a letter of the name, nor one name as the start of another."""
        pairs = [(5, "ab"), (5 + (ord("a") << 32), "b"), (5, "a"), (5, "b"), (0, "ab"), (5, "ab\0"), (5 << 32, "ab")]
        assert len({stream_key(seed, name) for seed, name in pairs}) == len(pairs)

    @given(seed=st.integers(0, 2**63 - 1), name=st.text(min_size=1, max_size=20))
    def test_every_seed_and_name_in_range_gives_two_64_bit_words(self, seed: int, name: str) -> None:
        key = stream_key(seed, name)
        assert key == stream_key(seed, name)
        assert all(0 <= word < 2**64 for word in key)

    @pytest.mark.parametrize("seed", [-1, 2**63])
    def test_a_seed_out_of_range_is_refused(self, seed: int) -> None:
        with pytest.raises(UsageError, match="seed"):
            stream_key(seed, "demand")

    def test_an_empty_name_is_refused(self) -> None:
        with pytest.raises(UsageError, match="name"):
            named_generator(1, "")

    def test_a_generator_repeats_itself_and_differs_by_seed_and_name(self) -> None:
        first = named_generator(1, "bootstrap").random(4)
        assert np.array_equal(first, named_generator(1, "bootstrap").random(4))
        assert not np.intersect1d(first, named_generator(2, "bootstrap").random(4)).size
        assert not np.intersect1d(first, named_generator(1, "policy").random(4)).size


class TestPositions:
    @pytest.mark.parametrize("batch", [1, 7, 64])
    def test_the_batch_size_changes_no_value(self, batch: int) -> None:
        whole = path(stream(np.arange(64)), 10)
        parts = [path(stream(np.arange(start, min(start + batch, 64))), 10) for start in range(0, 64, batch)]
        assert np.array_equal(np.concatenate(parts, axis=1), whole)

    def test_permuted_and_repeated_worlds_carry_their_values_along(self) -> None:
        order = np.array([5, 0, 63, 5, 17])
        assert np.array_equal(path(stream(order), 10), path(stream(np.arange(64)), 10)[:, order])

    @pytest.mark.parametrize("days_ahead", [1, 2, 3, 16, 100])
    def test_days_ahead_changes_no_value(self, days_ahead: int) -> None:
        worlds = np.arange(5)
        assert np.array_equal(path(stream(worlds, days_ahead=days_ahead), 20), path(stream(worlds), 20))

    @given(days=st.lists(st.integers(0, 40), max_size=12), days_ahead=st.integers(1, 9))
    def test_days_may_be_asked_for_in_any_order(self, days: list[int], days_ahead: int) -> None:
        source = stream(np.array([2, 9]), days_ahead=days_ahead)
        for day in days:
            fresh = stream(np.array([2, 9]), days_ahead=1)
            assert np.array_equal(source.uniforms(day), fresh.uniforms(day))

    @pytest.mark.parametrize("slots", [1, 4, 5, 192])
    def test_no_value_occurs_twice_among_worlds_and_days(self, slots: int) -> None:
        """Overlapping counters would repeat whole runs; by chance, 40,000 values of 2**52 share one with 2e-7."""
        values = path(stream(np.array([0, 1, 2**32, 2**62, 2**63 - 1]), slots=slots), 40)
        assert np.unique(values).size == values.size

    def test_far_days_are_reached_directly(self) -> None:
        last = 2**31 - 1
        a, b = (stream(np.array([1]), days_ahead=ahead).uniforms(last) for ahead in (1, 8))
        assert np.array_equal(a, b)

    def test_an_array_handed_out_is_read_only_and_stays_as_it_was(self) -> None:
        source = stream(np.arange(3), days_ahead=2)
        first = source.uniforms(0)
        kept = first.copy()
        source.uniforms(5)
        source.replace([0], [8])
        source.uniforms(0)
        assert np.array_equal(first, kept)
        with pytest.raises(ValueError, match="read-only"):
            first[0, 0] = 0.5

    def test_replace_moves_one_row_to_another_world_and_leaves_the_rest(self) -> None:
        source = stream(np.arange(4))
        source.uniforms(3)
        source.replace([1], [40])
        assert source.worlds.tolist() == [0, 40, 2, 3]
        assert np.array_equal(source.uniforms(3), stream(np.array([0, 40, 2, 3])).uniforms(3))

    def test_the_world_numbers_are_copied_at_the_door(self) -> None:
        worlds = np.arange(2)
        source = stream(worlds)
        worlds[0] = 9
        source.worlds[1] = 9
        assert source.worlds.tolist() == [0, 1]


class TestRefusals:
    @pytest.mark.parametrize(
        ("worlds", "slots", "days_ahead", "word"),
        [
            (np.array([0]), 0, 8, "slots"),
            (np.array([0]), 4, 0, "days_ahead"),
            (np.array([-1]), 4, 8, "worlds"),
            (np.array([[0]]), 4, 8, "worlds"),
            (np.array([0.0]), 4, 8, "worlds"),
        ],
    )
    def test_arguments_out_of_range_are_refused(
        self, worlds: NDArray[np.int64], slots: int, days_ahead: int, word: str
    ) -> None:
        with pytest.raises(UsageError, match=word):
            stream(worlds, slots=slots, days_ahead=days_ahead)

    @pytest.mark.parametrize("day", [-1, 2**31])
    def test_days_out_of_range_are_refused(self, day: int) -> None:
        with pytest.raises(UsageError, match="day"):
            stream(np.array([0])).uniforms(day)

    @pytest.mark.parametrize(("rows", "worlds"), [([2], [0]), ([-1], [0]), ([0, 1], [0]), ([0], [-3])])
    def test_replacing_rows_that_are_not_there_is_refused(self, rows: list[int], worlds: list[int]) -> None:
        with pytest.raises(UsageError, match=r"rows|worlds"):
            stream(np.array([0, 1])).replace(rows, worlds)


class TestLaw:
    def test_values_lie_at_the_midpoints_of_the_cells_strictly_inside_the_interval(self) -> None:
        values = path(stream(np.arange(64), slots=192), 8)
        ticks = values * 2.0**53
        assert np.array_equal(ticks % 2.0, np.ones_like(ticks))
        assert values.min() > 0.0
        assert values.max() < 1.0

    @pytest.mark.parametrize(("bits", "value"), [(0, 2.0**-53), (2**64 - 1, 1.0 - 2.0**-53), (2**63, 0.5 + 2.0**-53)])
    def test_the_extreme_bits_stay_inside_the_interval(
        self, bits: int, value: float, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        class FixedBits(np.random.Philox):
            def random_raw(self, size: int) -> NDArray[np.uint64]:
                return np.full(size, bits, dtype=np.uint64)

        source = stream(np.array([0]))
        source._philox = FixedBits()  # type: ignore[assignment]
        assert source.uniforms(0)[0, 0] == value

    @pytest.mark.statistical
    def test_values_are_uniform(self) -> None:
        """Chi-square over 1,024 equal cells; the seed is fixed, and a right law fails with probability 1e-6 a side."""
        values = path(stream(np.arange(64), slots=192), 64).ravel()
        counts = np.bincount((values * 1024).astype(np.int64), minlength=1024)
        statistic = float(((counts - values.size / 1024) ** 2).sum() / (values.size / 1024))
        assert stats.chi2.ppf(1e-6, 1023) < statistic < stats.chi2.isf(1e-6, 1023)

    @pytest.mark.statistical
    def test_neighbours_in_every_direction_are_uncorrelated(self) -> None:
        """The correlation of n independent pairs has standard error 1/sqrt(n); 5 of them, for 10 pairs of arrays."""
        demand = path(stream(np.arange(64), slots=192), 64)
        views = {
            "streams": (demand, path(stream(np.arange(64), slots=192, name="policy"), 64)),
            "similar names": (demand, path(stream(np.arange(64), slots=192, name="demane"), 64)),
            "seeds": (demand, path(stream(np.arange(64), slots=192, seed=8), 64)),
            "far seeds": (demand, path(stream(np.arange(64), slots=192, seed=7 + 2**32), 64)),
            "worlds": (demand[:, :-1], demand[:, 1:]),
            "days": (demand[:-1], demand[1:]),
            "slots": (demand[..., :-1], demand[..., 1:]),
            "blocks": (demand[..., :-4], demand[..., 4:]),
            "world and day": (demand[:-1, :-1], demand[1:, 1:]),
            "day and world": (demand[:-1, 1:], demand[1:, :-1]),
        }
        for label, (left, right) in views.items():
            correlation = float(np.corrcoef(left.ravel(), right.ravel())[0, 1])
            assert abs(correlation) < 5.0 / math.sqrt(left.size), label

    @pytest.mark.statistical
    def test_sums_over_each_axis_have_the_variance_of_independent_draws(self) -> None:
        """Sums of m independent uniforms have variance m/12. Over n sums, the sample variance has a relative
        standard error of about sqrt(2/n) (a normal law's; a uniform sum's is below it). 5 of them."""
        values = path(stream(np.arange(64), slots=192), 64)
        for axis in range(3):
            sums = values.sum(axis=axis)
            expected = values.shape[axis] / 12.0
            assert abs(float(sums.var(ddof=1)) / expected - 1.0) < 5.0 * math.sqrt(2.0 / sums.size), axis
