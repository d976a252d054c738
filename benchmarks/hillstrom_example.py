"""Hillstrom's randomised e-mail test: the tables of docs/hillstrom.md.

Usage: ``python -m benchmarks.hillstrom_example [--data ../shared/data] [--json]``
"""

import argparse
import json
import sys
from pathlib import Path

from tests.realdata.hillstrom import DEFAULT_DATA, measure_all, tables


def main() -> int:
    """Print what was measured."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--data", type=Path, default=DEFAULT_DATA)
    parser.add_argument("--json", action="store_true", help="one JSON document")
    options = parser.parse_args()
    found = measure_all(options.data)
    if options.json:
        print(json.dumps(found))
        return 0
    print("\n\n".join(tables(found)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
