"""Commands of a campaign that are killed at any moment lose nothing and do nothing twice, on both stores."""

import os
import signal
import time
from contextlib import closing
from pathlib import Path

import pytest

from tests.campaigns.seller import SimulatedSeller, sixty_days
from tests.command_line import call, run, start
from xbopt.campaigns.books.campaign_book import CampaignBook
from xbopt.campaigns.books.record import CampaignRecord
from xbopt.core.randomness import named_generator
from xbopt.core.scenario.loading import scenario_text
from xbopt.env.baseline_plan import scenario_plan
from xbopt.service.store.contents import Contents
from xbopt.service.store.opening import open_store
from xbopt.service.store.verification import verify_chain
from xbopt.simulator.build import build_market

KILLS = 3
LONGEST_SECONDS = 4.0


def stands(url: str) -> CampaignRecord:
    """The campaign as it stands in a store whose chain is whole."""
    with closing(open_store(url, wait_seconds=20.0)) as store:
        verify_chain(store, look=Contents().look)
        return CampaignBook(store).load("spring")


@pytest.mark.parametrize("verb", ["actuals", "propose"])
def test_a_command_that_was_killed_can_be_given_again(verb: str, tmp_path: Path, store_url: str) -> None:
    scenario = sixty_days()
    seller = SimulatedSeller(scenario)
    plan = scenario_plan(build_market(scenario))
    for _ in range(3):
        seller.play(plan.decide(seller.run.observe()))
    files = seller.export(tmp_path, days=3)
    (tmp_path / "market.yaml").write_text(scenario_text(scenario))
    there = ("--store", store_url)
    opened = call("campaign", "open", "market.yaml", "--name", "spring", "--plan", "baseline", *there, folder=tmp_path)
    assert opened.code == 0, opened.err
    asked: tuple[object, ...] = ("campaign", "propose", "spring", "--until", scenario.date_of(9), *there)
    asked = (*asked, "--today", scenario.start)
    if verb == "actuals":
        said = ("--currency", "EUR", "--zone", "Europe/Berlin", "--key-file", tmp_path / "key")
        asked = ("campaign", "actuals", "spring", *files, *said, "--until", scenario.date_of(2), *there)
    waits = named_generator(5, f"tests/killed/{verb}").random(KILLS) * LONGEST_SECONDS
    for wait in waits.tolist():
        with start(*asked, folder=tmp_path) as started:
            time.sleep(wait)
            os.kill(started.pid, signal.SIGKILL)
            started.communicate(timeout=60)
        stands(store_url)
    done = run(*asked, folder=tmp_path)
    assert done.code == 0, done.err
    record = stands(store_url)
    if verb == "actuals":
        # Once, by whichever of them came through; the rest found nothing new.
        assert record.number == 2
        assert sorted(record.days) == [0, 1, 2]
        return
    states = [one.state for one in record.proposals.values()]
    assert states == ["superseded"] * (len(states) - 1) + ["open"]
    assert record.ledger.counted_base.sum() <= scenario.limits.total_base * (1.0 + 1e-9)
