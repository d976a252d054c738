"""Doing one thing at many points of a scenario: what ``xbopt sweep`` does.

A folder holds a sweep. ``points.jsonl`` gets a line as soon as a point is done, so that a sweep that was ended by
anything goes on where it stood; ``results.parquet`` is made from these lines and is the same whatever did the points.
Lines are not forced to the disk one by one, which takes milliseconds: a power cut may take the last seconds.
"""

import hashlib
import json
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import cast

from xbopt.agents.policies import mark_of, planned_under
from xbopt.agents.registry import POLICIES
from xbopt.agents.seeds import train_or_go_on
from xbopt.agents.training import check_agent
from xbopt.core.decisions.policy import Policy
from xbopt.core.documents.problems import suggest
from xbopt.core.errors import BudgetError, DecisionError, PolicyError, ScenarioError, UsageError
from xbopt.core.files import replace_file
from xbopt.core.json_text import json_text
from xbopt.core.scenario.loading import scenario_from
from xbopt.core.scenario.scenario import Scenario
from xbopt.core.version import __version__
from xbopt.core.workers import Engine, check_engine, over_parts
from xbopt.studies.kpis import WorldRange
from xbopt.studies.plan import plan
from xbopt.studies.simulate import market_of, simulate
from xbopt.studies.sweep_file import FIGURES, RUN, PlanRun, Point, Sweep, TrainRun, changes_at, read_sweep
from xbopt.studies.sweep_rows import SweepResult, SweepRow, rows_done

LINES, TABLE, ABOUT = "points.jsonl", "results.parquet", "sweep.json"
_RUNS = "runs"
_POLICIES = ("policy", "plan")
"""Options that name a policy, which may be a file: what is in it counts, and not what it is called alone."""
_OF_THE_POINT = (ScenarioError, BudgetError, DecisionError, PolicyError)
"""Errors that a point may have and its neighbours not: they are told in its row."""


def sweep(
    file: Sweep | Path | str,
    out: Path | str,
    *,
    engine: Engine = "local",
    workers: int | None = None,
    resume: bool = False,
    on_row: Callable[[SweepRow, int, int], None] | None = None,
) -> SweepResult:
    """Do what a sweep file says at all of its points, and leave the results in a folder.

    Args:
        file: The sweep file, or what was read of it.
        out: The sweep's folder; new or empty, unless ``resume``.
        engine: Where points are done: ``local``, or ``ray`` on a cluster that has this folder under the same path.
        workers: Processes, 1 where left out; of a cluster the points done at once, as many as it can where left out.
        resume: Go on with the sweep that is there; what is done stays.
        on_row: Called with each new row, rows done and rows in all.

    Raises:
        ScenarioError: The sweep file or its scenario cannot be used.
        UsageError: The folder holds something else, an option makes no sense, or a policy or agent is none.
        LostWorkerError: Workers died over a point again and again; what is done is kept.
    """
    check_engine(engine, workers)
    asked = file if isinstance(file, Sweep) else read_sweep(file)
    _check_names(asked)
    folder, scenario = Path(out), scenario_from(asked.scenario)
    done = _opened(folder, asked, scenario, resume=resume)
    before = len(done)
    left = [point for point in asked.points if point.number not in done]
    work = partial(_do, asked, folder.resolve())
    with (
        (folder / LINES).open("a", encoding="utf-8") as lines,
        closing(over_parts(work, left, engine=engine, workers=workers, in_order=False)) as rows,
    ):
        for row in rows:
            done[row.point] = row
            lines.write(json_text(asdict(row), indent=None))
            lines.flush()
            if on_row is not None:
                on_row(row, len(done), len(asked.points))
    found = tuple(done[point.number] for point in asked.points)
    result = SweepResult(sweep=asked, scenario=scenario, folder=folder, rows=found, done_before=before)
    _write_table(result)
    return result


def _check_names(asked: Sweep) -> None:
    """Refuse a policy or an agent that is none, before hours are spent on the points of others."""
    for name in _named(asked, "agent"):
        try:
            check_agent(name)
        except UsageError as error:
            raise UsageError(f"{asked.file}: {RUN}.agent: {error}") from None
    for option in _POLICIES:
        for name in _named(asked, option):
            base = planned_under(name)
            if base not in POLICIES and not Path(base).exists():
                raise UsageError(
                    f"{asked.file}: {RUN}.{option}: there is no policy {name!r}.{suggest(base, POLICIES)} "
                    f"One of {', '.join(POLICIES)}, or a file or folder of one."
                )


def _named(asked: Sweep, option: str) -> list[str]:
    """What an option of the run names at all points, each once."""
    values = [getattr(asked.document.run, option, None)]
    values += [point.parameters.get(f"{RUN}.{option}") for point in asked.points]
    return sorted({value for value in values if isinstance(value, str)})


def _do(asked: Sweep, folder: Path, point: Point) -> SweepRow:
    """Do one point."""
    started, scenario_hash = time.perf_counter(), ""
    figures: dict[str, WorldRange] = {}
    error = ""
    try:
        scenario = scenario_from(asked.scenario, changes_at(point))
        scenario_hash = scenario.hash
        figures = _figures(asked, scenario, point, folder / _RUNS / f"{point.number:05}")
    except _OF_THE_POINT as failure:
        error = f"{type(failure).__name__}: {failure}"
    return SweepRow(
        point=point.number,
        seed=point.seed,
        parameters=point.parameters,
        mean={name: figure.mean for name, figure in figures.items()},
        se={name: figure.se for name, figure in figures.items()},
        scenario_hash=scenario_hash,
        version=__version__,
        seconds=time.perf_counter() - started,
        error=error,
    )


def _figures(asked: Sweep, scenario: Scenario, point: Point, folder: Path) -> dict[str, WorldRange]:
    run, market = asked.run_at(point), market_of(scenario)
    policy: str | Policy
    if isinstance(run, PlanRun):
        policy = plan(scenario, goal=run.goal, risk=run.risk, bookable=run.bookable).campaign.schedule
    elif isinstance(run, TrainRun):
        _train(run, scenario, point.seed, folder)
        policy = str(folder)
    else:
        policy = run.policy
    exploration = None if isinstance(run, PlanRun | TrainRun) else run.exploration
    played = simulate(market, policy, runs=run.runs, seed=point.seed, exploration=exploration)
    beside = {
        "reward": WorldRange.of(played.totals.reward),
        "customer_value": played.customer_value,
        "carried_beyond": played.carried_beyond,
    }
    known = {**played.kpis, **beside}
    return {name: known[name] for name in FIGURES}


def _train(run: TrainRun, scenario: Scenario, seed: int, folder: Path) -> None:
    """Train in a folder of the sweep, unless that is done."""
    if (folder / "manifest.json").is_file():
        return
    train_or_go_on(scenario, run.agent, folder, steps=run.steps, seed=seed, plan=run.plan, options=run.settings)


def _opened(folder: Path, asked: Sweep, scenario: Scenario, *, resume: bool) -> dict[int, SweepRow]:
    """Rows that are done in a folder, which is made ready for others.

    Raises:
        UsageError: It holds something else, or cannot be written to.
    """
    about = {"xbopt": __version__, "sweep": _identity(asked, scenario), "points": len(asked.points)}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        held = any(folder.iterdir())
    except OSError as error:
        raise UsageError(f"The folder {folder} cannot be made ({error.strerror}).") from error
    if not held:
        with replace_file(folder / ABOUT) as temporary:
            temporary.write_text(json_text(about), encoding="utf-8")
        return {}
    if not (folder / ABOUT).is_file():
        raise UsageError(f"{folder} is not empty and holds no sweep; name another folder.")
    then = cast("dict[str, object]", json.loads((folder / ABOUT).read_text(encoding="utf-8")))
    if then != about:
        why = (
            f"it was begun by xbopt {then['xbopt']}, and this is {__version__}"
            if then.get("sweep") == about["sweep"]
            else "another file, scenario or policy, or other values"
        )
        raise UsageError(f"{folder} holds another sweep ({why}); name another folder.")
    if not resume:
        raise UsageError(f"{folder} holds this sweep already; go on with it by --resume, or name another folder.")
    return rows_done(folder / LINES)


def _identity(asked: Sweep, scenario: Scenario) -> str:
    """Hash of all that the results depend on: scenario, what is done, points, and files of policies."""
    document = asked.document
    policies = {name for option in _POLICIES for name in _named(asked, option)}
    whole = {
        "scenario": scenario.hash,
        "run": document.run.model_dump(),
        "points": [(point.parameters, point.seed) for point in asked.points],
        "policies": {name: mark_of(name) for name in policies},
    }
    return hashlib.sha256(json.dumps(whole, sort_keys=True).encode()).hexdigest()


def _write_table(result: SweepResult) -> None:
    from pyarrow import parquet  # slow to load

    with replace_file(result.folder / TABLE) as temporary:
        parquet.write_table(result.to_frame(), temporary, compression="zstd")
