"""Mornings that are kept are those that following a campaign from its start gives, whatever happens in between."""

from dataclasses import replace

import numpy as np

from tests.campaigns.campaigns_played import play_campaign
from xbopt.agents.policies import built_in_policy
from xbopt.campaigns.actuals.actual_day import ActualDay
from xbopt.campaigns.books.events import new_entry
from xbopt.campaigns.books.record import CampaignRecord, begin, carried_out
from xbopt.campaigns.mornings import Mornings
from xbopt.campaigns.opening import opening
from xbopt.campaigns.tracking.tracker import track
from xbopt.service.store.entries import CampaignEntry
from xbopt.service.store.recording import decode_entry


def record_of(market) -> CampaignRecord:
    event = opening(market, built_in_policy("calendar", market))
    return begin("spring", decode_entry(new_entry("spring", 1, event).payload, CampaignEntry))


def with_days(record: CampaignRecord, *days: ActualDay) -> CampaignRecord:
    return replace(record, known=record.known.after(record.number + 1, days))


def same(mornings: Mornings, record: CampaignRecord, day: int) -> bool:
    kept = mornings.at(record, day).observe()
    days = [record.days[one] for one in sorted(record.days) if one < day]
    fresh = track(mornings.market(record.scenario), days, carried_out(record), until=day).observe()
    return all(np.array_equal(getattr(kept, name), getattr(fresh, name)) for name in ("regions", "cells", "channels"))


def test_a_campaign_is_followed_from_what_changed(quickstart, monkeypatch) -> None:
    told, _, _, _ = play_campaign(quickstart, 8)
    mornings, record = Mornings(), record_of(quickstart)
    assert same(mornings, record, 3)
    record = with_days(record, *told[1:7])
    assert same(mornings, record, 6)
    assert same(mornings, record, 2)
    assert same(mornings, record, 7)
    # A correction of day 1, and another plan of day 5.
    record = with_days(record, replace(told[2], figures={**told[2].figures, "orders": told[2].figures["orders"] + 3.0}))
    assert same(mornings, record, 7)
    plan = record.plan
    spend = plan.spend_base.copy()
    spend[6] *= 0.5
    record = replace(record, plan=replace(plan, spend_base=spend), ledger=replace(record.ledger, committed_base=spend))
    assert same(mornings, record, 8)
    # What stood on the first morning was told late.
    assert same(mornings, with_days(record, told[0]), 8)


def test_a_morning_that_is_known_is_not_followed_again(quickstart, monkeypatch) -> None:
    from xbopt.campaigns import mornings as module

    mornings, record, played = Mornings(), record_of(quickstart), []
    after = module.Tracked.after

    def counted(self, committed, told):
        played.append(len(self.days))
        return after(self, committed, told)

    monkeypatch.setattr(module.Tracked, "after", counted)
    mornings.at(record, 5)
    mornings.at(record, 5)
    mornings.at(record, 3)
    mornings.at(record, 6)
    assert played == [0, 1, 2, 3, 4, 5]
