"""Where a campaign stands this morning: its record, and what the seller's model makes of it. Worked out once."""

from dataclasses import dataclass
from functools import cached_property
from zlib import crc32

from xbopt.campaigns.books.record import CampaignRecord, carried_out
from xbopt.campaigns.days_ahead import carried_on
from xbopt.campaigns.mornings import Mornings
from xbopt.campaigns.tracking.posterior import WORLDS, WorldPosterior, learn
from xbopt.campaigns.tracking.tracker import Tracked, track
from xbopt.core.arrays import BoolArray
from xbopt.core.decisions.planned_days import PlannedDays
from xbopt.core.scenario.scenario import Scenario
from xbopt.simulator.build import build_market
from xbopt.simulator.parameters import MarketParameters


@dataclass(frozen=True)
class Standing:
    """A campaign on a morning.

    Attributes:
        record: What has happened.
        worlds: Number of worlds of the posterior.
        mornings: Where markets and days that were followed before are kept; None builds and follows anew.
    """

    record: CampaignRecord
    worlds: int = WORLDS
    mornings: Mornings | None = None

    @property
    def scenario(self) -> Scenario:
        """What the seller believed when the campaign began."""
        return self.record.scenario

    @property
    def seed(self) -> int:
        """Seed of everything that is drawn for the campaign: the same files say the same under every name."""
        return crc32(self.scenario.hash.encode())

    @property
    def today(self) -> int:
        """The first day of which nothing is known, from 0."""
        return self.record.known_until

    @cached_property
    def market(self) -> MarketParameters:
        """The seller's own model."""
        return build_market(self.scenario) if self.mornings is None else self.mornings.market(self.scenario)

    @cached_property
    def tracked(self) -> Tracked:
        """The model along what was done and what came."""
        if self.mornings is not None:
            return self.mornings.at(self.record, self.today)
        days = [self.record.days[day] for day in sorted(self.record.days)]
        return track(self.market, days, carried_out(self.record), until=self.today)

    @cached_property
    def off_days(self) -> BoolArray:
        """Channels that were said to be off, and of which nobody told otherwise ``(T, C)``."""
        return self.record.known.tellings.off_days(self.scenario.days, len(self.scenario.channels))

    @cached_property
    def carry(self) -> PlannedDays:
        """The days that are not known yet as they are decided so far, cut by what is left."""
        return carried_on(self.record, self.market, self.tracked.state, self.today)

    @cached_property
    def posterior(self) -> WorldPosterior:
        """What was learnt of the world."""
        return learn(self.tracked, seed=self.seed, worlds=self.worlds)
