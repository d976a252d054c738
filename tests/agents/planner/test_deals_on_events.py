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
    # At -2 a lasting discount pays no shop that keeps 45 %. On the day a new deal counts 1.4 times, buyers are 1.35
    # times as sensitive, and all of 2.3 times the visits come at 20 %. An order brought forward costs 45 later:
    #   at list price  1.39                                  orders of 45:  62.6
    #   at 15 %        2.07 * 0.85^-3.78 = 3.83, 0.59 borrowed, of 30:      88.5
    #   at 20 %        2.30 * 0.80^-3.78 = 5.35, 1.02 borrowed, of 25:      87.9
    discount = planned_discounts({})
    assert discount[BLACK_FRIDAY] in (0.15, 0.2)
    assert discount[0] < discount[BLACK_FRIDAY]


def test_without_a_margin_to_give_away_the_plan_sells_at_list_price() -> None:
    assert not planned_discounts({"products.0.unit_cost_base": 92}).any()


def test_without_an_event_a_shop_of_ordinary_margins_and_mild_elasticity_gives_no_deal() -> None:
    changes: dict[str, object] = {"calendar.events": [], "segments.0.elasticity": -1.3}
    assert not planned_discounts(changes).any()
