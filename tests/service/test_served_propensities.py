"""The log of a service states propensities in one precision, so that an evaluation finds its draws right."""

from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from tests.service.conftest import Exported, export_to
from xbopt.agents.exploration import ExploringPolicy
from xbopt.agents.factored_direct import FactoredDirect
from xbopt.agents.policies import BUILT_IN
from xbopt.core.arrays import FloatArray
from xbopt.core.decision_log.reader import read_decision_log
from xbopt.core.decision_log.schema import DecisionColumns
from xbopt.core.decisions.policy import Policy
from xbopt.service.deciding.allocator import Allocator
from xbopt.service.deciding.requests import Outcome
from xbopt.service.http.outcomes import outcome_entry
from xbopt.service.store.log_export import export_log
from xbopt.service.store.recording import bundle_entry, decision_entry
from xbopt.service.store.sqlite import SqliteStore
from xbopt.simulator.parameters import MarketParameters
from xbopt.studies.evaluate import evaluate

SHARE, DECISIONS = 0.3, 300
"""A notch aside has 15 %, which half the digits write as 0.15000000596."""


def policies(market: MarketParameters) -> dict[str, Policy]:
    plan = BUILT_IN["calendar"](market)
    return {
        "factors": FactoredDirect.of(plan, market, SHARE),
        "tactics": ExploringPolicy(plan=plan, scenario=market.scenario, exploration=SHARE),
    }


def served(exported: Exported, folder: Path) -> Path:
    """The log of many decisions, with rewards that nothing explains."""
    allocator, random = Allocator.load(exported.path, unproven=True), np.random.default_rng(8)
    entries = [bundle_entry(allocator)]
    asks_channels = any(field.name == "channels" for field in allocator.bundle.schema.asked)
    for number in range(DECISIONS):
        key, step = f"d{number}", number % 4 * 7
        more = {"channels": exported.observations[step].channels[0].tolist()} if asks_channels else {}
        made = allocator.allocate(exported.request(step=step, decision_id=key, **more))
        entries.append(
            decision_entry(made, allocator, key=key, request=b"", episode_ids=[key], steps=[0], killed=False)
        )
        entries += [
            outcome_entry(
                Outcome(decision_id=key, unit=unit, reward=reward, cost=0.0, ready_at="2027-01-01T00:00:00Z"), ""
            )
            for unit, reward in zip(allocator.units, random.normal(100.0, 10.0, 4).tolist(), strict=True)
        ]
    with closing(SqliteStore(folder / "store.sqlite")) as store:
        store.append(entries)
        export_log(store, folder / "log.parquet")
    return folder / "log.parquet"


def probabilities_taken(columns: DecisionColumns, sizes: list[int]) -> FloatArray:
    assert columns.action_probabilities is not None
    first = np.cumsum([0, *sizes[:-1]])
    action = columns.action.reshape(len(columns), -1)
    return np.take_along_axis(columns.action_probabilities, first + action, axis=1).prod(axis=1)


@pytest.mark.parametrize("kind", ["factors", "tactics"])
def test_honest_draws_of_a_service_are_not_accused(tmp_path: Path, quickstart: MarketParameters, kind: str) -> None:
    """Digits must not tell what was drawn: a level of 0.15 and one of 0.15000000596 were two groups, 100 % and 0 %."""
    log = served(export_to(tmp_path, policies(quickstart)[kind], quickstart), tmp_path)
    read = read_decision_log(log)
    columns, sizes = read.columns, [len(one.labels) for one in read.schema.factors] or [len(read.schema.action_labels)]
    assert columns.action_probabilities is not None
    sums = np.add.reduceat(columns.action_probabilities, np.cumsum([0, *sizes[:-1]]), axis=1)
    np.testing.assert_allclose(sums, 1.0, rtol=1e-14)
    np.testing.assert_allclose(columns.propensity, probabilities_taken(columns, sizes), rtol=1e-14)
    result = evaluate(log, "calendar", scenario="quickstart").result
    accused = [one.code for one in result.findings if "calibration" in one.code or "weight" in one.code]
    assert accused == []
