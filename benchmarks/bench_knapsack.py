"""Learning under a budget against the linear program that knows everything.

Run ``python -m benchmarks.bench_knapsack``: 100,000 decisions, 20 discount depths, a budget of 8 % of what the rewards'
own favourites would cost, 8 seeds. Reward is compared with the bound; the cap may never be passed.
"""

import statistics
import time

import numpy as np

from tests.agents.bandits.knapsack_problem import (
    DEPTHS,
    FEATURES,
    LARGEST_COST,
    MARGIN,
    Played,
    Problem,
    dual_bound,
    make_problem,
)
from xbopt.agents import BudgetedBandit, LinUcb
from xbopt.core.randomness import named_generator

CUSTOMERS, SEEDS = 100_000, 8
# Half the noise of a reward (0.6 times a purchase at chances near 0.1), and of a cost.
ALPHA, ALPHA_COST = 0.08, 0.02


def play_budgeted(problem: Problem, *, seed: int) -> Played:
    """The bandit under a budget, one customer after the other."""
    rng = named_generator(seed, "knapsack noise")
    luck = rng.random(len(problem.context))
    bandit = BudgetedBandit(
        n_actions=DEPTHS, n_features=FEATURES, budget=problem.budget, decisions=len(problem.context),
        largest_cost=LARGEST_COST, seed=seed, alpha=ALPHA, alpha_cost=ALPHA_COST,
    )  # fmt: skip
    reward = expected = 0.0
    for i in range(len(problem.context)):
        context = problem.context[i : i + 1]
        action = bandit.act(context, rng)
        k = int(action[0])
        bought = float(luck[i] < problem.chance[i, k])
        bandit.update(context, action, [MARGIN * bought], cost=[problem.depth[k] * bought])
        reward += MARGIN * bought
        expected += MARGIN * problem.chance[i, k]
    return Played(reward=reward, cost=bandit.price.paid, expected_reward=expected)


def play_stopping(problem: Problem, *, seed: int) -> Played:
    """LinUCB on the reward alone, which stops giving discounts when the money is gone."""
    rng = named_generator(seed, "knapsack noise")
    luck = rng.random(len(problem.context))
    bandit = LinUcb(n_actions=DEPTHS, n_features=FEATURES, seed=seed, alpha=0.3, epsilon=0.0)
    reward = expected = cost = 0.0
    for i in range(len(problem.context)):
        context = problem.context[i : i + 1]
        k = 0 if cost + LARGEST_COST > problem.budget else int(bandit.act(context, rng)[0])
        bought = float(luck[i] < problem.chance[i, k])
        if cost + LARGEST_COST <= problem.budget:
            bandit.update(context, [k], [MARGIN * bought])
        reward += MARGIN * bought
        cost += problem.depth[k] * bought
        expected += MARGIN * problem.chance[i, k]
    return Played(reward=reward, cost=cost, expected_reward=expected)


def main() -> None:
    print(f"{'seed':<6}{'bandit':>9}{'expected':>10}{'spent':>8}{'stopping':>10}{'seconds':>9}")
    shares: list[float] = []
    stopping: list[float] = []
    for seed in range(SEEDS):
        problem = make_problem(customers=CUSTOMERS, seed=seed)
        bound = dual_bound(problem)
        start = time.process_time()
        played = play_budgeted(problem, seed=seed)
        seconds = time.process_time() - start
        plain = play_stopping(problem, seed=seed)
        assert played.cost <= problem.budget, "the cap was passed"
        shares.append(played.reward / bound)
        stopping.append(plain.reward / bound)
        print(
            f"{seed:<6}{shares[-1]:>9.4f}{played.expected_reward / bound:>10.4f}"
            f"{played.cost / problem.budget:>8.3f}{stopping[-1]:>10.3f}{seconds:>9.1f}"
        )
    print(f"worst {min(shares):.4f} (bar 0.94), median {statistics.median(shares):.4f} (bar 0.96), no cap passed")
    print("expected: by the expected rewards of the choices, free of the purchases' luck")
    print(f"stop when empty: median {np.median(stopping):.3f}")


if __name__ == "__main__":
    main()
