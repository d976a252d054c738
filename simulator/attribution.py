"""Sharing a day's visits and orders among channels. No part of the market's course: worked out when somebody asks."""

from dataclasses import dataclass

import numpy as np

from xbopt.core.arrays import FloatArray, add_up
from xbopt.simulator.demand import DemandDay
from xbopt.simulator.media import MediaDay, per_bucket_sum
from xbopt.simulator.parameters import MediaParameters


@dataclass(frozen=True, slots=True, kw_only=True)
class Attribution:
    """What a day's attribution follows from.

    Synergy is shared half and half between the pair. What organic visits brought belongs to no channel.

    Attributes:
        channels: Channel parameters.
        media: What media did.
        demand: Expected demand.
        orders: Shipped orders by bucket ``(B, R, S, L)``.
    """

    channels: MediaParameters
    media: MediaDay
    demand: DemandDay
    orders: FloatArray

    def visits(self) -> FloatArray:
        """Expected visits by channel ``(B, R, S, C)``."""
        people = self.demand.people
        visits = self.media.visits_per_head * per_bucket_sum(people, self.channels.reach)
        for (i, j), extra in zip(self.channels.synergies, self.media.synergy_per_head, strict=True):
            shared = 0.5 * add_up(extra * people, 3)
            visits[..., i] += shared
            visits[..., j] += shared
        return visits

    def shares_of_orders(self) -> FloatArray:
        """Orders by channel ``(B, R, S, C)``: each bucket's orders, in proportion to expected quality visits."""
        quality, per_head = self.channels.quality, self.demand.quality_per_head
        # A bucket that nobody visits has no orders either: 0/0 is 0.
        per_quality = self.orders / np.where(per_head > 0.0, per_head, 1.0)
        shares = self.media.visits_per_head * quality * per_bucket_sum(per_quality, self.channels.reach)
        for (i, j), extra in zip(self.channels.synergies, self.media.synergy_per_head, strict=True):
            shared = 0.25 * (quality[i] + quality[j]) * add_up(extra * per_quality, 3)
            shares[..., i] += shared
            shares[..., j] += shared
        return shares
