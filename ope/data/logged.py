"""Logged decisions as arrays, checked once."""

from dataclasses import InitVar, dataclass, replace
from typing import cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from xbopt.core.arrays import BoolArray, FloatArray, IntArray
from xbopt.core.errors import DecisionLogError, UsageError
from xbopt.ope.data.array_checks import check_between, check_distributions, codes_of, finite_array, whole_numbers

PROPENSITY_WANTED = "a propensity is the probability of the logged action, above 0 and at most 1"
SAMPLING_WANTED = "the probability that the row was kept, above 0 and at most 1, is wanted"
MATCH_TOLERANCE = 1e-6
LARGEST = 1e100  # squares of greater numbers, and sums of them, leave the range of float64
_MICROSECONDS = 86_400_000_000  # of a day
_MOST_DAYS = 1e6  # seconds since 1970 are more
LARGEST_WANTED = "a number of at most 1e100 in size is wanted"


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedBanditData:
    """Decisions, one a row, with what each brought. Arrays are checked and turned into float64 or int64.

    Attributes:
        context: What was known ``(n, d)``; d may be 0. One number a row ``(n,)`` and None for nothing known are taken.
        action: The action that was taken ``(n,)``, from 0 to ``n_actions`` - 1.
        reward: What it brought ``(n,)``. Finite, except where ``observed`` is False.
        propensity: Probability with which the logged action was taken ``(n,)``, in (0, 1]; None where the log has none
            (``xbopt.ope.diagnostics.propensity`` then estimates it, and the verdict is CAUTION at best).
        n_actions: Number of actions ``K``.
        action_probabilities: Probability of every action under the logging policy ``(n, K)``, where it is known.
        cluster: Customer, market, day or episode ``(n,)``, whole numbers or texts: rows of one cluster are not
            independent of each other, and no interval treats them as such.
        segment: Label of each row ``(n,)``; a refusal names the segment that lacks support.
        cost: What each decision cost ``(n,)``, for the budget estimands.
        observed: False, or 0, where the reward is not complete yet ``(n,)``: censored, not zero.
        previous_action: Action of the same unit one step before ``(n,)``, -1 at a unit's first step; lets the
            evaluation test for carry-over.
        policy_propensities: Probability of the logged action under each of ``J`` logging policies ``(n, J)``, where
            several wrote the log; with ``policy`` they give balanced weights.
        policy: Which of the ``J`` logging policies took the action ``(n,)``.
        allowed: Which actions could be chosen ``(n, K)``; None where all could, or nobody says.
        time: When it was decided ``(n,)``, in days or as datetime64: propensities are held against what was drawn by
            day, and the reward model learns what the reward did over time.
        covariates: Further columns for reward models alone ``(n, c)``; None for those that ``evaluate_policy`` makes of
            time and segment.
        reward_bounds: Least and greatest reward that is possible, known beforehand and not read off the log.
        sampling: Probability with which the row was kept when the log was thinned ``(n,)``, in (0, 1]; each row then
            counts one over it (Hajek 1971). It may depend on anything that was known when it was drawn, reward
            included. None where every row was kept.
        checked: Say True only of arrays that were checked or computed before: nothing is checked again then.
    """

    context: FloatArray
    action: IntArray
    reward: FloatArray
    propensity: FloatArray | None
    n_actions: int
    action_probabilities: FloatArray | None = None
    cluster: IntArray | None = None
    segment: IntArray | None = None
    cost: FloatArray | None = None
    observed: BoolArray | None = None
    previous_action: IntArray | None = None
    policy_propensities: FloatArray | None = None
    policy: IntArray | None = None
    allowed: BoolArray | None = None
    time: FloatArray | None = None
    covariates: FloatArray | None = None
    reward_bounds: tuple[float, float] | None = None
    sampling: FloatArray | None = None
    checked: InitVar[bool] = False

    def __post_init__(self, checked: bool) -> None:
        """Check every array.

        Raises:
            DecisionLogError: The message names column, row, value and what is wanted.
        """
        if not checked:
            self._check()

    def _check(self) -> None:
        if isinstance(self.n_actions, bool) or self.n_actions < 1:
            raise DecisionLogError(f"n_actions is {self.n_actions}; at least 1 is wanted.")
        action = whole_numbers("action", self.action, axes=("n",), lengths=(None,))
        rows = len(action)
        if rows == 0:
            raise DecisionLogError("The log has no row.")
        check_between("action", action, 0, self.n_actions - 1, f"actions run from 0 to {self.n_actions - 1}")
        self._set("action", action)
        known = cast("ArrayLike | None", self.context)
        known = np.zeros((rows, 0)) if known is None else np.asarray(known)
        known = known[:, None] if known.ndim == 1 else known
        context = finite_array("context", known, axes=("n", "d"), lengths=(rows, None))
        if context.size:
            check_between("context", context, -LARGEST, LARGEST, LARGEST_WANTED, axes=("n", "d"))
        self._set("context", context)
        self._check_reward(rows)
        self._check_propensities(rows)
        for name in ("cluster", "segment"):
            if getattr(self, name) is not None:
                self._set(name, codes_of(name, getattr(self, name), rows))
        self._check_beside(rows)
        if self.cost is not None:
            cost = finite_array("cost", self.cost, axes=("n",), lengths=(rows,))
            check_between("cost", cost, -LARGEST, LARGEST, LARGEST_WANTED)
            self._set("cost", cost)
        if self.sampling is not None:
            kept = finite_array("sampling", self.sampling, axes=("n",), lengths=(rows,))
            check_between("sampling", kept, 0.0, 1.0, SAMPLING_WANTED, open_low=True)
            self._set("sampling", kept)
            if self.previous_action is not None:
                self.refuse_sampling("the test of carry-over (previous_action)")
        if self.previous_action is not None:
            before = whole_numbers("previous_action", self.previous_action, axes=("n",), lengths=(rows,))
            check_between("previous_action", before, -1, self.n_actions - 1, "an action, or -1 for none, is wanted")
            self._set("previous_action", before)

    def __len__(self) -> int:
        """Number of decisions, ``n``."""
        return len(self.action)

    @property
    def possible(self) -> FloatArray | BoolArray | None:
        """What is 0 for actions that could not be chosen ``(n, K)``; None where nobody says."""
        return self.allowed if self.action_probabilities is None else self.action_probabilities

    def refuse_sampling(self, what: str) -> None:
        """Refuse a thinned log where a question has no rule for it.

        Raises:
            UsageError: Rows have a sampling probability.
        """
        if self.sampling is not None:
            raise UsageError(f"Rows of this log were kept with a probability; {what} needs a log that kept every row.")

    def policy_counts(self) -> FloatArray | None:
        """Rows with a complete reward of each logging policy ``(J,)``, thinned ones counted as what they stand for.

        None where one policy wrote the log. Over all rows these are the shares of balanced weights (Agarwal, Basu,
        Schnabel, Joachims 2017, "Effective evaluation using logged bandit feedback from multiple loggers").
        """
        if self.policy_propensities is None or self.policy is None:
            return None
        counted = np.ones(len(self)) if self.observed is None else self.observed.astype(np.float64)
        counted = counted if self.sampling is None else counted / self.sampling
        counts = np.bincount(self.policy, weights=counted, minlength=self.policy_propensities.shape[1])
        return counts.astype(np.float64)

    @property
    def features(self) -> FloatArray:
        """What reward models see ``(n, d + c)``: the context, then the covariates."""
        return self.context if self.covariates is None else np.concatenate([self.context, self.covariates], axis=1)

    def rows(self, select: IntArray | BoolArray | slice) -> "LoggedBanditData":
        """Some of the rows, in the order given."""
        chosen = object.__new__(LoggedBanditData)  # the rows were checked already
        for name in LoggedBanditData.__slots__:
            value: object = getattr(self, name)
            if isinstance(value, np.ndarray):
                value = cast("FloatArray", value)[select]
            object.__setattr__(chosen, name, value)
        return chosen

    def with_actions(self, n_actions: int, *, reward_bounds: tuple[float, float] | None = None) -> "LoggedBanditData":
        """The same decisions where further actions exist, which were never a choice when the log was written.

        Args:
            n_actions: Number of all actions.
            reward_bounds: Least and greatest possible reward, against which the rewards were checked.
        """
        table, allowed = self.action_probabilities, self.allowed
        if self.n_actions < n_actions:
            more = ((0, 0), (0, n_actions - self.n_actions))
            table, allowed = (None if one is None else np.pad(one, more) for one in (table, allowed))
        return replace(
            self,
            n_actions=n_actions,
            action_probabilities=table,
            allowed=allowed,
            reward_bounds=reward_bounds,
            checked=True,
        )

    def _set(self, name: str, value: object) -> None:
        object.__setattr__(self, name, value)

    def _check_beside(self, rows: int) -> None:
        if self.time is not None:
            days = np.asarray(self.time)
            if days.dtype.kind == "M":
                moments = cast("NDArray[np.datetime64]", days).astype("datetime64[us]")
                days = np.where(np.isnat(moments), np.nan, moments.astype(np.int64) / _MICROSECONDS)
            time = finite_array("time", days, axes=("n",), lengths=(rows,))
            check_between("time", time, -_MOST_DAYS, _MOST_DAYS, "days since 1970, or datetime64, are wanted")
            self._set("time", time)
        if self.covariates is not None:
            columns = finite_array("covariates", self.covariates, axes=("n", "c"), lengths=(rows, None))
            if columns.size:
                check_between("covariates", columns, -LARGEST, LARGEST, LARGEST_WANTED, axes=("n", "c"))
            self._set("covariates", columns)

    def _check_reward(self, rows: int) -> None:
        if self.reward_bounds is not None:
            low, high = self.reward_bounds
            if not (np.isfinite(low) and np.isfinite(high) and low < high):
                raise DecisionLogError(
                    f"reward_bounds is {self.reward_bounds}; a lower and a higher number are wanted."
                )
        if self.observed is None:
            reward = finite_array("reward", self.reward, axes=("n",), lengths=(rows,))
        else:
            observed = np.asarray(self.observed)
            if observed.dtype.kind in "iuf" and bool(np.isin(observed, (0, 1)).all()):
                observed = observed.astype(np.bool_)
            if observed.dtype != np.bool_ or observed.shape != (rows,):
                raise DecisionLogError(
                    f"observed is {observed.dtype} of shape {observed.shape}; bool, or 0 and 1, (n={rows},) is wanted."
                )
            if not observed.any():
                raise DecisionLogError("observed is False in every row; no decision has a complete reward yet.")
            reward = np.where(observed, np.asarray(self.reward, dtype=np.float64), 0.0)
            reward = finite_array("reward", reward, axes=("n",), lengths=(rows,))
            self._set("observed", observed)
        if self.reward_bounds is not None:
            known = reward if self.observed is None else np.where(self.observed, reward, self.reward_bounds[0])
            low, high = self.reward_bounds
            check_between("reward", known, low, high, f"reward_bounds says from {low:g} to {high:g}")
        check_between("reward", reward, -LARGEST, LARGEST, LARGEST_WANTED)
        self._set("reward", reward)

    def _check_propensities(self, rows: int) -> None:
        if self.propensity is not None:
            propensity = finite_array("propensity", self.propensity, axes=("n",), lengths=(rows,))
            check_between("propensity", propensity, 0.0, 1.0, PROPENSITY_WANTED, open_low=True)
            self._set("propensity", propensity)
        if self.action_probabilities is not None:
            whole = finite_array(
                "action_probabilities", self.action_probabilities, axes=("n", "K"), lengths=(rows, self.n_actions)
            )
            check_distributions("action_probabilities", whole)
            self._set("action_probabilities", whole)
            self._check_match(whole[np.arange(rows), self.action])
        if self.allowed is not None:
            self._check_allowed(rows)
        if (self.policy_propensities is None) != (self.policy is None):
            raise DecisionLogError("policy_propensities and policy belong together: give both or none.")
        if self.policy_propensities is not None and self.policy is not None:
            each = finite_array("policy_propensities", self.policy_propensities, axes=("n", "J"), lengths=(rows, None))
            check_between("policy_propensities", each, 0.0, 1.0, "probabilities lie from 0 to 1")
            policy = whole_numbers("policy", self.policy, axes=("n",), lengths=(rows,))
            check_between("policy", policy, 0, each.shape[1] - 1, f"policies run from 0 to {each.shape[1] - 1}")
            self._set("policy_propensities", each)
            self._set("policy", policy)
            self._check_match(each[np.arange(rows), policy])

    def _check_allowed(self, rows: int) -> None:
        allowed = np.asarray(self.allowed)
        if allowed.dtype != np.bool_ or allowed.shape != (rows, self.n_actions):
            raise DecisionLogError(
                f"allowed is {allowed.dtype} of shape {allowed.shape}; bool (n={rows}, K={self.n_actions}) is wanted."
            )
        self._set("allowed", allowed)
        possible = np.zeros((rows, self.n_actions)) if self.action_probabilities is None else self.action_probabilities
        wrong = (~allowed & (possible > 0.0)).any(axis=1) | ~allowed[np.arange(rows), self.action]
        if wrong.any():
            raise DecisionLogError(
                f"allowed, row {int(np.argmax(wrong))}: an action is forbidden that was taken or has a probability."
            )

    def _check_match(self, probability: FloatArray) -> None:
        """The probability of the logged action, stated twice, must be the same; stated once, it is taken over."""
        if self.propensity is None:
            check_between("propensity", probability, 0.0, 1.0, PROPENSITY_WANTED, open_low=True)
            self._set("propensity", probability)
            return
        off = np.abs(probability - self.propensity) > MATCH_TOLERANCE
        if off.any():
            row = int(np.argmax(off))
            raise DecisionLogError(
                f"propensity, row {row}: {self.propensity[row]:.6g} was found, but the probabilities of that row say "
                f"{probability[row]:.6g} for the logged action; they must agree."
            )
