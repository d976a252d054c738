"""Told totals keep, and the model only splits them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tests.campaigns.campaigns_played import only, play_campaign
from xbopt.campaigns.actuals.actual_day import ActualDay
from xbopt.campaigns.actuals.spreading import spread
from xbopt.campaigns.tracking.filling import held
from xbopt.campaigns.tracking.tracker import track

amounts = st.floats(0.0, 1e6, allow_subnormal=False)


@given(model=arrays(float, (3, 2, 4), elements=amounts), axes=st.sets(st.sampled_from([0, 1, 2])), told=amounts)
def test_totals_keep(model, axes, told):
    shape = tuple(1 if axis in axes else length for axis, length in enumerate(model.shape))
    total = np.full(shape, told)
    filled, known = spread(total, model)
    assert known.all()
    np.testing.assert_allclose(filled.sum(axis=tuple(axes), keepdims=True), total, rtol=1e-12)


def test_by_hand():
    filled, known = spread(np.array([[6.0], [np.nan], [4.0]]), np.array([[1.0, 2.0], [3.0, 4.0], [0.0, 0.0]]))
    assert np.array_equal(filled, [[2.0, 4.0], [3.0, 4.0], [2.0, 2.0]])
    assert np.array_equal(known, [[True, True], [False, False], [True, True]])
    assert np.array_equal(
        held(np.array([[0.5], [np.nan]]), np.array([[1.0, 2.0], [3.0, 4.0]])), [[0.5, 0.5], [3.0, 4.0]]
    )


@pytest.fixture(scope="module")
def campaign(quickstart):
    return play_campaign(quickstart, 1)


def filled(market, campaign, figures):
    return track(market, [campaign[0][0], ActualDay(day=0, figures=figures)], campaign[1]).days[0].filled


def test_organic_visits_are_what_channels_leave_of_all(quickstart, campaign):
    """Platforms tell clicks, the shop tells visits: the rest came by itself, whatever the model thinks."""
    clicks = campaign[0][1].figures["clicks"].sum(axis=1, keepdims=True)
    of_platforms = clicks.copy()
    of_platforms[..., -1] = np.nan
    visits = clicks.sum(axis=2)
    day = filled(quickstart, campaign, {"clicks": of_platforms, "visits": visits})
    np.testing.assert_allclose(day.visits_by_source[0].sum(axis=1), clicks[:, 0])
    assert day.results.known.visits.all()


def test_visits_are_the_sum_of_their_sources(quickstart, campaign):
    clicks = campaign[0][1].figures["clicks"]
    assert np.array_equal(filled(quickstart, campaign, {"clicks": clicks}).results.visits[0], clicks.sum(axis=2))


def test_conversion_is_known_only_with_the_visits_of_all_sources(quickstart, campaign):
    told = campaign[0][1].figures
    clicks = told["clicks"].copy()
    clicks[..., -1] = np.nan
    half = filled(quickstart, campaign, {"clicks": clicks, "orders": told["orders"]}).results.known
    assert not half.conversion.any()
    assert half.visits[..., :-1].all()
    assert filled(
        quickstart, campaign, {"clicks": told["clicks"], "orders": told["orders"]}
    ).results.known.conversion.all()


def test_first_orders_are_those_of_prospects_and_the_rest_of_customers(quickstart, campaign):
    orders = np.array([[100.0, 50.0], [20.0, 10.0]])
    day = filled(quickstart, campaign, {"orders": orders, "first_orders": 0.25 * orders})
    np.testing.assert_allclose(day.orders[0].sum(axis=2), orders)
    np.testing.assert_allclose(day.orders[0, ..., 0], 0.25 * orders)


def test_net_revenue_tells_gross_revenue_by_the_models_terms(quickstart, campaign):
    told = campaign[0][1].figures
    net = only(campaign[0][1], lambda name, a: a if name in {"orders", "net_revenue_base"} else None)
    day = filled(quickstart, campaign, net.figures).results
    np.testing.assert_allclose(day.net_revenue_base[0], told["net_revenue_base"])
    np.testing.assert_allclose(day.gross_revenue_base[0], told["gross_revenue_base"], rtol=0.02)
    assert day.known.order_value.all()


def test_sales_of_a_shop_tell_gross_and_net_revenue_by_the_models_terms(quickstart, campaign):
    """A shop books net of tax and discount, before refunds: by region here, and only split by the model."""
    told, planned = campaign[0][1].figures, campaign[1]
    outcome = track(quickstart, campaign[0][:1], planned, until=0)
    model = outcome.nominal.expect(quickstart, outcome.state, planned.decision(0))[0].money
    sold = (model.gross_revenue + model.discount + model.tax + model.fx_effect)[0] / model.gross_revenue[0]
    sales = (told["gross_revenue_base"] * sold).sum(axis=1, keepdims=True)
    day = filled(quickstart, campaign, {"orders": told["orders"], "net_sales_base": sales}).results
    np.testing.assert_allclose((day.gross_revenue_base[0] * sold).sum(axis=1, keepdims=True), sales)
    kept = model.net_revenue[0] / model.gross_revenue[0]
    np.testing.assert_allclose(day.net_revenue_base[0], day.gross_revenue_base[0] * kept)
    assert day.known.order_value.all()


def test_spend_without_a_plan_is_spread_evenly(quickstart, campaign):
    told, planned, _, _ = campaign
    none = planned.__class__(
        first_day=0,
        spend_base=np.zeros_like(planned.spend_base),
        daypart_weights=planned.daypart_weights,
        discount_frac=planned.discount_frac,
        mechanic=planned.mechanic,
    )
    spend = np.full((2, 1, 3), 10.0)
    tracked = track(quickstart, [told[0], ActualDay(day=0, figures={"spend_base": spend})], none)
    assert np.array_equal(tracked.days[0].filled.results.decision.spend_base[0], np.full((2, 2, 3), 5.0))
