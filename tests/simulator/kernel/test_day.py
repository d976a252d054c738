"""The kernel's day is the reference's: expectations within 1e-9, the same counts, the same bits however it is cut."""

import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields, is_dataclass, replace
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.random_markets import documents
from tests.worlds import Doc, document, scenario_of
from xbopt.core.arrays import FloatArray, add_up
from xbopt.core.decisions.decision import Decision
from xbopt.simulator.build import build_market
from xbopt.simulator.draws import DayDraws, MarketDraws
from xbopt.simulator.history import initial_state
from xbopt.simulator.kernel import engine as engines
from xbopt.simulator.kernel.engine import Engine, EngineName, playing_with
from xbopt.simulator.native_parameters import _Recent
from xbopt.simulator.parameters import MarketParameters
from xbopt.simulator.state import MarketState
from xbopt.simulator.step import DayOutcome, play_day
from xbopt.simulator.worlds import draw_worlds

pytestmark = pytest.mark.usefixtures("kernel")
QUICK = settings(max_examples=15, suppress_health_check=[HealthCheck.too_slow])
COUNTS = ("visits", "carts", "orders", "returns")
# Everything about worlds that a scenario may be unsure of.
UNSURE = {
    "elasticity": {"spread": 0.2, "by": ["region", "segment"]},
    "conversion": {"spread": 0.2},
    "customer_conversion": {"spread": 0.1, "by": ["segment"]},
    "organic_traffic": {"spread": 0.2, "by": ["region"]},
    "order_value": {"spread": 0.2, "by": ["region", "segment"]},
    "media_response": {"spread": 0.3, "by": ["channel"]},
    "half_saturation": {"spread": 0.3, "by": ["region", "channel"]},
    "media_price": {"spread": 0.2, "by": ["channel"]},
    "bid_up": {"spread": 0.2, "by": ["channel"]},
    "visit_quality": {"spread": 0.2, "by": ["channel"]},
    "carry_over": {"spread": 0.3, "by": ["channel"]},
    "fatigue": {"spread": 0.3, "by": ["region", "segment", "channel"]},
    "synergy": {"spread": 0.2},
    "event_lift": {"spread": 0.3, "by": ["region"]},
    "deal_gain": {"spread": 0.3},
    "price_memory": {"spread": 0.3},
    "pull_forward": {"spread": 0.3},
    "dropout": {"spread": 0.2},
    "return_rate": {"spread": 0.3, "by": ["segment"]},
    "unit_cost": {"spread": 0.1, "by": ["region"]},
    "shipping_cost": {"spread": 0.1, "by": ["region"]},
    "delivery_days": {"spread": 0.2, "by": ["region"]},
}


def own_decisions(market: MarketParameters, worlds: int, seed: int) -> list[Decision]:
    """Decisions by day in which every world decides for itself."""
    rng, (regions, segments, channels, parts) = np.random.default_rng(seed), market.shape
    cells = (worlds, regions, segments)
    return [
        Decision(
            spend_base=rng.uniform(0, 150, (*cells, channels)) * rng.integers(0, 2, (*cells, channels)),
            daypart_weights=rng.dirichlet(np.ones(parts), (worlds, regions, channels)),
            discount_frac=rng.uniform(0, 0.4, cells) * rng.integers(0, 2, cells),
            mechanic=rng.integers(0, 5, cells),
        )
        for _ in range(market.scenario.days)
    ]


def arrays(part: Any, name: str = "") -> dict[str, FloatArray]:
    """Every number of an outcome or a state, by its path."""
    if isinstance(part, np.ndarray):
        return {name: part}
    if isinstance(part, DayOutcome):
        split, contact = part.attribution.sharing.details()
        more = arrays(split, f"{name}split") | {f"{name}contact": contact}
        more |= {f"{name}channel_visits": part.channel_visits, f"{name}channel_orders": part.channel_orders}
        rest = [field.name for field in fields(part) if field.name != "attribution"]
        return more | {f"{name}expected_visits": part.attribution.visits} | _of(part, rest, name)
    if isinstance(part, tuple):
        return {key: array for i, item in enumerate(part) for key, array in arrays(item, f"{name}[{i}]").items()}
    return _of(part, [field.name for field in fields(part)], name) if is_dataclass(part) else {}


def _of(part: Any, names: list[str], name: str) -> dict[str, FloatArray]:
    return {key: array for own in names for key, array in arrays(getattr(part, own), f"{name}.{own}").items()}


def assert_close(left: Any, right: Any) -> None:
    mine, theirs = arrays(left), arrays(right)
    assert mine.keys() == theirs.keys()
    for name, array in mine.items():
        known = array[np.isfinite(array)]
        size = max(float(np.abs(known).max(initial=0.0)), 1.0)
        # What is the same in all worlds may have one row.
        other = np.broadcast_to(theirs[name], np.broadcast_shapes(array.shape, theirs[name].shape))
        np.testing.assert_allclose(
            other, np.broadcast_to(array, other.shape), rtol=1e-9, atol=1e-9 * size, err_msg=name
        )


def days_of_both(market: MarketParameters, worlds: int, seed: int, *, sampled: bool) -> None:
    """Play both engines from the same mornings, the reference's, and compare what came."""
    numbers = np.arange(worlds)
    world = draw_worlds(market.scenario, seed=seed, worlds=numbers)
    with playing_with("numpy"):
        state = initial_state(market, worlds, world)
        draws = MarketDraws(market.scenario, seed=seed, worlds=numbers) if sampled else None
    for decision in own_decisions(market, worlds, seed):
        luck = None if draws is None else draws.day(state.day)
        mine, after = play_day(market, world, state, decision, luck, engine="native")
        theirs, state = play_day(market, world, state, decision, luck, engine="numpy")
        assert (mine.engine, theirs.engine) == ("native", "numpy")
        assert_close(theirs, mine)
        assert_close(state, after)
        for name in COUNTS:
            if sampled:
                np.testing.assert_array_equal(getattr(mine, name), getattr(theirs, name), err_msg=name)


@QUICK
@given(documents(days=4), st.integers(0, 2**32 - 1), st.booleans())
def test_a_random_market_is_played_as_the_reference_plays_it(doc: Doc, seed: int, sampled: bool) -> None:
    days_of_both(build_market(scenario_of(doc)), 5, seed, sampled=sampled)


@pytest.mark.parametrize("sampled", [True, False])
def test_worlds_that_differ_in_all_parameters_are_played_alike(sampled: bool) -> None:
    """Over Black Friday, in two chunks; every group of uncertain parameters is drawn."""
    market = build_market(scenario_of(document({"uncertainty": UNSURE, "horizon.start": "2026-11-24"})))
    days_of_both(market, 70, 3, sampled=sampled)


def sampled_run(market: MarketParameters, rows: list[int]) -> list[tuple[DayOutcome, MarketState]]:
    numbers = np.array(rows)
    world = draw_worlds(market.scenario, seed=2, worlds=numbers)
    draws, state = MarketDraws(market.scenario, seed=1, worlds=numbers), initial_state(market, len(rows), world)
    days: list[tuple[DayOutcome, MarketState]] = []
    for decision in own_decisions(market, 150, 9)[:3]:
        own = replace(decision, **{field.name: getattr(decision, field.name)[rows] for field in fields(decision)})
        days.append(play_day(market, world, state, own, draws.day(state.day)))
        state = days[-1][1]
    return days


def bits(days: list[tuple[DayOutcome, MarketState]], rows: Any = slice(None)) -> bytes:
    found: list[bytes] = []
    for day in days:
        for name, array in arrays(day).items():
            own = array[:, rows] if name.endswith(".window") else array[rows] if array.shape[0] > 1 else array
            found.append(np.ascontiguousarray(own).tobytes())
    return b"".join(found)


@pytest.fixture(scope="module")
def unsure_market() -> MarketParameters:
    return build_market(scenario_of(document({"uncertainty": UNSURE, "tactics": {"decide_every_days": 1}})))


def test_threads_chunks_and_levels_change_no_bit(
    unsure_market: MarketParameters, kernel: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    """150 worlds: three chunks on one thread, others on two, three and seven; and on every level of this machine."""
    whole: dict[tuple[str, int], bytes] = {}
    for level in kernel.LEVELS:
        for threads in (1, 2, 3, 7) if level == kernel.LEVELS[0] else (1,):
            monkeypatch.setattr(engines, "_native_by_wish", lambda at=level: Engine(name="native", reason="", level=at))
            monkeypatch.setenv("XBOPT_THREADS", str(threads))
            with playing_with("native"):
                whole[level, threads] = bits(sampled_run(unsure_market, list(range(150))))
    assert len(whole) >= 5
    assert len(set(whole.values())) == 1


def test_a_world_is_the_same_alone_and_in_any_batch(unsure_market: MarketParameters) -> None:
    with playing_with("native"):
        whole = sampled_run(unsure_market, list(range(150)))
        for rows in ([0], [149], list(range(60, 70)), [3, 120, 64]):
            assert bits(sampled_run(unsure_market, rows)) == bits(whole, rows)


def test_a_morning_stays_what_it_was_whoever_goes_on_from_it(unsure_market: MarketParameters) -> None:
    """Tomorrow's window is written beside today's, and the memory of days that are gone is used again."""
    world = draw_worlds(unsure_market.scenario, seed=2, worlds=np.arange(3))
    first, other = own_decisions(unsure_market, 3, 4)[:2]

    def play(state: MarketState, decision: Decision) -> tuple[DayOutcome, MarketState]:
        return play_day(unsure_market, world, state, decision, None, engine="native")

    morning = play(initial_state(unsure_market, 3, world), first)[1]
    before = bits([(play(morning, first)[0], morning)])
    one, two = play(morning, first), play(morning, other)
    kept = bits([one]), bits([two])
    for _ in range(12):
        play(play(morning, other)[1], first)
    assert (bits([one]), bits([two])) == kept
    assert bits([(play(morning, first)[0], morning)]) == before
    assert bits([play(morning, first)]) == kept[0]
    assert not np.array_equal(one[1].window[0], two[1].window[0])
    assert np.array_equal(one[1].window[1:], two[1].window[1:])


def test_arrays_of_a_wrong_size_are_refused(unsure_market: MarketParameters) -> None:
    state = initial_state(unsure_market, 2)
    world = draw_worlds(unsure_market.scenario, seed=2, worlds=np.arange(2))
    wrong = replace(state, in_transit=np.zeros((2, 1, 1)))
    with pytest.raises(ValueError, match="in_transit holds 16 bytes; 64 are wanted"):
        play_day(unsure_market, world, wrong, own_decisions(unsure_market, 2, 1)[0], None, engine="native")
    three = draw_worlds(unsure_market.scenario, seed=2, worlds=np.arange(3))
    with pytest.raises(ValueError, match="Day 0 of 2 worlds does not fit"):
        play_day(unsure_market, three, state, own_decisions(unsure_market, 2, 1)[0], None, engine="native")


def test_what_all_decide_alike_and_what_is_drawn_in_passing_change_no_bit(unsure_market: MarketParameters) -> None:
    """One decision for all worlds against a copy for each; the stream of random numbers against the numbers."""
    numbers = np.arange(70)
    world = draw_worlds(unsure_market.scenario, seed=2, worlds=numbers)
    one = own_decisions(unsure_market, 1, 5)[0]
    parts = {field.name: getattr(one, field.name) for field in fields(one)}
    alike = Decision(**{name: np.broadcast_to(part, (70, *part.shape[1:])) for name, part in parts.items()})
    found: set[bytes] = set()
    with playing_with("native"):
        state, draws = (
            initial_state(unsure_market, 70, world),
            MarketDraws(unsure_market.scenario, seed=1, worlds=numbers),
        )
        luck = draws.day(0)
        plain = DayDraws(normals=luck.normals, jump=luck.jump, counts=luck.counts)
        for decision in (alike, one.repeated(70)):
            for drawn in (draws.day(0), plain):
                found.add(bits([play_day(unsure_market, world, state, decision, drawn)]))
    assert len(found) == 1


@QUICK
@given(st.integers(0, 2**32 - 1))
def test_the_kernel_tells_which_decisions_the_projection_changes(unsure_market: MarketParameters, seed: int) -> None:
    """Caps, minimums, locks and ceilings, each about as often kept as not, and kept to the last bit."""
    rng, decision = np.random.default_rng(seed), own_decisions(unsure_market, 3, seed)[0]
    spend, at_most, kept = decision.spend_base, np.max, rng.random(6) < 0.8

    def cap(totals: FloatArray, keeps: bool) -> Any:
        return at_most(totals, axis=0) if keeps else at_most(totals, axis=0) * 0.9

    locked = rng.random(spend.shape[1:]) < 0.2
    spend[:, locked] = spend[:1, locked]
    limits = replace(
        unsure_market.scenario.limits,
        daily_base=float(cap(add_up(spend, 1, 2, 3), kept[0])),
        region_cap_base=cap(add_up(spend, 2, 3), kept[1]),
        channel_cap_base=cap(add_up(spend, 1, 2), kept[2]),
        maximum_base=cap(add_up(spend, 2), kept[3]),
        minimum_base=np.where(locked, 0.0, np.min(spend, axis=0)),
        locked=locked,
        lock_base=np.where(locked, spend[0] + (0.0 if kept[4] else 1.0), 0.0),
        discount_ceiling=cap(decision.discount_frac, kept[5]),
    )
    market = replace(unsure_market, scenario=replace(unsure_market.scenario, limits=limits))
    world, state = draw_worlds(market.scenario, seed=1, worlds=np.arange(3)), initial_state(market, 3)
    found: dict[EngineName, dict[str, FloatArray]] = {}
    both: tuple[EngineName, ...] = ("native", "numpy")
    for engine in both:
        outcome, _ = play_day(market, world, state, decision, None, engine=engine)
        found[engine] = arrays(outcome.decision, "decision") | arrays(outcome.adjustments, "adjustments")
    for name, array in found["numpy"].items():
        np.testing.assert_array_equal(found["native"][name], array, err_msg=name)


def nothing_drawn(market: MarketParameters, u: float) -> DayDraws:
    regions, segments = market.shape[:2]
    by_region, by_cell = np.zeros((1, regions)), np.zeros((1, regions, segments))
    money = np.zeros((1, market.outside.fx_sd.size))
    return DayDraws(
        normals={
            "fx": money,
            **dict.fromkeys(("competitor", "congestion", "sentiment", "media_price"), by_region),
            **dict.fromkeys(("shock", "basket"), by_cell),
        },
        jump=money + 0.5,
        counts=np.full((1, regions * segments * 8), u),
    )


def test_a_plain_day_by_hand() -> None:
    """10,000 prospects visit 10 times a 1,000, put 0.2 into carts and check 0.5 of these out: 100, 20 and 10.

    The median of a Poisson law of mean 10 is 10, of 80 browsing visits 80 and of 10 abandoned carts 10, so that u = 1/2
    draws 10 orders, 20 carts and 100 visits too.
    """
    from tests.worlds import decision, plain_market

    market = plain_market()
    for luck, engine in ((None, "native"), (nothing_drawn(market, 0.5), "native"), (None, "numpy")):
        name: EngineName = engine
        world = draw_worlds(market.scenario, seed=1, worlds=np.arange(1))
        state = initial_state(market, 1)
        outcome, _ = play_day(market, world, state, decision(market.scenario, 1), luck, engine=name)
        assert outcome.visits[0, 0, 0] == pytest.approx(100.0)
        assert outcome.carts[0, 0, 0] == pytest.approx(20.0)
        assert outcome.orders[0, 0, 0] == pytest.approx([10.0, 0, 0, 0, 0])
        assert outcome.money.gross_revenue[0, 0, 0] == pytest.approx(1000.0)  # 10 orders of 100
        assert outcome.money.goods[0, 0, 0] == pytest.approx(-550.0)


def test_threads_that_play_days_of_many_markets_do_not_disturb_each_other() -> None:
    """What is packed is forgotten after a few markets, by whichever thread comes to it."""
    recent, wrong = _Recent(), list[int]()
    usual = sys.getswitchinterval()

    def ask(step: int) -> None:
        for i in range(20_000):
            key = (i * step) % 12
            if recent.get(key, None, lambda own=key: own) != key:
                wrong.append(key)

    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(ask, (1, 3, 5, 7)))
    finally:
        sys.setswitchinterval(usual)
    assert not wrong
