"""What is left of a campaign: plan against actual, and its days as a panel for the next calibration."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import numpy as np

from xbopt.campaigns.standing import Standing
from xbopt.campaigns.tracking.tracker import TrackedDay
from xbopt.core.arrays import BoolArray, FloatArray, add_up
from xbopt.core.decisions.planned_days import PlannedDays
from xbopt.core.errors import CampaignError
from xbopt.core.panel import open_panel
from xbopt.env.day_results import DayResults
from xbopt.simulator.step import play_day
from xbopt.simulator.worlds import average_world


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """A figure over the days of which it was told: as the plan of the first morning has it, and as it came.

    Attributes:
        planned: By place; over the days that were told alone.
        came: By place; NaN where nobody told it of the place.
        all_planned: Of all places, over the days that were told.
        all_came: Of all places, those included whose split nobody told; NaN where nobody told anything.
        days: Number of days of which it was told.
    """

    planned: FloatArray
    came: FloatArray
    all_planned: float
    all_came: float
    days: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanAgainstActual:
    """The known days: as planned when the campaign began, and as they came. What nobody told is nobody's figure.

    Attributes:
        days: Number of known days.
        spend_by_channel: Money, base currency.
        spend_by_region: Money, base currency.
        orders: By region; planned is what the seller's model expected of the plan.
        sales_base: Net revenue by region, in the same way.
        untold_base: What was granted on the known days to cells whose spend nobody told.
    """

    days: int
    spend_by_channel: Compared
    spend_by_region: Compared
    orders: Compared
    sales_base: Compared
    untold_base: float


def plan_against_actual(standing: Standing) -> PlanAgainstActual:
    """Compare the known days with the plan of the first morning.

    Raises:
        CampaignError: Nothing is known.
    """
    record, days = standing.record, standing.today
    if days == 0:
        raise CampaignError(f"Nothing is known of {record.name}; xbopt campaign actuals tells what came.")
    plan, ledger, tracked = record.opened.plan.days(), record.ledger, standing.tracked.days[:days]
    told = ledger.is_spent[:days]
    planned = np.where(told, plan.spend_base[:days], 0.0)
    spent = np.where(told, ledger.spent_base[:days], 0.0)
    orders, sales = _expected(standing, plan, days)

    def money(axes: tuple[int, ...], split: BoolArray) -> Compared:
        """Spend ``(T, R, S, C)`` by a place whose split was told, or not, on each day and cell."""
        hidden, known = (told & ~split).any(axis=axes), (told & split).any(axis=axes)
        return Compared(
            planned=planned.sum(axis=axes),
            came=np.where(known & ~hidden, spent.sum(axis=axes), np.nan),
            all_planned=float(planned.sum()),
            all_came=float(spent.sum()) if told.any() else float("nan"),
            days=int(told.any(axis=(1, 2, 3)).sum()),
        )

    return PlanAgainstActual(
        days=days,
        spend_by_channel=money((0, 1, 2), np.broadcast_to(ledger.by_channel[:days, None, None, None], told.shape)),
        spend_by_region=money((0, 2, 3), np.broadcast_to(ledger.by_region[:days, None, None, :], told.shape)),
        orders=_of_regions(tracked, orders, ("orders",), lambda one: one.orders),
        sales_base=_of_regions(
            tracked,
            sales,
            ("gross_revenue_base", "net_sales_base", "net_revenue_base"),
            lambda one: one.net_revenue_base,
        ),
        untold_base=float(ledger.counted_base[:days][~told].sum()),
    )


def _of_regions(
    tracked: Sequence[TrackedDay],
    expected: FloatArray,
    names: tuple[str, ...],
    of: Callable[[DayResults], FloatArray],
) -> Compared:
    """A result by region over the days of which it was told.

    Args:
        tracked: The known days.
        expected: What the model expected of the plan ``(T, R)``.
        names: Figures that tell it.
        of: The result ``(1, R, S)`` of what a day brought.
    """
    regions = expected.shape[1]
    all_told, split = np.zeros(len(tracked), dtype=np.bool_), np.zeros((len(tracked), regions), dtype=np.bool_)
    came = np.zeros((len(tracked), regions))
    for n, day in enumerate(tracked):
        figures = [] if day.told is None else [day.told.figures[name] for name in names if name in day.told.figures]
        came[n] = add_up(of(day.filled.results), 2)[0]
        for figure in figures:
            all_told[n] |= not np.isnan(figure).any()
            if len(figure) == regions:
                split[n] |= ~np.isnan(figure).any(axis=1)
    # A day of which one region alone was told is that region's, and nothing of the whole.
    known, hidden = split.any(axis=0), (all_told[:, None] & ~split).any(axis=0)
    return Compared(
        planned=np.where(split, expected, 0.0).sum(axis=0),
        came=np.where(known & ~hidden, np.where(split, came, 0.0).sum(axis=0), np.nan),
        all_planned=float(expected[all_told].sum()),
        all_came=float(came[all_told].sum()) if all_told.any() else float("nan"),
        days=int(all_told.sum()),
    )


def _expected(standing: Standing, plan: PlannedDays, days: int) -> tuple[FloatArray, FloatArray]:
    """Orders and net revenue by day and region that the seller's model expects of a plan's first days ``(T, R)``."""
    from xbopt.simulator.history import initial_state

    market = standing.market
    state, orders, sales = (
        initial_state(market, 1),
        np.zeros((days, market.shape[0])),
        np.zeros((days, market.shape[0])),
    )
    for day in range(days):
        outcome, state = play_day(market, average_world(), state, plan.decision(day), None)
        orders[day] = add_up(outcome.orders, 2, 3)[0]
        sales[day] = add_up(outcome.money.net_revenue, 2)[0]
    return orders, sales


def write_panel(standing: Standing, path: Path) -> tuple[int, int]:
    """Write the campaign's days as a panel that ``xbopt calibrate PANEL --like SCENARIO`` reads.

    There are no rows of days of which nobody told the orders of each region, or what was spent of all that was granted:
    planned money in the place of money spent would teach the next scenario what never happened. A panel has no gaps, so
    the longest run of days is written. What else nobody told stays empty. Net revenue is less the refunds to be
    expected, as in simulated panels.

    Args:
        standing: The campaign.
        path: A file that ends in .parquet.

    Returns:
        The first day written, and the day after the last one.

    Raises:
        CampaignError: There is no such day; the message says what lacks.
        UsageError: The file cannot be written.
    """
    scenario = standing.scenario
    orders, spend = _tells_orders(standing), _tells_spend(standing)
    first, end = _longest_run((orders & spend.all(axis=1)).tolist())
    if end == first:
        lacks = "the orders by region" if not orders.any() else _lacking(standing, spend[orders])
        raise CampaignError(
            f"Nobody told {lacks} of {standing.record.name}, and a panel is nothing without that. Tell it with xbopt "
            "campaign actuals, --off where a platform was off."
        )
    regions, channels = list(scenario.regions), list(scenario.channels)
    with open_panel(path) as panel:
        for n in range(first, end):
            day = standing.tracked.days[n]
            assert day.told is not None, "days of the run were told"
            results, figures = day.filled.results, day.told.figures
            when = scenario.start + timedelta(days=n)
            cells = len(regions) * len(channels)
            spend = add_up(results.decision.spend_base, 2)[0]
            panel.append(
                cells,
                {
                    "date": [when] * cells,
                    "region": [region for region in regions for _ in channels],
                    "channel": channels * len(regions),
                    "spend": spend.ravel(),
                    "currency": [scenario.base_currency] * cells,
                    "impressions": _told(figures.get("impressions"), add_up(results.impressions, 2)[0]).ravel(),
                    "clicks": _told(figures.get("clicks"), add_up(day.filled.visits_by_source, 2)[0])[:, :-1].ravel(),
                },
            )
            visits = add_up(results.visits, 2)[0]
            whole = results.decision.discount_frac[0].mean(axis=1)
            panel.append(
                len(regions),
                {
                    "date": [when] * len(regions),
                    "region": regions,
                    "currency": [scenario.base_currency] * len(regions),
                    "visits": visits if "visits" in figures else None,
                    "orders": add_up(results.orders, 2)[0],
                    "new_customers": add_up(day.filled.orders[..., 0], 2)[0] if "first_orders" in figures else None,
                    "net_revenue": add_up(results.net_revenue_base, 2)[0],
                    "discount_frac": whole,
                },
            )
    return first, end


def _tells_orders(standing: Standing) -> BoolArray:
    """Known days of which the orders of each region were told ``(T,)``."""
    told = [None if day.told is None else day.told.figures.get("orders") for day in standing.tracked.days]
    regions = len(standing.scenario.regions)
    return np.array(
        [one is not None and len(one) == regions and not np.isnan(one).any() for one in told], dtype=np.bool_
    )


def _tells_spend(standing: Standing) -> BoolArray:
    """Whether all that was granted to a channel on a known day was told ``(T, C)``."""
    ledger, days = standing.record.ledger, standing.today
    untold: BoolArray = np.any((ledger.committed_base[:days] > 0.0) & ~ledger.is_spent[:days], axis=(1, 2))
    return ~untold


def _lacking(standing: Standing, spend: BoolArray) -> str:
    """Channels whose spend lacks on the days of which orders were told ``(N, C)``."""
    names = np.array(standing.scenario.channels)[~spend.all(axis=0)].tolist()
    return f"the spend of {' and '.join(names)}, on the days whose orders are known,"


def _told(figure: FloatArray | None, filled: FloatArray) -> FloatArray:
    """Sums over segments ``(R, ...)`` where they were told, NaN elsewhere."""
    if figure is None:
        return np.full_like(filled, np.nan)
    known = ~np.isnan(figure).any(axis=1)
    return np.where(np.broadcast_to(known, filled.shape), filled, np.nan)


def _longest_run(known: list[bool]) -> tuple[int, int]:
    """First day and day after the last of the longest run of known days, the later of equals."""
    best, begin = (0, 0), 0
    for n, is_known in enumerate([*known, False]):
        if not is_known:
            if n - begin >= best[1] - best[0] and n > begin:
                best = (begin, n)
            begin = n + 1
    return best
