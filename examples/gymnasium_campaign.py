"""The campaign as a Gymnasium environment, for any library that trains on one.

python examples/gymnasium_campaign.py
"""

import gymnasium

env = gymnasium.make("xbopt:xbopt/Campaign-v0", scenario="quickstart")
observation, info = env.reset(seed=3)
env.action_space.seed(3)
total, ended = 0.0, False
while not ended:
    observation, reward, terminated, truncated, info = env.step(env.action_space.sample())
    total, ended = total + float(reward), terminated or truncated
print(f"{env.spec.id}: observation {observation.shape}, return of random actions {total:.2f}")
