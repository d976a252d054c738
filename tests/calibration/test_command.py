"""``xbopt calibrate`` from the command line: files, JSON, refusals."""

import json
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import cast

import numpy as np
import polars as pl
import pytest

from tests.calibration.simulated_shop import shop_tables, simulated_panel
from tests.command_line import call
from xbopt.calibration.fit.draws import MarketDraws
from xbopt.calibration.scenario.calibrate import calibrate
from xbopt.calibration.scenario.writing import write_calibration
from xbopt.core.documents.document import Document
from xbopt.core.scenario.loading import load_scenario
from xbopt.imports.data_folder import write_tables
from xbopt.imports.provenance import Provenance


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder of five months of a small shop."""
    folder = tmp_path_factory.mktemp("shop")
    panel = simulated_panel(folder / "panel.parquet", days=150, budget=150_000.0)
    write_tables(folder / "data", shop_tables(panel, thinned=0.02), Provenance())
    return folder / "data"


def test_the_command_writes_scenario_page_and_workbook_and_one_json_document(data: Path, tmp_path: Path) -> None:
    out = [tmp_path / name for name in ("shop.yaml", "page.html", "figures.xlsx")]
    run = call(
        "calibrate", str(data), "--like", "quickstart", "--no-fit", "--gross-margin", "50%", "--days", "30", "-o",
        str(out[0]), "--report", str(out[1]), "--xlsx", str(out[2]), "--json", folder=tmp_path,
    )  # fmt: skip
    assert run.code == 0, run.err
    document = json.loads(run.out)
    assert document["scenario"]["name"] == "shop"
    assert document["quality"]["rows_in"] == document["quality"]["rows_kept"] + sum(
        document["quality"]["rows_by_rule"].values()
    )
    assert document["fit"] is None
    assert load_scenario(out[0]).days == 30
    customers = pl.read_parquet(data / "transactions.parquet")["customer"].unique().to_list()
    for file in (*out, tmp_path / "shop.past.parquet"):
        content = file.read_bytes()
        assert not any(str(customer).encode() in content for customer in customers[:50]), file
    assert not any(str(customer) in run.out for customer in customers)


def test_joint_draws_are_written_beside_the_scenario_and_read_with_it(data: Path, tmp_path: Path) -> None:
    plain = calibrate(data, name="shop", like="quickstart", days=30, gross_margin=0.5, fits_media=False)
    path = "channels.search.saturation.half_saturation"
    stated = plain.scenario.document.channels[1].saturation.half_saturation
    assert plain.scenario.channels[1] == "search"
    draws = MarketDraws(theta=np.zeros((2, 1)), ratios={path: np.array([0.5, 2.0])}, stated={path: stated})
    uncertainty = dict(plain.scenario.document.uncertainty.model_dump(exclude_none=True))
    uncertainty.pop("half_saturation", None)
    document = Document(data={**cast("dict[str, object]", plain.document.data), "uncertainty": uncertainty})
    written = write_calibration(replace(plain, draws=draws, document=document), tmp_path / "shop.yaml")
    assert written.draws is not None
    np.testing.assert_allclose(written.draws.columns[0].values, [0.5 * stated, 2.0 * stated])


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        ([], 2, "--transactions"),
        (["nowhere"], 2, "no folder"),
        (["DATA", "--regions", "XX"], 2, "XX"),
        (["DATA", "--like", "nothing"], 2, "nothing"),
        (["DATA", "--start", "soon"], 2, "YYYY-MM-DD"),
        (["DATA", "--until", "2025-09-10"], 3, "No country"),
        (["DATA", "--columns", "order_id=a"], 2, "--columns"),
    ],
)
def test_what_cannot_be_done_is_refused_with_its_exit_code(
    data: Path, tmp_path: Path, options: list[str], code: int, words: str
) -> None:
    named = [str(data) if option == "DATA" else option for option in options]
    run = call("calibrate", *named, "-o", str(tmp_path / "shop.yaml"), "--no-fit", folder=tmp_path)
    assert run.code == code
    assert words in run.err
    assert not list(tmp_path.iterdir())


def test_a_file_of_orders_can_be_given_with_its_columns(tmp_path: Path) -> None:
    first = date(2026, 1, 1)
    rows = [
        {
            "no": f"{n}",
            "day": (first + timedelta(days=n % 60)).isoformat(),
            "who": f"c{n % 40}",
            "to": "DE",
            "sum": 20.0,
        }
        for n in range(200)
    ]
    file = tmp_path / "orders.csv"
    pl.DataFrame([{**row, "pieces": 1} for row in rows]).write_csv(file)
    run = call(
        "calibrate", "--transactions", str(file), "--columns",
        "order_id=no,date=day,customer=who,country=to,net_revenue=sum,quantity=pieces", "--currency", "EUR", "--zone",
        "Europe/Berlin", "--trade", "home", "-o", str(tmp_path / "shop.yaml"), "--json", folder=tmp_path,
    )  # fmt: skip
    assert run.code == 0, run.err
    assert json.loads(run.out)["countries"][0]["orders"] == 200


@pytest.mark.parametrize(("off", "said"), [("social", "--off social"), ("radio:2025-10-01..2025-10-31", "radio")])
def test_a_platform_that_was_off_is_named_as_the_files_name_it(data: Path, tmp_path: Path, off: str, said: str) -> None:
    out = str(tmp_path / "shop.yaml")
    run = call("calibrate", str(data), "--like", "quickstart", "--off", off, "-o", out, folder=tmp_path)
    assert run.code == 2
    assert said in run.err


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (("--workers", "2"), "add --self-test N"),
        (("--self-test", "4", "--no-fit"), "--no-fit makes none"),
    ],
)
def test_workers_share_out_a_self_test_and_nothing_else(
    data: Path, tmp_path: Path, asked: tuple[str, ...], said: str
) -> None:
    run = call("calibrate", str(data), *asked, "-o", str(tmp_path / "shop.yaml"), folder=tmp_path)
    assert run.code == 2
    assert said in run.err
    assert not (tmp_path / "shop.yaml").exists()
