"""How often a campaign that goes as its scenario says raises an alarm of drift, pace or level, looked at every day.

Each campaign is a world of the scenario with its own parameters and noise; platforms spend what they are granted with a
scatter by day and place. It is looked at every morning, as ``xbopt campaign status`` does. At most 5 % of campaigns may
show a false alarm of drift or pace; were it exactly so many, the last check would fail 1 time in 20.

The other side is how soon something is found that falls to a share from a day on: the visits of the first channel, or
all orders.

    python -m benchmarks.bench_campaign_alarms [--campaigns 200] [--scenario singles_day] [--what channel|orders]
        [--falls-to 0.5] [--from-day 22] [--tiny]
"""

import sys
import time
from dataclasses import replace

import numpy as np
from scipy.stats import binom

from benchmarks.bars import Bar, told, words_of
from xbopt.campaigns.actuals.actual_day import ActualDay, actual_day_of, actual_morning_of
from xbopt.campaigns.advice.data_alarms import level_of
from xbopt.campaigns.advice.day_sums import DaySums, Sums, day_sums
from xbopt.campaigns.advice.drift import SPANS, drifts
from xbopt.campaigns.advice.pace import paces
from xbopt.campaigns.tracking.tracker import track
from xbopt.core.arrays import BoolArray, FloatArray
from xbopt.core.decisions.planned_days import PlannedDays
from xbopt.core.randomness import named_generator
from xbopt.core.scenario.loading import load_scenario
from xbopt.env.attribution_counts import ClickCounts
from xbopt.env.baseline_plan import scenario_plan
from xbopt.env.market_run import MarketRun
from xbopt.simulator.build import build_market
from xbopt.simulator.parameters import MarketParameters

SCATTER = 0.15
"""Coefficient of variation of a day's spend of a channel in a region around what it was granted."""
MOST = 0.05
BARS = (
    Bar(name="campaigns with a false alarm, beyond what chance brings at 5 %", most=0.0),
    Bar(name="share of falls that were found", least=1.0),
)
_TOTALS = ("visits", "orders", "gross_revenue_base", "spend_base", "clicks", "impressions")


def books(market: MarketParameters, world: int, *, full: bool) -> tuple[list[ActualDay], PlannedDays, FloatArray]:
    """What a world tells, what was granted, and what was spent ``(T, R, C)``."""
    plan, numbers = scenario_plan(market), np.array([world])
    run = MarketRun(market, worlds=numbers, seed=11, compared=False)
    clicks = ClickCounts(market.scenario, seed=11, worlds=numbers)
    chance = named_generator(world, "bench/scatter")
    told, spent = [actual_morning_of(run.state)], list[FloatArray]()
    regions, _, channels, _ = market.shape
    log = np.log1p(SCATTER**2)
    for day in range(market.scenario.days):
        decision = plan.decide(run.morning())
        factor = np.exp(np.sqrt(log) * chance.standard_normal((regions, 1, channels)) - 0.5 * log)
        outcome = run.play(replace(decision, spend_base=decision.spend_base * factor))
        spent.append(outcome.decision.spend_base[0].sum(axis=1))
        told.append(actual_day_of(outcome, clicks.day(day, outcome), run.state))
    if not full:
        told = told_exports(told)
    return told, PlannedDays.of(plan), np.stack(spent)


def told_exports(told: list[ActualDay]) -> list[ActualDay]:
    """What platforms and shop export of days: totals over segments, and nothing of the next morning."""
    return [
        ActualDay(
            day=each.day,
            figures={name: array.sum(axis=1, keepdims=True) for name, array in each.figures.items() if name in _TOTALS},
        )
        for each in told
    ]


def first_alarms(
    sums: DaySums, granted: FloatArray, spent: FloatArray, market: MarketParameters
) -> dict[str, tuple[int, str]]:
    """The first day and place of each kind of alarm, by kind."""
    days, scenario = market.scenario.days, market.scenario
    found: dict[str, tuple[int, str]] = {}
    for day in range(1, days + 1):
        told: BoolArray = np.arange(days) < day
        seen = sums.until(day)
        for change in drifts(seen, campaign_days=days):
            if change.is_clear:
                place = f"{change.measure} {change.region} {change.source}"
                what = f"{place} of {change.days} days x{change.ratio:.2f} z {change.z:.1f}"
                found.setdefault("drift", (day, what))
        for change in drifts(seen, campaign_days=days, spans=SPANS[:1]):
            if level_of(scenario, change) is not None:
                found.setdefault("level", (day, f"{change.region} x{change.ratio:.2f} z {change.z:.1f}"))
        known = np.broadcast_to(told[:, None, None], granted.shape)
        for pace in paces(granted, spent, known, granted[0], scenario.regions, scenario.channels):
            if pace.is_off:
                found.setdefault("pace", (day, f"{pace.region} {pace.channel} {pace.recent:.2f}"))
    return found


def fallen(sums: DaySums, what: str, share: float, since: int) -> DaySums:
    """The same days with the visits of the first channel, or all orders and sales, at a share from a day on."""

    def less(of: Sums, places: slice | int = slice(None)) -> Sums:
        told = of.told.copy()
        told[since:, ..., places] *= share
        return replace(of, told=told)

    if what == "channel":
        return replace(sums, visits=less(sums.visits, 0))
    return replace(sums, orders=less(sums.orders), sales_base=less(sums.sales_base))


def main() -> int:
    parser = words_of(__doc__)
    parser.add_argument("--campaigns", type=int, default=200)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--scenario", help="singles_day where left out")
    parser.add_argument("--what", choices=("channel", "orders"), default="channel", help="what falls")
    parser.add_argument("--from-day", type=int, help="from which day on it falls; the middle where left out")
    parser.add_argument("--falls-to", type=float, default=0.5)
    parser.add_argument("--books", choices=("full", "exports"), default="exports")
    options = parser.parse_args()
    scenario = options.scenario or ("quickstart" if options.tiny else "singles_day")
    market = build_market(load_scenario(scenario))
    campaigns = 2 if options.tiny else options.campaigns
    began, false, delays = time.time(), 0, list[int]()
    since: int = options.from_day or market.scenario.days // 2
    for world in range(options.first, options.first + campaigns):
        days, planned, spent = books(market, world, full=options.books == "full")
        sums = day_sums(track(market, days, planned), seed=1000 + world)
        granted = planned.spend_base.sum(axis=2)
        alarms = first_alarms(sums, granted, spent, market)
        false += "drift" in alarms or "pace" in alarms
        if alarms:
            print(f"world {world}: {alarms}", flush=True)
        after = first_alarms(fallen(sums, options.what, options.falls_to, since), granted, granted, market)
        day = after.get("drift", (-1, ""))[0]
        delays += [day - since] if day > since else []
    bound = int(binom.ppf(0.95, campaigns, MOST))
    print(f"{scenario}, {options.books} books, {campaigns} campaigns of {market.scenario.days} days")
    print(f"false alarms of drift or pace: {false} campaigns ({false / campaigns:.1%}; at most {MOST:.0%} wanted)")
    late = f", after {np.median(delays):.0f} days (median; {max(delays)} at most)" if delays else ""
    share = len(delays) / campaigns
    print(f"{options.what} falls to {options.falls_to:g} from day {since} on: found in {share:.0%}{late}")
    print(f"{(time.time() - began) / campaigns:.1f} s a campaign")
    figures = {BARS[0].name: max(false - bound, 0), BARS[1].name: share}
    return told(__file__, BARS, figures, tiny=options.tiny)


if __name__ == "__main__":
    sys.exit(main())
