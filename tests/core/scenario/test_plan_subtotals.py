"""Subtotals of a plan's table that no word names: passed over where they are sums, asked about where they are not."""

from pathlib import Path

import pytest

from xbopt.core.scenario.loading import load_scenario
from xbopt.core.scenario.plan_problems import PlanTableError
from xbopt.core.scenario.plan_table import read_plan
from xbopt.core.scenario.scenario import Scenario

HEAD = "date,region,segment,channel,spend_base"
ROWS = (
    "2026-10-05,DE,families,search,100.40",
    "2026-10-05,DE,families,social,20.20",
    "2026-10-06,DE,students,search,60",
    "2026-10-05,UK,families,search,10",
    "2026-10-06,UK,families,search,11.30",
)
"""Germany has 180.60, the United Kingdom 21.30."""


@pytest.fixture(scope="module")
def scenario() -> Scenario:
    return load_scenario("quickstart", overrides=["horizon.days=10", "plan.discounts=[]"])


def written(folder: Path, *subtotals: str) -> Path:
    path = folder / "plan.csv"
    path.write_text("\n".join((HEAD, *ROWS, *subtotals)), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    "sums", [(",DE,,,180.60", ",UK,,,21.30"), (",DE,,,181", ",uk,,,21")], ids=["in cents", "in whole units"]
)
def test_subtotals_without_a_word_are_known_by_their_sum(
    sums: tuple[str, str], scenario: Scenario, tmp_path: Path
) -> None:
    """Filled in as a row of the plan they would double the money."""
    back = read_plan(written(tmp_path, *sums), scenario)
    assert back.spend_base.sum() == pytest.approx(180.60 + 21.30)
    assert "plan.csv: lines 7, 8 hold a subtotal and are no rows of the plan." in back.notes


@pytest.mark.parametrize("sums", [(",DE,,,180.60", ",UK,,,7"), (",DE,,,0", ",UK,,,21.30"), (",DE,students,,60",)])
def test_what_looks_like_a_subtotal_and_is_no_sum_is_asked_about(
    sums: tuple[str, ...], scenario: Scenario, tmp_path: Path
) -> None:
    """In doubt none is passed over: one of two is no sum, or the only row that it names has the same amount."""
    with pytest.raises(PlanTableError) as caught:
        read_plan(written(tmp_path, *sums), scenario)
    said = str(caught.value)
    assert "missing; write" in said
    assert "If the row is a subtotal, delete it: it is no sum of several rows that it names." in said
