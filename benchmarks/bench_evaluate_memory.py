"""Peak memory and speed of evaluating Parquet logs of growing size, each in a process of its own.

Run ``python -m benchmarks.bench_evaluate_memory [--rows 1000000 4000000 16000000]``. Each log has ten actions, ten
context columns, decision ids and propensities; the policy is ``always:0``. The bars: the largest log needs at most 1.2
times the memory of the smallest, and the core scores a million rows a second (both passes, reading included, is what is
printed). The peer of the same run loads the smallest log whole, which is what does not scale. Exit code 1 when memory
grows.
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.bars import Bar, told, words_of

BARS = (
    Bar(name="memory of the largest log over the smallest", most=1.2),
    Bar(name="rows a processor second", least=1e6),
    Bar(name="memory of the whole log over batches"),
)
ACTIONS, FIELDS, BLOCK = 10, 10, 250_000
COLUMNS = "decision_id=decision_id,action=action,propensity=propensity,reward=reward,context=x*"
_ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")


def write_log(path: Path, rows: int) -> None:
    """A log with uniform logging and rewards of 0 and 1."""
    import numpy as np
    import pyarrow as pa
    from pyarrow import parquet

    writer: parquet.ParquetWriter | None = None
    for first in range(0, rows, BLOCK):
        rng, size = np.random.default_rng(first // BLOCK), min(BLOCK, rows - first)
        action = rng.integers(0, ACTIONS, size)
        context = rng.standard_normal((size, FIELDS))
        chance = 0.05 + 0.01 * action * (context[:, 0] > 0)
        table = pa.table(
            {
                "decision_id": pa.array(range(first, first + size)).cast(pa.string()),
                "action": action,
                "propensity": np.full(size, 1.0 / ACTIONS),
                "reward": (rng.random(size) < chance).astype(np.float64),
                **{f"x{i}": context[:, i] for i in range(FIELDS)},
            }
        )
        if writer is None:
            writer = parquet.ParquetWriter(path, table.schema)
        writer.write_table(table)
    assert writer is not None, "at least one block is asked for"
    writer.close()


def evaluate(path: Path) -> tuple[int, float]:
    """Evaluate in batches; rows and value."""
    from xbopt.ope.logs.evaluation import evaluate_log
    from xbopt.ope.logs.open_log import open_log
    from xbopt.ope.logs.policies import named_policy

    log = open_log(path, columns=[COLUMNS])
    policy = named_policy("always:0", log)
    assert policy is not None
    result = evaluate_log(log, policy).result
    return result.rows, result.estimates["dr"].value


def load_whole(path: Path) -> tuple[int, float]:
    """The peer: the same question with the whole log in memory."""
    import numpy as np

    from xbopt.ope import evaluate_policy
    from xbopt.ope.logs.log_policy import load_rows
    from xbopt.ope.logs.open_log import open_log
    from xbopt.ope.logs.policies import named_policy

    log = open_log(path, columns=[COLUMNS])
    policy = named_policy("always:0", log)
    assert policy is not None
    rows, probabilities = load_rows(log, policy)
    result = evaluate_policy(rows.data, np.ascontiguousarray(probabilities))
    return result.rows, result.estimates["dr"].value


CASES = {"batches": evaluate, "whole": load_whole}


def peak_mb() -> float:
    """Peak resident memory of this program; the system's figure for a process counts its parent's memory too."""
    for line in Path("/proc/self/status").read_text(encoding="utf-8").splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) / 1024.0
    return float("nan")


def measured(case: str, path: Path) -> tuple[float, float, str]:
    """Peak resident memory in MB, processor seconds and value of a case, in a fresh process."""
    run = subprocess.run(
        [sys.executable, "-m", "benchmarks.bench_evaluate_memory", "--case", case, "--log", str(path)],
        capture_output=True, text=True, check=True, env={**os.environ, **_ONE_THREAD}, cwd=Path(__file__).parents[1],
    )  # fmt: skip
    peak, seconds, value = run.stdout.split()
    return float(peak), float(seconds), value


def main() -> int:
    """Write the logs, evaluate them and compare."""
    parser = words_of(__doc__)
    parser.add_argument("--rows", type=int, nargs="+", default=[1_000_000, 4_000_000, 16_000_000])
    parser.add_argument("--case", choices=list(CASES), help="measure this one in this process")
    parser.add_argument("--log", type=Path, help="its log")
    options = parser.parse_args()
    if options.case:
        started = time.process_time()
        _, value = CASES[options.case](options.log)
        print(peak_mb(), time.process_time() - started, value)
        return 0
    print(f"{'rows':>12}  {'how':>8}  {'peak MB':>8}  {'seconds':>8}  {'rows a second':>14}  value")
    sizes = [2000, 4000] if options.tiny else options.rows
    peaks: list[float] = []
    speed, whole = 0.0, 0.0
    with tempfile.TemporaryDirectory() as folder:
        for rows in sizes:
            path = Path(folder) / "log.parquet"
            write_log(path, rows)
            for case in ("batches", "whole") if rows == sizes[0] else ("batches",):
                peak, seconds, value = measured(case, path)
                print(f"{rows:>12,}  {case:>8}  {peak:>8.0f}  {seconds:>8.1f}  {rows / seconds:>14,.0f}  {value}")
                if case == "batches":
                    peaks.append(peak)
                    speed = rows / seconds
                else:
                    whole = peak / peaks[0]
    figures = {BARS[0].name: max(peaks) / peaks[0], BARS[1].name: speed, BARS[2].name: whole}
    return told(__file__, BARS, figures, tiny=options.tiny)


if __name__ == "__main__":
    sys.exit(main())
