"""The projection: whatever is asked for, what comes out keeps every limit, and the report says what was changed."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xbopt.core.decisions.decision import Decision
from xbopt.core.decisions.feasibility import project
from xbopt.core.decisions.limits import Limits, Remaining
from xbopt.core.errors import DecisionError

ARRAYS = ("spend_base", "daypart_weights", "discount_frac", "mechanic")


def limits_of(shape: tuple[int, int, int] = (1, 1, 2), **changes: object) -> Limits:
    """Wide limits for ``(R, S, C)``, with two dayparts; ``changes`` narrow them."""
    regions, segments, channels = shape
    wide = Limits(
        total_base=1000.0,
        daily_base=100.0,
        region_cap_base=np.full(regions, np.inf),
        channel_cap_base=np.full(channels, np.inf),
        minimum_base=np.zeros(shape),
        maximum_base=np.full((regions, channels), np.inf),
        locked=np.zeros(shape, dtype=np.bool_),
        lock_base=np.zeros(shape),
        discount_ceiling=np.full((regions, segments), 0.3),
        audience=np.tile([0.25, 0.75], (regions, 1)),
    )
    return replace(wide, **changes)


def decision_of(spend: object, *, weights: object = (0.5, 0.5), discount: float = 0.0) -> Decision:
    """One world's decision from spend ``(R, S, C)``."""
    array = np.array(spend, dtype=np.float64)[None]
    regions, segments, channels = array.shape[1:]
    return Decision(
        spend_base=array,
        daypart_weights=np.tile(np.array(weights, dtype=np.float64), (1, regions, channels, 1)),
        discount_frac=np.full((1, regions, segments), discount),
        mechanic=np.zeros((1, regions, segments), dtype=np.int64),
    )


def projected(spend: object, limits: Limits, **remaining: float):
    """Spend ``(R, S, C)`` after projection, and the report."""
    left = Remaining.at_start(limits, 1)
    left = replace(left, **{name: np.array([value]) for name, value in remaining.items()})
    result, report = project(decision_of(spend), limits, left)
    return result.spend_base[0], report


# ---- by hand. Tolerance 1e-9: the projection aims a hundred-billionth (1e-11) below a cap that binds.


def test_the_day_cap_scales_in_proportion():
    spend, report = projected([[[150.0, 50.0]]], limits_of())
    np.testing.assert_allclose(spend, [[[75.0, 25.0]]], rtol=1e-9)
    assert report.cut_base[0] == pytest.approx(100.0)
    assert report.raised_base[0] == report.unmet_base[0] == 0.0


def test_the_budget_left_caps_the_day():
    spend, _ = projected([[[15.0, 5.0]]], limits_of(), budget_base=10.0)
    np.testing.assert_allclose(spend, [[[7.5, 2.5]]], rtol=1e-9)


def test_region_and_channel_caps_scale_their_own_part_only():
    limits = limits_of((2, 1, 2), region_cap_base=np.array([10.0, np.inf]), channel_cap_base=np.array([np.inf, 12.0]))
    spend, _ = projected([[[15.0, 5.0]], [[3.0, 21.5]]], limits)
    # Region 0: 20 -> 10, so (7.5, 2.5). Channel 1 then holds 2.5 + 21.5 = 24 -> 12: (1.25, 10.75).
    np.testing.assert_allclose(spend, [[[7.5, 1.25]], [[3.0, 10.75]]], rtol=1e-9)


def test_a_lock_replaces_and_a_minimum_lifts():
    limits = limits_of(
        minimum_base=np.array([[[0.0, 8.0]]]), locked=np.array([[[True, False]]]), lock_base=np.array([[[5.0, 0.0]]])
    )
    spend, report = projected([[[50.0, 2.0]]], limits)
    np.testing.assert_array_equal(spend, [[[5.0, 8.0]]])
    assert (report.cut_base[0], report.raised_base[0], report.unmet_base[0]) == (45.0, 6.0, 0.0)


def test_a_lock_at_zero_is_a_lock():
    spend, _ = projected([[[50.0, 2.0]]], limits_of(locked=np.array([[[True, False]]])))
    np.testing.assert_array_equal(spend, [[[0.0, 2.0]]])


def test_scaling_spares_locks_and_minimums():
    limits = limits_of(
        minimum_base=np.array([[[20.0, 0.0]]]), locked=np.array([[[False, True]]]), lock_base=np.array([[[30.0, 30.0]]])
    )
    # 20 + 30 are fixed; of the 100 above the minimum only 50 fit under the day cap of 100.
    spend, report = projected([[[120.0, 0.0]]], limits)
    np.testing.assert_allclose(spend, [[[70.0, 30.0]]], rtol=1e-9)
    assert spend[0, 0, 1] == 30.0
    assert report.unmet_base[0] == 0.0


def test_a_maximum_holds_for_all_segments_of_a_region_together():
    limits = limits_of((1, 2, 2), maximum_base=np.array([[12.0, np.inf]]))
    # Channel 0: 6 + 18 = 24 -> 12, in proportion. Channel 1 has no maximum.
    spend, report = projected([[[6.0, 4.0], [18.0, 5.0]]], limits)
    np.testing.assert_allclose(spend, [[[3.0, 4.0], [9.0, 5.0]]], rtol=1e-9)
    assert report.cut_base[0] == pytest.approx(12.0)


def test_a_maximum_spares_locks_and_minimums():
    limits = limits_of(
        (1, 3, 1),
        maximum_base=np.array([[20.0]]),
        minimum_base=np.array([[[0.0], [4.0], [0.0]]]),
        locked=np.array([[[True], [False], [False]]]),
        lock_base=np.array([[[6.0], [0.0], [0.0]]]),
    )
    # 6 + 4 are promised, so 10 are left for the 16 and 4 above them: half.
    spend, report = projected([[[0.0], [20.0], [4.0]]], limits)
    np.testing.assert_allclose(spend, [[[6.0], [12.0], [2.0]]], rtol=1e-9)
    assert report.unmet_base[0] == 0.0


def test_a_maximum_below_its_floors_cuts_them_and_says_so():
    limits = limits_of((1, 2, 1), maximum_base=np.array([[15.0]]), minimum_base=np.array([[[20.0], [10.0]]]))
    spend, report = projected([[[0.0], [0.0]]], limits)
    np.testing.assert_allclose(spend, [[[10.0], [5.0]]], rtol=1e-9)
    assert report.unmet_base[0] == pytest.approx(15.0)


def test_floors_larger_than_the_day_cap_are_scaled_and_reported():
    limits = limits_of(daily_base=30.0, minimum_base=np.array([[[40.0, 20.0]]]))
    spend, report = projected([[[100.0, 100.0]]], limits)
    np.testing.assert_allclose(spend, [[[20.0, 10.0]]], rtol=1e-9)
    assert report.unmet_base[0] == pytest.approx(30.0)


def test_floors_larger_than_a_region_cap_leave_the_other_region_alone():
    limits = limits_of((2, 1, 1), region_cap_base=np.array([5.0, np.inf]), minimum_base=np.array([[[20.0]], [[30.0]]]))
    spend, report = projected([[[50.0]], [[40.0]]], limits)
    # Region 0 pays 5 of its 20 and nothing else; region 1 keeps 40.
    np.testing.assert_allclose(spend, [[[5.0]], [[40.0]]], rtol=1e-9)
    assert report.unmet_base[0] == pytest.approx(15.0)


def test_floors_larger_than_a_channel_cap_are_cut_across_regions():
    limits = limits_of((2, 1, 1), channel_cap_base=np.array([10.0]), minimum_base=np.array([[[30.0]], [[10.0]]]))
    spend, report = projected([[[0.0]], [[0.0]]], limits)
    np.testing.assert_allclose(spend, [[[7.5]], [[2.5]]], rtol=1e-9)
    assert report.unmet_base[0] == pytest.approx(30.0)


def test_an_empty_purse_pays_nothing():
    spend, report = projected([[[9.0, 1.0]]], limits_of(minimum_base=np.array([[[4.0, 0.0]]])), budget_base=0.0)
    np.testing.assert_array_equal(spend, 0.0)
    assert report.unmet_base[0] == 4.0


def test_negative_spend_becomes_zero_and_is_reported():
    spend, report = projected([[[-7.0, 3.0]]], limits_of())
    np.testing.assert_array_equal(spend, [[[0.0, 3.0]]])
    assert (report.cut_base[0], report.raised_base[0]) == (0.0, 7.0)


def test_discounts_are_brought_between_zero_and_the_ceiling():
    decision = replace(decision_of([[[1.0]], [[1.0]], [[1.0]]]), discount_frac=np.array([[[0.5], [-0.1], [0.2]]]))
    limits = limits_of((3, 1, 1))
    result, report = project(decision, limits, Remaining.at_start(limits, 1))
    np.testing.assert_array_equal(result.discount_frac, [[[0.3], [0.0], [0.2]]])
    assert report.discounts_cut[0] == 2


@pytest.mark.parametrize(
    ("weights", "wanted", "mended"),
    [
        ((0.0, 0.0), (0.25, 0.75), 2),  # empty: the audience's day, in each of the two channels
        ((-1.0, 3.0), (0.0, 1.0), 2),
        ((1.0, 3.0), (0.25, 0.75), 0),  # weights are relative
        ((0.1, 0.9), (0.1, 0.9), 0),
    ],
)
def test_daypart_rows_sum_to_one(weights, wanted, mended):
    limits = limits_of()
    result, report = project(decision_of([[[1.0, 1.0]]], weights=weights), limits, Remaining.at_start(limits, 1))
    np.testing.assert_array_equal(result.daypart_weights[0, 0], [wanted, wanted])
    assert report.dayparts_mended[0] == mended


def test_a_fine_daypart_row_keeps_its_bits_whatever_the_other_worlds_hold():
    row = np.array([0.1 + 0.2, 1.0 - (0.1 + 0.2)])
    row[1] = np.nextafter(row[1], 0.0)  # sums to a hair below 1
    alone = decision_of([[[1.0, 1.0]]], weights=row)
    other = decision_of([[[1.0, 1.0]]], weights=(0.0, 0.0))
    both = Decision(**{name: np.concatenate([getattr(alone, name), getattr(other, name)]) for name in ARRAYS})
    limits = limits_of()
    result, _ = project(both, limits, Remaining.at_start(limits, 2))
    np.testing.assert_array_equal(result.daypart_weights[0], alone.daypart_weights[0])


def test_a_value_that_is_no_number_is_refused_by_array_and_place():
    decision = decision_of([[[1.0, np.nan]]])
    limits = limits_of()
    with pytest.raises(DecisionError, match=r"spend_base holds a value that is no finite number at \(0, 0, 0, 1\)"):
        project(decision, limits, Remaining.at_start(limits, 1))


def test_a_purse_of_another_number_of_worlds_is_refused():
    limits = limits_of()
    with pytest.raises(DecisionError, match=r"remaining\.budget_base has shape"):
        project(decision_of([[[1.0, 1.0]]]), limits, Remaining.at_start(limits, 3))


# ---- properties

ODD_AMOUNTS = (0.0, 5e-324, 1e-310, 1e-9, 0.01, 0.1, 1.0, 3.3, 10.0, 77.7, 1000.0, 1e6)


def make_problem(seed: int) -> tuple[Limits, list[Decision]]:
    """Limits and one to five decisions for two worlds: odd and even amounts, in up to 3 x 2 x 3 places."""
    generator = np.random.default_rng(seed)
    shape = tuple(int(n) for n in generator.integers(1, (4, 3, 4)))
    regions, segments, channels = shape

    def amounts(size, *, often_zero=0.0, often_infinite=0.0, high=1e3):
        odd, even = generator.choice(ODD_AMOUNTS, size=size), generator.uniform(0.0, high, size=size)
        array = np.where(generator.random(size) < 0.5, odd, even)
        array = np.where(generator.random(size) < often_infinite, np.inf, array)
        return np.where(generator.random(size) < often_zero, 0.0, array)

    total = float(generator.choice([0.01, 1.0, 300.0, 28_000.0, 1e6, generator.uniform(0.01, 1e6)]))
    zeros = float(generator.choice([0.5, 0.9, 1.0]))
    locked = generator.random(shape) < 0.2
    limits = limits_of(
        shape,
        total_base=total,
        daily_base=total * float(generator.choice([1.0, generator.uniform(0.01, 1.0)])),
        region_cap_base=amounts(regions, often_infinite=0.5),
        channel_cap_base=amounts(channels, often_infinite=0.5),
        minimum_base=amounts(shape, often_zero=zeros, high=100.0),
        maximum_base=amounts((regions, channels), often_infinite=float(generator.choice([0.5, 1.0]))),
        locked=locked,
        lock_base=np.where(locked, amounts(shape, often_zero=zeros, high=100.0), 0.0),
        discount_ceiling=generator.uniform(0.0, 0.9, size=(regions, segments)),
    )
    decisions = [
        Decision(
            spend_base=amounts((2, *shape), high=float(generator.choice([1.0, 1e3, 1e9])))
            - generator.choice([0.0, 5.0]),
            daypart_weights=generator.choice([0.0, -1.0, 0.5, 5e-324, generator.random()], (2, regions, channels, 2)),
            discount_frac=generator.uniform(-0.2, 1.2, size=(2, regions, segments)),
            mechanic=np.zeros((2, regions, segments), dtype=np.int64),
        )
        for _ in range(int(generator.integers(1, 6)))
    ]
    return limits, decisions


def problems():
    return st.integers(0, 2**32 - 1).map(make_problem)


def check_feasible(decision: Decision, limits: Limits, left: Remaining, unmet: np.ndarray) -> None:
    spend = decision.spend_base
    assert (spend >= 0.0).all()
    assert (spend.sum(axis=(1, 2, 3)) <= np.minimum(left.budget_base, limits.daily_base)).all()
    assert (spend.sum(axis=2) <= limits.maximum_base).all()
    assert (spend.sum(axis=(2, 3)) <= left.region_base).all()
    assert (spend.sum(axis=(1, 2)) <= left.channel_base).all()
    assert ((decision.discount_frac >= 0.0) & (decision.discount_frac <= limits.discount_ceiling)).all()
    assert (decision.daypart_weights >= 0.0).all()
    np.testing.assert_allclose(decision.daypart_weights.sum(axis=3), 1.0, atol=1e-12)
    met = unmet == 0.0
    floor = np.where(limits.locked, limits.lock_base, limits.minimum_base)
    assert (spend[met] >= floor).all()
    assert (spend <= np.where(limits.locked, limits.lock_base, np.inf)).all()


@settings(max_examples=300)
@given(problem=problems())
def test_every_limit_is_kept_on_every_day_of_a_horizon(problem):
    limits, decisions = problem
    left = Remaining.at_start(limits, 2)
    spent = np.zeros((2, *limits.locked.shape))
    for decision in decisions:
        result, report = project(decision, limits, left)
        check_feasible(result, limits, left, report.unmet_base)
        spent += result.spend_base
        left = left.after(result.spend_base)
    # Adding up a horizon rounds: at most 5 days of 18 numbers, each within 2**-53.
    slack = 1.0 + 100 * 2.0**-53
    assert (spent.sum(axis=(1, 2, 3)) <= limits.total_base * slack).all()
    assert (spent.sum(axis=(2, 3)) <= limits.region_cap_base * slack).all()
    assert (spent.sum(axis=(1, 2)) <= limits.channel_cap_base * slack).all()


@settings(max_examples=300)
@given(problem=problems())
def test_a_second_projection_changes_no_bit(problem):
    limits, decisions = problem
    left = Remaining.at_start(limits, 2)
    once, _ = project(decisions[0], limits, left)
    twice, report = project(once, limits, left)
    for name in ARRAYS:
        np.testing.assert_array_equal(getattr(twice, name), getattr(once, name), err_msg=name)
    assert not report.cut_base.any()
    assert not report.raised_base.any()
    assert not report.discounts_cut.any()
    assert not report.dayparts_mended.any()


@settings(max_examples=200)
@given(problem=problems())
def test_the_report_accounts_for_every_change_of_spend(problem):
    limits, decisions = problem
    decision = decisions[0]
    result, report = project(decision, limits, Remaining.at_start(limits, 2))
    change = result.spend_base - decision.spend_base
    # Sums of the same terms in another order: equal to rounding.
    raised, cut_away = np.maximum(change, 0.0).sum(axis=(1, 2, 3)), np.maximum(-change, 0.0).sum(axis=(1, 2, 3))
    np.testing.assert_allclose(report.raised_base, raised, rtol=1e-12)
    np.testing.assert_allclose(report.cut_base, cut_away, rtol=1e-12)
    cut = (result.discount_frac != decision.discount_frac).sum(axis=(1, 2))
    np.testing.assert_array_equal(report.discounts_cut, cut)


@settings(max_examples=200)
@given(problem=problems())
def test_a_world_is_projected_alike_alone_and_in_a_batch(problem):
    limits, decisions = problem
    decision = decisions[0]
    together, _ = project(decision, limits, Remaining.at_start(limits, 2))
    for world in range(2):
        one = Decision(**{name: getattr(decision, name)[world : world + 1] for name in ARRAYS})
        alone, _ = project(one, limits, Remaining.at_start(limits, 1))
        for name in ARRAYS:
            np.testing.assert_array_equal(getattr(alone, name)[0], getattr(together, name)[world], err_msg=name)
