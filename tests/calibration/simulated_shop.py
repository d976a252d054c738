"""A shop's canonical tables out of a simulated panel: orders of persons, media of platforms, sessions."""

from pathlib import Path

import numpy as np
import polars as pl

from tests.calibration.canonical_tables import table
from xbopt.agents.policies import built_in_policy
from xbopt.core.arrays import IntArray
from xbopt.core.panel import open_panel
from xbopt.core.randomness import named_generator
from xbopt.core.scenario.loading import load_scenario
from xbopt.env.rollout import play_worlds
from xbopt.simulator.build import build_market
from xbopt.studies.panel import PanelRecorder

COUNTRIES = {"DE": "DE", "UK": "GB"}
PRICES = {"lamps": 39.0, "textiles": 22.0, "shade": 8.0}


def simulated_panel(path: Path, *, days: int, seed: int = 3, budget: float = 30_000.0) -> pl.DataFrame:
    """The panel of one world of the quickstart market over some days."""
    changes = [f"horizon.days={days}", "horizon.start=2025-09-01", f"budget.total_base={budget}"]
    market = build_market(load_scenario("quickstart", overrides=changes))
    worlds: IntArray = np.zeros(1, dtype=np.int64)
    with open_panel(path) as writer:
        recorder = PanelRecorder(writer, market, seed=seed, worlds=worlds)
        play_worlds(market, built_in_policy("baseline", market), worlds=worlds, seed=seed, recorders=[recorder])
    return pl.read_parquet(path)


def shop_tables(
    panel: pl.DataFrame, *, seed: int = 0, with_customers: bool = True, thinned: float = 1.0
) -> dict[str, pl.DataFrame]:
    """Orders, media and sessions as a shop and its platforms would export them; a share of all orders, if wanted."""
    generator = named_generator(seed, "simulated shop")
    orders: list[dict[str, object]] = []
    known: dict[tuple[str, str], list[str]] = {}
    rows = panel.filter(pl.col("channel").is_null()).sort("date", "region", "segment")
    for row in rows.iter_rows(named=True):
        cell = (row["region"], row["segment"])
        pool = known.setdefault(cell, [f"{cell[0]}-{cell[1]}-old{n}" for n in range(round(300 * thinned) + 1)])
        fresh = int(generator.binomial(round(row["new_customers"]), thinned))
        count = fresh + int(generator.binomial(round(row["orders"] - row["new_customers"]), thinned))
        who = [pool[int(i)] for i in generator.integers(len(pool), size=max(count - fresh, 0))]
        new = [f"{cell[0]}-{cell[1]}-{row['date']}-{n}" for n in range(fresh)]
        for n, customer in enumerate([*new, *who]):
            number = f"{row['date']}-{cell[0]}-{cell[1]}-{n}"
            skus = list(PRICES)[: 1 + int(generator.integers(3))]
            pieces = 1 + int(generator.integers(3)) if cell[1] == "families" else 1
            for line, sku in enumerate(skus):
                value = PRICES[sku] * pieces
                orders.append(
                    {
                        "date": row["date"],
                        "order_id": number,
                        "line": line,
                        "customer": customer if with_customers else None,
                        "status": "sold",
                        "country": COUNTRIES[cell[0]],
                        "sku": sku,
                        "quantity": float(pieces),
                        "unit_price": PRICES[sku],
                        "net_revenue": value,
                        "currency": "EUR",
                    }
                )
        pool += new
    media = (
        panel.filter(pl.col("channel").is_not_null())
        .group_by("date", "region", "channel")
        .agg(pl.col("spend", "impressions", "clicks").sum())
    )
    paid = [
        {
            "date": row["date"],
            "platform": row["channel"],
            "country": COUNTRIES[row["region"]],
            "spend": row["spend"],
            "currency": "EUR",
            "impressions": round(row["impressions"]),
            "clicks": round(row["clicks"]),
            "margin": "country",
        }
        for row in media.sort("date", "region", "channel").iter_rows(named=True)
    ]
    visits = [
        {"date": row["date"], "country": COUNTRIES[row["region"]], "sessions": round(row["visits"])}
        for row in rows.group_by("date", "region")
        .agg(pl.col("visits").sum())
        .sort("date", "region")
        .iter_rows(named=True)
    ]
    return {
        "transactions": table("transactions", orders),
        "media": table("media", paid),
        "sessions": table("sessions", visits),
    }
