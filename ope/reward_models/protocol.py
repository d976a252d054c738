"""What an evaluation asks of a reward model."""

from typing import Protocol

from xbopt.core.axes import FloatArray
from xbopt.ope.row_keys import KeyArray

FOLDS = 5


class RewardModel(Protocol):
    """A cross-fitted model: the prediction of a row comes from a fit that did not see the row's fold."""

    @property
    def name(self) -> str:
        """Name for reports, such as ``linear``."""
        ...

    def predict(self, context: FloatArray, keys: KeyArray) -> FloatArray:
        """Expected reward of every action ``(n, K)`` in contexts ``(n, d)`` of rows with these keys ``(n,)``."""
        ...
