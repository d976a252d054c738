"""Money of a campaign: what is granted never exceeds budget, caps and limits of a day, in whatever order."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xbopt.campaigns.books.ledger import ROUNDING, Ledger
from xbopt.core.decisions.limits import Limits
from xbopt.core.decisions.planned_days import PlannedDays
from xbopt.core.errors import OverspendError

DAYS, REGIONS, SEGMENTS, CHANNELS = 6, 2, 2, 2


def limits(**changed: object) -> Limits:
    shape = (REGIONS, SEGMENTS, CHANNELS)
    whole = Limits(
        total_base=600.0,
        daily_base=200.0,
        region_cap_base=np.array([400.0, np.inf]),
        channel_cap_base=np.array([np.inf, 350.0]),
        minimum_base=np.zeros(shape),
        maximum_base=np.full((REGIONS, CHANNELS), np.inf),
        locked=np.zeros(shape, dtype=np.bool_),
        lock_base=np.zeros(shape),
        discount_ceiling=np.ones(shape[:2]),
        audience=np.ones((REGIONS, 1)),
    )
    return replace(whole, **changed)  # type: ignore[arg-type]


def days(first: int, spend: np.ndarray) -> PlannedDays:
    n = len(spend)
    return PlannedDays(
        first_day=first,
        spend_base=np.asarray(spend, dtype=np.float64),
        daypart_weights=np.ones((REGIONS, CHANNELS, 1)),
        discount_frac=np.zeros((n, REGIONS, SEGMENTS)),
        mechanic=np.zeros((n, REGIONS, SEGMENTS), dtype=np.int64),
    )


def even(first: int, n: int, of_day: float) -> PlannedDays:
    return days(first, np.full((n, REGIONS, SEGMENTS, CHANNELS), of_day / 8.0))


def empty(**changed: object) -> Ledger:
    return Ledger.empty(limits(**changed), DAYS)


def test_committed_days_take_from_what_other_days_may_spend() -> None:
    ledger = empty().with_committed(even(0, 2, 100.0))
    left = ledger.remaining(2, DAYS)
    assert left.budget_base == pytest.approx([400.0])  # 600 - 2 x 100
    assert left.region_base[0] == pytest.approx([300.0, np.inf])  # 400 - 100: half of each day
    assert left.channel_base[0] == pytest.approx([np.inf, 250.0])
    assert ledger.remaining(0, 2).budget_base == pytest.approx([600.0])


def test_money_that_was_not_spent_is_free_again_and_money_spent_beyond_is_gone() -> None:
    ledger = empty().with_committed(even(0, 2, 100.0))
    less = ledger.with_spent(0, np.full((REGIONS, SEGMENTS, CHANNELS), 60.0 / 8.0))
    assert less.remaining(2, DAYS).budget_base == pytest.approx([440.0])
    more = ledger.with_spent(0, np.full((REGIONS, SEGMENTS, CHANNELS), 130.0 / 8.0))
    assert more.remaining(2, DAYS).budget_base == pytest.approx([370.0])
    assert more.before(1).budget_base == pytest.approx([470.0])
    corrected = more.with_spent(0, np.full((REGIONS, SEGMENTS, CHANNELS), 90.0 / 8.0))
    assert corrected.remaining(2, DAYS).budget_base == pytest.approx([410.0])


def test_overspending_platforms_are_told_and_leave_nothing() -> None:
    ledger = empty(daily_base=1e9).with_spent(0, np.full((REGIONS, SEGMENTS, CHANNELS), 700.0 / 8.0))
    assert ledger.overspent_base(1) == pytest.approx(100.0)
    assert ledger.remaining(1, DAYS).budget_base == pytest.approx([0.0])
    with pytest.raises(OverspendError, match="budget"):
        ledger.with_committed(even(1, 1, 1.0))


def test_a_reservation_moves_money_without_needing_it_twice() -> None:
    """Both ways have to fit, not their sum: moving all of a full budget is possible."""
    ledger = empty(region_cap_base=np.array([np.inf, np.inf])).with_committed(even(0, 6, 100.0))
    moved = np.zeros((6, REGIONS, SEGMENTS, CHANNELS))
    moved[:, 1, :, 0] = 50.0
    reserved = ledger.with_reserved(days(0, moved))
    assert reserved.remaining(6, DAYS).budget_base == pytest.approx([0.0])
    assert reserved.without_reserved().with_committed(days(0, moved)).counted_base.sum() == pytest.approx(600.0)


def test_others_may_not_take_what_is_reserved() -> None:
    ledger = empty(region_cap_base=np.array([np.inf, np.inf])).with_reserved(even(0, 3, 180.0))
    with pytest.raises(OverspendError):
        ledger.with_committed(even(3, 1, 80.0))
    assert ledger.with_committed(even(3, 1, 60.0)).remaining(4, DAYS).budget_base == pytest.approx([0.0])


@pytest.mark.parametrize(
    ("changed", "asked", "named"),
    [
        ({}, even(0, 4, 160.0), "budget"),
        ({}, even(0, 1, 201.0), "day 0"),
        ({"region_cap_base": np.array([49.0, np.inf])}, even(0, 1, 100.0), "region 1"),
        ({"channel_cap_base": np.array([np.inf, 49.0])}, even(0, 1, 100.0), "channel 2"),
        ({"maximum_base": np.array([[24.0, np.inf], [np.inf, np.inf]])}, even(2, 1, 100.0), "channel 1 in region 1"),
    ],
)
def test_every_limit_is_kept_and_named(changed: dict[str, object], asked: PlannedDays, named: str) -> None:
    with pytest.raises(OverspendError, match=named):
        empty(**changed).with_committed(asked)


def test_cells_of_a_day_share_it() -> None:
    ledger = empty().with_added(even(0, 1, 120.0)).with_added(even(0, 1, 80.0))
    assert ledger.committed_base[0].sum() == pytest.approx(200.0)
    with pytest.raises(OverspendError, match="day 0"):
        ledger.with_added(even(0, 1, 1.0))


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["commit", "add", "reserve", "release", "spend"]),
            st.integers(0, DAYS - 1),
            st.integers(1, 3),
            st.floats(0.0, 260.0),
        ),
        max_size=25,
    )
)
def test_whatever_is_asked_grants_keep_the_limits(asked: list[tuple[str, int, int, float]]) -> None:
    """What is granted for the days to come fits in what was left when it was granted."""
    ledger = empty()
    for what, first, length, amount in asked:
        part = even(first, min(length, DAYS - first), amount)
        before = ledger
        try:
            if what == "commit":
                ledger = ledger.with_committed(part)
            elif what == "add":
                ledger = ledger.with_added(part)
            elif what == "reserve":
                ledger = ledger.with_reserved(part)
            elif what == "release":
                ledger = ledger.without_reserved()
            elif not ledger.has_spent[first]:  # platforms spend what they were given, or less; a later correction may
                # bring back what was given to others meanwhile, and that is no grant
                granted = ledger.committed_base[first]
                ledger = ledger.with_spent(first, granted * min(amount / 260.0, 1.0))
        except OverspendError:
            assert ledger is before
        counted = ledger.counted_base
        assert counted.sum() <= 600.0 * (1.0 + 2.0 * ROUNDING)
        assert counted[:, 0].sum() <= 400.0 * (1.0 + 2.0 * ROUNDING)
        assert counted[..., 1].sum() <= 350.0 * (1.0 + 2.0 * ROUNDING)
        assert (ledger.committed_base.sum(axis=(1, 2, 3)) <= 200.0 * (1.0 + 2.0 * ROUNDING)).all()


FREE = {"region_cap_base": np.full(REGIONS, np.inf), "channel_cap_base": np.full(CHANNELS, np.inf)}


def test_overspent_money_bars_no_grant_of_less() -> None:
    """Platforms spent more than there is: nothing more is granted, but less may be, and a day may get nothing."""
    ledger = empty(**FREE).with_committed(even(0, 4, 150.0))
    over = ledger.with_spent(0, even(0, 1, 650.0).spend_base[0])
    assert over.overspent_base(1) == pytest.approx(50.0)  # what is granted for the days ahead can still be cut
    with pytest.raises(
        OverspendError, match=r"The budget is 600.00, and 1,100.00 is spent and committed .* 1.00 too much"
    ):
        over.with_committed(even(1, 1, 151.0))
    less = over.with_committed(even(1, 2, 50.0))
    assert less.counted_base.sum() == pytest.approx(900.0)
    assert less.with_added(even(1, 1, 0.0)).counted_base.sum() == pytest.approx(900.0)


def test_a_reservation_that_what_was_spent_leaves_no_money_for_ends() -> None:
    ledger = empty(**FREE).with_reserved(even(1, 3, 150.0))
    assert ledger.with_spent(0, even(0, 1, 100.0).spend_base[0]).reserved is not None
    spent = ledger.with_spent(0, even(0, 1, 500.0).spend_base[0])  # 500 + 450 are more than 600
    assert spent.reserved is None
    assert spent.remaining(1, 2).budget_base == pytest.approx([100.0])


def test_what_nobody_told_of_a_day_counts_what_is_granted_and_is_not_spent() -> None:
    ledger = empty().with_committed(even(0, 2, 100.0))
    told = np.zeros((REGIONS, SEGMENTS, CHANNELS), dtype=np.bool_)
    told[0, :, 0] = True
    part = ledger.with_spent(0, np.full(told.shape, 20.0), told=told)
    assert part.known_spend_base == pytest.approx(40.0)
    assert part.counted_base[0].sum() == pytest.approx(40.0 + 6 * 12.5)
    assert part.has_spent.tolist() == [True] + [False] * (DAYS - 1)


def test_a_reservation_that_lived_on_spend_ends_where_that_is_taken_back() -> None:
    """500 granted for a day of which 100 were spent: 500 more are reserved, and then the 100 are not known any more."""
    granted = even(0, 1, 500.0)
    ledger = empty(daily_base=1e9).with_committed(granted).with_spent(0, even(0, 1, 100.0).spend_base[0])
    ledger = ledger.with_reserved(even(1, 1, 500.0))
    back = ledger.without_spent(0)
    assert back.reserved is None
    assert back.counted_base.sum() == pytest.approx(500.0)
    assert not back.has_spent.any()
    kept = empty(daily_base=1e9).with_committed(granted).with_reserved(even(1, 1, 90.0)).without_spent(0)
    assert kept.reserved is not None
