"""What one way to go on brings more than another, in the worlds that the campaign may still be in."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from xbopt.campaigns.standing import Standing
from xbopt.campaigns.tracking.ahead import play_ahead
from xbopt.core.arrays import FloatArray
from xbopt.core.decisions.plan import ScheduledPolicy
from xbopt.core.randomness import named_generator
from xbopt.studies.kpis import WorldRange


@dataclass(frozen=True, slots=True, kw_only=True)
class Gain:
    """What is gained, base currency; every world meets the same luck both ways.

    Attributes:
        mean: Mean over the worlds.
        se: Standard error of that mean.
        low: 5th percentile over worlds.
        high: 95th percentile.
        better: Share of the worlds in which something is gained.
        is_clear: Whether 0 lies outside low to high.
    """

    mean: float
    se: float
    low: float
    high: float
    better: float
    is_clear: bool

    @classmethod
    def of(cls, gained_base: FloatArray) -> "Gain":
        """From what is gained in each world ``(B,)``."""
        over = WorldRange.of(gained_base)
        return cls(
            mean=over.mean,
            se=over.se,
            low=over.low,
            high=over.high,
            better=float(np.mean(gained_base > 0.0)),
            is_clear=over.low > 0.0 or over.high < 0.0,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Gains:
    """Contribution margin, and the reward: with what customers are worth and what is carried beyond the last day."""

    margin: Gain
    reward: Gain


def gains_of(standing: Standing, against: ScheduledPolicy, others: Sequence[ScheduledPolicy]) -> list[Gains]:
    """What other plans bring from this morning to the end more than one does.

    Args:
        standing: Where the campaign stands.
        against: The plan that they are compared with.
        others: The other plans; only their days ahead count.
    """
    result = play_ahead(standing.market, standing.posterior, [against, *others], seed=luck_ahead(standing))
    margin, reward = result.margin_base, result.margin_base + result.standing_base
    return [
        Gains(margin=Gain.of(margin[n] - margin[0]), reward=Gain.of(reward[n] - reward[0]))
        for n in range(1, len(margin))
    ]


def luck_ahead(standing: Standing) -> int:
    """Noise seed of the days ahead: one for a campaign, so that whatever is compared meets the same luck."""
    return int(named_generator(standing.seed, "campaign/ahead").integers(2**62))
