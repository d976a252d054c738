"""Hillstrom's randomised e-mail test: the tables of docs/hillstrom.md.

Usage: ``python -m benchmarks.hillstrom_example [--data ../shared/data] [--json] [--tiny]``
"""

import json
import os
import sys
from pathlib import Path

from benchmarks.bars import Bar, left_out, told, words_of
from tests.realdata.hillstrom import BY_HISTORY, BY_MODEL, DEFAULT_DATA, MENS, REWARDS, measure_all, tables

BARS = tuple(
    Bar(name=f"{reward}, {policy}, over one e-mail for everybody")
    for reward in REWARDS
    for policy in (BY_HISTORY, BY_MODEL)
)


def main() -> int:
    """Print what was measured."""
    parser = words_of(__doc__)
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("XBOPT_DATA", DEFAULT_DATA)))
    parser.add_argument("--json", action="store_true", help="one JSON document")
    options = parser.parse_args()
    if not (options.data / "hillstrom").is_dir():
        left_out(__file__, f"the data of the test are not in {options.data}")
    found = measure_all(options.data)
    if options.json:
        print(json.dumps(found))
        return 0
    print("\n\n".join(tables(found)))
    held = {reward: found[reward]["held_out"] for reward in REWARDS}
    ratios = [
        held[reward][policy]["value"] / held[reward][MENS]["value"]
        for reward in REWARDS
        for policy in (BY_HISTORY, BY_MODEL)
    ]
    return told(__file__, BARS, {bar.name: ratio for bar, ratio in zip(BARS, ratios, strict=True)}, tiny=options.tiny)


if __name__ == "__main__":
    sys.exit(main())
