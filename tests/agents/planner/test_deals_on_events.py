"""Whether the planner takes part in an event's deals: where it pays, and nowhere else."""

from tests.worlds import plain_market
from xbopt.agents.planner.campaign import plan_campaign
from xbopt.core.arrays import FloatArray

BLACK_FRIDAY = 4
SHOP: dict[str, object] = {
    "horizon.start": "2026-11-23",
    "horizon.days": 8,
    "market.regions.0.country": "GB",
    "calendar.events": ["black_friday"],
    "segments.0.price_memory": {},
    "discounts.pull_forward": {},
    "budget.total_base": 100,
}


def planned_discounts(changes: dict[str, object]) -> FloatArray:
    return plan_campaign(plain_market({**SHOP, **changes}), resolution="day").schedule.discount_frac[:, 0, 0]


def test_at_ordinary_margins_the_plan_gives_a_deal_on_the_day() -> None:
    # 3.2 times an ordinary day's visits come at the usual 20 %, and seven in ten of the extra ones for it. The lift
    # holds the response to that deal, so a deal within it brings its share of the seekers and borrows nothing:
    #   at list price  1 + 2.2 * 0.3   = 1.66    orders of 45:  74.7
    #   at  5 %        1.66 + 1.54 / 4 = 2.045   of 40:         81.8
    #   at 10 %        1.66 + 1.54 / 2 = 2.43    of 35:         85.1
    #   at 15 %                          2.815   of 30:         84.5
    #   at 20 %                          3.2     of 25:         80.0
    discount = planned_discounts({})
    assert discount[BLACK_FRIDAY] in (0.1, 0.15)
    # On an ordinary day 10 % off brings 0.9^-2.8 = 1.34 orders of 35, and a third of 0.34 is missed later: 42 in all.
    assert not discount[BLACK_FRIDAY + 1 :].any()


def test_without_a_margin_to_give_away_the_plan_sells_at_list_price() -> None:
    assert not planned_discounts({"products.0.unit_cost_base": 92}).any()


def test_without_an_event_a_shop_of_ordinary_margins_and_mild_elasticity_gives_no_deal() -> None:
    changes: dict[str, object] = {"calendar.events": [], "segments.0.elasticity": -1.3}
    assert not planned_discounts(changes).any()
