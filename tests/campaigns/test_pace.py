"""Spend beside grants: scatter alone is no alarm, a place that spends another share is one."""

import numpy as np
import pytest

from xbopt.campaigns.advice.pace import LEAST_SHARE, paces

REGIONS, CHANNELS = ("UK", "DE"), ("search", "social")
DAYS = 40
AHEAD = np.array([[1.0, 2.0], [3.0, 4.0]])


def granted() -> np.ndarray:
    return np.broadcast_to(np.array([[100.0, 50.0], [200.0, 0.0]]), (DAYS, 2, 2))


def told(until: int) -> np.ndarray:
    return np.broadcast_to((np.arange(DAYS) < until)[:, None, None], (DAYS, 2, 2))


def by_place(spent, until=DAYS):
    return {(p.region, p.channel): p for p in paces(granted(), spent, told(until), AHEAD, REGIONS, CHANNELS)}


def test_what_is_spent_as_granted_is_on_pace():
    found = by_place(granted())
    assert len(found) == 1 + 2 + 2 + 4
    assert found[None, None].planned_base == pytest.approx(350.0 * DAYS)
    assert found[None, None].recent == pytest.approx(1.0)
    assert (found["DE", None].ahead_base, found[None, "social"].ahead_base) == (7.0, 6.0)
    assert not any(pace.is_off for pace in found.values())


def test_a_place_without_money_has_no_pace():
    nothing = by_place(granted())["DE", "social"]
    assert (nothing.recent, nothing.se, nothing.to_date) == (None, None, None)


def test_only_told_days_count():
    spent = granted().copy()
    spent[20:] = 0.0
    found = by_place(spent, 20)
    assert found[None, None].spent_base == pytest.approx(350.0 * 20)
    assert not any(pace.is_off for pace in found.values())


def test_a_channel_that_spends_too_little_is_found_and_no_other():
    """UK social spends 60 % from day 20 on: 14 days of 50 x 0.6 = 420 of 700."""
    spent = granted().copy()
    spent[20:, 0, 1] *= 0.6
    found = by_place(spent)
    slow = found["UK", "social"]
    assert slow.recent == pytest.approx(420.0 / 700.0)
    assert slow.is_off
    assert not found["UK", "search"].is_off
    assert not found["DE", None].is_off


def test_less_than_a_twentieth_off_is_nobodys_concern():
    for share, is_off in ((1.0 + 0.8 * LEAST_SHARE, False), (1.0 + 1.2 * LEAST_SHARE, True)):
        assert by_place(granted() * share)[None, None].is_off is is_off


@pytest.mark.statistical
def test_scatter_shows_no_alarm_on_any_morning():
    """200 campaigns of 40 mornings with a scatter of 15 % a day: at 2.5 % of campaigns 5 are expected.

    11 or fewer have a probability of 99.6 % (binomial, 200 x 0.025).
    """
    draws = np.random.default_rng(3)
    false = 0
    for _ in range(200):
        spent = granted() * np.exp(0.15 * draws.standard_normal((DAYS, 2, 2)) - 0.5 * 0.15**2)
        false += any(
            pace.is_off
            for until in range(7, DAYS, 3)
            for pace in paces(granted(), spent, told(until), AHEAD, REGIONS, CHANNELS)
        )
    assert false <= 11


def test_no_pace_of_a_region_rests_on_an_assumed_split():
    """Search overspends in one region, and nobody told the split of search; social was told by region."""
    spent = granted() * np.array([[2.0, 1.0], [1.0, 1.0]])
    by_region = np.broadcast_to([False, True], (DAYS, 2))
    found = {
        (p.region, p.channel): p
        for p in paces(granted(), spent, told(DAYS), AHEAD, REGIONS, CHANNELS, by_region=by_region)
    }
    assert found["UK", "search"].recent is None
    assert found["UK", None].recent == pytest.approx(1.0)  # social alone
    assert found[None, "search"].recent == pytest.approx(400.0 / 300.0)
    assert [place for place, pace in found.items() if pace.is_off] == [(None, None), (None, "search")]
