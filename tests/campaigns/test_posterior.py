"""What is learnt of a world: nothing from nothing, the truth from much, and never more than the data say."""

from importlib.resources import files

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.campaigns.campaigns_played import exports_of, only, play_campaign
from xbopt.agents.policies import built_in_policy
from xbopt.campaigns.tracking.posterior import WorldPosterior, learn, played_along, ratio
from xbopt.campaigns.tracking.tracker import track
from xbopt.core.scenario.loading import load_scenario
from xbopt.simulator.build import build_market
from xbopt.simulator.worlds import average_world, draw_worlds

RATIOS = ("visits", "returns", "conversion", "order_value")


@pytest.fixture(scope="module")
def campaign(quickstart):
    return play_campaign(quickstart, 14, world=4, seed=9)


def test_from_nothing_nothing_is_learnt(quickstart, campaign):
    _, planned, _, _ = campaign
    found = learn(track(quickstart, [], planned, until=14), seed=2, worlds=64)
    prior = draw_worlds(quickstart.scenario, seed=2, worlds=np.arange(64))
    for name in prior.__slots__:
        assert np.array_equal(getattr(found.worlds, name), getattr(prior, name)), name
    for name in RATIOS:
        learnt = getattr(found, name)
        assert np.array_equal(learnt.low, learnt.prior_low)
        assert np.array_equal(learnt.high, learnt.prior_high)
        assert not learnt.told.any()
        np.testing.assert_allclose(learnt.left, 1.0)
    assert found.weighed_share == 1.0


def test_on_the_first_morning_there_is_no_ratio(quickstart, campaign):
    found = learn(track(quickstart, [], campaign[1], until=0), seed=2, worlds=16)
    assert np.isnan(found.visits.mean).all()
    assert len(found.state.stock) == 16


def test_a_market_that_is_certain_has_nothing_to_learn():
    market = build_market(load_scenario("quickstart", overrides=["uncertainty={}"]))
    told, planned, _, _ = play_campaign(market, 7)
    found = learn(track(market, told, planned), seed=2, worlds=16)
    np.testing.assert_allclose(found.visits.mean, 1.0)
    np.testing.assert_allclose(found.visits.left, 1.0)


def test_every_world_stands_where_the_seller_sees_the_campaign(quickstart, campaign):
    told, planned, _, run = campaign
    tracked = track(quickstart, told, planned)
    state = learn(tracked, seed=2, worlds=32).state
    assert state.day == 14
    for name in ("customers", "satisfaction", "usual_demand"):
        seen = np.broadcast_to(getattr(tracked.seen, name), getattr(state, name).shape)
        assert np.array_equal(getattr(state, name), seen), name
    # What nobody sees differs by world, and lies around the truth.
    assert np.ptp(state.living, axis=0).max() > 0.0
    np.testing.assert_allclose(state.carried.mean(axis=0), run.state.carried[0], rtol=0.25)


def test_only_told_regions_are_learnt(quickstart, campaign):
    told, planned, _, _ = campaign

    def first_region(name, array):
        if name not in {"clicks", "orders", "gross_revenue_base"}:
            return None
        hidden = array.copy()
        hidden[1] = np.nan
        return hidden

    found = learn(track(quickstart, [only(day, first_region) for day in told], planned), seed=2)
    assert found.visits.left[0].max() < 0.6
    np.testing.assert_allclose(found.visits.left[1], 1.0, atol=0.02)
    assert found.visits.told[0].all()
    assert not found.visits.told[1].any()
    assert found.conversion.left[0] < 0.9


def test_without_spend_a_channel_says_nothing(quickstart, campaign):
    told, planned, _, _ = campaign
    without = planned.spend_base.copy()
    without[..., 2] = 0.0
    silent = planned.__class__(
        first_day=0,
        spend_base=without,
        daypart_weights=planned.daypart_weights,
        discount_frac=planned.discount_frac,
        mechanic=planned.mechanic,
    )
    market = build_market(load_scenario("quickstart", overrides=["history={before: none}"]))
    found = learn(track(market, [only(day, lambda n, a: None) for day in told[1:]], silent), seed=2, worlds=16)
    assert np.isnan(found.visits.mean[:, 2]).all()
    assert np.isfinite(found.visits.mean[:, :2]).all()


def test_the_same_seed_learns_the_same(quickstart, campaign):
    tracked = track(quickstart, [exports_of(day) for day in campaign[0][1:]], campaign[1])
    one, two = (learn(tracked, seed=5, worlds=32) for _ in range(2))
    assert np.array_equal(one.returns.mean, two.returns.mean)
    assert not np.array_equal(one.returns.mean, learn(tracked, seed=6, worlds=32).returns.mean)


def test_net_sales_tell_order_values(launch):
    """A shop that books net sales tells as much of order values as one that tells gross revenue."""
    told, planned, _, _ = play_campaign(launch, 21, world=6)
    gross = [only(day, lambda n, a: a if n in {"orders", "gross_revenue_base"} else None) for day in told[1:]]
    net = [only(day, lambda n, a: a if n in {"orders", "net_revenue_base"} else None) for day in told[1:]]
    one, two = (learn(track(launch, [told[0], *days], planned), seed=3).order_value for days in (gross, net))
    np.testing.assert_allclose(one.mean, two.mean, rtol=0.02)
    assert two.told.all()
    assert two.left.max() < 0.8


def test_joint_draws_carry_what_is_told_over_to_what_they_tie_it_to(tmp_path):
    """Where draws tie conversion to organic visits, visits alone tell of conversion; without a tie they do not."""
    chance = np.random.default_rng(3).standard_normal((500, 2, 2))
    left = {}
    for name, tie in (("tied", 0.95), ("free", 0.0)):
        columns = {}
        for r, region in enumerate(("DE", "UK")):
            other = tie * chance[:, r, 0] + np.sqrt(1.0 - tie**2) * chance[:, r, 1]
            columns[f"market.regions.{region}.traffic_level"] = np.exp(0.3 * chance[:, r, 0])
            columns[f"market.regions.{region}.conversion_level"] = np.exp(0.3 * other)
        pq.write_table(pa.table(columns), tmp_path / "draws.parquet")
        document = (files("xbopt.scenarios") / "quickstart.yaml").read_text("utf-8")
        head, tail = document.split("uncertainty:")
        path = tmp_path / f"{name}.yaml"
        path.write_text(
            f"{head}uncertainty: {{draws: draws.parquet}}\n\nprovenance:{tail.split('provenance:')[1]}", "utf-8"
        )
        market = build_market(load_scenario(path))
        told, planned, _, _ = play_campaign(market, 14)
        visits = [only(day, lambda n, a: a if n in {"clicks", "visits"} else None) for day in told]
        left[name] = learn(track(market, visits, planned), seed=2).conversion.left.max()
    assert left["tied"] < 0.6
    assert left["free"] > 0.9


@pytest.mark.statistical
@pytest.mark.parametrize("books", ["full", "exports"])
def test_intervals_hold_the_truth_as_often_as_they_say(quickstart, books):
    """90 % intervals of 40 campaigns of known truth, and they are far narrower than before.

    Six returns a campaign count as three: their errors hang together. Of 120, three standard errors are 0.08.
    """
    plan, inside, left = built_in_policy("baseline", quickstart), [], []
    for world in range(40):
        told, planned, _, run = play_campaign(quickstart, 14, world=world, seed=300 + world, policy=plan)
        part = told if books == "full" else [told[0], *[exports_of(day) for day in told[1:]]]
        tracked = track(quickstart, part, planned)
        found: WorldPosterior = learn(tracked, seed=1)
        truth = played_along(track(quickstart, told, planned), run.world, 1)
        real = ratio(truth.returns, played_along(tracked, average_world(), 1).returns)[0]
        inside.append((found.returns.low <= real) & (real <= found.returns.high))
        left.append(found.returns.left)
    assert 0.82 <= np.mean(inside) <= 0.98
    assert np.mean(left) < 0.4
