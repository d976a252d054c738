"""docs/scenario.md is what the edge model says."""

import re
from pathlib import Path

from xbopt.core.scenario.document import ScenarioDocument
from xbopt.core.scenario.reference import scenario_reference
from xbopt.core.tables.duties import duty_ids
from xbopt.core.tables.events import event_ids
from xbopt.core.tables.taxes import tax_ids

PAGE = Path(__file__).parents[2] / "docs" / "scenario.md"


def test_the_page_is_what_the_code_says():
    again = "run: python -m xbopt.core.scenario.reference > docs/scenario.md"
    assert PAGE.read_text(encoding="utf-8") == scenario_reference(), again


def test_every_field_of_every_section_has_a_row_of_four_cells():
    schema = ScenarioDocument.model_json_schema()
    sections = [schema, *schema["$defs"].values()]
    rows = [line for line in scenario_reference().splitlines() if line.startswith("| `")]
    assert len(rows) == sum(len(section["properties"]) for section in sections)
    assert all(line.count(" | ") == 3 for line in rows)


def test_links_within_the_page_lead_to_headings():
    page = scenario_reference()
    titles = re.findall(r"^## (.+)$", page, re.MULTILINE)
    anchors = {re.sub(r"[^a-z0-9_-]", "", title.lower().replace(" ", "-")) for title in titles}
    targets = set(re.findall(r"\]\(#([^)]+)\)", page))
    assert targets
    assert targets <= anchors


def test_the_ids_of_the_tables_are_listed():
    page = scenario_reference()
    assert all(f"`{name}`" in page for name in (*event_ids(), *tax_ids(), *duty_ids()))
