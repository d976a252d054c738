"""Markets and campaigns that the tests of campaigns share."""

from pathlib import Path

import pytest

from xbopt.campaigns.books.campaign_book import CampaignBook
from xbopt.campaigns.opening import opening
from xbopt.core.scenario.loading import load_scenario
from xbopt.core.scenario.scenario import Scenario
from xbopt.env.baseline_plan import scenario_plan
from xbopt.service.store.opening import open_store
from xbopt.simulator.build import build_market


@pytest.fixture(scope="package")
def quickstart():
    return build_market(load_scenario("quickstart"))


@pytest.fixture(scope="package")
def launch():
    return build_market(load_scenario("us_eu_launch"))


@pytest.fixture
def book(tmp_path: Path, scenario: Scenario) -> CampaignBook:
    """A store in which the campaign ``spring`` has begun, of the scenario of the test's own file."""
    made = CampaignBook(open_store(f"sqlite:///{tmp_path / 'store.sqlite'}"))
    market = build_market(scenario)
    made.open("spring", opening(market, scenario_plan(market)))
    return made
