"""Thousands of mutated scenarios: each is refused with a place, or loaded and played without a wrong number.

Run ``python -m benchmarks.bench_fuzz_scenarios [--count 2000] [--seed 0]``. The last line counts accepted, refused and
failed mutants; with a failure the program ends with 1, and the mutant stands in a temporary file.
"""

import sys
import tempfile
import time
from pathlib import Path

from benchmarks.bars import Bar, told, words_of
from tests.core.scenario.fuzz import run

BARS = (Bar(name="mutants that failed", most=0.0), Bar(name="share of mutants that load"))


def main() -> int:
    """Run from the command line."""
    parser = words_of(__doc__)
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="xbopt-fuzz-"))
    start = time.perf_counter()
    count = 20 if options.tiny else options.count
    verdicts, failures = run(count, options.seed, folder=folder)
    for failure in failures:
        print(failure)
    for name, number in sorted(verdicts.items()):
        if " " in name:
            print(f"{name}: {number}")
    print(
        f"accepted {verdicts['accepted']}, refused {verdicts['refused']}, failed {verdicts['failed']}"
        f" in {time.perf_counter() - start:.0f} s"
    )
    figures = {BARS[0].name: len(failures), BARS[1].name: verdicts["accepted"] / count}
    return told(__file__, BARS, figures, tiny=options.tiny)


if __name__ == "__main__":
    sys.exit(main())
