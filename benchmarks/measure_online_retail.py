"""Measure the Online Retail transactions and the ECB rates for the scenario ``gift_retailer``.

Usage: ``python -m benchmarks.measure_online_retail [--data ../shared/data] [--json]``

One JSON document goes to the standard output: keys sorted, numbers rounded to six significant digits, the
same bytes on every run. ``--json`` puts it on one line. What is measured stands in ``tests/realdata/online_retail``.
"""

import argparse
import json
import sys
from pathlib import Path

from tests.realdata.online_retail.measures import DEFAULT_DATA, measure, rounded


def main() -> int:
    """Print the document."""
    parser = argparse.ArgumentParser(description="Measure the Online Retail transactions.")
    parser.add_argument("--data", type=Path, default=DEFAULT_DATA, help="folder with online_retail and ecb_fx")
    parser.add_argument("--json", action="store_true", help="one line instead of an indented document")
    options = parser.parse_args()
    if not (options.data / "online_retail" / "online_retail.parquet").is_file():
        print(f"no online_retail/online_retail.parquet below {options.data}", file=sys.stderr)
        return 2
    document = rounded(measure(options.data))
    print(json.dumps(document, sort_keys=True, indent=None if options.json else 2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
