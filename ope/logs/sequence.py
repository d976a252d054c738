"""An interval that holds at every size of a growing log at once, however often one looks: ``--sequence``."""

from dataclasses import dataclass

import numpy as np

from xbopt.core.arrays import FloatArray, IntArray
from xbopt.core.errors import UsageError
from xbopt.ope.data.row_keys import row_keys
from xbopt.ope.intervals.anytime import ConfidenceSequence
from xbopt.ope.logs.log_policy import LogPolicy, ask
from xbopt.ope.logs.open_log import EvaluationLog
from xbopt.ope.logs.rows import ForeignRows
from xbopt.ope.reward_models.linear import LinearRewardModel, fit_linear
from xbopt.ope.reward_models.moments import RewardMoments

_FIRST_FIT = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class AnytimeInterval:
    """The interval after all rows of the log.

    Attributes:
        low: Lower end.
        high: Upper end.
        rows: Rows with a complete reward.
        greatest_weight: The bound on weights that it rests on.
        reward_bounds: The bounds of the reward that it rests on.
    """

    low: float
    high: float
    rows: int
    greatest_weight: float
    reward_bounds: tuple[float, float]


def anytime_interval(
    log: EvaluationLog,
    policy: LogPolicy,
    *,
    reward_bounds: tuple[float, float],
    least_propensity: float | None = None,
    confidence: float = 0.95,
    seed: int = 0,
    checked: bool = False,
) -> AnytimeInterval:
    """Follow a policy's value through the log, in the order of its rows.

    Rewards are predicted from earlier rows alone: a linear model is fitted anew whenever the rows have doubled.

    Args:
        log: The log; it must have propensities.
        policy: The evaluation policy.
        reward_bounds: Least and greatest possible reward, known beforehand.
        least_propensity: Least propensity that the logging policy may have, known from its exploration; left out, the
            one that holds for all rows by design.
        confidence: Of the whole sequence.
        seed: Of the folds.
        checked: Whether all rows of the log were checked before, against these bounds too.

    Raises:
        UsageError: No bound on the weights is known, or rows share their luck.
        DecisionLogError: A row is wrong, or lies outside the bounds.
    """
    if least_propensity is None and isinstance(log.converter, ForeignRows):
        least_propensity = log.converter.propensity
    if least_propensity is None:
        raise UsageError(
            "--sequence needs the least propensity that the logging policy may have, known from its exploration (the "
            "share of random decisions over the number of actions): --least-propensity P."
        )
    if not 0.0 < least_propensity <= 1.0:
        raise UsageError(f"--least-propensity is {least_propensity:g}; above 0 and at most 1 is wanted.")
    if log.cluster_name:
        raise UsageError(
            f"--sequence needs independent rows; those of this log share their luck by {log.cluster_name}, and an "
            "interval that counted them one by one would be far too narrow. The other intervals allow for clusters."
        )
    actions = len(log.action_labels) + len(policy.unseen)
    sequence = ConfidenceSequence(
        greatest_weight=1.0 / least_propensity, reward_bounds=reward_bounds, confidence=confidence
    )
    learner = _Learner(actions, len(log.context_names), reward_bounds, seed)
    answers = policy.answers()
    for part in log.parts():
        for read in log.rows(part, keys=policy.keys, reads=policy.reads, reward_bounds=reward_bounds, checked=checked):
            rows, evaluation = ask(answers, read)
            for some in learner.blocks(rows.ready):
                data, chances = rows.data.rows(some), evaluation[some]
                assert data.propensity is not None, "a least propensity is only known of stated ones"
                predicted, at = learner.predict(data.context), np.arange(len(some))
                sequence.add(
                    weight=chances[at, data.action] / data.propensity,
                    reward=data.reward,
                    predicted=predicted[at, data.action],
                    value=(chances * predicted).sum(axis=1),
                )
                learner.learn(data.context, data.action, data.reward)
    low, high = sequence.interval
    return AnytimeInterval(
        low=low,
        high=high,
        rows=learner.seen,
        greatest_weight=1.0 / least_propensity,
        reward_bounds=reward_bounds,
    )


class _Learner:
    """A linear model of the reward that knows earlier rows alone."""

    def __init__(self, n_actions: int, n_features: int, bounds: tuple[float, float], seed: int) -> None:
        self._moments = RewardMoments(n_actions=n_actions, n_features=n_features)
        self._shape, self._bounds, self._seed = n_actions, bounds, seed
        self._model: LinearRewardModel | None = None
        self._next_fit = _FIRST_FIT
        self.seen = 0

    def blocks(self, ready: np.ndarray) -> "list[IntArray]":
        """Rows of a batch that are ready, cut where the model is fitted anew."""
        rows = np.flatnonzero(ready)
        cuts: list[int] = []
        fit = self._next_fit
        while fit < self.seen + len(rows):
            cuts.append(fit - self.seen)
            fit *= 2
        return [block for block in np.split(rows, cuts) if len(block)]

    def predict(self, context: FloatArray) -> FloatArray:
        """Expected reward of every action ``(n, K)``; the middle of the bounds before the first fit."""
        if self._model is None:
            return np.full((len(context), self._shape), sum(self._bounds) / 2.0)
        keys = row_keys(len(context), first_row=self.seen, cluster=None, seed=self._seed)
        return np.clip(self._model.predict(context, keys), *self._bounds)

    def learn(self, context: FloatArray, action: IntArray, reward: FloatArray) -> None:
        """Take note of rows; fit anew when they have doubled."""
        keys = row_keys(len(context), first_row=self.seen, cluster=None, seed=self._seed)
        self._moments.add(context, action, reward, keys)
        self.seen += len(context)
        if self.seen >= self._next_fit:
            self._model = fit_linear(self._moments)
            self._next_fit = 2 * self.seen
