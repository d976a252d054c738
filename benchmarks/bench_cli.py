"""How long a planner waits: whole commands in fresh processes.

Prints wall and processor time of ``xbopt --help`` and ``xbopt simulate quickstart --runs 256``, best of several, each
beside the start of a bare Python process in the same run. Bar: the simulation under 3 s.

    python -m benchmarks.bench_cli [--repeats 5]
"""

import argparse
import resource
import subprocess
import sys
import time

BAR_SECONDS = 3.0
START = "from xbopt.cli.main import main; main()"


def timed(arguments: list[str], repeats: int) -> tuple[float, float]:
    """Best wall time and best processor time of a command, seconds."""
    walls: list[float] = []
    processors: list[float] = []
    for _ in range(repeats):
        before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL)
        walls.append(time.perf_counter() - started)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        processors.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return min(walls), min(processors)


def main() -> int:
    """Print the table; 1 if the bar is missed."""
    parser = argparse.ArgumentParser(description="How long a planner waits.")
    parser.add_argument("--repeats", type=int, default=5)
    repeats = parser.parse_args().repeats
    bare, _ = timed(["-c", "pass"], repeats)
    print(f"python -c pass: {bare:.2f} s")
    wall = 0.0
    for words in (["--help"], ["simulate", "quickstart", "--runs", "256"]):
        wall, processor = timed(["-c", START, *words], repeats)
        print(f"xbopt {' '.join(words)}: {wall:.2f} s wall, {processor:.2f} s of processor, {wall / bare:.0f} x bare")
    print(f"bar for the simulation: {BAR_SECONDS:g} s; {'met' if wall < BAR_SECONDS else 'missed'}")
    return 0 if wall < BAR_SECONDS else 1


if __name__ == "__main__":
    sys.exit(main())
