"""A seller who is wrong about the market: worlds follow the truth, what is modelled follows the belief."""

import numpy as np
import pytest

from xbopt.agents.policies import built_in_policy
from xbopt.core.errors import UsageError
from xbopt.core.scenario.loading import load_scenario
from xbopt.env.campaign import Campaign, CampaignSettings
from xbopt.env.market_run import MarketRun
from xbopt.simulator.build import build_market

TRUTH = (
    "channels.social.visit_quality=0.3",
    "channels.search.saturation.half_saturation=0.3",
    "shocks=[{kind: price_war, regions: [UK], day: 2026-10-07, days: 3, log_size: -0.2}]",
)


@pytest.fixture(scope="module")
def true():
    return build_market(load_scenario("quickstart", overrides=TRUTH))


def played(market, days, believed=None, *, expected=False):
    run = MarketRun(market, worlds=np.arange(3), seed=0, expected=expected, believed=believed)
    plan = built_in_policy("baseline", market)
    return run, [run.play(plan.decide(run.morning())) for _ in range(days)]


def test_what_is_played_depends_on_the_truth_alone(true, quickstart):
    _, alone = played(true, 8)
    _, believing = played(true, 8, quickstart)
    for one, other in zip(alone, believing, strict=True):
        np.testing.assert_array_equal(one.orders, other.orders)
        np.testing.assert_array_equal(one.money.contribution_margin, other.money.contribution_margin)


def test_results_are_compared_with_what_the_seller_believes(true, quickstart):
    """In expected mode a right model finds nothing to explain; a wrong one does, in the channel it is wrong about."""
    names = MarketRun(true, worlds=np.arange(1), seed=0).observe().channel_names
    at = names.index("visits_log")
    right = played(true, 6, expected=True)[0].observe().channels[..., at]
    wrong = played(true, 6, quickstart, expected=True)[0].observe().channels[..., at]
    np.testing.assert_allclose(right, 0.0, atol=1e-9)
    search = true.scenario.channels.index("search")
    assert np.abs(wrong[..., search]).min() > 0.02


def test_a_competitor_s_price_is_there_to_be_seen(true, quickstart):
    seen = played(true, 3, quickstart)[0].observe()
    alone = played(true, 3)[0].observe()
    at = seen.region_names.index("competitor_log")
    np.testing.assert_array_equal(seen.regions[..., at], alone.regions[..., at])


def test_a_belief_that_is_the_truth_changes_nothing(quickstart):
    again = build_market(load_scenario("quickstart"))
    one, other = played(quickstart, 5)[0].observe(), played(quickstart, 5, again)[0].observe()
    np.testing.assert_array_equal(one.channels, other.channels)
    np.testing.assert_array_equal(one.cells, other.cells)


@pytest.mark.parametrize(
    ("change", "word"), [("budget.total_base=9000", "total_base"), ("horizon.start=2026-10-12", "start")]
)
def test_a_belief_in_which_other_decisions_could_be_made_is_refused(quickstart, change, word):
    other = build_market(load_scenario("quickstart", overrides=["plan.discounts=[]", change]))
    with pytest.raises(UsageError, match=word):
        Campaign(quickstart, worlds=1, believed=other)


def test_an_environment_earns_by_the_truth(true, quickstart):
    settings = CampaignSettings(encoding="residual")
    rewards = []
    for believed in (None, quickstart):
        campaign = Campaign(
            true, worlds=2, settings=settings, plan=built_in_policy("baseline", quickstart), believed=believed
        )
        campaign.reset(0)
        rewards.append(campaign.step(np.tile(campaign.encoding.neutral, (2, 1))).reward)
    np.testing.assert_array_equal(*rewards)
