"""What is left of a campaign: plan against actual, and its days as a panel for the next calibration."""

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import numpy as np

from xbopt.campaigns.actuals.actual_day import ActualDay
from xbopt.campaigns.standing import Standing
from xbopt.core.arrays import FloatArray, add_up
from xbopt.core.decisions.planned_days import PlannedDays
from xbopt.core.errors import CampaignError
from xbopt.core.panel import open_panel
from xbopt.simulator.step import play_day
from xbopt.simulator.worlds import average_world


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanAgainstActual:
    """The known days: as planned when the campaign began, and as they came; ``(R,)`` and ``(C,)``, base currency.

    Attributes:
        days: Number of known days.
        planned_spend_by_region, spend_by_region: Money; NaN of regions where the split of some day is an assumption.
        planned_spend_by_channel, spend_by_channel: Money.
        planned_orders, orders: By region; what the seller's model expected of the plan, and what came.
        planned_sales, sales: Net revenue by region, in the same way.
        orders_known: Whether anybody told orders.
        sales_known: Whether anybody told sales.
    """

    days: int
    planned_spend_by_region: FloatArray
    spend_by_region: FloatArray
    planned_spend_by_channel: FloatArray
    spend_by_channel: FloatArray
    planned_orders: FloatArray
    orders: FloatArray
    planned_sales: FloatArray
    sales: FloatArray
    orders_known: bool
    sales_known: bool


def plan_against_actual(standing: Standing) -> PlanAgainstActual:
    """Compare the known days with the plan of the first morning.

    Raises:
        CampaignError: Nothing is known.
    """
    record, days = standing.record, standing.today
    if days == 0:
        raise CampaignError(f"Nothing is known of {record.name}; xbopt campaign actuals tells what came.")
    plan = record.opened.plan.days()
    planned = _expected(standing, plan, days)
    tracked = standing.tracked.days[:days]
    results = [day.filled.results for day in tracked]
    orders = sum((add_up(one.orders, 2)[0] for one in results), np.zeros(len(record.scenario.regions)))
    sales = sum((add_up(one.net_revenue_base, 2)[0] for one in results), np.zeros(len(record.scenario.regions)))
    ledger = record.ledger
    spend = ledger.counted_base[:days]
    # What named no country is nobody's figure of a region.
    assumed = bool((ledger.is_spent[:days].any(axis=(1, 2)) & ~ledger.by_region[:days]).any())
    by_region = spend.sum(axis=(0, 2, 3))
    told = [day.told.figures for day in tracked if day.told is not None]
    return PlanAgainstActual(
        days=days,
        planned_spend_by_region=plan.spend_base[:days].sum(axis=(0, 2, 3)),
        spend_by_region=np.full_like(by_region, np.nan) if assumed and len(by_region) > 1 else by_region,
        planned_spend_by_channel=plan.spend_base[:days].sum(axis=(0, 1, 2)),
        spend_by_channel=spend.sum(axis=(0, 1, 2)),
        planned_orders=planned[0],
        orders=orders,
        planned_sales=planned[1],
        sales=sales,
        orders_known=any("orders" in figures for figures in told),
        sales_known=any(
            name in figures for figures in told for name in ("gross_revenue_base", "net_sales_base", "net_revenue_base")
        ),
    )


def _expected(standing: Standing, plan: PlannedDays, days: int) -> tuple[FloatArray, FloatArray]:
    """Orders and net revenue by region that the seller's model expects of a plan's first days ``(R,)``."""
    from xbopt.simulator.history import initial_state

    market = standing.market
    state, orders, sales = initial_state(market, 1), np.zeros(market.shape[0]), np.zeros(market.shape[0])
    for day in range(days):
        outcome, state = play_day(market, average_world(), state, plan.decision(day), None)
        orders += add_up(outcome.orders, 2, 3)[0]
        sales += add_up(outcome.money.net_revenue, 2)[0]
    return orders, sales


def write_panel(standing: Standing, path: Path) -> tuple[int, int]:
    """Write the campaign's days as a panel that ``xbopt calibrate PANEL --like SCENARIO`` reads.

    Of days of which nobody told orders there are no rows, and a panel has no gaps: the longest run of days is written.
    What nobody told stays empty. Net revenue is less the refunds to be expected, as in simulated panels.

    Args:
        standing: The campaign.
        path: A file that ends in .parquet.

    Returns:
        The first day written, and the day after the last one.

    Raises:
        CampaignError: Nobody told orders of any day.
        UsageError: The file cannot be written.
    """
    scenario = standing.scenario
    first, end = _longest_run([_tells_orders(day.told) for day in standing.tracked.days])
    if end == first:
        raise CampaignError(
            f"Nobody told the orders of {standing.record.name}, and a panel is nothing without them. Tell them with "
            "xbopt campaign actuals."
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


def _tells_orders(told: ActualDay | None) -> bool:
    return told is not None and "orders" in told.figures and not bool(np.isnan(told.figures["orders"]).any())


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
