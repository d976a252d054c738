"""Profiles are strict documents: what they say is checked where it stands."""

from pathlib import Path

import pytest

from xbopt.core.errors import ScenarioError, UsageError
from xbopt.imports.profile_files import load_profile, load_profiles

GOOD = """\
id: till
title: Our till
platform: till
evidence: code
source: the till's program
looked_up: 2026-11-28
grain: one row a line
anchors: {required: [order_id]}
fields:
  order_id: {kind: id, names: {en: [Receipt]}}
  date: {kind: date, required: true, names: {en: [Day]}}
tables:
  transactions: {}
"""


def write(folder: Path, text: str, name: str = "till.yaml") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_every_shipped_profile_is_valid() -> None:
    profiles = load_profiles()
    assert "dbt_ad_reporting" in profiles
    assert list(profiles) == sorted(profiles)


def test_a_folder_of_profiles_adds_to_the_shipped_ones_and_may_replace_them(tmp_path: Path) -> None:
    write(tmp_path, GOOD)
    write(tmp_path, GOOD.replace("id: till", "id: dbt_ad_reporting"), "dbt_ad_reporting.yaml")
    profiles = load_profiles([tmp_path])
    assert profiles["till"].title == profiles["dbt_ad_reporting"].title == "Our till"


@pytest.mark.parametrize(
    ("old", "new", "line", "says"),
    [
        ("[order_id]", "[orderid]", 8, "no field"),
        ("kind: id,", "kind: id, pattern: '(',", 10, "regular expression"),
        ("kind: id,", "kind: id, pattern: 'a',", 10, "(?P<value>"),
        ("transactions: {}", "transactions: {columns: {price: '1'}}", 13, "no column of transactions"),
        (", names: {en: [Receipt]}", "", 10, "headers"),
        ("grain:", "grian:", 7, "grain"),
    ],
)
def test_a_mistake_in_a_profile_is_told_with_its_line(tmp_path: Path, old: str, new: str, line: int, says: str) -> None:
    path = write(tmp_path, GOOD.replace(old, new))
    with pytest.raises(ScenarioError) as caught:
        load_profile(path)
    assert any(problem.line == line and says in problem.message for problem in caught.value.problems), caught.value


def test_a_profile_is_named_as_its_file(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="till"):
        load_profile(write(tmp_path, GOOD, "tills.yaml"))
