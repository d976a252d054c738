"""YAML text: what is read, where it stands, and what is refused with which words."""

import math
import time

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from xbopt.core.documents import yaml_text
from xbopt.core.documents.document import Position
from xbopt.core.documents.yaml_text import PureLoader, parse_yaml, resolve_scalar
from xbopt.core.errors import ScenarioError

LOADERS = [PureLoader, *([yaml.CSafeLoader] if hasattr(yaml, "CSafeLoader") else [])]


@pytest.fixture(params=LOADERS, ids=lambda loader: loader.__name__)
def loader(request, monkeypatch):
    """Runs a test with each of PyYAML's loaders."""
    monkeypatch.setattr(yaml_text, "LOADER", request.param)
    return request.param


def refusal(text: str) -> list[str]:
    with pytest.raises(ScenarioError) as caught:
        parse_yaml(text, file="s.yaml")
    return [str(problem) for problem in caught.value.problems]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("NO", "NO"),
        ("yes", "yes"),
        ("on", "on"),
        ("12:30", "12:30"),
        ("2026-03-02", "2026-03-02"),
        ("1_000", "1_000"),
        ("010", 10),
        ("0o17", 15),
        ("0x1F", 31),
        ("-7", -7),
        ("1e3", 1000.0),
        (".5", 0.5),
        ("1.", 1.0),
        ("-.inf", -math.inf),
        ("TRUE", True),
        ("False", False),
        ("tRUE", "tRUE"),
        ("~", None),
        ("Null", None),
        ("'5'", "5"),
        ('"true"', "true"),
        ("\u0663", "\u0663"),
    ],
)
def test_scalars_follow_the_yaml_12_core_schema(loader, text, value):
    found = parse_yaml(f"a: {text}\n").data
    assert found == {"a": value}
    assert type(found["a"]) is type(value)


def test_nan_is_recognised(loader):
    assert math.isnan(parse_yaml("a: .NaN").data["a"])


def test_an_empty_value_is_null(loader):
    assert parse_yaml("a:\nb: 1").data == {"a": None, "b": 1}


def test_windows_line_ends_a_bom_and_tabs_between_tokens_are_fine(loader):
    document = parse_yaml("\ufeffa:\t1\r\nb: 2\r\n")
    assert document.data == {"a": 1, "b": 2}
    assert document.position(("a",), key=True) == Position(line=1, column=1)
    assert document.position(("b",)) == Position(line=2, column=4)


@pytest.mark.parametrize(
    ("path", "key", "line", "column"),
    [
        ((), False, 1, 1),
        (("regions",), True, 1, 1),
        (("regions",), False, 2, 3),
        (("regions", 0), False, 2, 5),
        (("regions", 0, "id"), False, 2, 9),
        (("regions", 1, "tax"), False, 4, 10),
        (("regions", 1, "tax", 1), False, 4, 14),
        (("regions", 1, "tax"), True, 4, 5),
        (("text",), False, 5, 7),
        (("said",), False, 8, 7),
        (("flow", "b", "c"), False, 10, 17),
        (("flow", "b", "c"), True, 10, 14),
        (("flow", "absent"), False, 10, 7),
        (("regions", 7, "id"), True, 2, 3),
        (("nowhere", "at", "all"), False, 1, 1),
    ],
)
def test_positions_are_those_an_editor_shows(loader, path, key, line, column):
    text = (
        "regions:\n  - id: DE\n  - id: '😀'\n    tax: [1, 2]\ntext: |\n  one\n  two\nsaid: \"x\n  y\"\n"
        "flow: {b: {  c: 1}}\n"
    )
    assert parse_yaml(text).position(path, key=key) == Position(line=line, column=column)


def test_an_alias_stands_where_it_is_used_and_its_parts_where_they_are_written(loader):
    document = parse_yaml("a: &x {b: 1}\nc: *x\n")
    assert document.data == {"a": {"b": 1}, "c": {"b": 1}}
    assert document.position(("c",)) == Position(line=2, column=4)
    assert document.position(("c", "b")) == Position(line=1, column=11)


def test_expanded_aliases_share_no_objects():
    data = parse_yaml("a: &x [1]\nb: *x").data
    assert data["a"] is not data["b"]


NUMBER_AS_KEY = (
    '2:3: m: Keys are text. Put quotes around it: "1". '
    "If it belongs to a number: that takes a point, not a comma, as in 46.50."
)


DEEP = "[" * 101 + "]" * 101
REFUSALS = {
    "duplicate key": ("a: 1\nb: 2\na: 3", "3:1: The key 'a' stands here and on line 1. Delete one."),
    "nested duplicate key": ("m:\n - {k: 1, k: 2}", "2:11: m[0]: The key 'k' stands here and on line 2. Delete one."),
    "number as key": ("m:\n  1: x", NUMBER_AS_KEY),
    "no colon before a value": ("a: 1\nb 2\nc: 3", "2:2: A ':' is missing after 'b'."),
    "no blank": ("a: 1\nb:2\nc: 3", "2:3: A blank is missing after ':'."),
    "a false blank": (
        "a: 1\nb:\u00a02\nc: 3",
        "2:3: This looks like a blank and is none (a non-breaking or invisible one). Type a plain blank.",
    ),
    "bool as key": ("true: x", '1:1: Keys are text. Put quotes around it: "true".'),
    "no key": ("? \n: x", "1:2: A key is missing before ':'."),
    "list as key": ("? [a]\n: x", "1:3: A list or mapping cannot be a key. Keys are text."),
    "alias as key": ("a: &x b\n*x : 1", "2:1: The alias *x cannot be a key. Write the key out."),
    "merge key": (
        "a: &x {b: 1}\nc:\n  <<: *x",
        "3:3: c: Merge keys (<<) are not part of YAML 1.2. Write the keys out.",
    ),
    "tag": ("a: !py x", "1:4: a: The tag !py is not allowed. Delete it; quotes make a value text."),
    "core tag": ("a: !!str 5", "1:4: a: The tag !!str is not allowed. Delete it; quotes make a value text."),
    "two documents": ("a: 1\n---\nb: 2", "2:1: A second document begins here. One file holds one document."),
    "empty": ("", "1:1: The document is empty."),
    "only a comment": ("# hello\n", "1:1: The document is empty."),
    "recursive alias": ("a: &x [*x]", "1:8: The alias *x refers to a value that contains it."),
    "unknown alias": (
        "a: &one 1\nb: *ones",
        "2:4: b: No anchor &ones stands above this alias; quote text that begins with '*'. Did you mean 'one'?",
    ),
    "anchor twice": ("a: &x 1\nb: &x 2", "2:4: b: The anchor &x stands here and on line 1. Rename one."),
    "old version": (
        "%YAML 1.1\n---\na: 1",
        "1:1: This file declares another YAML version, but YAML 1.2 is read. Delete the %YAML line.",
    ),
    "too deep": (DEEP, "1:101: Lists and mappings are nested more than 100 deep."),
    "very deep": ("[" * 100_000, "1:101: Lists and mappings are nested more than 100 deep."),
    "control character": (
        "a: 1\nb: \x01",
        "2:4: The character U+0001 is not allowed. Delete it, or write it as an escape in double quotes.",
    ),
    "line separator": (
        "a: x\u2028y",
        "1:5: The character U+2028 is not allowed. Delete it, or write it as an escape in double quotes.",
    ),
    "surrogate": (
        "a: \ud800",
        "1:4: The character U+D800 is not allowed. Delete it, or write it as an escape in double quotes.",
    ),
    "huge float": ("a: 1e999", "1:4: a: The number 1e999 is too large."),
    "huge int": ("a: " + "9" * 301, "1:4: a: A number of 301 digits is too long; at most 300 are read."),
    "tab indents": ("a:\n\tb: 1", "2:1: A tab cannot indent. Use spaces."),
    "bad first character": ("a: @x", "1:4: A value cannot begin with this character. Put quotes around the value."),
    "second colon": ("a: b: c", "1:5: A ':' is not expected here. Put quotes around text that contains ': '."),
    "no colon": ("a: 1\nbcd\nc: 2", "3:1: A ':' is missing after the key on line 2."),
    "open list": ("a: [1, 2\nb: 3", "2:2: The list that begins on line 1 needs ',' or ']' here."),
    "open mapping": ("a: {b: 1\nc: 3", "2:2: The mapping that begins on line 1 needs ',' or '}' here."),
    "open quote": ("x: 1\na: 'b\n", "2:6: The quoted text that begins on line 2 is never closed."),
    "indentation": ("a:\n  b: 1\n c: 2", "3:2: The indentation does not fit the block that begins on line 1."),
    "escape": (
        'a: "\\d"',
        "1:5: A backslash in double quotes begins an escape, and this one is unknown. Use single quotes.",
    ),
    "star": ("a: *", "1:5: Text that begins with '*' or '&' needs quotes."),
}


@pytest.mark.parametrize(("text", "message"), REFUSALS.values(), ids=REFUSALS)
def test_refused_with_place_and_sentence(loader, text, message):
    assert refusal(text) == [f"s.yaml:{message}"]


def test_an_escape_for_half_a_character_is_refused(loader):
    [problem] = refusal('a: "\\ud800"')
    assert problem.startswith("s.yaml:1:")
    assert problem.endswith(
        "A backslash in double quotes begins an escape, and this one is unknown. Use single quotes."
    )


def test_all_problems_are_reported_at_once():
    assert refusal("a: !x 1\nb: 1\nb: 2\nc: [") == [
        "s.yaml:1:4: a: The tag !x is not allowed. Delete it; quotes make a value text.",
        "s.yaml:3:1: The key 'b' stands here and on line 2. Delete one.",
        "s.yaml:4:5: A value is missing here.",
    ]


def test_a_billion_laughs_are_refused_at_once():
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 10)]
    start = time.process_time()
    [problem] = refusal("\n".join(lines))
    assert time.process_time() - start < 1.0
    assert problem.endswith("The document has more than 100,000 values, counting each alias in full.")


def test_aliases_cannot_nest_deeper_than_text_can():
    lines = ["a0: &a0 x", *(f"a{n}: &a{n} [*a{n - 1}]" for n in range(1, 102))]
    assert refusal("\n".join(lines)) == [
        "s.yaml:101:14: With the alias *a99, lists and mappings are nested more than 100 deep."
    ]


def test_too_long_text_is_refused():
    assert refusal("#" * 2_000_001) == ["s.yaml: The text is longer than 2,000,000 characters, the most that is read."]


# ---- properties

SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
PLAIN = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4), max_leaves=12
)


class QuotingDumper(yaml.SafeDumper):
    """Writes each text in double quotes, so that YAML 1.1 and 1.2 agree on it, and no anchors."""

    def ignore_aliases(self, data):
        return True


QuotingDumper.add_representer(
    str, lambda dumper, text: dumper.represent_scalar("tag:yaml.org,2002:str", text, style='"')
)


@pytest.mark.parametrize("kind", LOADERS)
@pytest.mark.parametrize("flow", [True, False, None])
@settings(max_examples=60, deadline=None)
@given(data=PLAIN)
def test_plain_data_survives_a_dump(kind, flow, data):
    text = yaml.dump(data, Dumper=QuotingDumper, default_flow_style=flow, sort_keys=False)
    root = yaml_text._Composer(text, "", kind).compose()
    assert root.plain() == data


@pytest.mark.parametrize("width", [20, 80])
@settings(max_examples=100, deadline=None)
@given(texts=st.lists(st.text(alphabet="abNO yes019.:-_eE+~x#\n", max_size=12), max_size=5))
def test_unquoted_text_survives_unless_it_is_a_yaml_12_scalar(width, texts):
    dumped = yaml.safe_dump(texts, width=width)
    root = yaml_text._Composer(dumped, "", None).compose()
    quoted = [node.value if isinstance(node.value, str) else text for node, text in zip(root.value, texts, strict=True)]
    assert quoted == texts
    for node, text in zip(root.value, texts, strict=True):
        assert node.value == text or resolve_scalar(text) == node.value


YAML_TEXT = st.text(alphabet=st.sampled_from("ab: \n-[]{},'\"&*!|>%@#?\\\t\r0x.~<\u2028\x00é"), max_size=60) | st.text()


def check_problems(error: ScenarioError, text: str) -> None:
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    for problem in error.problems:
        assert 1 <= problem.line <= len(lines)
        assert 1 <= problem.column <= len(lines[problem.line - 1]) + 1


@pytest.mark.parametrize("kind", LOADERS)
@settings(max_examples=400, deadline=1000)
@given(text=YAML_TEXT)
def test_any_text_is_read_or_refused_with_a_place_inside_it(kind, text):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(yaml_text, "LOADER", kind)
        try:
            parse_yaml(text)
        except ScenarioError as error:
            check_problems(error, text)
