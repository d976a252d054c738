"""The planner against 200 random restarts of projected gradient ascent, in five small markets with thresholds.

``python -m benchmarks.bench_s_curves [--tiny]`` prints a line a market. The rival
climbs in expected mode from random splits of
random parts of the budget, all restarts side by side; it knows the same blocks of days, and gives no discounts.
"""

import sys
import time
from dataclasses import replace

import numpy as np

from benchmarks.bars import Bar, told, words_of
from tests.agents.planner.test_search import threshold_market
from xbopt.agents.planner.blocks import split_horizon
from xbopt.agents.planner.campaign import CampaignPlan, plan_campaign
from xbopt.agents.planner.expected import ExpectedMarket
from xbopt.agents.planner.goals import goal_named
from xbopt.agents.planner.moves import level_gains
from xbopt.core.arrays import FloatArray

RESTARTS, STEPS = 200, 60
NUDGE = 1e-4
# Budget by market: from one lump at most to enough for all.
MARKETS = {1: 150, 2: 300, 3: 600, 4: 1200, 5: 2400}
BARS = tuple(Bar(name=f"market {seed}: plan over the best restart", least=0.997) for seed in MARKETS)


def projected(money: FloatArray, budget: float) -> FloatArray:
    """The nearest point with no entry below 0 and a sum of at most the budget, row by row (Duchi et al. 2008)."""
    kept = np.maximum(money, 0.0)
    ordered = -np.sort(-money, axis=1)
    excess = np.cumsum(ordered, axis=1) - budget
    count = np.arange(1, money.shape[1] + 1)
    last = np.where(ordered - excess / count > 0.0, count, 0).max(axis=1)
    shift = np.take_along_axis(excess, last[:, None] - 1, axis=1) / last[:, None]
    over = kept.sum(axis=1) > budget
    return np.where(over[:, None], np.maximum(money - shift, 0.0), kept)


def rival(plan: CampaignPlan, seed: int, budget: float, restarts: int, steps: int) -> tuple[float, float]:
    """The best value of all restarts, and the processor time that they took."""
    began = time.process_time()
    market = threshold_market(seed, budget=budget)
    expected, blocks = ExpectedMarket(market, goal_named("reward")), split_horizon(market, "week")
    shape, rng = blocks.level_days.shape, np.random.default_rng(seed)
    size = int(np.prod(shape))
    days = plan.schedule
    nothing = expected.play(replace(days, spend_base=0.0 * days.spend_base, discount_frac=0.0 * days.discount_frac))

    def value(money: FloatArray) -> FloatArray:
        levels = money.reshape(-1, *shape) / (blocks.unit_base * blocks.level_days)
        return nothing.total + level_gains(expected, blocks, nothing, levels).sum(axis=1)

    # Sparse splits as well as even ones: Dirichlet with a random concentration.
    weight = rng.gamma(rng.choice([0.1, 0.3, 1.0, 3.0], size=(restarts, 1)), size=(restarts, size)) + 1e-12
    money = weight / weight.sum(axis=1, keepdims=True) * budget * rng.uniform(0.1, 1.0, (restarts, 1))
    best, stride = value(money), np.full(restarts, 0.1 * budget)
    nudge = NUDGE * budget
    for _ in range(steps):
        beside = (money[:, None] + nudge * np.eye(size)).reshape(-1, size)
        slope = (value(beside).reshape(restarts, size) - best[:, None]) / nudge
        steep = np.abs(slope).max(axis=1, keepdims=True)
        tried = projected(money + stride[:, None] * slope / np.maximum(steep, 1e-12), budget)
        found = value(tried)
        up = found > best
        money, best = np.where(up[:, None], tried, money), np.where(up, found, best)
        stride *= np.where(up, 1.3, 0.4)
    return float(best.max()), time.process_time() - began


def main() -> int:
    tiny = words_of(__doc__).parse_args().tiny
    restarts, steps = (2, 1) if tiny else (RESTARTS, STEPS)
    figures = dict[str, float]()
    for seed, budget in list(MARKETS.items())[: 1 if tiny else None]:
        began = time.process_time()
        plan = plan_campaign(threshold_market(seed, budget=budget))
        seconds = time.process_time() - began
        best, took = rival(plan, seed, budget, restarts, steps)
        figures[f"market {seed}: plan over the best restart"] = plan.expected / best
        print(
            f"market {seed}, {budget}: plan {plan.expected:,.2f} in {seconds:.1f} s, best of {restarts} restarts "
            f"{best:,.2f} in {took:.1f} s",
            flush=True,
        )
    return told(__file__, BARS, figures, tiny=tiny)


if __name__ == "__main__":
    sys.exit(main())
