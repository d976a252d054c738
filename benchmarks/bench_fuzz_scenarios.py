"""Thousands of mutated scenarios: each is refused with a place, or loaded and played without a wrong number.

Run ``python -m benchmarks.bench_fuzz_scenarios [--count 2000] [--seed 0]``. The last line counts accepted, refused and
failed mutants; with a failure the program ends with 1, and the mutant stands in a temporary file.
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path

from tests.core.scenario.fuzz import run


def main() -> int:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="xbopt-fuzz-"))
    start = time.perf_counter()
    verdicts, failures = run(options.count, options.seed, folder=folder)
    for failure in failures:
        print(failure)
    for name, number in sorted(verdicts.items()):
        if " " in name:
            print(f"{name}: {number}")
    print(
        f"accepted {verdicts['accepted']}, refused {verdicts['refused']}, failed {verdicts['failed']}"
        f" in {time.perf_counter() - start:.0f} s"
    )
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
