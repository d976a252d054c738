"""What customers are for a market: types that repeat as the model says, buckets and ageing as walked day by day."""

import numpy as np
import pytest

from tests.calibration.customers.orders import line, simulated_orders, simulated_summary, table
from xbopt.calibration.customers.bg_nbd import fit_bg_nbd
from xbopt.calibration.customers.cleaning import clean
from xbopt.calibration.customers.customer_types import CustomerTypes, customer_types
from xbopt.calibration.customers.lifecycle import BUCKETS, Spells, bucket_counts, bucket_rates, spell_days
from xbopt.calibration.customers.market_customers import market_customers
from xbopt.calibration.customers.purchases import purchases_of
from xbopt.calibration.customers.settle import settle_types
from xbopt.core.documents.document import Document
from xbopt.core.scenario.build import build_scenario
from xbopt.core.scenario.loading import check_document, load_scenario
from xbopt.simulator.build import build_market
from xbopt.simulator.lifetime import repeat_probability


@pytest.mark.parametrize("truth", [(0.8, 60.0, 0.9, 2.5), (0.25, 30.0, 0.8, 2.4)])
def test_types_repeat_as_the_fitted_model(truth):
    fit = fit_bg_nbd(simulated_summary(1500, truth, 500.0, 7))
    types = customer_types(fit)
    assert types.share.sum() == pytest.approx(1.0)
    for days in (90, 365):
        assert types.second_order(days) == pytest.approx(fit.second_order(days).value, abs=2e-4)
        assert types.expected_orders(days) == pytest.approx(fit.expected_purchases(days).value, rel=0.05)


def test_customers_won_on_offers_have_their_own_shares():
    fit = fit_bg_nbd(simulated_summary(1500, (0.8, 60.0, 0.9, 2.5), 500.0, 7))
    poorer = fit_bg_nbd(simulated_summary(1500, (0.5, 60.0, 0.9, 2.5), 500.0, 8))
    types = customer_types(fit, poorer)
    assert types.promotion_share is not None
    assert types.second_order(90, types.promotion_share) == pytest.approx(poorer.second_order(90).value, abs=1e-6)


def test_a_type_by_hand():
    # Orders with chance 1/2, leaves with chance 1/2: .5 on the first day, .25 * .5 on the second.
    types = CustomerTypes(
        share=np.array([1.0, 0.0, 0.0]), promotion_share=None, order_rate=np.full(3, 0.5), dropout=np.full(3, 0.5)
    )
    assert types.second_order(2) == pytest.approx(0.5 + 0.25 * 0.5)
    assert types.expected_orders(2) == pytest.approx(0.5 + 0.5 * 0.5)


def test_a_market_with_settled_types_has_the_vital_signs_asked_for():
    scenario = load_scenario("quickstart")
    market = build_market(scenario)
    fit = fit_bg_nbd(simulated_summary(1500, (0.5, 60.0, 0.9, 2.5), 500.0, 7))
    settled = settle_types(market, dict.fromkeys(scenario.segments, customer_types(fit)))
    data = scenario.document.model_dump(mode="json")
    for segment in data["segments"]:
        segment["customer_types"] = settled[segment["id"]].rows()
    made = build_market(build_scenario(check_document(Document(data=data))))
    for days in (90, 365):
        assert repeat_probability(made, days).weighted == pytest.approx(fit.second_order(days).value, abs=5e-4)
    assert all(one.is_met for one in settled.values())


def test_buckets_and_rates_are_those_of_walking_day_by_day():
    generator = np.random.default_rng(2)
    rows = sorted({(int(generator.integers(8)), int(generator.integers(300))) for _ in range(60)})
    purchases = purchases_of(clean(table(*(line(f"{c}-{d}", f"c{c}", d) for c, d in rows))))
    spells, first = Spells.of(purchases), 40
    base = min(day for _, day in rows)
    found, counts = _walk([(c, d - base) for c, d in rows], first, purchases.days)
    rates = bucket_rates(spells, first)
    for bucket in BUCKETS:
        rate = rates[bucket]
        assert [rate.customer_days, rate.orders] == found[bucket][:2], bucket
        assert bucket == "lapsed" or rate.aged == found[bucket][2], bucket
    assert dict(bucket_counts(spells, purchases.days)) == counts[purchases.days]
    assert [int(n) for n in spell_days(spells)[:, 250]] == list(counts[250].values())


def test_pseudonyms_and_row_order_change_nothing_and_regions_are_counted_apart():
    orders = simulated_orders(500, 300, 4)
    other = orders.sample(fraction=1.0, shuffle=True, seed=1)
    found = [_market_of(rows) for rows in (orders, other)]
    assert found[0].segments[0].fit.parameters == pytest.approx(found[1].segments[0].fit.parameters, rel=1e-9)
    assert sum(found[0].segments[0].customers["DE"].values()) == 500
    assert sum(found[0].segments[0].customers["FR"].values()) == 0


def _market_of(orders):
    purchases = purchases_of(clean(orders))
    return market_customers(purchases, ["all"], np.zeros(len(purchases.names), dtype=np.int64), ["DE", "FR"])


def _walk(rows, first_day, end_day):
    """Play the buckets day by day, the slow and plain way: customer-days, orders, age-outs, counts."""

    def bucket_of(past, today):
        age = today - past[-1]
        if age <= 90:
            return "new" if len(past) == 1 else "active"
        return "at_risk" if age <= 180 else "lapsed"

    found = {bucket: [0, 0, 0] for bucket in BUCKETS}
    days = {who: sorted({day for one, day in rows if one == who}) for who, _ in rows}
    counts = {}
    for today in range(end_day + 1):
        counts[today] = dict.fromkeys(BUCKETS, 0)
        for bought in days.values():
            past = [day for day in bought if day < today]
            if not past:
                continue
            bucket = bucket_of(past, today)
            counts[today][bucket] += 1
            if not first_day <= today < end_day:
                continue
            found[bucket][0] += 1
            if today in bought:
                found[bucket][1] += 1
            elif bucket_of(past, today + 1) != bucket:
                found[bucket][2] += 1
    return found, counts
