"""The measured scenario: ``xbopt calibrate`` makes it from the transactions, and its baseline plays back what was sold.

The pinned figures are of the Online Retail transactions of 2011-09-01 to 2011-12-09 in the six regions, orders without
a customer included.
"""

from datetime import date
from functools import cache
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from xbopt.agents.policies import built_in_policy
from xbopt.calibration.scenario.calibrate import calibrate
from xbopt.calibration.scenario.calibration import Calibration
from xbopt.core.scenario.loading import load_scenario
from xbopt.core.scenario.provenance import numbers_with_entries, provenance_of
from xbopt.core.scenario.scenario import Scenario
from xbopt.env.rollout import play_worlds
from xbopt.imports.engine.run import import_files
from xbopt.simulator.build import build_market
from xbopt.studies.totals import CELL_COUNTS, Totals, TotalsRecorder

ORDERS_BY_REGION = {"GB": 6624, "DE": 178, "FR": 158, "BE": 33, "ES": 31, "CH": 16}
ORDERS_BY_MONTH = {9: 1734, 10: 1893, 11: 2632, 12: 781}
REGIONS = ("GB", "DE", "FR", "BE", "ES", "CH")
# No planner needs a forecast of a past year to be nearer than this.
NEAR_ENOUGH = 0.10


def count_tolerance(count: float) -> float:
    """A tenth, or three standard errors of a Poisson count where that is more: the small regions are luck."""
    return max(NEAR_ENOUGH * count, 3.0 * np.sqrt(count))


@cache
def played() -> tuple[Scenario, Totals]:
    """The baseline without chance: the mean path, so that no sampling error blurs the comparison."""
    scenario = load_scenario("gift_retailer")
    market = build_market(scenario)
    adder = TotalsRecorder(market, 1)
    policy = built_in_policy("baseline", market)
    play_worlds(market, policy, worlds=np.arange(1), seed=0, expected=True, recorders=[adder])
    return scenario, adder.totals()


@pytest.mark.parametrize("region", ORDERS_BY_REGION)
def test_the_baseline_brings_the_orders_of_a_region(region: str) -> None:
    scenario, totals = played()
    orders = totals.cells[0, :, :, CELL_COUNTS.index("orders")].sum(axis=1)[scenario.regions.index(region)]
    assert orders == pytest.approx(ORDERS_BY_REGION[region], abs=count_tolerance(ORDERS_BY_REGION[region]))


@pytest.mark.parametrize("month", ORDERS_BY_MONTH)
def test_the_baseline_brings_the_orders_of_a_month(month: int) -> None:
    scenario, totals = played()
    months = np.array([scenario.date_of(day).month for day in range(scenario.days)])
    orders = totals.daily[0, months == month, 4].sum()
    assert orders == pytest.approx(ORDERS_BY_MONTH[month], abs=count_tolerance(ORDERS_BY_MONTH[month]))


def test_it_sells_nothing_on_saturdays() -> None:
    scenario, totals = played()
    saturday = np.array([scenario.date_of(day).weekday() == 5 for day in range(scenario.days)])
    assert not totals.daily[0, saturday, 4].any()


def test_it_plays_the_days_of_the_data() -> None:
    scenario, _ = played()
    assert (scenario.start, scenario.date_of(scenario.days - 1)) == (date(2011, 9, 1), date(2011, 12, 9))


def test_it_has_the_tax_of_the_day_and_a_border_with_switzerland_only() -> None:
    scenario, _ = played()
    rules = build_market(scenario).rules
    tax = dict(zip(scenario.regions, rules.tax_frac[0].tolist(), strict=True))
    assert tax == {"GB": 0.2, "DE": 0.19, "FR": 0.196, "BE": 0.21, "ES": 0.18, "CH": 0.08}
    assert rules.dutiable.tolist() == [name == "CH" for name in scenario.regions]


@pytest.mark.parametrize(
    ("path", "evidence"),
    [
        ("market.regions.GB.customers.large_orders.active", "M"),
        ("market.regions.GB.population.large_orders", "E"),
        ("market.currencies.EUR.rate", "M"),
        ("segments.large_orders.basket_cv", "M"),
        ("segments.large_orders.ageing.new_to_at_risk", "M"),
        ("segments.large_orders.elasticity", "E"),
        ("segments.large_orders.visits_per_1000", "E"),
        ("segments.large_orders.customer_types.regular.share", "M"),
        ("products.gifts.price_base", "M"),
        ("products.gifts.unit_cost_base", "stated"),
        ("products.gifts.usual_price_base", "set"),
        ("market.currencies.GBP.rate", "set"),
        ("calendar.month.10", "M"),
        ("calendar.month.0", "E"),
        ("channels.email.price.amount_base", "E"),
    ],
)
def test_it_marks_what_is_measured_and_what_is_assumed(path: str, evidence: str) -> None:
    entry = provenance_of(played()[0].document, path)
    assert entry is not None
    assert entry.evidence == evidence


@pytest.fixture(scope="module")
def calibrated(data_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Calibration:
    """The command's own way: import and calibrate."""
    folder = tmp_path_factory.mktemp("gift")
    files = [data_folder / "online_retail" / "online_retail.parquet", data_folder / "ecb_fx" / "eurofxref-hist.parquet"]
    import_files(files, into=folder / "data", key=folder / "key")
    return calibrate(
        folder / "data",
        name="gift_retailer",
        title="British gift seller, Christmas run-up of 2011",
        like="gift_retailer",
        regions=REGIONS,
        start=date(2011, 9, 1),
        days=100,
        gross_margin=0.45,
    )


@pytest.mark.realdata
def test_the_command_makes_the_file_again(calibrated: Calibration) -> None:
    """Measured numbers within 2 %: months are heights against those that were not seen, which the start gives.

    Those that are fitted by playing the market within what its stop leaves open.
    """
    shipped = {path: value for path, value, _ in numbers_with_entries(load_scenario("gift_retailer").document)}
    rows = [row for row in calibrated.sources() if not str(row["path"]).startswith("vital_signs")]
    assert sum(row["evidence"] == "M" for row in rows) > 100
    for row in rows:
        near = 0.02 if row["evidence"] == "M" else 0.1
        assert shipped[str(row["path"])] == pytest.approx(row["value"], rel=near, abs=1e-9), row["path"]


@pytest.mark.realdata
def test_every_line_of_orders_is_accounted_for(calibrated: Calibration) -> None:
    cleaned = calibrated.cleaned
    assert cleaned.rows_in == 541_909
    assert sum(count.rows for count in cleaned.counts) + cleaned.transactions.height == cleaned.rows_in


@pytest.mark.realdata
def test_the_pinned_figures_are_those_of_the_data(calibrated: Calibration) -> None:
    orders = calibrated.shop.orders.filter(pl.col("date") >= date(2011, 9, 1))
    assert dict(orders.group_by("country").len().iter_rows()) == ORDERS_BY_REGION
    assert dict(orders.group_by(pl.col("date").dt.month()).len().iter_rows()) == ORDERS_BY_MONTH
