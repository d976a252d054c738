"""The measures of the Online Retail transactions: small cases by hand, and the real data where it lies."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.realdata.online_retail import lifecycle, prices, rates, seasons, transactions
from tests.realdata.online_retail import measures as measure
from tests.realdata.online_retail import orders as orders_of


def spells_of(*rows: tuple[int, int]):
    """Build spells from (customer, day) rows, one an invoice."""
    table = np.array(rows, dtype=np.int64)
    return lifecycle.make_spells(table[:, 0], table[:, 1])


def lines_of(*rows: tuple[int, int, int, float, int, int]):
    """Build lines from (invoice, product, quantity, price, minute, customer); cancelled when quantity < 0."""
    columns = list(zip(*rows, strict=True))
    quantity = np.array(columns[2], dtype=np.int64)
    return transactions.Lines(
        invoice=np.array(columns[0], dtype=np.int64),
        product=np.array(columns[1], dtype=np.int64),
        quantity=quantity,
        price_gbp=np.array(columns[3], dtype=np.float64),
        minute=np.array(columns[4], dtype=np.int64),
        customer=np.array(columns[5], dtype=np.int64),
        country=np.zeros(len(rows), dtype=np.int64),
        cancelled=quantity < 0,
        is_product=np.ones(len(rows), dtype=np.bool_),
        duplicate=np.zeros(len(rows), dtype=np.bool_),
    )


def walk(rows, first_day: int, end_day: int):
    """Play the state machine day by day, the slow and plain way: customer-days, orders, age-outs, counts."""
    fresh = {bucket: [0, 0, 0] for bucket in lifecycle.BUCKETS}
    days = {who: sorted({day for one, day in rows if one == who}) for who, _ in rows}
    counts = {}
    for today in range(end_day + 1):
        counts[today] = dict.fromkeys(lifecycle.BUCKETS, 0)
        for bought in days.values():
            past = [day for day in bought if day < today]
            if not past:
                continue
            bucket = lifecycle.bucket_of(len(past), today - past[-1])
            counts[today][bucket] += 1
            if not first_day <= today < end_day:
                continue
            fresh[bucket][0] += 1
            if today in bought:
                fresh[bucket][1] += 1
            elif lifecycle.bucket_of(len(past), today + 1 - past[-1]) != bucket:
                fresh[bucket][2] += 1
    return fresh, counts


@pytest.mark.parametrize(
    ("purchases", "age", "bucket"),
    [
        (1, 1, "new"),
        (1, 90, "new"),
        (2, 90, "active"),
        (1, 91, "at_risk"),
        (5, 180, "at_risk"),
        (5, 181, "lapsed"),
    ],
)
def test_bucket_edges_are_inclusive_as_defined(purchases: int, age: int, bucket: str) -> None:
    assert lifecycle.bucket_of(purchases, age) == bucket


def test_one_customer_by_hand() -> None:
    """Bought on days 0, 10 and 120; the data end after day 319.

    New on days 1..10 (10), orders on 10. Active on 11..100 (90), ages out. At risk on 101..120 (20), orders on 120.
    Active on 121..210 (90), ages out. At risk on 211..300 (90), ages out. Lapsed on 301..319 (19).
    """
    rates_by_bucket = lifecycle.bucket_rates(spells_of((0, 0), (0, 10), (0, 120)), 0, 320)
    assert rates_by_bucket["new"] == {
        "customer_days": 10, "orders": 1, "invoices": 1, "order_rate": 0.1, "invoice_rate": 0.1,
        "age_out": 0, "hazard": 0.0,
    }  # fmt: skip
    assert rates_by_bucket["active"]["customer_days"] == 180
    assert rates_by_bucket["active"]["orders"] == 0
    assert rates_by_bucket["active"]["hazard"] == pytest.approx(2 / 180)
    assert rates_by_bucket["at_risk"]["customer_days"] == 110
    assert rates_by_bucket["at_risk"]["order_rate"] == pytest.approx(1 / 110)
    assert rates_by_bucket["at_risk"]["hazard"] == pytest.approx(1 / 110)
    assert rates_by_bucket["lapsed"]["customer_days"] == 19


def test_an_order_on_the_last_day_of_a_bucket_stops_the_ageing() -> None:
    on_time = lifecycle.bucket_rates(spells_of((0, 0), (0, 90)), 0, 91)["new"]
    too_late = lifecycle.bucket_rates(spells_of((0, 0), (0, 91)), 0, 92)
    assert (on_time["orders"], on_time["age_out"]) == (1, 0)
    assert (too_late["new"]["orders"], too_late["new"]["age_out"]) == (0, 1)
    assert too_late["at_risk"]["orders"] == 1


def test_two_invoices_on_a_day_are_one_purchase_but_two_invoices() -> None:
    spells = spells_of((0, 0), (0, 0), (0, 5), (0, 5), (0, 5))
    new = lifecycle.bucket_rates(spells, 0, 6)["new"]
    assert spells.rank.tolist() == [0, 1]
    assert (new["customer_days"], new["orders"], new["invoices"]) == (5, 1, 3)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("first_day", [0, 90])
def test_spells_agree_with_a_walk_through_every_day(seed: int, first_day: int) -> None:
    rng = np.random.default_rng(seed)
    end_day = 374
    rows = [(int(w), int(d)) for w, d in zip(rng.integers(0, 40, 120), rng.integers(0, end_day, 120), strict=True)]
    spells = spells_of(*rows)
    # Customer numbers may have holes here; nothing in the rates needs them to be dense.
    slow, counts = walk(rows, first_day, end_day)
    fast = lifecycle.bucket_rates(spells, first_day, end_day)
    for bucket in lifecycle.BUCKETS:
        entry = fast[bucket]
        assert [entry["customer_days"], entry["orders"], entry.get("age_out", 0)] == slow[bucket]
    for day in (0, 1, 91, 182, 274, 365, end_day):
        assert lifecycle.bucket_counts(spells, day) == counts[day]
    daily = [
        sum(day in {d for w, d in rows if w == who} and min(d for w, d in rows if w == who) < day
            for who in {w for w, _ in rows}) / standing
        for day in range(first_day, end_day)
        if (standing := sum(counts[day].values()) - counts[day]["lapsed"])
    ]  # fmt: skip
    rate = lifecycle.repurchase_rate(spells, first_day, end_day, with_lapsed=True)
    assert rate == pytest.approx(np.mean(daily), rel=1e-12)


def test_repurchase_rate_by_hand() -> None:
    """A buys on 0 and 2, B on 0: two people stand on days 1..3, one repeats on day 2: (0 + 1/2 + 0) / 3."""
    spells = spells_of((0, 0), (0, 2), (1, 0))
    assert lifecycle.repurchase_rate(spells, 0, 4, with_lapsed=True) == pytest.approx(1 / 6)


def test_repeat_of_a_lapsed_customer_counts_only_when_asked() -> None:
    """A buys on 0 and 200; B buys on 100 and stands on days 101..204. On day 200 only B stands."""
    spells = spells_of((0, 0), (0, 200), (1, 100))
    counted = lifecycle.repurchase_rate(spells, 200, 201, with_lapsed=True)
    left_out = lifecycle.repurchase_rate(spells, 200, 201, with_lapsed=False)
    assert (counted, left_out) == (1.0, 0.0)


def test_first_purchases_leave_out_the_burn_in() -> None:
    spells = spells_of((0, 0), (1, 5), (1, 8), (2, 9))
    assert lifecycle.first_purchases_per_day(spells, 5, 10) == pytest.approx(2 / 5)


def test_reordered_share_minds_censoring() -> None:
    """Times 10 (event), 20 (censored), 30 (event), 40 (censored): S(30) = 3/4 * 1/2."""
    spells = lifecycle.Spells(
        customer=np.arange(4),
        start=np.array([50, 80, 20, 60]),
        following=np.array([60, -1, 50, -1]),
        rank=np.zeros(4, dtype=np.int64),
        invoices=np.ones(4, dtype=np.int64),
        next_invoices=np.array([1, 0, 1, 0]),
    )
    share = lifecycle.reordered_within(spells, 101, (9, 10, 30))
    assert share == pytest.approx({"within_9_days": 0, "within_10_days": 0.25, "within_30_days": 0.625})


def test_refunds_go_to_the_latest_earlier_purchase_and_never_beyond_it() -> None:
    sales = lines_of((1, 7, 5, 2.0, 0, 1), (2, 7, 3, 2.0, 1440, 1), (3, 7, 9, 2.0, 9000, 1), (4, 7, 9, 2.0, 0, 2))
    refunds = lines_of((9, 7, -6, 1.5, 2880, 1), (10, 7, -4, 2.0, 2881, 1), (11, 8, -1, 4.0, 2881, 1))
    matching = orders_of.match_refunds(sales, refunds)
    assert matching.units.tolist() == [5, 3, 0, 0]
    assert matching.matched_units.tolist() == [6, 2, 0]
    assert matching.value_gbp.tolist() == [3 * 1.5 + 2 * 2.0, 3 * 1.5, 0, 0]
    assert sorted(matching.delay_days.tolist()) == [1, 2, 2]


def test_only_a_full_cancellation_on_the_same_day_voids_a_sale() -> None:
    sales = lines_of((1, 7, 5, 2.0, 10, 1), (2, 7, 5, 2.0, 20, 1), (3, 7, 4, 2.0, 10, 1), (4, 7, 5, 2.0, 10, -1))
    refunds = lines_of((9, 7, -5, 2.0, 15, 1), (9, 7, -4, 2.0, 1500, 1), (9, 7, -5, 2.0, 15, -1))
    undone, undoing = transactions.voided_pairs(sales, refunds)
    assert undone.tolist() == [True, False, False, False]
    assert undoing.tolist() == [True, False, False]


def test_repeated_rows_keep_the_first() -> None:
    first, second = np.array([1, 2, 1, 1, 2]), np.array([5, 5, 5, 6, 5])
    assert transactions.repeated_rows([first, second]).tolist() == [False, False, True, False, True]


def test_orders_and_segments_by_hand() -> None:
    sales = lines_of(
        (1, 7, 10, 20.0, 0, 50), (1, 8, 1, 100.0, 1, 50), (2, 7, 10, 70.0, 99, 50), (3, 7, 1, 199.0, 5, 60)
    )  # fmt: skip
    matching = orders_of.match_refunds(sales, lines_of((9, 9, -1, 1.0, 999, 50)))
    orders = orders_of.make_orders(sales, matching)
    assert orders.value_gbp.tolist() == [300, 700, 199]
    assert orders.lines.tolist() == [2, 1, 1]
    assert orders.customer.tolist() == [0, 0, 1]
    assert orders_of.customer_means(orders).tolist() == [500, 199]
    assert orders_of.first_values(orders).tolist() == [300, 199]
    assert orders_of.segment_of(np.array([199.99, 200.0, 499.0, 500.0])).tolist() == [0, 1, 1, 2]


def test_within_slope_finds_a_slope_that_was_built_in() -> None:
    """Quantity = product + month - 2 * price exactly, on an uneven panel: the slope is -2 and its error 0."""
    rng = np.random.default_rng(3)
    product, month = rng.integers(0, 12, 200), rng.integers(0, 5, 200)
    x = rng.normal(size=200) + 0.3 * product
    y = rng.normal(size=12)[product] + rng.normal(size=5)[month] - 2.0 * x
    fit = prices.within_slope(y, x, product, month)
    assert fit["slope"] == pytest.approx(-2.0, abs=1e-9)
    assert fit["standard_error"] == pytest.approx(0.0, abs=1e-9)


def test_within_slope_and_clustered_error_by_hand() -> None:
    """Products A: x 0,1 y 0,1; B: x 0,1 y 0,3; one month. Slope 2; scores -0.5, 0.5; error sqrt(2 * 0.5) / 1."""
    arrays = [np.array(a, dtype=np.float64) for a in ([0, 1, 0, 3], [0, 1, 0, 1])]
    fit = prices.within_slope(*arrays, np.array([0, 0, 1, 1]), np.zeros(4, dtype=np.int64))
    assert (fit["slope"], fit["standard_error"]) == pytest.approx((2.0, 1.0))


def test_season_indices_have_mean_one_and_know_the_weekday() -> None:
    """2011-01-03 was a Monday; four orders that day, one on the Sunday after, none else."""
    monday = int(np.datetime64("2011-01-03", "D").astype(np.int64))
    minute = np.array([monday, monday, monday, monday, monday + 6]) * 1440 + np.array([300, 400, 800, 1100, 800])
    figures = seasons.season_figures(minute, np.ones(5), monday, monday + 7, np.array([monday, monday + 6]))
    assert figures["weekday_orders"] == pytest.approx(
        {"mon": 5.6, "tue": 0, "wed": 0, "thu": 0, "fri": 0, "sat": 0, "sun": 1.4}
    )
    assert figures["daypart_share"] == pytest.approx({"night": 0.2, "morning": 0.2, "afternoon": 0.4, "evening": 0.2})
    assert sum(figures["hour"].values()) == pytest.approx(24)


def test_volatility_and_rates_by_hand() -> None:
    """Log changes +0.01, -0.01: sample deviation 0.01 * sqrt 2, times sqrt 252; a gap takes the day before."""
    dates = np.array(["2011-01-03", "2011-01-04", "2011-01-06"], dtype="datetime64[D]")
    rate = np.exp(np.array([0.0, 0.01, 0.0]))
    assert rates.annual_volatility(dates, rate, "2011-01-01", "2011-12-31") == pytest.approx(0.01 * 504**0.5)
    assert rates.value_on(dates, rate, "2011-01-05") == pytest.approx(np.exp(0.01))
    with pytest.raises(ValueError, match="ten days"):
        rates.value_on(dates, rate, "2011-03-01")


def test_rounding_keeps_six_digits_and_refuses_what_is_not_a_number() -> None:
    assert measure.rounded({"a": [1234567.8, 7]}) == {"a": [1234570.0, 7]}
    with pytest.raises(ValueError, match="finite"):
        measure.rounded({"a": float("nan")})


@pytest.fixture(scope="module")
def document(data_folder: Path) -> dict[str, Any]:
    """The whole document, made once."""
    for part in ("online_retail/online_retail.parquet", "ecb_fx/eurofxref-hist.parquet"):
        if not (data_folder / part).is_file():
            pytest.skip(f"{part} does not lie below {data_folder}")
    return measure.measure(data_folder)


@pytest.mark.realdata
def test_totals_match_the_literature(document: dict[str, Any]) -> None:
    """UCI 352 counts 541,909 rows; published work on it counts 4,372 customer ids and 38 countries."""
    rules = document["rules"]
    assert (rules["rows_in"], rules["countries_in"], rules["customers_in"]) == (541_909, 38, 4_372)
    assert rules["rows_in_without_customer"] == 135_080
    assert rules["removed"][0]["rows"] == 5_268


@pytest.mark.realdata
def test_the_ledger_adds_up(document: dict[str, Any]) -> None:
    rules = document["rules"]
    left = rules["rows_in"]
    for step in rules["removed"]:
        left -= step["rows"]
        assert step["rows_left"] == left, step["rule"]
    assert left == rules["rows_out"]
    assert rules["rows_out"] == rules["rows_out_with_customer"] + rules["rows_out_without_customer"]
    refunds = rules["refund_rows"]
    assert refunds["set_aside"] == refunds["used"] + refunds["without_customer"] + refunds["voiding_same_day"]
    assert document["all"]["gross_revenue_gbp"] == pytest.approx(rules["value_out_with_customer_gbp"])


@pytest.mark.realdata
def test_segments_and_buckets_split_the_whole(document: dict[str, Any]) -> None:
    whole, parts = document["all"], document["segments"]["figures"]["all"]
    for name in ("orders", "customers"):
        assert sum(part[name] for part in parts.values()) == whole[name]
    pooled = document["lifecycle"]["all"]["buckets"]
    pieces = document["lifecycle"]["by_segment"].values()
    for bucket, entry in pooled.items():
        for name in ("customer_days", "orders", "invoices"):
            assert sum(piece["buckets"][bucket][name] for piece in pieces) == entry[name]


@pytest.mark.realdata
def test_no_saturday_orders_and_indices_of_mean_one(document: dict[str, Any]) -> None:
    for group in document["season"].values():
        assert group["weekday_orders"]["sat"] == 0.0
        assert sum(group["month_orders"].values()) == pytest.approx(12)
        assert sum(group["weekday_orders"].values()) == pytest.approx(7)


@pytest.mark.realdata
def test_the_document_is_plain_json(document: dict[str, Any]) -> None:
    text = json.dumps(measure.rounded(document), sort_keys=True, allow_nan=False)
    assert json.loads(text)["period"]["days"] == 374
