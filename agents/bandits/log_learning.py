"""Learning from a decision log: what a bandit would know, had it seen a reward for every action.

A log shows only the reward of the action that was taken. Both methods put an estimate in the place of each reward that
was not seen, and the bandit learns all actions from every row (Dudík, Langford & Li 2011, "Doubly robust policy
evaluation and learning", section 2):

    ips   r_hat(x, a) = w 1{a = A} R                               w = 1 / propensity of the logged action
    dr    r_hat(x, a) = m(x, a) + w 1{a = A} (R - m(x, a))

Both have the true expected reward as their mean whatever the logging policy favoured, as long as no weight is clipped.
``m`` is a ridge regression per action, fitted to the other half of the episodes, so that no row meets a model that has
seen its own reward (cross-fitting, Chernozhukov et al. 2018).
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from xbopt.agents.bandits.bandit import Bandit, checked_positive
from xbopt.agents.bandits.linear import LinearBandit
from xbopt.agents.bandits.linear_models import LinearModels
from xbopt.core.arrays import FloatArray, IntArray
from xbopt.core.decision_log.reader import read_decision_log
from xbopt.core.decision_log.schema import DecisionLog, TextArray
from xbopt.core.errors import PolicyError, SupportError, UsageError
from xbopt.core.hold_out import checked_hold_out, held_out_decisions
from xbopt.core.learnt_rows import LearntRows, content_hashes, id_hashes

Method = Literal["ips", "dr"]
_ROWS_AT_ONCE = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class LogLearning:
    """What was learned from a log, and what was changed on the way.

    Attributes:
        method: ``ips`` or ``dr``.
        rows: Rows learned from.
        incomplete_rows: Rows left out because their reward was not complete yet.
        clipped_rows: Rows whose weight was cut to ``clip``; where there are any, estimates lean towards ``m`` or 0.
        largest_weight: Largest weight before clipping.
        effective_rows: ``(sum w)^2 / sum w^2`` of the weights as used: how many rows of weight 1 they are worth.
        actions_never_logged: Actions that no row took; nothing but the model, or nothing at all, is known of them.
        held_out_rows: Rows that were kept for judging.
    """

    method: Method
    rows: int
    incomplete_rows: int
    clipped_rows: int
    largest_weight: float
    effective_rows: float
    actions_never_logged: tuple[int, ...]
    held_out_rows: int = 0


def learn_from_log(
    log: Path | str | DecisionLog,
    bandit: Bandit,
    method: Method = "dr",
    *,
    clip: float | None = 100.0,
    ridge: float = 1.0,
    hold_out: float | None = None,
) -> LogLearning:
    """Let a linear bandit learn from a decision log.

    The bandit keeps a fingerprint of the rows it learnt from, also when it is saved, and an evaluation on any of them
    is refused. So hold some rows out, and evaluate with the same share; or evaluate on a log that was written later.

    Args:
        log: A decision log, or where it lies: a Parquet file, or a folder of them.
        bandit: A bandit whose rewards are linear; it keeps what it knew before.
        method: ``ips`` or ``dr``.
        clip: Largest importance weight; None leaves all as they are.
        ridge: Prior of the regression behind ``dr``.
        hold_out: Share of the episodes (of their steps, in a log of fewer than 30) that are kept for judging; which
            ones is a fixed rule, ``xbopt.core.hold_out``.

    Returns:
        How many rows were used, left out or clipped.

    Raises:
        DecisionLogError: There is no such log, or it is broken.
        PolicyError: The bandit is for another number of features or actions.
        SupportError: No row of the log has a complete reward.
        UsageError: The bandit does not learn from estimated rewards, or an argument is outside its range.
    """
    if method not in ("ips", "dr"):
        raise UsageError(f"method is {method!r}; ips or dr is wanted.")
    if not isinstance(bandit, LinearBandit):
        raise UsageError(
            f"A {type(bandit).__name__} does not learn from estimated rewards. Take EpsilonGreedy, LinUcb, LinThompson "
            "or SquareCb."
        )
    if clip is not None:
        checked_positive("clip", clip)
    found = log if isinstance(log, DecisionLog) else read_decision_log(Path(log))
    for name, have, want in (
        ("context fields", len(found.schema.context_names), bandit.n_features),
        ("actions", len(found.schema.action_labels), bandit.n_actions),
    ):
        if have != want:
            raise PolicyError(f"The log has {have} {name}, the bandit {want}. Make the bandit for this log.")
    columns = found.columns
    complete = np.isfinite(columns.reward)
    kept = np.zeros(len(columns), dtype=np.bool_)
    if hold_out is not None:
        kept = held_out_decisions(columns.episode_id, columns.step, checked_hold_out(hold_out))
    incomplete = int((~complete & ~kept).sum())
    complete &= ~kept
    if not complete.any():
        raise SupportError("No row of the log has a complete reward; there is nothing to learn from yet.")
    context, action, reward = columns.context[complete], columns.action[complete], columns.reward[complete]
    weight = 1.0 / columns.propensity[complete]
    used = weight if clip is None else np.minimum(weight, clip)
    model = (
        _cross_fitted(context, action, reward, columns.episode_id[complete], bandit.n_actions, ridge)
        if method == "dr"
        else np.zeros((len(action), bandit.n_actions))
    )
    for start in range(0, len(action), _ROWS_AT_ONCE):
        at = np.arange(start, min(start + _ROWS_AT_ONCE, len(action)))
        estimate = model[at].copy()
        own = estimate[np.arange(len(at)), action[at]]
        estimate[np.arange(len(at)), action[at]] += used[at] * (reward[at] - own)
        bandit.learn_all(context[at], estimate, np.ones(len(at)))
    contents = content_hashes(context, action, columns.propensity[complete])
    bandit.learnt_on = bandit.learnt_on.plus(LearntRows.of(id_hashes(columns.decision_id[complete]), contents))
    return LogLearning(
        method=method,
        rows=len(action),
        incomplete_rows=incomplete,
        clipped_rows=int((used < weight).sum()),
        largest_weight=float(weight.max()),
        effective_rows=float(used.sum() ** 2 / (used**2).sum()),
        actions_never_logged=tuple(sorted(set(range(bandit.n_actions)) - set(np.unique(action).tolist()))),
        held_out_rows=int(kept.sum()),
    )


def _cross_fitted(
    context: FloatArray, action: IntArray, reward: FloatArray, episode: TextArray, n_actions: int, ridge: float
) -> FloatArray:
    """Predicted reward of every action ``(n, K)``, each row by a model of the other half of the episodes.

    Rows of one episode share their luck, so an episode stays in one half. With a single episode its rows alternate.
    """
    number = np.unique(episode, return_inverse=True)[1]
    half = (number if number.max() > 0 else np.arange(len(number))) % 2
    predicted = np.zeros((len(action), n_actions))
    for side in (0, 1):
        models = LinearModels(n_actions=n_actions, n_features=context.shape[1], ridge=ridge)
        fit, ask = half != side, half == side
        models.learn(np.ascontiguousarray(context[fit]), action[fit], reward[fit][:, None], np.ones(int(fit.sum())))
        predicted[ask] = models.means(np.ascontiguousarray(context[ask]))
    return predicted
