"""What an evaluation asks of a reward model."""

from typing import Protocol, runtime_checkable

from xbopt.core.arrays import FloatArray
from xbopt.ope.data.row_keys import KeyArray

FOLDS = 5


class RewardModel(Protocol):
    """A cross-fitted model: the prediction of a row comes from a fit that did not see the row's fold."""

    @property
    def name(self) -> str:
        """Name for reports, such as ``linear``."""
        ...

    def predict(self, context: FloatArray, keys: KeyArray) -> FloatArray:
        """Expected reward of every action ``(n, K)`` in contexts ``(n, d)`` of rows with these keys ``(n,)``.

        Where the data have covariates they follow the context's columns.
        """
        ...


@runtime_checkable
class RewardEnsemble(Protocol):
    """A model of several members, whose disagreement is reported."""

    def member_predictions(self, context: FloatArray, keys: KeyArray) -> FloatArray:
        """Predictions of each member ``(m, n, K)``; their mean is the model's prediction."""
        ...
