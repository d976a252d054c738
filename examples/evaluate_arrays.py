"""What another policy would have earned, from logged decisions as arrays.

python examples/evaluate_arrays.py
"""

import numpy as np

from xbopt.ope import LoggedBanditData, evaluate_policy

rng = np.random.default_rng(7)
context = rng.normal(size=(4_000, 2))
chances = np.array([0.6, 0.3, 0.1])
action = rng.choice(3, p=chances, size=4_000)
reward = rng.binomial(1, 0.05 + 0.05 * action + 0.05 * (context[:, 0] > 0.0)).astype(float)

log = LoggedBanditData(context=context, action=action, reward=reward, propensity=chances[action], n_actions=3)
always_second = np.tile([0.0, 1.0, 0.0], (4_000, 1))
result = evaluate_policy(log, evaluation_probabilities=always_second, confidence=0.95, seed=0)

value = result.estimates[result.recommended]
print(f"{result.verdict}: {value.value:.3f} ({value.low:.3f} to {value.high:.3f}), logged {reward.mean():.3f}")
