"""Runs of one agent from several seeds, trained side by side; the best becomes the run of the folder.

=======================  ==============================================================================
``seeds.yaml``           what was asked for
``seeds/SEED/``          the run of each seed: a run directory, see ``run_directory.py``
all else, as in a run    of the best run: its ``policy/``, ``config.yaml`` and ``scenario.yaml``; the
                         ``manifest.json`` tells of all
=======================  ==============================================================================

All runs are judged on the same validation worlds with the same luck, and that is where the best one is chosen. So its
figure there is the largest of several and flatters it; test worlds, the same for all too, choose nothing.
"""

import json
import math
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import TypedDict, Unpack, cast

import numpy as np
import yaml
from pydantic import TypeAdapter
from scipy.special import stdtrit

from xbopt.agents.policies import planned_under
from xbopt.agents.run_directory import SEEDS_FILE, RunDirectory
from xbopt.agents.training import TrainingSettings, TrainingSummary, as_config, check_same, train
from xbopt.core.errors import PolicyError, UsageError
from xbopt.core.files import replace_file
from xbopt.core.scenario.loading import scenario_of
from xbopt.core.scenario.plan_table import is_plan_file
from xbopt.core.scenario.scenario import Scenario
from xbopt.core.workers import Engine, check_engine, over_parts

MOST_SEEDS = 1000
_RUNS, _MANIFEST = "seeds", "manifest.json"
_CONFIDENCE = 0.95


class Asked(TypedDict, total=False):
    """What ``train`` is asked for beside scenario, agent and folder."""

    steps: int | None
    time_limit_seconds: float | None
    seed: int
    plan: str | None
    options: Mapping[str, object] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SeedRun:
    """The run of one seed.

    Attributes:
        seed: Its seed.
        folder: Where it is.
        summary: How it ended.
        seconds: Wall time over all calls.
        before: Whether it was done before this call.
    """

    seed: int
    folder: Path
    summary: TrainingSummary
    seconds: float
    before: bool

    @property
    def test_gain_base(self) -> float:
        """Mean test reward above that of the policy to beat, base currency; NaN where no test worlds were played."""
        test, anchor = self.summary.test, self.summary.anchor or self.summary.plan
        return float("nan") if test is None else test.ahead[anchor].mean


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """A figure over seeds. The worlds are the same for all, so this is the luck of training alone.

    Attributes:
        mean: Mean over seeds.
        sd: Standard deviation over seeds.
        low: Lower end of the 95 % interval of the mean, by Student's t.
        high: Upper end.
        smallest: Of the worst seed.
        largest: Of the best one.
    """

    mean: float
    sd: float
    low: float
    high: float
    smallest: float
    largest: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Spread":
        """The spread of one value a seed, of two seeds at least."""
        mean, sd = float(np.mean(values)), float(np.std(values, ddof=1))
        reach = float(stdtrit(len(values) - 1, 0.5 + 0.5 * _CONFIDENCE)) * sd / math.sqrt(len(values))
        return cls(
            mean=mean, sd=sd, low=mean - reach, high=mean + reach, smallest=min(values), largest=max(values)
        )  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class SeedsSummary:
    """How runs of several seeds ended.

    Attributes:
        runs: One a seed, in order.
    """

    runs: tuple[SeedRun, ...] = field(repr=False)

    @property
    def best(self) -> SeedRun:
        """The run that misses soft constraints least on the validation worlds, then earns most there."""
        return min(self.runs, key=lambda run: (run.summary.missed, -run.summary.gain_base, run.seed))

    @property
    def validation(self) -> Spread:
        """Gain over the policy to beat on the validation worlds, which chose the best run."""
        return Spread.of([run.summary.gain_base for run in self.runs])

    @property
    def test(self) -> Spread | None:
        """The same on the test worlds, which chose nothing; None where none were played."""
        gains = [run.test_gain_base for run in self.runs]
        return None if any(map(math.isnan, gains)) else Spread.of(gains)


OnRun = Callable[[SeedRun, int, int], None]
"""Called with each run that is done, runs done and runs in all."""


def train_seeds(
    scenario: Scenario | str | Path,
    agent: str,
    out: Path | str,
    *,
    seeds: int,
    steps: int | None = None,
    time_limit_seconds: float | None = None,
    seed: int = 0,
    plan: str | None = None,
    options: Mapping[str, object] | None = None,
    engine: Engine = "local",
    workers: int | None = None,
    resume: bool = False,
    on_run: OnRun | None = None,
) -> SeedsSummary:
    """Train an agent from several seeds, and make the best run that of the folder.

    With ``steps`` alone, policies and figures are the same bytes whatever trains them.

    Args:
        scenario: A loaded scenario, a path, or the name of a shipped one.
        agent: Name of the agent.
        out: Folder of the runs; new or empty, unless ``resume``.
        seeds: How many, 2 at least: ``seed``, ``seed + 1`` and so on.
        steps: Decisions that each run learns from; see ``train``.
        time_limit_seconds: Wall-clock limit of each run, whatever runs beside it.
        seed: The first seed; it is also that of the validation and test worlds of all.
        plan: As for ``train``.
        options: The agent's own options, by name.
        engine: Where runs are trained: ``local``, or ``ray`` on a cluster that has ``out`` under the same path.
        workers: Processes, 1 where left out; of a cluster the runs at once, as many as it can where left out.
        resume: Go on with what is there: runs that ended within these limits stay, all others go on.
        on_run: Called with each run that is done.

    Raises:
        ScenarioError: The scenario cannot be used.
        UsageError: There is no such agent, an option makes no sense, or the folder holds something else.
        PolicyError: What is there to resume does not fit, or is damaged.
        LostWorkerError: Workers died over a run again and again; what is done is kept.
    """
    if not 2 <= seeds <= MOST_SEEDS:
        raise UsageError(f"seeds is {seeds}; a number from 2 to {MOST_SEEDS} is wanted.")
    check_engine(engine, workers)
    loaded, own = scenario_of(scenario), dict(options or {})
    if plan is not None and is_plan_file(named := planned_under(plan)):
        plan = plan.removesuffix(named) + str(Path(named).resolve())  # workers may have another working folder
    settings = TrainingSettings(agent=agent, seed=seed, plan=plan, options=own)
    folder, began = Path(out).resolve(), time.perf_counter()
    _open(folder, loaded, settings, resume=resume)
    asked: Asked = {"steps": steps, "time_limit_seconds": time_limit_seconds, "plan": plan, "options": own}
    work, done = partial(_train_one, loaded, agent, folder, asked, seed), dict[int, SeedRun]()
    numbers = range(seed, seed + seeds)
    try:
        with closing(over_parts(work, numbers, engine=engine, workers=workers, in_order=False)) as runs:
            for run in runs:
                done[run.seed] = run
                if on_run is not None:
                    on_run(run, len(done), seeds)
    finally:
        if not resume and not (folder / _RUNS).exists():  # refused before anything was begun: nothing stays behind
            (folder / SEEDS_FILE).unlink()
            with suppress(OSError):
                folder.rmdir()
    summary = SeedsSummary(runs=tuple(done[number] for number in numbers))
    _put_best(folder, summary.best)
    RunDirectory(folder).write_manifest(
        {
            "scenario": {"name": loaded.name, "hash": loaded.hash},
            "agent": agent,
            "seed": summary.best.seed,
            "limits": {"steps": steps, "time_limit_seconds": time_limit_seconds},
            "resumed": resume,
            "wall_seconds": time.perf_counter() - began,
            "result": asdict(summary.best.summary),
            "seeds": [
                {
                    "seed": run.seed,
                    "gain_base": run.summary.gain_base,
                    "test_gain_base": run.test_gain_base,
                    "wall_seconds": run.seconds,
                }
                for run in summary.runs
            ],
        }
    )
    return summary


def train_or_go_on(
    scenario: Scenario, agent: str, folder: Path, *, judge_seed: int | None = None, **asked: Unpack[Asked]
) -> TrainingSummary:
    """Train in a folder, or go on there: a worker may have died over it. What had no checkpoint yet is begun anew.

    Raises:
        PolicyError: A run that ended has lost its checkpoint, which more of it would begin with.
    """
    goes_on = RunDirectory(folder).has_checkpoint or (folder / _MANIFEST).is_file()
    if not goes_on and folder.exists():
        shutil.rmtree(folder)
    return train(scenario, agent, folder, **asked, judge_seed=judge_seed, resume=goes_on)


def decisions_made(folder: Path) -> int:
    """Decisions that the runs of a folder have learnt from up to now, by their last evaluations."""
    made = 0
    for file in (folder / _RUNS).glob("*/progress.csv"):
        rows = file.read_text(encoding="utf-8").splitlines()
        if len(rows) > 1:
            last = dict(zip(rows[0].split(","), rows[-1].split(","), strict=False))
            made += int(last.get("steps") or 0)
    return made


def _train_one(scenario: Scenario, agent: str, folder: Path, asked: Asked, judge_seed: int, seed: int) -> SeedRun:
    """Train one seed, unless it ended within these limits before."""
    run = RunDirectory(folder / _RUNS / str(seed))
    ended = _ended(run)
    before = ended is not None and ended["limits"] == {name: asked.get(name) for name in ended["limits"]}
    if not before:
        train_or_go_on(scenario, agent, run.path, judge_seed=judge_seed, **{**asked, "seed": seed})
        ended = _ended(run)
    assert ended is not None, "a run that ended says so"
    return SeedRun(
        seed=seed, folder=run.path, summary=_SUMMARY.validate_python(ended["result"]), seconds=ended["wall_seconds"],
        before=before,
    )  # fmt: skip


class _Ended(TypedDict):
    """What is read of a manifest."""

    limits: dict[str, float | None]
    wall_seconds: float
    result: dict[str, object]


_SUMMARY = TypeAdapter(TrainingSummary)


def _ended(run: RunDirectory) -> _Ended | None:
    """What the manifest of a run says; None where it has not ended.

    Raises:
        PolicyError: It is damaged.
    """
    path = run.path / _MANIFEST
    if not path.is_file():
        return None
    try:
        read = cast("_Ended", json.loads(path.read_text(encoding="utf-8")))
        # JSON has no word for what is not a number; here only test figures may be missing.
        known = {name: float("nan") if one is None and name != "test" else one for name, one in read["result"].items()}
        return {"limits": read["limits"], "wall_seconds": read["wall_seconds"], "result": known}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise PolicyError(f"{path} is damaged: {error}. Remove {run.path}, and go on with --resume.") from error


def _open(folder: Path, scenario: Scenario, settings: TrainingSettings, *, resume: bool) -> None:
    """Make the folder ready.

    Raises:
        UsageError: It holds something else, or there is nothing to go on with.
        PolicyError: What is there began otherwise.
    """
    file = folder / SEEDS_FILE
    if resume:
        if not file.is_file():
            raise UsageError(f"{folder} holds no runs of several seeds: {SEEDS_FILE} is missing.")
        then = cast("object", yaml.safe_load(file.read_text(encoding="utf-8")))
        if not isinstance(then, dict):
            raise PolicyError(f"{file} is damaged: a mapping is wanted.")
        check_same(folder, cast("dict[str, object]", then), scenario, settings)
        return
    RunDirectory.empty(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"The folder {folder} cannot be made ({error.strerror}).") from error
    with replace_file(file) as temporary:
        text = yaml.safe_dump(as_config(scenario, settings), sort_keys=False, allow_unicode=True)
        temporary.write_text(text, encoding="utf-8")


def _put_best(folder: Path, best: SeedRun) -> None:
    """Make the best run that of the folder, in place of an earlier one."""
    ready, policy = folder / ".policy", folder / "policy"
    for old in (ready, policy):
        shutil.rmtree(old, ignore_errors=True)
    shutil.copytree(best.folder / "policy", ready)
    ready.rename(policy)
    for file in best.folder.iterdir():
        if file.is_file() and file.name != _MANIFEST:
            with replace_file(folder / file.name) as temporary:
                shutil.copyfile(file, temporary)
