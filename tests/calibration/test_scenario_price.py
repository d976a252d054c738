"""What a scenario takes from an estimate of the price elasticity."""

from dataclasses import replace
from typing import cast

import pytest

from tests.calibration.price_shops import price_shop
from xbopt.calibration.prices import PriceEstimate, estimate_elasticity
from xbopt.calibration.scenario.draft import Draft
from xbopt.calibration.scenario.price import put_price


@pytest.fixture(scope="module")
def measured() -> PriceEstimate:
    return estimate_elasticity(price_shop(seed=1)[0])


def drafted(estimate: PriceEstimate, *stated: float) -> Draft:
    draft = Draft({"segments": [{"elasticity": value} for value in stated], "uncertainty": {"elasticity": None}})
    put_price(draft, estimate, "2025")
    return draft


def elasticities(draft: Draft) -> list[float]:
    segments = cast("list[dict[str, float]]", draft.data["segments"])
    return [segment["elasticity"] for segment in segments]


def test_the_source_says_what_it_rests_on_and_that_no_instrument_tells(measured: PriceEstimate) -> None:
    assert "that of one product" in str(drafted(measured, -1.2, -2.4).sources)
    assert "did not follow lasting swings of demand" in str(drafted(measured, -1.2, -2.4).sources)


def test_ratios_that_leave_the_format_are_dropped_and_told(measured: PriceEstimate) -> None:
    draft = drafted(replace(measured, elasticity=-9.0), -1.0, -3.0)
    assert elasticities(draft) == [-9.0, -9.0]
    assert "segments are alike" in str(draft.sources)


def test_prices_that_follow_demand_leave_the_scenario_as_it_was() -> None:
    lines, _ = price_shop(seed=100, elasticity=-1.8, follows_demand=0.3, price_moves=0.0)
    draft = drafted(estimate_elasticity(lines), -1.2, -2.4)
    assert elasticities(draft) == [-1.2, -2.4]
