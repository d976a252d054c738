"""Logged decisions that are made of several factors, as arrays, checked once."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from xbopt.core.arrays import FloatArray, IntArray
from xbopt.core.errors import DecisionLogError
from xbopt.ope.data.array_checks import check_between, check_distributions, codes_of, finite_array, whole_numbers
from xbopt.ope.data.logged import LARGEST, MATCH_TOLERANCE, PROPENSITY_WANTED

_ROWS = ("n", "L")


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedFactors:
    """Decisions, one a row, each made of ``L`` factors.

    Attributes:
        action: Value of each factor ``(n, L)``, from 0 to its number of values - 1.
        propensity: Probability with which each value was drawn, given the context alone ``(n, L)``, in (0, 1].
        reward: What the decision brought ``(n,)``; or what each position brought ``(n, L)``, for their sum.
        n_actions: Number of values of each factor ``(L,)``.
        context: What was known ``(n, d)``; None for nothing.
        cluster: Rows of one cluster are not independent of each other ``(n,)``; None where all are.
        names: Names of the factors ``(L,)``; their numbers from 1 where left out.
        probabilities: Of every value of each factor ``(n, K_l)``, so that draws can be held against them; None where
            that of the logged one alone is known.
        time: When it was decided, in days ``(n,)``; None without.
        segment: Code of the segment ``(n,)``; None without.
    """

    action: IntArray
    propensity: FloatArray
    reward: FloatArray
    n_actions: Sequence[int]
    context: FloatArray | None = None
    cluster: IntArray | None = None
    names: Sequence[str] = ()
    probabilities: Sequence[FloatArray] | None = None
    time: FloatArray | None = None
    segment: IntArray | None = None

    def __post_init__(self) -> None:
        """Check every array.

        Raises:
            DecisionLogError: The message names array, row and column.
        """
        sizes = tuple(int(size) for size in self.n_actions)
        if not sizes or min(sizes) < 1:
            raise DecisionLogError(f"n_actions is {list(sizes)}; the number of values of each factor is wanted.")
        factors = len(sizes)
        names = tuple(self.names) or tuple(str(one + 1) for one in range(factors))
        if len(names) != factors:
            raise DecisionLogError(f"names has {len(names)} entries; n_actions says {factors} factors.")
        action = whole_numbers("action", self.action, axes=_ROWS, lengths=(None, factors))
        rows = len(action)
        if rows == 0:
            raise DecisionLogError("The log has no row.")
        for place, size in enumerate(sizes):
            wanted = f"values run from 0 to {size - 1}"
            check_between(f"action, factor {names[place]}", action[:, place], 0, size - 1, wanted)
        propensity = finite_array("propensity", self.propensity, axes=_ROWS, lengths=(rows, factors))
        check_between("propensity", propensity, 0.0, 1.0, PROPENSITY_WANTED, open_low=True, axes=_ROWS)
        by_position = np.ndim(self.reward) == 2
        axes, lengths = (_ROWS, (rows, factors)) if by_position else (("n",), (rows,))
        reward = finite_array("reward", self.reward, axes=axes, lengths=lengths)
        check_between("reward", reward, -LARGEST, LARGEST, "a number of at most 1e100 in size is wanted", axes=axes)
        context = np.zeros((rows, 0)) if self.context is None else np.asarray(self.context)
        context = context[:, None] if context.ndim == 1 else context
        known = finite_array("context", context, axes=("n", "d"), lengths=(rows, None))
        if self.probabilities is not None:
            self._check_probabilities(self.probabilities, action, propensity, sizes, names)
        for name, value in (
            ("action", action),
            ("propensity", propensity),
            ("reward", reward),
            ("n_actions", sizes),
            ("context", known),
            ("cluster", None if self.cluster is None else codes_of("cluster", self.cluster, rows)),
            ("names", names),
        ):
            object.__setattr__(self, name, value)

    @staticmethod
    def _check_probabilities(
        tables: Sequence[FloatArray],
        action: IntArray,
        propensity: FloatArray,
        sizes: tuple[int, ...],
        names: tuple[str, ...],
    ) -> None:
        """Every table is a distribution that says the propensity of the logged value."""
        if len(tables) != len(sizes):
            raise DecisionLogError(
                f"probabilities has {len(tables)} entries; one (n, K) for each of {len(sizes)} factors."
            )
        for place, (table, size, name) in enumerate(zip(tables, sizes, names, strict=True)):
            what = f"probabilities, factor {name}"
            array = finite_array(what, table, axes=("n", "K"), lengths=(len(action), size))
            check_distributions(what, array)
            own = array[np.arange(len(action)), action[:, place]]
            differs = np.flatnonzero(np.abs(own - propensity[:, place]) > MATCH_TOLERANCE)
            if len(differs):
                row = int(differs[0])
                said = f"{own[row]:g}, and propensity {propensity[row, place]:g}"
                raise DecisionLogError(f"{what}, row {row}: the logged value has {said}.")

    def __len__(self) -> int:
        """Number of decisions, ``n``."""
        return len(self.action)
