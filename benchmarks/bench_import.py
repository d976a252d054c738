"""How long the import of many orders takes, and how much memory: five million rows in 60 s and 1.5 GB.

Two files are made: a plain table whose columns are named by hand, and an export as Shopify writes it, whose fields of
an order stand on its first line only. Each is imported in a process of its own.

    python -m benchmarks.bench_import [--tiny] [--rows 5000000]

With ``--tiny`` the fast reader, which large files get, is held against the careful one: the tables must be the same.
"""

import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import polars as pl

from benchmarks.bars import Bar, told, words_of
from xbopt.core.randomness import named_generator
from xbopt.imports.data_folder import read_data_folder
from xbopt.imports.engine import reading
from xbopt.imports.engine.run import import_files

KINDS = ("table", "shopify")
BARS = (
    *(Bar(name=f"{kind}: seconds", most=60.0) for kind in KINDS),
    *(Bar(name=f"{kind}: peak memory, MB", most=1500.0) for kind in KINDS),
)
FULL_ROWS, TINY_ROWS, CHUNK_ROWS = 5_000_000, 20_000, 250_000
COLUMNS: Mapping[str, str] = {
    "order_id": "order", "time": "placed", "customer": "buyer", "sku": "article", "quantity": "pieces",
    "unit_price": "price", "discount": "rebate", "country": "land", "region": "state", "status": "status",
}  # fmt: skip


def table_chunk(start: int, rows: int, draw: np.random.Generator) -> pl.DataFrame:
    """Some rows of a plain table of orders with two and a half lines each, with addresses and a column of no use."""
    order = (start + np.arange(rows)) * 2 // 5
    numbers = pl.Series(order)
    return pl.DataFrame(
        {
            "order": "1" + numbers.cast(pl.String).str.zfill(9),
            "placed": ((1_700_000_000 + numbers * 12) * 1_000_000).cast(pl.Datetime("us")).dt.to_string("%F %T +0200"),
            "buyer": "buyer" + (numbers % 700_000).cast(pl.String) + "@example.test",
            "article": "SKU-" + pl.Series(draw.integers(0, 2000, rows)).cast(pl.String),
            "pieces": draw.integers(1, 4, rows),
            "price": np.round(draw.uniform(3.0, 900.0, rows), 2),
            "rebate": np.round(draw.uniform(0.0, 3.0, rows), 2),
            "land": np.array(["DE", "FR", "US", "GB"])[order % 4],
            "state": np.array([f"R{i}" for i in range(50)])[order % 50],
            "status": np.array(["paid", "paid", "paid", "voided"])[order % 4],
            "note": ["nothing, to see here"] * rows,
        }
    )


def shopify_chunk(start: int, rows: int, draw: np.random.Generator) -> pl.DataFrame:
    """The same as an orders export of Shopify."""
    plain = table_chunk(start, rows, draw)
    first = pl.col("order") != pl.col("order").shift(1).fill_null("")
    value = pl.col("price") * pl.col("pieces")
    total = value.sum().over("order").round(2)
    on_first = {
        "Financial Status": pl.lit("paid"), "Currency": pl.lit("EUR"), "Subtotal": total, "Shipping": pl.lit(0.0),
        "Taxes": (total * 19 / 119).round(2), "Total": total, "Discount Amount": pl.lit(0.0),
        "Shipping Province": pl.col("state"), "Shipping Country": pl.col("land"), "Refunded Amount": pl.lit(0.0),
    }  # fmt: skip
    return plain.select(
        pl.concat_str(pl.lit("#"), "order").alias("Name"),
        pl.col("buyer").alias("Email"),
        *(pl.when(first).then(expression).alias(name) for name, expression in on_first.items()),
        pl.col("placed").alias("Created at"),
        pl.col("pieces").alias("Lineitem quantity"),
        pl.concat_str(pl.lit("Lamp, "), "article").alias("Lineitem name"),
        pl.col("price").alias("Lineitem price"),
        pl.col("article").alias("Lineitem sku"),
        pl.lit("A Buyer").alias("Shipping Name"),
        pl.lit(0.0).alias("Lineitem discount"),
    )


def measured(path: Path, into: Path, *, careful: bool) -> dict[str, float]:
    """Import a file in a process of its own: seconds, seconds of processors, megabytes at the most, rows."""
    command = [sys.executable, "-m", "benchmarks.bench_import", "--one", str(path), str(into)]
    done = subprocess.run([*command, *(["--careful"] if careful else [])], check=True, capture_output=True, text=True)
    return json.loads(done.stdout)


def import_one(path: Path, into: Path, *, careful: bool) -> None:
    reading.FAST_FROM = 1 << 60 if careful else 0
    columns = COLUMNS if path.stem == "table" else None
    started = time.perf_counter()
    result = import_files([path], into=into, columns=columns, currency="EUR", key=path.parent / "customer.key")
    seconds, processor = time.perf_counter() - started, time.process_time()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        json.dumps(
            {
                "seconds": round(seconds, 1),
                "processor": round(processor, 1),
                "peak_mb": round(peak),
                **result.provenance.tables,
            }
        )
    )


def main() -> int:
    parser = words_of(__doc__)
    parser.add_argument("--rows", type=int)
    parser.add_argument("--one", nargs=2, type=Path)
    parser.add_argument("--careful", action="store_true")
    given = parser.parse_args()
    if given.one:
        import_one(*given.one, careful=given.careful)
        return 0
    figures = dict[str, float]()
    rows = given.rows or (TINY_ROWS if given.tiny else FULL_ROWS)
    with tempfile.TemporaryDirectory() as scratch:
        for name, chunk in zip(KINDS, (table_chunk, shopify_chunk), strict=True):
            path = Path(scratch) / f"{name}.csv"
            draw = named_generator(0, "bench_import")
            with path.open("wb") as stream:
                for start in range(0, rows, CHUNK_ROWS):
                    chunk(start, min(CHUNK_ROWS, rows - start), draw).write_csv(stream, include_header=start == 0)
            fast = measured(path, path.with_suffix(".fast"), careful=given.careful)
            print(f"{name}: {rows:,} rows, {path.stat().st_size / 1e6:,.0f} MB: {fast}", flush=True)
            figures |= {f"{name}: seconds": fast["seconds"], f"{name}: peak memory, MB": fast["peak_mb"]}
            if given.tiny and name == "shopify":
                measured(path, path.with_suffix(".careful"), careful=True)
                one, other = (
                    read_data_folder(path.with_suffix(suffix)).table("transactions") for suffix in (".fast", ".careful")
                )
                assert one is not None
                assert other is not None
                assert one.equals(other), "the fast reader and the careful one differ"
                print(f"{name}: both readers agree")
    return told(__file__, BARS, figures, tiny=given.tiny)


if __name__ == "__main__":
    sys.exit(main())
