"""A seller whose market is simulated, and whose platforms and shop write exports as real ones do.

Google Ads tells search by campaign and country, Meta tells social by campaign and country, an advertising warehouse
tells e-mail, and the shop writes its orders as Shopify does. Amounts are those of the market, to the cent.
"""

import csv
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import numpy as np

from xbopt.campaigns.actuals.actual_day import ActualDay, actual_day_of
from xbopt.core.arrays import FloatArray
from xbopt.core.decisions.decision import Decision
from xbopt.core.scenario.loading import load_scenario
from xbopt.core.scenario.scenario import Scenario
from xbopt.env.attribution_counts import ClickCounts
from xbopt.env.market_run import MarketRun
from xbopt.simulator.build import build_market
from xbopt.simulator.step import DayOutcome

COUNTRIES = {"DE": "Germany", "GB": "United Kingdom"}
_SHOPIFY = (
    "Name,Email,Financial Status,Paid at,Currency,Subtotal,Shipping,Taxes,Total,Discount Amount,Created at,"
    "Lineitem quantity,Lineitem name,Lineitem price,Lineitem sku,Shipping Country,Cancelled at,Refunded Amount,Id"
)


def sixty_days() -> Scenario:
    """The quickstart's market on sixty days, with a budget for all of them."""
    return load_scenario(
        "quickstart", overrides=["horizon.start=2026-07-06", "horizon.days=60", "budget.total_base=24000"]
    )


@dataclass
class SimulatedSeller:
    """Plays one world of a market and keeps what its platforms and shop would tell.

    Attributes:
        scenario: The market.
        world: Which world.
        seed: Of the luck.
    """

    scenario: Scenario
    world: int = 3
    seed: int = 11
    outcomes: list[DayOutcome] = field(default_factory=list)
    clicks: list[FloatArray] = field(default_factory=list)
    told: list[ActualDay] = field(default_factory=list)

    def __post_init__(self) -> None:
        market = build_market(self.scenario)
        worlds = np.array([self.world])
        self.run = MarketRun(market, worlds=worlds, seed=self.seed)
        self._counts = ClickCounts(self.scenario, seed=self.seed, worlds=worlds)

    @property
    def today(self) -> date:
        """The day that is played next."""
        return self.scenario.date_of(len(self.outcomes))

    @property
    def margin_base(self) -> float:
        """Contribution margin so far."""
        return float(sum(outcome.money.contribution_margin.sum() for outcome in self.outcomes))

    def play(self, decision: Decision) -> None:
        """Play a day."""
        outcome = self.run.play(decision)
        counted = self._counts.day(len(self.outcomes), outcome)
        self.told.append(actual_day_of(outcome, counted, self.run.state))
        self.outcomes.append(outcome)
        self.clicks.append(counted)

    def export(self, folder: Path, *, days: int = 1, without: tuple[str, ...] = ()) -> list[Path]:
        """Files of the last days, as they would be downloaded this morning.

        Args:
            folder: Where they go.
            days: How many of the last days they cover.
            without: Names of files that are not written: ``google``, ``meta``, ``email`` or ``orders``.
        """
        played = len(self.outcomes)
        span = range(max(played - days, 0), played)
        writers = {"google": self._google, "meta": self._meta, "email": self._email, "orders": self._orders}
        return [
            write(folder / f"{name}-{self.today}.csv", span) for name, write in writers.items() if name not in without
        ]

    def _cells(self, day: int, channel: str) -> list[tuple[str, float, float, float]]:
        """Country, spend, impressions and clicks of a channel on a day, to the cent."""
        c = self.scenario.channels.index(channel)
        outcome = self.outcomes[day]
        regions = self.scenario.document.market.regions
        return [
            (
                region.country,
                round(float(outcome.decision.spend_base[0, r, :, c].sum()), 2),
                float(outcome.impressions[0, r, :, c].sum()),
                float(self.clicks[day][0, r, :, c].sum()),
            )
            for r, region in enumerate(regions)
        ]

    def _google(self, path: Path, span: range) -> Path:
        rows = [
            f"{when},{country} search,{COUNTRIES[country]},EUR,{spend:.2f},{seen:.0f},{clicks:.0f}"
            for day in span
            for when in [self.scenario.date_of(day)]
            for country, spend, seen, clicks in self._cells(day, "search")
        ]
        first, last = (self.scenario.date_of(day) for day in (span[0], span[-1]))
        head = [
            "Campaign report",
            f'"{first:%B} {first.day}, {first.year} - {last:%B} {last.day}, {last.year}"',
            "Day,Campaign,Country/Territory (User location),Currency code,Cost,Impr.,Clicks",
        ]
        path.write_text("\r\n".join([*head, *rows]) + "\r\n", encoding="utf-8")
        return path

    def _meta(self, path: Path, span: range) -> Path:
        head = "Reporting starts,Reporting ends,Campaign name,Country,Day,Impressions,Amount spent (EUR),Link clicks"
        rows = [
            f"{when},{when},{country} social,{country},{when},{seen:.0f},{spend:.2f},{clicks:.0f}"
            for day in span
            for when in [self.scenario.date_of(day)]
            for country, spend, seen, clicks in self._cells(day, "social")
        ]
        path.write_text("\n".join([head, *rows]) + "\n", encoding="utf-8-sig")
        return path

    def _email(self, path: Path, span: range) -> Path:
        head = (
            "source_relation,date_day,platform,account_id,account_name,campaign_id,campaign_name,clicks,impressions,"
            "spend,conversions,conversions_value"
        )
        rows = []
        for day in span:
            cells = self._cells(day, "email")
            spend, seen, clicks = (sum(cell[i] for cell in cells) for i in (1, 2, 3))
            when = self.scenario.date_of(day)
            rows.append(f",{when},email,1,Shop,77,Newsletter,{clicks:.0f},{seen:.0f},{spend:.2f},0,0")
        path.write_text("\n".join([head, *rows]) + "\n", encoding="utf-8")
        return path

    def _orders(self, path: Path, span: range) -> Path:
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(_SHOPIFY.split(","))
            for day in span:
                self._orders_of(writer, day)
        return path

    def _orders_of(self, writer: object, day: int) -> None:
        money, when = self.outcomes[day].money, self.scenario.date_of(day)
        sold = (money.gross_revenue + money.discount + money.tax + money.fx_effect)[0]
        orders = self.outcomes[day].orders[0].sum(axis=2)
        for r, region in enumerate(self.scenario.document.market.regions):
            count = round(float(orders[r].sum()))
            cents = round(100.0 * float(sold[r].sum()))
            for n in range(count):
                # The day's sales to the cent, shared over its orders.
                price = (cents // count + (n < cents % count)) / 100.0
                name = f"{day:02d}{r}{n:05d}"
                writer.writerow(  # type: ignore[attr-defined]
                    [
                        f"#{name}", f"buyer{name}@example.test", "paid", f"{when} 12:00:00 +0000", "EUR",
                        f"{price:.2f}", "0.00", "0.00", f"{price:.2f}", "0.00", f"{when} 12:00:00 +0000", 1, "Lamp",
                        f"{price:.2f}", f"LMP-{region.country}", region.country, "", "0.00", name,
                    ]
                )  # fmt: skip
