"""Notes tell what is valid and hardly meant."""

import pytest

import xbopt
from xbopt.core.scenario.loading import read_document, shipped_file
from xbopt.core.scenario.notes import log_notes, scenario_notes, steady_notes

CASES = {
    "a discount after the end": (["plan.discounts[0].start=2027-01-01", "plan.discounts[0].end=2027-01-02"],
                                 "plan.discounts[0] lies outside the horizon"),
    "a discount before the start": (["plan.discounts[0].start=2026-09-01", "plan.discounts[0].end=2026-10-04"],
                                    "plan.discounts[0] lies outside the horizon"),
    "an event next year": (["calendar.custom_events=[{id: sale, start: 2027-05-01, end: 2027-05-02, demand: 2}]"],
                           "(sale) lies outside the horizon"),
    "an event of ones": (["calendar.custom_events=[{id: sale, start: 2026-10-10, end: 2026-10-11}]"],
                         "(sale) changes nothing"),
    "a forgotten segment": (["plan.segments={families: 1}"], "plan.segments gives no weight to students"),
    "a discount that pauses in the last week": (
        ["plan.discounts=[{discount_frac: 0.1, start: 2026-10-05, end: 2026-10-25, regions: [DE]}]"],
        "takes it that no discount ran before the first day in DE/families, DE/students."),
    "small parcels of two origins": (
        ["horizon.start=2025-06-01", "market.currencies.USD={rate: 0.88}", "market.regions[1].duty=us_import",
         "products.lamps.origin=CN", "plan.discounts=[]"],
        "decides for the whole order: families to UK (as CN), students to UK (as CN)."),
    "a soft constraint": (["budget.roi_floor=2"], "budget.roi_floor is a soft constraint"),
}  # fmt: skip


@pytest.mark.parametrize(("changes", "words"), CASES.values(), ids=CASES)
def test_a_note_names_the_part_that_does_nothing(changes, words):
    notes = scenario_notes(xbopt.load_scenario("quickstart", overrides=changes))
    assert len(notes) == 1
    assert words in notes[0]


def test_shipped_scenarios_need_no_notes():
    for name in xbopt.shipped_scenarios():
        assert scenario_notes(xbopt.load_scenario(name)) == [], name


def test_short_windows_are_said_to_flatter_discounts():
    short = xbopt.load_scenario("quickstart")
    assert ["flatter discounts" in note for note in log_notes(short)] == [True]
    for change in ("tactics.discount_frac=[0]", "discounts.pull_forward.borrowed_frac=0"):
        assert log_notes(xbopt.load_scenario("quickstart", overrides=[change])) == []
    long = xbopt.load_scenario("quickstart", overrides=["tactics.window_days=28"])
    assert ["overlap" in note for note in log_notes(long)] == [True]


def test_what_a_log_note_advises_has_a_rule_for_that_log():
    short = xbopt.load_scenario("quickstart")
    assert "--estimand sequential" in log_notes(short)[0]
    assert "sequential" not in " ".join(log_notes(short, by_factors=True))
    between = xbopt.load_scenario("quickstart", overrides=["tactics.window_days=10"])  # too short, and overlapping
    late, overlap = log_notes(between)
    assert "sequential" not in late
    assert "refuses" in overlap
    slow = xbopt.load_scenario("quickstart", overrides=["discounts.pull_forward.half_life_days=10.2"])
    assert "tactics.window_days: 21 or more" in log_notes(slow)[0]  # 20.4 days, and windows are whole ones


@pytest.mark.parametrize(
    ("changes", "level"),
    [
        (["budget.total_base=22400"], "800.00"),
        (["plan.spend_frac=0.5"], "200.00"),
        (["budget.total_base=22400", "plan.spend_frac=0.5"], None),
        (["budget.total_base=22400", "history.steady_spend_per_day_base=400"], None),
        (["budget.total_base=22400", "history.before=none"], None),
        (["budget.roi_floor=2"], None),
        ([], None),
    ],
)
def test_a_change_of_the_budget_that_changes_a_steady_past_is_told(tmp_path, changes, level):
    """EUR 11,200 over 28 days are 400 a day, in a file that does not state them."""
    text = shipped_file("quickstart").read_text(encoding="utf-8")
    path = tmp_path / "quickstart.yaml"
    path.write_text(text.replace("  steady_spend_per_day_base: 400\n", ""), encoding="utf-8")
    notes = steady_notes(read_document(path), xbopt.load_scenario(path, overrides=changes))
    if level is None:
        assert notes == []
    else:
        assert len(notes) == 1
        assert f"EUR {level} a day, the own plan's average level, rather than EUR 400.00" in notes[0]
        assert "--set history.steady_spend_per_day_base=400 keeps" in notes[0]
