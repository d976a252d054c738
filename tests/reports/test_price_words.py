"""Sentences about prices and promotions say what the figures say."""

from typing import get_args

import pytest

from tests.calibration.price_shops import price_shop
from tests.calibration.promotion_shops import promotion_shop
from xbopt.calibration.prices import PriceCode, PriceFinding, estimate_elasticity
from xbopt.calibration.promotion_weeks import weeks_of_panel
from xbopt.calibration.promotions import promotion_profile
from xbopt.reports.kit.numbers import NumberFormat
from xbopt.reports.price_words import _PRICE_FINDINGS, price_sentences, promotion_sentences

NUMBERS = NumberFormat(locale="en", currency="EUR", is_for_terminal=True)


def test_a_measured_elasticity_comes_with_interval_and_naive_figure() -> None:
    estimate = estimate_elasticity(price_shop(seed=1, breaks=0.2)[0])
    verdict, *rest = price_sentences(estimate, NUMBERS)
    assert verdict.startswith(f"Price elasticity: {estimate.elasticity:.2f} ({estimate.low:.2f} to")
    assert f"in the same week and outlast it, beside each product's own trend: {estimate.lasting_share:.1%}" in verdict
    assert any("Larger quantities cost less" in line and f"{estimate.naive:.2f}" in line for line in rest)


def test_a_price_that_never_moved_is_called_prior_only_and_says_what_to_do() -> None:
    verdict = price_sentences(estimate_elasticity(price_shop(seed=1, price_moves=0.0)[0]), NUMBERS)[0]
    assert "prior only, -2.60" in verdict
    assert "Change the price" in verdict


def test_promotions_are_told_with_and_without_an_estimate() -> None:
    brought, told = promotion_sentences(promotion_profile(weeks_of_panel(promotion_shop(seed=1))), NUMBERS)
    assert brought.startswith("A promotion of 20% adds")
    assert "of the bump" in told
    (regular,) = promotion_sentences(promotion_profile(weeks_of_panel(promotion_shop(seed=1, every=4))), NUMBERS)
    assert "prior only" in regular
    assert "Vary when they begin" in regular


@pytest.mark.parametrize("code", get_args(PriceCode))
def test_every_finding_has_a_sentence(code: PriceCode) -> None:
    keys = "slope at_two_prices naive rows share f plain with_instruments weeks orders lasting fleeting error"
    finding = PriceFinding(code=code, figures=dict.fromkeys(keys.split(), 0.5))
    assert _PRICE_FINDINGS[code](finding, NUMBERS).endswith(".")
