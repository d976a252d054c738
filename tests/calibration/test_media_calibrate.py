"""The media fit through ``calibrate``: from a data folder to a scenario with joint draws, with and without a test."""

import json
from copy import deepcopy
from dataclasses import replace
from datetime import date
from functools import partial
from pathlib import Path
from typing import cast

import numpy as np
import polars as pl
import pytest

from tests.calibration.simulated_shop import shop_tables, simulated_panel
from tests.command_line import call
from xbopt.calibration.scenario import calibrate as verb
from xbopt.calibration.scenario.calibrate import calibrate
from xbopt.calibration.scenario.calibration import Calibration
from xbopt.calibration.scenario.draft import Draft
from xbopt.calibration.scenario.media_fit import put_fit
from xbopt.calibration.scenario.next_tests import DAYS_AFTER, TEST_DAYS, next_tests, with_row
from xbopt.calibration.scenario.writing import write_calibration
from xbopt.core.scenario.provenance import provenance_of, uncovered, unused_patterns
from xbopt.imports.data_folder import write_tables
from xbopt.imports.provenance import Provenance
from xbopt.imports.tables import TableName
from xbopt.reports.calibration.page import calibration_content
from xbopt.reports.calibration.report import build_calibration_report
from xbopt.reports.calibration.words import next_test_sentence
from xbopt.reports.kit.numbers import NumberFormat

OFF = date(2025, 11, 24), date(2025, 12, 21)
TESTS = f"channel,regions,start,end,days_after,change,metric,lift,se\nsocial,GB,{OFF[0]},{OFF[1]},7,off,orders,-60,15\n"


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four months of two regions and two channels; social was off in Great Britain for four weeks."""
    folder = tmp_path_factory.mktemp("shop")
    panel = simulated_panel(folder / "panel.parquet", days=120, budget=60_000.0)
    two = panel.filter(pl.col("channel").is_null() | pl.col("channel").is_in(["search", "social"]))
    tables = shop_tables(two, with_customers=False)
    rested = pl.col("date").is_between(*OFF) & (pl.col("country") == "GB") & (pl.col("platform") == "social")
    tables["media"] = tables["media"].filter(~rested)
    write_tables(folder / "data", cast("dict[TableName, pl.DataFrame]", tables), Provenance())
    return folder / "data"


@pytest.fixture(scope="module")
def fitted(data: Path) -> Calibration:
    """Its calibration."""
    return calibrate(data, name="shop", like="quickstart", gross_margin=0.5, days=30, worlds=32)


def test_a_folder_becomes_a_scenario_with_draws_that_are_read_back(fitted: Calibration, tmp_path: Path) -> None:
    assert fitted.fit is not None
    assert fitted.draws is not None
    written = write_calibration(fitted, tmp_path / "shop.yaml")
    assert written.draws is not None
    assert sorted(file.name for file in tmp_path.iterdir()) == ["shop.draws.parquet", "shop.past.parquet", "shop.yaml"]
    columns = pl.read_parquet(tmp_path / "shop.draws.parquet")
    for channel in ("search", "social"):
        path = f"channels.{channel}.saturation.half_saturation"
        stated = next(one for one in written.document.channels if one.id == channel).saturation.half_saturation
        # The scenario holds the mean of the draws, to six digits.
        assert columns[path].mean() == pytest.approx(stated, rel=1e-4)


def test_every_fitted_number_says_how_far_the_data_told_it(fitted: Calibration) -> None:
    document = fitted.scenario.document
    assert not uncovered(document)
    assert not unused_patterns(document)
    assert fitted.fit is not None
    verdicts = {one.name: one.verdict for one in fitted.fit.identification.parameters}
    assert "measured" not in {verdict for name, verdict in verdicts.items() if "half_saturation" in name}
    for channel in ("search", "social"):
        entry = provenance_of(document, f"channels.{channel}.saturation.half_saturation")
        assert entry is not None
        assert entry.evidence == "E"
        assert "Fit of the market" in entry.source


def test_the_best_test_is_worked_out_and_shown(fitted: Calibration) -> None:
    assert fitted.fit is not None
    best = fitted.next_tests
    assert {test.channel for test in best} == {"search", "social"}
    assert [test.told for test in best] == sorted((test.told for test in best), reverse=True)
    assert all(0.0 < test.width_after < test.width_now for test in best)
    assert all(test.spend > 0.0 and test.days == TEST_DAYS for test in best)
    report = build_calibration_report(fitted)
    assert len(report.next_tests.rows) == len(best)
    section = next(section for section in calibration_content(report).sections if section.key == "tests")
    assert best[0].region in section.takeaway


def test_the_first_section_of_the_page_is_never_empty(fitted: Calibration) -> None:
    """Without a finding it says what that means, and what it does not."""
    said = calibration_content(build_calibration_report(replace(fitted, findings=()))).sections[0]
    assert said.key == "findings"
    (line,) = said.lines
    assert "says nothing yet of how far they tell what media bring" in line
    told = calibration_content(build_calibration_report(fitted)).sections[0].lines
    assert line not in told
    assert told


def test_a_quieter_market_learns_more_from_a_test(fitted: Calibration) -> None:
    fit = fitted.fit
    assert fit is not None
    noise = fit.likelihood.noise
    quiet = replace(fit, likelihood=replace(fit.likelihood, noise=replace(noise, sd=noise.sd / 10.0)))
    plain = {(test.channel, test.region): test.width_after for test in fitted.next_tests}
    told = {(test.channel, test.region): test.width_after for test in next_tests(quiet)}
    assert all(told[place] < plain[place] for place in plain)


def test_no_test_in_one_country_rests_on_spend_that_nobody_placed(fitted: Calibration) -> None:
    fit, draws = fitted.fit, fitted.draws
    assert fit is not None
    assert draws is not None
    assert {test.channel for test in next_tests(fit, ["social"])} == {"search"}
    draft = Draft(data=deepcopy(fitted.document.data))
    put_fit(draft, fit, draws, "then", ["social"])
    regional = {path: source for path, source in draft.sources.items() if ".by_region." in path}
    assert {source.evidence for path, source in regional.items() if ".social." in path} == {"E"}
    assert {source.evidence for path, source in regional.items() if ".search." in path} == {"M"}


def test_a_row_more_is_what_the_inverse_says() -> None:
    """Precision [[2, 0], [0, 1]] and a row (1, 1): [[3, 1], [1, 2]], whose inverse is [[2, -1], [-1, 3]] / 5."""
    covariance = with_row(np.diag([0.5, 1.0]), np.array([1.0, 1.0]))
    np.testing.assert_allclose(covariance, np.array([[2.0, -1.0], [-1.0, 3.0]]) / 5.0)


def test_a_test_that_tells_hardly_anything_is_not_praised(fitted: Calibration) -> None:
    numbers = NumberFormat(locale="en", currency="EUR")
    one = replace(fitted.next_tests[0], width_now=1.0, width_after=0.95)
    assert "no single test" in next_test_sentence(one, numbers)
    assert "at risk" in next_test_sentence(replace(one, width_after=0.5), numbers)
    assert DAYS_AFTER < TEST_DAYS


def test_a_lift_test_narrows_its_channel_through_the_command(
    data: Path, fitted: Calibration, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tests = tmp_path / "TESTS.csv"
    tests.write_text(TESTS, encoding="utf-8")
    monkeypatch.setattr(verb, "calibrate", partial(calibrate, worlds=32))
    run = call(
        "calibrate", str(data), "--like", "quickstart", "--gross-margin", "50%", "--days", "30", "--tests", str(tests),
        "-o", str(tmp_path / "shop.yaml"), "--json", folder=tmp_path,
    )  # fmt: skip
    assert run.code == 0, run.err
    assert run.err == ""
    document = json.loads(run.out)
    told = {one["channel"]: one for one in document["fit"]["returns"]}
    assert fitted.fit is not None
    before = dict(zip(fitted.fit.returns.channels, fitted.fit.returns.sd(fitted.fit.covariance).tolist(), strict=True))
    assert told["social"]["log_sd"] < before["social"]
    assert "no_tests" not in {finding["code"] for finding in document["fit"]["findings"]}
    assert document["next_tests"]


def test_a_test_outside_the_days_is_refused(data: Path, tmp_path: Path) -> None:
    tests = tmp_path / "TESTS.csv"
    tests.write_text(TESTS.replace(str(OFF[0]), "2024-11-24").replace(str(OFF[1]), "2024-12-21"), encoding="utf-8")
    run = call(
        "calibrate", str(data), "--like", "quickstart", "--tests", str(tests), "-o", str(tmp_path / "shop.yaml"),
        folder=tmp_path,
    )  # fmt: skip
    assert run.code == 3
    assert "does not lie within" in run.err
    assert "market fit" in run.err  # stages are said in lines where nobody watches
