"""The days before the first one as arrays."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

import numpy as np

from xbopt.core.arrays import FloatArray, IntArray
from xbopt.core.decisions.decision import MECHANICS
from xbopt.core.scenario.document import ScenarioDocument
from xbopt.core.scenario.history import PastTable


@dataclass(frozen=True, slots=True, kw_only=True)
class PastArrays:
    """What was done on the ``N`` days that end the day before the first one.

    Attributes:
        spend_base: ``(N, R, S, C)``, base currency.
        discount_frac: ``(N, R, S)``.
        mechanic: ``(N, R, S)``.
    """

    spend_base: FloatArray
    discount_frac: FloatArray
    mechanic: IntArray

    @property
    def days(self) -> int:
        """Number of days, ``N``."""
        return len(self.spend_base)


def past_arrays(
    document: ScenarioDocument, regions: Sequence[str], segments: Sequence[str], channels: Sequence[str]
) -> PastArrays | None:
    """The table of ``history.before`` as arrays; None where there is no table."""
    table = document.history.before
    if not isinstance(table, PastTable) or not table.rows:
        return None
    start = document.horizon.start
    days = (start - min(row.date for row in table.rows)).days
    spend = np.zeros((days, len(regions), len(segments), len(channels)))
    discount = np.zeros(spend.shape[:3])
    mechanic = np.zeros(spend.shape[:3], dtype=np.int64)
    places = {
        name: {key: i for i, key in enumerate(names)}
        for name, names in (("region", regions), ("segment", segments), ("channel", channels))
    }
    for row in table.rows:
        last = row.to or row.date
        when = slice(days - (start - row.date).days, days - (start - last - timedelta(days=1)).days)
        r, s, c = places["region"][row.region], places["segment"][row.segment], places["channel"][row.channel]
        spend[when, r, s, c] = row.spend_base
        if row.discount_frac is not None:
            discount[when, r, s] = row.discount_frac
        if row.mechanic is not None:
            mechanic[when, r, s] = MECHANICS.index(row.mechanic)
    return PastArrays(spend_base=spend, discount_frac=discount, mechanic=mechanic)
