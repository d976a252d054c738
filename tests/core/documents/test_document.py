"""Paths, suggestions and places of data."""

import pytest

from xbopt.core.documents.document import MISSING, Document, format_path, put_value, value_at
from xbopt.core.documents.problems import suggest


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ((), ""),
        (("market", "regions", 0, "country"), "market.regions[0].country"),
        ((0, 1), "[0][1]"),
        (("a b", "c"), '["a b"].c'),
        (("a", "x.y"), 'a["x.y"]'),
        (("dates", "2026-03-02"), "dates.2026-03-02"),
    ],
)
def test_paths_have_one_form(path, text):
    assert format_path(path) == text


def test_suggestions_ignore_case_and_stay_silent_when_nothing_is_close():
    assert suggest("Curency", ["currency", "country"]) == " Did you mean 'currency'?"
    assert suggest("zzz", ["currency", "country"]) == ""


def test_data_that_was_never_text_has_no_place():
    assert str(Document(data={"a": 1}).problem(("a",), "Bad.")) == "<scenario>: a: Bad."


def test_a_value_is_found_by_its_path_or_missing():
    data = {"a": [{"b": None}]}
    assert value_at(data, ("a", 0, "b")) is None
    assert value_at(data, ("a", 1)) is MISSING
    assert value_at(data, ("a", "0")) is MISSING
    assert value_at(data, ("a", 0, "b", "c")) is MISSING


def test_a_changed_copy_leaves_the_original_as_it_was():
    data = {"a": [1, {"b": 2}], "c": {}}
    changed = put_value(data, ("a", 1, "b"), 3)
    assert changed == {"a": [1, {"b": 3}], "c": {}}
    assert data == {"a": [1, {"b": 2}], "c": {}}
    assert changed["c"] is data["c"]


def test_mappings_on_the_way_are_made_where_they_are_missing_or_empty():
    assert put_value({"stock": None}, ("stock", "days"), 3) == {"stock": {"days": 3}}
    assert put_value({}, ("noise", "demand_cv"), 0.1) == {"noise": {"demand_cv": 0.1}}
