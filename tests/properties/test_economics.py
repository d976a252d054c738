"""What anybody who has run promotions knows, as bars that the market must clear."""

import numpy as np
import pytest

from tests.worlds import decision, plain_market, play, steady

# 45 % gross margin, elasticity -2.6, pull-forward and switching as shipped, price memory as shipped.
SHOP: dict[str, object] = {
    "horizon.days": 90,
    "segments.0.elasticity": -2.6,
    "segments.0.price_memory": {},
    "segments.0.cart_rate": 0.1,
    "discounts.pull_forward": {},
    "market.regions.0.customers": {"people": {"new": 300, "active": 800, "at_risk": 500, "lapsed": 700}},
}


def margins(discount: float, changes: dict[str, object]) -> list[float]:
    market = plain_market({**SHOP, **changes, "horizon.days": 180})
    outcomes, _ = play(market, steady(market.scenario, 1, discount=discount))
    return [float(outcome.money.contribution_margin.sum()) for outcome in outcomes]


@pytest.mark.parametrize("elasticity", [-2.2, -2.6, -3.0])
def test_a_lasting_fifth_off_earns_in_the_end_what_the_elasticity_promises(elasticity: float) -> None:
    # 25/45 of the unit margin needs 80 % more units; 0.8^-2.6 promises 79 %, 0.8^-2.2 promises 63 %.
    changes: dict[str, object] = {"segments.0.elasticity": elasticity}
    cut, none = margins(0.2, changes), margins(0.0, changes)
    promised = 0.8**elasticity * 25 / 45
    assert cut[-1] / none[-1] == pytest.approx(promised, rel=0.01)
    assert (sum(cut) < sum(none)) == (promised < 1.0)


def test_a_short_promotion_is_less_profitable_than_its_own_days_look() -> None:
    market = plain_market(SHOP)
    calendar = [0.15 if 30 <= day < 37 else 0.0 for day in range(90)]
    choices = {d: decision(market.scenario, 1, discount=d) for d in (0.0, 0.15)}
    promoted, _ = play(market, lambda day: choices[calendar[day]])
    plain, _ = play(market, steady(market.scenario, 1))
    gain = np.array(
        [
            (a.money.contribution_margin - b.money.contribution_margin).item()
            for a, b in zip(promoted, plain, strict=True)
        ]
    )
    assert gain.sum() < gain[30:37].sum()


def test_orders_dip_after_a_promotion_and_come_back() -> None:
    market = plain_market({**SHOP, "segments.0.price_memory": {"deal_gain": 0.0}})
    choices = {d: decision(market.scenario, 1, discount=d) for d in (0.0, 0.2)}
    promoted, _ = play(market, lambda day: choices[0.2 if 10 <= day < 17 else 0.0])
    plain, _ = play(market, steady(market.scenario, 1))
    # Against the same number of visits, since the promotion also wins customers who visit more often.
    ratio = [
        (a.orders.sum() / a.visits.sum()) / (b.orders.sum() / b.visits.sum())
        for a, b in zip(promoted, plain, strict=True)
    ]
    assert min(ratio[10:17]) > 1.2
    assert ratio[17] < 0.95
    assert ratio[17] < ratio[24] < ratio[40]
    assert ratio[75] == pytest.approx(1.0, abs=0.02)
