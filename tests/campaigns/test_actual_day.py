"""A day's actuals as bytes, their checks and corrections."""

import numpy as np
import pytest

from tests.campaigns.campaigns_played import play_campaign
from xbopt.campaigns.actuals.actual_day import FIGURES, MARKS, ActualDay, figure_shape, merged
from xbopt.core.errors import UsageError


def test_a_day_comes_back_from_its_bytes_as_it_was(quickstart):
    day = play_campaign(quickstart, 2)[0][2]
    back = ActualDay.from_bytes(day.to_bytes())
    assert back.day == day.day == 1
    # Net sales tell nothing beside gross and net revenue, and a seller's own books assume no split.
    assert set(back.figures) == set(day.figures) == set(FIGURES) - {"net_sales_base", *MARKS}
    for name, array in day.figures.items():
        assert array.shape == figure_shape(quickstart, name)
        assert np.array_equal(array, back.figures[name])
    back.check(quickstart)


def test_the_same_content_is_the_same_bytes():
    one = {"orders": np.array([[1.0, np.nan]]), "visits": np.array([[0.0]])}
    two = {"visits": np.array([[-0.0]]), "orders": np.asfortranarray([[1.0, -np.nan]])}
    assert ActualDay(day=3, figures=one).to_bytes() == ActualDay(day=3, figures=two).to_bytes()
    assert ActualDay(day=4, figures=one).to_bytes() != ActualDay(day=3, figures=one).to_bytes()


@pytest.mark.parametrize("content", [b"", b"\xc1", b"\x80", b"\x01", b"\x83\xa7version\x09\xa3day\x00\xa7figures\x80"])
def test_other_bytes_are_refused(content):
    with pytest.raises(UsageError):
        ActualDay.from_bytes(content)


@pytest.mark.parametrize(
    ("day", "name", "array", "words"),
    [
        (0, "order", np.ones((2, 2)), "Did you mean 'orders'"),
        (0, "orders", np.ones((3, 2)), r"shape \(3, 2\)"),
        (0, "orders", np.ones(2), "axes \\(R, S\\)"),
        (0, "orders", np.array([[-1.0]]), "0 or above"),
        (0, "visits", np.array([[np.inf]]), "0 or above"),
        (0, "discount_frac", np.array([[1.5]]), "0 to 1"),
        (0, "mechanic", np.array([[0.5]]), "0 to 4"),
        (0, "fx_log", np.array([np.inf]), "a finite number"),
        (400, "orders", np.array([[1.0]]), "day 400"),
        (-1, "orders", np.array([[1.0]]), "before the first day"),
    ],
)
def test_what_makes_no_sense_is_refused_by_name(quickstart, day, name, array, words):
    with pytest.raises(UsageError, match=words):
        ActualDay(day=day, figures={name: array}).check(quickstart)


def test_an_unlimited_stock_may_be_told(quickstart):
    ActualDay(day=0, figures={"stock": np.array([np.inf, 5.0])}).check(quickstart)


def test_a_correction_holds_where_it_tells_something():
    old = ActualDay(day=2, figures={"orders": np.array([[1.0, 2.0]]), "visits": np.array([[9.0]])})
    new = ActualDay(day=2, figures={"orders": np.array([[np.nan, 5.0]]), "visits": np.array([[4.0, 6.0]])})
    both = merged(old, new).figures
    assert np.array_equal(both["orders"], [[1.0, 5.0]])
    assert np.array_equal(both["visits"], [[4.0, 6.0]])
    nothing = ActualDay(day=2, figures={"visits": np.full((1, 2), np.nan)})
    assert np.array_equal(merged(old, nothing).figures["visits"], [[9.0]])
