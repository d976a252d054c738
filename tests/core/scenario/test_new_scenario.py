"""A new scenario holds another one's numbers, not its story, and is unsure of what a newcomer cannot know."""

import pytest
import yaml

import xbopt
from xbopt.core.scenario.loading import load_scenario, shipped_file
from xbopt.core.scenario.new_scenario import DEFAULT_SPREADS, new_scenario_text


def shipped(name: str) -> str:
    return shipped_file(name).read_text(encoding="utf-8")


@pytest.mark.parametrize("like", xbopt.shipped_scenarios())
def test_every_shipped_scenario_can_be_started_from(like: str, tmp_path) -> None:
    text = new_scenario_text(shipped(like), name="mine", like=like)
    new, old = yaml.safe_load(text), yaml.safe_load(shipped(like))
    assert "#" not in "".join(line for line in text.splitlines() if line.lstrip().startswith("#"))
    assert new["name"] == "mine"
    assert like in new["description"]
    for key in set(old) - {"name", "title", "description", "uncertainty", "provenance", "vital_signs"}:
        assert new[key] == old[key], key
    assert {spread.group for spread in DEFAULT_SPREADS} <= set(new["uncertainty"])
    assert old["uncertainty"].items() <= new["uncertainty"].items()
    (tmp_path / "mine.yaml").write_text(text, encoding="utf-8")
    assert load_scenario(tmp_path / "mine.yaml").document.uncertainty.spreads


def test_comments_go_and_text_that_looks_like_one_stays() -> None:
    text = 'version: 1  # the format\n# a story\nname: other\nsource: "issue #7 # of 9"\n'
    text += "items:\n  # inside\n  - a#b  # c\n"
    new = new_scenario_text(text, name="mine", like="other")
    assert yaml.safe_load(new)["source"] == "issue #7 # of 9"
    assert yaml.safe_load(new)["items"] == ["a#b"]
    assert "story" not in new
    assert "inside" not in new
    assert "the format" not in new


def test_a_scenario_that_is_sure_gets_the_default_spreads_with_their_sources() -> None:
    new = yaml.safe_load(new_scenario_text("version: 1\nname: other\n", name="mine", like="other"))
    assert new["uncertainty"]["media_response"] == {"spread": 0.3, "by": ["region", "channel"]}
    assert {entry["path"] for entry in new["provenance"]} == {
        f"uncertainty.{spread.group}.spread" for spread in DEFAULT_SPREADS
    }
    assert all(entry["evidence"] == "E" and entry["source"] for entry in new["provenance"])


def test_reasons_of_the_other_market_are_not_taken_over() -> None:
    text = "version: 1\nname: other\nvital_signs:\n  accepted:\n    media_share: a launch\nnext: 1\n"
    new = yaml.safe_load(new_scenario_text(text, name="mine", like="other"))
    assert "vital_signs" not in new
    assert new["next"] == 1


def test_the_first_line_tells_editors_where_the_schema_is() -> None:
    text = new_scenario_text(shipped("quickstart"), name="mine", like="quickstart", schema_file="xbopt.schema.json")
    assert text.splitlines()[0] == "# yaml-language-server: $schema=xbopt.schema.json"
