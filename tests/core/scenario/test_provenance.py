"""Provenance: which numbers a scenario states, and which entry speaks for each."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xbopt.core.scenario.document import ScenarioDocument
from xbopt.core.scenario.loading import load_scenario
from xbopt.core.scenario.provenance import (
    numbers_with_entries,
    numeric_paths,
    parse_pattern,
    provenance_of,
    uncovered,
    unused_patterns,
)
from xbopt.core.scenario.schedule import Provenance


@pytest.fixture(scope="module")
def quickstart() -> ScenarioDocument:
    """The document of the quickstart scenario."""
    return load_scenario("quickstart").document


def with_patterns(document: ScenarioDocument, *patterns: str) -> ScenarioDocument:
    """The document with one entry for each pattern; the pattern is the source too, so that it can be told."""
    entries = [Provenance(path=pattern, evidence="E", source=pattern) for pattern in patterns]
    return document.model_copy(update={"provenance": entries})


def winner(document: ScenarioDocument, path: str, *patterns: str) -> str | None:
    """The pattern that wins for a path."""
    entry = provenance_of(with_patterns(document, *patterns), path)
    return None if entry is None else entry.source


def test_numbers_of_plain_data_are_found_below_mappings_and_lists() -> None:
    data = {
        "version": 1,
        "name": "tiny",
        "a": {"b": 2, "yes": True, "none": None, "text": "3"},
        "list": [1.5, {"id": "x", "deep": [4, 5]}],
        "provenance": [{"path": "a.b", "weight": 9}],
    }
    assert numeric_paths(data) == ["a.b", "list.0", "list.x.deep.0", "list.x.deep.1"]


def test_only_the_top_version_is_left_out() -> None:
    assert numeric_paths({"version": 1, "a": {"version": 2, "provenance": 3}}) == ["a.version", "a.provenance"]


def test_a_model_counts_what_was_stated_and_not_its_defaults(quickstart: ScenarioDocument) -> None:
    paths = numeric_paths(quickstart)
    assert "horizon.days" in paths
    assert "market.regions.DE.population.families" in paths
    assert "market.regions.UK.price_level" not in paths  # left to its default there
    assert "discounts.pull_forward.borrowed_frac" not in paths
    assert "version" not in paths
    assert len(paths) == len(set(paths))


def test_every_number_comes_with_the_entry_that_speaks_for_it(quickstart: ScenarioDocument) -> None:
    document = with_patterns(quickstart, "segments.**", "segments.families.elasticity", "market.regions.*.price_level")
    found = numbers_with_entries(document)
    assert [path for path, *_ in found] == numeric_paths(document)
    assert all(entry == provenance_of(document, path) for path, _, entry in found)
    assert {path: value for path, value, _ in found}["segments.families.elasticity"] == document.segments[0].elasticity


def test_the_model_and_its_plain_data_state_the_same_numbers(quickstart: ScenarioDocument) -> None:
    data = quickstart.model_dump(mode="json", exclude_unset=True)
    assert numeric_paths(data) == numeric_paths(quickstart)


@pytest.mark.parametrize(
    ("pattern", "matches"),
    [
        ("segments.0.elasticity", True),
        ("segments.*.elasticity", True),
        ("segments.families.elasticity", True),
        ("segments[0].elasticity", True),
        ("**.elasticity", True),
        ("segments.**", True),
        ("**", True),
        ("segments.0.elasticity.**", True),  # ** stands for no step, too
        ("segments.**.0.**.elasticity", True),
        ("*.*.*", True),
        ("*.*", False),
        ("segments", False),
        ("segments.0", False),
        ("segments.1.elasticity", False),
        ("segments.students.elasticity", False),
        ("segments.*.*.elasticity", False),
        ("", False),
    ],
)
def test_a_pattern_covers_the_whole_path_or_nothing(quickstart: ScenarioDocument, pattern: str, matches: bool) -> None:
    assert (winner(quickstart, "segments.0.elasticity", pattern) is not None) == matches


def test_a_path_may_name_an_item_by_its_id(quickstart: ScenarioDocument) -> None:
    assert winner(quickstart, "segments.students.elasticity", "segments.1.elasticity") == "segments.1.elasticity"
    assert winner(quickstart, "segments.students.elasticity", "segments.0.elasticity") is None


def test_a_named_step_beats_a_star_wherever_the_entries_stand(quickstart: ScenarioDocument) -> None:
    patterns = ["segments.0.elasticity", "segments.*.elasticity", "segments.**", "**"]
    for order in (patterns, patterns[::-1]):
        assert winner(quickstart, "segments.0.elasticity", *order) == "segments.0.elasticity"
        assert winner(quickstart, "segments.1.elasticity", *order) == "segments.*.elasticity"
        assert winner(quickstart, "segments.1.cart_rate", *order) == "segments.**"
        assert winner(quickstart, "horizon.days", *order) == "**"


def test_a_star_beats_two_stars_and_then_the_last_entry_wins(quickstart: ScenarioDocument) -> None:
    assert winner(quickstart, "segments.0.elasticity", "*.*.elasticity", "**.elasticity") == "*.*.elasticity"
    assert winner(quickstart, "segments.0.elasticity", "segments.*.*", "*.0.*") == "*.0.*"
    assert winner(quickstart, "segments.0.elasticity", "*.0.*", "segments.*.*") == "segments.*.*"


def test_uncovered_numbers_are_those_that_no_pattern_reaches(quickstart: ScenarioDocument) -> None:
    assert uncovered(with_patterns(quickstart)) == numeric_paths(quickstart)
    assert uncovered(with_patterns(quickstart, "**")) == []
    left = uncovered(with_patterns(quickstart, "market.**", "segments.**", "channels.**"))
    assert left == [p for p in numeric_paths(quickstart) if p.split(".")[0] not in ("market", "segments", "channels")]


def test_a_pattern_that_speaks_for_nothing_is_found(quickstart: ScenarioDocument) -> None:
    """A date or a word may have a source too, so its pattern is no idle one."""
    document = with_patterns(
        quickstart, "budget.**", "budgets.**", "segments.*.elasticities", "horizon.start", "market.regions.*.tax"
    )
    assert unused_patterns(document) == ["budgets.**", "segments.*.elasticities"]


def test_an_unknown_path_has_no_provenance_unless_a_pattern_reaches_it(quickstart: ScenarioDocument) -> None:
    assert winner(quickstart, "nothing.here", "market.**") is None
    assert winner(quickstart, "nothing.here", "**") == "**"


steps = st.lists(st.sampled_from(["a", "b", "c"]), min_size=1, max_size=5)


@given(path=steps, stars=st.lists(st.booleans(), min_size=5, max_size=5), cut=st.integers(0, 4))
def test_stars_in_place_of_steps_still_match(path: list[str], stars: list[bool], cut: int) -> None:
    """Replacing steps by ``*``, or a run of them by ``**``, never loses the path."""
    document = load_scenario("quickstart").document
    starred = ["*" if star else step for step, star in zip(path, stars, strict=False)]
    text = ".".join(path)
    assert winner(document, text, ".".join(starred)) is not None
    assert winner(document, text, ".".join([*starred[:cut], "**"])) is not None
    assert winner(document, text, ".".join([*starred, "*"])) is None
    assert parse_pattern(text) == tuple(path)
