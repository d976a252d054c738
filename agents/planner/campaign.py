"""A whole plan: spend, discounts and timing, by alternation in expected mode, with certificate and shadow prices."""

import time
from dataclasses import dataclass, field, replace

import numpy as np

from xbopt.agents.planner.ascent import Ascent, Certificate, allocate, begin, certify, settle
from xbopt.agents.planner.blocks import Blocks, Resolution, split_horizon
from xbopt.agents.planner.conflicts import check_feasible, promises
from xbopt.agents.planner.constraints import Constraints, scenario_constraints
from xbopt.agents.planner.expected import Course, ExpectedMarket
from xbopt.agents.planner.goals import Goal, goal_named
from xbopt.agents.planner.kept_limits import filled, keeps_limits
from xbopt.agents.planner.promotions import best_dayparts, improve_promotions
from xbopt.agents.planner.return_floor import below_floor, best_margin, keep_return_floor, keeps
from xbopt.core.arrays import FloatArray
from xbopt.core.decisions.limits import Limits
from xbopt.core.decisions.plan import ScheduledPolicy
from xbopt.core.errors import BudgetError, UsageError
from xbopt.core.scenario.scenario import Scenario
from xbopt.env.baseline_plan import scenario_plan
from xbopt.simulator.parameters import MarketParameters
from xbopt.simulator.worlds import WorldParameters

# A limit counts as binding where this share of it, or less, is left.
_BINDING = 1e-5
# A gap below this is not worth a sentence.
_WORTH_SAYING = 1e-4
_TOLERANCE = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class Effort:
    """How long to look.

    Attributes:
        alternations: Most rounds of spend, then promotions.
        rounds: Most steps of spend in each.
        tolerance: Relative gain of a step at which spend counts as settled.
        promotions: Whether discounts are looked for as well; else those of the start stay.
    """

    alternations: int = 3
    rounds: int = 3
    tolerance: float = 5e-4
    promotions: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class CampaignPlan:
    """A plan and what is known about it.

    Attributes:
        schedule: Spend, dayparts, discounts and mechanics by day: a policy.
        goal: Name of what was made as large as possible.
        resolution: Length of a plan cell.
        cells: Number of plan cells.
        total_spend_base: What the plan spends.
        budget_base: What it might have spent.
        course: The plan in expected mode.
        expected: The goal in expected mode.
        start: The same of the plan that the search began with.
        certificate: What the last convex program says.
        shadow_prices: Goal that one more base currency unit of room would bring, by limit; of a minimum or lock, that
            one unit less promised would bring, below 0 where more would be better. Limits without a price are left out.
        binding: Limits that leave no room.
        history: The goal in expected mode after each accepted step.
        solve_seconds: Wall time of the whole search.
        solver_seconds: Part of it in the solver.
        notes: What a reader must know, in sentences.
    """

    schedule: ScheduledPolicy = field(repr=False)
    goal: str
    resolution: Resolution
    cells: int
    total_spend_base: float
    budget_base: float
    course: Course = field(repr=False)
    expected: float
    start: float
    certificate: Certificate = field(repr=False)
    shadow_prices: dict[str, float]
    binding: tuple[str, ...]
    history: tuple[float, ...] = field(repr=False)
    solve_seconds: float
    solver_seconds: float
    notes: tuple[str, ...]


def plan_campaign(
    market: MarketParameters,
    *,
    goal: str | Goal = "reward",
    resolution: Resolution = "week",
    world: WorldParameters | None = None,
    budget_base: float | None = None,
    start: ScheduledPolicy | None = None,
    effort: Effort | None = None,
) -> CampaignPlan:
    """Plan a campaign: what a strong planner would do who knows the market, but not the future's luck.

    Args:
        market: The market.
        goal: What to make as large as possible: a name in ``GOALS``, or a goal of one's own.
        resolution: Plan cells of a week or of a day.
        world: One world's own parameters, for the planner that knows them; the average market where left out.
        budget_base: Another budget than the scenario's.
        start: Where to begin; the scenario's own plan where left out. The result is never worse than that in expected
            mode, as long as the start keeps all limits.
        effort: How long to look.

    Returns:
        The plan, certified.

    Raises:
        InfeasiblePlanError: No plan keeps all limits; it names the conflict and the cheapest way out.
        SolverError: The solver gave up.
        UsageError: The goal is unknown, or does not fit the scenario's return floor.
    """
    began = time.perf_counter()
    how = effort or Effort()
    wanted = goal_named(goal)
    scenario = market.scenario
    if scenario.document.budget.roi_floor is not None and not wanted.counts_media:
        raise UsageError(f"budget.roi_floor speaks of margin; with the goal {wanted.name} leave it out.")
    expected = ExpectedMarket(market, wanted, world)
    budget = scenario.limits.total_base if budget_base is None else budget_base
    blocks = split_horizon(market, resolution)
    constraints = scenario_constraints(scenario, blocks, budget_base=budget_base)
    check_feasible(scenario, blocks, constraints)
    given = start or scenario_plan(market)
    first = begin(expected, blocks, constraints, given)
    found = _kept(first, best_dayparts(expected, first.course), constraints)
    try:
        found = alternate(expected, blocks, constraints, found, how)
        found = settle(expected, blocks, constraints, found)
        found = _filled(expected, blocks, constraints, found)
    except BudgetError as error:
        # All limits on money can be kept, so it is the return floor that the promises are in conflict with.
        found = best_margin(expected, blocks, constraints, given)
        if not keeps(found, constraints):
            raise below_floor(found) from error
    found = keep_return_floor(expected, blocks, constraints, found, given)
    found = never_below(expected, blocks, replace(scenario.limits, total_base=budget), found, given, constraints)
    try:
        found, certificate = certify(expected, blocks, constraints, found)
    except BudgetError as error:  # a floor that the plan meets to the last digit, and the program does not
        raise below_floor(found) from error
    schedule = replace(found.course.plan, name="planner", kind="planner")
    total = float(schedule.spend_base.sum())
    return CampaignPlan(
        schedule=schedule,
        goal=wanted.name,
        resolution=resolution,
        cells=blocks.cells,
        total_spend_base=total,
        budget_base=budget,
        course=found.course,
        expected=found.course.total,
        start=first.course.total,
        certificate=certificate,
        shadow_prices=_prices(scenario, blocks, constraints, certificate),
        binding=_binding(constraints, found.level),
        history=found.history,
        solve_seconds=time.perf_counter() - began,
        solver_seconds=found.seconds,
        notes=_notes(scenario.base_currency, budget - total, budget, certificate),
    )


def alternate(expected: ExpectedMarket, blocks: Blocks, constraints: Constraints, at: Ascent, how: Effort) -> Ascent:
    """Improve spend, then promotions, in turns; every accepted step is better in expected mode.

    Raises:
        BudgetError: No plan keeps all limits.
        SolverError: The solver gave up.
    """
    for turn in range(how.alternations):
        before = at.course.total
        # The first turn only needs to know roughly where money goes before promotions are weighed.
        rounds, tolerance = (2, 4.0 * how.tolerance) if turn == 0 else (how.rounds, how.tolerance)
        at = allocate(expected, blocks, constraints, at, rounds=rounds, tolerance=tolerance)
        if how.promotions:
            at = _kept(at, improve_promotions(expected, blocks, at.course), constraints)
        if at.course.total - before <= how.tolerance * abs(at.course.total):
            break
    return at


def _filled(expected: ExpectedMarket, blocks: Blocks, constraints: Constraints, at: Ascent) -> Ascent:
    """Spend what partial steps left of the budget, to the cent, where expected mode says that it pays."""
    level = filled(at.level.ravel(), constraints).reshape(at.level.shape)
    kept = _kept(at, expected.play(replace(at.course.plan, spend_base=blocks.spend(level))), constraints)
    return at if kept is at else replace(kept, level=level)


def never_below(
    expected: ExpectedMarket,
    blocks: Blocks,
    limits: Limits,
    at: Ascent,
    start: ScheduledPolicy,
    constraints: Constraints,
) -> Ascent:
    """The start as it was given, day by day, where it keeps all limits and nothing better was found.

    A search over blocks spreads a block's money over its days by its own profile, and a start may know better days.
    """
    if not keeps_limits(start.spend_base, expected.market.shocks.available, limits):
        return at
    kept = _kept(at, expected.play(start), constraints)
    return at if kept is at else replace(kept, level=blocks.level(start.spend_base))


def _kept(at: Ascent, course: Course, constraints: Constraints) -> Ascent:
    """The better of a plan and another course."""
    totals = np.array([at.course.total, course.total])
    spends = np.array([at.spend_base, float(course.plan.spend_base.sum())])
    margins = np.array([at.course.by_days, course.by_days])
    if constraints.best(totals, margins, spends) == 0:
        return at
    return replace(at, course=course, history=(*at.history, course.total))


def _prices(scenario: Scenario, blocks: Blocks, constraints: Constraints, certificate: Certificate) -> dict[str, float]:
    limits = dict(zip(constraints.names, certificate.shadow_price.tolist(), strict=True))
    promised = _promised_prices(scenario, blocks, constraints, certificate)
    # What has no price is within the solver's tolerance: a millionth of what the average unit of budget brings.
    average = abs(certificate.value) / float(constraints.bound[0] * constraints.whole_base)
    least = _TOLERANCE * max(average, *(abs(price) for price in (*limits.values(), *promised.values())))
    prices = {name: price for name, price in (limits | promised).items() if abs(price) > least}
    if certificate.roi_price > least:
        prices["roi_floor"] = certificate.roi_price
    return prices


def _promised_prices(
    scenario: Scenario, blocks: Blocks, constraints: Constraints, certificate: Certificate
) -> dict[str, float]:
    """Goal that one base currency unit less of each minimum and lock brings; below 0 where more would be better."""
    level = constraints.least.reshape(blocks.level_days.shape)
    money = (blocks.unit_base * blocks.level_days * level).sum(axis=0)  # (R, S, C)
    gain = -(certificate.promise_price * level).sum(axis=0)
    return {one.name: float(gain[one.cells].sum() / money[one.cells].sum()) for one in promises(scenario, money)}


def _binding(constraints: Constraints, level: FloatArray) -> tuple[str, ...]:
    used = constraints.matrix @ level.ravel()
    tight = used >= constraints.bound * (1.0 - _BINDING)
    return tuple(name for i, name in enumerate(constraints.names) if tight[i])


def _notes(currency: str, unspent: float, budget: float, certificate: Certificate) -> tuple[str, ...]:
    notes: list[str] = []
    if unspent > _BINDING * budget:
        notes.append(
            f"The plan leaves {unspent:,.2f} {currency} of the budget unspent: spent anywhere, they would bring in "
            "less than they cost, or another limit is in the way."
        )
    if certificate.relative_gap > _WORTH_SAYING:
        notes.append(
            f"The last convex program could bring up to {certificate.relative_gap:.2%} more from media. That bound "
            "includes S-shaped channels by their envelope and effects that only expected mode knows."
        )
    return tuple(notes)
