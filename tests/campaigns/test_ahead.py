"""Playing candidates from the middle of a campaign on."""

from dataclasses import replace

import numpy as np
import pytest

from tests.campaigns.campaigns_played import play_campaign
from xbopt.agents.policies import built_in_policy
from xbopt.campaigns.tracking.ahead import play_ahead
from xbopt.campaigns.tracking.posterior import learn
from xbopt.campaigns.tracking.tracker import track


class Watching:
    """A plan that looks: it notes what it sees and changes nothing."""

    name, kind = "watching", "baseline"

    def __init__(self, plan):
        self.plan, self.seen = plan, []

    def decide(self, observation):
        self.seen.append(observation)
        return self.plan.decide(observation)


def worth(found):
    return found.margin_base + found.standing_base


@pytest.fixture(scope="module")
def campaign(quickstart):
    plan = built_in_policy("calendar", quickstart)
    told, planned, seen, _ = play_campaign(quickstart, 14, policy=plan)
    tracked = track(quickstart, told, planned)
    return tracked, learn(tracked, seed=1, worlds=32), plan, seen


def test_the_same_candidate_twice_brings_the_same(quickstart, campaign):
    _, posterior, plan, _ = campaign
    less = replace(plan, spend_base=0.5 * plan.spend_base)
    found = play_ahead(quickstart, posterior, [plan, plan, less], seed=3)
    assert np.array_equal(worth(found)[0], worth(found)[1])
    assert not np.array_equal(worth(found)[0], worth(found)[2])
    np.testing.assert_allclose(found.spend_base[2], 0.5 * found.spend_base[0])
    assert found.margin_base.shape == (3, 32)


def test_who_reacts_sees_this_morning_first(quickstart, campaign):
    _, posterior, plan, seen = campaign
    watching = Watching(plan)
    found = play_ahead(quickstart, posterior, [plan, watching], seed=3)
    np.testing.assert_allclose(worth(found)[0], worth(found)[1])
    first = watching.seen[0]
    assert first.day == 14
    assert len(watching.seen) == quickstart.scenario.days - 14
    for part in ("regions", "cells", "channels"):
        # All worlds share the books up to now, so all see the same.
        own = np.broadcast_to(getattr(seen[-1], part), getattr(first, part).shape)
        np.testing.assert_allclose(getattr(first, part), own, atol=1e-9)


def test_money_that_is_gone_is_not_spent_again(quickstart, campaign):
    tracked, posterior, plan, _ = campaign
    greedy = replace(plan, spend_base=100.0 * plan.spend_base + 1.0)
    spent = play_ahead(quickstart, posterior, [greedy], seed=3).spend_base.sum(axis=(2, 3))
    assert (spent <= tracked.state.remaining.budget_base * (1.0 + 1e-9)).all()
    assert spent.min() > 0.0


def test_on_the_last_evening_nothing_is_to_come(quickstart, campaign):
    _, _, plan, _ = campaign
    told, planned, _, _ = play_campaign(quickstart, quickstart.scenario.days, policy=plan)
    tracked = track(quickstart, told, planned)
    found = play_ahead(quickstart, learn(tracked, seed=1, worlds=8), [plan], seed=3)
    assert not found.margin_base.any()
    assert np.isfinite(worth(found)).all()


@pytest.mark.statistical
def test_the_rest_of_a_campaign_lies_where_it_is_expected(quickstart):
    """Over campaigns of known truth, what the rest really brings is within the worlds' range and not beside it."""
    plan, ranks = built_in_policy("calendar", quickstart), []
    for world in range(40):
        told, planned, _, run = play_campaign(quickstart, 14, world=world, seed=200 + world, policy=plan)
        tracked = track(quickstart, told, planned)
        ahead = play_ahead(quickstart, learn(tracked, seed=1, worlds=100), [plan], seed=3).margin_base[0]
        margin = 0.0
        while run.state.day < quickstart.scenario.days:
            margin += run.play(plan.decide(run.morning())).money.contribution_margin.sum()
        ranks.append((ahead < margin).mean())
    inside = np.mean([0.05 <= rank <= 0.95 for rank in ranks])
    assert inside >= 0.75
    assert abs(np.mean(ranks) - 0.5) < 0.15
