"""What every shipped scenario owes its readers. Scenarios are found, not listed: a new file is tested as it comes."""

import time
from functools import cache

import numpy as np
import pytest

import xbopt
from xbopt.agents.planner.campaign import plan_campaign
from xbopt.agents.planner.search import Effort
from xbopt.agents.policies import BUILT_IN
from xbopt.core.scenario.loading import load_scenario, shipped_file, shipped_scenarios
from xbopt.core.scenario.provenance import numeric_paths, uncovered, unused_patterns
from xbopt.core.scenario.scenario import Scenario
from xbopt.simulator.build import build_market
from xbopt.studies.simulate import SimulationResult

NAMES = shipped_scenarios()
RUNS = 8
LONGEST_LOAD_SECONDS = 1.0
# What every plan owes the scenario does not depend on how long the planner looks, nor on the length of a cell.
SHORT_EFFORT = Effort(alternations=0, moves=0, wide=False, promotions=False)


@cache
def scenario_of(name: str) -> Scenario:
    """A shipped scenario, loaded once."""
    return load_scenario(name)


@cache
def result_of(name: str, policy: str) -> SimulationResult:
    """A shipped scenario played by a built-in policy, once. Warnings are errors here, as in every test."""
    scenario = scenario_of(name)
    if policy != "planner":
        return xbopt.simulate(scenario, policy, runs=RUNS, seed=7)
    market = build_market(scenario)
    plan = plan_campaign(market, resolution="four_weeks", effort=SHORT_EFFORT)
    return xbopt.simulate(scenario, plan.schedule, runs=RUNS, seed=7)


def test_there_are_shipped_scenarios() -> None:
    assert "quickstart" in NAMES
    assert len(NAMES) >= 2


@pytest.mark.parametrize("name", NAMES)
class TestEveryShippedScenario:
    """Each test plays or reads one file."""

    def test_loads_in_less_than_a_second(self, name: str) -> None:
        """Processor time, so that a busy machine does not count; tables are warm after the first load."""
        load_scenario(name)
        started = time.process_time()
        load_scenario(name)
        assert time.process_time() - started < LONGEST_LOAD_SECONDS

    def test_is_named_as_its_file(self, name: str) -> None:
        assert scenario_of(name).document.name == name

    def test_says_in_a_header_comment_and_in_title_and_description_what_it_is(self, name: str) -> None:
        lines = shipped_file(name).read_text(encoding="utf-8").splitlines()
        header = [line for line in lines[: lines.index("version: 1")] if line]
        assert header, "the file starts without a comment"
        assert all(line.startswith("#") for line in header)
        assert sum(map(len, header)) > 100
        document = scenario_of(name).document
        assert document.title
        assert document.description

    def test_has_a_source_for_every_number_it_states(self, name: str) -> None:
        document = scenario_of(name).document
        assert numeric_paths(document)
        assert uncovered(document) == []

    def test_has_no_source_that_speaks_for_nothing(self, name: str) -> None:
        assert unused_patterns(scenario_of(name).document) == []

    def test_names_its_sources_in_words(self, name: str) -> None:
        assert all(len(entry.source) >= 5 for entry in scenario_of(name).document.provenance)


@pytest.mark.slow
@pytest.mark.parametrize("policy", BUILT_IN)
@pytest.mark.parametrize("name", NAMES)
class TestEveryPolicyInEveryShippedScenario:
    """Each pair is played once, in ``RUNS`` worlds."""

    def test_keeps_the_budget(self, name: str, policy: str) -> None:
        result = result_of(name, policy)
        spend = result.totals.channels[..., 0].sum(axis=(1, 2, 3))
        # Adding up the days again rounds in another order than the budget was counted down.
        assert (spend <= scenario_of(name).limits.total_base * (1.0 + 1e-12)).all()
        assert result.kpis["budget_used"].high <= 1.0

    def test_sells_something_and_knows_every_figure(self, name: str, policy: str) -> None:
        result = result_of(name, policy)
        assert result.kpis["orders"].mean > 0.0
        assert all(np.isfinite(figure.mean) for figure in result.kpis.values())
        assert np.isfinite(result.totals.cells).all()
        assert (result.totals.cells >= 0.0).all()

    def test_money_terms_sum_to_the_margin(self, name: str, policy: str) -> None:
        result = result_of(name, policy)
        margin = result.kpis["contribution_margin"].mean
        largest = max(abs(term) for term in result.bridge.values())
        assert sum(result.bridge.values()) == pytest.approx(margin, abs=1e-9 * largest)
        daily = result.totals.daily.sum(axis=1).mean(axis=0)
        assert daily[1] == pytest.approx(margin, abs=1e-9 * largest)
