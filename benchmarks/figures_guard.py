"""Every figure that the commands give on fixed seeds, before a change and after it.

A change of the house must change no figure. This script runs the commands as a user types them, keeps all that they
print as JSON, the rows of the logs that they write, the files of the bundles and an answer of the service, and compares
two such records.

    python -m benchmarks.figures_guard write before.json [--only simulate,plan]
    python -m benchmarks.figures_guard compare before.json after.json
    python -m benchmarks.figures_guard --tiny

``compare`` ends with 1 where a value is gone or differs; values that came new are listed. Times, paths and dates are
left out. Both records have to be made on one machine: another processor may round otherwise.
"""

import base64
import hashlib
import json
import os
import re
import socket
import subprocess
import sys
import tarfile
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from benchmarks.bars import Bar, told, words_of

BARS = (Bar(name="values gone or changed", most=0.0),)
REPOSITORY = Path(__file__).resolve().parents[1]
SCENARIOS = ("quickstart", "gift_retailer", "electronics_case", "us_eu_launch", "singles_day", "tariff_shock")
PLANS = ("uniform", "proportional", "calendar", "greedy_roas", "planner")
# What differs from run to run or from place to place and is no figure of the market.
MOMENT = re.compile(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ|sha256.[0-9a-f]{64}")  # of a bundle, and hashes that hold one
CLOCK = {"timestamp", "reward_ready_at"}  # of decisions that the service stores
UNSTEADY = {"performance", "solve_seconds", "seconds", "run", "bundle_path", "log", "content_address", "created"}

Json = Any  # a document as json.loads gives it
Record = dict[str, Any]


def run_xbopt(folder: Path, *words: str) -> Json:
    """What a command prints as JSON; its exit code where it prints none."""
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY), "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "xbopt", *words]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if "--json" not in words or not done.stdout.strip():
        return {"exit_code": done.returncode, "said": done.stderr}
    return {"exit_code": done.returncode, "printed": steady(json.loads(done.stdout))}


def steady(value: Json) -> Json:
    """A document without times and paths."""
    if isinstance(value, dict):
        return {key: steady(entry) for key, entry in value.items() if key not in UNSTEADY}
    return [steady(entry) for entry in value] if isinstance(value, list) else value


def digest(path: Path) -> Json:
    """Rows and the SHA-256 of each column of a decision log; the hash of any other file."""
    if path.suffix != ".parquet":
        return hashlib.sha256(path.read_bytes()).hexdigest()
    log = pq.read_table(path)
    return {
        "rows": log.num_rows,
        **{name: hashlib.sha256(repr(log[name].to_pylist()).encode()).hexdigest() for name in log.column_names},
    }


def simulations(folder: Path) -> Record:
    """Plans in every shipped market, with and without exploration, and the log of one."""
    ask = ("--runs", "16", "--seed", "3", "--json")
    found: Record = {name: run_xbopt(folder, "simulate", name, *ask) for name in SCENARIOS}
    for plan in (*PLANS, "replan"):
        found[f"quickstart, {plan}"] = run_xbopt(folder, "simulate", "quickstart", "--policy", plan, *ask)
    found["explored"] = run_xbopt(
        folder, "simulate", "singles_day", *ask, "--exploration", "0.3", "--log", "explored.parquet"
    )
    found["log"] = digest(folder / "explored.parquet")
    return found


def plans(folder: Path) -> Record:
    """Plans by goal and target, a plan that cannot be, and the plan's own file."""
    found: Record = {
        "quickstart": run_xbopt(folder, "plan", "quickstart", "-o", "plan.csv", "--json"),
        "orders": run_xbopt(folder, "plan", "quickstart", "--goal", "orders", "--json"),
        "target": run_xbopt(folder, "plan", "quickstart", "--target", "contribution_margin=20000", "--json"),
        "too much": run_xbopt(folder, "plan", "quickstart", "--target", "orders=9999999", "--json"),
        "electronics_case": run_xbopt(folder, "plan", "electronics_case", "--json"),
        "tariff_shock": run_xbopt(folder, "plan", "tariff_shock", "--resolution", "four_weeks", "--json"),
    }
    found["plan.csv"] = digest(folder / "plan.csv")
    found["played"] = run_xbopt(folder, "simulate", "quickstart", "--policy", "plan.csv", "--runs", "8", "--json")
    return found


def comparisons(folder: Path) -> Record:
    """Policies side by side, with the planner that knows each world."""
    ask = ("compare", "quickstart", "--runs", "24", "--oracle-worlds", "3", "--seed", "5", "--json")
    return {"quickstart": run_xbopt(folder, *ask, "--policies", "greedy_roas,calendar,replan")}


def tiny(folder: Path) -> Record:
    """One short comparison."""
    short = ("--set", "horizon.days=8", "--set", "plan.discounts=[]", "--runs", "2", "--oracle-worlds", "1")
    return {"quickstart": run_xbopt(folder, "compare", "quickstart", *short, "--policies", "uniform", "--json")}


def evaluations(folder: Path) -> Record:
    """Questions to an own log and to foreign ones, with every reward model, sequences, certificate and refusals."""
    run_xbopt(folder, "simulate", "quickstart", "--runs", "96", "--log", "own.parquet", "--exploration", "0.4")
    banners(folder / "banners.csv", rare=False)
    banners(folder / "rare.csv", rare=True)
    own, csv = ("evaluate", "own.parquet", "--json"), ("evaluate", "banners.csv", "--json", "--policy", "always:hero")
    found: Record = {
        "uniform": run_xbopt(folder, *own, "--policy", "uniform", "--certificate", "own.json"),
        "plan": run_xbopt(folder, *own, "--policy", "greedy_roas", "--scenario", "quickstart"),
        "sequential": run_xbopt(folder, *own, "--policy", "uniform", "--estimand", "sequential"),
        "no exploration": run_xbopt(folder, *own, "--policy", "logging", "--exploration", "0"),
        "self-test": run_xbopt(folder, *csv, "--self-test"),
        "sequence": run_xbopt(folder, *csv, "--sequence"),
        "rare": run_xbopt(folder, "evaluate", "rare.csv", "--json", "--policy", "always:rare"),
        "rare, forced": run_xbopt(folder, "evaluate", "rare.csv", "--json", "--policy", "always:rare", "--force"),
    }
    for model in ("logistic", "trees", "ensemble", "none"):
        found[model] = run_xbopt(folder, *csv, "--reward-model", model)
    found["certificate"] = steady(json.loads((folder / "own.json").read_text(encoding="utf-8")))
    return found


def banners(path: Path, *, rare: bool) -> None:
    """A click log of three banners in text; with ``rare``, one of them is hardly ever shown."""
    rng = np.random.default_rng(11)
    chances = np.array([0.5, 0.49, 0.01]) if rare else np.array([0.5, 0.3, 0.2])
    names = ("hero", "plain", "rare")
    lines = ["action,reward,propensity,age,device"]
    for _ in range(4000):
        action = int(rng.choice(3, p=chances))
        age, phone = float(rng.normal(40.0, 10.0)), bool(rng.random() < 0.5)
        click = int(rng.random() < 0.1 + 0.05 * action + 0.1 * phone)
        lines.append(f"{names[action]},{click},{chances[action]:g},{age:.1f},{'phone' if phone else 'desktop'}")
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def trainings(folder: Path) -> Record:
    """PPO in both encodings and two bandits for 2,000 steps, each played afterwards."""
    found: Record = {}
    for name, words in {
        "ppo": ("ppo",),
        "ppo, continuous": ("ppo", "--option", "encoding=continuous"),
        "lin_ts": ("lin_ts",),
        "neural_linear": ("neural_linear",),
    }.items():
        run = f"run-{len(found)}"
        ask = ("train", "quickstart", "--steps", "2000", "--seed", "2", "--out", run, "--json")
        found[name] = run_xbopt(folder, *ask, "--agent", *words)
        found[f"{name}, played"] = run_xbopt(
            folder, "simulate", "quickstart", "--policy", run, "--runs", "8", "--seed", "4", "--json"
        )
    return found


def services(folder: Path) -> Record:
    """Bundles file by file, and what the service answers, stores and exports for one request."""
    run_xbopt(folder, "train", "quickstart", "--agent", "ppo", "--steps", "512", "--out", "served", "--json")
    export, ask = ("export", "-o"), ("--unproven", "--json")
    found: Record = {
        "plan": run_xbopt(folder, *export, "plan.xbopt", "calendar", "--scenario", "quickstart", *ask),
        "ppo": run_xbopt(folder, *export, "ppo.xbopt", "served", "--exploration", "0.2", *ask),
    }
    for name in ("plan", "ppo"):
        with tarfile.open(folder / f"{name}.xbopt") as archive:
            files = {member.name: archive.extractfile(member).read() for member in archive if member.isfile()}  # type: ignore[union-attr]
        found[f"{name}, files"] = {
            file: hashlib.sha256(MOMENT.sub(b"", data)).hexdigest()
            for file, data in sorted(files.items())
            if file != "manifest.json"
        }
        found[f"{name}, answer"] = answer(folder, f"{name}.xbopt", request_from(files))
        store = ("decisions", "export", "--store", f"sqlite:///{name}.xbopt.sqlite", "-o", f"{name}.parquet", "--json")
        found[f"{name}, decisions"] = run_xbopt(folder, *store)
        if (folder / f"{name}.parquet").exists():
            columns = digest(folder / f"{name}.parquet")
            assert isinstance(columns, dict)
            found[f"{name}, log"] = {key: value for key, value in columns.items() if key not in CLOCK}
    return found


def request_from(files: dict[str, bytes]) -> bytes:
    """The first golden input of a bundle, as a JSON request."""
    inputs = json.loads(files["golden.json"])["inputs"]
    asked: dict[str, Json] = {"decision_id": "guard-1", "episode_id": "guard"}
    for name in ("day", "budget_base", "regions", "cells", "channels"):
        if name in inputs:
            tensor = inputs[name]
            array = np.frombuffer(base64.b64decode(tensor["data"]), tensor["dtype"]).reshape(tensor["shape"])
            asked[name] = array[0].tolist()
    return json.dumps(asked).encode()


def answer(folder: Path, bundle: str, body: bytes) -> Json:
    """What a service of this bundle answers over HTTP."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    command = [sys.executable, "-m", "xbopt", "serve", bundle, "--unproven", "--port", str(port)]
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    store = ["--store", f"sqlite:///{bundle}.sqlite"]
    process = subprocess.Popen([*command, *store], cwd=folder, env=environment, stderr=subprocess.DEVNULL)
    try:
        ask = urllib.request.Request(f"http://127.0.0.1:{port}/v1/allocate", body, {"Content-Type": "application/json"})
        for _ in range(300):
            try:
                with urllib.request.urlopen(ask, timeout=30) as response:  # noqa: S310 - our own address
                    told = json.load(response)
                return {key: value for key, value in told.items() if key != "bundle"}
            except (ConnectionError, urllib.error.URLError):
                time.sleep(0.2)
        return "the service did not answer"
    finally:
        process.terminate()
        process.wait(timeout=60)


PARTS: dict[str, Callable[[Path], Record]] = {
    "simulate": simulations,
    "plan": plans,
    "compare": comparisons,
    "evaluate": evaluations,
    "train": trainings,
    "serve": services,
    "tiny": tiny,
}
ALL = ",".join(name for name in PARTS if name != "tiny")


def differences(before: Json, after: Json, path: str = "") -> Iterator[tuple[str, str, str]]:
    """Each place where two records differ: ``changed``, ``gone`` or ``new``, the path, and what stands there."""
    if isinstance(before, dict) and isinstance(after, dict):
        for key in before.keys() | after.keys():
            place = f"{path} / {key}" if path else key
            if key not in after:
                yield "gone", place, json.dumps(before[key])
            elif key not in before:
                yield "new", place, json.dumps(after[key])
            else:
                yield from differences(before[key], after[key], place)
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for i, (one, other) in enumerate(zip(before, after, strict=True)):
            yield from differences(one, other, f"{path}[{i}]")
    elif before != after or type(before) is not type(after):
        yield "changed", path, f"{json.dumps(before)} -> {json.dumps(after)}"


def write(file: Path, only: list[str]) -> None:
    """Run the commands of the parts and keep what they gave."""
    record: Record = {}
    for name in only:
        started = time.perf_counter()
        with tempfile.TemporaryDirectory() as folder:
            record[name] = PARTS[name](Path(folder))
        print(f"{name}: {time.perf_counter() - started:.0f} s", flush=True)
    file.write_text(json.dumps(record, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def compare(before: Path, after: Path) -> int:
    """Print the differences of two records; the number of values that are gone or differ."""
    one, other = (json.loads(file.read_text(encoding="utf-8")) for file in (before, after))
    parts = one.keys() & other.keys()
    found = sorted(differences({name: one[name] for name in parts}, {name: other[name] for name in parts}))
    for kind, place, what in found:
        print(f"{kind}: {place}: {what[:300]}")
    wrong = sum(kind != "new" for kind, _, _ in found)
    print(f"{', '.join(sorted(parts))}: {wrong} values gone or changed, {len(found) - wrong} new")
    return wrong


def main() -> int:
    """Read the command line."""
    parser = words_of(__doc__)
    verbs = parser.add_subparsers(dest="verb")
    writing = verbs.add_parser("write")
    writing.add_argument("file", type=Path)
    writing.add_argument("--only", default=ALL, help=f"parts, with commas between: {ALL}")
    comparing = verbs.add_parser("compare")
    comparing.add_argument("before", type=Path)
    comparing.add_argument("after", type=Path)
    asked = parser.parse_args()
    if asked.verb == "compare":
        return told(__file__, BARS, {BARS[0].name: compare(asked.before, asked.after)}, tiny=False)
    if asked.verb == "write":
        write(asked.file, asked.only.split(","))
        return 0
    if not asked.tiny:
        parser.error("write or compare?")
    with tempfile.TemporaryDirectory() as folder:
        record = Path(folder) / "record.json"
        write(record, ["tiny"])
        return told(__file__, BARS, {BARS[0].name: compare(record, record)}, tiny=True)


if __name__ == "__main__":
    sys.exit(main())
