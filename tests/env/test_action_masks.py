"""Masks: what is masked does nothing or cannot be done, what is open does something, and neutral is always open."""

import numpy as np
import pytest

from xbopt.core.errors import UsageError
from xbopt.core.scenario.loading import load_scenario
from xbopt.env.campaign import Campaign
from xbopt.env.settings import CampaignSettings
from xbopt.simulator.build import build_market

QUIET = ["plan.discounts=[]"]


def campaign_of(encoding, *changes, days_per_step=7):
    market = build_market(load_scenario("quickstart", overrides=[*QUIET, *changes]))
    settings = CampaignSettings(encoding=encoding, days_per_step=days_per_step, expected_reward=True)
    return Campaign(market, worlds=2, settings=settings)


def by_entry(campaign):
    """The masks of the first world, by name of the entry."""
    mask = campaign.action_masks()
    cuts = np.cumsum(campaign.encoding.choices)[:-1]
    return dict(zip(campaign.encoding.names, np.split(mask[0], cuts), strict=True))


@pytest.mark.parametrize("encoding", ["residual", "tactics"])
def test_a_mask_is_true_to_what_choices_do(encoding):
    """From the same morning, every masked choice earns what neutral earns; every open one something else.

    Timing and spend change the money at once; a discount changes orders. Other entries stay neutral.
    """
    campaign = campaign_of(
        encoding,
        "budget.locks=[{region: DE, segment: families, channel: email, spend_per_day_base: 5}]",
        "shocks=[{kind: channel_outage, day: 2026-10-05, days: 14, channel: social}]",
    )
    neutral = campaign.encoding.neutral
    campaign.reset(0)
    masks = by_entry(campaign)
    base = campaign.step(np.tile(neutral, (2, 1))).reward[0]
    for entry, name in enumerate(campaign.encoding.names):
        for choice, is_open in enumerate(masks[name]):
            action = neutral.copy()
            action[entry] = choice
            campaign.reset(0)
            reward = campaign.step(np.tile(action, (2, 1))).reward[0]
            if not is_open:
                assert choice != neutral[entry]
                if not (encoding == "residual" and name.startswith("discount")):  # clipped to the nearest that is open
                    assert reward == base, (name, choice)
            elif choice != neutral[entry]:
                assert reward != base, (name, choice)


def test_discounts_are_open_between_none_and_the_ceiling():
    campaign = campaign_of("residual")
    campaign.reset(0)
    # Without promotions the plan's discount is 0, the middle of five levels: less deep is impossible.
    assert by_entry(campaign)["discount/DE/families"].tolist() == [False, False, True, True, True]


def test_a_discount_that_begins_within_the_held_days_can_be_less_deep():
    """The plan's 10 % begin on the third day: an action that is held for a week can take five points off them."""
    begins = "plan.discounts=[{discount_frac: 0.1, start: 2026-10-07, end: 2026-10-08}]"
    week, two_days = campaign_of("residual", begins), campaign_of("residual", begins, days_per_step=2)
    for campaign, is_open in ((week, True), (two_days, False)):
        campaign.reset(0)
        assert by_entry(campaign)["discount/DE/families"].tolist() == [is_open, is_open, True, True, True]


def test_a_channel_that_is_out_is_masked_until_it_is_back_within_the_held_days():
    out = "shocks=[{kind: channel_outage, day: 2026-10-05, days: 9, channel: social}]"
    whole, back = campaign_of("residual", out, days_per_step=7), campaign_of("residual", out, days_per_step=14)
    for campaign, alone in ((whole, True), (back, False)):
        campaign.reset(0)
        assert (by_entry(campaign)["spend/DE/families/social"].tolist().count(True) == 1) is alone
        assert by_entry(campaign)["spend/DE/families/search"].all()


@pytest.mark.parametrize("encoding", ["residual", "tactics"])
def test_without_money_nothing_that_spends_is_open(encoding):
    campaign = campaign_of(encoding, "budget.total_base=0.000001")
    campaign.reset(0)
    campaign.step(np.tile(campaign.encoding.neutral, (2, 1)))
    spent = campaign.action_masks()
    assert spent.shape == (2, campaign.encoding.choices.sum())


def test_masks_need_choices_and_a_morning():
    numbers = campaign_of("continuous")
    numbers.reset(0)
    with pytest.raises(UsageError, match="numbers"):
        numbers.action_masks()
    with pytest.raises(UsageError, match="reset"):
        campaign_of("residual").action_masks()
