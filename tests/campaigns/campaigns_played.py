"""Campaigns of known truth for the tests: a simulated world is played, and its books are told."""

from collections.abc import Callable

import numpy as np

from xbopt.agents.policies import built_in_policy
from xbopt.campaigns.actuals.actual_day import ActualDay, actual_day_of, actual_morning_of
from xbopt.core.decisions.planned_days import PlannedDays
from xbopt.core.decisions.policy import DirectPolicy, Observation
from xbopt.env.attribution_counts import ClickCounts
from xbopt.env.market_run import MarketRun
from xbopt.simulator.parameters import MarketParameters

REGION_TOTALS = {"visits": 1, "orders": 1, "gross_revenue_base": 1, "spend_base": 1, "clicks": 1, "impressions": 1}
"""What exports give, with the axis over which only the total is told."""


def play_campaign(
    market: MarketParameters, days: int, *, world: int = 0, seed: int = 5, policy: DirectPolicy | None = None
) -> tuple[list[ActualDay], PlannedDays, list[Observation], MarketRun]:
    """Books (of the first morning too), decisions, the observation of every morning (one more than days), the run."""
    run = MarketRun(market, worlds=np.array([world]), seed=seed)
    clicks = ClickCounts(market.scenario, seed=seed, worlds=np.array([world]))
    plan = policy or built_in_policy("calendar", market)
    told, seen, done = [actual_morning_of(run.state)], [run.observe()], []
    for day in range(days):
        outcome = run.play(plan.decide(seen[-1]))
        told.append(actual_day_of(outcome, clicks.day(day, outcome), run.state))
        seen.append(run.observe())
        done.append(outcome.decision)
    planned = PlannedDays(
        first_day=0,
        spend_base=np.concatenate([decision.spend_base for decision in done]),
        daypart_weights=done[0].daypart_weights[0],
        discount_frac=np.concatenate([decision.discount_frac for decision in done]),
        mechanic=np.concatenate([decision.mechanic for decision in done]),
    )
    return told, planned, seen, run


def exports_of(day: ActualDay) -> ActualDay:
    """What platforms and shop export of a day: totals over segments, and nothing of the next morning."""
    return only(day, lambda name, array: array.sum(axis=1, keepdims=True) if name in REGION_TOTALS else None)


def only(day: ActualDay, change: Callable[[str, np.ndarray], np.ndarray | None]) -> ActualDay:
    """A day with some of its figures, changed."""
    kept = {name: change(name, array) for name, array in day.figures.items()}
    return ActualDay(day=day.day, figures={name: array for name, array in kept.items() if array is not None})
