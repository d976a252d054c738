"""``xbopt train --seeds``: runs of several seeds side by side, and how far they lie apart."""

import math
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from xbopt.cli.options import at_once
from xbopt.cli.terminal import cost_teller, duration_text, result_console, say, stage_bar, table, terminal_numbers

if TYPE_CHECKING:
    from xbopt.agents.seeds import Asked, SeedRun, SeedsSummary, Spread
    from xbopt.core.scenario.scenario import Scenario
    from xbopt.core.workers import Engine
    from xbopt.studies.simulate import Progress

_LOOKS_EVERY_SECONDS = 2.0


def seeds_trained(
    scenario: "Scenario",
    agent: str,
    out: Path,
    asked: "Asked",
    seeds: int,
    engine: "Engine",
    workers: int | None,
    *,
    resume: bool,
) -> "SeedsSummary":
    """Train the runs, and tell on stderr how far they are and what they cost."""
    from xbopt.agents.seeds import train_seeds

    numbers, began = terminal_numbers(scenario.base_currency), time.perf_counter()
    first, steps = asked.get("seed", 0), asked.get("steps")
    each = "" if steps is None else f", {steps:,} decisions each"
    say(
        f"{scenario.name}, {agent}: seeds {first} to {first + seeds - 1}{each}; progress in {out}/seeds/*/progress.csv."
    )
    tell = cost_teller(lambda _stage, _done, _total: None, at_once(engine, workers), one="run", many="runs")
    spent = 0.0

    def on_run(run: "SeedRun", done: int, total: int) -> None:
        nonlocal spent
        gain = numbers.number(run.summary.gain_base, "money", symbol=False)
        took = "done before" if run.before else duration_text(run.seconds)
        say(f"Seed {run.seed}: {run.summary.steps:,} decisions, validation gain {gain}, {took} ({done} of {total}).")
        if not run.before:
            spent += run.seconds
            tell(run.seconds, done, total)

    try:
        with stage_bar(quiet=False) as on_progress, _watched(on_progress, out, (steps or 0) * seeds):
            summary = train_seeds(
                scenario,
                agent,
                out,
                seeds=seeds,
                **asked,
                engine=engine,
                workers=workers,
                resume=resume,
                on_run=on_run,
            )
    except KeyboardInterrupt:
        if (out / "seeds").is_dir():
            say(f"Go on with the runs that are not finished by the same command with --resume (--out {out}).")
        raise
    clock = time.perf_counter() - began
    say(f"Cost: {duration_text(spent)} of training in all, in {duration_text(clock)} by the clock.")
    return summary


@contextmanager
def _watched(on_progress: "Progress", out: Path, total: int) -> Generator[None]:
    """Tell meanwhile how many decisions the runs have learnt from, by what they wrote: workers may be anywhere."""
    from xbopt.agents.seeds import decisions_made

    ended = threading.Event()

    def watch() -> None:
        while not ended.wait(_LOOKS_EVERY_SECONDS):
            made = decisions_made(out)
            on_progress("decisions", min(made, total) if total else made, total)

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        ended.set()
        watcher.join()


def print_seeds(summary: "SeedsSummary", agent: str, currency: str) -> None:
    """One row a seed, the spread over them, and what may be believed of the best."""
    console, numbers = result_console(), terminal_numbers(currency)

    def money(amount: float) -> str:
        return "" if math.isnan(amount) else numbers.number(amount, "money", symbol=False)

    best, runs = summary.best, summary.runs
    anchor = best.summary.anchor or best.summary.plan
    made = table(
        f"Gain over {anchor} by seed; the same worlds for all, {currency}",
        "",
        "Decisions",
        "Validation",
        "Standard error",
        "Test",
    )
    for run in runs:
        own = run.summary
        name = f"Seed {run.seed}{' (the best)' if run is best else ''}"
        made.add_row(name, f"{own.steps:,}", money(own.gain_base), money(own.gain_se_base), money(run.test_gain_base))

    def over_seeds(label: str, figure: "Callable[[Spread], str]") -> None:
        """A row of the spread, of validation and of test."""
        test = summary.test
        made.add_row(label, "", figure(summary.validation), "", "" if test is None else figure(test))

    over_seeds("Mean", lambda one: money(one.mean))
    over_seeds("Standard deviation", lambda one: money(one.sd))
    over_seeds("95 % of the mean", lambda one: f"{money(one.low)} to {money(one.high)}")
    console.print(made)
    kept = sum(run.summary.keeps_anchor for run in runs)
    if kept == len(runs):
        return
    believed = (
        "Believe its figure on the test worlds, which chose nothing."
        if summary.test is not None
        else "No test worlds were played that would say by how much."
    )
    console.print(
        f"Seed {best.seed} is kept: of {len(runs)} runs it earns most on the {best.summary.validation_worlds} "
        f"validation worlds. The largest of several figures flatters the run that has it. {believed} A run of another "
        "seed may expect the mean. Intervals over seeds hold the luck of training alone.",
        markup=False,
    )
    if kept:
        console.print(f"{kept} of {len(runs)} runs kept {anchor}: {agent} found nothing better there.", markup=False)


def seeds_json(summary: "SeedsSummary") -> dict[str, object]:
    """What ``--json`` tells of the seeds, beside the best run."""
    from dataclasses import asdict

    def spread(one: "Spread | None") -> dict[str, float] | None:
        return None if one is None else asdict(one)

    return {
        "best": summary.best.seed,
        "chosen_on": "validation",
        "validation": spread(summary.validation),
        "test": spread(summary.test),
        "runs": [
            {
                "seed": run.seed,
                "steps": run.summary.steps,
                "stopped": run.summary.stopped,
                "keeps_anchor": run.summary.keeps_anchor,
                "missed": run.summary.missed,
                "gain_base": run.summary.gain_base,
                "gain_se_base": run.summary.gain_se_base,
                "test_gain_base": run.test_gain_base,
            }
            for run in summary.runs
        ],
    }
