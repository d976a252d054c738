"""Hillstrom's randomised e-mail test: what the example finds, and that the page says so."""

import csv
import gzip
from pathlib import Path

import numpy as np
import pytest

from tests.realdata import hillstrom

pytestmark = pytest.mark.realdata
Found = dict[str, dict[str, dict[str, dict[str, float]]]]
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def found(data_folder: Path) -> Found:
    return hillstrom.measure_all(data_folder)


@pytest.fixture(scope="module")
def customers(data_folder: Path) -> list[dict[str, str]]:
    with gzip.open(data_folder / "hillstrom" / "hillstrom.csv.gz", "rt", newline="") as source:
        return list(csv.DictReader(source))


@pytest.mark.parametrize("reward", ["visit", "conversion", "spend"])
def test_an_arm_is_worth_what_its_own_customers_brought(
    reward: str, found: Found, customers: list[dict[str, str]]
) -> None:
    """In a randomised test the plain mean of an arm is an unbiased answer too; it lies within the interval."""
    for arm, estimate in found[reward]["arms"].items():
        mean = np.mean([float(row[reward]) for row in customers if row["segment"] == arm])
        assert estimate["low"] < mean < estimate["high"]
        assert abs(mean - estimate["value"]) < estimate["se"]


def test_every_question_can_be_answered(found: Found) -> None:
    for figures in found.values():
        assert all(one["refused"] == 0.0 for one in figures["worth"].values())


def test_mail_beats_none_and_the_men_s_mail_brings_most_visits(found: Found) -> None:
    for reward in ("visit", "conversion", "spend"):
        assert found[reward]["arm_differences"]["Mens E-Mail - No E-Mail"]["low"] > 0.0
        assert found[reward]["arm_differences"]["No E-Mail - Womens E-Mail"]["high"] < 0.0
    assert found["visit"]["arm_differences"]["Mens E-Mail - Womens E-Mail"]["low"] > 0.0


def test_no_learned_policy_is_shown_to_beat_the_men_s_mail_for_everybody(found: Found) -> None:
    for reward in ("visit", "conversion", "spend"):
        for gain in found[reward]["held_out_gain_over_mens"].values():
            assert gain["low"] <= 0.0
    assert found["spend"]["held_out_gain_over_mens"][hillstrom.BY_HISTORY]["high"] < 0.0


def test_the_page_shows_these_figures(found: Found) -> None:
    page = (ROOT / "docs" / "hillstrom.md").read_text(encoding="utf-8")
    for table in hillstrom.tables(found):
        assert table in page
