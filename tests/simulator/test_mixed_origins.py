"""One parcel with goods of several origins: rates are each product's, limits are those of its larger part."""

import pytest

from tests.simulator.test_trade_rules import US, owed


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
