"""A whole plan: spend, discounts and timing, by alternation in expected mode, with certificate and shadow prices."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from xbopt.agents.planner.ascent import Ascent, Certificate, begin, certify, settle
from xbopt.agents.planner.blocks import Blocks, Resolution, split_horizon
from xbopt.agents.planner.conflicts import check_feasible
from xbopt.agents.planner.constraints import Constraints, scenario_constraints
from xbopt.agents.planner.expected import Course, ExpectedMarket
from xbopt.agents.planner.goals import Goal, goal_named
from xbopt.agents.planner.kept_limits import filled, keeps_limits
from xbopt.agents.planner.prices import Prices, WithheldPrice, checked_prices, program_prices
from xbopt.agents.planner.promotions import improve_promotions
from xbopt.agents.planner.return_floor import below_floor, best_margin, keep_return_floor, keeps
from xbopt.agents.planner.search import Effort, is_curved, kept, search
from xbopt.agents.planner.starts import other_starts
from xbopt.core.arrays import FloatArray
from xbopt.core.decisions.limits import Limits
from xbopt.core.decisions.plan import ScheduledPolicy
from xbopt.core.errors import BudgetError, UsageError
from xbopt.env.baseline_plan import scenario_plan
from xbopt.simulator.parameters import MarketParameters
from xbopt.simulator.worlds import WorldParameters

# A limit counts as binding where this share of it, or less, is left.
_BINDING = 1e-5
_COARSE_TO_FINE: tuple[Resolution, ...] = ("four_weeks", "week", "day")


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
        withheld: Prices that re-planning with a little more and less room does not bear out; a search that is not wide
            checks none.
        binding: Limits that leave no room.
        history: The goal in expected mode after each accepted step.
        solve_seconds: Wall time of the whole search.
        solver_seconds: Part of it in the solver.
        tried: Plans that were played as a whole in search of it.
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
    withheld: tuple[WithheldPrice, ...]
    binding: tuple[str, ...]
    history: tuple[float, ...] = field(repr=False)
    solve_seconds: float
    solver_seconds: float
    tried: int
    notes: tuple[str, ...]

    def moved_to(self, course: Course) -> "CampaignPlan":
        """What is known where another plan is carried out instead, by its course in expected mode.

        The bound stays that of the program of this plan; prices, binding limits and notes are this plan's alone.
        """
        value = self.certificate.value - self.expected + course.total
        return replace(
            self,
            schedule=course.plan,
            total_spend_base=float(course.plan.spend_base.sum()),
            course=course,
            expected=course.total,
            certificate=replace(self.certificate, value=value),
            shadow_prices={},
            withheld=(),
            binding=(),
            notes=(),
        )

    @property
    def budget_price(self) -> float:
        """What one more unit of budget brings: the shadow price, or what was measured where that is withheld."""
        measured = {one.limit: one.measured for one in self.withheld if one.reason == "disagrees"}
        return self.shadow_prices.get("budget", max(measured.get("budget", 0.0), 0.0))


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
    limits = replace(scenario.limits, total_base=budget)
    given = start or scenario_plan(market)
    starts = other_starts(market, limits, given) if how.wide else ()
    if not how.promotions:
        starts = tuple(replace(one, discount_frac=given.discount_frac, mechanic=given.mechanic) for one in starts)

    def searched(length: Resolution, *, is_last: bool) -> tuple[Blocks, Constraints, Ascent, Ascent]:
        blocks = split_horizon(market, length)
        constraints = scenario_constraints(scenario, blocks, budget_base=budget_base)
        check_feasible(scenario, blocks, constraints)
        first = begin(expected, blocks, constraints, given)
        found = _improved(expected, blocks, constraints, first, given, starts, how, is_last=is_last)
        return blocks, constraints, first, never_below(expected, blocks, limits, found, (given, *starts), constraints)

    seconds = 0.0
    if how.wide and is_curved(expected):
        # A plan of long cells is a plan of short ones as well, so the finer search begins where the coarser has ended.
        for length in _coarser(market, resolution):
            _, _, _, found = searched(length, is_last=False)
            seconds += found.seconds
            starts = (*starts, replace(found.course.plan, name="planner", kind="planner"))
    blocks, constraints, first, found = searched(resolution, is_last=True)
    seconds += found.seconds
    try:
        found, certificate = certify(expected, blocks, constraints, found)
    except BudgetError as error:  # a floor that the plan meets to the last digit, and the program does not
        raise below_floor(found) from error
    binding = _binding(constraints, found.level)
    if how.wide:
        prices = checked_prices(scenario, expected, blocks, constraints, found, certificate, binding)
    else:
        prices = Prices(shown=program_prices(scenario, blocks, constraints, certificate))
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
        shadow_prices=prices.shown,
        withheld=prices.withheld,
        binding=binding,
        history=found.history,
        solve_seconds=time.perf_counter() - began,
        solver_seconds=seconds,
        tried=expected.played,
        notes=_notes(scenario.base_currency, budget - total, budget, found.given_up),
    )


def _coarser(market: MarketParameters, resolution: Resolution) -> tuple[Resolution, ...]:
    """Longer plan cells than those asked for, the longest first, none that gives the same blocks as another."""
    finest = split_horizon(market, resolution).count
    counts: dict[Resolution, int] = {length: split_horizon(market, length).count for length in _COARSE_TO_FINE}
    coarser: dict[int, Resolution] = {count: length for length, count in reversed(counts.items()) if count < finest}
    return tuple(coarser[count] for count in sorted(coarser))


def _improved(
    expected: ExpectedMarket,
    blocks: Blocks,
    constraints: Constraints,
    first: Ascent,
    given: ScheduledPolicy,
    starts: tuple[ScheduledPolicy, ...],
    how: Effort,
    *,
    is_last: bool,
) -> Ascent:
    """The best plan that the search finds which keeps the return floor; settled where no finer search follows.

    Raises:
        InfeasiblePlanError: No plan keeps the return floor.
    """
    try:
        found = search(expected, blocks, constraints, first, starts, how if is_last else how.before_finer(expected))
        if is_last:
            found = settle(expected, blocks, constraints, found)
            if how.promotions:
                promoted = kept(found, improve_promotions(expected, blocks, found.course), constraints)
                gained = promoted.course.total - found.course.total
                # Where every curve is a cone, spend must agree with the program to the last digit.
                again = gained > how.tolerance * abs(found.course.total) or (gained > 0.0 and not is_curved(expected))
                found = settle(expected, blocks, constraints, promoted) if again and how.alternations > 1 else promoted
            found = _filled(expected, blocks, constraints, found)
    except BudgetError as error:
        # All limits on money can be kept, so it is the return floor that the promises are in conflict with.
        found = best_margin(expected, blocks, constraints, given)
        if not keeps(found, constraints):
            raise below_floor(found) from error
    return keep_return_floor(expected, blocks, constraints, found, given)


def _filled(expected: ExpectedMarket, blocks: Blocks, constraints: Constraints, at: Ascent) -> Ascent:
    """Spend what partial steps left of the budget, to the cent, where expected mode says that it pays."""
    level = filled(at.level.ravel(), constraints).reshape(at.level.shape)
    if np.array_equal(level, at.level):
        return at
    fuller = kept(at, expected.play(replace(at.course.plan, spend_base=blocks.spend(level))), constraints)
    return at if fuller is at else replace(fuller, level=level)


def never_below(
    expected: ExpectedMarket,
    blocks: Blocks,
    limits: Limits,
    at: Ascent,
    starts: Sequence[ScheduledPolicy],
    constraints: Constraints,
) -> Ascent:
    """The best start as it was given, day by day, where it keeps all limits and nothing better was found.

    A search over blocks spreads a block's money over its days by its own profile, and a start may know better days.
    """
    allowed = [plan for plan in starts if keeps_limits(plan.spend_base, expected.market.shocks.available, limits)]
    if not allowed:
        return at
    by_days, evening = (each.sum(axis=1) for each in expected.parts(allowed))
    totals = np.array([at.course.total, *(by_days + evening)])
    margins = np.array([at.course.by_days, *by_days])
    spends = np.array([at.spend_base, *(plan.spend_base.sum() for plan in allowed)])
    best = constraints.best(totals, margins, spends) - 1
    if best < 0:
        return at
    fixed = kept(at, expected.play(allowed[best]), constraints)
    return at if fixed is at else replace(fixed, level=blocks.level(allowed[best].spend_base))


def _binding(constraints: Constraints, level: FloatArray) -> tuple[str, ...]:
    used = constraints.matrix @ level.ravel()
    tight = used >= constraints.bound * (1.0 - _BINDING)
    return tuple(dict.fromkeys(name for i, name in enumerate(constraints.names) if tight[i]))


def _notes(currency: str, unspent: float, budget: float, given_up: int) -> tuple[str, ...]:
    notes: list[str] = []
    if unspent > _BINDING * budget:
        notes.append(
            f"The plan leaves {unspent:,.2f} {currency} of the budget unspent: no plan that spends more "
            "of it and brings more was found, or another limit is in the way."
        )
    if given_up:
        notes.append(
            f"The solver gave up {given_up} programs of the search. The plan rests on what expected mode says, so "
            "it is sound, but a better one may have been missed."
        )
    return tuple(notes)
