"""Files are whole or not there, and no output overwrites what it must not."""

import os
from pathlib import Path

import pytest

from xbopt.core.errors import UsageError
from xbopt.core.files import check_target, check_targets, replace_file


def test_a_file_appears_whole(tmp_path):
    path = tmp_path / "a.txt"
    with replace_file(path) as temporary:
        temporary.write_text("all")
        assert not path.exists()
    assert path.read_text() == "all"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_a_failure_keeps_the_old_file_and_leaves_nothing_else(tmp_path, error):
    path = tmp_path / "a.txt"
    path.write_text("old")

    def write():
        with replace_file(path) as temporary:
            temporary.write_text("half")
            raise error

    with pytest.raises(error):
        write()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_link_stays_a_link_and_its_file_is_replaced(tmp_path):
    real, link = tmp_path / "real.txt", tmp_path / "link.txt"
    real.write_text("old")
    link.symlink_to(real)
    with replace_file(link) as temporary:
        temporary.write_text("new")
    assert link.is_symlink()
    assert real.read_text() == "new"


def test_the_file_gets_the_mode_of_an_ordinary_new_one(tmp_path):
    (tmp_path / "plain").write_text("")
    with replace_file(tmp_path / "made") as temporary:
        temporary.write_text("")
    assert (tmp_path / "made").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_what_is_no_ordinary_file_is_refused(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for path, words in (
        (tmp_path, "is a folder"),
        (pipe, "no ordinary file"),
        (Path("/dev/null"), "no ordinary file"),
        (tmp_path / "no" / "a.txt", "no folder"),
        (tmp_path / ("a" * 300), "longer than 255"),
    ):
        with pytest.raises(UsageError, match=words):
            check_target(path)


def test_outputs_must_differ_from_each_other_and_from_the_scenario(tmp_path):
    source = tmp_path / "s.yaml"
    source.write_text("")
    (tmp_path / "link.html").symlink_to(source)
    check_targets({"--log": tmp_path / "a", "--report": tmp_path / "b", "--xlsx": None}, source=source)
    with pytest.raises(UsageError, match="--report and --log name the same file"):
        check_targets({"--log": tmp_path / "a", "--report": tmp_path / "." / "a"})
    with pytest.raises(UsageError, match="would overwrite the input"):
        check_targets({"--report": tmp_path / "link.html"}, source=source)
