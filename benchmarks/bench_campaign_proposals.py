"""Whether what a proposal says it gains is gained: truths of a scenario, proposed to once, and played on both ways.

A world is drawn with its own parameters, carries on a plan for some days, and its exports are told. The proposal for
the rest and carrying on are then played on in that world, both with its own luck. What is gained should lie within the
proposal's 5th to 95th percentile in nine campaigns of ten, and be in the mean what was said. What proposals gain in all
is set against what carrying on earns from that day on.

    python -m benchmarks.bench_campaign_proposals [--campaigns 60] [--scenario quickstart] [--day 10] [--tiny]
"""

import sys
import time

import numpy as np
from scipy.stats import binom

from benchmarks.bars import Bar, told, words_of
from benchmarks.bench_campaign_alarms import told_exports
from xbopt.campaigns.actuals.actual_day import actual_day_of, actual_morning_of
from xbopt.campaigns.advice.proposal import propose
from xbopt.campaigns.books.campaign_book import taken_entry
from xbopt.campaigns.books.events import ToldActuals, new_entry
from xbopt.campaigns.opening import opening
from xbopt.campaigns.standing import Standing
from xbopt.core.decisions.plan import ScheduledPolicy
from xbopt.core.scenario.loading import load_scenario
from xbopt.env.attribution_counts import ClickCounts
from xbopt.env.baseline_plan import scenario_plan
from xbopt.env.market_run import MarketRun
from xbopt.simulator.after import carried_beyond
from xbopt.simulator.build import build_market
from xbopt.simulator.lifetime import cell_customer_value, customer_value
from xbopt.simulator.parameters import MarketParameters

SEED = 23
BARS = (
    Bar(name="proposals off the usual number within their 90 % range", most=0.0),
    Bar(name="gained over all campaigns, share of what carrying on earns"),
)


def earned(market: MarketParameters, world: int, plan: ScheduledPolicy, since: int) -> float:
    """What a world brings from a day on with a plan, with what customers are worth and what is carried beyond."""
    run = MarketRun(market, worlds=np.array([world]), seed=SEED, compared=False)
    total = 0.0
    while run.state.day < market.scenario.days:
        day = run.state.day
        outcome = run.play(plan.decide(run.morning()))
        total += float(outcome.money.contribution_margin.sum()) * (day >= since)
    total += float(cell_customer_value(market, run.state, customer_value(market)).sum())
    return total + float(carried_beyond(market).by_cell(run.state, run.world).sum())


def standing_of(market: MarketParameters, world: int, day: int) -> Standing:
    """A campaign of that world, with exports of the days before one."""
    event = opening(market, scenario_plan(market))
    record = taken_entry(None, f"world-{world}", new_entry(f"world-{world}", 1, event, at_us=1))
    numbers = np.array([world])
    run = MarketRun(market, worlds=numbers, seed=SEED, compared=False)
    clicks = ClickCounts(market.scenario, seed=SEED, worlds=numbers)
    told = [actual_morning_of(run.state)]
    for before in range(day):
        outcome = run.play(record.plan.decide(run.morning()))
        told.append(actual_day_of(outcome, clicks.day(before, outcome), run.state))
    exports = [each for each in told_exports(told) if each.day >= 0]
    news = ToldActuals(days=[each.to_bytes() for each in exports], files=[])
    return Standing(taken_entry(record, record.name, new_entry(record.name, 2, news, at_us=1)))


def main() -> int:
    parser = words_of(__doc__)
    parser.add_argument("--campaigns", type=int, default=60)
    parser.add_argument("--scenario", default="quickstart")
    parser.add_argument("--day", type=int, default=10)
    options = parser.parse_args()
    market = build_market(load_scenario(options.scenario))
    campaigns, began = 2 if options.tiny else options.campaigns, time.time()
    rows: list[tuple[float, float, float, float, bool, float]] = []
    for world in range(campaigns):
        standing = standing_of(market, world, options.day)
        found = propose(standing, first_day=options.day, end_day=market.scenario.days)
        gain = found.figures.gains.reward
        plan = found.days.put_into(standing.record.plan)
        carried = earned(market, world, standing.record.plan, options.day)
        true = earned(market, world, plan, options.day) - carried
        rows.append((gain.mean, gain.low, gain.high, true, found.figures.kind != "carry_on", carried))
    said, low, high, true, changed, carried = (np.array(column) for column in zip(*rows, strict=True))
    moved = changed.astype(bool)
    inside = int(((low <= true) & (true <= high))[moved].sum())
    n = int(moved.sum())
    off = (true - said)[moved]
    print(f"{options.scenario}, day {options.day}, {campaigns} campaigns; {n} proposals to change something")
    if n > 1:
        print(
            f"said {said[moved].mean():,.0f}, gained {true[moved].mean():,.0f} on average (difference "
            f"{off.mean():,.0f}, standard error {off.std(ddof=1) / np.sqrt(n):,.0f})"
        )
        print(
            f"within the 90 % range: {inside} of {n} ({inside / n:.0%}); "
            f"gained something: {(true[moved] > 0).mean():.0%}"
        )
    print(f"{(time.time() - began) / campaigns:.1f} s a campaign")
    least, most = binom.ppf([0.01, 0.99], max(n, 1), 0.9)
    beyond = max(least - inside, inside - most, 0.0)
    figures = {BARS[0].name: beyond, BARS[1].name: true.sum() / np.abs(carried).sum()}
    return told(__file__, BARS, figures, tiny=options.tiny)


if __name__ == "__main__":
    sys.exit(main())
