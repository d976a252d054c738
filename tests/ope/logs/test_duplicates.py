"""Decisions that stand in a log twice are found, in memory and beyond it."""

import numpy as np
import pyarrow as pa
import pytest

from xbopt.ope.logs import duplicates
from xbopt.ope.logs.duplicates import RepeatFinder, hashed


def test_the_hash_depends_on_the_text_alone():
    names = ["a", "", "ab", "ba", "ab", "Zürich", "a" * 100]
    whole = hashed(pa.array(names))
    assert whole[2] == whole[4]
    assert len(set(whole.tolist())) == 6
    # A slice shares its buffers with the whole, and a dictionary's order does not matter.
    np.testing.assert_array_equal(hashed(pa.array(names)[3:6]), whole[3:6])
    np.testing.assert_array_equal([hashed(pa.array([name]))[0] for name in names], whole)


def test_a_million_similar_names_have_a_million_hashes():
    names = pa.array(np.char.add("d", np.arange(1_000_000).astype(np.str_)))
    assert len(np.unique(hashed(names))) == 1_000_000


@pytest.mark.parametrize("in_memory", [10, 10_000])
def test_repeats_are_found_wherever_they_stand(in_memory, monkeypatch):
    monkeypatch.setattr(duplicates, "_IN_MEMORY", in_memory)
    numbers = hashed(pa.array([str(i) for i in range(1000)]))
    finder = RepeatFinder()
    for batch in np.split(numbers, 20):
        finder.add(batch)
    finder.add(numbers[[3, 500, 500]])
    assert set(finder.repeated().tolist()) == {int(numbers[3]), int(numbers[500])}


def test_nothing_repeats_in_nothing():
    assert len(RepeatFinder().repeated()) == 0
