"""The customers whom a shop's own plan has won and kept by the first morning of its scenario.

Usage: ``python -m benchmarks.settle_customers [singles_day] [--years 2] [--tiny]``

A scenario whose past is a running business needs the customers of one: too few of them, and nearly all orders come from
media. The shop is opened without a customer so many years earlier and plays its plan in expected mode up to the first
morning: the same spend for a usual day, paced by season and events, without dated discounts, stock-outs and shocks.
Prints one line for each region and segment, in the form of ``market.regions.*.customers``.
"""

import sys
from datetime import timedelta

import numpy as np

from benchmarks.bars import Bar, told, words_of
from xbopt.agents.policies import built_in_policy
from xbopt.core.axes import Bucket
from xbopt.core.scenario.loading import load_scenario
from xbopt.core.scenario.scenario import Scenario
from xbopt.env.rollout import play_worlds
from xbopt.simulator.build import build_market
from xbopt.simulator.history import initial_state

KNOWN = tuple(Bucket)[1:]
BARS = (Bar(name="customers who know the shop over those in the file"),)


def opened_earlier(name: str, years: int) -> Scenario:
    """The scenario, begun so many years of 365 days earlier, with nobody who knows the shop."""
    now = load_scenario(name)
    days, regions = 365 * years, now.document.market.regions
    start = now.start - timedelta(days=days)
    changes = [f"horizon.start={start}", f"horizon.days={days}", "history.before=none", "plan.pacing=demand"]
    changes += ["shocks=[]", "plan.discounts=[]"]
    changes += [f"market.regions.{region.id}.customers={{}}" for region in regions]
    changes += [f"market.regions.{region.id}.stock=null" for region in regions]
    season = build_market(now).calendar.demand.mean(axis=1).sum()
    whole = build_market(load_scenario(name, overrides=changes)).calendar.demand.mean(axis=1).sum()
    budget = float(now.document.budget.total_base * whole / season)
    return load_scenario(name, overrides=[*changes, f"budget.total_base={budget}"])


def main() -> int:
    """Print the customers, rounded to two digits."""
    parser = words_of(__doc__)
    parser.add_argument("scenario", nargs="?", default="singles_day")
    parser.add_argument("--years", type=int, default=2, help="how long the shop has been open")
    options = parser.parse_args()
    scenario = opened_earlier(options.scenario, 1 if options.tiny else options.years)
    market = build_market(scenario)
    policy = built_in_policy("baseline", market)
    people = play_worlds(market, policy, worlds=np.arange(1), seed=0, expected=True, recorders=[]).customers[0]
    for r, region in enumerate(scenario.regions):
        print(f"{region}:")
        for s, segment in enumerate(scenario.segments):
            counts = (f"{bucket.name.lower()}: {float(f'{people[r, s, bucket]:.2g}'):g}" for bucket in KNOWN)
            print(f"  {segment}: {{{', '.join(counts)}}}")
    stated = initial_state(build_market(load_scenario(options.scenario)), 1).customers[0]
    ratio = float(people[..., 1:].sum() / stated[..., 1:].sum())
    return told(__file__, BARS, {BARS[0].name: ratio}, tiny=options.tiny)


if __name__ == "__main__":
    sys.exit(main())
