"""``simulate``: the same seed gives the same figures, however the worlds are cut."""

import numpy as np
import pytest

import xbopt
from xbopt.core.decisions.policy import BlindPolicy
from xbopt.core.errors import PolicyError, UsageError
from xbopt.studies import simulate as simulation
from xbopt.studies.kpis import KPI_NAMES, kpi_values
from xbopt.studies.without_media import BlindWithoutMedia, WithoutMedia, media_effect, media_gain


@pytest.fixture(scope="module")
def result():
    return xbopt.simulate("quickstart", runs=8, seed=3)


def arrays(result):
    return {name: getattr(result.totals, name) for name in result.totals.__slots__}


def test_the_same_seed_gives_the_same_bytes(result):
    again = xbopt.simulate("quickstart", runs=8, seed=3)
    for name, array in arrays(again).items():
        assert array.tobytes() == arrays(result)[name].tobytes(), name


def test_another_seed_gives_another_result(result):
    assert not np.array_equal(xbopt.simulate("quickstart", runs=8, seed=4).totals.cells, result.totals.cells)


@pytest.mark.parametrize("exploration", [None, 0.3])
def test_the_first_worlds_of_many_are_the_worlds_of_few(exploration):
    few = xbopt.simulate("quickstart", runs=8, seed=3, exploration=exploration)
    many = xbopt.simulate("quickstart", runs=72, seed=3, exploration=exploration)
    for name in ("cells", "money", "channels", "daily", "repurchase_rate", "satisfaction", "adjustments"):
        assert arrays(few)[name].tobytes() == arrays(many)[name][:8].tobytes(), name


def test_the_chunk_changes_no_world(result, monkeypatch):
    monkeypatch.setattr(simulation, "CHUNK_WORLDS", 3)
    chunked = xbopt.simulate("quickstart", runs=8, seed=3)
    for name in ("cells", "money", "channels", "daily"):
        assert arrays(chunked)[name].tobytes() == arrays(result)[name].tobytes(), name


def test_the_world_seed_moves_parameters_and_not_the_noise():
    one = xbopt.simulate("quickstart", runs=4, seed=3, world_seed=1)
    other = xbopt.simulate("quickstart", runs=4, seed=3, world_seed=2)
    certain = "uncertainty={}"
    assert not np.array_equal(one.totals.cells, other.totals.cells)
    plain = [
        xbopt.simulate(xbopt.load_scenario("quickstart", overrides=[certain]), runs=4, seed=3, world_seed=seed)
        for seed in (1, 2)
    ]
    assert np.array_equal(plain[0].totals.cells, plain[1].totals.cells)


def test_kpis_are_complete_and_in_order(result):
    assert tuple(result.kpis) == KPI_NAMES


def test_the_bridge_sums_to_the_margin(result):
    margin = result.kpis["contribution_margin"].mean
    assert sum(result.bridge.values()) == pytest.approx(margin, rel=1e-12)


def test_kpis_follow_from_the_sums(result):
    totals, kpis = result.totals, result.kpis
    visits, orders = totals.cells[..., 0].sum(axis=(1, 2)), totals.cells[..., 2].sum(axis=(1, 2))
    assert kpis["conversion_rate"].mean == pytest.approx((orders / visits).mean())
    assert kpis["orders"].low == pytest.approx(np.percentile(orders, 5))
    assert kpis["orders"].se == pytest.approx(orders.std(ddof=1) / np.sqrt(8))
    margin = totals.money.sum(axis=(1, 2, 3))
    spend = -totals.money[..., -1].sum(axis=(1, 2))
    assert kpis["roi"].mean == pytest.approx((margin / spend).mean())
    assert totals.daily[..., 1].sum(axis=1) == pytest.approx(margin)


def test_tables_add_up_to_the_whole(result):
    for rows in (result.by_region, result.by_segment):
        for name in ("orders", "net_revenue", "contribution_margin", "media_spend"):
            assert sum(row.figures[name].mean for row in rows) == pytest.approx(result.kpis[name].mean)
        assert sum(row.figures["spend_share"].mean for row in rows) == pytest.approx(1.0)
    assert sum(row.figures["media_spend"].mean for row in result.by_channel) == pytest.approx(11200)
    attributed = sum(row.figures["orders"].mean for row in result.by_channel)
    assert 0 < attributed < result.kpis["orders"].mean


def test_a_plan_without_spend_has_no_return_on_spend():
    scenario = xbopt.load_scenario("quickstart", overrides=["plan.spend_frac=0"])
    kpis = xbopt.simulate(scenario, runs=2).kpis
    assert np.isnan(kpis["roas"].mean)
    assert np.isnan(kpis["roi"].low)
    assert kpis["media_spend"].mean == 0.0
    assert kpis["orders"].mean > 0


def test_one_world_has_no_standard_error():
    kpis = xbopt.simulate("quickstart", runs=1).kpis
    assert np.isnan(kpis["orders"].se)
    assert kpis["orders"].low == kpis["orders"].mean == kpis["orders"].high


def test_kpi_values_are_one_a_world(result):
    for values in kpi_values(result.totals, budget_base=11200).values():
        assert values.shape == (8,)


@pytest.mark.parametrize("runs", [0, -1, 100_001])
def test_a_senseless_number_of_runs_is_refused(runs):
    with pytest.raises(UsageError, match="runs"):
        xbopt.simulate("quickstart", runs=runs)


def test_a_senseless_seed_is_refused():
    with pytest.raises(UsageError, match="seed"):
        xbopt.simulate("quickstart", runs=1, seed=-1)


def test_an_unknown_policy_is_refused():
    with pytest.raises(PolicyError, match="no policy 'best'"):
        xbopt.simulate("quickstart", "best", runs=1)


def test_progress_counts_worlds():
    seen = []
    xbopt.simulate("quickstart", runs=260, on_progress=lambda *step: seen.append(step))
    assert seen == [("baseline", 0, 260), ("baseline", 256, 260), ("baseline", 260, 260)]


def test_what_media_add_is_told_per_unit_of_spend_too():
    result = xbopt.simulate("quickstart", runs=3)
    effect = media_effect(result, "baseline")
    without = xbopt.simulate("quickstart", WithoutMedia(plan=xbopt.policy_from("baseline", result.market)), runs=3)
    revenue = result.totals.daily[:, :, 0].sum(axis=1) - without.totals.daily[:, :, 0].sum(axis=1)
    assert effect.roas.mean == pytest.approx((revenue / result.totals.daily[:, :, 2].sum(axis=1)).mean())
    assert 0.0 < effect.roas.mean < result.kpis["roas"].mean


def test_a_plan_that_looks_at_nothing_has_a_twin_without_media_that_looks_at_nothing():
    plan = xbopt.policy_from("baseline", xbopt.simulate("quickstart", runs=1).market)
    seeing, blind = (
        xbopt.simulate("quickstart", twin(plan=plan), runs=3) for twin in (WithoutMedia, BlindWithoutMedia)
    )
    assert isinstance(BlindWithoutMedia(plan=plan), BlindPolicy)
    assert not isinstance(WithoutMedia(plan=plan), BlindPolicy)
    assert np.array_equal(seeing.totals.money, blind.totals.money)


def test_media_gain_is_the_paired_difference_to_no_media():
    # A launch: a plan without media would also have had none in the days before.
    result = xbopt.simulate(xbopt.load_scenario("quickstart", overrides=["history.before=none"]), runs=6, seed=1)
    gain = media_gain(result, "baseline")
    none = xbopt.load_scenario("quickstart", overrides=["history.before=none", "plan.spend_frac=0"])
    without = xbopt.simulate(none, runs=6, seed=1)
    difference = result.totals.money.sum(axis=(1, 2, 3)) - without.totals.money.sum(axis=(1, 2, 3))
    assert gain.mean == pytest.approx(difference.mean(), rel=1e-9)
    assert gain.high == pytest.approx(np.percentile(difference, 95), rel=1e-9)


def test_orders_owed_to_promotions_are_all_that_no_days_after_leave_to_count():
    from xbopt.simulator.response import order_margin

    result = xbopt.simulate(xbopt.load_scenario("quickstart", overrides=["horizon.after.days=0"]), runs=8, seed=3)
    owed = result.totals.cells[..., -1] * np.maximum(order_margin(result.market), 0.0)
    assert owed.sum() > 0
    # A world's own order values count as well; of quickstart's they are certain.
    assert result.totals.carried_beyond == pytest.approx(-owed.sum(axis=(1, 2)), rel=1e-9)
    assert result.carried_beyond.mean == pytest.approx(result.totals.carried_beyond.mean())


def test_a_result_prints_in_a_few_lines(result):
    assert len(repr(result)) < 20_000
