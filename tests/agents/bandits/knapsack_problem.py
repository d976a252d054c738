"""A budget for discounts and 100,000 customers: the problem behind ``bench_knapsack.py`` and its test.

Customers come one by one with a context. For each, one of 20 discount depths is chosen, 0 to 47.5 % of a price of 1.
Whether the customer buys is drawn with a probability that is linear in the context at every depth; the learner knows
neither these lines nor which depths are worth it. A purchase brings the gross margin as reward and costs its discount,
so expected reward and cost are linear in the context too. The budget is a share of what the rewards' own favourite
would cost: the depth with the highest expected reward for every customer.

The bound is the linear program of somebody who knows every expectation and every customer in advance: choose
probabilities of the depths for each customer, maximal expected reward, expected cost within the budget. No policy that
keeps the budget has a higher expected reward.
"""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import linprog
from scipy.sparse import csr_array, vstack

from xbopt.core.arrays import FloatArray
from xbopt.core.randomness import named_generator

DEPTHS = 20
FEATURES = 8
MARGIN = 0.6
LARGEST_COST = 0.025 * (DEPTHS - 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """Customers, chances and budget.

    Attributes:
        context: ``(n, d)``; the first feature is 1.
        chance: Probability of a purchase at each depth ``(n, K)``.
        depth: Discount of each depth ``(K,)``.
        budget: Money for discounts.
    """

    context: FloatArray
    chance: FloatArray
    depth: FloatArray
    budget: float

    @property
    def reward(self) -> FloatArray:
        """Expected reward ``(n, K)``."""
        return MARGIN * self.chance

    @property
    def cost(self) -> FloatArray:
        """Expected cost ``(n, K)``."""
        return self.chance * self.depth


def make_problem(*, customers: int, seed: int, budget_share: float = 0.08) -> Problem:
    """A problem drawn from a seed. Features lie in 0..1, so that no chance leaves 0..1."""
    rng = named_generator(seed, "knapsack problem")
    depth = 0.025 * np.arange(DEPTHS)
    context = np.concatenate([np.ones((customers, 1)), rng.random((customers, FEATURES - 1))], axis=1)
    # Each feature has a share in the chance without discount, and its own reach and half-way depth of response.
    base = 0.02 * rng.dirichlet(np.ones(FEATURES)) * 2.0
    reach = 0.5 * rng.dirichlet(0.7 * np.ones(FEATURES))
    half = rng.uniform(0.05, 0.3, FEATURES)
    lines = base[:, None] + reach[:, None] * (1.0 - np.exp(-depth / half[:, None]))
    chance = context @ lines
    favourite = chance.argmax(axis=1)
    total = float((chance * depth)[np.arange(customers), favourite].sum())
    return Problem(context=context, chance=chance, depth=depth, budget=budget_share * total)


def dual_bound(problem: Problem) -> float:
    """The program's optimum by its dual: ``min over price of price B + sum_i max_k (r_ik - price c_ik)``.

    The program has one linking row, so its dual has one variable; the dual is convex and piecewise linear in it.
    """
    low, high = 0.0, 1e3

    def slope(price: float) -> float:
        best = np.argmax(problem.reward - price * problem.cost, axis=1)
        return problem.budget - float(problem.cost[np.arange(len(best)), best].sum())

    for _ in range(60):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if slope(middle) < 0.0 else (low, middle)
    return high * problem.budget + float((problem.reward - high * problem.cost).max(axis=1).sum())


def lp_bound(problem: Problem) -> float:
    """The program's optimum by HiGHS; for few customers, to check ``dual_bound``."""
    customers, depths = problem.chance.shape
    variables = customers * depths
    one_each = csr_array(
        (np.ones(variables), (np.repeat(np.arange(customers), depths), np.arange(variables))),
        shape=(customers, variables),
    )
    money = csr_array(problem.cost.reshape(1, -1))
    solved = linprog(
        -problem.reward.ravel(), A_ub=vstack([money]), b_ub=[problem.budget], A_eq=one_each, b_eq=np.ones(customers),
        bounds=(0.0, 1.0), method="highs",
    )  # fmt: skip
    assert solved.status == 0, solved.message
    return -float(solved.fun)


@dataclass(frozen=True, slots=True, kw_only=True)
class Played:
    """What a learner reached.

    Attributes:
        reward: Realised reward.
        cost: Realised cost.
        expected_reward: Sum of the expected rewards of its choices.
    """

    reward: float
    cost: float
    expected_reward: float
