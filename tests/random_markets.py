"""Random markets for the property tests: the small market of ``worlds.py`` with its numbers drawn anew."""

from typing import Any

import numpy as np
from hypothesis import strategies as st

from tests.worlds import Doc, document, scenario_of
from xbopt.core.decisions.decision import Decision
from xbopt.core.scenario.scenario import Scenario

ADSTOCKS = st.one_of(
    st.just({"curve": "none"}),
    st.fixed_dictionaries({"curve": st.just("geometric"), "half_life_days": st.floats(0.05, 20)}),
    st.fixed_dictionaries(
        {
            "curve": st.just("delayed"),
            "half_life_days": st.floats(0.1, 8),
            "peak_days": st.floats(0, 6),
            "window_days": st.integers(2, 9),
        }
    ),
    st.fixed_dictionaries(
        {
            "curve": st.just("weibull"),
            "shape": st.floats(0.3, 6),
            "scale_days": st.floats(0.2, 8),
            "window_days": st.integers(2, 9),
        }
    ),
)
SATURATIONS = st.one_of(
    st.fixed_dictionaries(
        {"curve": st.just("hill"), "half_saturation": st.floats(0.02, 3), "slope": st.floats(0.5, 2.5)}
    ),
    st.fixed_dictionaries({"curve": st.just("exponential"), "half_saturation": st.floats(0.02, 3)}),
)
FATIGUES = st.fixed_dictionaries(
    {"weekly_frequency": st.floats(0.3, 8), "exponent": st.floats(0, 1), "half_life_days": st.floats(0.5, 30)}
)


@st.composite
def documents(draw: Any, *, days: int = 6) -> Doc:
    """A document whose curves, prices, stocks, shares and shocks are drawn; it always passes the checks."""
    changes: dict[str, object] = {"horizon.days": days, "tactics": {"decide_every_days": 1}}
    for c in range(3):
        at = f"channels.{c}"
        changes[f"{at}.adstock"] = draw(ADSTOCKS)
        changes[f"{at}.saturation"] = draw(SATURATIONS)
        changes[f"{at}.fatigue"] = draw(FATIGUES)
        changes[f"{at}.price.bid_up"] = draw(st.floats(0, 0.6))
    changes["synergies.0.strength"] = draw(st.floats(0, 0.5))
    for s in range(2):
        at = f"segments.{s}"
        changes[f"{at}.elasticity"] = draw(st.floats(-5, -0.5))
        changes[f"{at}.basket_cv"] = draw(st.floats(0, 1.5))
        changes[f"{at}.price_memory"] = {
            "deal_gain": draw(st.floats(0, 2)),
            "half_life_days": draw(st.floats(0.5, 30)),
        }
    for r in range(2):
        at = f"market.regions.{r}"
        changes[f"{at}.duty"] = draw(st.sampled_from(["none", "eu_import", "gb_import"]))
        changes[f"{at}.duty_paid_by"] = draw(st.sampled_from(["seller", "customer"]))
        changes[f"{at}.fx_pass_through"] = draw(st.floats(0, 1))
        changes[f"{at}.price_level"] = draw(st.floats(0.5, 2))
        changes[f"{at}.stock"] = draw(
            st.none()
            | st.fixed_dictionaries(
                {
                    "initial_orders": st.floats(0, 300),
                    "lead_time_days": st.integers(1, 4),
                    "cover_days": st.floats(1, 10),
                }
            )
        )
    if draw(st.booleans()):
        changes["places"] = [
            {
                "id": "mall",
                "fees": {
                    "platform_frac": draw(st.floats(0, 0.5)),
                    "fee_on": draw(st.sampled_from(["net", "gross"])),
                    "fixed_base": draw(st.floats(0, 5)),
                },
                "conversion": draw(st.floats(0.2, 3)),
                "basket": draw(st.floats(0.2, 3)),
                "organic_frac": draw(st.floats(0, 1)),
            }
        ]
        changes["channels.1.place"] = "mall"
        changes["channels.1.price.by_region"] = {"island": draw(st.floats(0.2, 5))}
    borrowed = draw(st.floats(0, 1))
    changes["discounts.pull_forward"] = {
        "borrowed_frac": borrowed,
        "switched_frac": draw(st.floats(0, 1)) * (1 - borrowed),
        "own_frac": draw(st.floats(0, 1)),
        "half_life_days": draw(st.floats(0.5, 30)),
        "largest_cut": draw(st.floats(0, 0.95)),
    }
    changes["budget.total_base"] = draw(st.floats(100, 1e5))
    changes["noise.demand_cv"] = draw(st.floats(0, 1))
    if draw(st.booleans()):
        changes["shocks"] = [
            {"kind": "fx_move", "day": "2026-09-08", "currency": "GBP", "log_size": draw(st.floats(-1, 1))},
            {"kind": "channel_outage", "day": "2026-09-09", "channel": "social", "days": 2},
            {"kind": "stock_delay", "day": "2026-09-07", "days": 2, "extra_days": draw(st.floats(0, 9))},
            {"kind": "rule_change", "day": "2026-09-10", "tax_frac": draw(st.floats(0, 0.5))},
        ]
        if all(changes[f"market.regions.{r}.duty"] != "none" for r in range(2)):
            changes["shocks"][-1]["threshold_base"] = draw(st.floats(0, 300))
    return document(changes)


def random_policy(scenario: Scenario, worlds: int, seed: int, *, deepest: float = 0.4, spend: float = 200.0):
    """Decisions drawn once from a seed: the same for every world and every call."""
    rng = np.random.default_rng(seed)
    regions, segments, channels, parts = scenario.shape
    days = []
    for _ in range(scenario.days):
        weights = rng.dirichlet(np.ones(parts), (regions, channels))
        days.append(
            (
                rng.uniform(0, spend, (regions, segments, channels))
                * rng.integers(0, 2, (regions, segments, channels)),
                weights / weights.sum(axis=-1, keepdims=True),
                rng.uniform(0, deepest, (regions, segments)) * rng.integers(0, 2, (regions, segments)),
                rng.integers(0, 5, (regions, segments)),
            )
        )

    def policy(day: int) -> Decision:
        spend_base, dayparts, discount, mechanic = (np.repeat(part[None], worlds, axis=0) for part in days[day])
        return Decision(spend_base=spend_base, daypart_weights=dayparts, discount_frac=discount, mechanic=mechanic)

    return policy


def random_scenarios(**options: Any) -> st.SearchStrategy[Scenario]:
    return documents(**options).map(scenario_of)
