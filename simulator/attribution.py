"""Sharing a day's visits and orders among channels. No part of the market's course."""

from dataclasses import dataclass
from typing import Protocol

from xbopt.core.arrays import FloatArray, add_up
from xbopt.simulator.customers import OrderSplit
from xbopt.simulator.media import MediaDay, per_bucket_sum
from xbopt.simulator.parameters import MediaParameters


class Sharing(Protocol):
    """A day's visits and orders by channel ``(B, R, S, C)``. What organic visits brought belongs to no channel."""

    def visits(self) -> FloatArray:
        """Expected visits."""
        ...

    def orders(self) -> FloatArray:
        """Orders: each bucket's, in proportion to expected quality visits."""
        ...

    def details(self) -> tuple[OrderSplit, FloatArray]:
        """Who a bucket's orders come from, and how well customers were kept in contact, 0..1 ``(B, R, S)``."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedLater:
    """Shares that are worked out when somebody asks. Synergy is shared half and half between the pair.

    Attributes:
        channels: Channel parameters.
        media: What media did.
        people: People by bucket, times the day's demand and turnout ``(B, R, S, L)``.
        split: Who a bucket's orders come from.
        shipped: Shipped orders by bucket ``(B, R, S, L)``.
    """

    channels: MediaParameters
    media: MediaDay
    people: FloatArray
    split: OrderSplit
    shipped: FloatArray

    def visits(self) -> FloatArray:
        """Expected visits by channel ``(B, R, S, C)``."""
        visits = self.media.visits_per_head * per_bucket_sum(self.people, self.channels.reach)
        for (i, j), extra in zip(self.channels.synergies, self.media.synergy_per_head, strict=True):
            shared = 0.5 * add_up(extra * self.people, 3)
            visits[..., i] += shared
            visits[..., j] += shared
        return visits

    def orders(self) -> FloatArray:
        """Orders by channel ``(B, R, S, C)``."""
        quality = self.media.quality
        per_quality = self.split.per_visit_of_all(self.shipped)
        shares = self.media.visits_per_head * quality * per_bucket_sum(per_quality, self.channels.reach)
        for (i, j), extra in zip(self.channels.synergies, self.media.synergy_per_head, strict=True):
            shared = 0.25 * (quality[..., i] + quality[..., j]) * add_up(extra * per_quality, 3)
            shares[..., i] += shared
            shares[..., j] += shared
        return shares

    def details(self) -> tuple[OrderSplit, FloatArray]:
        """Who ordered, and contact ``(B, R, S)``."""
        return self.split, self.media.contact


@dataclass(frozen=True, slots=True, kw_only=True)
class Attribution:
    """What is known of where a day's visits and orders come from.

    Attributes:
        visits: Expected visits, organic ones too ``(B, R, S)``.
        quality: Conversion of a channel's visits relative to organic ones; broadcasts to ``(B, R, S, C)``.
        sharing: Visits and orders by channel, and who ordered.
    """

    visits: FloatArray
    quality: FloatArray
    sharing: Sharing
