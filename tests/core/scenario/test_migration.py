"""Scenario files of an older form: refused with the way out, and rewritten."""

from pathlib import Path

import pytest

from tests.command_line import call
from xbopt.core.documents.yaml_text import parse_yaml
from xbopt.core.errors import ScenarioError
from xbopt.core.scenario.customer_migration import REPEAT_IN_A_YEAR
from xbopt.core.scenario.loading import load_scenario, shipped_file
from xbopt.core.scenario.migration import migrated, refuse_old_form
from xbopt.core.scenario.provenance import uncovered, unused_patterns
from xbopt.simulator.build import build_market
from xbopt.simulator.lifetime import repeat_probability

OLD_VISITS = "    visits_per_1000: {prospect: 1.1, new: 18, active: 30, at_risk: 12, lapsed: 4}\n"
OLD_CONVERSION = "    conversion: {prospect: 1.0, new: 1.4, active: 1.9, at_risk: 1.3, lapsed: 0.9}\n"


@pytest.fixture
def old_file(tmp_path: Path) -> Path:
    """Quickstart in the old form: visits and conversion of its segments by bucket."""
    lines: list[str] = []
    for line in shipped_file("quickstart").read_text(encoding="utf-8").splitlines(keepends=True):
        if line.startswith("    visits_per_1000: "):
            lines.append(OLD_VISITS)
        elif line.startswith("    customer_conversion: "):
            lines.append(OLD_CONVERSION)
        elif not line.startswith(("    customer_types:", "      - {id: regular", "      - {id: occasional")):
            lines.append(line)
    path = tmp_path / "old.yaml"
    path.write_text("".join(lines), encoding="utf-8")
    return path


def test_an_old_field_is_refused_with_its_place_the_new_form_and_the_command(old_file: Path) -> None:
    with pytest.raises(ScenarioError) as caught:
        load_scenario(old_file)
    first = caught.value.problems[0]
    assert (first.file, first.path) == (str(old_file), "segments[0].visits_per_1000")
    assert old_file.read_text(encoding="utf-8").splitlines()[first.line - 1] + "\n" == OLD_VISITS
    assert "customer_types" in first.message
    assert f"Run `xbopt scenario migrate {old_file}`." in first.message
    assert len(caught.value.problems) == 4  # visits and conversion of two segments, and nothing that follows from them


def test_migrating_gives_a_file_that_loads_with_comments_and_sources_complete(old_file: Path, tmp_path: Path) -> None:
    before = old_file.read_text(encoding="utf-8")
    out = tmp_path / "new.yaml"
    answer = call("scenario", "migrate", old_file, "-o", out, folder=tmp_path)
    assert answer.code == 0, answer.err
    assert "segments.families" in answer.out
    assert old_file.read_text(encoding="utf-8") == before
    text = out.read_text(encoding="utf-8")
    assert [line for line in text.splitlines() if "#" in line] == [line for line in before.splitlines() if "#" in line]
    scenario = load_scenario(out)
    assert uncovered(scenario.document) == []
    assert not [pattern for pattern in unused_patterns(scenario.document) if "visits" in pattern or "conv" in pattern]
    assert scenario.document.segments[0].visits_per_1000 == 1.1


def test_new_customers_of_a_migrated_file_come_back_as_often_as_is_usual(old_file: Path) -> None:
    assert call("scenario", "migrate", old_file, folder=old_file.parent).code == 0
    market = build_market(load_scenario(old_file))
    # The region's own conversion and the price are left out of the migration, so it is near and not exact.
    assert repeat_probability(market).weighted == pytest.approx(REPEAT_IN_A_YEAR, abs=0.02)


def test_a_file_of_today_s_form_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "today.yaml"
    path.write_text(shipped_file("quickstart").read_text(encoding="utf-8"), encoding="utf-8")
    answer = call("scenario", "migrate", path, folder=tmp_path)
    assert (answer.code, "nothing to change" in answer.out) == (0, True)
    assert path.read_text(encoding="utf-8") == shipped_file("quickstart").read_text(encoding="utf-8")


def test_sources_move_with_their_numbers(old_file: Path) -> None:
    document = parse_yaml(old_file.read_text(encoding="utf-8"))
    data = document.data
    assert isinstance(data, dict)
    data["provenance"] = [
        {"path": "segments.*.visits_per_1000.prospect", "evidence": "M", "source": "counted"},
        {"path": "segments.*.visits_per_1000.*", "evidence": "E", "source": "guessed"},
        {"path": "segments.families.conversion.active", "evidence": "E", "source": "guessed"},
        {"path": "budget.**", "evidence": "E", "source": "plan"},
    ]
    new, said = migrated(document)
    assert isinstance(new, dict)
    assert [(one["path"], one["source"][:7]) for one in new["provenance"][:2]] == [
        ("segments.*.visits_per_1000", "counted"),
        ("budget.**", "plan"),
    ]
    assert [one["path"] for one in new["provenance"][2:]] == [
        "segments.*.customer_types.**",
        "segments.*.customer_conversion",
    ]
    assert len(said) == 2


def test_a_shop_whose_customers_came_back_more_often_keeps_that(old_file: Path) -> None:
    text = old_file.read_text(encoding="utf-8").replace(OLD_VISITS, OLD_VISITS.replace("new: 18", "new: 180"))
    old_file.write_text(text, encoding="utf-8")
    assert call("scenario", "migrate", old_file, folder=old_file.parent).code == 0
    assert repeat_probability(build_market(load_scenario(old_file))).weighted > 0.38


@pytest.mark.parametrize(
    "text",
    [
        "segments: 3",
        "segments: [1, {visits_per_1000: {new: x}}]",
        "segments: [{id: a, conversion: 2}]\nmarket: {regions: [{customers: {a: 3}}, 4]}",
        "segments: [{id: a, visits_per_1000: {}, ageing: 7}]\nprovenance: [3, {path: 4}]",
        "[1, 2]",
    ],
)
def test_nonsense_is_migrated_to_nonsense_without_a_crash(text: str) -> None:
    document = parse_yaml(text)
    migrated(document)
    if "visits" in text or "conversion" in text:
        with pytest.raises(ScenarioError):
            refuse_old_form(document)
