"""What campaigns refuse over HTTP: wrong bodies, other bundles, other people, and names that are taken."""

from pathlib import Path

import numpy as np
import pytest

from tests.service.campaigns import asking, check_store, day, first_day, opening, post, replicas, run
from tests.service.conftest import Exported, export_to
from tests.service.test_http import body
from xbopt.agents.policies import BUILT_IN
from xbopt.core.scenario.loading import load_scenario
from xbopt.service.http.tokens import RIGHTS, Tokens, add_token, read_tokens
from xbopt.simulator.build import build_market


def test_what_does_not_fit_is_refused_in_words(tactic: Exported, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/s.sqlite"

    async def work() -> None:
        async with replicas(tactic, url) as (client,):
            await post(client, "", opening("spring"))
            await post(client, "", opening("fixed", decides="plan"))
            for path, body, status, words in (
                ("", opening("a/b"), 422, "name"),
                ("", opening("x", scenario="/etc/passwd"), 422, "shipped"),
                ("", opening("x", scenario="uncertainty:\n  draws: /etc/passwd\n"), 422, "file"),
                ("", opening("x", scenario="a: 1\nb: ["), 422, ""),
                ("", opening("x", plan="/etc/passwd"), 422, "plan"),
                ("", opening("x", scenario="us_eu_launch"), 409, "bundle"),
                ("", opening("x", strange=1), 422, "strange"),
                ("/nobody/allocate", asking("d", first_day(tactic)), 404, "nobody"),
                ("/spring/allocate", asking("d", "2020-01-01"), 422, "runs from"),
                ("/spring/allocate", asking("d", "2026-99-01"), 422, "date"),
                ("/spring/allocate", asking("d", first_day(tactic), units=["Mars/all"]), 422, "Mars"),
                ("/spring/allocate", {"date": first_day(tactic)}, 422, "decision_id"),
                ("/fixed/allocate", asking("d", first_day(tactic)), 409, "plan"),
                ("/fixed/rollout", {"share": 0.5}, 409, "plan"),
                ("/spring/rollout", {"share": 1.5}, 422, "share"),
                ("/spring/actuals", {"days": []}, 422, ""),
                ("/spring/actuals", {"days": [{"date": first_day(tactic), "figures": {"love": [1.0]}}]}, 422, "love"),
                ("/spring/actuals", {"days": [{"date": first_day(tactic), "figures": {"orders": [[-1.0]]}}]}, 422, "0"),
                ("/spring/actuals", {"days": [{"date": first_day(tactic), "figures": {"orders": [[1], 2]}}]}, 422, ""),
                *(
                    ("/spring/actuals", {"days": [{"date": first_day(tactic), "figures": figures}]}, 422, words)
                    for figures, words in (
                        ({}, "no figure"),
                        ({"orders": [[None]]}, "no figure"),
                        ({"spend_base": [[[1e308]]]}, "1e+15"),
                    )
                ),
                ("/spring/proposals", {"first": day(tactic, 3), "until": day(tactic, 1)}, 409, "proposed"),
                ("/spring/approvals", {"proposal": "p1"}, 409, "p1"),
                ("/spring/close", {}, 422, "reason"),
                ("/spring/close", {"reason": "red \x1b[31m"}, 422, "reason"),
                ("/spring/rollout", {"share": 0.5, "reason": "a\x00b"}, 422, "reason"),
            ):
                told = await post(client, path, body, status)
                assert words in told["detail"], told
            assert (await client.get("/v1/campaigns/nobody")).status_code == 404
            assert (await client.post("/v1/campaigns/spring/close", content=b"{")).status_code == 415
            # An id of another route is no id of a campaign.
            assert (await client.get("/v1/campaigns/spring")).json()["events"] == 1

    run(work)


def test_sources_add_up_and_what_was_told_can_be_taken_back(tactic: Exported, store_url: str) -> None:
    async def work() -> None:
        async with replicas(tactic, store_url, today=tactic.market.scenario.date_of(1)) as (client,):
            opened = await post(client, "", opening("spring", decides="plan"))
            assert opened["notes"] == []

            def told(amount: float, **more: object) -> dict[str, object]:
                return {"days": [{"date": first_day(tactic), "figures": {"spend_base": [[[amount]]]}, **more}]}

            await post(client, "/spring/actuals", told(50.0, source="google_ads/1"))
            made = await post(client, "/spring/actuals", told(3.0, source="microsoft_ads/"))
            assert made["money"]["spent_base"] == pytest.approx(53.0)
            unnamed = await post(client, "/spring/actuals", told(50.0, source="google_ads/") | {"request": "u1"})
            assert unnamed["money"]["spent_base"] == pytest.approx(53.0)
            assert "google_ads" in " ".join(unnamed["notes"])
            whole = await post(client, "/spring/actuals", told(53.0), 409)
            assert "count the same twice" in whole["detail"]
            twice = {"days": [*told(1.0)["days"], *told(1.0)["days"]]}  # type: ignore[misc]
            assert "told twice" in (await post(client, "/spring/actuals", twice, 422))["detail"]
            asked = {"event": made["event"], "reason": "of another campaign", "request": "w1"}
            back = await post(client, "/spring/withdrawals", asked)
            assert back["money"]["spent_base"] == pytest.approx(50.0)
            assert await post(client, "/spring/withdrawals", asked) == back
            await post(client, "/spring/withdrawals", {"event": made["event"]}, 409)
            late = told(4.0, source="microsoft_ads/") | {"request": "t1"}
            event = (await post(client, "/spring/actuals", late))["event"]
            assert (await post(client, "/spring/actuals", late))["event"] == event
            await post(client, "/spring/withdrawals", {"event": event})
            # A request that is repeated is not counted, and whoever repeats it does not believe that it is.
            gone = await post(client, "/spring/actuals", late, 409)
            assert "was withdrawn, so nothing of it counts" in gone["detail"]
            assert (await client.get("/v1/campaigns/spring")).json()["money"]["spent_base"] == pytest.approx(50.0)

    run(work)


def test_a_plan_that_is_cut_is_told_and_one_that_cannot_be_is_refused(tactic: Exported, tmp_path: Path) -> None:
    market = tactic.market
    regions, segments, channels, dayparts = market.shape
    days = market.scenario.days

    def plan(**other: object) -> dict[str, object]:
        arrays = {
            "spend_base": np.ones((days, regions, segments, channels)).tolist(),
            "daypart_weights": np.full((regions, channels, dayparts), 1.0 / dayparts).tolist(),
            "discount_frac": np.zeros((days, regions, segments)).tolist(),
            "mechanic": np.zeros((days, regions, segments), dtype=int).tolist(),
        }
        return {**arrays, **other}

    async def work() -> None:
        async with replicas(tactic, f"sqlite:///{tmp_path}/s.sqlite") as (client,):
            weights = np.tile([-1.0] + [1.0] * (dayparts - 1), (regions, channels, 1)).tolist()
            for wrong in (
                {"daypart_weights": weights},
                {"discount_frac": np.full((days, regions, segments), 1.5).tolist()},
            ):
                await post(client, "", opening("wrong", decides="plan", plan=plan(**wrong)), 422)
            dear = {
                "spend_base": np.full((days, regions, segments, channels), 1e6).tolist(),
                "discount_frac": np.full((days, regions, segments), 0.9).tolist(),
            }
            made = await post(client, "", opening("dear", decides="plan", plan=plan(**dear)))
            assert len(made["notes"]) == 2
            assert made["money"]["granted_base"] <= market.scenario.limits.total_base + 0.01

    run(work)


def test_days_that_are_over_by_the_clock_are_decided(tactic: Exported, store_url: str) -> None:
    """On the eighth day nothing of the days before is proposed, approved or granted, and what was granted stays."""
    scenario = tactic.market.scenario

    async def work() -> None:
        async with replicas(tactic, store_url) as (client,):
            await post(client, "", opening("spring"))
            await post(client, "", opening("summer", decides="plan"))
            await post(client, "/summer/proposals", {"until": day(tactic, 9)})
            made = await post(client, "/spring/allocate", asking("early", day(tactic, 2)))
        async with replicas(tactic, store_url, today=scenario.date_of(7)) as (client,):
            assert await post(client, "/spring/allocate", asking("early", day(tactic, 2))) == made
            late = await post(client, "/spring/allocate", asking("late", day(tactic, 5)), 409)
            assert "over by the clock" in late["detail"]
            # West of Greenwich the day before may still be going on.
            await post(client, "/spring/allocate", asking("west", day(tactic, 6)))
            late = await post(client, "/summer/approvals", {"proposal": "p1"}, 409)
            assert "over" in late["detail"]
            await post(client, "/summer/proposals", {"first": day(tactic, 6)}, 409)
            again = await post(client, "/summer/proposals", {})
            assert again["stands"]["first"] == day(tactic, 7)
        async with replicas(tactic, store_url, today=scenario.date_of(scenario.days)) as (client,):
            over = await post(client, "/summer/proposals", {}, 409)
            assert "All days of summer are over" in over["detail"]

    run(work)
    check_store(store_url, tactic)


def test_no_day_that_is_not_over_is_told(tactic: Exported, tmp_path: Path) -> None:
    async def work() -> None:
        today = tactic.market.scenario.date_of(1)
        async with replicas(tactic, f"sqlite:///{tmp_path}/s.sqlite", today=today) as (client,):
            await post(client, "", opening("spring"))
            days = [{"date": day(tactic, n), "figures": {"orders": [[1.0]]}} for n in (0, 1, 2)]
            told = await post(client, "/spring/actuals", {"days": days}, 422)
            assert "is not over" in told["detail"]
            # A part of today would stand for all of it, and what was granted for the rest would be free.
            told = await post(client, "/spring/actuals", {"days": days[:2]}, 422)
            assert f"{days[1]['date']} is not over" in told["detail"]
            await post(client, "/spring/actuals", {"days": days[:1], "zone": "Asia/Tokyo"})
            none = await post(client, "/spring/actuals", {"days": days[:1], "zone": "Middle/Earth"}, 422)
            assert "no time zone" in none["detail"]

    run(work)


def test_a_campaign_of_another_scenario_is_not_decided(tactic: Exported, tmp_path: Path) -> None:
    """The bundle was swapped, or another service opened the campaign."""
    url = f"sqlite:///{tmp_path}/s.sqlite"
    market = build_market(load_scenario("quickstart", overrides=["budget.total_base=1234"]))
    other = export_to(tmp_path, BUILT_IN["calendar"](market), market)

    async def work() -> None:
        async with replicas(tactic, url) as (client,):
            await post(client, "", opening("spring"))
        async with replicas(other, url) as (client,):
            told = await post(client, "/spring/allocate", asking("d", first_day(tactic)), 409)
            assert "Export a bundle" in told["detail"]

    run(work)


def test_rights_and_four_eyes_are_those_of_tokens(tactic: Exported, tmp_path: Path) -> None:
    file = tmp_path / "tokens.json"
    held = {name: add_token(file, name, [right]) for name, right in zip(RIGHTS, RIGHTS, strict=True)}
    both = add_token(file, "both", ["plan", "approve"])
    tokens: Tokens = read_tokens(file)

    async def work() -> None:
        url, today = f"sqlite:///{tmp_path}/s.sqlite", tactic.market.scenario.date_of(1)
        async with replicas(tactic, url, tokens=tokens, today=today) as (client,):

            async def status(path: str, body: object, token: str) -> int:
                headers = {"authorization": f"Bearer {token}"}
                return (await client.post(f"/v1/campaigns{path}", json=body, headers=headers)).status_code

            assert await status("", opening("spring", four_eyes=True), held["approve"]) == 403
            assert await status("", opening("spring", four_eyes=True), held["plan"]) == 200
            for path, body, right in (
                ("/spring/allocate", asking("d", first_day(tactic)), "allocate"),
                ("/spring/proposals", {"first": day(tactic, 3)}, "plan"),
                (
                    "/spring/actuals",
                    {"days": [{"date": first_day(tactic), "figures": {"orders": [[1.0]]}}]},
                    "outcomes",
                ),
                ("/spring/rollout", {"share": 0.5}, "approve"),
            ):
                assert [await status(path, body, held[one]) for one in RIGHTS if one != right] == [403] * 5
                assert await status(path, body, held[right]) == 200
            assert await status("/spring/proposals", {"first": day(tactic, 3)}, both) == 200
            assert await status("/spring/approvals", {"proposal": "p2"}, both) == 409
            assert await status("/spring/approvals", {"proposal": "p2"}, held["approve"]) == 200

    run(work)


def test_an_id_of_another_route_is_no_id_of_a_campaign(tactic: Exported, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/s.sqlite"

    async def work() -> None:
        async with replicas(tactic, url) as (client,):
            await post(client, "", opening("spring"))
            assert (await client.post("/v1/allocate", json=body(tactic, decision_id="d"))).status_code == 200
            told = await post(client, "/spring/allocate", asking("d", first_day(tactic)), 409)
            assert "another request" in told["detail"]
            await post(client, "", opening("summer"))
            await post(client, "/summer/allocate", asking("e", first_day(tactic)))
            await post(client, "/spring/allocate", asking("e", first_day(tactic)), 409)
            assert (await client.post("/v1/allocate", json=body(tactic, decision_id="e"))).status_code == 409

    run(work)
    records = check_store(url, tactic)
    assert (len(records["spring"].decisions), len(records["summer"].decisions)) == (0, 1)
