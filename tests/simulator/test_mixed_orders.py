"""One parcel with several goods: rates are each product's, limits are those of the larger part."""

import pytest

from tests.simulator.test_trade_rules import US, owed, shop


def test_an_order_of_mixed_origin_meets_the_limits_of_its_larger_part() -> None:
    """In June 2025 Chinese goods have no de minimis, others 800: a parcel cannot be half inside."""
    changes = {
        **US,
        "products": [
            {"id": "thing", "price_base": 60.0, "unit_cost_base": 5, "origin": "CN"},
            {"id": "other", "price_base": 20.0, "unit_cost_base": 5, "origin": "GB"},
        ],
        "segments.0.product_mix": {"thing": 0.5, "other": 0.5},
        "segments.0.items_per_order": 2.0,
    }
    # The Chinese 60 owe 6 + 30 + 25 %, the British 20 the 16 % of the reciprocal tariff outside the de minimis.
    assert owed(changes, "2025-06-01")[0] == pytest.approx(60 * 0.61 + 20 * 0.16, abs=0.005)
    mostly_british = {**changes, "segments.0.product_mix": {"thing": 0.2, "other": 0.8}}
    # Of 28 an item 12 are Chinese: inside the de minimis the Chinese surcharge of 30 % is owed all the same.
    assert owed(mostly_british, "2025-06-01")[0] == pytest.approx(2 * 12 * 0.30, abs=0.005)


def test_products_of_one_order_are_weighted_by_value() -> None:
    """Three quarters of the value owe 2 %, the product's own rate; a quarter owes the table's 6 %."""
    changes = {
        **shop("DE", "none", "eu_import", "EUR", 300.0),
        "products": [
            {"id": "thing", "price_base": 300.0, "unit_cost_base": 5, "duty_frac": 0.02},
            {"id": "other", "price_base": 100.0, "unit_cost_base": 5},
        ],
        "segments.0.product_mix": {"thing": 0.5, "other": 0.5},
        "segments.0.items_per_order": 2.0,
    }
    assert owed(changes, "2026-09-07")[0] == pytest.approx(400 * (0.75 * 0.02 + 0.25 * 0.06), abs=0.005)
