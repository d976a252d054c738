"""Campaigns that stand somewhere: a simulated world's books are told to a record, without a store."""

from collections.abc import Callable, Sequence

from tests.campaigns.campaigns_played import play_campaign
from xbopt.campaigns.actuals.actual_day import ActualDay
from xbopt.campaigns.books.campaign_book import taken_entry
from xbopt.campaigns.books.events import Event, ToldActuals, new_entry
from xbopt.campaigns.books.record import CampaignRecord
from xbopt.campaigns.opening import DecidingPolicy, opening
from xbopt.campaigns.standing import Standing
from xbopt.core.decisions.plan import ScheduledPolicy
from xbopt.env.baseline_plan import scenario_plan
from xbopt.simulator.parameters import MarketParameters

WORLDS = 32


def opened(
    market: MarketParameters, plan: ScheduledPolicy | None = None, *, name: str = "spring", by_policy: bool = False
) -> CampaignRecord:
    policy = DecidingPolicy(name="replan", source="replan", address="") if by_policy else None
    event = opening(market, plan or scenario_plan(market), policy=policy)
    return taken_entry(None, name, new_entry(name, 1, event, actor="ann", at_us=1))


def after(record: CampaignRecord, *events: Event) -> CampaignRecord:
    for event in events:
        new = new_entry(record.name, record.number + 1, event, actor="ann", at_us=1)
        record = taken_entry(record, record.name, new)
    return record


def tell(record: CampaignRecord, days: Sequence[ActualDay]) -> CampaignRecord:
    return after(record, ToldActuals(days=[day.to_bytes() for day in days if day.day >= 0], files=[]))


def standing_at(
    market: MarketParameters,
    day: int,
    *,
    world: int = 0,
    seed: int = 5,
    plan: ScheduledPolicy | None = None,
    change: Callable[[ActualDay], ActualDay | None] | None = None,
    played_in: MarketParameters | None = None,
    name: str = "spring",
) -> Standing:
    """A campaign of which the days before one were told, as a world brought them; ``change`` falsifies the books."""
    record = opened(market, plan, name=name)
    if not day:
        return Standing(record, worlds=WORLDS)
    told = play_campaign(played_in or market, day, world=world, seed=seed, policy=record.plan)[0]
    changed = told if change is None else [found for each in told if (found := change(each)) is not None]
    return Standing(tell(record, changed), worlds=WORLDS)
