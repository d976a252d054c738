"""Customer models: how often their intervals cover known truths, and what they say of CDNOW and Online Retail.

``python -m benchmarks.bench_customers [--data ../shared/data] [--cohorts 100] [--rows 5000000] [--tiny]``

Cover: cohorts are drawn from known truths, of types that leave silently and of BG/NBD; both models are fitted to each,
and 95 % intervals are held against the truth. Real data: the published figures of CDNOW, Online Retail row by row, and
how well it is told on days and mornings held out. Cleaning: processor time and memory for so many rows.
"""

import resource
import sys
import time
from pathlib import Path

import numpy as np
import polars as pl

from benchmarks.bars import Bar, told, words_of
from tests.calibration.customers.online_retail import SHOP_RULES, online_retail
from tests.calibration.customers.orders import cdnow_summary, simulated_summary, simulated_types
from xbopt.calibration.customers.bg_nbd import fit_bg_nbd
from xbopt.calibration.customers.cleaning import clean
from xbopt.calibration.customers.customer_types import CustomerTypes, fit_types
from xbopt.calibration.customers.demand import daily_orders, demand_model
from xbopt.calibration.customers.gamma_gamma import fit_gamma_gamma
from xbopt.calibration.customers.profiles import customer_table
from xbopt.calibration.customers.purchase_chance import purchase_chance
from xbopt.calibration.customers.purchases import RepeatSummary
from xbopt.calibration.customers.segments import learn_segments

BARS = (
    Bar(name="seconds to clean a million rows"),
    Bar(name="least cover of types, 95 % intervals"),
    Bar(name="least cover of BG/NBD on its own truths, 95 % intervals"),
)
HORIZONS = (90, 365)
DAYS = 365


def of_types(share: tuple[float, ...], rate: tuple[float, ...], dropout: tuple[float, ...]) -> CustomerTypes:
    """Types by their numbers."""
    return CustomerTypes(
        share=np.array(share), promotion_share=None, order_rate=np.array(rate), dropout=np.array(dropout)
    )


TYPE_TRUTHS = {
    "few loyal, many gone": of_types((0.2, 0.3, 0.5), (0.02, 0.005, 0.001), (0.001, 0.003, 0.01)),
    "slow leavers": of_types((0.1, 0.4, 0.5), (0.03, 0.005, 0.001), (0.001, 0.002, 0.004)),
    "one pace of leaving": of_types((0.3, 0.3, 0.4), (0.01, 0.006, 0.0005), (0.004, 0.004, 0.004)),
    "trade buyers and gifts": of_types((0.05, 0.25, 0.7), (0.05, 0.01, 0.0003), (0.0005, 0.004, 0.004)),
}
BG_NBD_TRUTHS = {"BG/NBD": (0.8, 60.0, 0.9, 2.5), "BG/NBD, as CDNOW": (0.243, 30.9, 0.793, 2.426)}


def cover(cohorts: int, people: int) -> tuple[float, float]:
    """Print cover and bias of both models under every truth; the least cover of each on its own truths."""
    least = [1.0, 1.0]
    print(f"\n95 % intervals, {cohorts} cohorts of {people} customers, {DAYS} days")
    print(f"{'truth':<24}{'figure':<18}{'truth':>8}{'types: cover':>14}{'bias':>8}{'BG/NBD: cover':>15}{'bias':>8}")
    truths: dict[str, tuple[dict[int, float], list[RepeatSummary]]] = {}
    for name, types in TYPE_TRUTHS.items():
        chances = {days: types.second_order(days) for days in HORIZONS}
        truths[name] = chances, [simulated_types(types, people, DAYS, seed) for seed in range(cohorts)]
    for name, (r, alpha, a, b) in BG_NBD_TRUTHS.items():
        chances = {days: 1.0 - (alpha / (alpha + days)) ** r for days in HORIZONS}
        drawn = [simulated_summary(people, (r, alpha, a, b), float(DAYS), seed) for seed in range(cohorts)]
        truths[name] = chances, drawn
    for name, (chances, summaries) in truths.items():
        fits = [(fit_types(summary), fit_bg_nbd(summary)) for summary in summaries]
        for days, truth in chances.items():
            cells = []
            for place in (0, 1):
                intervals = [pair[place].second_order(days) for pair in fits]
                hits = float(np.mean([one.low <= truth <= one.high for one in intervals]))
                if place == (name in BG_NBD_TRUTHS):
                    least[place] = min(least[place], hits)
                bias = np.mean([one.value for one in intervals]) / truth - 1.0
                cells.append(f"{hits:>{14 + place}.0%}{bias:>+8.1%}")
            print(f"{name:<24}{f'second order {days}':<18}{truth:>8.3f}{cells[0]}{cells[1]}")
    return least[0], least[1]


def published(data: Path) -> None:
    """Print CDNOW beside what was published."""
    summary = cdnow_summary(data)
    began = time.process_time()
    fit = fit_bg_nbd(summary)
    took = time.process_time() - began
    values = fit_gamma_gamma(summary)
    print("\nCDNOW, weeks                    ours   published")
    ours = (fit.r, fit.alpha, fit.a, fit.b, fit.log_likelihood, values.p, values.q, values.gamma)
    known = (0.243, 4.414, 0.793, 2.426, -9582.4, 6.25, 3.74, 15.44)
    for name, one, other in zip(
        ("r", "alpha", "a", "b", "log-likelihood", "p", "q", "gamma"), ours, known, strict=True
    ):
        print(f"  {name:<24}{one:>10.3f}{other:>12}")
    print(f"  BG/NBD fitted in {took:.3f} s")


def shop(data: Path) -> None:
    """Print what Online Retail says, and how well."""
    rows = online_retail(data)
    began = time.process_time()
    cleaned = clean(rows, rules=SHOP_RULES)
    print(f"\nOnline Retail: {cleaned.rows_in} rows in, cleaned in {time.process_time() - began:.1f} s")
    for rule, number, value in cleaned.to_frame().iter_rows():
        print(f"  {rule:<36}{number:>9}{value:>14.0f}")
    segments = learn_segments(customer_table(cleaned))
    print(f"  segments: {', '.join(one.id for one in segments.segments)}; {segments.reason}")
    demand = demand_model(*daily_orders(cleaned.sales), {"GB": 1.0})
    print(f"  daily orders, wMAPE held out: {_scores(demand.to_frame(), 'wmape')}; better: {demand.beats_naive}")
    chance = purchase_chance(cleaned)
    print(f"  buys within 90 days, Brier held out: {_scores(chance.to_frame(), 'brier')}")
    print(f"  gain on naive {chance.gain:.4f}, standard error {chance.gain_se:.4f}; better: {chance.beats_naive}")


def _scores(frame: pl.DataFrame, column: str) -> str:
    return ", ".join(f"{row[0]} {row[frame.columns.index(column)]:.3f}" for row in frame.iter_rows())


def many_rows(rows: int) -> float:
    """Print seconds and memory of cleaning, and of the customer table; seconds a million rows."""
    generator = np.random.default_rng(0)
    orders = np.sort(generator.integers(0, rows // 2, rows))
    table = pl.DataFrame(
        {
            "order_id": pl.Series(orders).cast(pl.String),
            "date": pl.Series(20000 + orders * 730 // (rows // 2)).cast(pl.Int32).cast(pl.Date),
            "customer": pl.Series(orders * 7919 % (rows // 8)).cast(pl.String),
            "country": pl.Series(np.array(["DE", "FR", "US"])[orders % 3]),
            "sku": pl.Series(generator.integers(0, 5000, rows)).cast(pl.String),
            "quantity": generator.integers(1, 4, rows).astype(np.float64),
            "unit_price": generator.lognormal(3.0, 0.5, rows),
        }
    )
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    began = time.process_time()
    cleaned = clean(table)
    middle = time.process_time()
    customers = customer_table(cleaned)
    took, memory = time.process_time() - middle, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(f"\n{rows} rows: {middle - began:.1f} s of processor time to clean them")
    print(f"  {took:.1f} s for the table of {customers.height} customers")
    print(f"  peak memory {memory:.2f} GB, of which {before:.2f} GB were the rows themselves and all before")
    return (middle - began) / rows * 1e6


def main() -> int:
    """Run all parts."""
    parser = words_of(__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"), help="folder with cdnow and online_retail")
    parser.add_argument("--cohorts", type=int, default=100, help="cohorts by truth")
    parser.add_argument("--rows", type=int, default=5_000_000, help="rows of orders to clean")
    options = parser.parse_args()
    figures = {BARS[0].name: many_rows(20_000 if options.tiny else options.rows)}
    for people in (300,) if options.tiny else (500, 3000):
        types, paced = cover(2 if options.tiny else options.cohorts, people)
    figures |= {BARS[1].name: types, BARS[2].name: paced}
    if (options.data / "cdnow").is_dir():
        published(options.data)
        if not options.tiny:
            shop(options.data)
    return told(__file__, BARS, figures, tiny=options.tiny)


if __name__ == "__main__":
    sys.exit(main())
