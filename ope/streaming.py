"""Evaluation over chunks: add them in any order, merge what other workers gathered, ask for the result."""

from functools import partial
from typing import get_args

import numpy as np
from numpy.typing import ArrayLike

from xbopt.core.arrays import FloatArray
from xbopt.core.errors import DecisionLogError, UsageError
from xbopt.ope.assembly import IntervalMethod, assemble
from xbopt.ope.data.array_checks import check_between, finite_array
from xbopt.ope.data.logged import LoggedBanditData
from xbopt.ope.data.row_keys import row_keys
from xbopt.ope.diagnostics.carry_over import CarryOverSums
from xbopt.ope.diagnostics.verdict import SupportRules
from xbopt.ope.diagnostics.weights import checked_probabilities, importance_weights
from xbopt.ope.estimators.bandit import LOGGING, formulas, score_columns
from xbopt.ope.estimators.ratios import ProjectedFormula, project
from xbopt.ope.intervals.anytime import with_anytime
from xbopt.ope.results.evaluation import PolicyEvaluation
from xbopt.ope.results.findings import Finding
from xbopt.ope.reward_models.moments import ROWS_AT_ONCE
from xbopt.ope.reward_models.protocol import RewardEnsemble, RewardModel
from xbopt.ope.sums import EvaluationSums


class StreamingEvaluator:
    """Gathers an evaluation from chunks of a log, in memory that does not grow with the rows.

    The result depends on the rows and their numbers, not on how they were cut into chunks, in which order these came,
    or which of several evaluators saw them (up to the rounding of sums, about 1e-13).

    Args:
        n_actions: Number of actions ``K``.
        reward_model: A cross-fitted model; None where ``add`` gets predictions, or for IPS and SNIPS alone.
        confidence: Of every interval, between 0 and 1.
        seed: Of folds, blocks and bootstrap; the same one that the reward model was fitted with.
        clustered: Whether the chunks name clusters.
        with_cost: Whether the chunks have costs.
        reward_bounds: Least and greatest possible reward, where they are known.

    Raises:
        UsageError: The confidence is not between 0 and 1.
    """

    def __init__(
        self,
        *,
        n_actions: int,
        reward_model: RewardModel | None = None,
        confidence: float = 0.95,
        seed: int = 0,
        clustered: bool = False,
        with_cost: bool = False,
        reward_bounds: tuple[float, float] | None = None,
    ) -> None:
        if not 0.0 < confidence < 1.0:
            raise UsageError(f"confidence is {confidence}; a number between 0 and 1 is wanted, such as 0.95.")
        self._n_actions = n_actions
        self._model = reward_model
        self._confidence = confidence
        self._seed = seed
        self._reward_bounds = reward_bounds
        self._next_row = 0
        self._sums = EvaluationSums.empty(n_actions=n_actions, clustered=clustered, with_cost=with_cost)
        self._sums.predicted = reward_model is not None

    @classmethod
    def of(
        cls, data: LoggedBanditData, *, reward_model: RewardModel | None, confidence: float, seed: int
    ) -> "StreamingEvaluator":
        """One without rows yet, for decisions such as these."""
        return cls(
            n_actions=data.n_actions,
            reward_model=reward_model,
            confidence=confidence,
            seed=seed,
            clustered=data.cluster is not None,
            with_cost=data.cost is not None,
            reward_bounds=data.reward_bounds,
        )

    def add(
        self,
        data: LoggedBanditData,
        evaluation_probabilities: ArrayLike,
        *,
        first_row: int | None = None,
        predictions: ArrayLike | None = None,
        observation_probability: ArrayLike | None = None,
        policy_shares: FloatArray | None = None,
    ) -> None:
        """Add the rows of a chunk.

        Args:
            data: The rows.
            evaluation_probabilities: Probability of every action under the evaluation policy ``(n, K)``.
            first_row: Number of the chunk's first row in the whole log; None to go on after the last chunk. It has to
                be given where several evaluators share a log, and be the same as for the reward model's moments.
            predictions: Expected reward of every action ``(n, K)``, from a model that did not see these rows.
            observation_probability: Probability that the row's reward was complete in time ``(n,)``; rows without a
                complete reward are then made up for by weight, and left out otherwise.
            policy_shares: Shares of several logging policies in the whole log ``(J,)``.

        Raises:
            DecisionLogError: An array is not as it should be, or the chunk is unlike the ones before.
        """
        if data.n_actions != self._n_actions:
            raise DecisionLogError(f"The chunk has n_actions {data.n_actions}; {self._n_actions} was stated.")
        if (data.cluster is None) != (self._sums.missing is None):
            raise DecisionLogError("Either every chunk names clusters, or none; say so with clustered.")
        rows = len(data)
        evaluation = checked_probabilities(evaluation_probabilities, rows=rows, n_actions=self._n_actions)
        guesses = None
        if predictions is not None:
            guesses = finite_array("predictions", predictions, axes=("n", "K"), lengths=(rows, self._n_actions))
            self._sums.predicted = True
        chance = None
        if observation_probability is not None:
            chance = finite_array("observation_probability", observation_probability, axes=("n",), lengths=(rows,))
            check_between("observation_probability", chance, 0.0, 1.0, "above 0 and at most 1 is wanted", open_low=True)
        start = self._next_row if first_row is None else first_row
        for at in range(0, rows, ROWS_AT_ONCE):
            part = slice(at, at + ROWS_AT_ONCE)
            self._add_part(
                data.rows(part),
                evaluation[part],
                first_row=start + at,
                predictions=None if guesses is None else guesses[part],
                chance=None if chance is None else chance[part],
                policy_shares=policy_shares,
            )
        self._next_row = start + rows

    def merge(self, other: "StreamingEvaluator") -> None:
        """Add what another evaluator of the same question gathered from other rows of the log."""
        self._sums.merge(other._sums)
        self._next_row = max(self._next_row, other._next_row)

    def result(
        self,
        *,
        rules: SupportRules | None = None,
        interval: IntervalMethod = "skewed",
        force: bool = False,
        findings: tuple[Finding, ...] = (),
        sequence: bool = False,
    ) -> PolicyEvaluation:
        """The evaluation of all rows so far.

        Args:
            rules: When to refuse; the default rules where None.
            interval: How intervals are made.
            force: Show values even where the log cannot answer.
            findings: What whoever read the log has found beside.
            sequence: Also give intervals that hold at every size of the log; ``skewed`` ones, whatever ``interval`` is.

        Raises:
            DecisionLogError: No row with a complete reward was added.
            UsageError: There is no such interval.
        """
        if interval not in get_args(IntervalMethod):
            raise UsageError(f"interval is {interval!r}; one of {', '.join(get_args(IntervalMethod))} is wanted.")
        if self._sums.rows == 0:
            raise DecisionLogError("No row with a complete reward was added.")
        at = partial(
            assemble,
            self._sums,
            model=self._model,
            seed=self._seed,
            reward_bounds=self._reward_bounds,
            rules=rules or SupportRules(),
            force=force,
            findings=findings,
        )
        result = at(confidence=self._confidence, interval=interval)
        if not sequence or result.recommended is None:
            return result
        influence = self.projected(result.recommended).leave_one_out()
        return with_anytime(result, lambda c: at(confidence=c, interval="skewed"), influence)

    def projected(self, name: str) -> ProjectedFormula:
        """Sums by block behind one estimator, or behind ``logging``, the mean logged reward.

        Raises:
            UsageError: There is no estimator of that name.
        """
        blocks, layout = self._sums.blocks.blocks(), self._sums.layout
        known = {**formulas(blocks, layout), "logging": LOGGING}
        if name not in known:
            raise UsageError(f"There is no estimator {name!r}; {', '.join(known)} can be had.")
        return project(known[name], blocks, layout.position)

    def _add_part(
        self,
        data: LoggedBanditData,
        evaluation: FloatArray,
        *,
        first_row: int,
        predictions: FloatArray | None,
        chance: FloatArray | None,
        policy_shares: FloatArray | None,
    ) -> None:
        sums = self._sums
        keys = row_keys(len(data), first_row=first_row, cluster=data.cluster, seed=self._seed)
        numbers = None
        counted = None
        if data.observed is not None:
            sums.censored += int((~data.observed).sum())
            if chance is None:
                keep = np.flatnonzero(data.observed)
                numbers = first_row + keep
                data, evaluation, keys = data.rows(keep), evaluation[keep], keys[keep]
                predictions = None if predictions is None else predictions[keep]
                if not keep.size:
                    return
            else:
                counted = data.observed / chance
        weighted = importance_weights(data, evaluation, policy_shares, counted=True)
        share = None if data.sampling is None else 1.0 / data.sampling  # what a row of a thinned log stands for
        if predictions is None and isinstance(self._model, RewardEnsemble):
            members = self._model.member_predictions(data.features, keys)
            stands_for = evaluation if share is None else evaluation * share[:, None]
            sums.add_members(np.einsum("nk,mnk->m", stands_for, members))
            predictions = members.mean(axis=0)
        elif predictions is None and self._model is not None:
            predictions = self._model.predict(data.features, keys)
        if predictions is None:
            predicted = value = np.zeros(len(data))
        else:
            predicted = predictions[np.arange(len(data)), data.action]
            value = np.einsum("nk,nk->n", evaluation, predictions)
        columns = score_columns(
            sums.layout,
            weight=weighted.weight,
            reward=data.reward,
            predicted=predicted,
            value=value,
            counted=counted,
            cost=data.cost,
        )
        if share is not None:
            columns *= share
            weighted = weighted.scaled(share)
        sums.blocks.add(keys, columns)
        if sums.missing is not None:
            missing = np.empty((1 + self._n_actions, len(data)))
            missing[0] = 1.0 if share is None else share
            missing[1:] = weighted.evaluation.T
            missing[1 + data.action, np.arange(len(data))] -= weighted.weight
            sums.missing.add(keys, missing)
        sums.support.add(
            weighted,
            data.action,
            first_row=first_row
            if numbers is None
            else int(numbers[weighted.weight.argmax()] - weighted.weight.argmax()),
            # Of several logging policies one may do what another cannot: no row's own table says what lacks support.
            logging=data.possible if data.policy_propensities is None else data.allowed,
            segment=data.segment,
            share=share,
        )
        if numbers is None:
            numbers = np.arange(first_row, first_row + len(data))
        if share is None:  # what was kept of a thinned log may depend on the reward, so it does not show the draw
            sums.audit.add(data, weighted, data.reward - predicted, keys=keys, rows=numbers)
        seen = slice(None) if counted is None else counted > 0.0
        sums.rewards.add(data.reward[seen], weighted.weight[seen])
        earned, logged = (columns[sums.layout.position[name]] for name in ("weighted_reward", "reward"))
        sums.contributions.add(earned, data.reward, rows=numbers)
        sums.differences.add(earned - logged, data.reward, rows=numbers)
        sums.rows += len(data)
        if data.previous_action is not None:
            if sums.carry_over is None:
                sums.carry_over = CarryOverSums(n_actions=self._n_actions, n_features=data.context.shape[1])
            sums.carry_over.add(data, counted=counted)
