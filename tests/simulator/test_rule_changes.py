"""Rule changes of a scenario: what they set, from their day on."""

import pytest

from tests.simulator.test_trade_rules import IT, plain_market, play, steady

BEHIND_A_BORDER = {"market.regions.0.country": "IT", "market.regions.0.duty": "eu_import"}


def test_a_rule_change_sets_fees_and_tax_limits_from_its_day_on() -> None:
    fee = {"kind": "rule_change", "day": "2026-10-02", "parcel_fee_base": 4.0}
    waiver = {"kind": "rule_change", "day": "2026-10-02", "tax_threshold_base": 50.0}
    market = plain_market({**IT, "horizon.start": "2026-10-01", "horizon.days": 3, "shocks": [fee, waiver]})
    outcomes, _ = play(market, steady(market.scenario, 1))
    found = [
        (-o.money.duty.item() / float(o.orders.sum()), -o.money.tax.item() / float(o.orders.sum())) for o in outcomes
    ]
    # EUR 3 of duty and the Italian EUR 2, then the stated 4 in its place; VAT of 22 % on 40, then none.
    assert found == [pytest.approx(pair, abs=1e-9) for pair in ((5.0, 8.80), (7.0, 0.0), (7.0, 0.0))]


def test_a_surcharge_is_replaced_or_added_to_from_its_day_on() -> None:
    """Nothing; then 5 % in place of it; then 10 points on top; 20 points less are 0 and not below."""
    shocks = [
        {"kind": "rule_change", "day": "2026-10-02", "surcharge_frac": 0.05},
        {"kind": "rule_change", "day": "2026-10-03", "surcharge_added_frac": 0.1},
        {"kind": "rule_change", "day": "2026-10-04", "surcharge_added_frac": -0.2},
    ]
    market = plain_market({**IT, "horizon.start": "2026-10-01", "horizon.days": 4, "shocks": shocks})
    assert market.rules.surcharge_frac.ravel() == pytest.approx([0.0, 0.05, 0.15, 0.0])


def test_a_duty_above_the_limit_is_added_to_and_not_below_0() -> None:
    """10 % in place of the table's; then 5 points on top; 20 points less are 0."""
    shocks = [
        {"kind": "rule_change", "day": "2026-10-01", "ad_valorem_frac": 0.1},
        {"kind": "rule_change", "day": "2026-10-02", "ad_valorem_added_frac": 0.05},
        {"kind": "rule_change", "day": "2026-10-03", "ad_valorem_added_frac": -0.2},
    ]
    market = plain_market({**BEHIND_A_BORDER, "horizon.start": "2026-10-01", "horizon.days": 3, "shocks": shocks})
    assert market.rules.ad_valorem_frac.ravel() == pytest.approx([0.1, 0.15, 0.0])
