"""A panel's days played again: observed spend, discounts, prices, rates and stock-outs, in many markets at once."""

from dataclasses import dataclass, field, replace

import numpy as np

from xbopt.calibration.fit.parameters import SampledMarket
from xbopt.calibration.fit.slack import Slack
from xbopt.calibration.panel import CalibrationPanel
from xbopt.core.arrays import FloatArray, IntArray, add_up
from xbopt.core.decisions.decision import Decision
from xbopt.core.decisions.limits import Remaining
from xbopt.core.scenario.scenario import Scenario
from xbopt.env.attribution_counts import ClickCounts
from xbopt.simulator.build import build_market
from xbopt.simulator.draws import MarketDraws
from xbopt.simulator.edges import market_between
from xbopt.simulator.history import initial_state
from xbopt.simulator.media import daypart_factor, money_at_reference_price
from xbopt.simulator.parameters import MarketParameters
from xbopt.simulator.state import MarketState
from xbopt.simulator.step import DayOutcome, play_day
from xbopt.simulator.worlds import WorldParameters

_BEFORE_DAYS = 28
_DEEPEST = 0.95
_WORTH_A_MARKET = 1e-3


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """A market on the days of a panel, and what was done and seen on them.

    Attributes:
        market: The market on these days, without limits on spend and with stock that never runs out.
        panel: The records.
        media_price: Price of reach that the impressions tell, against the market's own ``(T, R, C)``; 1 where unknown.
        list_price: List price against the first-day one ``(T, R)``.
        fx_log: Log rates of currencies ``(T, K)``, NaN where unknown.
    """

    market: MarketParameters = field(repr=False)
    panel: CalibrationPanel = field(repr=False)
    media_price: FloatArray = field(repr=False)
    list_price: FloatArray = field(repr=False)
    fx_log: FloatArray = field(repr=False)

    @property
    def days(self) -> int:
        """Number of days ``T``."""
        return self.panel.days

    @property
    def kinds(self) -> tuple[str, ...]:
        """What is counted a day and region: clicks of each channel, visits, orders, first ones, revenue."""
        return (*(f"clicks.{c}" for c in self.market.scenario.channels), "visits", "orders", "first", "revenue")

    def observed(self) -> FloatArray:
        """The records as counts by kind ``(T, R, K)``; NaN where they do not tell."""
        panel = self.panel
        return np.concatenate(
            [
                panel.clicks,
                np.stack([panel.visits, panel.orders, panel.new_customers, panel.net_revenue], axis=2),
            ],
            axis=2,
        )

    def count(
        self,
        sampled: SampledMarket,
        *,
        seed: int | None = None,
        worlds: IntArray | None = None,
        slack: tuple[Slack, FloatArray] | None = None,
    ) -> FloatArray:
        """What the records of each market would hold ``(B, T, R, K)``: clicks and visits by their own time.

        Orders are read off the market, clicks and visits off the market as they show it, in one batch with the same
        luck. Arguments are those of `play`.
        """
        batch = len(sampled.customers) if worlds is None else len(worlds)
        played = self.play(
            sampled.both(batch),
            seed=seed,
            worlds=None if worlds is None else np.concatenate([worlds, worlds]),
            slack=None if slack is None else (slack[0], np.concatenate([slack[1], slack[1]])),
        )
        seen = self.kinds.index("orders")
        return np.concatenate([played[batch:, ..., :seen], played[:batch, ..., seen:]], axis=3)

    def play(
        self,
        sampled: SampledMarket,
        *,
        spend: FloatArray | None = None,
        days: int | None = None,
        seed: int | None = None,
        worlds: IntArray | None = None,
        slack: tuple[Slack, FloatArray] | None = None,
        factors: tuple[int, FloatArray] | None = None,
    ) -> FloatArray:
        """What each market counts by day, region and kind ``(B, T, R, K)``; clicks and visits in the time of orders.

        Args:
            sampled: The markets; one, or ``B``.
            spend: Other spend than the panel's ``(T, R, S, C)``.
            days: Days that are played, all where left out.
            seed: Seed of the noise; the expected mode where left out.
            worlds: Numbers of the worlds ``(B,)`` of a noisy play.
            slack: Slow movements and the amounts of each ``(B, Q)``.
            factors: A day, and what each channel's spend is multiplied by from then on ``(B, C)``.
        """
        return self._course(sampled, spend, days, seed, worlds, slack, factors)[0]

    def customers_after(self, sampled: SampledMarket) -> FloatArray:
        """People by lifecycle bucket on the morning after the last day, in expected mode ``(B, R, S, L)``."""
        return self._course(sampled)[1].customers

    def _course(
        self,
        sampled: SampledMarket,
        spend: FloatArray | None = None,
        days: int | None = None,
        seed: int | None = None,
        worlds: IntArray | None = None,
        slack: tuple[Slack, FloatArray] | None = None,
        factors: tuple[int, FloatArray] | None = None,
    ) -> tuple[FloatArray, MarketState]:
        """The counts of all days, and the morning after the last one."""
        batch = len(sampled.customers) if worlds is None else len(worlds)
        paid = self.panel.spend if spend is None else spend
        state = self._first_morning(sampled, batch)
        draws = clicks = None
        if seed is not None:
            assert worlds is not None, "noise needs the numbers of its worlds"
            draws = MarketDraws(self.market.scenario, seed=seed, worlds=worlds)
            clicks = ClickCounts(self.market.scenario, seed=seed, worlds=worlds)
        weights = np.repeat(self.market.scenario.plan.daypart_weights[None], batch, axis=0)
        mechanic = np.zeros((batch, *self.market.shape[:2]), dtype=np.int64)
        market, (regions, _, channels, _) = self.market, self.market.shape
        moved = None
        if slack is not None:
            of, amounts = slack
            prices = np.exp(of.moved("media_price", amounts, channels))
            demand = np.exp(of.moved("demand", amounts, regions))
            moved = prices, demand, np.exp(of.moved("conversion", amounts, regions))
        counts: list[FloatArray] = []
        for day in range(self.days if days is None else days):
            if day == 0 or (self.list_price[day] != self.list_price[day - 1]).any():
                market = _priced(self.market, self.list_price[day])
            spent = np.broadcast_to(paid[day], (batch, *self.market.shape[:3]))
            if factors is not None and day >= factors[0]:
                spent = spent * factors[1][:, None, None, :]
            decision = Decision(
                spend_base=spent,
                daypart_weights=weights,
                discount_frac=np.broadcast_to(self.panel.discount_frac[day], mechanic.shape),
                mechanic=mechanic,
            )
            state = self._conditioned(state, day)
            world = self._world(sampled.world, day)
            if moved is not None:
                prices, demand, sold = moved
                world = replace(
                    world,
                    media_price=world.media_price * prices[:, day, None, None, :],
                    organic_traffic=world.organic_traffic * demand[:, day, :, None],
                    conversion=world.conversion * sold[:, day, :, None],
                )
            outcome, state = play_day(market, world, state, decision, None if draws is None else draws.day(day))
            counted = outcome.channel_visits if clicks is None else clicks.day(day, outcome)[..., :-1]
            counts.append(_counts(outcome, counted, sampled))
        return np.stack(counts, axis=1), state

    def _first_morning(self, sampled: SampledMarket, batch: int) -> MarketState:
        """The first morning after four weeks of the spend that the first four weeks of the panel have in the mean."""
        state = initial_state(self.market, batch, sampled.world)
        known, living = state.customers[..., 1:], state.living
        people = add_up(state.customers, 3)
        recent, others = sampled.recent_customers[:, :, None], sampled.customers[:, :, None]
        wanted = np.stack(np.broadcast_arrays(recent, recent, others, others), axis=3)
        # Customers are people: where more are wanted than live there, all are.
        room = np.minimum(wanted, (people / np.maximum(add_up(known, 3), 1e-12))[..., None])
        scaled = known * room
        customers = np.concatenate([(people - add_up(scaled, 3))[..., None], scaled], axis=3)
        return replace(
            state,
            customers=np.asfortranarray(customers),
            living=np.asfortranarray(living * room[..., None, :]),
            remaining=Remaining.at_start(self.market.scenario.limits, batch),
        )

    def _conditioned(self, state: MarketState, day: int) -> MarketState:
        """The morning with the rates that the prices tell."""
        known = np.isfinite(self.fx_log[day])
        if not known.any():
            return state
        rates = np.where(known, self.fx_log[day], state.outside.fx_log)
        return replace(state, outside=replace(state.outside, fx_log=np.asfortranarray(rates)))

    def _world(self, world: WorldParameters, day: int) -> WorldParameters:
        """The world with the price of reach that the impressions tell, and with what stock-outs left of the orders."""
        price = self.media_price[day]
        changed: dict[str, FloatArray] = {}
        if (price != 1.0).any():
            changed["media_price"] = world.media_price * price[None, :, None, :]
        lost = self.panel.stock_out[day]
        if lost.any():
            changed["conversion"] = world.conversion * (1.0 - lost)[None, :, None]
        return replace(world, **changed) if changed else world


def _counts(outcome: DayOutcome, clicks: FloatArray, sampled: SampledMarket) -> FloatArray:
    """Counts of a day by region and kind ``(B, R, K)``, as the records would hold them."""
    return np.concatenate(
        [
            add_up(clicks, 2) * sampled.clicks[:, None, :],
            add_up(outcome.visits, 2)[..., None],
            add_up(outcome.orders, 2, 3)[..., None],
            add_up(outcome.orders[..., 0], 2)[..., None],
            (add_up(outcome.money.net_revenue, 2) * sampled.order_value)[..., None],
        ],
        axis=2,
    )


def replay_of(scenario: Scenario, panel: CalibrationPanel) -> Replay:
    """The market of a scenario on the days of a panel.

    Media of the days before the first one are those of the panel's first four weeks; discounts were none.

    Raises:
        TableError: A table has no row for a region.
    """
    market = market_between(build_market(scenario), panel.start, panel.days)
    first = panel.spend[:_BEFORE_DAYS].mean(axis=0)
    total = float(first.sum())
    document = market.scenario.document
    history = document.history.model_copy(update={"before": "steady", "steady_spend_per_day_base": total})
    plan = market.scenario.plan
    quiet = np.zeros((panel.days, *first.shape[:2]))
    limits = replace(market.scenario.limits, discount_ceiling=np.full_like(first[..., 0], _DEEPEST))
    as_played = replace(
        market.scenario,
        document=document.model_copy(update={"history": history}),
        limits=limits,
        past=None,
        draws=None,
        plan=replace(
            plan,
            share=first / total if total > 0.0 else plan.share,
            discount_frac=quiet,
            mechanic=quiet.astype(np.int64),
        ),
    )
    fulfilment = replace(market.fulfilment, limited=(False,) * len(market.fulfilment.limited))
    stock = replace(fulfilment, initial_orders=np.full_like(fulfilment.initial_orders, np.inf))
    market = replace(market, scenario=as_played, fulfilment=stock, before=None)
    list_price, fx_log = _prices(market, panel)
    return Replay(
        market=market,
        panel=panel,
        media_price=_media_prices(market, panel),
        list_price=list_price,
        fx_log=fx_log,
    )


def _media_prices(market: MarketParameters, panel: CalibrationPanel) -> FloatArray:
    """What reach cost against the market's own price at that spend ``(T, R, C)``; 1 where impressions are unknown."""
    media = market.media
    weights = market.scenario.plan.daypart_weights[None]
    prices = np.ones_like(panel.impressions)
    for day in range(panel.days):
        delivered, _ = daypart_factor(market, weights, day)
        per_impression = market.calendar.cpm[day][:, None] * media.price_base / 1000.0
        bought = money_at_reference_price(media, panel.spend[day]).sum(axis=1) / per_impression * delivered[0]
        seen = panel.impressions[day]
        told = np.isfinite(seen) & (seen > 0.0) & (bought > 0.0)
        prices[day] = np.where(told, bought / np.where(told, seen, 1.0), 1.0)
    return prices


def _prices(market: MarketParameters, panel: CalibrationPanel) -> tuple[FloatArray, FloatArray]:
    """List prices against the first-day ones ``(T, R)``, and log rates of currencies ``(T, K)``, NaN where unknown.

    An index of list prices moves because the seller moves them, or because the rate does and he passes it on. Where a
    region's currency moves and is passed on, the index is read as the rate: no record tells rates themselves.
    """
    orders, outside = market.orders, market.outside
    own = (orders.price_base / orders.usual_price_base).mean(axis=1)
    log_index = np.log(np.maximum(np.nan_to_num(panel.price_index / own, nan=1.0), _SMALLEST_INDEX))
    currencies = list(outside.region_currency)
    rates = np.full((panel.days, outside.fx_sd.size), np.nan)
    for region, currency in enumerate(currencies):
        if outside.fx_sd[currency] > 0.0 and orders.pass_through[region] > 0.0:
            told = np.isfinite(panel.price_index[:, region])
            rates[told, currency] = -log_index[told, region] / orders.pass_through[region]
    moved = np.nan_to_num(rates[:, currencies])
    log_list: FloatArray = log_index + orders.pass_through * moved
    # Weekly steps: every level makes a market of its own.
    log_list = np.rint(log_list / _WORTH_A_MARKET) * _WORTH_A_MARKET
    return np.exp(log_list), rates


_SMALLEST_INDEX = 1e-3


def _priced(market: MarketParameters, level: FloatArray) -> MarketParameters:
    """The market with its list prices moved, usual ones as they were."""
    if (level == 1.0).all():
        return market
    orders = replace(market.orders, price_base=market.orders.price_base * level[:, None])
    return replace(market, orders=orders)
