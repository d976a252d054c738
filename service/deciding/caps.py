"""The last projection: whatever came before it, no decision spends more than its request and its bundle allow.

It only takes away. It comes after the graph, the plan, the cells that are not asked for, and every guardrail, so that
nothing can lift spend above a cap again. Caps go before locks and minimums: those are scaled down with the rest.
"""

from dataclasses import dataclass

import numpy as np

from xbopt.core.arrays import BoolArray, FloatArray, add_up
from xbopt.core.decisions.limits import Limits, Remaining
from xbopt.service.bundle.graph_session import Arrays

# As in core.feasibility: the largest market has 20,000 numbers, whose sum in any order loses less than 3e-12 of it.
# A sum counts as kept below 1 - 5e-12 of its cap, so that it keeps the cap whoever adds up, and is otherwise scaled to
# 1 - 1e-11, a thousandth of a cent in a million. Graphs aim there too: what they give is left as it is, to the bit.
_KEPT = 1.0 - 5e-12
_AIM = 1.0 - 1e-11
# One number for all caps leaves room for its own rounding: what passes here passes below.
_SURELY_KEPT = 1.0 - 6e-12
_LEAST = 1e-200  # so little money is none
_ROUNDING = 1.0 - 2e-11  # what takes away less is no change that anybody has to hear of


@dataclass(frozen=True, slots=True, kw_only=True)
class SpendCaps:
    """What a bundle lets one day spend, whatever is asked for.

    Attributes:
        day: In all: the limit of a day, the budget, and the ceiling of the guardrails.
        region: By region ``(R,)``; infinite for none.
        channel: By channel ``(C,)``; infinite for none.
        maximum: By region and channel ``(R, C)``; infinite for none.
        least: The smallest of all.
    """

    day: float
    region: FloatArray
    channel: FloatArray
    maximum: FloatArray
    least: float

    @classmethod
    def of(cls, limits: Limits, *, day: float, region: FloatArray, channel: FloatArray) -> "SpendCaps":
        """The caps of a plan's limits and of ceilings beside them."""
        most = min(limits.daily_base, limits.total_base, day)
        by_region, by_channel = np.minimum(limits.region_cap_base, region), np.minimum(limits.channel_cap_base, channel)
        least = min(most, float(by_region.min()), float(by_channel.min()), float(limits.maximum_base.min()))
        return cls(day=most, region=by_region, channel=by_channel, maximum=limits.maximum_base, least=least)

    def surely_kept(self, total: float, asked: Arrays) -> bool:
        """Whether a total keeps the smallest of all caps of a request for one market: the usual case."""
        # Lists of a few numbers: numpy's own minimum costs several times as much.
        budget: list[float] = asked["budget_base"].tolist()
        regions: list[list[float]] = asked["region_base"].tolist()
        channels: list[list[float]] = asked["channel_base"].tolist()
        least = min(self.least, budget[0], *regions[0], *channels[0])
        return total <= (least * _SURELY_KEPT if least >= _LEAST else 0.0)

    def project(
        self, spend: FloatArray, remaining: Remaining, granted: FloatArray | None = None
    ) -> tuple[FloatArray, BoolArray | None]:
        """Scale spend down to every cap.

        Args:
            spend: ``(B, R, S, C)``, none below zero.
            remaining: What the request still lets be spent.
            granted: What was granted for the same day before ``(B, R, S, C)``, and shares every cap; None for nothing.

        Returns:
            Spend whose sums keep every cap, in whatever order somebody adds them; and the rows ``(B,)`` from which more
            than rounding was taken. Where all is kept already, the same array and None.
        """
        with np.errstate(over="ignore"):  # a sum that leaves the range of floats is above its cap
            kept = spend
            for axes, cap in (
                ((2,), self.maximum[None, :, None, :]),
                ((2, 3), np.minimum(remaining.region_base, self.region)[:, :, None, None]),
                ((1, 2), np.minimum(remaining.channel_base, self.channel)[:, None, None, :]),
                ((1, 2, 3), np.minimum(remaining.budget_base, self.day)[:, None, None, None]),
            ):
                if granted is not None:
                    cap = np.maximum(cap - np.expand_dims(add_up(granted, *axes), axes), 0.0)  # noqa: PLW2901 - the rest
                kept = _scaled(kept, axes, cap)
            if kept is spend:
                return spend, None
            taken = add_up(kept, 1, 2, 3) < add_up(spend, 1, 2, 3) * _ROUNDING
        return kept, taken if taken.any() else None


def _scaled(spend: FloatArray, axes: tuple[int, ...], cap: FloatArray) -> FloatArray:
    total = np.expand_dims(add_up(spend, *axes), axes)
    over = total > np.where(cap < _LEAST, 0.0, cap * _KEPT)
    if not over.any():
        return spend
    share = np.where(cap < _LEAST, 0.0, cap / np.where(over, total, 1.0) * _AIM)
    # Times 1 changes no bit, so that a row does not depend on its neighbours.
    return spend * np.where(over, share, 1.0)
