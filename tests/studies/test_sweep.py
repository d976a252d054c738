"""``sweep``: the same table whatever does the points, resumed after a kill, and refused where it makes no sense."""

import json
import shutil
import signal
import time
from pathlib import Path

import numpy as np
import pytest

import xbopt
from tests.command_line import call, start
from tests.reports.pages import outline_of
from xbopt.core.errors import ScenarioError, UsageError, XboptError
from xbopt.reports.kit.page import html_page
from xbopt.reports.sweep import sweep_content
from xbopt.studies.sweep_file import FIGURES, read_sweep
from xbopt.studies.sweep_rows import effects

SHORT = "set: [horizon.days=7, 'plan.discounts=[]']\n"
FILE = (
    "scenario: quickstart\n"
    + SHORT
    + """run: {command: simulate, policy: baseline, runs: 4}
design:
  grid:
    budget.total_base: [8000, 11200, 16000]
    run.policy: [baseline, uniform]
seeds: [0, 1]
figures: [contribution_margin, roas]
"""
)


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    path = tmp_path_factory.mktemp("sweep") / "budget.yaml"
    path.write_text(FILE)
    return path


@pytest.fixture(scope="module")
def done(file):
    return xbopt.sweep(file, file.parent / "done")


def written(folder: Path, text: str) -> Path:
    path = folder / "sweep.yaml"
    path.write_text(text)
    return path


def table_of(folder: Path) -> bytes:
    return (folder / "results.parquet").read_bytes()


def test_a_grid_tries_each_value_with_each_and_every_seed(done):
    rows = done.to_frame().to_pylist()
    assert [row["point"] for row in rows] == list(range(12))
    tried = [(row["budget.total_base"], row["run.policy"], row["seed"]) for row in rows]
    assert tried == [(m, p, s) for m in (8000, 11200, 16000) for p in ("baseline", "uniform") for s in (0, 1)]


def test_a_row_holds_what_the_simulation_says(done):
    row = done.to_frame().to_pylist()[7]
    changes = ["horizon.days=7", "plan.discounts=[]", "budget.total_base=11200"]
    scenario = xbopt.load_scenario("quickstart", overrides=changes)
    played = xbopt.simulate(scenario, "uniform", runs=4, seed=1)
    assert row["scenario_hash"] == scenario.hash
    assert row["version"] == xbopt.__version__
    for name, figure in played.kpis.items():
        assert (row[name], row[f"{name}_se"]) == (figure.mean, figure.se), name
    assert row["reward"] == pytest.approx(played.totals.reward.mean(), rel=1e-12)
    assert {f"{name}{end}" for name in FIGURES for end in ("", "_se")} <= set(row)


def test_workers_write_the_same_table(file, done, tmp_path):
    xbopt.sweep(file, tmp_path / "two", workers=2)
    assert table_of(tmp_path / "two") == table_of(done.folder)


def test_points_by_list_and_sobol_fill_their_ranges(tmp_path):
    text = FILE.partition("design:")[0] + (
        "design:\n"
        "  list: [{run.policy: uniform, run.runs: 2}, {run.policy: baseline}]\n"
        "  sobol:\n    points: 8\n    parameters:\n"
        "      budget.total_base: {low: 1000, high: 64000, log: true}\n"
        "      noise.demand_cv: {low: 0, high: 0.4}\n"
    )
    points = read_sweep(written(tmp_path, text)).points
    assert len(points) == 16
    assert [dict(point.parameters).get("run.runs") for point in points] == [2] * 8 + [None] * 8
    money = sorted(point.parameters["budget.total_base"] for point in points[:8])
    ends = [1000 * 64 ** (n / 8) for n in range(9)]  # one Sobol point in each eighth of the way, by ratio
    assert all(low <= one < high for one, low, high in zip(money, ends, ends[1:], strict=False))
    again = read_sweep(written(tmp_path, text)).points
    other = read_sweep(written(tmp_path, text.replace("points: 8", "points: 8\n    seed: 1"))).points
    assert points == again != other


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("budget.total_base", "budget.total_bas", "There is no 'total_bas' here. Did you mean 'total_base'?"),
        ("run.policy:", "run.polcy:", "There is no 'polcy' here. Did you mean 'policy'?"),
        ("runs: 4", "rns: 4", "The key 'rns' is not known here. Did you mean 'runs'?"),
        ("[8000, 11200, 16000]", "[]", "at least 1 item"),
        ("[8000, 11200, 16000]", "[8000, -3]", "budget.total_base=-3"),
        ("[baseline, uniform]", "[baseline, unifrom]", "no policy 'unifrom'. Did you mean 'uniform'?"),
        ("command: simulate", "command: simulat", "Did you mean 'simulate'?"),
        ("scenario: quickstart", "scenario: quikstart", "Did you mean 'quickstart'?"),
        ("roas]", "roass]", "Did you mean 'roas'?"),
        ("[0, 1]", "[1, 1]", "one of them stands there twice"),
        ("grid:", "list: [{run.policy: uniform}]\n  grid:", "run.policy is varied in two ways"),
        ("grid:", "sobol: {points: 30, parameters: {a: {low: 0, high: 1}}}\n  grid:", "powers of two only, such as 32"),
        ("grid:", "sobol: {points: 4, parameters: {a: {low: 2, high: 1}}}\n  grid:", "low has to be below high"),
        ("[0, 1]", f"{list(range(20_000))}", "120,000 points; at most 100,000"),
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_is_done(old, new, message, tmp_path):
    with pytest.raises((UsageError, ScenarioError)) as caught:
        xbopt.sweep(written(tmp_path, FILE.replace(old, new)), tmp_path / "out")
    assert message in str(caught.value)
    assert not (tmp_path / "out").exists()


def test_a_design_that_varies_nothing_is_refused(tmp_path):
    text = FILE.partition("design:")[0] + "design: {}\n"
    with pytest.raises(UsageError, match="nothing is varied"):
        read_sweep(written(tmp_path, text))


def test_a_point_that_cannot_be_done_is_told_and_the_others_are(tmp_path):
    plan = tmp_path / "no_plan.csv"
    plan.write_text("this is no plan\n")
    text = FILE.replace("[baseline, uniform]", f"[baseline, {plan}]").replace("[0, 1]", "[0]")
    result = xbopt.sweep(written(tmp_path, text), tmp_path / "out")
    assert [bool(row.error) for row in result.rows] == [False, True] * 3
    assert "PolicyError" in result.failed[0].error or "PlanTableError" in result.failed[0].error
    rows = result.to_frame().to_pylist()
    assert rows[1]["reward"] is None
    assert rows[0]["reward"] == pytest.approx(result.rows[0].mean["reward"])
    assert "3 of 6 points have no figures" in html_page(sweep_content(result))


def test_a_folder_is_gone_on_with_only_by_its_own_sweep(file, done, tmp_path):
    with pytest.raises(UsageError, match="holds this sweep already; go on with it by --resume"):
        xbopt.sweep(file, done.folder)
    again = xbopt.sweep(file, done.folder, resume=True)
    assert again.done_before == 12
    assert again.rows == done.rows
    other = written(tmp_path, FILE.replace("16000", "16001"))
    with pytest.raises(UsageError, match=r"holds another sweep \(another file, scenario or policy, or other values\)"):
        xbopt.sweep(other, done.folder, resume=True)
    about = done.folder / "sweep.json"
    before = about.read_text()
    about.write_text(before.replace(xbopt.__version__, "0.0.9"))
    with pytest.raises(UsageError, match=r"it was begun by xbopt 0\.0\.9"):
        xbopt.sweep(file, done.folder, resume=True)
    about.write_text(before)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "notes.txt").write_text("mine")
    with pytest.raises(UsageError, match="is not empty and holds no sweep"):
        xbopt.sweep(file, tmp_path / "other", resume=True)


def test_what_is_shown_may_change_and_what_is_done_stays(file, done, tmp_path):
    """Every figure is kept, so other ones can be asked for without playing anything anew."""
    shown = xbopt.sweep(
        written(tmp_path, FILE.replace("[contribution_margin, roas]", "[orders]")), done.folder, resume=True
    )
    assert shown.done_before == 12
    assert shown.ranked[0].mean["orders"] == max(row.mean["orders"] for row in done.rows)


def test_a_killed_sweep_goes_on_where_it_stood(file, done, tmp_path):
    """Its last line was cut off besides, as a full disk would do."""
    out = tmp_path / "out"
    with start("sweep", file, "-o", out, "--workers", "2", folder=tmp_path) as process:
        lines, end = out / "points.jsonl", time.monotonic() + 60.0
        while not (lines.exists() and lines.read_text().count("\n") >= 2):
            assert time.monotonic() < end
            assert process.poll() is None
            time.sleep(0.005)
        process.send_signal(signal.SIGKILL)
        process.communicate()
    kept = lines.read_text().count("\n")
    with lines.open("a") as file_of_lines:
        file_of_lines.write('{"point": 11, "seed"')
    assert not (out / "results.parquet").exists()
    result = xbopt.sweep(file, out, resume=True)
    assert result.done_before == kept < 12
    assert table_of(out) == table_of(done.folder)
    numbers = [json.loads(line)["point"] for line in lines.read_text().splitlines()]
    assert sorted(numbers) == list(range(12))


def test_an_agent_that_is_none_is_refused_before_anything_is_done(tmp_path):
    text = FILE.replace("simulate, policy: baseline", "train, agent: pppo, steps: 9")
    text = text.replace("    run.policy: [baseline, uniform]\n", "")
    with pytest.raises(UsageError, match=r"no agent 'pppo'\. Did you mean 'ppo'\?"):
        xbopt.sweep(written(tmp_path, text), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_points_are_ranked_by_their_mean_over_seeds(done):
    means = [np.mean([row.mean["contribution_margin"] for row in done.rows[n : n + 2]]) for n in range(0, 12, 2)]
    best = 2 * int(np.argmax(means))
    assert [row.point for row in done.ranked[:2]] == [best, best + 1]
    pair = [row.mean["contribution_margin"] for row in done.rows[best : best + 2]]
    mean, se, seeds = done.over_seeds(done.ranked[0])
    assert (mean, seeds) == (pytest.approx(max(means)), 2)
    assert se == pytest.approx(abs(pair[0] - pair[1]) / 2.0)


def test_effects_are_means_over_the_others(done):
    found = {(one.parameter, one.first): one for one in effects(done, "roas")}
    assert len(found) == 5
    uniform = [row.mean["roas"] for row in done.rows if row.parameters["run.policy"] == "uniform"]
    assert found["run.policy", "uniform"].mean == pytest.approx(sum(uniform) / 6)
    assert found["run.policy", "uniform"].points == 6


def test_the_page_is_whole(done):
    page = html_page(sweep_content(done))
    outline = outline_of(page)
    assert outline.count["h1"] == 1
    assert len(outline.ids) == len(set(outline.ids))
    best = done.ranked[0]
    assert f"Contribution margin is largest at point {best.point} of 12" in page
    assert "budget.total_base" in page


def test_the_command_says_the_cost_first_and_prints_the_points(file, tmp_path):
    answer = call("sweep", file, "-o", "out", folder=tmp_path)
    assert answer.code == 0, answer.err
    first, *others = answer.err.splitlines()
    assert first == ("12 points (6 times 2 seeds) of budget.total_base, run.policy; at each: simulate, 4 worlds.")
    assert any(line.startswith("A point takes ") and "so the other 11 take about" in line for line in others)
    assert "Contribution margin is largest at point" in answer.out
    assert (tmp_path / "out" / "report.html").is_file()
    again = call("sweep", file, "-o", "out", "--resume", "--json", folder=tmp_path)
    document = json.loads(again.out)
    assert "12 of 12 points were done before." in again.err
    assert len(document["rows"]) == document["points"] == document["done_before"] == 12
    assert set(document["rows"][0]["figures"]) == set(FIGURES)


def test_many_points_want_a_yes(tmp_path):
    text = FILE.replace("[0, 1]", f"{list(range(200))}")
    answer = call("sweep", written(tmp_path, text), "-o", "out", folder=tmp_path)
    assert answer.code == UsageError.exit_code
    assert "1,200 points, more than 1,000. If that is meant, add --yes" in answer.err
    assert not (tmp_path / "out").exists()


def test_a_plan_is_made_at_every_point(tmp_path):
    text = (
        "scenario: quickstart\n" + SHORT + "run: {command: plan, runs: 2}\n"
        "design: {grid: {run.goal: [reward, net_revenue]}}\n"
    )
    result = xbopt.sweep(written(tmp_path, text), tmp_path / "out")
    reward, revenue = result.rows
    assert reward.mean["contribution_margin"] > revenue.mean["contribution_margin"]
    assert revenue.mean["net_revenue"] > reward.mean["net_revenue"]


def test_errors_of_a_sweep_are_ours(file, tmp_path):
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(XboptError, match="cannot be made"):
        xbopt.sweep(file, tmp_path / "taken")


def test_agents_are_trained_and_a_run_that_broke_off_is_begun_anew(tmp_path):
    settings = "{encoding: tactics, test_worlds: 0, worlds: 4, validation_worlds: 2, evaluate_every: 1}"
    text = (
        "scenario: quickstart\n" + SHORT + f"run: {{command: train, agent: lin_ts, steps: 1, plan: baseline, runs: 2, "
        f"settings: {settings}}}\ndesign: {{grid: {{run.settings.spread: [0.1, 1.0]}}}}\n"
    )
    file = written(tmp_path, text)
    here = xbopt.sweep(file, tmp_path / "here")
    assert not here.failed
    assert sorted(path.name for path in (tmp_path / "here" / "runs").iterdir()) == ["00000", "00001"]
    away = xbopt.sweep(file, tmp_path / "away", workers=2)
    assert table_of(away.folder) == table_of(here.folder)
    run = away.folder / "runs" / "00001"
    (run / "manifest.json").unlink()
    shutil.rmtree(run / "checkpoints")
    (away.folder / "points.jsonl").unlink()
    assert xbopt.sweep(file, away.folder, resume=True).done_before == 0
    assert table_of(away.folder) == table_of(here.folder)
    assert (run / "manifest.json").is_file()
