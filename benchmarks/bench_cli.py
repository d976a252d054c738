"""How long a planner waits: whole commands in fresh processes.

``xbopt --help`` is held against a process that imports typer and does nothing else: processor time, in turns, the
median of their ratios. The peer writes no help; what it costs typer to write one of two commands stands beside. The
simulation is held to seconds of the clock, best of its runs.

    python -m benchmarks.bench_cli [--repeats 15] [--tiny]
"""

import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence

from benchmarks.bars import Bar, told, words_of

XBOPT = "from xbopt.cli.main import main; main()"
A_HELP = """
import sys, typer
app = typer.Typer(rich_markup_mode=None)
app.command("one")(lambda: None)
app.command("two")(lambda: None)
sys.argv = ["peer", "--help"]
app()
"""
SIMULATION = (XBOPT, "simulate", "quickstart", "--runs", "256")
COMMANDS: dict[str, tuple[str, ...]] = {
    "import typer": ("import typer",),
    "typer's own help of two commands": (A_HELP,),
    "xbopt --help": (XBOPT, "--help"),
    "xbopt simulate --help": (XBOPT, "simulate", "--help"),
}
BARS = (
    Bar(name="xbopt --help over import typer", most=1.3),
    Bar(name="typer's own help of two commands over import typer"),
    Bar(name="xbopt simulate --help over import typer"),
    Bar(name="xbopt simulate quickstart --runs 256, s", most=3.0),
)


def timed(words: Sequence[str]) -> tuple[float, float]:
    """Seconds of the clock and of the processor that a program takes."""
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run([sys.executable, "-c", *words], check=True, stdout=subprocess.DEVNULL)
    wall, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> int:
    parser = words_of(__doc__)
    parser.add_argument("--repeats", type=int, default=15)
    asked = parser.parse_args()
    repeats = 1 if asked.tiny else asked.repeats
    turns = [{name: timed(words)[1] for name, words in COMMANDS.items()} for _ in range(repeats)]
    for name in COMMANDS:
        print(f"{name}: {statistics.median(turn[name] for turn in turns):.3f} s of the processor")
    typer, peer, ours, simulate = COMMANDS
    values = [statistics.median(turn[name] / turn[typer] for turn in turns) for name in (ours, peer, simulate)]
    runs = [timed(SIMULATION) for _ in range(min(repeats, 5))]
    values.append(min(wall for wall, _ in runs))
    print(f"the simulation: {min(processor for _, processor in runs):.2f} s of the processor")
    return told(__file__, BARS, {bar.name: value for bar, value in zip(BARS, values, strict=True)}, tiny=asked.tiny)


if __name__ == "__main__":
    sys.exit(main())
