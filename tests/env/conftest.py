"""What the tests of environments share."""

import pytest

from xbopt.agents.policies import built_in_policy
from xbopt.core.scenario.loading import load_scenario
from xbopt.simulator.build import build_market


@pytest.fixture(scope="package")
def quickstart():
    return build_market(load_scenario("quickstart"))


@pytest.fixture(scope="package")
def plan(quickstart):
    """A plan that is not the scenario's own, with discounts on some days."""
    return built_in_policy("calendar", quickstart)
