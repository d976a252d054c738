"""What is said of a scenario made without data."""

from typing import get_args

import pytest

from xbopt.core.scenario.fields import Evidence
from xbopt.core.tables.market_names import channel_kinds
from xbopt.reports.kit.numbers import NumberFormat
from xbopt.reports.plan.new_scenario import assumptions_table, finding_lines
from xbopt.studies.new_for.assumptions import Assumption, AssumptionCode
from xbopt.studies.new_for.scenario import Finding, FindingCode

FIGURES = {
    "contacts": 4.0, "stated": 9_000.0, "orders": 8_000.0, "media_share": 0.02, "incremental_roas": 0.2,
    "conversion": 0.005, "wanted": 0.016, "margin": -0.1, "miss": 0.2,
    "wanted_0": 5.0, "taken_0": 4.0,
}  # fmt: skip


def test_every_finding_has_its_own_sentence_that_says_what_to_do():
    lines = finding_lines([Finding(code=code, places=("TR",), figures=FIGURES) for code in get_args(FindingCode)])
    assert len(set(lines)) == len(get_args(FindingCode))
    for line in lines:
        assert any(word in line for word in ("Say", "Lower", "Take", "Check", "change", "raise")), line


def _assumption(code: AssumptionCode, place: str, evidence: str, value: float = 2.0) -> Assumption:
    return Assumption(
        code=code, place=place, path="a.b", value=value, unit="price", evidence=evidence, source="Here", note="",
        spread=0.3,
    )  # fmt: skip


def test_alike_numbers_of_several_places_share_a_row():
    found = [_assumption("parcel_cost", "DE", "E"), _assumption("parcel_cost", "US", "E", 3.0)]
    found.append(_assumption("parcel_cost", "FR", "W", 4.0))
    table = assumptions_table(found, NumberFormat(locale="en", currency="EUR"))
    assert [row[1] for row in table.rows] == ["DE 2.00, US 3.00", "FR 4.00"]
    assert table.rows[0][3] == "guess; +/- 30%"


@pytest.mark.parametrize("code", get_args(AssumptionCode))
@pytest.mark.parametrize("mark", get_args(Evidence))
def test_every_number_and_every_mark_has_words(code, mark):
    place = next(iter(channel_kinds()))
    (row,) = assumptions_table([_assumption(code, place, mark)], NumberFormat(locale="en", currency="EUR")).rows
    assert all(row)
