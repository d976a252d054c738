"""Fill the measured numbers of ``scenarios/gift_retailer.yaml`` from the Online Retail transactions.

Usage: ``python -m benchmarks.build_gift_retailer [--data ../shared/data] [--write]``

Without ``--write`` it prints one line ``path: value`` for each measured number, and what was sold in the scenario's
own days. With it the numbers are put into the file; everything else there stays as it is written.
"""

import argparse
import json
import sys
from pathlib import Path

from tests.realdata.online_retail.gift_retailer import (
    SCENARIO,
    fitted_numbers,
    measured_numbers,
    replaced,
    with_numbers,
    written,
)
from tests.realdata.online_retail.measures import DEFAULT_DATA
from tests.realdata.online_retail.order_rates import played_days, read_shop
from xbopt.core.documents.yaml_files import load_yaml


def main() -> int:
    """Print or write the numbers."""
    parser = argparse.ArgumentParser(description="Fill the measured numbers of scenarios/gift_retailer.yaml.")
    parser.add_argument("--data", type=Path, default=DEFAULT_DATA, help="folder with online_retail and ecb_fx")
    parser.add_argument("--write", action="store_true", help="put the numbers into the file")
    options = parser.parse_args()
    if not (options.data / "online_retail" / "online_retail.parquet").is_file():
        print(f"no online_retail/online_retail.parquet below {options.data}", file=sys.stderr)
        return 2
    shop = read_shop(options.data)
    numbers = measured_numbers(shop, options.data)
    document = load_yaml(SCENARIO)
    numbers |= fitted_numbers(with_numbers(document, numbers), shop)
    if options.write:
        SCENARIO.write_text(replaced(SCENARIO.read_text(encoding="utf-8"), document, numbers), encoding="utf-8")
    for path, value in numbers.items():
        print(f"{'.'.join(map(str, path))}: {written(value)}")
    print(json.dumps(played_days(shop), indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
