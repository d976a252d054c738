"""Evaluations of logs against the truth: log under one policy, evaluate another, then run that one."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from xbopt.core.decision_log.reader import read_decision_log
from xbopt.core.decisions.menu import TacticMenu
from xbopt.core.scenario.loading import load_scenario
from xbopt.ope import evaluate_policy
from xbopt.ope.logs.episodes import evaluate_log_sequentially
from xbopt.ope.logs.evaluation import evaluate_log
from xbopt.ope.logs.log_policy import load_rows
from xbopt.ope.logs.open_log import open_log
from xbopt.ope.logs.policies import FixedProbabilities
from xbopt.studies.logged_policies import from_name
from xbopt.studies.simulate import simulate

pytestmark = pytest.mark.statistical

# Estimate and truth are independent, so their distance over the root of both variances is a standard normal figure:
# beyond 4 with a chance of 6 in 100,000.
FAR = 4.0
WORLDS = 400
FIRST_MORNINGS = 1200
DISCOUNTS = [
    "tactics.discount_frac=[0.0, 0.1, 0.2]",
    "tactics.intensity=[1.0]",
    "tactics.mixes={plan: {}}",
    "tactics.timings={audience: {}}",
]
DEEP = (0.1, 0.1, 0.8)


@dataclass(frozen=True)
class ByCell:
    """Fixed shares of the tactics: some in one cell, others in all others."""

    shares: tuple[float, ...]
    elsewhere: tuple[float, ...]
    cell: tuple[int, int] | None
    menu: TacticMenu
    name: str = "by_cell"
    kind: str = "bandit"

    def probabilities(self, observation):
        worlds, regions, segments, _ = observation.cells.shape
        table = np.tile(np.array(self.elsewhere), (worlds, regions, segments, 1))
        if self.cell is None:
            table[:] = self.shares
        else:
            table[:, self.cell[0], self.cell[1]] = self.shares
        return table


def mean_by_world(values, episode_id):
    """Mean and standard error of a mean over rows of which those of one world share luck."""
    _, world = np.unique(episode_id, return_inverse=True)
    sums = np.bincount(world, weights=values) / (len(values) / (world.max() + 1))
    return sums.mean(), sums.std(ddof=1) / np.sqrt(len(sums))


@pytest.fixture(scope="module")
def baseline_log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the baseline decided while it explored."""
    path = tmp_path_factory.mktemp("logs") / "log.parquet"
    simulate("quickstart", "baseline", runs=FIRST_MORNINGS, seed=1, exploration=0.5, log=path)
    return path


@pytest.mark.parametrize("share", [0.0, 0.9])
def test_the_first_decision_is_worth_what_running_the_policy_brings(
    share: float, baseline_log: Path, tmp_path: Path
) -> None:
    """One-step, in the situations of the first morning: they are the same under both policies."""
    asked = from_name("baseline", open_log(baseline_log), scenario="quickstart", exploration=share)
    rows, probabilities = load_rows(open_log(baseline_log), asked)
    first = np.flatnonzero(rows.step == 0)
    result = evaluate_policy(rows.data.rows(first), probabilities[first])
    assert result.verdict != "REFUSE"

    simulate("quickstart", runs=FIRST_MORNINGS, seed=2, exploration=share, log=tmp_path / "truth.parquet")
    truth = read_decision_log(tmp_path / "truth.parquet").columns
    first = truth.step == 0
    mean, error = mean_by_world(truth.reward[first], truth.episode_id[first])
    for name in ("ips", "snips", "dr", "sndr"):
        estimate = result.estimates[name]
        assert abs(estimate.value - mean) < FAR * np.hypot(estimate.se, error), name


def test_with_carry_over_the_sequential_answer_is_right_and_the_one_step_answer_is_not(tmp_path):
    """Deep discounts borrow from later weeks: each decision looks better than a season of them is."""
    scenario = load_scenario("quickstart", overrides=DISCOUNTS)
    even = (1 / 3, 1 / 3, 1 / 3)
    simulate(scenario, ByCell(even, even, None, scenario.menu), runs=WORLDS, seed=1, log=tmp_path / "log.parquet")
    log = open_log(tmp_path / "log.parquet")
    policy = FixedProbabilities(name="deep", shares=DEEP)
    one_step = evaluate_log(log, policy).result
    sequential = evaluate_log_sequentially(log, policy, force=True).result
    steps = 4

    # The sequential estimand: one cell follows the policy, the others go on as in the log.
    by_cell = []
    for region in range(2):
        for segment in range(2):
            alone = ByCell(DEEP, even, (region, segment), scenario.menu)
            simulate(scenario, alone, runs=WORLDS, seed=2, log=tmp_path / "truth.parquet")
            truth = read_decision_log(tmp_path / "truth.parquet").columns
            own = truth.unit == f"{scenario.regions[region]}/{scenario.segments[segment]}"
            by_cell.append(truth.reward[own].reshape(steps, WORLDS).sum(axis=0))
    worlds = np.mean(by_cell, axis=0)
    mean, error = worlds.mean(), worlds.std(ddof=1) / np.sqrt(WORLDS)

    # What a cell sees does not hold the debt of its deals, so marginal weights must not be leaned on; products need no
    # state, and these few worlds are enough for their values, not for a verdict.
    assert "state_misses_past" in {finding.code for finding in sequential.findings}
    for name in ("pdis", "snpdis", "dr"):
        estimate = sequential.estimates[name]
        assert abs(estimate.value - mean) < FAR * np.hypot(estimate.se, error), name
    naive = one_step.estimates["dr"]
    assert steps * naive.value - mean > FAR * np.hypot(steps * naive.se, error)
    assert one_step.verdict == "CAUTION"
    assert any("still moves today's reward" in reason for reason in one_step.reasons)
    assert any("--estimand sequential" in step for step in one_step.next_steps)
