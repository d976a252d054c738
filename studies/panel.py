"""A simulation's days as a panel: what a seller's records of each world would hold, and nothing of its truth."""

from collections.abc import Mapping
from typing import Protocol

import numpy as np

from xbopt.core.arrays import FloatArray, IntArray, add_up
from xbopt.core.panel import PanelColumn
from xbopt.env.attribution_counts import ClickCounts
from xbopt.env.rollout import Choice, Recorder
from xbopt.simulator.parameters import MarketParameters
from xbopt.simulator.state import MarketState
from xbopt.simulator.step import DayOutcome
from xbopt.simulator.worlds import WorldParameters


class TakesRows(Protocol):
    """What takes the rows of a panel: its writer, or who brings them there."""

    def append(self, rows: int, columns: Mapping[str, PanelColumn], /) -> None:
        """Take so many rows."""
        ...


class PanelRecorder(Recorder):
    """Writes each day of a batch of worlds: first the media rows, then the order rows.

    Rows of a day go through worlds, regions, segments and channels in the scenario's order. Clicks are the counts that
    policies see: drawn from the same stream.
    """

    def __init__(self, writer: TakesRows, market: MarketParameters, *, seed: int, worlds: IntArray) -> None:
        scenario = market.scenario
        self._writer, self._market = writer, market
        self._clicks = ClickCounts(scenario, seed=seed, worlds=worlds)
        self._items = np.array([segment.items_per_order for segment in scenario.document.segments])
        regions, segments, channels, _ = market.shape
        self._cells = (len(worlds), regions, segments)
        self._order_rows = self._names(self._cells, worlds)
        self._media_rows = self._names((*self._cells, channels), worlds)

    def _names(self, shape: tuple[int, ...], worlds: IntArray) -> dict[str, PanelColumn]:
        scenario, places = self._market.scenario, np.indices(shape).reshape(len(shape), -1)
        named: dict[str, PanelColumn] = {
            "world": worlds[places[0]],
            "region": [scenario.regions[r] for r in places[1]],
            "segment": [scenario.segments[s] for s in places[2]],
            "currency": [scenario.base_currency] * places.shape[1],
        }
        if len(shape) > 3:
            named["channel"] = [scenario.channels[c] for c in places[3]]
        return named

    def record(self, day: int, outcome: DayOutcome, choice: Choice | None) -> None:
        """Write one day."""
        del choice
        orders = add_up(outcome.orders, 3)
        asked = orders + outcome.lost_orders
        self._write(
            day,
            self._media_rows,
            {
                "spend": outcome.decision.spend_base,
                "impressions": outcome.impressions,
                "clicks": self._clicks.day(day, outcome)[..., :-1],
            },
        )
        self._write(
            day,
            self._order_rows,
            {
                "visits": outcome.visits,
                "orders": orders,
                "new_customers": outcome.orders[..., 0],
                "units": orders * self._items,
                "net_revenue": outcome.money.net_revenue,
                "discount_frac": outcome.decision.discount_frac,
                "price_index": self._price_index(outcome),
                "stock_out": outcome.lost_orders / np.where(asked > 0.0, asked, 1.0),
                "refunds": -outcome.money.returns,
            },
        )

    def finish(self, state: MarketState, world: WorldParameters) -> None:
        """Nothing is left to write."""

    def _price_index(self, outcome: DayOutcome) -> FloatArray:
        """List price in the region's own money against the usual one at first-day rates ``(B, R, S)``."""
        goods, regions = self._market.orders, list(self._market.outside.region_currency)
        local = np.exp(-goods.pass_through * outcome.fx_log[:, regions])
        return local[..., None] * (goods.price_base / goods.usual_price_base)

    def _write(self, day: int, names: dict[str, PanelColumn], figures: dict[str, FloatArray]) -> None:
        rows = next(iter(figures.values())).size
        dates: dict[str, PanelColumn] = {"date": [self._market.scenario.date_of(day)] * rows}
        self._writer.append(rows, {**names, **dates, **{name: array.ravel() for name, array in figures.items()}})
