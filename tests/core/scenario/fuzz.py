"""Mutates scenarios: each mutant is refused with a place, or loaded and played without a wrong number.

Half of the mutants come from the text
(lines and bytes), half from the parsed data (leaves put to the edges of what may be allowed), so that many are
accepted and played. ``benchmarks/bench_fuzz_scenarios.py`` plays thousands.
"""

import copy
import dataclasses
import itertools
import json
import signal
import traceback
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from importlib import resources
from pathlib import Path
from typing import TypeVar

import numpy as np

from xbopt.core.decisions.decision import Decision
from xbopt.core.documents.yaml_text import parse_yaml
from xbopt.core.errors import ScenarioError, UsageError
from xbopt.core.scenario.loading import load_scenario, shipped_scenarios
from xbopt.core.scenario.scenario import Scenario
from xbopt.simulator.build import build_market
from xbopt.simulator.draws import MarketDraws
from xbopt.simulator.history import initial_state
from xbopt.simulator.step import play_day
from xbopt.simulator.worlds import draw_worlds

T = TypeVar("T")

WORLDS = 4
MOST_DAYS = 14
SECONDS = 20
# Infinite where there is no limit.
MAY_BE_INFINITE = {"stock", "region_base", "channel_base"}
NEVER_NEGATIVE = {
    "visits", "carts", "orders", "lost_orders", "returns", "known_customers", "impressions", "channel_visits",
    "channel_orders", "customers", "carried", "frequency", "borrowed", "satisfaction", "stock", "on_order",
    "usual_demand", "in_transit", "returning", "budget_base", "region_base", "channel_base", "spend_base",
    "delivery_days", "discount_frac", "daypart_weights",
}  # fmt: skip
TEXTS = (
    "1e300", "-1", "0", "1e-300", ".nan", ".inf", "null", "''", "[]", "{}", "true", "NO", "99999999999999999999999999",
    "2026-13-45", "2060-12-31", "\"\\u0000\"", "*x", "&x 1", "!!int 3", "x: y: z", "'unclosed", "0x10", "1_000", "😀",
)  # fmt: skip
NUMBERS = (
    0, 1, -1, 2, 0.5, 0.0, 1e-12, 1e-9, 1e-6, 1e-4, 0.01, 0.05, 0.1, 0.3, 0.8, 0.9, 0.95, 0.99, 1.5, 3, 4, 5, 8, 10, 12,
    -0.05, -12, 50, 100, 365, 900, 1000, 1100, 3650, 10_000, 1e6, 1e9, 2e9, 1e13,
)  # fmt: skip


class TooSlow(Exception):  # noqa: N818 - it is no error of the code, but a verdict on it
    """Raised when a mutant takes longer than ``SECONDS``."""


class Dice:
    """Draws from a seed, for plain Python things."""

    def __init__(self, seed: int) -> None:
        self._generator = np.random.default_rng(seed)

    def below(self, end: int) -> int:
        """A whole number from 0 to ``end - 1``."""
        return int(self._generator.integers(end))

    def share(self) -> float:
        """A number from 0 to 1."""
        return float(self._generator.random())

    def choice(self, items: Sequence[T]) -> T:
        """One of the items."""
        return items[self.below(len(items))]

    def sample(self, items: Sequence[T], count: int) -> list[T]:
        """Some of the items, each at most once."""
        return [items[i] for i in self._generator.permutation(len(items))[:count]]

    def bytes(self, count: int) -> bytes:
        """Any bytes."""
        return self._generator.bytes(count)


def leaves(data: object, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Paths of all values that hold no others."""
    if isinstance(data, dict | list) and data:
        for key, value in data.items() if isinstance(data, dict) else enumerate(data):
            yield from leaves(value, (*path, key))
    else:
        yield path


def mutate_text(text: str, dice: Dice) -> bytes:
    """A text with one, two or four damages."""
    lines = text.split("\n")
    for _ in range(dice.choice((1, 1, 1, 2, 4))):
        kind = dice.below(10)
        at = dice.below(len(lines))
        line = lines[at]
        if kind == 0:
            del lines[at]
        elif kind == 1:
            lines.insert(dice.below(len(lines)), line)
        elif kind == 2:
            lines[at] = lines[dice.below(len(lines))]
        elif kind in {3, 4, 5} and ":" in line:
            lines[at] = f"{line.partition(':')[0]}: {dice.choice(TEXTS)}"
        elif kind == 6 and ":" in line:
            key = line.partition(":")[0]
            lines[at] = line.replace(key, key + dice.choice("sx_é "), 1)
        elif kind == 7:
            lines[at] = dice.choice((" ", "  ", "\t", "")) + line.lstrip(dice.choice((" ", "")))
        elif kind == 8:
            lines = lines[: at + 1]
        else:
            place = dice.below(len(line) + 1)
            lines[at] = line[:place] + dice.choice("{}[]:,#'\"&*!|>%@`\\\x00\u2028\ufeff0.-") + line[place:]
        lines = lines or [""]
    raw = "\n".join(lines).encode()
    if dice.share() < 0.1:
        place = dice.below(len(raw) + 1)
        raw = raw[:place] + dice.bytes(3) + raw[place:]
    return raw


def mutate_data(text: str, dice: Dice) -> bytes:
    """Parsed data with one to three leaves put to other values, as JSON, which is YAML too."""
    data = copy.deepcopy(parse_yaml(text).data)
    for _ in range(1 + dice.below(3)):
        *parents, last = dice.choice([path for path in leaves(data) if path])
        place = data
        for step in parents:
            place = place[step]
        old = place[last]
        kind = dice.below(12)
        if kind == 0:
            del place[last]
        elif kind == 1:
            place[last] = dice.choice((None, "", [], {}, True, "x", -(10**30), float(10**30)))
        elif kind == 2 and isinstance(place, list):
            place.append(copy.deepcopy(old))
        elif isinstance(old, int | float) and not isinstance(old, bool):
            factor = dice.choice((0, 0.1, 0.5, 0.9, 1.1, 2, 10, 1000, -1))
            place[last] = dice.choice(NUMBERS) if dice.share() < 0.6 else old * factor
            if isinstance(old, int) and dice.share() < 0.9:
                place[last] = int(place[last])
        elif isinstance(old, str):
            known = [str(leaf_value(data, path)) for path in leaves(data)]
            place[last] = dice.choice(known)
    return json.dumps(data, indent=1, ensure_ascii=False).encode()


def leaf_value(data: object, path: tuple[str | int, ...]) -> object:
    """The value at a path."""
    for step in path:
        data = data[step]  # type: ignore[index]
    return data


def add_extremes(text: str, dice: Dice) -> bytes:
    """Parsed data with optional parts of the format added at the edges of what is allowed."""
    data = copy.deepcopy(parse_yaml(text).data)
    region = dice.choice(data["market"]["regions"])
    segment = dice.choice(data["segments"])
    channel = dice.choice(data["channels"])
    start = data["horizon"]["start"]
    pick = dice.choice
    parts = [
        lambda: region.update(stock={"initial_orders": pick((0, 1, 1e9)), "lead_time_days": pick((1, 120)),
                                     "cover_days": pick((1, 365))}),
        lambda: region.update(duty_paid_by=pick(("seller", "customer")), fx_pass_through=pick((0, 1)),
                              price_level=pick((0.01, 100)), surprise_duty_conversion=pick((0.1, 1))),
        lambda: region.update(elasticity_level=pick((0.01, 1, 10, 100)), conversion_level=pick((0.01, 100)),
                              traffic_level=pick((0.01, 100)), media_price_level=pick((0.01, 100))),
        lambda: region["shipping"].update(days=pick((0.05, 3650)), volatility=pick((0, 1)), cost_base=pick((0, 1e13))),
        lambda: segment.update(elasticity=pick((-12, -0.05)), competitor_elasticity=pick((0, 8))),
        lambda: segment.update(items_per_order=pick((0.01, 10000)), basket_cv=pick((0, 10)),
                               lines_per_order=pick((1, 500))),
        lambda: segment.update(price_memory={"deal_gain": pick((0, 5)), "half_life_days": pick((0.05, 3650))}),
        lambda: segment.update(satisfaction={"start": pick((0, 1)), "memory_days": 0.05, "repurchase": 5, "churn": 5}),
        lambda: segment.update(sentiment_sensitivity=3, delay_sensitivity=0.3),
        lambda: channel.update(adstock={"curve": "weibull", "shape": pick((0.3, 10)), "scale_days": pick((0.2, 60))}),
        lambda: channel.update(adstock={"curve": "delayed", "half_life_days": pick((0.05, 120)),
                                        "peak_days": pick((0, 30)), "window_days": pick((2, 60))}),
        lambda: channel.update(saturation={"curve": "hill", "half_saturation": pick((1e-4, 100)),
                                           "slope": pick((0.3, 4))}),
        lambda: channel.update(saturation={"curve": "exponential", "half_saturation": pick((1e-4, 100))}),
        lambda: channel.update(visit_quality=pick((0.01, 100)), visits_per_1000_impressions=pick((1e-4, 900))),
        lambda: channel["price"].update(amount_base=pick((1e-9, 1e-6, 1e13)), bid_up=pick((0, 0.8)),
                                        reference_per_1000=pick((1e-9, 1e-6, 1e13))),
        lambda: channel.update(fatigue={"weekly_frequency": 0.1, "exponent": 1, "half_life_days": 0.05}),
        lambda: data["budget"].update(total_base=pick((1e-9, 1e-6, 1, 1e13)), max_daily_multiple=pick((1, 1100))),
        lambda: data["market"].update(population_growth=pick((-0.5, 1)), discount_rate=pick((0, 1))),
        lambda: data.update(shocks=[
            {"kind": "price_war", "day": start, "days": 1100, "log_size": pick((-1.5, 1.5))},
            {"kind": "viral_sentiment", "day": start, "size": pick((-5, 5))},
            {"kind": "stock_delay", "day": start, "days": pick((1, 9)), "extra_days": pick((0, 120))},
            {"kind": "channel_outage", "day": start, "days": 2, "channel": channel["id"]},
            {"kind": "rule_change", "day": start, "threshold_base": pick((0, 1e13)), "ad_valorem_frac": 3,
             "tax_frac": 1, "line_duty_base": pick((0, 1e13)), "surcharge_frac": 3},
        ]),
        lambda: data.update(noise={"demand_cv": pick((0, 3)), "media_price_cv": pick((0, 2)),
                                   "media_price_half_life_days": pick((0.05, 3650))}),
        lambda: data.update(uncertainty={name: {"spread": 1.5} for name in ("elasticity", "conversion", "order_value",
                            "organic_traffic", "media_response", "half_saturation", "media_price", "synergy",
                            "delivery_days")}),
    ]  # fmt: skip
    for part in dice.sample(parts, 1 + dice.below(5)):
        part()
    return json.dumps(data, indent=1, ensure_ascii=False).encode()


def mutants(count: int, seed: int) -> Iterator[tuple[str, bytes]]:
    """Kind and bytes of ``count`` mutants of the shipped scenarios."""
    dice = Dice(seed)
    folder = resources.files("xbopt.scenarios")
    texts = [(folder / f"{name}.yaml").read_text(encoding="utf-8") for name in shipped_scenarios()]
    kinds = (("text", mutate_text), ("data", mutate_data), ("text", mutate_text), ("extremes", add_extremes))
    for kind, mutate in itertools.islice(itertools.cycle(kinds), count):
        yield kind, mutate(dice.choice(texts), dice)


def arrays(value: object, name: str = "") -> Iterator[tuple[str, np.ndarray]]:
    """Every array of nested dataclasses, with the path of its field."""
    if isinstance(value, np.ndarray):
        yield name, value
    elif dataclasses.is_dataclass(value):
        for field in dataclasses.fields(value):
            yield from arrays(getattr(value, field.name), f"{name}.{field.name}" if name else field.name)


def check_numbers(value: object, day: int) -> None:
    """Raise ``AssertionError`` for a number that cannot be."""
    for path, array in arrays(value):
        name = "" if path.startswith("money.") else path.rpartition(".")[2]  # money terms have signs
        finite = ~np.isnan(array) if name in MAY_BE_INFINITE else np.isfinite(array)
        assert finite.all(), f"{path} is not finite on day {day}"
        assert name not in NEVER_NEGATIVE or (array >= 0.0).all(), f"{path} is {array.min()} on day {day}"


def play(scenario: Scenario) -> None:
    """Play the baseline plan and check every number."""
    market = build_market(scenario)
    worlds = np.arange(WORLDS)
    drawn = draw_worlds(scenario, seed=0, worlds=worlds)
    draws = MarketDraws(scenario, seed=0, worlds=worlds)
    state = initial_state(market, WORLDS)
    plan, total = scenario.plan, scenario.limits.total_base
    spent = np.zeros(WORLDS)
    for day in range(min(scenario.days, MOST_DAYS)):
        decision = Decision(
            spend_base=np.tile(plan.share * (plan.spend_frac * total / scenario.days), (WORLDS, 1, 1, 1)),
            daypart_weights=np.tile(plan.daypart_weights, (WORLDS, 1, 1, 1)),
            discount_frac=np.tile(plan.discount_frac[day], (WORLDS, 1, 1)),
            mechanic=np.tile(plan.mechanic[day], (WORLDS, 1, 1)),
        )
        outcome, state = play_day(market, drawn, state, decision, draws.day(day))
        spent += outcome.decision.spend_base.sum(axis=(1, 2, 3))
        assert (spent <= total * (1.0 + 1e-12)).all(), "the budget is exceeded"
        check_numbers(outcome, day)
        check_numbers(state, day)


def judge(raw: bytes, path: Path) -> str:
    """``accepted`` or ``refused``; any other end is an exception.

    Raises:
        AssertionError: A number that cannot be, or a refusal without a place.
    """
    path.write_bytes(raw)
    try:
        scenario = load_scenario(path)
    except ScenarioError as error:
        for problem in error.problems:
            summary = problem.message.startswith("And ") and problem.message.endswith(" more.")
            assert summary or (problem.file and problem.line >= 1 and problem.column >= 1), f"no place: {problem}"
        return "refused"
    except UsageError:
        return "refused"
    with warnings.catch_warnings(), np.errstate(over="raise", divide="raise", invalid="raise"):
        warnings.simplefilter("error")
        play(scenario)
    return "accepted"


def stop(_signal: int, _frame: object) -> None:
    raise TooSlow(f"longer than {SECONDS} s")


def run(count: int, seed: int, *, folder: Path) -> tuple[Counter[str], list[str]]:
    """Judge ``count`` mutants.

    Returns:
        Numbers of accepted, refused and failed mutants, and a description of each failure.
    """
    verdicts: Counter[str] = Counter()
    failures: list[str] = []
    before = signal.signal(signal.SIGALRM, stop)
    for number, (kind, raw) in enumerate(mutants(count, seed)):
        signal.alarm(SECONDS)
        try:
            verdict = judge(raw, folder / "mutant.yaml")
        except Exception:  # noqa: BLE001 - whatever it is, it is a finding
            verdict = "failed"
            saved = folder / f"failed_{seed}_{number}.yaml"
            saved.write_bytes(raw)
            last = traceback.format_exc(limit=-2).strip().splitlines()
            failures.append(f"{saved} ({kind}): " + " | ".join(line.strip() for line in last[1:]))
        finally:
            signal.alarm(0)
        verdicts[verdict] += 1
        verdicts[f"{kind} {verdict}"] += 1
    signal.signal(signal.SIGALRM, before)
    return verdicts, failures
