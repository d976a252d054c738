"""YAML files: read with their name, or refused with a place."""

import pathlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xbopt.core.documents.yaml_files import load_yaml
from xbopt.core.errors import ScenarioError


def file_refusal(path: pathlib.Path) -> str:
    with pytest.raises(ScenarioError) as caught:
        load_yaml(path)
    [problem] = caught.value.problems
    assert problem.file == str(path)
    return str(problem).removeprefix(str(path))


def test_a_file_is_read_with_its_name(tmp_path):
    path = tmp_path / "ok.yaml"
    path.write_bytes("\ufeffname: Zürich\r\n".encode())
    document = load_yaml(path)
    assert document.data == {"name": "Zürich"}
    assert str(document.problem(("name",), "Bad.")) == f"{path}:1:7: name: Bad."


def test_a_missing_file_names_a_similar_one(tmp_path):
    (tmp_path / "quickstart.yaml").touch()
    assert file_refusal(tmp_path / "quikstart.yaml") == ": There is no such file. Did you mean 'quickstart.yaml'?"


def test_a_missing_folder_is_named(tmp_path):
    folder = tmp_path / "no"
    assert file_refusal(folder / "a.yaml") == f": There is no such file. The folder '{folder}' does not exist either."


def test_a_folder_is_refused(tmp_path):
    assert file_refusal(tmp_path) == ": This is a folder; a YAML file is wanted."


def test_a_file_that_is_a_folder_on_the_way_is_refused(tmp_path):
    (tmp_path / "f").touch()
    assert file_refusal(tmp_path / "f" / "a.yaml") == ": The file cannot be read: Not a directory."


def test_an_impossible_name_is_refused():
    assert file_refusal(pathlib.Path("a\0b")) == ": The file cannot be read: embedded null byte."


def test_a_large_file_is_refused(tmp_path):
    path = tmp_path / "big.yaml"
    path.write_bytes(b"#" * 2_000_001)
    assert file_refusal(path) == ": The file is larger than 2,000,000 bytes, the most that is read."


def test_a_byte_that_is_not_utf8_is_placed(tmp_path):
    path = tmp_path / "latin.yaml"
    path.write_bytes("a: 1\r\nname: é".encode() + b"\xfcrich")
    assert file_refusal(path) == ":2:8: The byte 0xFC is not UTF-8. Save the file as UTF-8."


def test_utf16_is_named(tmp_path):
    path = tmp_path / "wide.yaml"
    path.write_bytes("a: 1".encode("utf-16"))
    assert file_refusal(path) == ":1:1: The file is UTF-16. Save it as UTF-8."


def check_positive(error: ScenarioError) -> None:
    assert all(problem.line >= 1 and problem.column >= 1 for problem in error.problems)


YAML_TEXT = st.text(alphabet=st.sampled_from("ab: \n-[]{},'\"&*!|>%@#?\\\t\r0x.~<\u2028\x00é"), max_size=60) | st.text()


@settings(max_examples=300, deadline=1000)
@given(raw=st.binary(max_size=80) | YAML_TEXT.map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_any_bytes_are_read_or_refused_with_a_place(tmp_path_factory, raw):
    path = tmp_path_factory.getbasetemp() / "fuzz.yaml"
    path.write_bytes(raw)
    try:
        load_yaml(path)
    except ScenarioError as error:
        check_positive(error)
