"""Feedback of the Open Bandit Pipeline (Saito et al. 2021, "Open Bandit Dataset and Pipeline") as decisions."""

from collections.abc import Mapping
from typing import cast

import numpy as np
from numpy.typing import ArrayLike

from xbopt.core.arrays import FloatArray
from xbopt.core.errors import DecisionLogError
from xbopt.ope.data.array_checks import check_between, finite_array, whole_numbers
from xbopt.ope.data.logged import LoggedBanditData


def from_obp(feedback: Mapping[str, object], action_dist: ArrayLike) -> tuple[LoggedBanditData, FloatArray]:
    """Decisions and probabilities for ``evaluate_policy(*from_obp(feedback, action_dist))``.

    Args:
        feedback: ``bandit_feedback`` of obp: ``context`` ``(n, d)`` or None, ``action``, ``reward`` and ``pscore``
            ``(n,)``, ``position`` ``(n,)`` or None, ``n_actions``, and ``pi_b`` ``(n, K, 1)`` where it is known;
            ``action_context`` and what else stands there is not used.
        action_dist: Probability of every action at every position under the evaluation policy ``(n, K, len_list)``, or
            ``(n, K)`` for one position.

    Returns:
        The decisions, with the position as segment where there are several, and probabilities ``(n, K)`` of each row's
        position. A reward belongs to one position, so positions need no product of weights.

    Raises:
        DecisionLogError: A part is missing, or an array is not as it should be.
    """
    missing = [name for name in ("action", "reward", "pscore", "n_actions") if feedback.get(name) is None]
    if missing:
        raise DecisionLogError(f"feedback has no {missing[0]!r}; a bandit_feedback of obp has it.")
    rows = len(np.asarray(feedback["action"]))
    actions = int(cast("int", feedback["n_actions"]))
    position = np.zeros(rows, dtype=np.int64)
    if feedback.get("position") is not None:
        position = whole_numbers("position", cast("ArrayLike", feedback["position"]), axes=("n",), lengths=(rows,))
    data = LoggedBanditData(
        context=cast("FloatArray", feedback.get("context")),
        action=cast("ArrayLike", feedback["action"]),  # pyright: ignore[reportArgumentType] - checked there
        reward=cast("FloatArray", feedback["reward"]),
        propensity=cast("FloatArray", feedback["pscore"]),
        n_actions=actions,
        action_probabilities=_of_position("pi_b", feedback.get("pi_b"), position, rows, actions),
        segment=position if position.any() else None,
    )
    chosen = _of_position("action_dist", action_dist, position, rows, actions)
    assert chosen is not None, "only pi_b may be missing"
    return data, chosen


def _of_position(name: str, values: object, position: np.ndarray, rows: int, actions: int) -> FloatArray | None:
    """Probabilities of each row's position ``(n, K)``."""
    if values is None:
        return None
    array = np.asarray(values)
    array = array[:, :, None] if array.ndim == 2 else array
    whole = finite_array(name, array, axes=("n", "K", "len_list"), lengths=(rows, actions, None))
    if whole.shape[2] == 1:
        return whole[:, :, 0]
    check_between("position", position, 0, whole.shape[2] - 1, f"{name} has positions 0 to {whole.shape[2] - 1}")
    return whole[np.arange(rows), :, position]
