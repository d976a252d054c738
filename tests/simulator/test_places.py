"""Places of sale: fees, conversion and order values of a marketplace beside the own shop, worked by hand."""

from typing import Any

import numpy as np
import pytest

from tests.worlds import PLAIN, decision, document, market_of, plain_market, play, scenario_of, steady
from xbopt.core.documents.yaml_text import parse_yaml
from xbopt.core.errors import ScenarioError
from xbopt.core.scenario.loading import check_document
from xbopt.simulator.money import TERMS
from xbopt.simulator.response import channel_margins, order_margin, steady_response
from xbopt.simulator.worlds import average_world
from xbopt.studies.simulate import simulate

MARKETPLACE: dict[str, Any] = {
    "id": "amazon",
    "fees": {"platform_frac": 0.15, "fee_on": "gross", "fixed_base": 3},
    "conversion": 2,
    "basket": 0.8,
}
ADS_ON_AMAZON: dict[str, object] = {
    "places": [MARKETPLACE],
    "channels.0.place": "amazon",
    "market.regions.0.tax": "DK",  # 25 %
}


def first_day(changes: dict[str, object], spend: float = 100.0):
    market = plain_market(changes)
    return play(market, steady(market.scenario, 1, spend=spend), days=1)[0][0]


def test_a_channels_orders_are_taken_on_the_terms_of_its_place() -> None:
    # 100 organic visits bring 10 orders of 100 in the own shop; 100 visits of ads convert twice as well: 20 orders of
    # 80 that cost 44 each. The marketplace keeps 15 % of 1,600 with 25 % tax on it, and 3 an order.
    day = first_day(ADS_ON_AMAZON)
    own, amazon = day.places
    assert own.orders.sum() == pytest.approx(10)
    assert amazon.orders.sum() == pytest.approx(20)
    assert day.money.net_revenue.item() == pytest.approx(1000 + 1600)
    assert day.money.goods.item() == pytest.approx(-(550 + 880))
    assert day.money.platform_fees.item() == pytest.approx(-(0.15 * 2000 + 3 * 20))
    assert own.money.platform_fees.item() == 0.0
    assert amazon.money.contribution_margin.item() == pytest.approx(1600 - 880 - 360)
    assert day.money.media.item() == -100.0


def test_the_fee_on_net_leaves_tax_out_in_the_own_shop_too() -> None:
    shop: dict[str, object] = {"market.regions.0.tax": "DK"}
    for fee_on, fee in (("net", 100.0), ("gross", 125.0)):
        fees = {"payment_frac": 0, "platform_frac": 0.1, "fee_on": fee_on}
        day = first_day({**shop, "market.regions.0.fees": fees}, spend=0.0)
        assert day.money.platform_fees.item() == pytest.approx(-fee)


def test_fees_of_a_place_can_differ_by_region() -> None:
    place = {"id": "amazon", "fees": {"platform_frac": 0.15, "by_region": {"island": {"platform_frac": 0.08}}}}
    market = market_of({"places": [place]})
    assert market.places[1].platform_frac.tolist() == [0.15, 0.08]


def test_organic_orders_are_shared_out_where_the_scenario_says() -> None:
    place = {**MARKETPLACE, "organic_frac": 0.4}
    day = first_day({**ADS_ON_AMAZON, "places": [place]}, spend=0.0)
    assert [taken.orders.sum() for taken in day.places] == pytest.approx([6, 4])
    assert day.money.net_revenue.item() == pytest.approx(600 + 320)


def test_the_places_parts_sum_to_the_day_with_chance_synergy_duty_and_discounts() -> None:
    places = [
        {"id": "amazon", "fees": {"platform_frac": 0.15}, "basket": 0.5, "organic_frac": 0.2},
        {"id": "mall", "fees": {"platform_frac": 0.1, "fee_on": "net"}, "basket": 1.6},
    ]
    market = market_of({"places": places, "channels.0.place": "amazon", "channels.1.place": "mall"})
    policy = steady(market.scenario, 3, spend=60.0, discount=0.2, mechanic=3)
    for day in play(market, policy, worlds=[0, 1, 2], days=4)[0]:
        assert sum(taken.orders for taken in day.places) == pytest.approx(day.orders)
        for term in TERMS:
            parts = sum(getattr(taken.money, term) for taken in day.places)
            assert parts == pytest.approx(getattr(day.money, term) if term != "media" else 0.0 * parts)
        # Attribution agrees: what the social channel brings is what the mall takes.
        assert day.channel_orders[..., 1] == pytest.approx(day.places[2].orders.sum(axis=3))


def test_a_place_on_the_own_shops_terms_changes_nothing() -> None:
    same = {"id": "twin", "fees": {"platform_frac": 0.05, "fee_on": "net", "payment_frac": 0.02}, "organic_frac": 0.3}
    fees = {"payment_frac": 0.02, "platform_frac": 0.05}
    alone: dict[str, object] = {"market.regions.0.fees": fees, "market.regions.1.fees": fees}
    both: dict[str, object] = {**alone, "places": [same], "channels.1.place": "twin"}
    bridges: list[list[float]] = []
    for changes in (alone, both):
        market = market_of(changes)
        days, _ = play(market, steady(market.scenario, 2, spend=40.0, discount=0.1), worlds=[0, 1])
        bridges.append([sum(getattr(day.money, term).sum() for day in days) for term in TERMS])
    assert bridges[1] == pytest.approx(bridges[0], rel=1e-12)


def test_the_net_revenue_of_a_channel_is_at_its_places_order_value() -> None:
    market = plain_market({**ADS_ON_AMAZON, "horizon.days": 2, "plan.spend_frac": 0.0002, "budget.total_base": 1e6})
    result = simulate(market, runs=1)
    ads = result.by_channel[0].figures
    assert ads["net_revenue"].mean == pytest.approx(80 * ads["orders"].mean)
    cells = result.by_region[0].figures["net_revenue"].mean
    assert cells > ads["net_revenue"].mean


def test_steady_response_and_order_margin_see_the_places_terms() -> None:
    market = plain_market(ADS_ON_AMAZON)
    # 80 of goods, less 15 % of 100, less 3, less 44.
    assert channel_margins(market).item() == pytest.approx(18)
    assert order_margin(market).item() == pytest.approx(45)
    spend = decision(market.scenario, 1, spend=100.0).spend_base
    answer = steady_response(market, average_world(), spend)
    assert answer.margin_base.item() == pytest.approx(18 * answer.orders.item())


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"places": [MARKETPLACE], "channels.0.place": "amazn"}, "no place 'amazn'. Did you mean 'amazon'?"),
        ({"channels.0.place": "amazon"}, "names no places; add 'amazon' under places"),
        ({"places": [{"id": "own_shop"}]}, "own_shop is the seller's own shop"),
        ({"places": [MARKETPLACE, MARKETPLACE]}, "'amazon' is used twice"),
        ({"places": [{"id": "a", "fees": {"by_region": {"hom": {}}}}]}, "no region 'hom'. Did you mean 'home'?"),
        (
            {"places": [{"id": "a", "organic_frac": 0.7}, {"id": "b", "organic_frac": 0.6}]},
            "take 1.3 of the organic orders together",
        ),
        ({"channels.0.price.by_region": {"hom": 1.2}}, "no region 'hom'. Did you mean 'home'?"),
    ],
)
def test_a_wrong_name_is_refused_with_a_sentence(changes: dict[str, object], words: str) -> None:
    import yaml

    text = yaml.safe_dump(document(changes, text=PLAIN))
    with pytest.raises(ScenarioError, match=words.replace(".", r"\.").replace("?", r"\?")):
        check_document(parse_yaml(text.replace("'2026-09-07'", "2026-09-07")))


def test_media_prices_can_differ_by_region_and_channel() -> None:
    dear = market_of({"channels.1.price.by_region": {"island": 1.5}, "market.regions.1.media_price_level": 2.0})
    plain = market_of()
    assert dear.media.price_base / plain.media.price_base == pytest.approx(np.array([[1, 1, 1], [2, 3, 2]]))


def test_the_planner_sees_that_a_marketplace_keeps_its_share() -> None:
    from xbopt.agents.planner.campaign import plan_campaign

    spends: list[float] = []
    for fee in (0.0, 0.3):
        place = {"id": "amazon", "fees": {"platform_frac": fee, "fee_on": "net"}}
        doc = document({"places": [place], "channels.0.place": "amazon", "budget.total_base": 20000}, text=PLAIN)
        from xbopt.simulator.build import build_market

        plan = plan_campaign(build_market(scenario_of(doc)), goal="contribution_margin", resolution="week")
        spends.append(plan.total_spend_base)
    assert spends[1] < 0.9 * spends[0]
