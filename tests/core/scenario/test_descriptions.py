"""Every field of the scenario says what it means, so that the schema can stand alone."""

import pytest

from xbopt.core.scenario.document import ScenarioDocument

SCHEMA = ScenarioDocument.model_json_schema()
SECTIONS = {**SCHEMA["$defs"], "ScenarioDocument": SCHEMA}


@pytest.mark.parametrize("name", sorted(SECTIONS))
def test_a_section_and_each_of_its_fields_are_described(name):
    section = SECTIONS[name]
    assert section.get("description", "").strip(), name
    silent = [field for field, value in section["properties"].items() if not value.get("description", "").strip()]
    assert silent == []


def test_all_sections_are_seen():
    assert len(SECTIONS) >= 45
    assert sum(len(section["properties"]) for section in SECTIONS.values()) >= 290


def test_prices_say_that_tax_is_left_out():
    assert "net of tax" in SECTIONS["Product"]["properties"]["price_base"]["description"]
