"""Lift tests are read strictly, and enter as what the market says about their days with and without the change."""

from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pytest
import xlsxwriter

from tests.worlds import document, scenario_of
from xbopt.calibration.fit.findings import contradicted
from xbopt.calibration.fit.lift_tests import LiftTest, outside_tests, placed_tests, read_lift_tests
from xbopt.calibration.fit.likelihood import Likelihood
from xbopt.calibration.fit.noise import WeeklyNoise
from xbopt.calibration.fit.optimum import Optimum
from xbopt.calibration.fit.parameters import parameter_space
from xbopt.calibration.fit.prior import Prior
from xbopt.calibration.fit.recovery import planned_panel, varied_spend
from xbopt.calibration.fit.replay import Replay, replay_of
from xbopt.core.errors import CalibrationError, TableError

HEAD = "channel,regions,start,end,days_after,change,metric,lift,se\n"
TEST = LiftTest(
    channel="search",
    regions=("north",),
    start=date(2026, 4, 6),
    end=date(2026, 4, 19),
    days_after=7,
    change=-1.0,
    metric="orders",
    lift=-10.0,
    se=2.0,
)


@pytest.fixture(scope="module")
def replay() -> Replay:
    scenario = scenario_of(document())
    spend = varied_spend(scenario, 84, seed=1)
    spend[35:49, 0, :, 0] = 0.0
    return replay_of(scenario, planned_panel(date(2026, 3, 2), spend))


def test_a_file_of_tests_is_read(tmp_path: Path) -> None:
    path = tmp_path / "tests.csv"
    path.write_text(
        HEAD + "search,north,2026-04-06,2026-04-19,7,off,orders,-10,2\n"
        "social,north;island,2026-05-04,2026-05-17,0,0.5,revenue,900,250.5\n"
    )
    first, second = read_lift_tests(path)
    assert first == TEST
    assert (second.regions, second.change, second.metric, second.se) == (("north", "island"), 0.5, "revenue", 250.5)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "cp1252"])
def test_a_file_of_a_spreadsheet_in_another_language_is_read(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "tests.csv"
    lines = HEAD.replace(",", ";") + 'search;"north;island";06.04.2026;19.04.2026;7;-50%;revenue;1.250,5;200,25\n'
    path.write_text(lines, encoding=encoding)
    (test,) = read_lift_tests(path)
    assert (test.regions, test.start, test.change) == (("north", "island"), date(2026, 4, 6), -0.5)
    assert (test.days_after, test.lift, test.se) == (7, 1250.5, 200.25)


def test_a_workbook_of_tests_is_read(tmp_path: Path) -> None:
    with xlsxwriter.Workbook(tmp_path / "tests.xlsx", {"default_date_format": "yyyy-mm-dd"}) as book:
        sheet = book.add_worksheet()
        sheet.write_row(0, 0, HEAD.strip().split(","))
        days = date(2026, 4, 6), date(2026, 4, 19)
        sheet.write_row(1, 0, ("search", "north", *days, 7, "off", "orders", -10, 2))
    assert read_lift_tests(tmp_path / "tests.xlsx") == (TEST,)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (HEAD + "search,north,04/05/2026,06/05/2026,7,off,orders,-10,2\n", "dates may be"),
        (HEAD.replace(",", ";") + "search;north;2026-04-06;2026-04-19;7;off;orders;1.234;2\n", "1.234"),
        (HEAD, "no rows"),
        (HEAD.replace("se", "error") + "search,north,2026-04-06,2026-04-19,7,off,orders,-10,2\n", "column se"),
    ],
)
def test_a_file_that_leaves_open_what_it_means_is_refused(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "tests.csv"
    path.write_text(text)
    with pytest.raises(TableError, match=says):
        read_lift_tests(path)


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("search,north,2026-04-19,2026-04-06,7,off,orders,-10,2", "row 2, column end"),
        ("search,north;north,2026-04-06,2026-04-19,7,off,orders,-10,2", "row 2, column regions: names a region twice"),
        ("search,north,2026-04-06,2026-04-19,7,0,orders,-10,2", "nothing was tested"),
        ("search,north,2026-04-06,2026-04-19,7,off,clicks,-10,2", "orders, revenue"),
        ("search,north,2026-04-06,2026-04-19,7,off,orders,-10,0", "row 2, column se"),
    ],
)
def test_a_broken_line_is_refused_with_its_place(tmp_path: Path, line: str, says: str) -> None:
    path = tmp_path / "tests.csv"
    path.write_text(HEAD + line + "\n")
    with pytest.raises(TableError, match=says):
        read_lift_tests(path)


def test_the_residual_is_measured_less_modelled_lift(replay: Replay) -> None:
    space = parameter_space(replay.market, replay.panel, Prior(), 28)
    sampled = space.sampled(np.zeros((1, len(space.parameters))))
    placed = placed_tests(replay, [TEST], 28)[0]
    assert placed.days == (35, 56)
    # Spend of the four weeks before stands in for what was switched off.
    usual = replay.panel.spend[7:35, 0, :, 0].mean(axis=0)
    np.testing.assert_allclose(placed.without[35:49, 0, :, 0], np.tile(usual, (14, 1)))
    counts = replay.play(sampled)
    otherwise = replay.play(sampled, spend=placed.without)
    orders = (counts - otherwise)[0, 35:56, 0, -3].sum()
    assert orders < -1.0
    assert placed.residual(replay, sampled, counts)[0] == pytest.approx((-10.0 - orders) / 2.0)


def test_a_pause_that_the_panel_does_not_show_is_refused(replay: Replay) -> None:
    with pytest.raises(CalibrationError, match="does not show it off"):
        placed_tests(replay, [replace(TEST, regions=("island",))], 28)
    # Usual spend is a mean of equal days, which differs from them by rounding at most.
    steady = replay.panel.spend.copy()
    steady[:] = 0.1
    same = replay_of(scenario_of(document()), replace(replay.panel, spend=steady))
    with pytest.raises(CalibrationError, match="does not show it off"):
        placed_tests(same, [TEST], 28)


@pytest.mark.parametrize(
    ("line", "shared"),
    [
        ("search,north,2026-04-06,2026-04-19,7,off,orders,-10,2", True),
        ("search,north,2026-04-06,2026-04-19,7,off,revenue,-900,90", True),
        # The days after the first test end with 26 April.
        ("search,island;north,2026-04-26,2026-05-03,0,off,orders,-10,2", True),
        ("search,north,2026-04-27,2026-05-03,0,off,orders,-10,2", False),
        ("search,island,2026-04-06,2026-04-19,7,off,orders,-10,2", False),
        ("social,north,2026-04-06,2026-04-19,7,off,orders,-10,2", False),
    ],
)
def test_lifts_that_share_days_do_not_count_twice(tmp_path: Path, replay: Replay, line: str, shared: bool) -> None:
    path = tmp_path / "tests.csv"
    path.write_text(HEAD + "search,north,2026-04-06,2026-04-19,7,off,orders,-10,2\n" + line + "\n")
    if not shared:
        assert len(read_lift_tests(path)) == 2
        return
    with pytest.raises(TableError, match=r"row 3, column start: shares days .* row 2: .* shorten days_after"):
        read_lift_tests(path)
    with pytest.raises(CalibrationError, match="shares days"):
        placed_tests(replay, [TEST, replace(TEST, metric="revenue")], 28)


@pytest.mark.parametrize(("change", "seen"), [(-0.99, 0.01), (-0.5, 0.5), (0.5, 1.5), (2.0, 3.0), (-1.0, 0.1)])
def test_the_spend_of_a_tests_days_is_what_it_states(replay: Replay, change: float, seen: float) -> None:
    spend = np.full_like(replay.panel.spend, 10.0)
    spend[35:49, 0, :, 0] *= seen
    test = replace(TEST, change=change)
    shown = replay_of(scenario_of(document()), replace(replay.panel, spend=spend))
    assert placed_tests(shown, [test], 28)[0].test == test
    for other in (1.0, 1.0 + 0.45 * change):
        spend[35:49, 0, :, 0] = 10.0 * other
        unchanged = replay_of(scenario_of(document()), replace(replay.panel, spend=spend.copy()))
        with pytest.raises(CalibrationError, match="does not show it"):
            placed_tests(unchanged, [test], 28)


def test_spend_may_miss_what_is_stated_as_far_as_usual_weeks_do(replay: Replay) -> None:
    days = np.arange(168)
    test = replace(TEST, change=2.0)
    for swing in (0.0, 0.4):
        spend = 10.0 + 10.0 * swing * np.where(days // 14 % 2 == 0, -1.0, 1.0)[:, None, None, None]
        spend = spend * np.ones((1, *replay.panel.spend.shape[1:]))
        spend[35:49, 0, :, 0] = 2.3 * spend[7:35, 0, :, 0].mean()
        shown = replay_of(scenario_of(document()), planned_panel(date(2026, 3, 2), spend))
        if swing:
            assert placed_tests(shown, [test], 28)
        else:
            with pytest.raises(CalibrationError, match=r"3\.00 times what is usual"):
                placed_tests(shown, [test], 28)


def test_tests_that_ruled_the_fit_are_held_against_what_it_would_say_without_them(replay: Replay) -> None:
    """One week says 0 and each test 5 standard errors, all with a derivative of 4."""
    space = parameter_space(replay.market, replay.panel, Prior(), 28)
    blank = np.ones((1, 1, 1))
    noise = WeeklyNoise(
        ratio=blank, sd=blank, lag=blank, first=blank, later=blank, used=blank > 0.0, inflation=np.ones(1)
    )

    def off(*tests: LiftTest) -> list[float]:
        wrong = placed_tests(shown, tests, 28)
        likelihood = Likelihood(replay=shown, space=space, first=28, tests=wrong, noise=noise)
        jacobian = np.full((1 + len(tests), 1), 4.0)
        target = np.array([0.0, *[5.0] * len(tests)])
        z = np.array([4.0 * target.sum() / (16.0 * len(target) + 1.0)])
        at = Optimum(
            z=z, residuals=jacobian @ z - target, jacobian=jacobian, decrement=0.0, iterations=1, converged=True
        )
        assert (np.abs(at.residuals[1:]) < 3.0).all()
        return [error for _, error in contradicted(likelihood, at)]

    spend = replay.panel.spend.copy()
    spend[35:49, :, :, 0] = 0.0
    shown = replay_of(scenario_of(document()), replace(replay.panel, spend=spend))
    # Of a variance of 33 the week and the prior hold 17: -85 / 33 over the root of 17 / 33.
    assert off(TEST) == pytest.approx([-3.589], abs=1e-3)
    # Two that are wrong alike hide each other; against the week alone both are off by as much.
    assert off(TEST, replace(TEST, regions=("island",))) == pytest.approx([-3.589, -3.589], abs=1e-3)


def test_orders_of_a_test_are_not_scored_a_second_time(replay: Replay) -> None:
    free = outside_tests(replay, placed_tests(replay, [TEST], 28), 28)
    assert free.shape == (8, 2, 7)
    # Days 35 to 55 are weeks 1 to 3 after the warm-up of four weeks.
    assert free[:, 0, -1].tolist() == [True, False, False, False, True, True, True, True]
    assert free[:, 1].all()
    assert free[:, :, :-3].all()


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"channel": "tv"}, "'tv'"),
        ({"regions": ("south",)}, "'south'"),
        ({"start": date(2026, 3, 9)}, "scored days, 2026-03-30"),
        ({"days_after": 60}, "does not lie within"),
        ({"channel": "email", "regions": ("island",), "change": -1e-12}, "same spend"),
    ],
)
def test_a_test_that_the_panel_does_not_hold_is_refused(replay: Replay, changes: dict[str, object], says: str) -> None:
    steady = replace(replay, panel=replace(replay.panel, spend=np.zeros_like(replay.panel.spend)))
    with pytest.raises(CalibrationError, match=says):
        placed_tests(steady if "same" in says else replay, [replace(TEST, **changes)], 28)  # pyright: ignore[reportArgumentType]
