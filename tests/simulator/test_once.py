"""What is worked out once a market: the same for the same market, built again or not, another for any other market."""

from dataclasses import replace

from tests.worlds import market_of
from xbopt.simulator.edges import without_limits
from xbopt.simulator.history import initial_state
from xbopt.simulator.lifetime import customer_value
from xbopt.simulator.once import once_whatever_the_price
from xbopt.simulator.parameters import MarketParameters
from xbopt.simulator.worlds import average_world


def test_customer_value_is_worked_out_once_whatever_the_limits() -> None:
    market = market_of()
    value = customer_value(market)
    assert customer_value(market) is value
    assert customer_value(without_limits(market)) is value
    assert customer_value(market_of()) is value
    dearer = replace(market, orders=replace(market.orders, cost_base=1.1 * market.orders.cost_base))
    assert (customer_value(dearer).newly_won < value.newly_won).all()


def test_the_first_morning_is_a_copy_that_may_be_changed() -> None:
    market = market_of()
    first = initial_state(market, 3)
    first.customers[:] = 0.0
    assert (initial_state(market, 1).customers > 0.0).any()
    assert (initial_state(market, 3, average_world()).customers > 0.0).any()


def test_another_market_has_another_first_morning() -> None:
    market = market_of()
    people = 2.0 * market.scenario.customers
    fuller = replace(market, scenario=replace(market.scenario, customers=people))
    assert (initial_state(fuller, 1).customers == 2.0 * initial_state(market, 1).customers).all()


def test_usual_prices_are_worked_out_once_whatever_is_asked() -> None:
    """A market whose list prices move from day to day has the usual ones of always: they are no work each day."""
    worked: list[str] = []

    @once_whatever_the_price
    def usual(market: MarketParameters) -> str:
        worked.append(market.scenario.name)
        return worked[-1]

    market = market_of()
    dearer = replace(market, orders=replace(market.orders, price_base=1.1 * market.orders.price_base))
    assert usual(market) is usual(dearer)
    assert len(worked) == 1
    other = replace(market, orders=replace(market.orders, usual_price_base=1.1 * market.orders.usual_price_base))
    usual(other)
    assert len(worked) == 2
