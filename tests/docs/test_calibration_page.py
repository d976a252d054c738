"""The page that leads from files to a plan names every field of a scenario, and nothing else."""

import re
from collections.abc import Iterator
from pathlib import Path

from xbopt.core.scenario.reference import scenario_reference

PAGE = Path(__file__).parents[2] / "docs" / "calibration.md"


def fields() -> Iterator[str]:
    """Every field that holds a value itself, with its section: ``market.regions.shipping.days``."""
    section = ""
    for line in scenario_reference().splitlines():
        if head := re.match(r"## (.+)", line):
            section = "" if head[1] == "The whole file" else head[1]
        elif (row := re.match(r"\| `([a-z_0-9]+)` \| (.+?) \| ", line)) and "](#" not in row[2]:
            yield f"{section}.{row[1]}".lstrip(".")


def patterns() -> list[str]:
    """What the first cells of the page's table name."""
    rows = re.findall(
        r"^\| (`.+?) \| (?:measured|fitted|set|facts|yours|default) \|", PAGE.read_text("utf-8"), re.MULTILINE
    )
    return [name for row in rows for name in re.findall(r"`([^`]+)`", row)]


def speaks_of(pattern: str, field: str) -> bool:
    return field == pattern or (pattern.endswith("*") and field.startswith(pattern[:-1]))


def test_every_field_of_a_scenario_has_a_row() -> None:
    named = patterns()
    missing = [field for field in fields() if not any(speaks_of(pattern, field) for pattern in named)]
    assert not missing


def test_every_row_speaks_of_a_field() -> None:
    known = list(fields())
    assert len(known) > 250
    assert [pattern for pattern in patterns() if not any(speaks_of(pattern, field) for field in known)] == []
