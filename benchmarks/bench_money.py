"""A million random requests over every route: how many grant more than budget or caps allow, to the last bit.

Budgets run from a hundredth to 1e11, caps from nothing to none; guardrails of every sort fire; held tactics, cells,
spend of the day before, missing and strange features, kill switch and a failing store come at random. Rows go as bytes
to the service's own ASGI application, some thousands as JSON, as lists and as inferences. Sums are worked out in both
orders, in numpy's, and for a sample exactly in decimal digits. The bar: none above. Exit code 1 otherwise.

    python -m benchmarks.bench_money [--rows 1000000] [--json 6000] [--seed 0]
"""

import asyncio
import json
import struct
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

import httpx
import msgspec
import numpy as np

from benchmarks.bars import Bar, told, words_of
from xbopt.agents.exploration import ExploringPolicy
from xbopt.agents.policies import BUILT_IN
from xbopt.core.scenario.loading import load_scenario
from xbopt.service.bundle.archive import write_files
from xbopt.service.bundle.formats import Guardrails, QuietHours
from xbopt.service.deciding.allocator import Allocator
from xbopt.service.exporting.description import build_guardrails
from xbopt.service.exporting.export import ExportSettings, export_policy
from xbopt.service.exporting.reference import observe_policy
from xbopt.service.http.app import build_app
from xbopt.service.http.batches import CONTENT_TYPE, read_answer
from xbopt.service.http.engine import Engine
from xbopt.service.http.kill_switch import MODES
from xbopt.service.http.metrics import Metrics
from xbopt.service.store.entries import NewEntry, Stored
from xbopt.service.store.group_commit import GroupCommit
from xbopt.service.store.interface import StoreError, Wanted
from xbopt.service.store.sqlite import SqliteStore
from xbopt.simulator.build import build_market

BARS = (Bar(name="decisions above budget or caps", most=0.0), Bar(name="decisions"))
TOTALS = (1.0, 1e3, 2.8e7, 1e11)
ROWS_AT_ONCE = 4096
LIMITS = [
    "budget.max_daily_multiple=1.7",
    "budget.region_caps_base={DE: %r}",
    "budget.minimums=[{region: DE, channel: social, spend_per_day_base: %r}]",
    "budget.maximums=[{region: UK, channel: search, spend_per_day_base: %r}]",
    "budget.locks=[{region: UK, segment: students, channel: email, spend_per_day_base: %r}]",
]
"""Every sort of limit, as shares of the budget below."""
SHARES = (None, 0.6, 0.004, 0.01, 0.003)


class ForgetfulStore(SqliteStore):
    """A store that keeps the first entry only, and fails when it is told to: what is granted is looked at here."""

    fails = False

    def append(self, entries: Sequence[NewEntry], wanted: Wanted | None = None) -> list[Stored]:
        """Store a bundle; forget a decision."""
        if self.fails:
            raise StoreError("told to fail")
        if entries[0].kind == "decision":
            return [Stored("new", entry.payload) for entry in entries]
        return super().append(entries, wanted)


def random_guardrails(rules: Guardrails, daily: float, rng: np.random.Generator) -> Guardrails:
    """Ceilings around what is spent, a limit on changes, quiet hours; each of them half of the time."""

    def maybe(value: object, otherwise: object) -> object:
        return value if rng.random() < 0.5 else otherwise

    def amount() -> float:
        return float(daily * 10.0 ** rng.uniform(-3.0, 0.3))

    quiet = [QuietHours(regions=["DE"], channels=["email"], from_hour=22, to_hour=7)]
    return msgspec.structs.replace(
        rules,
        day_ceiling_base=maybe(amount(), rules.day_ceiling_base),
        cell_ceiling_base=maybe(amount(), None),
        region_ceiling_base=maybe({"DE": amount()}, {}),
        channel_ceiling_base=maybe({"search": amount(), "email": 0.0}, {}),
        day_on_day_frac=maybe(float(rng.uniform(0.0, 1.0)), None),
        quiet_hours=maybe(quiet, []),
        discount_ceiling_frac=maybe({"DE/families": 0.0}, rules.discount_ceiling_frac),
        most_missing_frac=float(rng.choice([0.0, 0.1, 1.0])),
        on_drift=str(rng.choice(["answer", "fallback"])),
        on_store_failure="fallback",
    )


def bundles(folder: Path, rng: np.random.Generator, count: int) -> list[tuple[Path, dict[str, np.ndarray]]]:
    """Bundles of either shape and of every budget, with what their policies saw in the simulator."""
    made: list[tuple[Path, dict[str, np.ndarray]]] = []
    for number in range(count):
        total = TOTALS[number % len(TOTALS)]
        changes = [f"budget.total_base={total!r}"]
        if number % 3:
            changes += [text % (total * share) if share else text for text, share in zip(LIMITS, SHARES, strict=True)]
        market = build_market(load_scenario("quickstart", overrides=changes))
        plan = BUILT_IN["calendar"](market)
        policy = plan if number % 2 else ExploringPolicy(plan=plan, scenario=market.scenario, exploration=0.4)
        rules = random_guardrails(build_guardrails(market.scenario), market.scenario.limits.daily_base, rng)
        path = folder / f"{number}.xbopt"
        write_files(export_policy(policy, market, ExportSettings(name="demo", guardrails=rules)), path)
        seen = observe_policy(policy, market, worlds=8, seed=number)
        made.append(
            (path, {name: np.concatenate([getattr(one, name) for one in seen]) for name in ("regions", "cells")})
        )
    return made


def random_rows(
    allocator: Allocator, seen: dict[str, np.ndarray], rows: int, rng: np.random.Generator
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Inputs of a batch, and what stands beside them."""
    schema, total = allocator.bundle.schema, allocator.bundle.plan.limits.total_base
    regions, segments, channels = (len(schema.axes[axis]) for axis in "RSC")

    def money(*shape: int) -> np.ndarray:
        found = total * 10.0 ** rng.uniform(-12.0, 0.0, size=(rows, *shape))
        found[rng.random(found.shape) < 0.05] = 0.0
        found[rng.random(found.shape) < 0.02] = 1e-300
        return found

    def caps(width: int) -> np.ndarray:
        found = money(width)
        found[rng.random(found.shape) < 0.4] = np.inf
        return found

    pick = rng.integers(0, len(seen["cells"]), size=rows)
    inputs = {"regions": seen["regions"][pick], "cells": seen["cells"][pick]}
    for array in inputs.values():
        array[rng.random(array.shape) < rng.choice([0.0, 0.02, 0.3])] = np.nan
        array[rng.random(len(array)) < 0.05] *= 1e6
    inputs |= {
        "day": rng.integers(0, schema.days, size=rows),
        "budget_base": np.minimum(np.where(rng.random(rows) < 0.5, total, money()), total),
        "region_base": caps(regions),
        "channel_base": caps(channels),
    }
    beside: dict[str, np.ndarray] = {}
    if rng.random() < 0.8:
        beside["previous_spend_base"] = np.minimum(money(regions, segments, channels) * rng.choice([1.0, 1e3]), 1e14)
        beside["previous_spend_base"][rng.random(rows) < 0.1] = np.nan
    if rng.random() < 0.3 and schema.shape == "tactic":
        beside["held"] = rng.integers(-1, len(schema.axes["K"]), size=(rows, regions, segments))
    if rng.random() < 0.3:
        beside["units"] = rng.integers(0, 2, size=(rows, regions, segments))
        beside["units"][:, 0, 0] = 1
    return inputs, beside


def excess(
    allocator: Allocator, inputs: dict[str, np.ndarray], beside: dict[str, np.ndarray], spend: np.ndarray, exact: int
) -> int:
    """Rows that spend less than nothing, where they may not, or above any cap of request or bundle.

    Args:
        allocator: Who decided.
        inputs: What was asked.
        beside: What stood beside.
        spend: What is granted ``(B, R, S, C)``.
        exact: How many rows are added up in decimal digits too.
    """
    limits, rules, axes = allocator.bundle.plan.limits, allocator.bundle.guardrails, allocator.bundle.schema.axes
    rows, regions, segments, channels = spend.shape
    cell = np.inf if rules.cell_ceiling_base is None else rules.cell_ceiling_base
    wrong = ~((spend >= 0.0) & (spend <= cell)).all(axis=(1, 2, 3))
    if "units" in beside:
        wrong |= ((spend > 0.0).any(axis=3) & (beside["units"] == 0)).any(axis=(1, 2))
    region = np.minimum(inputs["region_base"], [rules.region_ceiling_base.get(name, np.inf) for name in axes["R"]])
    channel = np.minimum(inputs["channel_base"], [rules.channel_ceiling_base.get(name, np.inf) for name in axes["C"]])
    day = np.minimum(inputs["budget_base"], min(limits.daily_base, rules.day_ceiling_base))
    by_region, by_channel = spend.reshape(rows, regions, -1), np.moveaxis(spend, 3, 1).reshape(rows, channels, -1)
    for parts, caps in (
        (spend.reshape(rows, 1, -1), day[:, None]),
        (by_region, np.minimum(region, limits.region_cap_base)),
        (by_channel, np.minimum(channel, limits.channel_cap_base)),
        (np.moveaxis(spend, 3, 2).reshape(rows, -1, segments), np.tile(limits.maximum_base.ravel(), (rows, 1))),
    ):
        for sums in (
            parts.sum(axis=2),
            np.add.accumulate(parts, axis=2)[..., -1],
            np.add.accumulate(parts[..., ::-1], axis=2)[..., -1],
            parts.astype(np.longdouble).sum(axis=2),
        ):
            wrong |= (sums > caps).any(axis=1)
        for row in range(0, rows, max(rows // exact, 1)):
            for part, cap in zip(parts[row].tolist(), caps[row].tolist(), strict=True):
                wrong[row] |= sum(map(Decimal, part), Decimal(0)) > Decimal(cap)
    return int(wrong.sum())


def as_bytes(name: str, inputs: dict[str, np.ndarray], beside: dict[str, np.ndarray]) -> bytes:
    header = json.dumps({"batch_id": name, "rows": len(inputs["day"]), "beside": list(beside)}).encode()
    header += b" " * (-len(header) % 8)
    arrays = b"".join(array.tobytes() for array in (*inputs.values(), *beside.values()))
    return struct.pack("<4sI", b"XBB1", len(header)) + header + arrays


def plain(value: object) -> object:
    """Numbers as JSON has them: null for what is none."""
    if isinstance(value, list):
        return [plain(one) for one in value]
    return None if isinstance(value, float) and not np.isfinite(value) else value


def as_request(allocator: Allocator, inputs: dict[str, np.ndarray], beside: dict[str, np.ndarray], row: int) -> object:
    asked = {name: plain(array[row].tolist()) for name, array in (*inputs.items(), *beside.items())}
    if "units" in asked:
        active = beside["units"][row].ravel().tolist()
        asked["units"] = [unit for unit, one in zip(allocator.units, active, strict=True) if one]
    return asked


def as_inference(inputs: dict[str, np.ndarray], beside: dict[str, np.ndarray], rows: slice) -> dict[str, object]:
    tensors = [
        {
            "name": name,
            "shape": list(array[rows].shape),
            "datatype": "FP64",
            "data": plain(array[rows].ravel().tolist()),
        }
        for name, array in (*inputs.items(), *beside.items())
    ]
    return {"inputs": tensors, "outputs": [{"name": "spend_base"}]}


class Trial:
    """One bundle behind its application; counts what was asked and what was granted above a cap."""

    def __init__(self, path: Path, seen: dict[str, np.ndarray], rng: np.random.Generator, counts: Counter[str]) -> None:
        self.allocator, self.seen, self.rng, self.counts = Allocator.load(path, unproven=True), seen, rng, counts
        self.store = ForgetfulStore(path.with_suffix(".sqlite"))
        self.engine = Engine(self.allocator, GroupCommit(self.store), Metrics(), unproven=True)
        app = build_app(self.engine, bundles=path.parent)
        self.client = httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://bench")

    def look(self, route: str, inputs: dict[str, np.ndarray], beside: dict[str, np.ndarray], spend: np.ndarray) -> None:
        """Count rows, and those above a cap."""
        shape = (len(inputs["day"]), *(len(self.allocator.bundle.schema.axes[axis]) for axis in "RSC"))
        self.counts[f"{route}: rows"] += shape[0]
        self.counts[f"{route}: above"] += excess(self.allocator, inputs, beside, spend.reshape(shape), exact=4)

    async def batch(self, rows: int, name: str) -> None:
        """Rows as bytes, and some of them where everything is stopped."""
        inputs, beside = random_rows(self.allocator, self.seen, rows, self.rng)
        self.store.fails = bool(self.rng.random() < 0.15)
        # Turning the switch writes it down; here it is only looked at.
        self.engine.kill_switch.mode = MODES[int(self.rng.choice(3, p=(0.8, 0.1, 0.1)))]
        content = as_bytes(name, inputs, beside)
        answer = await self.client.post("/v1/allocate", content=content, headers={"content-type": CONTENT_TYPE})
        assert answer.status_code == 200, answer.text
        header, words = read_answer(answer.content)
        for fired in header.guardrails.values():
            self.counts.update(fired)
        self.look("bytes", inputs, beside, words[: rows * self.allocator.bundle.plan.limits.minimum_base.size])
        few = slice(0, 64)
        reader, some = self.allocator.reader, {name: array[few] for name, array in beside.items()}
        ids = [str(row) for row in range(len(inputs["day"][few]))]
        stopped = reader.batch(
            ids, {name: array[few] for name, array in inputs.items()}, reader.beside.arrays(some, len(ids))
        )
        self.counts["stopped: above"] += int((self.allocator.decide(stopped, kill="zero").spend_base != 0.0).sum())

    async def words(self, rows: int) -> None:
        """Single requests, a list, and an inference."""
        inputs, beside = random_rows(self.allocator, self.seen, rows, self.rng)
        self.store.fails = bool(self.rng.random() < 0.15)
        # Turning the switch writes it down; here it is only looked at.
        self.engine.kill_switch.mode = MODES[int(self.rng.choice(3, p=(0.8, 0.1, 0.1)))]
        asked = [as_request(self.allocator, inputs, beside, row) for row in range(rows)]
        several = await self.client.post("/v1/allocate", json=asked)
        assert several.status_code == 200, several.text
        self.look("list", inputs, beside, np.array([one["spend_base"] for one in several.json()]))
        singles = [(await self.client.post("/v1/allocate", json=one)).json()["spend_base"] for one in asked]
        self.look("JSON", inputs, beside, np.array(singles))
        inferred = await self.client.post("/v2/models/demo/infer", json=as_inference(inputs, beside, slice(None)))
        assert inferred.status_code == 200, inferred.text
        self.look("inference", inputs, beside, np.array(inferred.json()["outputs"][0]["data"]))


async def run(rows: int, words: int, seed: int) -> Counter[str]:
    rng, counts = np.random.default_rng(seed), Counter[str]()
    with tempfile.TemporaryDirectory(prefix="xbopt-bench-") as name:
        parts = bundles(Path(name), rng, count=24 if rows > 100_000 else 4)
        for number, (path, seen) in enumerate(parts):
            trial = Trial(path, seen, rng, counts)
            await trial.engine.start()
            asked = 0
            while asked < rows // len(parts):
                asked += (size := min(ROWS_AT_ONCE, rows // len(parts) - asked))
                await trial.batch(size, f"b{number}-{asked}")
            for _ in range(max(words // len(parts) // 3 // 20, 1)):
                await trial.words(20)
            await trial.client.aclose()
            await trial.engine.stop()
    return counts


def main() -> int:
    parser = words_of(__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--json", type=int, default=6_000)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    started = time.perf_counter()
    rows, words = (4000, 240) if asked.tiny else (asked.rows, asked.json)
    counts = asyncio.run(run(rows, words, asked.seed))
    for name, count in sorted(counts.items()):
        print(f"{name} {count:,}")
    above = sum(count for name, count in counts.items() if name.endswith("above"))
    print(f"{time.perf_counter() - started:.0f} s")
    figures = {BARS[0].name: above, BARS[1].name: rows + words}
    return told(__file__, BARS, figures, tiny=asked.tiny)


if __name__ == "__main__":
    sys.exit(main())
