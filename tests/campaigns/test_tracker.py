"""What the tracker shows of a campaign: what the simulated seller sees, whatever split the books have."""

from dataclasses import replace

import numpy as np
import pytest

from tests.campaigns.campaigns_played import exports_of, only, play_campaign
from xbopt.campaigns.actuals.actual_day import FIGURES, ActualDay
from xbopt.campaigns.tracking.tracker import Tracked, track
from xbopt.core.decisions.planned_days import PlannedDays
from xbopt.core.errors import UsageError
from xbopt.core.scenario.loading import load_scenario, shipped_scenarios
from xbopt.env.observation import CELL_FEATURES, CHANNEL_FEATURES
from xbopt.simulator.build import build_market


def features(observation):
    return np.concatenate([part.ravel() for part in (observation.regions, observation.cells, observation.channels)])


def channel(observation, name):
    return observation.channels[..., CHANNEL_FEATURES.index(name)]


def cell(observation, name):
    return observation.cells[..., CELL_FEATURES.index(name)]


@pytest.mark.parametrize("name", shipped_scenarios())
def test_with_full_books_it_sees_what_the_simulated_seller_sees(name):
    market = build_market(load_scenario(name))
    days = min(market.scenario.days, 40)
    told, planned, seen, run = play_campaign(market, days, world=3)
    tracked = Tracked.start(market, told[0])
    for day in range(days):
        np.testing.assert_allclose(features(tracked.observe()), features(seen[day]), rtol=0.0, atol=1e-9)
        tracked = tracked.after(planned.decision(day), told[day + 1])
    np.testing.assert_allclose(features(tracked.observe()), features(seen[-1]), rtol=0.0, atol=1e-9)
    assert tracked.state.remaining.budget_base == pytest.approx(run.state.remaining.budget_base)
    assert not tracked.missing


def test_a_day_at_a_time_is_the_whole_at_once(quickstart):
    told, planned, _, _ = play_campaign(quickstart, 8)
    tracked = Tracked.start(quickstart, told[0])
    for day in range(8):
        tracked = tracked.after(planned.decision(day), told[day + 1])
    assert np.array_equal(features(track(quickstart, told, planned).observe()), features(tracked.observe()))


def test_region_totals_give_the_pooled_ratios_of_full_books(launch):
    """Exports tell no segments. What they do tell must come out as if all had been told."""
    told, planned, _, _ = play_campaign(launch, 30, world=1)
    full = track(launch, told, planned)
    # The same mornings, so that the only difference is the split.
    mornings = [only(day, lambda name, array: array if FIGURES[name].next_morning else None) for day in told]
    exports = [
        ActualDay(day=day.day, figures={**morning.figures, **exports_of(day).figures})
        for day, morning in zip(told, mornings, strict=True)
    ]
    part = track(launch, exports, planned)
    for name in ("visits_in_channel_log", "visits_in_region_log"):
        np.testing.assert_allclose(channel(part.observe(), name), channel(full.observe(), name), atol=0.01)
    for name in ("visits", "impressions", "revenue_base", "orders"):
        for side in ("observed", "modelled"):
            ours = getattr(getattr(part.nominal, side), name).sum(axis=2)
            theirs = getattr(getattr(full.nominal, side), name).sum(axis=2)
            np.testing.assert_allclose(ours, theirs, rtol=1e-9 if side == "observed" else 0.02)


def test_what_is_not_told_changes_no_ratio(quickstart):
    told, planned, _, _ = play_campaign(quickstart, 12)
    before = track(quickstart, told[:12], planned).observe()
    nothing = only(told[12], lambda name, array: np.full_like(array, np.nan) if name in full_figures else array)
    for last in (None, nothing):
        days = [*told[:12], *([] if last is None else [last])]
        after = track(quickstart, days, planned, until=12).observe()
        for name in [name for name in CHANNEL_FEATURES if name.endswith("_log") and name != "modelled_return_log"]:
            assert np.array_equal(channel(after, name), channel(before, name)), name
        for name in CELL_FEATURES[-5:]:
            assert np.array_equal(cell(after, name), cell(before, name)), name


full_figures = {"clicks", "visits", "impressions", "orders", "first_orders", "gross_revenue_base", "net_revenue_base"}


@pytest.mark.parametrize(
    "kept",
    [
        set(),
        {"spend_base"},
        {"clicks"},
        {"visits"},
        {"orders"},
        {"net_revenue_base"},
        {"gross_revenue_base"},
        {"orders", "gross_revenue_base"},
        {"spend_base", "clicks", "orders", "stock"},
        {"customers"},
    ],
)
def test_whatever_is_told_every_feature_is_a_number(launch, kept):
    told, planned, _, _ = play_campaign(launch, 6)
    for change in (lambda array: array, lambda array: array.sum(axis=tuple(range(array.ndim)), keepdims=True)):
        days = [only(day, lambda name, array, change=change: change(array) if name in kept else None) for day in told]
        tracked = track(launch, days, planned)
        assert np.isfinite(features(tracked.observe())).all()
        assert tracked.missing == ()


def test_a_day_without_books_spends_what_was_committed_and_is_counted(quickstart):
    told, planned, _, _ = play_campaign(quickstart, 6)
    tracked = track(quickstart, [day for day in told if day.day != 3], planned)
    assert tracked.missing == (3,)
    over = tracked.days[3]
    np.testing.assert_allclose(over.filled.results.decision.spend_base[0], planned.spend_base[3])
    assert np.array_equal(over.filled.results.orders, over.modelled.orders)


def test_money_that_was_not_spent_is_still_there(quickstart):
    told, planned, _, _ = play_campaign(quickstart, 3)
    half = replace(told[3], figures={**told[3].figures, "spend_base": 0.5 * told[3].figures["spend_base"]})
    full, less = track(quickstart, told, planned), track(quickstart, [*told[:3], half], planned)
    saved = less.state.remaining.budget_base - full.state.remaining.budget_base
    assert saved == pytest.approx(0.5 * planned.spend_base[2].sum())


def test_more_than_the_limit_can_have_been_spent(quickstart):
    """Platforms overspend. What was spent is what the model plays, and nothing of it is cut."""
    told, planned, _, _ = play_campaign(quickstart, 2)
    much = quickstart.scenario.limits.total_base
    spend = np.full_like(told[2].figures["spend_base"], much)
    tracked = track(quickstart, [*told[:2], ActualDay(day=1, figures={"spend_base": spend})], planned)
    assert tracked.days[1].modelled.decision.spend_base.sum() == pytest.approx(spend.sum())
    assert tracked.state.remaining.budget_base == 0.0


def test_a_later_report_corrects_an_earlier_one(quickstart):
    told, planned, _, _ = play_campaign(quickstart, 4)
    orders = told[2].figures["orders"] + 5.0
    late = ActualDay(
        day=1, figures={"orders": np.where(np.arange(orders.size).reshape(orders.shape) == 0, orders, np.nan)}
    )
    tracked = track(quickstart, [*told, late], planned)
    expected = told[2].figures["orders"].copy()
    expected.flat[0] += 5.0
    assert np.array_equal(tracked.days[1].filled.results.orders[0], expected)


def test_customers_move_by_the_orders_that_came(quickstart):
    told, planned, _, run = play_campaign(quickstart, 20, world=2)
    drop = {"customers"}
    own = track(quickstart, [only(day, lambda n, a: None if n in drop else a) for day in told], planned)
    blind = track(quickstart, [], planned, until=20)
    truth = run.state.customers[..., 1:4].sum(axis=3)
    off, blind_off = (np.abs(each.seen.customers[..., 1:4].sum(axis=3) / truth - 1.0).mean() for each in (own, blind))
    assert off < 0.5 * blind_off


def test_it_says_what_was_not_committed(quickstart):
    _, planned, _, _ = play_campaign(quickstart, 3)
    with pytest.raises(UsageError, match="covers the days 0 to 2"):
        track(quickstart, [], planned, until=4)
    late = PlannedDays(
        first_day=1,
        spend_base=planned.spend_base,
        daypart_weights=planned.daypart_weights,
        discount_frac=planned.discount_frac,
        mechanic=planned.mechanic,
    )
    with pytest.raises(UsageError, match="from 0 on"):
        track(quickstart, [], late, until=2)
