"""How often intervals of price elasticities and promotions hold the truth, on simulated shops.

Run ``python -m benchmarks.bench_prices [SHOPS] [--tiny]``; 200 shops a case where left out. Each line is one kind of
shop: the
mean estimate without the prior, its spread over shops beside the mean standard error, how often the 95 % interval of
the posterior holds the truth, how often the data said anything, how often they did and the interval misses, and the
naive figure.
"""

import sys
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from benchmarks.bars import Bar, told, words_of
from tests.calibration.following_shops import following_shop
from tests.calibration.price_shops import price_shop
from tests.calibration.promotion_shops import promotion_shop, true_pull_forward
from xbopt.calibration.prices import estimate_elasticity
from xbopt.calibration.promotion_weeks import weeks_of_panel
from xbopt.calibration.promotions import promotion_profile

PRICE_CASES: Mapping[str, Mapping[str, object]] = {
    "twelve products, two countries": {},
    "the same, a dozen 20 % cheaper": {"breaks": 0.2},
    "elasticity -4": {"elasticity": -4.0},
    "three products, one country": {"products": 3, "countries": ("DE",)},
    "slow products": {"pace": 0.7},
    "all prices move together": {"together": True},
    "prices follow demand": {"follows_demand": 0.3},
    "the same, costs as instruments": {"follows_demand": 0.3},
    "prices never move": {"price_moves": 0.0},
}
FOLLOWING_CASES: Mapping[str, Mapping[str, object]] = {
    "honest: moves of their own": {},
    "honest: three products": {"products": 3},
    "honest: demand swings for weeks": {"persistence": 0.8},
    "honest: deals of a week beside": {"week_deals": 0.15},
    "honest: stock-outs": {"stock_outs": 0.1},
    "with the week's demand, .05": {"follows_demand": 0.05},
    "with the week's demand, .1": {"follows_demand": 0.1},
    "with the week's demand, .3": {"follows_demand": 0.3},
    "against the week's demand, .1": {"follows_demand": -0.1},
    "with lasting demand (.5), .1": {"follows_demand": 0.1, "persistence": 0.5},
    "with lasting demand (.5), .3": {"follows_demand": 0.3, "persistence": 0.5},
    "with lasting demand (.8), .1": {"follows_demand": 0.1, "persistence": 0.8},
    "with lasting demand (.8), .3": {"follows_demand": 0.3, "persistence": 0.8},
    "with lasting demand (.8), .5": {"follows_demand": 0.5, "persistence": 0.8},
    "with last week's sales, .1": {"follows_sales": 0.1},
    "with last week's sales, .3": {"follows_sales": 0.3},
    "the same, lasting demand (.5)": {"follows_sales": 0.3, "persistence": 0.5},
    "markdowns of slow sellers": {"markdown": 0.2},
    "the same, lasting demand (.8)": {"markdown": 0.2, "persistence": 0.8},
    "markdowns only": {"markdown": 0.2, "persistence": 0.8, "own_moves": 0.0},
    "shop-wide deals at peaks only": {"own_moves": 0.0, "peak_deals": 0.2},
    "shop-wide deals at peaks": {"peak_deals": 0.2},
    "deals of three groups at peaks": {"peak_deals": 0.2, "peak_groups": 3},
    "the same, nothing else": {"own_moves": 0.0, "peak_deals": 0.2, "peak_groups": 3},
    "with each product's season": {"own_season": 0.5},
    "against each product's season": {"own_season": 0.5, "season_price": -0.2},
    "clearance with age": {"ageing": 0.2},
    "clearance only": {"ageing": 0.2, "own_moves": 0.0},
    "deals with an answer of -4": {"week_deals": 0.15, "deal_gain": 2.0},
}
PROMOTION_CASES: Mapping[str, Mapping[str, object]] = {
    "eight regions": {},
    "two regions": {"regions": 2},
    "all regions at once": {"together": True},
    "every fourth week": {"every": 4},
    "all at peaks of demand": {"together": True, "peaks": 0.6},
    "with the week's demand, a fifth": {"follows_demand": 0.5},
    "with the week's demand, half": {"follows_demand": 1.0},
    "with lasting demand, half": {"follows_demand": 1.0, "persistence": 0.7},
}
_INSTRUMENTED = "the same, costs as instruments"
_FIRST_SEED = 1000
KINDS = ("price elasticity", "prices that follow demand", "borrowed share")
BARS = (
    *(Bar(name=f"{kind}: cover, least of a case") for kind in KINDS),
    *(Bar(name=f"{kind}: called measured and wrong, largest share") for kind in KINDS),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cover:
    """One kind of shop.

    Attributes:
        mean: Mean estimate; NaN where there was none.
        spread: Its standard deviation over shops.
        error: Mean standard error.
        covered: Share of shops whose interval holds the truth.
        measured: Share of shops of which the data said anything.
        wrong: Share of shops that were called measured with an interval that misses the truth.
        naive: Mean naive figure.
    """

    mean: float
    spread: float
    error: float
    covered: float
    measured: float
    wrong: float
    naive: float


def price_cover(case: str, shops: int) -> Cover:
    """Elasticities of ``shops`` shops of a kind."""
    options = PRICE_CASES[case]
    truth = float(str(options.get("elasticity", -2.0)))
    rows: list[tuple[float, ...]] = []
    for seed in range(_FIRST_SEED, _FIRST_SEED + shops):
        lines, costs = price_shop(seed=seed, **options)  # pyright: ignore[reportArgumentType]
        one = estimate_elasticity(lines, instruments=costs if case == _INSTRUMENTED else None)
        inside, measured = one.low <= truth <= one.high, one.status == "measured"
        rows.append((one.from_data, one.from_data_se, inside, measured, one.naive))
    return _cover(rows)


def following_cover(case: str, shops: int) -> Cover:
    """Elasticities of ``shops`` shops whose prices follow demand in one way, or in none."""
    options = FOLLOWING_CASES[case]
    rows: list[tuple[float, ...]] = []
    for seed in range(_FIRST_SEED, _FIRST_SEED + shops):
        one = estimate_elasticity(following_shop(seed=seed, **options))  # pyright: ignore[reportArgumentType]
        rows.append((one.from_data, one.from_data_se, one.low <= -2.0 <= one.high, one.status == "measured", one.naive))
    return _cover(rows)


def promotion_cover(case: str, shops: int) -> Cover:
    """Borrowed shares of ``shops`` shops of a kind."""
    truth = true_pull_forward()
    rows: list[tuple[float, ...]] = []
    for seed in range(_FIRST_SEED, _FIRST_SEED + shops):
        one = promotion_profile(weeks_of_panel(promotion_shop(seed=seed, **PROMOTION_CASES[case])))  # pyright: ignore[reportArgumentType]
        low, high = (one.pull_forward + side * 1.96 * one.pull_forward_sd for side in (-1.0, 1.0))
        told = one.from_data
        value, error = (np.nan, np.nan) if told is None else (told.value, (told.high - told.low) / 3.92)
        rows.append((value, error, low <= truth <= high, one.status == "measured", np.nan))
    return _cover(rows)


def _cover(rows: list[tuple[float, ...]]) -> Cover:
    table = np.array(rows, dtype=np.float64)
    known = table[np.isfinite(table[:, 0])]
    mean, spread, error = (np.nan,) * 3
    if len(known):
        mean, spread, error = known[:, 0].mean(), known[:, 0].std(), known[:, 1].mean()
    naive = table[np.isfinite(table[:, 4]), 4]
    return Cover(
        mean=float(mean),
        spread=float(spread),
        error=float(error),
        covered=float(table[:, 2].mean()),
        measured=float(table[:, 3].mean()),
        wrong=float(((table[:, 3] == 1.0) & (table[:, 2] == 0.0)).mean()),
        naive=float(naive.mean()) if len(naive) else float("nan"),
    )


def main() -> int:
    """Print the tables."""
    parser = words_of(__doc__)
    parser.add_argument("shops", nargs="?", type=int, default=200)
    asked = parser.parse_args()
    shops, figures = 1 if asked.tiny else asked.shops, dict[str, float]()
    for kind, title, cases, cover in (
        (KINDS[0], "Price elasticity, true -2 unless said", PRICE_CASES, price_cover),
        (KINDS[1], "The same where prices follow demand", FOLLOWING_CASES, following_cover),
        (KINDS[2], f"Borrowed share of the bump, true {true_pull_forward():.2f}", PROMOTION_CASES, promotion_cover),
    ):
        rows = list[Cover]()
        heads = "".join(f"{head:>8}" for head in ("mean", "spread", "error", "cover", "told", "wrong", "naive"))
        print(f"{title}; {shops} shops a case\n{'':36}{heads}")
        for case in list(cases)[:: 7 if asked.tiny else 1]:
            one = cover(case, shops)
            rows.append(one)
            row = (one.mean, one.spread, one.error, one.covered, one.measured, one.wrong, one.naive)
            print(f"{case:36}" + "".join(f"{figure:8.2f}" for figure in row), flush=True)
        figures[f"{kind}: cover, least of a case"] = min(one.covered for one in rows)
        figures[f"{kind}: called measured and wrong, largest share"] = max(one.wrong for one in rows)
    return told(__file__, BARS, figures, tiny=asked.tiny)


if __name__ == "__main__":
    sys.exit(main())
