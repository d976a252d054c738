"""Money of a status by the clock: what is over, ahead, free, reserved, and of channels that were off."""

from dataclasses import replace

import numpy as np
import pytest

from tests.campaigns.campaigns_played import exports_of, play_campaign
from tests.campaigns.campaigns_standing import WORLDS, after, opened, standing_at, tell
from tests.campaigns.test_alarms import DAY, DAYS, LONG
from xbopt.campaigns.actuals.actual_day import ActualDay
from xbopt.campaigns.advice.status import status_of
from xbopt.campaigns.books.events import PlanBytes, Proposed, ToldActuals, Withdrawn
from xbopt.campaigns.standing import Standing
from xbopt.core.decisions.planned_days import PlannedDays
from xbopt.core.scenario.loading import load_scenario
from xbopt.simulator.build import build_market


@pytest.fixture(scope="module")
def market():
    return build_market(load_scenario("quickstart", overrides=LONG))


def test_a_channel_that_was_said_to_be_off_neither_falls_nor_lags(market):
    """Search was off on the last ten days, and that is told: no visits and no spend of it are no news."""
    off_from, c = DAY - 10, 0

    def split(day: ActualDay) -> list[ActualDay]:
        own = exports_of(day)
        if day.day < off_from:
            return [replace(own, source="google_ads/1")]
        figures = {name: array.copy() for name, array in own.figures.items()}
        off = {}
        for name in ("spend_base", "impressions", "clicks"):
            figures[name][..., c] = np.nan
            off[name] = np.where(np.arange(figures[name].shape[-1]) == c, 0.0, np.full_like(figures[name], np.nan))
        return [
            replace(own, source="google_ads/1", figures=figures),
            ActualDay(day=day.day, source="off:google_ads", figures=off),
        ]

    days = play_campaign(market, DAY, world=0, seed=5, policy=opened(market).plan)[0]
    found = [part for day in days if day.day >= 0 for part in split(day)]
    standing = Standing(tell(opened(market), found), worlds=WORLDS)
    assert standing.off_days[off_from:DAY, c].all()
    assert standing.off_days.sum() == 10
    channel = market.scenario.channels[c]
    status = status_of(standing, this_day=DAY)
    assert not [alarm for alarm in status.alarms if alarm.channel == channel or alarm.code == "behind_pace"]
    unsaid = [replace(part, source="google_ads/1") for part in found if not part.source.startswith("off")]
    silent = status_of(Standing(tell(opened(market), unsaid), worlds=WORLDS), this_day=DAY)
    assert silent.money.untold_base > 0.0


def test_days_that_are_over_by_the_clock_are_not_ahead(market):
    """Nobody told the last five days: their money was granted and is not free, nor is it to come."""
    standing = standing_at(market, DAY, change=exports_of)
    late = status_of(standing, this_day=DAY + 5).money
    granted = standing.record.ledger.committed_base
    assert late.ahead_base == pytest.approx(granted[DAY + 5 :].sum())
    assert late.untold_base == pytest.approx(granted[DAY : DAY + 5].sum())
    assert late.spent_base + late.untold_base + late.ahead_base + late.free_base == pytest.approx(late.budget_base)
    assert status_of(standing, this_day=DAY).money.ahead_base == pytest.approx(granted[DAY:].sum())


def test_a_reservation_lasts_as_long_as_its_money_in_the_end(market):
    """One day of a correction up and others down: between them it does not fit. After a withdrawal it fits again."""
    record = opened(market)
    days = PlannedDays.of(record.plan, 50, DAYS)
    more = replace(days, spend_base=1.02 * days.spend_base)
    told = [ActualDay(day=n, figures={"spend_base": np.full((1, 1, 1), 370.0)}) for n in range(40)]
    record = tell(record, told)
    record = after(
        record, Proposed(proposal="p1", days=PlanBytes.of(more), knows_until=record.known_until, figures=b"{}")
    )
    wanted = record.ledger.wanted_base
    assert wanted == pytest.approx(0.02 * days.spend_base.sum())
    up = [replace(told[0], figures={"spend_base": np.full((1, 1, 1), 5000.0)})]
    down = [replace(one, figures={"spend_base": np.full((1, 1, 1), 200.0)}) for one in told[1:]]
    corrected = tell(record, [*up, *down])
    assert corrected.ledger.wanted_base == pytest.approx(wanted)
    gone = after(
        record,
        ToldActuals(
            days=[replace(told[0], day=41, figures={"spend_base": np.full((1, 1, 1), 9000.0)}).to_bytes()], files=[]
        ),
    )
    assert gone.ledger.reserved is None
    status = status_of(Standing(gone, worlds=WORLDS), this_day=42)
    [waits] = [alarm for alarm in status.alarms if alarm.code == "proposal_waits"]
    assert waits.advice in {"propose", "carry_on"}
    assert after(gone, Withdrawn(event=gone.number)).ledger.wanted_base == pytest.approx(wanted)
