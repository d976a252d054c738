"""Money moved at prices: the best within every limit, to the law of equal marginal values, and world by world."""

import numpy as np
import pytest

from xbopt.agents.planner.floor_ahead import FloorAhead
from xbopt.agents.planner.reallocation import CellsAhead, keeps_floor, reallocate
from xbopt.core.arrays import FloatArray
from xbopt.core.decisions.limits import Limits, Remaining

SHAPE = (3, 2, 2, 3)  # K, R, S, C
POWER = np.array([0.75, 0.9, 0.85])
WORLDS = 8
FREE = np.inf


def cells(*, least: float = -2.0, seed: int = 5) -> CellsAhead:
    rng = np.random.default_rng(seed)
    spend = rng.uniform(20.0, 200.0, SHAPE)
    return CellsAhead(
        spend_base=spend,
        dearest_base=spend / 7.0,
        place_base=spend / 7.0,
        log_zeta=np.log(rng.uniform(0.2, 3.0, SHAPE)),
        log_value=np.zeros(SHAPE),
        least=np.full(SHAPE, least),
        most=np.full(SHAPE, 2.0),
        promised=np.zeros(SHAPE),
        power=POWER,
    )


def limits(
    *, daily: float = FREE, region: float = FREE, channel: float = FREE, maximum: float = FREE, total: float = FREE
) -> Limits:
    """Limits of the first region, the first channel, and the first channel in the first region."""
    _, regions, segments, channels = SHAPE
    region_cap, channel_cap = np.full(regions, FREE), np.full(channels, FREE)
    most = np.full((regions, channels), FREE)
    region_cap[0], channel_cap[0], most[0, 0] = region, channel, maximum
    nothing = np.zeros((regions, segments, channels))
    return Limits(
        total_base=total,
        daily_base=daily,
        region_cap_base=region_cap,
        channel_cap_base=channel_cap,
        minimum_base=nothing,
        maximum_base=most,
        locked=nothing > 0.0,
        lock_base=nothing,
        discount_ceiling=np.ones((regions, segments)),
        audience=np.ones((regions, 1)),
    )


def ratios(seed: int = 6, size: float = 0.3) -> FloatArray:
    return np.random.default_rng(seed).normal(0.0, size, (WORLDS, *SHAPE[1:]))


def marginal(plan: CellsAhead, log_ratio: FloatArray, x: FloatArray) -> FloatArray:
    """``log(m v) - (1-w) x - 2 log((1 + zeta e^(wx)) / (1 + zeta))``, written out."""
    zeta = np.exp(plan.log_zeta)
    bent = np.log((1.0 + zeta * np.exp(POWER * x)) / (1.0 + zeta))
    return log_ratio[:, None] + plan.log_value - (1.0 - POWER) * x - 2.0 * bent


def solved(bounds: Limits, log_ratio: FloatArray, plan: CellsAhead) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Spend, log of marginal values, and which cells are off their bounds, ``(B, K, R, S, C)`` each."""
    x = reallocate(plan, log_ratio, bounds, Remaining.at_start(bounds, WORLDS), 0.0)
    return plan.spend_base * np.exp(x), marginal(plan, log_ratio, x), np.abs(x) < 2.0 - 1e-9


def test_where_all_is_as_planned_nothing_moves():
    plan = cells()
    x = reallocate(plan, np.zeros((1, *SHAPE[1:])), limits(), Remaining.at_start(limits(), 1), 0.0)
    assert np.abs(x).max() < 1e-12


def test_money_that_is_not_scarce_brings_what_it_costs_everywhere():
    _, value, inside = solved(limits(), ratios(), cells())
    assert inside.mean() > 0.8
    assert np.abs(value[inside]).max() < 1e-9


def test_a_budget_that_binds_is_spent_and_brings_the_same_everywhere():
    plan = cells()
    total = 0.6 * plan.spend_base.sum()
    spend, value, inside = solved(limits(total=total), ratios(), plan)
    assert spend.sum(axis=(1, 2, 3, 4)) == pytest.approx(np.full(WORLDS, total), rel=1e-9)
    for world in range(WORLDS):
        price = value[world][inside[world]]
        assert np.ptp(price) < 1e-9
        assert price[0] > 0.0


def test_what_a_region_may_not_spend_goes_where_it_is_worth_most():
    """The region's cells bring more than money costs elsewhere, and the budget that it leaves is spent elsewhere."""
    plan = cells()
    total = 0.5 * plan.spend_base.sum()
    cap = 0.4 * plan.spend_base[:, 0].sum()
    spend, value, inside = solved(limits(total=total, region=cap), ratios(), plan)
    assert spend[:, :, 0].sum(axis=(1, 2, 3)) == pytest.approx(np.full(WORLDS, cap), rel=1e-6)
    assert spend.sum(axis=(1, 2, 3, 4)) == pytest.approx(np.full(WORLDS, total), rel=1e-6)
    for world in range(WORLDS):
        here, there = value[world, :, 0][inside[world, :, 0]], value[world, :, 1][inside[world, :, 1]]
        assert max(np.ptp(here), np.ptp(there)) < 1e-5
        assert here.mean() > there.mean() >= -1e-9


def test_caps_that_cross_are_both_kept_and_their_prices_add_up():
    """With a region's and a channel's cap, a cell's cost is 1 plus both prices: differences of exp(value) are equal."""
    plan = cells()
    bounds = limits(region=0.5 * plan.spend_base[:, 0].sum(), channel=0.5 * plan.spend_base[..., 0].sum())
    spend, value, inside = solved(bounds, ratios(size=0.1), plan)
    assert (spend[:, :, 0].sum(axis=(1, 2, 3)) <= bounds.region_cap_base[0] * (1.0 + 1e-6)).all()
    assert (spend[..., 0].sum(axis=(1, 2, 3)) <= bounds.channel_cap_base[0] * (1.0 + 1e-6)).all()
    cost = np.where(inside, np.exp(value), np.nan)
    both, region = np.nanmean(cost[:, :, 0, :, 0], axis=(1, 2)), np.nanmean(cost[:, :, 0, :, 1:], axis=(1, 2, 3))
    channel, none = np.nanmean(cost[:, :, 1, :, 0], axis=(1, 2)), np.nanmean(cost[:, :, 1, :, 1:], axis=(1, 2, 3))
    assert np.abs(both - region - channel + none).max() < 1e-4
    assert np.abs(none - 1.0).max() < 1e-9


def test_pacing_and_maximums_hold_on_the_dearest_day_of_every_block():
    plan = cells()
    daily, maximum = 0.7 * plan.dearest_base.sum(axis=(1, 2, 3)).max(), 0.5 * plan.place_base[:, 0, :, 0].sum(1).max()
    spend, _, _ = solved(limits(daily=daily, maximum=maximum), ratios(), plan)
    a_day = spend / 7.0
    assert a_day.sum(axis=(2, 3, 4)).max() <= daily * (1.0 + 1e-6)
    assert a_day[:, :, 0, :, 0].sum(axis=2).max() <= maximum * (1.0 + 1e-6)


def test_a_minimum_holds_a_cell_up_at_its_bound():
    spend, _, _ = solved(limits(), ratios() - 2.5, cells(least=-0.4))
    assert spend == pytest.approx(np.broadcast_to(cells().spend_base * np.exp(-0.4), spend.shape))


def test_a_return_floor_prices_money_until_it_is_kept():
    """What cells bring is the integral of their marginal value; spend stops where the whole brings (1 + f) of it."""
    plan, rate = cells(), 0.3
    zeta = np.exp(plan.log_zeta)
    # By the hyperbola a unit at the plan brings 1 at the margin: V w / (1 + zeta) = spend.
    value = plan.spend_base * (1.0 + zeta) / POWER
    nothing = np.zeros(WORLDS)
    hardly = np.linspace(0.5, 3.0, WORLDS)  # spent before, and nothing brought
    floor = FloorAhead(
        rate=rate, value_base=value, past_value_base=nothing, past_spend_base=hardly * plan.spend_base.sum()
    )
    bounds = limits()
    log_ratio = ratios(size=0.1)
    x = reallocate(plan, log_ratio, bounds, Remaining.at_start(bounds, WORLDS), 0.0, floor)
    lost = reallocate(plan, log_ratio, bounds, Remaining.at_start(bounds, WORLDS), 0.0)
    brought = value * np.exp(log_ratio)[:, None] * np.exp(POWER * x) * (1.0 + zeta) / (1.0 + zeta * np.exp(POWER * x))
    total = brought.sum(axis=(1, 2, 3, 4))
    spent = (plan.spend_base * np.exp(x)).sum(axis=(1, 2, 3, 4)) + floor.past_spend_base
    kept = keeps_floor(plan, log_ratio, x, floor)
    assert 0 < kept.sum() < WORLDS
    assert (total[kept] >= (1.0 + rate) * spent[kept] * (1.0 - 1e-3)).all()
    assert (x <= lost + 1e-9).all()
    # Where it cannot be kept, a unit brings what the floor asks: nothing would come nearer.
    assert np.abs(marginal(plan, log_ratio, x)[~kept] - np.log(1.0 + rate)).max() < 1e-6


def test_a_world_is_answered_as_if_it_stood_alone_to_the_bit():
    plan = cells()
    bounds = limits(total=0.7 * plan.spend_base.sum(), region=0.3 * plan.spend_base.sum())
    left = Remaining.at_start(bounds, WORLDS)
    scarce = np.linspace(0.2, 2.0, WORLDS)
    left = Remaining(
        budget_base=left.budget_base * scarce, region_base=left.region_base, channel_base=left.channel_base
    )
    together = reallocate(plan, ratios(), bounds, left, 0.1)
    for world in range(WORLDS):
        one = slice(world, world + 1)
        alone = Remaining(
            budget_base=left.budget_base[one], region_base=left.region_base[one], channel_base=left.channel_base[one]
        )
        assert np.array_equal(together[one], reallocate(plan, ratios()[one], bounds, alone, 0.1))
