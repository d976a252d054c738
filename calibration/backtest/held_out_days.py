"""A scenario's own days against what really came: where results lie outside the band, and why."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Literal

import numpy as np

from xbopt.calibration.fit.parameters import SampledMarket
from xbopt.calibration.fit.replay import Replay, replay_of
from xbopt.calibration.panel import CalibrationPanel
from xbopt.core.arrays import FloatArray
from xbopt.core.decisions.plan import ScheduledPolicy
from xbopt.core.errors import SupportError
from xbopt.core.scenario.scenario import Scenario
from xbopt.simulator.parameters import MarketParameters
from xbopt.simulator.worlds import WorldParameters, draw_worlds

WEEK = 7
_BAND = (5.0, 95.0)

CauseCode = Literal["spend", "media_price", "discount", "price", "stock_out", "visits", "conversion", "order_value"]
Measure = Literal["orders", "net_revenue", "visits", "new_customers"]
MEASURES: tuple[Measure, ...] = ("orders", "net_revenue", "visits", "new_customers")
"""What is compared; a measure that the records do not hold is NaN."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """A figure over some places: what came, what was expected given what was done, and its 90 % band."""

    actual: FloatArray = field(repr=False)
    expected: FloatArray = field(repr=False)
    low: FloatArray = field(repr=False)
    high: FloatArray = field(repr=False)

    @property
    def outside(self) -> FloatArray:
        """1 above the band, -1 below it, else 0."""
        return np.where(self.actual > self.high, 1.0, 0.0) - np.where(self.actual < self.low, 1.0, 0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """Part of the difference between what came and what the plan expected, by region ``(R,)``.

    ``spend`` to ``stock_out`` are what the market makes of what was done otherwise than planned, one after the other;
    ``visits``, ``conversion`` and ``order_value`` are left unexplained, told by where in the funnel they arise. NaN
    where visits are not known: then ``conversion`` holds both.
    """

    code: CauseCode
    orders: FloatArray
    net_revenue: FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldOutDays:
    """The days of the horizon that the records hold.

    Attributes:
        start: First day.
        days: Number of days ``T``.
        plan: Name of the plan.
        planned: Expected totals by region, had the plan been carried out ``(R,)``, by measure.
        total: Totals by region ``(R,)``, by measure.
        weekly: By whole week and region ``(W, R)``, by measure.
        clicks: By region and channel ``(R, C)``.
        spend_planned: By region and channel ``(R, C)``.
        spend_actual: By region and channel ``(R, C)``.
        causes: What explains the difference between planned and actual.
    """

    start: date
    days: int
    plan: str
    planned: Mapping[Measure, FloatArray] = field(repr=False)
    total: Mapping[Measure, Compared] = field(repr=False)
    weekly: Mapping[Measure, Compared] = field(repr=False)
    clicks: Compared = field(repr=False)
    spend_planned: FloatArray = field(repr=False)
    spend_actual: FloatArray = field(repr=False)
    causes: tuple[Cause, ...]


def horizon_days(scenario: Scenario, panel: CalibrationPanel) -> tuple[int, int] | None:
    """First and last-but-one panel day inside the scenario's horizon; None where there is none.

    Raises:
        SupportError: The records begin after the scenario's first day, so that nobody knows how they began.
    """
    first = (scenario.start - panel.start).days
    stop = min(first + scenario.days, panel.days)
    if stop <= max(first, 0):
        return None
    if first < 0:
        raise SupportError(
            f"The records begin on {panel.start}, {-first} days after the scenario's first day {scenario.start}; they "
            "must hold its days from the first one on. Import the earlier files too, or calibrate again."
        )
    return first, stop


def compare_days(
    scenario: Scenario,
    market: MarketParameters,
    panel: CalibrationPanel,
    plan: ScheduledPolicy,
    *,
    runs: int,
    seed: int,
    on_step: Callable[[int, int], None],
) -> HeldOutDays:
    """Play the scenario over its days as they were carried out, and step by step from the plan to there.

    Args:
        scenario: The scenario.
        market: Its market.
        panel: The records of its days, from its first day on.
        plan: What was planned.
        runs: Worlds that are played: parameters from the scenario's draws, luck from the noise stream.
        seed: Seed of both.
        on_step: Called with the steps done and in all.
    """
    steps = _steps(panel, plan)
    worlds = np.arange(runs)
    sampled = as_stated(scenario, draw_worlds(scenario, seed=seed, worlds=worlds), runs)
    played: list[FloatArray] = []
    for done, step in enumerate(steps.values()):
        on_step(done, len(steps))
        if step is None:
            played.append(played[-1])
            continue
        replay = _from_own_morning(replay_of(scenario, step), market)
        played.append(replay.play(sampled, seed=seed, worlds=worlds))
    actual: dict[Measure, FloatArray] = {name: getattr(panel, name) for name in MEASURES}
    means = [counts.mean(axis=0).sum(axis=0) for counts in played]
    channels = len(scenario.channels)
    days = panel.days
    whole = days - days % WEEK
    weeks = whole // WEEK
    final = played[-1]

    def by_week(counts: FloatArray) -> FloatArray:
        return counts[..., :whole, :].reshape(*counts.shape[:-2], weeks, WEEK, counts.shape[-1]).sum(axis=-2)

    ours = {name: _measure(final[..., channels:], name) for name in MEASURES}
    total: dict[Measure, Compared] = {
        name: _compared(actual[name].sum(axis=0), ours[name].sum(axis=1)) for name in MEASURES
    }
    codes: tuple[CauseCode, ...] = ("spend", "media_price", "discount", "price", "stock_out")
    causes = [
        Cause(
            code=code,
            orders=_measure(after[:, channels:] - before[:, channels:], "orders"),
            net_revenue=_measure(after[:, channels:] - before[:, channels:], "net_revenue"),
        )
        for code, before, after in zip(codes, means[:-1], means[1:], strict=True)
    ]
    return HeldOutDays(
        start=panel.start,
        days=days,
        plan=plan.name,
        planned={name: _measure(means[0][:, channels:], name) for name in MEASURES},
        total=total,
        weekly={name: _compared(by_week(actual[name]), by_week(ours[name])) for name in MEASURES},
        clicks=_compared(panel.clicks.sum(axis=0), final.sum(axis=1)[..., :channels]),
        spend_planned=plan.spend_base[:days].sum(axis=(0, 2)),
        spend_actual=panel.spend.sum(axis=(0, 2)),
        causes=(*causes, *_unexplained(total)),
    )


def _steps(panel: CalibrationPanel, plan: ScheduledPolicy) -> dict[str, CalibrationPanel | None]:
    """The plan first, then what was done otherwise, one thing after the other; None where that changes nothing."""
    days = panel.days
    nothing = np.full_like(panel.price_index, np.nan)
    step = replace(
        panel,
        spend=plan.spend_base[:days],
        discount_frac=plan.discount_frac[:days],
        impressions=np.full_like(panel.impressions, np.nan),
        price_index=nothing,
        stock_out=np.zeros_like(panel.stock_out),
    )
    steps: dict[str, CalibrationPanel | None] = {"plan": step}
    for code, name in (
        ("spend", "spend"),
        ("media_price", "impressions"),
        ("discount", "discount_frac"),
        ("price", "price_index"),
        ("stock_out", "stock_out"),
    ):
        told = getattr(panel, name)
        same = np.array_equal(getattr(step, name), told, equal_nan=True)
        step = replace(step, **{name: told})
        steps[code] = None if same else step
    return steps


def as_stated(scenario: Scenario, world: WorldParameters, runs: int) -> SampledMarket:
    """The scenario's own markets, nothing about the records moved."""
    regions, _, channels, _ = scenario.shape
    return SampledMarket(
        world=world,
        customers=np.ones((runs, regions)),
        recent_customers=np.ones((runs, regions)),
        clicks=np.ones((runs, channels)),
        order_value=np.ones((runs, regions)),
    )


def _from_own_morning(replay: Replay, market: MarketParameters) -> Replay:
    """The same days, begun with what the scenario's own history left behind."""
    return replace(replay, market=replace(replay.market, before=market))


def _measure(counts: FloatArray, name: Measure) -> FloatArray:
    """A measure from counts of visits, orders, first ones and revenue ``(..., 4)``."""
    visits, orders, first, revenue = np.moveaxis(counts, -1, 0)
    return {"orders": orders, "net_revenue": revenue, "visits": visits, "new_customers": first}[name]


def _compared(actual: FloatArray, worlds: FloatArray) -> Compared:
    low, high = np.percentile(worlds, _BAND, axis=0)
    return Compared(actual=actual, expected=worlds.mean(axis=0), low=low, high=high)


def _unexplained(total: Mapping[Measure, Compared]) -> tuple[Cause, ...]:
    """What the market does not explain, by where in the funnel it arises: ``A B - a b = (A - a) b + A (B - b)``."""
    visits, orders, revenue = total["visits"], total["orders"], total["net_revenue"]
    rate = _ratio(orders.expected, visits.expected)
    value = _ratio(revenue.expected, orders.expected)
    by_visits = (visits.actual - visits.expected) * rate
    by_rate = orders.actual - orders.expected - np.nan_to_num(by_visits)
    by_value = revenue.actual - orders.actual * value
    return (
        Cause(code="visits", orders=by_visits, net_revenue=by_visits * value),
        Cause(code="conversion", orders=by_rate, net_revenue=by_rate * value),
        Cause(code="order_value", orders=np.zeros_like(by_value), net_revenue=by_value),
    )


def _ratio(part: FloatArray, whole: FloatArray) -> FloatArray:
    return np.where(whole > 0.0, part / np.where(whole > 0.0, whole, 1.0), 0.0)
