"""What ``xbopt evaluate`` says of logs whose truth is known: verdicts, and how often an ANSWER misses.

Run ``python -m benchmarks.bench_ope_worlds [--logs 200] [--only clusters,orders] [--jobs 2]``. Each log is written to a
file and evaluated as a user would. The worlds stand in ``benchmarks/ope_worlds.py``.

Bars: in every world at most 6 % of all logs are answered and missed, by the value and by the difference; at most 2 % of
clean logs are refused; a world in which no number can be trusted gets a plain ANSWER in at most 6 %. A share above its
bar by chance alone (binomial, 5 %) is marked so: an interval that holds in 95 % misses 13 or more of 200 in a fifth of
all runs. Exit code 1 when a bar does not hold.
"""

# ruff: noqa: E402 - numeric libraries read the number of threads when they are first imported.
import os

for _name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[_name] = "1"

import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
from pyarrow import parquet

import xbopt
from benchmarks import ope_worlds as draws
from benchmarks.bars import Bar, told, words_of
from benchmarks.ope_worlds import Draw, DrawnLog, Wanted, World
from xbopt.core.errors import XboptError
from xbopt.core.workers import over_parts
from xbopt.ope import Estimate, FixedProbabilities

FALSE_ANSWERS, FALSE_REFUSALS = 0.06, 0.02
BARS = (
    Bar(name="worlds with a share above its bar, beyond chance", most=0.0),
    Bar(name="answered and missed, largest share of a world"),
    Bar(name="answered, mean share of clean worlds"),
)
VERDICTS = ("ANSWER", "CAUTION", "REFUSE", "ERROR")
SIDES = ("value", "difference")


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What was said of one log.

    Attributes:
        verdict: The verdict; ``ERROR`` where it was no answer but an error.
        value: Whether the interval of the value holds the truth; None where there is none.
        difference: The same of the difference.
        codes: Codes of the findings that refuse or warn.
    """

    verdict: str
    value: bool | None
    difference: bool | None
    codes: tuple[str, ...]


def _with(draw: Callable[..., DrawnLog], **settings: object) -> Draw:
    def made(random: np.random.Generator, rows: int) -> DrawnLog:
        return draw(random, rows, **settings)

    return made


def worlds() -> tuple[World, ...]:
    """Every world of one-step logs."""
    found: list[World] = []

    def add(kind: str, name: str, rows: int, draw: Draw, wanted: Wanted = "honest") -> None:
        found.append(World(name=name, kind=kind, rows=rows, draw=draw, wanted=wanted))

    for rows in (400, 3000):
        add("clean", f"normal rewards, n {rows}", rows, _with(draws.clean), "answer")
        add("clean", f"binary rewards, n {rows}", rows, _with(draws.clean, binary=True), "answer")
    add("clean", "10 actions, n 3000", 3000, _with(draws.clean, binary=True, actions=10), "answer")
    for rows in (50, 80, 120):
        add("small", f"n {rows}", rows, _with(draws.clean))
        add("small", f"binary, n {rows}", rows, _with(draws.clean, binary=True))
    for shape in ("trend", "season", "sale"):
        add("drift", shape, 3000, _with(draws.drift, shape=shape), "answer")
    for error in (0.01, 0.03, 0.05, 0.1, 0.2, 0.3):
        for by in ("day", "half", "segment", "context", "tails"):
            wanted: Wanted = "refuse" if error >= 0.3 and by != "day" else "honest"
            add("propensity", f"{error:.0%} by {by}", 3000, _with(draws.wrong_propensity, by=by, error=error), wanted)
        add("propensity", f"{error:.0%} everywhere", 3000, _with(draws.wrong_everywhere, error=error))
    add("propensity", "10 % by half, all logged", 3000, _with(draws.wrong_propensity, by="half", error=0.1, full=True))
    for by in ("customer", "row"):
        for role in ("unit", "cluster", "episode_id"):
            add("clusters", f"drawn by {by}, {role} named", 3000, _with(draws.clustered, by=by, role=role))
    for strength in (0.05, 0.1, 0.2, 0.4):
        for rows in (1000, 3000, 20_000):
            wanted = "refuse" if strength >= 0.2 and rows >= 3000 else "honest"
            add(
                "after",
                f"clicks +{strength:g}, n {rows}",
                rows,
                _with(draws.after_the_decision, strength=strength),
                wanted,
            )
    for sigma, buyers, rows, skewed in (
        (1.0, 0.05, 3000, False),
        (1.2, 0.02, 2000, False),
        (1.2, 0.02, 20_000, False),
        (1.5, 0.05, 3000, False),
        (1.5, 0.02, 10_000, True),
        (1.5, 0.01, 3000, True),
        (2.0, 0.05, 3000, False),
    ):
        name = f"sigma {sigma:g}, {buyers:.0%}, n {rows}" + (", skewed log" if skewed else "")
        add("orders", name, rows, _with(draws.orders, sigma=sigma, buyers=buyers, skewed=skewed))
    add("masked", "logging without exploration", 6000, _with(draws.masked))
    for ignored in (0.1, 0.3):
        add("masked", f"guardrail ignored in {ignored:.0%}", 3000, _with(draws.masked, ignored=ignored))
    for full in (False, True):
        add("pooled", "all logged" if full else "propensities only", 4000, _with(draws.pooled, full=full), "answer")
    add("late", "seven days, trend", 3000, _with(draws.late), "answer")
    return tuple(found)


def one_log(world: World, seed: int, truth: tuple[float, float]) -> Found:
    """Evaluate one log of a world."""
    log = world.draw(np.random.default_rng([seed, 7]), world.rows)
    policy = log.policy
    if isinstance(policy, tuple):
        policy = FixedProbabilities(name="shares", shares=policy)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "log.parquet"
        parquet.write_table(pa.table({name: pa.array(column) for name, column in log.columns.items()}), path)
        try:
            result = xbopt.evaluate(path, policy, columns=log.roles, exploration=log.exploration).result
        except XboptError as error:
            return Found(verdict="ERROR", value=None, difference=None, codes=(str(error)[:90],))
    codes = tuple(f"{one.level[0]}:{one.code}" for one in result.findings if one.level in ("refuse", "caution"))
    if result.withheld or result.recommended is None:
        return Found(verdict=result.verdict, value=None, difference=None, codes=codes)
    value, logged = truth
    return Found(
        verdict=result.verdict,
        value=_holds(result.estimates[result.recommended], value),
        difference=None if result.difference is None else _holds(result.difference, value - logged),
        codes=codes,
    )


def _holds(estimate: Estimate, truth: float) -> bool:
    return estimate.low <= truth <= estimate.high


def report(world: World, found: Sequence[Found]) -> tuple[bool, float, float]:
    """Print one world's line; whether a share is beyond its bar, the largest share missed, and that answered."""
    share = {word: _share(found, lambda one, word=word: one.verdict == word) for word in VERDICTS}
    answered = [one for one in found if one.verdict == "ANSWER"]
    missed = [
        _share(found, lambda one, name=name: one.verdict == "ANSWER" and getattr(one, name) is False) for name in SIDES
    ]
    covers = [_share(answered, lambda one, name=name: getattr(one, name) is True) for name in SIDES]
    bars = [(figure, FALSE_ANSWERS) for figure in missed] + [(share["ERROR"], 0.0)]
    if world.wanted == "answer":
        bars.append((share["REFUSE"], FALSE_REFUSALS))
    if world.wanted == "refuse":
        bars.append((share["ANSWER"], FALSE_ANSWERS))
    above = [(figure, bar) for figure, bar in bars if figure > bar]
    beyond = [pair for pair in above if _beyond_chance(*pair, count=len(found))]
    codes = Counter(code for one in found for code in one.codes).most_common(2)
    figures = [f"{share[word]:7.3f}" for word in VERDICTS[:3]] + [f"{figure:7.3f}" for figure in (*covers, *missed)]
    words = "DOES NOT HOLD" if beyond else "above by chance" if above else "holds"
    often = ", ".join(f"{code} {times}" for code, times in codes)
    print(f"{world.kind:10} {world.name:36}{''.join(figures)}  {words:15} {often}", flush=True)
    return bool(beyond), max(missed), share["ANSWER"]


def _share(found: Sequence[Found], fits: Callable[[Found], bool]) -> float:
    return sum(map(fits, found)) / len(found) if found else float("nan")


def _beyond_chance(figure: float, bar: float, *, count: int) -> bool:
    """Whether a share of so many logs is above its bar by more than chance would bring in a run out of twenty."""
    from scipy.special import bdtrc

    return bar == 0.0 or float(bdtrc(round(figure * count) - 1, count, bar)) < 0.05


def main() -> int:
    parser = words_of(__doc__)
    parser.add_argument("--logs", type=int, default=200)
    parser.add_argument("--only", default="", help="Kinds of worlds, with commas.")
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args()
    only = {kind for kind in options.only.split(",") if kind}
    print(f"{'kind':10} {'world':36} ANSWER CAUTION REFUSE  holds  diff. missed  diff.")
    logs, jobs = (1, 1) if options.tiny else (options.logs, options.jobs)
    rows, clean = list[tuple[bool, float, float]](), list[float]()
    numbers = [number for number, world in enumerate(worlds()) if not only or world.kind in only]
    for number in numbers[:: 6 if options.tiny else 1]:
        world = worlds()[number]
        found = over_parts(partial(_numbered, number, world.truth()), range(logs), workers=jobs)
        rows.append(report(world, list(found)))
        clean += [rows[-1][2]] if world.wanted == "answer" else []
    figures = {BARS[0].name: sum(row[0] for row in rows), BARS[1].name: max(row[1] for row in rows)}
    figures |= {BARS[2].name: sum(clean) / len(clean)} if clean else {}
    return told(__file__, BARS, figures, tiny=options.tiny)


def _numbered(number: int, truth: tuple[float, float], seed: int) -> Found:
    return one_log(worlds()[number], seed, truth)


if __name__ == "__main__":
    sys.exit(main())
