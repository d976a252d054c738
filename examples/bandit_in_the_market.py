"""A contextual bandit learns the tactics of cells in the simulated market; every choice has an exact propensity.

python examples/bandit_in_the_market.py
"""

import numpy as np

import xbopt
from xbopt.agents import LinThompson

market = xbopt.build_market(xbopt.load_scenario("quickstart"))
campaign = xbopt.CellBandit(market, worlds=64, seed=1)
bandit = LinThompson(n_actions=campaign.n_actions, n_features=len(campaign.context_names), seed=0)
rng = np.random.default_rng(0)

rewards: list[float] = []
while not campaign.done:
    tactics = bandit.act(campaign.contexts(), rng)
    for result in campaign.play(tactics):  # decisions whose reward window has ended
        bandit.update(result.context, result.tactic, result.reward_base)
        rewards.append(float(result.reward_base.mean()))

print("Mean reward of a cell by decision:", ", ".join(f"{reward:,.0f}" for reward in rewards))
chances = bandit.probabilities(campaign.contexts()).mean(axis=0)
for k in np.argsort(-chances)[:3]:
    print(f"{chances[k]:6.1%} {campaign.action_labels[k]}")
