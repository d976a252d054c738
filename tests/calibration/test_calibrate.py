"""From a shop's tables to a scenario: valid, with a source for each number, and near what was sold."""

import re
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from tests.calibration.canonical_tables import table
from tests.calibration.simulated_shop import shop_tables, simulated_panel
from xbopt.calibration.scenario.assortment import Costs
from xbopt.calibration.scenario.calibrate import calibrate_tables
from xbopt.calibration.scenario.calibration import Calibration, Options
from xbopt.calibration.scenario.costs import check_costs
from xbopt.calibration.scenario.findings_of import findings_of
from xbopt.calibration.scenario.writing import write_calibration
from xbopt.core.errors import CalibrationError, UsageError
from xbopt.core.scenario.loading import load_scenario
from xbopt.core.scenario.provenance import provenance_of, uncovered, unused_patterns
from xbopt.imports.panel import build_panel
from xbopt.reports.calibration.words import finding_sentence
from xbopt.reports.kit.numbers import NumberFormat

Tables = dict[str, pl.DataFrame]
OPTIONS = Options(name="shop", like="quickstart", costs=Costs(by_sku={}, gross_margin=0.5), days=30, fits_media=False)


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Tables:
    """Half a year of a small shop in two countries."""
    panel = simulated_panel(tmp_path_factory.mktemp("panel") / "panel.parquet", days=150, budget=150_000.0)
    return shop_tables(panel, thinned=0.02)


@pytest.fixture(scope="module")
def calibrated(tables: Tables) -> Calibration:
    """Its calibration."""
    return calibrate_tables(tables, options=OPTIONS)


def test_what_was_given_and_what_was_played_is_told(calibrated: Calibration, tables: Tables) -> None:
    c, panel = calibrated, build_panel(tables, currency="EUR")
    last = date(2026, 1, 28)
    days = last - timedelta(days=7 * 16 - 1), last
    found = findings_of(OPTIONS, c.shop, c.base, c.segments, c.price, c.skeleton, panel, "", played=days)
    (burn_in,) = [finding for finding in found if finding.code == "burn_in"]
    assert burn_in.figures == {"given": 21.0, "played": 16.0}
    assert "burn_in" not in codes(calibrated)  # where nothing was fitted, nothing was played


def codes(calibration: Calibration) -> set[str]:
    return {finding.code for finding in calibration.findings}


def test_a_number_has_one_address_and_is_counted_once(calibrated: Calibration) -> None:
    """Items of lists go by their ids, in provenance as in what is given out."""
    paths = [str(row["path"]) for row in calibrated.sources()]
    assert len(paths) == len(set(paths)) == sum(calibrated.by_evidence().values())
    listed = re.compile(r"^(products|segments|channels|market\.regions)\.\d")
    assert not [path for path in paths if listed.match(path)]
    assert not [entry.path for entry in calibrated.scenario.document.provenance if listed.match(entry.path)]


def test_every_number_has_a_source_and_every_source_a_number(calibrated: Calibration) -> None:
    document = calibrated.scenario.document
    assert not uncovered(document)
    assert not unused_patterns(document)


@pytest.mark.parametrize(
    ("path", "evidence"),
    [
        ("products.0.price_base", "M"),
        ("segments.0.items_per_order", "M"),
        ("channels.search.price.amount_base", "M"),
        ("channels.search.saturation.half_saturation", "src"),
        ("channels.search.adstock.half_life_days", "E"),
        ("segments.0.elasticity", "E"),
        ("products.0.unit_cost_base", "stated"),
        ("products.0.usual_price_base", "set"),
        ("segments.0.cart_rate", "E"),
        ("channels.search.price.reference_per_1000", "E"),
        ("market.regions.DE.traffic_level", "set"),
        ("market.currencies.EUR.rate", "set"),
        ("horizon.days", "set"),
        ("market.regions.DE.population.all", "E"),
        ("market.regions.DE.customers.all.active", "M"),
        ("budget.total_base", "set"),
        ("plan.segments.all", "set"),
        ("history.revenue_by_region.DE", "M"),
        ("history.revenue_by_segment.all", "set"),
    ],
)
def test_only_what_the_data_tell_is_called_measured(calibrated: Calibration, path: str, evidence: str) -> None:
    entry = provenance_of(calibrated.scenario.document, path)
    assert entry is not None
    assert entry.evidence == evidence


def test_the_scenario_starts_after_the_data_and_carries_their_media_on(calibrated: Calibration, tables: Tables) -> None:
    last = tables["transactions"]["date"].max()
    assert isinstance(last, date)
    assert calibrated.scenario.start == last + timedelta(days=1)
    late = tables["media"].filter(pl.col("date") > last - timedelta(weeks=8))
    assert calibrated.scenario.limits.total_base == pytest.approx(late["spend"].sum() / 56 * 30, rel=1e-3)
    assert calibrated.scenario.past is not None


def test_the_expected_market_brings_the_orders_counted(calibrated: Calibration) -> None:
    assert calibrated.skeleton is not None
    levels, counted = calibrated.skeleton.levels, calibrated.skeleton.counted
    assert levels.first_orders.sum() == pytest.approx(counted.first_orders.sum(), rel=0.02)
    assert levels.repeat_orders.sum() == pytest.approx(counted.repeat_orders.sum(), rel=0.02)
    both = levels.first_orders + levels.repeat_orders
    np.testing.assert_allclose(both.sum(axis=1), (counted.first_orders + counted.repeat_orders).sum(axis=1), rtol=0.03)


def test_what_is_written_is_read_back_as_it_was_made(calibrated: Calibration, tmp_path: Path) -> None:
    path = tmp_path / "shop.yaml"
    written = write_calibration(calibrated, path)
    assert written.document.model_dump(exclude={"history"}) == calibrated.scenario.document.model_dump(
        exclude={"history"}
    )
    assert written.past is not None
    assert calibrated.scenario.past is not None
    np.testing.assert_allclose(written.past.spend_base, calibrated.scenario.past.spend_base)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["shop.past.parquet", "shop.yaml"]
    assert load_scenario(path).regions == ("DE", "GB")


def test_no_pseudonym_stands_in_any_file(calibrated: Calibration, tables: Tables, tmp_path: Path) -> None:
    write_calibration(calibrated, tmp_path / "shop.yaml")
    somebody = str(tables["transactions"]["customer"][0]).encode()
    assert all(somebody not in file.read_bytes() for file in tmp_path.iterdir())


def test_row_order_changes_nothing(calibrated: Calibration, tables: Tables) -> None:
    turned = calibrate_tables({name: rows.reverse() for name, rows in tables.items()}, options=OPTIONS)
    assert turned.document.data == calibrated.document.data


def test_orders_without_media_leave_media_as_they_were_and_say_so_loudly(tables: Tables) -> None:
    found = calibrate_tables({"transactions": tables["transactions"]}, options=OPTIONS)
    assert "no_media" in codes(found)
    assert next(finding for finding in found.findings if finding.code == "no_media").is_loud
    for channel in found.scenario.channels:
        entry = provenance_of(found.scenario.document, f"channels.{channel}.price.amount_base")
        assert entry is not None
        assert entry.evidence != "M"


def test_orders_without_customers_have_no_repeat_model_and_say_so_loudly(tables: Tables) -> None:
    nameless = tables["transactions"].with_columns(pl.lit(None, dtype=pl.String).alias("customer"))
    found = calibrate_tables({**tables, "transactions": nameless}, options=OPTIONS)
    assert "no_customers" in codes(found)
    assert found.base is None
    assert found.scenario.segments == ("all",)


def test_a_list_of_costs_is_stated_and_no_measurement(tables: Tables) -> None:
    skus = {"lamps": 10.0, "textiles": 11.0, "shade": 2.0}
    found = calibrate_tables(tables, options=replace(OPTIONS, costs=Costs(by_sku=skus, gross_margin=None)))
    costs = {product.price_base: product.unit_cost_base for product in found.scenario.document.products}
    assert costs[39.0] == 10.0  # lamps are a band of their own
    assert all(2.0 <= cost <= 11.0 for cost in costs.values())
    entry = provenance_of(found.scenario.document, "products.0.unit_cost_base")
    assert entry is not None
    assert entry.evidence == "stated"
    assert "costs_assumed" not in codes(found)


@pytest.mark.parametrize(
    ("costs", "figures"),
    [
        ({"lamps": 10.0, "textiles": 11.0, "shade": 2.0}, set()),
        ({"lamps": 10.0, "textiles": 11.0}, {"unlisted"}),
        ({"lamps": 10.0, "textiles": 0.0, "shade": 2.0}, {"free"}),
        ({"lamps": 10.0, "textiles": 11.0, "shade": 200.0}, {"above"}),
    ],
)
def test_a_list_of_costs_is_held_against_the_prices(
    calibrated: Calibration, costs: dict[str, float], figures: set[str]
) -> None:
    assert calibrated.shop is not None
    found = check_costs(calibrated.shop.lines, costs)
    assert {name for finding in found for name in finding.figures} == figures
    numbers = NumberFormat(locale="en", currency="EUR")
    assert all("list of costs is odd" in finding_sentence(finding, numbers) for finding in found)
    with pytest.raises(CalibrationError, match="cost more than they sell for"):
        check_costs(calibrated.shop.lines, {sku: 100.0 * cost + 900.0 for sku, cost in costs.items()})


def test_spend_that_no_file_places_is_no_measurement_of_a_country(tables: Tables) -> None:
    lost = tables["media"].with_columns(pl.lit(None, dtype=pl.String).alias("country"))
    found = calibrate_tables({**tables, "media": lost}, options=OPTIONS)
    (finding,) = [finding for finding in found.findings if finding.code == "spend_shared"]
    assert finding.is_loud
    assert set(finding.subjects[1:]) == {one.id for one in found.bought}
    said = finding_sentence(finding, NumberFormat(locale="en", currency="EUR"))
    assert "--country-map" in said
    assert "panel_note" not in codes(found)


def test_a_shop_whose_orders_all_came_back_is_no_market(tables: Tables) -> None:
    sold = tables["transactions"].filter(pl.col("status").fill_null("sold") == "sold")
    back = sold.select("order_id", "date", "country", "sku", "currency", "quantity", amount="net_revenue")
    with pytest.raises(CalibrationError, match="All that was sold came back"):
        calibrate_tables({**tables, "refunds": table("refunds", back.to_dicts())}, options=OPTIONS)


def _line(day: date, number: int, **columns: object) -> dict[str, object]:
    plain = {"country": "DE", "sku": "a", "quantity": 1.0, "unit_price": 9.0, "net_revenue": 9.0, "status": "sold"}
    return {"date": day, "order_id": str(number), "customer": f"c{number}", "currency": "EUR", **plain, **columns}


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([], "no orders"),
        ([_line(date(2026, 3, 1), n) for n in range(200)], "cover 1 days"),
        ([_line(date(2026, 3, 1) + timedelta(days=n), n, customer="one") for n in range(200)], "No country has"),
        ([_line(date(2026, 3, 1) + timedelta(days=n % 60), n, quantity=0.0) for n in range(200)], "is a sale"),
        ([_line(date(2026, 3, 1) + timedelta(days=n % 60), n, status="cancelled") for n in range(200)], "currency"),
    ],
    ids=["nothing", "one day", "one customer", "zero sales", "all cancelled"],
)
def test_data_that_tell_nothing_are_refused_with_what_to_do(rows: list[dict[str, object]], message: str) -> None:
    with pytest.raises((CalibrationError, UsageError), match=message):
        calibrate_tables({"transactions": table("transactions", rows)}, options=OPTIONS)


def test_too_few_days_for_a_fit_leave_media_prior_and_say_so_loudly(tables: Tables) -> None:
    late = {
        name: rows.filter(pl.col("date") > pl.col("date").max() - timedelta(days=90)) for name, rows in tables.items()
    }
    found = calibrate_tables(late, options=replace(OPTIONS, fits_media=True, regions=("DE", "GB")))
    assert found.fit is None
    told = next(finding for finding in found.findings if finding.code == "not_fitted")
    assert told.is_loud
    assert "84" in told.subjects[0]
