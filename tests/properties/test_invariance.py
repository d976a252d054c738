"""What must not matter: the unit of money, the order of names, the batch; and what must: the seeds."""

from collections.abc import Callable
from dataclasses import fields
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.random_markets import documents, random_policy
from tests.worlds import Doc, decision, document, market_of, play, rescaled, scenario_of
from xbopt.core.arrays import FloatArray
from xbopt.core.decisions.decision import Decision
from xbopt.simulator.build import build_market
from xbopt.simulator.lifetime import customer_value
from xbopt.simulator.money import TERMS
from xbopt.simulator.step import DayOutcome

QUICK = settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow])
COUNTS = ("visits", "carts", "orders", "lost_orders", "returns", "known_customers", "capped")
RATES = ("impressions", "channel_visits", "channel_orders", "satisfaction", "delivery_days")
LEDGER = ("bump", "borrowed", "switched", "repaid", "taken", "debt")


def arrays(outcome: DayOutcome) -> dict[str, FloatArray]:
    """Every number of a day by name, money included."""
    found = {name: getattr(outcome, name) for name in COUNTS + RATES}
    found |= {f"ledger.{name}": getattr(outcome.ledger, name) for name in LEDGER}
    found |= {f"money.{name}": getattr(outcome.money, name) for name in TERMS}
    found |= {
        f"adjustments.{part.name}": getattr(outcome.adjustments, part.name) for part in fields(outcome.adjustments)
    }
    return found | {"spend": outcome.decision.spend_base, "discount": outcome.decision.discount_frac}


@QUICK
@given(documents(), st.integers(0, 2**32 - 1), st.sampled_from([1e-3, 1e6]), st.booleans())
def test_another_base_currency_changes_no_count_and_scales_all_money(
    doc: Doc, seed: int, factor: float, sampled: bool
) -> None:
    worlds = range(3) if sampled else None
    # What rounding leaves of a budget that is used up is not a share of anything: there is more than is asked for.
    doc["budget"]["total_base"] = 1e6

    def run(doc: Doc, unit: float) -> tuple[list[DayOutcome], FloatArray]:
        scenario = scenario_of(doc)
        policy = random_policy(scenario, 3 if sampled else 1, seed, spend=200.0 * unit)
        market = build_market(scenario)
        return play(market, policy, worlds=worlds)[0], customer_value(market).living

    (mine, value), (theirs, their_value) = run(doc, 1.0), run(rescaled(doc, factor), factor)
    np.testing.assert_allclose(their_value, value * factor, rtol=1e-9, atol=1e-9 * factor)
    for day, other in zip(mine, theirs, strict=True):
        left, right = arrays(day), arrays(other)
        for name, array in left.items():
            is_money = name.startswith("money.") or name == "spend" or name.endswith("_base")
            scale = factor if is_money else 1.0
            size = max(float(np.abs(array).max()), 1.0) * scale
            np.testing.assert_allclose(right[name], array * scale, rtol=1e-9, atol=1e-9 * size, err_msg=name)
            if sampled and name in ("visits", "carts", "orders", "returns"):
                np.testing.assert_array_equal(right[name], array, err_msg=name)


def _reverse_names(doc: Doc) -> None:
    doc["market"]["regions"].reverse()
    doc["segments"].reverse()
    doc["channels"].reverse()
    doc["products"].reverse()
    currencies = doc["market"]["currencies"]
    doc["market"]["currencies"] = dict(reversed(currencies.items()))


@QUICK
@given(documents(), st.integers(0, 2**32 - 1), st.booleans())
def test_permuted_names_permute_results(doc: Doc, seed: int, sampled: bool) -> None:
    worlds, count = (range(3), 3) if sampled else (None, 1)
    doc["budget"]["total_base"] = 1e6  # for the same reason as above
    scenario = scenario_of(doc)
    policy = random_policy(scenario, count, seed)
    mine, _ = play(build_market(scenario), policy, worlds=worlds)
    _reverse_names(doc)

    def turned(day: int) -> Decision:
        choice = policy(day)
        return Decision(
            spend_base=choice.spend_base[:, ::-1, ::-1, ::-1].copy(),
            daypart_weights=choice.daypart_weights[:, ::-1, ::-1].copy(),
            discount_frac=choice.discount_frac[:, ::-1, ::-1].copy(),
            mechanic=choice.mechanic[:, ::-1, ::-1].copy(),
        )

    theirs, _ = play(build_market(scenario_of(doc)), turned, worlds=worlds)
    back: dict[int, Any] = {1: np.s_[:], 2: np.s_[:, ::-1], 3: np.s_[:, ::-1, ::-1], 4: np.s_[:, ::-1, ::-1]}
    for day, other in zip(mine, theirs, strict=True):
        left, right = arrays(day), arrays(other)
        for name, array in left.items():
            found = right[name][back[array.ndim]]
            if array.ndim == 4 and name != "orders":  # the last axis is channels, not buckets
                found = found[..., ::-1]
            size = max(float(np.abs(array).max()), 1.0)
            np.testing.assert_allclose(found, array, rtol=1e-9, atol=1e-9 * size, err_msg=name)
            if sampled and name in ("visits", "carts", "orders", "returns"):
                np.testing.assert_array_equal(found, array, err_msg=name)


WIDE_POLICY_SEED = 11


def _wide() -> Doc:
    """Eleven channels and three segments: sums long enough for their order to show."""
    doc = document({"tactics": {"decide_every_days": 1}, "horizon.days": 5})
    extra = [{**doc["channels"][i % 3], "id": f"more{i}"} for i in range(8)]
    doc["channels"] += extra
    doc["segments"].append({**doc["segments"][0], "id": "third"})
    for region in doc["market"]["regions"]:
        region["population"]["third"] = 9000
    doc["budget"]["region_caps_base"] = {"north": 900}
    doc["budget"]["channel_caps_base"] = {"search": 700}
    return doc


def _untaxed() -> Doc:
    """Orders on either side of Japan's JPY 10,000, so that each world's discount decides on its tax."""
    doc = document({"tactics": {"decide_every_days": 1}, "horizon.days": 5})
    doc["market"]["currencies"]["JPY"] = {"rate": 0.006, "volatility": 0.1}
    doc["market"]["regions"][1] |= {"country": "JP", "currency": "JPY", "tax": "JP", "duty": "jp_import"}
    return doc


@pytest.mark.parametrize(
    "make",
    [lambda: document({"tactics": {"decide_every_days": 1}, "horizon.days": 5}), _wide, _untaxed],
    ids=["small", "wide", "untaxed"],
)
def test_a_world_does_not_depend_on_its_batch_or_neighbours(make: Callable[[], Doc]) -> None:
    market = build_market(scenario_of(make()))
    scenario = market.scenario
    rng = np.random.default_rng(WIDE_POLICY_SEED)
    regions, segments, channels, parts = scenario.shape
    numbers = np.arange(65)
    # Every world decides for itself, so that a mixed-up row shows.
    spend = rng.uniform(0, 90, (scenario.days, 65, regions, segments, channels))
    weights = rng.dirichlet(np.ones(parts), (65, regions, channels))
    weights[::3] = scenario.audience[:, None, :]
    discount = rng.uniform(0, 0.3, (65, regions, segments)) * rng.integers(0, 2, (65, 1, 1))
    mechanic = rng.integers(0, 5, (65, regions, segments))

    def run(rows: list[int]) -> list[dict[str, FloatArray]]:
        def policy(day: int) -> Decision:
            return Decision(
                spend_base=spend[day][rows],
                daypart_weights=weights[rows],
                discount_frac=discount[rows] * (day % 2),
                mechanic=mechanic[rows],
            )

        return [arrays(outcome) for outcome in play(market, policy, worlds=[int(numbers[r]) for r in rows])[0]]

    whole = run(list(range(65)))
    batches = [
        [0],
        [64],
        list(range(7)),
        list(range(8)),
        list(range(64)),
        list(range(20, 28)),
        [40, 3, 3, 64, 0, 12, 5],
    ]
    for rows in batches:
        for day, (part, full) in enumerate(zip(run(rows), whole, strict=True)):
            for name, array in part.items():
                assert array.tobytes() == full[name][rows].tobytes(), (rows, day, name)


def _bytes(seed: int, world_seed: int) -> bytes:
    market = market_of()
    choice = decision(market.scenario, 4, spend=60.0, discount=0.1)
    outcomes, _ = play(market, lambda _: choice, worlds=range(4), seed=seed, world_seed=world_seed, days=4)
    return b"".join(array.tobytes() for outcome in outcomes for array in arrays(outcome).values())


def test_the_same_seeds_give_the_same_bytes_and_others_give_others() -> None:
    assert _bytes(1, 2) == _bytes(1, 2)
    assert len({_bytes(1, 2), _bytes(3, 2), _bytes(1, 3), _bytes(2, 1)}) == 4


def test_the_world_seed_moves_parameters_and_the_noise_seed_moves_luck() -> None:
    certain = market_of({"uncertainty": {}})
    choice = decision(certain.scenario, 2, spend=60.0)

    def visits(world_seed: int, seed: int) -> FloatArray:
        outcomes, _ = play(certain, lambda _: choice, worlds=range(2), seed=seed, world_seed=world_seed, days=3)
        return np.array([outcome.visits for outcome in outcomes])

    np.testing.assert_array_equal(visits(1, 5), visits(2, 5))
    assert (visits(1, 5) != visits(1, 6)).any()
