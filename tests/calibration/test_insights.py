"""What orders tell beside the scenario: with its error, or with the reason why not; in every output, of groups only."""

import json
import zipfile
from dataclasses import replace
from datetime import date, timedelta
from html import unescape
from pathlib import Path
from typing import get_args

import numpy as np
import polars as pl
import pytest

from tests.calibration.canonical_tables import table as canonical
from tests.calibration.customers.orders import FIRST, line, simulated_orders, table
from tests.calibration.promotion_shops import promotion_shop
from xbopt.calibration.customers.cleaning import clean
from xbopt.calibration.customers.demand import daily_orders, demand_model
from xbopt.calibration.customers.gamma_gamma import value_score
from xbopt.calibration.customers.purchases import purchases_of
from xbopt.calibration.promotion_weeks import weeks_of_panel
from xbopt.calibration.promotions import promotion_profile
from xbopt.calibration.scenario.assortment import Costs
from xbopt.calibration.scenario.calibrate import calibrate_tables
from xbopt.calibration.scenario.calibration import Calibration, Options
from xbopt.calibration.scenario.draft import Draft
from xbopt.calibration.scenario.findings_of import unread_tables
from xbopt.calibration.scenario.insights import Insights, Told, WhyNot, insights_of
from xbopt.core.randomness import named_generator
from xbopt.imports.tables import TABLES
from xbopt.reports.calibration.document import calibration_json
from xbopt.reports.calibration.insight_words import _WHY_NOT, why_not
from xbopt.reports.calibration.page import calibration_content
from xbopt.reports.calibration.report import build_calibration_report
from xbopt.reports.calibration.workbook import write_calibration_xlsx
from xbopt.reports.imports import TABLE_WORDS
from xbopt.reports.kit.page import html_page

OPTIONS = Options(name="shop", like="quickstart", costs=Costs(by_sku={}, gross_margin=0.5), days=30, fits_media=False)
PARTS = ("deals", "demand", "buyers", "order_values", "cohorts")


def shop_orders(people: int, days: int, seed: int = 5) -> pl.DataFrame:
    """Two thirds of the customers are German, one third is British."""
    orders = simulated_orders(people, days, seed)
    british = pl.col("customer").str.slice(1).cast(pl.Int64) % 3 == 0
    home = pl.when(british).then(pl.lit("GB")).otherwise(pl.lit("DE"))
    return orders.with_columns(home.alias("country"), pl.col("customer").map_elements(_named, pl.String))


def _named(customer: str) -> str:
    return f"pseudonym-{customer}-of-nobody"


def calibrated_from(**tables: pl.DataFrame) -> Calibration:
    rows = {name: canonical(name, frame.to_dicts()) for name, frame in tables.items()}
    return calibrate_tables(rows, options=OPTIONS)


def insights_in(calibration: Calibration) -> Insights:
    assert calibration.insights is not None
    return calibration.insights


@pytest.fixture(scope="module")
def made() -> Calibration:
    """A shop of 420 days and 700 customers without discounts."""
    return calibrated_from(transactions=shop_orders(700, 420))


@pytest.fixture(scope="module")
def short() -> Calibration:
    """The same shop after 70 days."""
    return calibrated_from(transactions=shop_orders(300, 70))


def test_regions_and_weeks_add_up_to_the_total_which_stands_first(made: Calibration) -> None:
    demand = insights_in(made).demand
    assert [one.region for one in demand] == [None, "DE", "GB"]
    for one in demand:
        model = one.model.value
        assert model is not None
        assert sum(week.value for week in model.weeks) == pytest.approx(model.total.value)
        assert model.total.value == pytest.approx(model.forecast.sum())
        assert all(0.0 <= week.low <= week.value <= week.high for week in (*model.weeks, model.total))
        assert model.first_day + timedelta(days=len(model.orders)) == made.last + timedelta(days=1)
    whole, *parts = (one.model.value.total.value for one in demand if one.model.value is not None)
    assert sum(parts) == pytest.approx(whole)


@pytest.mark.statistical
def test_intervals_of_coming_weeks_hold_what_comes() -> None:
    held = {"week": 0, "total": 0}
    for seed in range(12):
        rng = named_generator(seed, "tests/coming weeks")
        swing = np.repeat(rng.normal(0.0, 0.15, 43), 7)[:298]
        orders = rng.poisson(20.0 * np.exp(swing)).astype(np.float64)
        model = demand_model(FIRST, orders[:270], {"DE": 1.0})
        came = orders[270:].reshape(4, 7).sum(axis=1)
        held["week"] += sum(week.low <= n <= week.high for week, n in zip(model.weeks, came, strict=True))
        held["total"] += model.total.low <= came.sum() <= model.total.high
    # .95 each: of 48 weeks, in runs of four, 39 are four standard errors off; of 12 totals fewer than 9 in 1 of 400.
    assert held["week"] >= 39
    assert held["total"] >= 9


def test_a_region_that_fell_silent_is_forecast_from_the_last_day_of_all() -> None:
    lines = clean(table(line("1", "a", 3), line("2", "a", 5))).sales
    first, orders = daily_orders(lines, (FIRST, FIRST + timedelta(days=9)))
    assert first == FIRST
    assert orders.tolist() == [0.0, 0.0, 0.0, 1.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0]


def test_days_that_are_not_known_are_no_days_without_orders() -> None:
    orders = shop_orders(900, 420)
    gap = pl.col("date").is_between(FIRST + timedelta(days=150), FIRST + timedelta(days=219))
    found = calibrated_from(transactions=orders.filter(~gap))
    assert found.skeleton is not None
    (hole,) = found.skeleton.holes
    model = insights_in(found).demand[0].model.value
    assert model is not None
    assert model.first_day == hole.last + timedelta(days=1)


def test_the_judging_morning_is_told_person_by_person_and_summed_by_segment(made: Calibration) -> None:
    buyers = insights_in(made).buyers.value
    assert buyers is not None
    chance = buyers.chance
    assert chance.judged.sum() == len(chance.told) == len(chance.came) == chance.customers
    assert chance.came.mean() == pytest.approx(chance.bought)
    used = chance.score("ensemble" if chance.beats_naive else "naive")
    assert chance.told.mean() == pytest.approx(used.expected)
    assert sum(one.customers for one in buyers.segments) == len(chance.now)
    whole = sum(one.customers * one.share.value for one in buyers.segments)
    assert whole == pytest.approx(chance.now.sum())
    for one in buyers.segments:
        assert one.expected is not None
        assert one.bought is not None
        assert 0.0 <= one.share.low < one.share.value < one.share.high <= 1.0


def test_a_mean_of_all_helps_where_a_customers_own_is_luck() -> None:
    rng = named_generator(1, "tests/order values")
    rows = [
        line(f"{who}-{n}", f"c{who}", int(day), unit_price=float(rng.gamma(1.0, 40.0)) + 0.01)
        for who in range(300)
        for n, day in enumerate(rng.integers(0, 300, 5))
    ]
    purchases = purchases_of(clean(table(*rows)))
    score = value_score(purchases, 90)
    assert score is not None
    # Everybody's mean is 40: whoever knows that errs by the luck of the last days alone.
    assert score.beats_naive
    assert score.wmape < 0.95 * score.naive
    assert value_score(purchases.of(np.arange(len(purchases.names)) < 30), 90) is None


def test_short_data_give_reasons_with_what_would_help_and_no_figures(short: Calibration) -> None:
    found = insights_in(short)
    assert found.buyers.value is None
    assert "Give a longer period" in why_not(found.buyers)
    assert all(one.model.value is None and "longer period" in why_not(one.model) for one in found.demand)
    document = calibration_json(short, {})
    assert document["buyers"]["segments"] is None
    assert document["demand"]["regions"][0]["orders"] is None
    content = calibration_content(build_calibration_report(short))
    shown = {section.key: section for section in content.sections}
    assert shown["buyers"].takeaway.startswith("Who buys again is not told: ")
    assert shown["demand"].takeaway.startswith("The coming weeks are not forecast: ")
    assert not shown["demand"].charts


def test_orders_without_customers_say_so_in_place_of_buyers() -> None:
    nameless = shop_orders(300, 200).with_columns(pl.lit(None, dtype=pl.String).alias("customer"))
    found = insights_in(calibrated_from(transactions=nameless))
    assert (found.buyers.value, found.buyers.why_not, found.values) == (None, "no_customers", ())
    assert "customer number" in why_not(found.buyers)
    assert {one.code for one in found.quality.findings} >= {"no_customers"}


def test_every_reason_has_words() -> None:
    assert set(_WHY_NOT) == set(get_args(WhyNot))
    assert all(words for reason, words in _WHY_NOT.items() if reason not in ("", "refused"))


def test_json_page_and_workbook_show_every_part_and_no_customer(made: Calibration, tmp_path: Path) -> None:
    document = calibration_json(made, {})
    assert all(document[part] for part in PARTS)
    assert document["quality"]["findings"]
    text = json.dumps(document)
    report = build_calibration_report(made)
    content = calibration_content(report)
    keys = [section.key for section in content.sections]
    assert [key for key in keys if key in ("quality", "deals", "demand", "buyers", "values")] == [
        "quality", "deals", "demand", "buyers", "values"
    ]  # fmt: skip
    html = unescape(html_page(content))
    write_calibration_xlsx(report, tmp_path / "book.xlsx")
    with zipfile.ZipFile(tmp_path / "book.xlsx") as book:
        sheets = "".join(book.read(name).decode() for name in book.namelist())
    for name in ("Data findings", "Quality", "Taken out", "Coming weeks", "By week", "Buyers", "Order values"):
        assert f'"{name}"' in sheets or name == "Taken out", name
    for shown in (text, html, sheets):
        assert "pseudonym-" not in shown
    assert "The orders show no promotions" in html


def test_rows_in_are_rows_kept_and_rows_by_rule(made: Calibration) -> None:
    *parts, (_, read, _) = build_calibration_report(made).insights.quality.rules.rows
    assert sum(rows for _, rows, _ in parts) == read


def test_a_promotion_is_told_with_intervals_in_every_output(made: Calibration) -> None:
    profile = promotion_profile(weeks_of_panel(promotion_shop(seed=1)))
    told = replace(made, insights=replace(insights_in(made), deals=Told(value=profile)))
    deals = calibration_json(told, {})["deals"]
    assert profile.bump is not None
    assert deals["bump"] == {"value": profile.bump.value, "low": profile.bump.low, "high": profile.bump.high}
    assert len(deals["weeks"]) == 11
    report = build_calibration_report(told)
    bump, before, dip, net, borrowed = (row[1] for row in report.insights.deals.rows)
    assert net == pytest.approx(bump + before + dip)
    assert borrowed == profile.pull_forward
    (section,) = [section for section in calibration_content(report).sections if section.key == "deals"]
    assert section.takeaway.startswith("A promotion of 20% adds")
    assert len(section.tables) == 2


def test_values_that_go_with_frequency_are_warned_of(made: Calibration) -> None:
    found = insights_in(made)
    first = found.values[0]
    assert first.fit.value is not None
    tied = replace(first, fit=Told(value=replace(first.fit.value, frequency_correlation=0.5)))
    lines = build_calibration_report(replace(made, insights=replace(found, values=(tied,)))).insights.value_lines
    assert "who buys often spends more a purchase (correlation 0.50)" in lines[0]


def test_customers_of_one_kind_come_again_alike_whenever_they_were_won(made: Calibration) -> None:
    """The shop's customers are all of one kind: no quarter is told to be another, and shares of segments sum to 1."""
    found = insights_in(made)
    quarters = [one for one in found.cohorts if one.first_month]
    assert len(quarters) > 1
    assert all(one.second_order.low <= one.second_order.value <= one.second_order.high for one in quarters)
    assert sum(one.customers for one in quarters) <= 700
    report = build_calibration_report(made).insights
    assert "no differently, as far as can be told" in report.cohort_lines[0]
    assert [row[0] for row in report.cohorts.rows][: len(quarters)] == [one.first_month for one in quarters]
    if found.drift is not None:
        np.testing.assert_allclose(found.drift.shares.sum(axis=1), 1.0)
        assert found.drift.population_stability[0] == 0.0
    told = calibration_json(made, {})["cohorts"]
    assert [one["first_month"] for one in told["quarters"] if not one["on_offer"]] == [
        one.first_month for one in quarters
    ]


def test_cohorts_are_held_against_each_other_within_the_days_that_both_were_seen(made: Calibration) -> None:
    """Customers of one kind, the last of whom were followed for weeks: no share goes beyond what was seen."""
    found = insights_in(made)
    *early, last = (one for one in found.cohorts if one.first_month)
    assert all(one.days == 90 for one in early[:-1])
    change = found.cohort_change
    assert change is not None
    assert change.days == last.days <= 90
    assert not change.is_apart
    assert f"within {change.days} days" in build_calibration_report(made).insights.cohort_lines[0]
    assert calibration_json(made, {})["cohorts"]["change"]["days"] == change.days


def test_a_table_that_nothing_uses_is_named_with_its_rows() -> None:
    day = {"date": FIRST, "platform": "mail", "campaign_id": "1", "recipients": 900}
    found = calibrate_tables(
        {
            "transactions": canonical("transactions", shop_orders(300, 70).to_dicts()),
            "sends": canonical("sends", [day, {**day, "campaign_id": "2"}]),
        },
        options=OPTIONS,
    )
    (told,) = (one for one in found.findings if one.code == "table_unread")
    assert (told.subjects, told.figures) == (("sends",), {"rows": 2.0})
    assert "2 mailings were read and are used by nothing here" in " ".join(build_calibration_report(found).lines)
    assert "Read and not used: sends (2 rows)." in found.scenario.document.description
    assert not [one for one in calibrated_from(transactions=shop_orders(300, 70)).findings if one.code == told.code]


def test_deals_that_the_own_plan_does_not_carry_on_are_told() -> None:
    orders = shop_orders(300, 70)
    late = pl.col("date").is_between(FIRST + timedelta(days=50), FIRST + timedelta(days=56))
    deals = pl.when(late).then(0.15 * pl.col("unit_price") * pl.col("quantity")).otherwise(0.0)
    found = calibrated_from(transactions=orders.with_columns(deals.alias("discount")))
    (told,) = (one for one in found.findings if one.code == "own_plan_without_deals")
    assert told.figures["days"] == 7
    assert told.figures["depth"] == pytest.approx(0.15, abs=0.01)
    assert not found.scenario.plan.discount_frac.any()
    assert "gives no discounts" in " ".join(build_calibration_report(found).lines)
    assert "own_plan_without_deals" not in {one.code for one in calibrated_from(transactions=orders).findings}


def test_every_table_is_used_or_has_words() -> None:
    empty = {name: canonical(name, [{"date": FIRST}]) for name in TABLES}
    draft = Draft(data={"description": ""})
    assert {one.subjects[0] for one in unread_tables(empty, draft)} == {"sends"}
    assert set(TABLE_WORDS) == set(TABLES)


def test_same_seed_same_bytes(made: Calibration) -> None:
    assert made.cleaned is not None
    assert made.shop is not None
    assert made.skeleton is not None
    again = insights_of(
        made.cleaned,
        None,
        made.shop,
        made.base,
        made.segments,
        made.skeleton.panel,
        stock=None,
        holes=made.skeleton.holes,
        seed=0,
    )
    first, second = (json.dumps(calibration_json(one, {})) for one in (made, replace(made, insights=again)))
    assert first == second


def test_sessions_of_robots_are_counted_and_do_not_reach_the_scenario() -> None:
    orders = shop_orders(300, 200)
    days = [FIRST + timedelta(days=n) for n in range(200)]
    usual = [
        {"date": day, "country": country, "channel": "direct", "sessions": 100 + day.day, "engaged": 60}
        for day in days
        for country in ("DE", "GB")
    ]
    robots = [{"date": days[50], "country": "DE", "channel": "referral", "sessions": 3, "engaged": 2}]
    robots += [{**robots[0], "date": day, "sessions": 4 + day.day % 3} for day in days[60:80]]
    spike = {**robots[0], "date": date(2025, 6, 1), "sessions": 90_000, "engaged": 1}
    clean_rows = calibrated_from(transactions=orders, sessions=pl.DataFrame([*usual, *robots]))
    found = calibrated_from(transactions=orders, sessions=pl.DataFrame([*usual, *robots, spike]))
    assert found.document.data == clean_rows.document.data
    sessions = calibration_json(found, {})["quality"]["sessions"]
    assert sessions["sessions_by_rule"]["robots"] == 90_000
    assert sessions["rows_in"] == sessions["rows_kept"] + sum(sessions["rows_by_rule"].values())
    *parts, (_, rows, count) = build_calibration_report(found).insights.quality.sessions.rows
    assert (sum(part[1] for part in parts), sum(part[2] for part in parts)) == (rows, count)
