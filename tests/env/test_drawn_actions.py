"""The choices of a policy as actions: what it drew, played back, is what it did."""

import numpy as np
import pytest

from xbopt.agents.exploration import over_the_menu
from xbopt.core.errors import DecisionError, UsageError
from xbopt.env.campaign import Campaign
from xbopt.env.drawn_actions import DrawnActions
from xbopt.env.gym_env import CampaignEnv
from xbopt.env.market_run import MarketRun
from xbopt.env.vector_env import CampaignVectorEnv


def test_a_tactic_of_each_cell_is_an_action(quickstart, plan):
    scenario = quickstart.scenario
    policy = over_the_menu(plan, scenario, 0.5)
    actions = DrawnActions.of(policy, scenario)
    assert actions.choices.tolist() == [len(policy.menu)] * 4
    assert actions.names[0] == "DE/families/tactic"
    seen = MarketRun(quickstart, worlds=np.arange(2), seed=0).observe()
    tactic = np.arange(8).reshape(2, 4) % len(policy.menu)
    played = actions.decode(actions.check(tactic), seen)
    wanted = policy.menu.decode(tactic.reshape(2, 2, 2), seen)
    np.testing.assert_array_equal(played.spend_base, wanted.spend_base)
    with pytest.raises(DecisionError):
        actions.check(np.full((2, 4), len(policy.menu)))


def test_a_campaign_that_is_set_up_is_played_as_it_is(quickstart):
    campaign = Campaign(quickstart, worlds=2)
    assert CampaignVectorEnv(2, campaign).campaign is campaign
    with pytest.raises(UsageError, match="2 worlds"):
        CampaignEnv(campaign)
