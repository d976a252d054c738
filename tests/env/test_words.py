"""What the faces of the environment say of input that makes no sense."""

import numpy as np
import pytest

from xbopt.agents.factored_direct import FactoredDirect
from xbopt.agents.ppo.vec_env import CampaignVecEnv
from xbopt.core.errors import DecisionError, PolicyError, UsageError
from xbopt.core.scenario.loading import load_scenario
from xbopt.env.anchors import AnchoredMarket
from xbopt.env.baseline_plan import scenario_plan
from xbopt.env.campaign import Campaign
from xbopt.env.episodes import Episodes


@pytest.fixture(scope="module")
def made() -> AnchoredMarket:
    return AnchoredMarket(load_scenario("quickstart"))


def test_a_policy_that_holds_its_choice_is_no_anchor_and_the_message_says_which_are(made: AnchoredMarket) -> None:
    held = FactoredDirect.of(scenario_plan(made.market), made.market)
    with pytest.raises(PolicyError, match=r"holds what it chose; .* encoding=continuous"):
        made.anchor(held)  # type: ignore[arg-type]


def test_an_action_that_names_no_choice_is_found_by_its_row(made: AnchoredMarket) -> None:
    campaign = Campaign(made.market, worlds=2)
    actions = np.tile(campaign.encoding.neutral, (2, 1))
    actions[1, 0] = 99
    campaign.reset(0)
    with pytest.raises(DecisionError, match="row 1 of the batch is 99 for pace"):
        campaign.step(actions)


def test_options_that_are_no_mapping_are_refused(made: AnchoredMarket) -> None:
    with pytest.raises(UsageError, match=r"options is \[5\]; a mapping"):
        Episodes(Campaign(made.market, worlds=1)).begin(options=[5])  # type: ignore[arg-type]


def test_an_attribute_is_set_for_all_worlds_or_not_at_all(made: AnchoredMarket) -> None:
    envs = CampaignVecEnv(Campaign(made.market, worlds=2))
    envs.set_attr("mark", 1)
    assert envs.get_attr("mark") == [1, 1]
    with pytest.raises(UsageError, match="mark is one for all worlds"):
        envs.set_attr("mark", 2, [0])
    assert envs.get_attr("mark") == [1, 1]
