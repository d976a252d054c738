"""Customer types from the transactions: a mixture of purchase rates and drop-out chances, by maximum likelihood.

The cohort are customers whose first purchase was seen after the burn-in, so that it was their first. Of a customer of a
type with rate ``l`` and daily drop-out ``d``, who bought again ``x`` times and last on day ``t``, the likelihood is, up
to the season's index of the purchase days,

    l^x exp(-l (E(t) - E(first))) (1 - d)^(t - first) G(t),    G(t) = d + (1 - d) exp(-l e(t + 1)) G(t + 1)

with ``e`` the index of weekday and season, ``E`` its running sum, and ``G = 1`` on the last day of the data: "buy till
you die" (Schmittlein, Morrison and Colombo 1987) in days, with a few types in place of gamma distributions, and
drop-out at any time as there, not at a purchase as in BG/NBD (Fader, Hardie and Lee, Marketing Science 24, 2005).
"""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize

from tests.realdata.online_retail.lifecycle import Spells
from tests.realdata.online_retail.transactions import FloatArray, IntArray

LARGEST_RATE, LARGEST_DROPOUT = 0.5, 0.2
SMALLEST_RATE, SMALLEST_DROPOUT = 1e-6, 1e-6
"""Nine months cannot tell a customer who stays for years from one who stays for ever."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TypeFit:
    """Types of one segment, the most frequent buyers first; ``(K,)`` each.

    Attributes:
        share: Share among newly won customers.
        rate: Purchase days a day at an index of 1.
        dropout: Chance a day to drop out.
        log_likelihood: At the fit.
    """

    share: FloatArray
    rate: FloatArray
    dropout: FloatArray
    log_likelihood: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Cohort:
    """What counts of each customer ``(N,)``: first and last purchase day, and purchase days after the first."""

    first: IntArray
    last: IntArray
    again: IntArray

    @classmethod
    def of(cls, spells: Spells, since: int) -> "Cohort":
        """Customers whose first purchase was on or after a day."""
        new = (spells.rank == 0) & (spells.start >= since)
        names = spells.customer[new]
        place = np.searchsorted(names, spells.customer)
        mine = (place < len(names)) & (names[np.minimum(place, len(names) - 1)] == spells.customer)
        last = np.zeros(len(names), dtype=np.int64)
        np.maximum.at(last, place[mine], spells.start[mine])
        return cls(first=spells.start[new], last=last, again=np.bincount(place[mine], minlength=len(names)) - 1)


def fit_types(cohort: Cohort, index: FloatArray, types: int) -> TypeFit:
    """Fit a mixture.

    Args:
        cohort: The customers.
        index: Index of every day of the data ``(T,)``.
        types: How many types.
    """
    begin = np.concatenate(
        [np.zeros(types - 1), np.log(np.geomspace(0.03, 0.003, types)), np.log(np.full(types, 0.001))]
    )
    bounds = [(-6.0, 6.0)] * (types - 1)
    bounds += [(np.log(SMALLEST_RATE), np.log(LARGEST_RATE))] * types
    bounds += [(np.log(SMALLEST_DROPOUT), np.log(LARGEST_DROPOUT))] * types
    found = minimize(lambda at: -log_likelihood(cohort, index, *_unpacked(at, types)), begin, bounds=bounds)
    share, rate, dropout = _unpacked(found.x, types)
    order = np.argsort(-rate)
    return TypeFit(share=share[order], rate=rate[order], dropout=dropout[order], log_likelihood=-float(found.fun))


def log_likelihood(
    cohort: Cohort, index: FloatArray, share: FloatArray, rate: FloatArray, dropout: FloatArray
) -> float:
    """Log-likelihood of the purchase days of a cohort, the season's index of these days left out."""
    total = np.cumsum(index)
    silent = np.ones((len(index), len(rate)))  # chance of no purchase after a day on which the customer is there
    for day in range(len(index) - 2, -1, -1):
        silent[day] = dropout + (1.0 - dropout) * np.exp(-rate * index[day + 1]) * silent[day + 1]
    each = (
        np.log(share)
        + cohort.again[:, None] * np.log(rate)
        - rate * (total[cohort.last] - total[cohort.first])[:, None]
        + (cohort.last - cohort.first)[:, None] * np.log1p(-dropout)
        + np.log(silent[cohort.last])
    )
    top = each.max(axis=1)
    return float((top + np.log(np.exp(each - top[:, None]).sum(axis=1))).sum())


def _unpacked(at: FloatArray, types: int) -> tuple[FloatArray, FloatArray, FloatArray]:
    weight = np.exp(np.append(at[: types - 1], 0.0))
    return weight / weight.sum(), np.exp(at[types - 1 : 2 * types - 1]), np.exp(at[2 * types - 1 :])
