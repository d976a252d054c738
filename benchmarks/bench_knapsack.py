"""Learning under a budget against the linear program that knows everything.

Run ``python -m benchmarks.bench_knapsack``: 100,000 decisions, 20 discount depths, a budget of 8 % of what the rewards'
own favourites would cost, 8 seeds. Reward is compared with the bound; the cap may never be passed.
"""

import statistics
import sys
import time

import numpy as np

from benchmarks.bars import Bar, told, words_of
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
BARS = (
    Bar(name="worst share of the optimum", least=0.94),
    Bar(name="median share of the optimum", least=0.96),
    Bar(name="budget spent, largest share", most=1.0),
    Bar(name="median share of a bandit that stops when empty"),
)
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


def main() -> int:
    tiny = words_of(__doc__).parse_args().tiny
    customers, seeds = (300, 1) if tiny else (CUSTOMERS, SEEDS)
    print(f"{'seed':<6}{'bandit':>9}{'expected':>10}{'spent':>8}{'stopping':>10}{'seconds':>9}")
    shares: list[float] = []
    stopping: list[float] = []
    spent: list[float] = []
    for seed in range(seeds):
        problem = make_problem(customers=customers, seed=seed)
        bound = dual_bound(problem)
        start = time.process_time()
        played = play_budgeted(problem, seed=seed)
        seconds = time.process_time() - start
        plain = play_stopping(problem, seed=seed)
        spent.append(played.cost / problem.budget)
        shares.append(played.reward / bound)
        stopping.append(plain.reward / bound)
        print(
            f"{seed:<6}{shares[-1]:>9.4f}{played.expected_reward / bound:>10.4f}"
            f"{spent[-1]:>8.3f}{stopping[-1]:>10.3f}{seconds:>9.1f}"
        )
    print("expected: by the expected rewards of the choices, free of the purchases' luck")
    values = (min(shares), statistics.median(shares), max(spent), float(np.median(stopping)))
    return told(__file__, BARS, {bar.name: value for bar, value in zip(BARS, values, strict=True)}, tiny=tiny)


if __name__ == "__main__":
    sys.exit(main())
