"""One budget for many decisions: a price for money, moved so that the budget lasts.

Bandits with knapsacks (Badanidiyuru, Kleinberg & Slivkins 2013; linear contexts: Agrawal & Devanur 2016): the best
policy under a budget maximises ``reward - price * cost`` at the right price, the dual variable of the budget. Choosing
by reward alone and stopping when the money is gone wastes most of it on the first comers.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from xbopt.agents.bandits.bandit import (
    Bandit,
    StateArrays,
    checked_count,
    checked_positive,
    checked_row,
    checked_share,
    checked_size,
    checked_weight,
    setting,
)
from xbopt.agents.bandits.compiled import greedy_mix, predict
from xbopt.agents.bandits.linear import TIE
from xbopt.agents.bandits.linear_models import LinearModels
from xbopt.core.arrays import FloatArray, IntArray
from xbopt.core.errors import BudgetError, UsageError

_HALVINGS = 50  # of the interval that holds the price: relative error 1e-15
_ROUNDING = 1e-12  # what sums of money may be off by, relative


class DualPrice:
    """The price of a unit of budget, over a known number of decisions.

    Two ways to move it, which go together:

    - ``pace`` after each payment: ``price <- max(0, price + step (paid - even share))``, so that spending faster than
      an even course makes money dearer (Balseiro & Gur 2019, "Learning in repeated auctions with budgets", adaptive
      pacing). It needs no prediction.
    - ``solve`` on predictions for a sample of contexts: the price at which the best choices cost, on average, what is
      left per decision (Agrawal, Wang & Ye 2014, "A dynamic near-optimal algorithm for online linear programming").

    Args:
        budget: What may be paid in all, above 0.
        decisions: Number of decisions that share it, at least 1.
        step: Step of pacing, in units of price per unit of cost; 0 turns pacing off.
        price: Price at the start, 0 or more.

    Raises:
        UsageError: An argument is outside its range.
    """

    __slots__ = ("_budget", "_decisions", "_made", "_paid", "_price", "_step")

    def __init__(self, *, budget: float, decisions: int, step: float = 0.0, price: float = 0.0) -> None:
        self._budget = checked_positive("budget", budget)
        if decisions < 1:
            raise UsageError(f"decisions is {decisions}; at least 1 is wanted.")
        self._decisions = int(decisions)
        self._step, self._price = checked_size("step", step), checked_size("price", price)
        self._paid, self._made = 0.0, 0

    @property
    def price(self) -> float:
        """What one more unit of budget would earn."""
        return self._price

    @property
    def paid(self) -> float:
        """What was paid."""
        return self._paid

    @property
    def left(self) -> float:
        """What may still be paid."""
        return self._budget - self._paid

    @property
    def even_share(self) -> float:
        """What is left for each decision still to come; after the last one, all that is left."""
        return self.left / max(self._decisions - self._made, 1)

    def pay(self, cost: FloatArray) -> None:
        """Pay for some decisions ``(n,)``, in their order, and pace after each.

        Raises:
            BudgetError: The budget does not suffice; nothing is paid then.
        """
        total = math.fsum(cost.tolist())
        if self._paid + total > self._budget * (1.0 + _ROUNDING):
            raise BudgetError(f"{total:g} is to be paid, but only {self.left:g} of {self._budget:g} is left.")
        if self._step > 0.0:
            for amount in cost.tolist():
                self._price = max(0.0, self._price + self._step * (amount - self.even_share))
                self._paid, self._made = self._paid + amount, self._made + 1
        else:
            self._paid, self._made = self._paid + total, self._made + len(cost)

    def refund(self, amount: float) -> None:
        """Take back a part of what was paid; it may be paid again.

        Raises:
            UsageError: It is negative, or more than was paid.
        """
        if not 0.0 <= amount <= self._paid * (1.0 + _ROUNDING):
            raise UsageError(f"The refund is {amount:g}; 0..{self._paid:g} (paid so far) is wanted.")
        self._paid = max(0.0, self._paid - float(amount))

    def solve(self, reward: FloatArray, cost: FloatArray) -> float:
        """Set the price from predictions for a sample of contexts, and return it.

        Args:
            reward: Predicted reward of every action ``(n, K)``.
            cost: Predicted cost of every action ``(n, K)``; each row needs an action within the even share, or no
                price can keep it.

        Returns:
            The smallest price at which the best actions cost no more than the even share on average; 0 where the
            budget does not bind. Mean cost falls as the price rises, so halving an interval finds it.
        """
        share = self.even_share

        def mean_cost(price: float) -> float:
            best = np.argmax(reward - price * cost, axis=1)
            return float(cost[np.arange(len(cost)), best].mean())

        if mean_cost(0.0) <= share:
            self._price = 0.0
            return 0.0
        low, high = 0.0, max(self._price, 1e-6)
        while mean_cost(high) > share and high < 1e12:
            low, high = high, 2.0 * high
        for _ in range(_HALVINGS):
            middle = 0.5 * (low + high)
            low, high = (middle, high) if mean_cost(middle) > share else (low, middle)
        self._price = high
        return high

    def state(self) -> FloatArray:
        """Price, payments and decisions so far."""
        return np.array([self._price, self._paid, float(self._made)])

    def restore(self, state: FloatArray) -> None:
        """Take over what ``state`` gave."""
        self._price, self._paid, self._made = float(state[0]), float(state[1]), int(state[2])


@dataclass(kw_only=True, eq=False)
class BudgetedBandit(Bandit):
    """LinUCB under a budget that is never exceeded.

    Reward and cost are linear in the context, with one pair of regressions an action. The score of an action is

        x'r_k + alpha s_k - price max(x'c_k - alpha_cost s_k, 0)        s_k = sqrt(x'A_k^-1 x)

    optimistic in both (Agrawal & Devanur 2016, Algorithm 1). The price is solved anew on the contexts of late, on a
    schedule that is dense at the start. Before each draw the largest possible cost of every decision that can still
    cost something is set aside: of those drawn and not paid yet, but for the free action, and of the rows before it
    in the same call. Rows for which nothing would be left take the free action. So the cap holds for certain, in
    whatever order costs come in, and nothing is set aside that nobody can owe.

    Attributes:
        budget: What may be paid in all.
        decisions: Number of decisions that share it.
        largest_cost: No decision costs more.
        free_action: An action that costs nothing.
        alpha: Width of the bound on the reward, in units of the reward's noise.
        alpha_cost: Width of the bound on the cost.
        epsilon: Share of uniform exploration while money is left.
        ridge: Strength of the prior.
        discount: Weight that a row keeps when the next one comes.
        solve_every: Decisions between two solutions for the price.
        memory: Contexts of late on which it is solved.
    """

    budget: float
    decisions: int
    largest_cost: float
    free_action: int = 0
    alpha: float = setting(0.5, checked_size)
    alpha_cost: float = setting(0.5, checked_size)
    epsilon: float = setting(0.0, checked_share)
    ridge: float = 1.0
    discount: float = 1.0
    solve_every: int = setting(500, checked_count)
    memory: int = setting(1000, checked_count)

    def __post_init__(self) -> None:
        """Begin with the prior, and all of the budget."""
        super().__post_init__()
        self.largest_cost = checked_positive("largest_cost", self.largest_cost)
        if not 0 <= self.free_action < self.n_actions:
            raise UsageError(f"free_action is {self.free_action}; 0..{self.n_actions - 1} is wanted.")
        self.price = DualPrice(budget=self.budget, decisions=self.decisions)
        self.models = LinearModels(
            n_actions=self.n_actions, n_features=self.n_features, ridge=self.ridge, discount=self.discount, outputs=2
        )
        self._recent = np.zeros((self.memory, self.n_features))
        # Decisions drawn, of which are yet to be paid, and the count at which the price is solved next.
        self._counts = np.array([0, 0, min(50, self.solve_every)], dtype=np.int64)

    @property
    def probability_floor(self) -> float:
        """None: when the money is gone only the free action is left."""
        return 0.0

    @property
    def unpaid(self) -> int:
        """Decisions that were drawn, that can cost something, and that are not paid yet."""
        return int(self._counts[1])

    def _values(self, context: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Optimistic reward and cost of every action ``(n, K)``."""
        spread = np.sqrt(self.models.variances(context))
        reward = predict(context, np.ascontiguousarray(self.models.theta[:, 0]))
        cost = predict(context, np.ascontiguousarray(self.models.theta[:, 1]))
        cost = np.maximum(cost - self.alpha_cost * spread, 0.0)
        cost[:, self.free_action] = 0.0
        return reward + self.alpha * spread, cost

    def _probabilities(self, context: FloatArray) -> FloatArray:
        reward, cost = self._values(self._finite(context))
        scores = reward - self.price.price * cost
        probabilities = greedy_mix(scores, self.epsilon, TIE)
        # As tolerant of rounding as payments are: three decisions of 0.1 fit into 0.3.
        payable = math.floor(self.price.left / self.largest_cost * (1.0 + _ROUNDING)) - self.unpaid
        may_cost = probabilities[:, self.free_action] < 1.0
        probabilities[np.cumsum(may_cost) > payable] = np.arange(self.n_actions) == self.free_action
        return probabilities

    def act_with_propensity(
        self, context: ArrayLike, rng: np.random.Generator | None = None
    ) -> tuple[IntArray, FloatArray]:
        """Draw an action for each row, with its probability: ``(n,)`` each. Money for all of them is set aside.

        Raises:
            PolicyError: The context has another shape, or holds a value that is no finite number.
        """
        rows = self._checked(context)
        drawn, propensity = super().act_with_propensity(rows, rng)
        places = (int(self._counts[0]) + np.arange(len(rows))) % len(self._recent)
        self._recent[places] = rows
        self._counts[0] += len(rows)
        self._counts[1] += np.count_nonzero(drawn != self.free_action)
        return drawn, propensity

    def update(
        self,
        context: ArrayLike,
        action: ArrayLike,
        reward: ArrayLike,
        *,
        weight: ArrayLike | None = None,
        cost: ArrayLike | None = None,
    ) -> None:
        """Pay for decisions and learn what they brought.

        Args:
            context: ``(n, d)``.
            action: ``(n,)``.
            reward: ``(n,)``.
            weight: How much a row counts ``(n,)``.
            cost: What each decision cost ``(n,)``, 0..largest_cost; 0 for the free action. Decisions may be paid in
                any order. Money that comes back later is no cost: see ``refund``.

        Raises:
            PolicyError: The context has another shape, or holds a value that is no finite number.
            UsageError: The cost is missing, or a value is outside its range.
        """
        if cost is None:
            raise UsageError("cost is missing: a bandit under a budget has to know what its decisions cost.")
        rows = self._checked(context)
        actions = self._checked_actions(action, len(rows))
        paid = checked_row(cost, "cost", len(rows))
        outside = (paid < 0.0) | (paid > self.largest_cost)
        if outside.any():
            at = int(np.argmax(outside))
            raise UsageError(f"cost is {paid[at]:g} at row {at}; 0..{self.largest_cost:g} (largest_cost) is wanted.")
        charged = (actions == self.free_action) & (paid > 0.0)
        if charged.any():
            at = int(np.argmax(charged))
            raise UsageError(
                f"cost is {paid[at]:g} at row {at}, whose action {self.free_action} is the free one: it costs 0. Name "
                "an action that really costs nothing as free_action."
            )
        outcomes = np.stack([checked_row(reward, "reward", len(rows)), paid], axis=1)
        weights = checked_weight(weight, len(rows))
        self.price.pay(paid)
        self.models.learn(rows, actions, outcomes, weights)
        self._counts[1] = max(0, self.unpaid - int(np.count_nonzero(actions != self.free_action)))
        self._rows += len(rows)
        self._solve_when_due()

    def refund(self, amount: float) -> None:
        """Take money back that decisions were paid with; it may be spent again.

        Raises:
            UsageError: It is negative, or more than was paid.
        """
        self.price.refund(amount)

    def _solve_when_due(self) -> None:
        drawn, _, due = self._counts.tolist()
        if drawn >= due:
            context = self._recent[: min(drawn, len(self._recent))]
            self.price.solve(*self._values(context))
            self._counts[2] = drawn + min(max(drawn, 1), self.solve_every)

    def _learn(self, context: FloatArray, action: IntArray, reward: FloatArray, weight: FloatArray) -> None:
        del context, action, reward, weight
        raise UsageError("A bandit under a budget learns through update(..., cost=...).")

    def arrays(self) -> StateArrays:
        """Everything that was learned, by name."""
        return {**self.models.arrays(), "memory": self._recent, "counts": self._counts, "price": self.price.state()}

    def _restore(self, arrays: StateArrays) -> None:
        self.models.restore(arrays)
        self._recent[...], self._counts[...] = arrays["memory"], arrays["counts"]
        self.price.restore(np.asarray(arrays["price"], dtype=np.float64))
