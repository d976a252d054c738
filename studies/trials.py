"""A market tried out in expected mode: what the own plan's media bring, and how orders answer prices and deals.

Everything is measured as an experimenter would who could play the same weeks again: change one thing, play, compare.
Nothing is read off the market's formulas, so the figures hold whatever these are.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from xbopt.core.arrays import FloatArray
from xbopt.core.decisions.decision import Decision
from xbopt.core.decisions.limits import Remaining
from xbopt.core.scenario.build import build_scenario
from xbopt.core.scenario.document import ScenarioDocument
from xbopt.core.scenario.schedule import Calendar, RegionSeason, RuleChange
from xbopt.env.baseline_plan import scenario_plan
from xbopt.simulator.build import build_market
from xbopt.simulator.history import initial_state
from xbopt.simulator.once import once_a_market
from xbopt.simulator.parameters import MarketParameters
from xbopt.simulator.state import MarketState
from xbopt.simulator.step import DayOutcome, play_day
from xbopt.simulator.worlds import average_world

SPEND_STEP = 0.05
"""Spend is made larger and smaller by this share."""
PRICE_STEP = 0.02
"""Prices too."""
LASTING_WEEKS, STEADY = 17, 5e-4
"""A lasting price is read off the last week of so many, or off the first that moves orders as the week before did but
for this share: by then it is what people remember."""
DEAL_FRAC = 0.1
DEAL_START, DEAL_DAYS, FOLLOWED_DAYS = 14, 7, 56
"""A deal of one week, and the eight weeks after it in which what was brought forward is missing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sums:
    """What one course of the market brings over its days.

    Attributes:
        spend: Media spend by channel ``(C,)``, base currency.
        orders: Shipped orders ``(R, S)``.
        lost_orders: Orders that met an empty stock ``(R, S)``.
        first_orders: Orders of prospects ``(R, S)``.
        net_revenue: ``(R, S)``, base currency.
        margin: Contribution margin before media ``(R, S)``, base currency.
    """

    spend: FloatArray
    orders: FloatArray
    lost_orders: FloatArray
    first_orders: FloatArray
    net_revenue: FloatArray
    margin: FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaTrial:
    """The scenario's own plan over its own horizon, with all or one of its channels changed.

    Attributes:
        own: The plan as it is.
        off, less, more: All channels off, and with spend smaller and larger by ``SPEND_STEP``.
        channel_off, channel_less, channel_more: The same of one channel each.
    """

    own: Sums
    off: Sums
    less: Sums
    more: Sums
    channel_off: tuple[Sums, ...]
    channel_less: tuple[Sums, ...]
    channel_more: tuple[Sums, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceTrial:
    """Prices and a deal on an average day, played for weeks, with the own plan's mean spend and stock without end.

    Attributes:
        lasting: Elasticity of a segment's orders to a lasting change of the price of goods ``(S,)``; prospects' orders
            a head are read, so that the customers whom a price wins are not counted as an answer to it.
        deal_frac: Mean depth of the deal, as it was carried out.
        usual, deal: The days of the deal, without it and with it.
        usual_later, deal_later: The weeks after it.
        switched_frac: Share of the deal's extra orders that the market's ledger says are won from elsewhere.
    """

    lasting: FloatArray
    deal_frac: float
    usual: Sums
    deal: Sums
    usual_later: Sums
    deal_later: Sums
    switched_frac: float


def try_media(market: MarketParameters) -> MediaTrial:
    """Play the own plan, the plan without media, and the plan with more and less of all channels and of each."""
    channels = market.shape[2]
    arms = [np.full(channels, factor) for factor in (1.0, 0.0, 1.0 - SPEND_STEP, 1.0 + SPEND_STEP)]
    for factor in (0.0, 1.0 - SPEND_STEP, 1.0 + SPEND_STEP):
        arms += [np.where(np.arange(channels) == c, factor, 1.0) for c in range(channels)]
    factors = np.stack(arms)[:, None, None, :]
    plan = own_decisions(market)

    def decide(day: int) -> Decision:
        own = _in_worlds(plan[day], len(arms))
        return replace(own, spend_base=own.spend_base * factors)

    adder = _Adder(market, len(arms))
    for _, outcome in _play(market, decide, worlds=len(arms), days=len(plan)):
        adder.add(outcome)
    own, off, less, more, *single = adder.sums()
    by_channel = [tuple(single[i * channels : (i + 1) * channels]) for i in range(3)]
    return MediaTrial(
        own=own,
        off=off,
        less=less,
        more=more,
        channel_off=by_channel[0],
        channel_less=by_channel[1],
        channel_more=by_channel[2],
    )


def try_prices(market: MarketParameters) -> PriceTrial:
    """Play lasting prices and one deal, each beside the same weeks without it."""
    plan = own_decisions(market)
    spend = np.mean([decision.spend_base for decision in plan], axis=0)
    usual = replace(plan[0], spend_base=spend, discount_frac=np.zeros_like(plan[0].discount_frac))
    usual = replace(usual, mechanic=np.zeros_like(plan[0].mechanic))

    depth = np.array([0.0, DEAL_FRAC])[:, None, None]
    before_end = DEAL_START + DEAL_DAYS

    def decide(day: int) -> Decision:
        both = _in_worlds(usual, 2)
        in_deal = DEAL_START <= day < before_end
        return replace(both, discount_frac=both.discount_frac + depth) if in_deal else both

    flat = _flat(market, 1.0)
    during, later = _Adder(market, 2), _Adder(market, 2)
    given: list[FloatArray] = []
    bump = switched = 0.0
    for state, outcome in _play(flat, decide, worlds=2, days=before_end + FOLLOWED_DAYS):
        if DEAL_START <= state.day < before_end:
            during.add(outcome)
            bump += float(outcome.ledger.bump[1].sum())
            switched += float(outcome.ledger.switched[1].sum())
            given.append(outcome.decision.discount_frac[1])
        elif state.day >= before_end:
            later.add(outcome)
    (without, deal), (without_later, deal_later) = during.sums(), later.sums()
    weight = without.orders
    depth_given = float((np.mean(given, axis=0) * weight).sum() / weight.sum()) if weight.sum() > 0.0 else 0.0
    return PriceTrial(
        lasting=_lasting_elasticity(market, usual),
        deal_frac=depth_given,
        usual=without,
        deal=deal,
        usual_later=without_later,
        deal_later=deal_later,
        switched_frac=switched / bump if bump > 0.0 else float("nan"),
    )


@once_a_market
def own_decisions(market: MarketParameters) -> tuple[Decision, ...]:
    """The scenario's own plan as its limits let it be carried out, day by day, one world."""
    plan, state = scenario_plan(market), initial_state(market, 1)
    decisions: list[Decision] = []
    for day in range(market.scenario.days):
        wanted = Decision(
            spend_base=plan.spend_base[day][None],
            daypart_weights=plan.daypart_weights[None],
            discount_frac=plan.discount_frac[day][None],
            mechanic=plan.mechanic[day][None],
        )
        outcome, state = play_day(market, average_world(), state, wanted, None)
        decisions.append(outcome.decision)
    return tuple(decisions)


def _play(
    market: MarketParameters, decide: Callable[[int], Decision], *, worlds: int, days: int
) -> Iterator[tuple[MarketState, DayOutcome]]:
    """Each morning and what its day brings, with no limit on spend: a trial may spend more than the plan."""
    free = replace(market, scenario=replace(market.scenario, limits=market.scenario.limits.without_limits_on_spend()))
    # The first morning is that of the market with its limits: what went before was not spent beyond them.
    state = replace(initial_state(market, worlds), remaining=Remaining.at_start(free.scenario.limits, worlds))
    for day in range(days):
        outcome, tomorrow = play_day(free, average_world(), state, decide(day), None)
        yield state, outcome
        state = tomorrow


def _in_worlds(decision: Decision, worlds: int) -> Decision:
    def spread(array: FloatArray) -> FloatArray:
        return np.broadcast_to(array, (worlds, *array.shape[1:]))

    return Decision(
        spend_base=spread(decision.spend_base),
        daypart_weights=spread(decision.daypart_weights),
        discount_frac=spread(decision.discount_frac),
        mechanic=np.broadcast_to(decision.mechanic, (worlds, *decision.mechanic.shape[1:])),
    )


def _lasting_elasticity(market: MarketParameters, decision: Decision) -> FloatArray:
    """Elasticity of prospects' orders a head to a price that stays, by segment ``(S,)``; NaN where nobody orders."""
    dear, cheap = (_weekly_rates(_flat(market, 1.0 + step), decision) for step in (PRICE_STEP, -PRICE_STEP))
    width = np.log((1.0 + PRICE_STEP) / (1.0 - PRICE_STEP))
    before = np.full(market.shape[1], np.inf)
    for high, low in zip(dear, cheap, strict=True):
        with np.errstate(divide="ignore", invalid="ignore"):
            found = np.log(high / low) / width
        found = np.where(np.isfinite(found), found, np.nan)
        if (np.isnan(found) | (np.abs(found - before) <= STEADY * np.abs(found))).all():
            return found
        before = found
    return before


def _weekly_rates(market: MarketParameters, decision: Decision) -> Iterator[FloatArray]:
    """Orders a head of prospects of each week by segment ``(S,)``, weighted by the first day's prospects."""
    rate = np.zeros(market.shape[:2])
    for state, outcome in _play(market, lambda _: decision, worlds=1, days=7 * LASTING_WEEKS):
        rate += outcome.orders[0, ..., 0] / np.maximum(state.customers[0, ..., 0], 1e-9)
        if state.day % 7 == 6:
            yield (rate * market.scenario.customers[..., 0]).sum(axis=0)
            rate = np.zeros(market.shape[:2])


def _flat(market: MarketParameters, price: float) -> MarketParameters:
    """The market on an average day for weeks: no season, event, shock or stock-out, and prices times a factor.

    Rule changes that hold on the first day stay: they are part of the prices that people see.
    """
    document = market.scenario.document
    first = document.horizon.start
    regions = [
        region.model_copy(update={"price_level": region.price_level * price, "stock": None})
        for region in document.market.regions
    ]
    calm = {
        "horizon": document.horizon.model_copy(update={"days": 7 * LASTING_WEEKS}),
        "market": document.market.model_copy(update={"regions": regions}),
        "calendar": Calendar(
            dayparts=document.calendar.dayparts,
            regions={
                name: RegionSeason(activity=season.activity)
                for name, season in document.calendar.regions.items()
                if season.activity is not None
            },
        ),
        "plan": document.plan.model_copy(update={"discounts": []}),
        # The average world has the scenario's own values, whatever is drawn for others.
        "uncertainty": document.uncertainty.model_copy(update={"draws": None}),
        "shocks": [shock for shock in document.shocks if isinstance(shock, RuleChange) and shock.day <= first],
    }
    changed: ScenarioDocument = document.model_copy(update=calm)
    return build_market(build_scenario(changed))


class _Adder:
    """Adds up the days of some worlds."""

    def __init__(self, market: MarketParameters, worlds: int) -> None:
        regions, segments, channels, _ = market.shape
        self._spend = np.zeros((worlds, channels))
        self._cells = np.zeros((5, worlds, regions, segments))

    def add(self, outcome: DayOutcome) -> None:
        money = outcome.money
        self._spend += outcome.decision.spend_base.sum(axis=(1, 2))
        for i, array in enumerate(
            (
                outcome.orders.sum(axis=3),
                outcome.lost_orders,
                outcome.orders[..., 0],
                money.net_revenue,
                money.contribution_margin - money.media,
            )
        ):
            self._cells[i] += array

    def sums(self) -> list[Sums]:
        """One for each world."""
        return [
            Sums(spend=spend, orders=orders, lost_orders=lost, first_orders=first, net_revenue=net, margin=margin)
            for spend, orders, lost, first, net, margin in zip(self._spend, *self._cells, strict=True)
        ]
