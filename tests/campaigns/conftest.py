"""Markets that the tests of campaigns share."""

import pytest

from xbopt.core.scenario.loading import load_scenario
from xbopt.simulator.build import build_market


@pytest.fixture(scope="package")
def quickstart():
    return build_market(load_scenario("quickstart"))


@pytest.fixture(scope="package")
def launch():
    return build_market(load_scenario("us_eu_launch"))
