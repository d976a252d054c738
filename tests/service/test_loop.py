"""The loop closed: train, evaluate, export, serve, 5,000 decisions over HTTP, outcomes, export, evaluate again.

What the service's own log says of another policy has to agree with the simulator, which alone knows the truth.
"""

import json
from dataclasses import replace
from pathlib import Path

import httpx
import numpy as np
import pytest

from tests.command_line import call
from tests.service.conftest import Serve
from xbopt.agents.bandits.market_policy import MarketBanditPolicy
from xbopt.agents.training import RunDirectory, train, trained_policy
from xbopt.core.arrays import FloatArray, IntArray
from xbopt.core.decision_log.reader import read_decision_log
from xbopt.core.decisions.decision import Decision
from xbopt.env.contexts import window_reward
from xbopt.env.market_run import MarketRun
from xbopt.ope.logs.log_policy import PolicyIdentity
from xbopt.ope.logs.open_log import open_log
from xbopt.ope.logs.probabilities import open_probabilities
from xbopt.reports.evaluation.document import write_certificate
from xbopt.service.store.opening import open_store
from xbopt.service.store.verification import verify_chain
from xbopt.simulator.parameters import MarketParameters
from xbopt.studies.evaluate import evaluate
from xbopt.studies.simulate import simulate

WORLDS = 313
LOGGING, EVALUATED = 0.5, 0.1


def xbopt(*arguments: object) -> str:
    """Run a command as a planner does; it has to succeed."""
    answer = call(*arguments, folder=Path())
    assert answer.code == 0, answer.err
    return answer.out


def probabilities_of(log: Path, share: float) -> Path:
    """What the policy with another share of exploration would have done in each situation of a log, as a file."""
    import pyarrow as pa
    from pyarrow import parquet

    read = read_decision_log(log)
    table = read.columns.action_probabilities
    assert table is not None
    actions = table.shape[1]
    greedy = (np.arange(actions) == table.argmax(axis=1)[:, None]).astype(np.float64)
    wanted = (1.0 - share) * greedy + share / actions
    path = log.with_name(f"{log.stem}-probabilities.parquet")
    rows = len(read.columns)
    parquet.write_table(
        pa.table(
            {
                "decision_id": np.repeat(read.columns.decision_id, actions).tolist(),
                "action": np.tile(np.array(read.schema.action_labels), rows).tolist(),
                "probability": wanted.ravel(),
            }
        ),
        path,
    )
    return path


class ServedMarket:
    """Worlds whose decisions come over HTTP."""

    def __init__(self, market: MarketParameters, client: httpx.Client, worlds: int = WORLDS) -> None:
        self.market, self.client, self.worlds = market, client, worlds
        self.tactics: list[IntArray] = []
        self.margin = np.zeros((worlds, market.scenario.days, *market.shape[:2]))
        self.spend = np.zeros_like(self.margin)

    def play(self) -> None:
        scenario = self.market.scenario
        every = scenario.document.tactics.decide_every_days
        run = MarketRun(self.market, worlds=np.arange(self.worlds), seed=77)
        held: IntArray | None = None
        for day in range(scenario.days):
            new = day % every == 0
            answers = self._ask(run, None if new else held)
            if new:
                drawn = "levels" if "levels" in answers[0] else "tactic"
                held = np.array([answer[drawn] for answer in answers])
                self.tactics.append(held)
            outcome = run.play(
                Decision(
                    spend_base=np.array([answer["spend_base"] for answer in answers]),
                    daypart_weights=np.array([answer["daypart_weights"] for answer in answers]),
                    discount_frac=np.array([answer["discount_frac"] for answer in answers]),
                    mechanic=np.array([answer["mechanic"] for answer in answers]),
                )
            )
            # The service's decisions keep every limit already: the market has nothing to cut.
            assert outcome.adjustments.cut_base.max() == 0.0
            self.margin[:, day] = outcome.money.contribution_margin
            self.spend[:, day] = -outcome.money.media

    def _ask(self, run: MarketRun, held: IntArray | None) -> list[dict[str, object]]:
        seen = run.observe()
        requests: list[dict[str, object]] = []
        for world in range(self.worlds):
            request: dict[str, object] = {
                "decision_id": f"w{world}-d{seen.day}",
                "episode_id": f"w{world}",
                "step": seen.day // self.market.scenario.document.tactics.decide_every_days,
                "day": seen.day,
                "budget_base": float(seen.remaining.budget_base[world]),
                "regions": seen.regions[world].tolist(),
                "cells": seen.cells[world].tolist(),
                "channels": seen.channels[world].tolist(),
            }
            if held is not None:
                request["held"] = held[world].tolist()
            requests.append(request)
        answer = self.client.post("/v1/allocate", json=requests)
        assert answer.status_code == 200, answer.text[:500]
        return answer.json()

    def rewards(self) -> FloatArray:
        """Reward of every decision ``(steps, B, R, S)``."""
        return rewards_of(self.market, self.margin)

    def tell_outcomes(self) -> None:
        scenario = self.market.scenario
        tactics = scenario.document.tactics
        rewards = self.rewards()
        units = [(r, s, f"{region}/{segment}") for r, region in enumerate(scenario.regions)
                 for s, segment in enumerate(scenario.segments)]  # fmt: skip
        outcomes = [
            {
                "decision_id": f"w{world}-d{step * tactics.decide_every_days}",
                "unit": unit,
                "reward": float(rewards[step, world, r, s]),
                "cost": float(self.spend[world, step * 7 : step * 7 + tactics.window_days, r, s].sum()),
                "ready_at": "2027-01-01T00:00:00Z",
            }
            for step in range(len(rewards))
            for world in range(self.worlds)
            for r, s, unit in units
        ]
        for first in range(0, len(outcomes), 1000):
            answer = self.client.post("/v1/outcomes", json=outcomes[first : first + 1000])
            assert answer.status_code == 200, answer.text[:500]


def rewards_of(market: MarketParameters, margin: FloatArray) -> FloatArray:
    tactics = market.scenario.document.tactics
    days = range(0, market.scenario.days, tactics.decide_every_days)
    return np.stack([window_reward(margin, day, tactics.window_days, market.customers.daily_discount) for day in days])


def true_value(market: MarketParameters, policy: MarketBanditPolicy, logged: list[IntArray]) -> float:
    """The mean reward of a decision if it alone had been the other policy's, by playing every world again.

    The steps before it are those of the log; fresh draws choose the tactics, the same luck of the market as in the
    log meets them.
    """
    scenario = market.scenario
    every, menu = scenario.document.tactics.decide_every_days, policy.menu
    rng = np.random.default_rng(11)
    values: list[float] = []
    for step in range(len(logged)):
        run = MarketRun(market, worlds=np.arange(WORLDS), seed=77)
        margin = np.zeros((WORLDS, scenario.days, *market.shape[:2]))
        held = logged[0]
        for day in range((step + 1) * every):
            if day % every == 0:
                held = logged[day // every]
                if day // every == step:
                    probabilities = policy.probabilities(run.observe())
                    cumulative = np.cumsum(probabilities, axis=3)
                    held = (cumulative < rng.random((*held.shape, 1)) * cumulative[..., -1:]).sum(axis=3)
            outcome = run.play(menu.decode(held, run.morning()))
            margin[:, day] = outcome.money.contribution_margin
        tactics = scenario.document.tactics
        one = window_reward(margin, step * every, tactics.window_days, market.customers.daily_discount)
        values.append(float(one.mean()))
    return float(np.mean(values))


@pytest.mark.statistical
def test_train_evaluate_export_serve_log_evaluate(serve: Serve, quickstart: MarketParameters, tmp_path: Path) -> None:
    """The estimate from the service's log agrees with the simulator within its 99.9 % interval."""
    scenario = quickstart.scenario
    run = tmp_path / "run"
    train("quickstart", "lin_ucb", run, steps=600, seed=5, options={"encoding": "tactics", "test_worlds": 0})
    policy = trained_policy(RunDirectory.open(run), quickstart)
    assert isinstance(policy, MarketBanditPolicy)

    first_log, certificate = tmp_path / "first.parquet", tmp_path / "certificate.json"
    simulate(scenario, policy.exploring(LOGGING), runs=192, seed=3, log=first_log)
    opened = open_log(first_log)
    own = open_probabilities(probabilities_of(first_log, LOGGING), opened)
    identity = PolicyIdentity.of_path(run / "policy", "run directory", name=policy.exploring(LOGGING).name)
    write_certificate(evaluate(opened, replace(own, identity=identity)), certificate)
    assert json.loads(certificate.read_text())["verdict"] in {"ANSWER", "CAUTION"}

    bundle = tmp_path / "policy.xbopt"
    xbopt("export", run, "-o", bundle, "--evaluation", certificate, "--exploration", LOGGING)
    xbopt("verify", bundle)
    served = serve(bundle)
    with served.client() as client:
        shop = ServedMarket(quickstart, client)
        shop.play()
        shop.tell_outcomes()
        assert 'xbopt_decisions_total{source="plan"} 0.0' in client.get("/metrics").text
    xbopt("decisions", "verify", "--store", served.store)
    store = open_store(served.store)
    assert verify_chain(store).outcomes == shop.rewards().size >= 5000
    store.close()

    log = tmp_path / "served.parquet"
    xbopt("decisions", "export", "--store", served.store, "-o", log)
    columns = read_decision_log(log).columns
    assert len(columns) == shop.rewards().size
    assert not np.isnan(columns.reward).any()
    # What the log says of its own policy is plain arithmetic.
    assert columns.reward.mean() == pytest.approx(shop.rewards().mean())

    wanted = probabilities_of(log, EVALUATED)
    found = json.loads(xbopt("evaluate", log, "--probabilities", wanted, "--confidence", "0.999", "--json"))
    assert found["verdict"] in {"ANSWER", "CAUTION"}
    estimate = next(one for one in found["estimates"] if one["estimator"] == found["recommended"])
    truth = true_value(quickstart, policy.exploring(EVALUATED), shop.tactics)
    assert estimate["low"] <= truth <= estimate["high"], (estimate, truth)
    # The interval says something: it is narrower than the rewards themselves are spread.
    assert estimate["high"] - estimate["low"] < 0.5 * float(columns.reward.std())
