"""How much faster commands are where days are compiled: by the clock and by processor time, in turns.

    python -m benchmarks.bench_commands [--before CHECKOUT] [--only NAME ...] [--rounds 3] [--threads 2] [--tiny]

Each command runs as its own process, numpy's day and the native day one after the other in every round; the middle one
of the rounds counts, and a first round that compiles bytecode does not. ``--before`` plays numpy's day in another
checkout, so that the ratio says what has come since. The machine may be shared: only ratios mean anything, and by the
clock even they mean little then.
"""

import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from benchmarks.bars import Bar, told, words_of

HERE = Path(__file__).resolve().parents[1]
OUT = "{out}"
COMMANDS: dict[str, tuple[str, ...]] = {
    "simulate": ("simulate", "us_eu_launch", "--runs", "1000"),
    "plan": ("plan", "us_eu_launch", "-o", OUT),
    "plan-small": ("plan", "quickstart", "-o", OUT),
    "plan-report": ("plan", "quickstart", "--report", OUT),
    "compare": ("compare", "us_eu_launch", "--policies", "baseline,greedy_roas,replan", "--runs", "64"),
    "log": ("simulate", "us_eu_launch", "--runs", "256", "--log", OUT),
    "train": ("train", "quickstart", "--agent", "ppo", "--steps", "40000", "--out", OUT),
    "what-if": ("what-if", "quickstart", "budget +20%"),
}
TINY: dict[str, tuple[str, ...]] = {"simulate": ("simulate", "quickstart", "--runs", "2")}
LEAST: dict[str, dict[str, float]] = {"by the clock": {"simulate": 5.0}, "processor": {"plan": 3.0, "plan-small": 3.0}}
"""Bars by what is measured and command."""
FIGURE = "{command}, before over after, {measured}"
BARS = [
    Bar(name=FIGURE.format(command=name, measured=measured), least=least.get(name))
    for measured, least in LEAST.items()
    for name in COMMANDS
]
SUFFIX = {"log": ".parquet", "plan-report": ".html", "train": ""}


def main() -> int:
    parser = words_of(__doc__)
    parser.add_argument("--before", type=Path, default=HERE, help="checkout whose numpy day is measured")
    parser.add_argument("--only", nargs="*", choices=list(COMMANDS), help="commands that are measured")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2, help="threads of the native day")
    options = parser.parse_args()
    commands = TINY if options.tiny else {name: COMMANDS[name] for name in options.only or COMMANDS}
    rounds = 1 if options.tiny else options.rounds
    print("numpy over native: by the clock, by processor time; seconds of both, clock/processor")
    figures = dict[str, float]()
    for name, words in commands.items():
        turns = [
            (run(options.before, name, words, "numpy", 1), run(HERE, name, words, "native", options.threads))
            for _ in range(rounds + (not options.tiny))
        ][-rounds:]
        clock, processor = (median(numpy[i] / native[i] for numpy, native in turns) for i in range(2))
        before, after = (
            "/".join(f"{median(turn[side][i] for turn in turns):.1f}" for i in range(2)) for side in range(2)
        )
        print(f"{name:12s} {clock:5.1f} {processor:5.1f}   {before} s   {after} s", flush=True)
        for measured, value in zip(LEAST, (clock, processor), strict=True):
            figures[FIGURE.format(command=name, measured=measured)] = value
    return told(__file__, BARS, figures, tiny=options.tiny)


def run(checkout: Path, name: str, words: tuple[str, ...], engine: str, threads: int) -> tuple[float, float]:
    """Seconds by the clock and of the processor that a command takes."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / f"out{SUFFIX.get(name, '.csv')}"
        command = [sys.executable, "-m", "xbopt", *(word.replace(OUT, str(out)) for word in words)]
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        environment |= {"PYTHONPATH": str(checkout), "XBOPT_ENGINE": engine, "XBOPT_THREADS": str(threads)}
        environment |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        before, began = _processor_seconds(), time.perf_counter()
        done = subprocess.run(command, cwd=checkout, env=environment, capture_output=True, text=True, check=False)
        clock, processor = time.perf_counter() - began, _processor_seconds() - before
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(command)} ended with {done.returncode}:\n{done.stderr}")
    return clock, processor


def _processor_seconds() -> float:
    """Processor time of all processes that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    sys.exit(main())
