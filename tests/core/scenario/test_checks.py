"""Checks across sections: what they let through. The messages of each stand in ``tests/bad_scenarios``."""

import pytest

from xbopt.core.documents.yaml_text import parse_yaml
from xbopt.core.errors import ScenarioError
from xbopt.core.scenario.checks import semantic_problems
from xbopt.core.scenario.loading import check_document


@pytest.fixture(scope="module")
def document(text):
    return lambda changes=(), more="": check_document(parse_yaml(replaced(text, changes) + more, file="s.yaml"))


def replaced(text, changes):
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    return text


def test_a_good_document_has_no_problems(document):
    assert semantic_problems(document()) == []


def test_no_stays_text_and_is_norway(document):
    assert document().market.regions[0].country == "NO"


def test_a_lock_counts_instead_of_the_minimum_in_its_cell(document):
    # 100 a day are there. The minimum asks 80, 20 of it in the locked cell, whose lock asks 40: 60 + 40 just fit.
    document(
        [
            ("spend_per_day_base: 8}", "spend_per_day_base: 80}"),
            (
                "segment: b, channel: social, spend_per_day_base: 5",
                "segment: b, channel: search, spend_per_day_base: 40",
            ),
        ]
    )


def test_a_lock_above_what_is_left_beside_the_minimum_is_refused(document):
    with pytest.raises(ScenarioError, match=r"need 101\.00 a day; the budget has 100\.00 a day"):
        document(
            [
                ("spend_per_day_base: 8}", "spend_per_day_base: 80}"),
                ("b, channel: social, spend_per_day_base: 5", "b, channel: search, spend_per_day_base: 41"),
            ]
        )


@pytest.mark.parametrize("cap", ["80", "79.99"])
def test_a_cap_must_pay_the_minimums_of_the_whole_horizon(document, cap):
    changes = [("region_caps_base: {DE1: 300}", "channel_caps_base: {search: " + cap + "}")]
    if cap == "80":
        document(changes)
    else:
        with pytest.raises(ScenarioError, match=r"of this channel need 80\.00 over the horizon"):
            document(changes)


@pytest.mark.parametrize("most", ["8", "7.99"])
def test_a_maximum_must_pay_the_minimum_of_its_channel_in_its_region(document, most):
    maximum = "  maximums: [{region: NO1, channel: search, spend_per_day_base: " + most + "}]\n  minimums:"
    if most == "8":
        document([("  minimums:", maximum)])
    else:
        with pytest.raises(ScenarioError, match=r"need 8\.00 a day\. Lower them, or raise this maximum of 7\.99"):
            document([("  minimums:", maximum)])


def test_shares_may_miss_one_by_rounding(document):
    document([("lamp: 0.25, rug: 0.75", "lamp: 0.3333333, rug: 0.6666667")])


def test_problems_of_several_sections_come_in_file_order(document):
    with pytest.raises(ScenarioError) as caught:
        document([("tax: none", "tax: nnone"), ("lamp: 0.25", "lamp: 0.2")], "plan: {regions: {XX: 1}}\n")
    assert [problem.path for problem in caught.value.problems] == [
        "market.regions[0].tax",
        "segments[0].product_mix",
        "plan.regions.XX",
    ]
    lines = [problem.line for problem in caught.value.problems]
    assert lines == sorted(lines)


def test_at_most_fifty_problems_are_listed(document):
    many = ", ".join(f"x{n}: 1" for n in range(60))
    with pytest.raises(ScenarioError) as caught:
        document(more="plan: {regions: {" + many + "}}\n")
    assert len(caught.value.problems) == 51
    assert caught.value.problems[-1].message == "And 10 more."


def test_with_a_name_used_twice_no_other_check_runs(document):
    with pytest.raises(ScenarioError) as caught:
        document([("- {id: DE1,", "- {id: NO1,")])
    assert [problem.path for problem in caught.value.problems] == ["market.regions[1].id"]


@pytest.mark.parametrize("zone", ["../secret", "", "Europe", "x" * 3000, "a\\0b"])
def test_an_odd_time_zone_is_a_problem_not_a_crash(document, zone):
    with pytest.raises(ScenarioError, match="There is no time zone"):
        document([("tax: none", f'tax: none\n      timezone: "{zone}"')])


def test_an_event_of_one_of_the_countries_is_enough(document):
    document([("calendar:\n", "calendar:\n  events: [black_friday]\n")])


def test_a_table_must_know_the_whole_horizon(document):
    with pytest.raises(ScenarioError, match="tax 'DE' is not known on 2006-12-30"):
        document([("2026-10-05", "2006-12-30")])
