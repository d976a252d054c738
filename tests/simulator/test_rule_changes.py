"""Rule changes of a scenario over the dated tables."""

import pytest

from tests.worlds import plain_market

BEHIND_A_BORDER = {"market.regions.0.country": "IT", "market.regions.0.duty": "eu_import"}


def test_a_duty_above_the_limit_is_added_to_and_not_below_0() -> None:
    """10 % in place of the table's; then 5 points on top; 20 points less are 0."""
    shocks = [
        {"kind": "rule_change", "day": "2026-10-01", "ad_valorem_frac": 0.1},
        {"kind": "rule_change", "day": "2026-10-02", "ad_valorem_added_frac": 0.05},
        {"kind": "rule_change", "day": "2026-10-03", "ad_valorem_added_frac": -0.2},
    ]
    market = plain_market({**BEHIND_A_BORDER, "horizon.start": "2026-10-01", "horizon.days": 3, "shocks": shocks})
    assert market.rules.ad_valorem_frac.ravel() == pytest.approx([0.1, 0.15, 0.0])
