"""Other data in a YAML text: what does not change stays byte for byte."""

import pytest

from xbopt.core.documents.yaml_edits import with_data
from xbopt.core.documents.yaml_text import parse_yaml

TEXT = """\
# Head.
name: one  # the name
market:
  # About regions.
  regions:
    - id: DE  # home
      levels: {a: 1.0, b: 2}
    - id: FR
      levels: {a: 3}
notes:
  - first
  - second  # the second
last: "x: y"
"""
DATA = parse_yaml(TEXT).data


def test_the_same_data_leave_the_text_as_it_is() -> None:
    assert with_data(TEXT, DATA).text == TEXT


@pytest.mark.parametrize(
    ("change", "old", "new"),
    [
        (lambda d: d.update(name="two"), "name: one  # the name\n", "name: two  # the name\n"),
        (lambda d: d["market"]["regions"][1].update(levels=4.5), "      levels: {a: 3}\n", "      levels: 4.5\n"),
        (lambda d: d["market"]["regions"][0]["levels"].update(b=3), "{a: 1.0, b: 2}", "{a: 1.0, b: 3}"),
        (lambda d: d["market"]["regions"][0]["levels"].pop("a"), "{a: 1.0, b: 2}", "{b: 2}"),
        (lambda d: d.pop("notes"), "notes:\n  - first\n  - second  # the second\n", ""),
        (lambda d: d["notes"].append("third"), "# the second\n", "# the second\n  - third\n"),
        (lambda d: d["notes"].pop(1), "  - second  # the second\n", ""),
        (
            lambda d: d["market"].update(new=[{"a": 1}]),
            "      levels: {a: 3}\n",
            "      levels: {a: 3}\n  new:\n    - {a: 1}\n",
        ),
        (lambda d: d.update(end="NO"), 'last: "x: y"\n', "last: \"x: y\"\nend: 'NO'\n"),
    ],
)
def test_a_change_touches_its_own_lines_only(change, old: str, new: str) -> None:
    data = parse_yaml(TEXT).data
    change(data)
    found = with_data(TEXT, data)
    assert found.text == TEXT.replace(old, new)
    assert found.keeps_comments
    assert parse_yaml(found.text).data == data


def test_a_text_without_a_last_line_end_gets_its_new_line() -> None:
    assert with_data("a: 1", {"a": 1, "b": 2}).text == "a: 1\nb: 2\n"


def test_what_cannot_be_edited_is_written_anew_and_says_so() -> None:
    text = "# lost\n- a: 1\n- a: 2\n"
    found = with_data(text, [{"a": 3}, {"a": 1}, {"a": 2}])
    assert parse_yaml(found.text).data == [{"a": 3}, {"a": 1}, {"a": 2}]
    assert not found.keeps_comments


def test_an_anchor_that_is_used_twice_does_not_change_both_places() -> None:
    text = "# kept?\na: &x {n: 1}\nb: *x\n"
    found = with_data(text, {"a": {"n": 1}, "b": {"n": 2}})
    assert parse_yaml(found.text).data == {"a": {"n": 1}, "b": {"n": 2}}
