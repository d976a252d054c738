"""Where carry-over makes the one-step answer wrong and the sequential one right; figures of docs/evaluation.md.

Usage: ``python -m benchmarks.carry_over_example [--worlds 1000] [--logs 40] [--json] [--tiny]``

The quickstart market with three tactics a cell and week: no discount, 10 %, 20 %. The log was written by drawing them
evenly. The question: what would a season of mostly one tactic earn (80 %, the others 10 % each)? A discount borrows a
part of its orders from the coming weeks, so that single decisions look better than a season of them is. The truth is
had by running the policy: in one cell while the others go on as in the log, which is what the sequential answer is
about, and in all cells at once. The last table repeats the log with other seeds, and counts how often the intervals
hold the truth.
"""

import json
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.bars import Bar, told, words_of
from xbopt.core.arrays import FloatArray
from xbopt.core.decision_log.reader import read_decision_log
from xbopt.core.decisions.menu import TacticMenu
from xbopt.core.decisions.policy import Observation, PolicyKind
from xbopt.core.scenario.loading import load_scenario
from xbopt.core.scenario.scenario import Scenario
from xbopt.ope.logs.episodes import evaluate_log_sequentially
from xbopt.ope.logs.evaluation import evaluate_log
from xbopt.ope.logs.open_log import open_log
from xbopt.ope.logs.policies import FixedProbabilities
from xbopt.ope.results.estimates import Estimate
from xbopt.ope.results.evaluation import PolicyEvaluation
from xbopt.studies.simulate import simulate

MENU = (
    "tactics.discount_frac=[0.0, 0.1, 0.2]",
    "tactics.intensity=[1.0]",
    "tactics.mixes={plan: {}}",
    "tactics.timings={audience: {}}",
)
EVEN = (1 / 3, 1 / 3, 1 / 3)
POLICIES = {"mostly no discount": (0.8, 0.1, 0.1), "mostly 10 %": (0.1, 0.8, 0.1), "mostly 20 %": (0.1, 0.1, 0.8)}
STEPS = 4
KINDS = ("one-step", "sequential")
BARS = tuple(Bar(name=f"{kind} intervals that hold the truth") for kind in KINDS)
LOG_SEED, TRUTH_SEED = 1, 1_000_003


@dataclass(frozen=True)
class Shares:
    """The same shares of the tactics everywhere, or in one cell while the others draw evenly."""

    menu: TacticMenu
    shares: tuple[float, ...]
    cell: tuple[int, int] | None = None
    name: str = "shares"
    kind: PolicyKind = "bandit"

    def probabilities(self, observation: Observation) -> FloatArray:
        """Shares ``(B, R, S, K)``."""
        worlds, regions, segments, _ = observation.cells.shape
        table = np.tile(np.array(self.shares if self.cell is None else EVEN), (worlds, regions, segments, 1))
        if self.cell is not None:
            table[:, self.cell[0], self.cell[1]] = self.shares
        return table


def season(scenario: Scenario, policy: Shares, worlds: int, folder: Path) -> FloatArray:
    """What a cell's season brought in each world: in the policy's cell, or in the mean of all ``(worlds,)``."""
    path = folder / "truth.parquet"
    simulate(scenario, policy, runs=worlds, seed=TRUTH_SEED, log=path)
    columns = read_decision_log(path).columns
    reward = columns.reward.copy()
    cells = len(scenario.regions) * len(scenario.segments)
    if policy.cell is not None:
        unit = f"{scenario.regions[policy.cell[0]]}/{scenario.segments[policy.cell[1]]}"
        reward[columns.unit != unit] = 0.0
        cells = 1
    _, world = np.unique(columns.episode_id, return_inverse=True)
    return np.bincount(world, weights=reward) / cells


def truths(scenario: Scenario, shares: tuple[float, ...], worlds: int, folder: Path) -> dict[str, tuple[float, float]]:
    """Mean and standard error: cell by cell with the others as in the log, and everywhere at once."""
    regions, segments = len(scenario.regions), len(scenario.segments)
    cells = [(r, s) for r in range(regions) for s in range(segments)]
    alone = np.mean([season(scenario, Shares(scenario.menu, shares, cell), worlds, folder) for cell in cells], axis=0)
    everywhere = season(scenario, Shares(scenario.menu, shares), worlds, folder)
    return {
        name: (float(values.mean()), float(values.std(ddof=1) / np.sqrt(worlds)))
        for name, values in (("one cell", alone), ("all cells", everywhere))
    }


def answers(scenario: Scenario, worlds: int, seed: int, folder: Path) -> dict[str, dict[str, PolicyEvaluation]]:
    """Both answers of one log to each question."""
    path = folder / "log.parquet"
    simulate(scenario, Shares(scenario.menu, EVEN), runs=worlds, seed=seed, log=path)
    log = open_log(path)
    found: dict[str, dict[str, PolicyEvaluation]] = {}
    for name, shares in POLICIES.items():
        policy = FixedProbabilities(name=name, shares=shares)
        found[name] = {
            # Fewer worlds are refused now and then: their weights of whole seasons lack support, and no cell's state
            # holds the debt of its deals. The table is about the intervals, refused or not.
            "one-step": evaluate_log(log, policy, force=True).result,
            "sequential": evaluate_log_sequentially(log, policy, force=True).result,
        }
    return found


def euros(value: float, low: float, high: float) -> str:
    """``value (low to high)``."""
    return f"{value:,.0f} ({low:,.0f} to {high:,.0f})"


def season_of(estimate: Estimate, steps: int) -> str:
    """An estimate for a season of decisions."""
    return euros(steps * estimate.value, steps * estimate.low, steps * estimate.high)


def measure(worlds: int, logs: int) -> dict[str, list[list[str]]]:
    """The rows of both tables."""
    scenario = load_scenario("quickstart", overrides=list(MENU))
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        found = answers(scenario, worlds, LOG_SEED, folder)
        truth = {name: truths(scenario, shares, 4 * worlds, folder) for name, shares in POLICIES.items()}
        rows = [
            [
                name,
                season_of(both["one-step"].estimates["dr"], STEPS),
                season_of(both["sequential"].estimates["dr"], 1),
                *(f"{truth[name][kind][0]:,.0f} ± {truth[name][kind][1]:,.0f}" for kind in ("one cell", "all cells")),
            ]
            for name, both in found.items()
        ]
        refused = dict.fromkeys(POLICIES, 0)
        hits = {(name, kind): 0 for name in POLICIES for kind in KINDS}
        for number in range(logs):
            repeated = answers(scenario, worlds // 2, LOG_SEED + 1 + number, folder)
            for name, kind in hits:
                one, steps = repeated[name][kind].estimates["dr"], STEPS if kind == "one-step" else 1
                hits[name, kind] += steps * one.low <= truth[name]["one cell"][0] <= steps * one.high
                refused[name] += kind == "sequential" and repeated[name][kind].verdict == "REFUSE"
    shares = [[name, *(f"{hits[name, kind]} of {logs}" for kind in KINDS), str(refused[name])] for name in POLICIES]
    return {"seasons": rows, "coverage": shares if logs else []}


def table(heads: list[str], rows: list[list[str]]) -> str:
    """A Markdown table."""
    lines = [heads, ["---", *("---:" for _ in heads[1:])], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def main() -> int:
    """Print what was measured."""
    parser = words_of(__doc__)
    parser.add_argument("--worlds", type=int, default=1000)
    parser.add_argument("--logs", type=int, default=40)
    parser.add_argument("--json", action="store_true", help="one JSON document")
    options = parser.parse_args()
    worlds, logs = (20, 1) if options.tiny else (options.worlds, options.logs)
    found = measure(worlds, logs)
    if options.json:
        print(json.dumps(found))
        return 0
    heads = ["policy", "one-step answer x 4", "sequential answer", "truth, one cell", "truth, all cells"]
    print(table(heads, found["seasons"]))
    if found["coverage"]:
        print()
        print(table(["the 95 % interval holds the truth", "one-step x 4", "sequential", "refused"], found["coverage"]))
    held = np.array([[int(cell.split()[0]) for cell in row[1:3]] for row in found["coverage"]])
    figures = {bar.name: held[:, place].mean() / logs for place, bar in enumerate(BARS)} if logs else {}
    return told(__file__, BARS, figures, tiny=options.tiny)


if __name__ == "__main__":
    sys.exit(main())
