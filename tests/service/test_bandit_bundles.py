"""Bundles of bandits over notches around the re-planner: the same levels, from a run to the log that judges it."""

import json
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.service.conftest import Command, export_to
from tests.service.test_parity import check_parity
from xbopt.agents.bandits.market_settings import AGENT_KINDS, CLOSED
from xbopt.agents.bandits.residual_bandits import ResidualBandits
from xbopt.agents.bandits.residual_context import LEARNT_KINDS, ResidualContext
from xbopt.agents.bandits.residual_policy import ResidualBanditPolicy, save_policy
from xbopt.agents.factored_direct import FactoredDirect
from xbopt.agents.planner.replanning import ReplanningPolicy, replanning_around
from xbopt.agents.policies import BUILT_IN
from xbopt.agents.run_directory import RunDirectory
from xbopt.agents.training import train, trained_policy
from xbopt.core.decision_log.reader import read_decision_log
from xbopt.core.decisions.decision import Decision
from xbopt.core.decisions.factors import FactorKind
from xbopt.core.decisions.policy import AnchoredPolicy, Observation
from xbopt.core.scenario.loading import load_scenario
from xbopt.env.market_run import MarketRun
from xbopt.env.policy_contract import check_policy
from xbopt.env.residual_actions import ResidualActions
from xbopt.service.bundle.bundle import load_bundle
from xbopt.service.deciding.allocator import Allocator
from xbopt.service.deciding.requests import AllocationRequest, Outcome
from xbopt.service.exporting.reference import observe_policy
from xbopt.service.http.outcomes import outcome_entry
from xbopt.service.store.entries import NewEntry
from xbopt.service.store.opening import open_store
from xbopt.service.store.recording import bundle_entry, decision_entry
from xbopt.simulator.build import build_market
from xbopt.simulator.parameters import MarketParameters

# One kind without doubt, two with it, and one that stays closed.
CAUTION: dict[FactorKind, float] = {"spend": 0.2, "discount": 0.2, "timing": CLOSED, "pace": 0.0}
OPEN: dict[FactorKind, float] = dict.fromkeys(LEARNT_KINDS, 0.0)
SHARE, WORLDS = 0.3, 16


def taught(
    agent: str, market: MarketParameters, anchor: ReplanningPolicy, days: list[Observation]
) -> ResidualBanditPolicy:
    """A policy whose models learnt noise, of what the anchor sees: levels differ in every feature."""
    context, actions = ResidualContext.of(market, anchor.plan), ResidualActions.of(market, anchor)
    kind, settings = AGENT_KINDS[agent]
    bandits = ResidualBandits.of_kind(actions.factors, kind, names=context.names, seed=0, settings=settings)
    rng = np.random.default_rng(3)
    for seen in days[::7]:
        for one, rows in context.rows(seen, anchor.decide(seen)).items():
            level = rng.integers(0, bandits.bandits[one].n_actions, len(rows))
            bandits.update(one, rows, level, 3.0 * rng.normal(size=len(rows)), np.ones(len(rows)))
    return ResidualBanditPolicy(bandits=bandits, context=context, actions=actions, caution=CAUTION, name=agent)


@pytest.fixture(scope="module")
def anchor(quickstart: MarketParameters) -> ReplanningPolicy:
    return replanning_around(quickstart, BUILT_IN["calendar"](quickstart))


@pytest.fixture(scope="module")
def days(quickstart: MarketParameters, anchor: ReplanningPolicy) -> list[Observation]:
    """What the anchor sees, day by day."""
    return observe_policy(anchor, quickstart, worlds=8, seed=4)


@pytest.mark.parametrize("agent", AGENT_KINDS)
def test_a_bandit_over_notches_and_its_graph_agree(
    agent: str, quickstart: MarketParameters, anchor: ReplanningPolicy, days: list[Observation]
) -> None:
    """Contexts, models, smoothing, doubt and the wish of the re-planner, alone and with exploration."""
    policy = taught(agent, quickstart, anchor, days)
    levels, bold = (
        np.concatenate([one.own_levels(seen) for seen in days]) for one in (policy, replace(policy, caution=OPEN))
    )
    for kind, caution in CAUTION.items():
        at = policy.bandits.at(kind)
        assert (bold[:, at] != policy.factors.neutral[at]).any(), kind
        assert (levels[:, at] == policy.factors.neutral[at]).all() == (kind == "timing"), kind
        assert (levels[:, at] != bold[:, at]).any() == (caution > 0.0), kind
    check_parity(policy, quickstart, rows=1000, seed=1)
    check_parity(replace(policy, caution=OPEN).exploring(0.2), quickstart, rows=500, seed=2)


def test_a_bandit_that_keeps_every_kind_closed_is_its_anchor_and_has_no_node_more(
    tmp_path: Path, quickstart: MarketParameters, anchor: ReplanningPolicy, days: list[Observation]
) -> None:
    import onnx

    shut = replace(taught("lin_ts", quickstart, anchor, days), caution=dict.fromkeys(LEARNT_KINDS, CLOSED))
    around = FactoredDirect.of(anchor, quickstart)
    bundles = [export_to(tmp_path, one, quickstart) for one in (shut, around)]
    sizes = [len(onnx.load_from_string(one.files["policy.onnx"]).graph.node) for one in bundles]
    assert sizes[0] == sizes[1]
    decided = [
        one.allocator().allocate(one.request(step=9, channels=one.observations[9].channels[0].tolist()))
        for one in bundles
    ]
    for name in ("spend_base", "daypart_weights", "discount_frac", "mechanic", "levels"):
        assert decided[0].outputs[name].tobytes() == decided[1].outputs[name].tobytes(), name


def test_its_neutral_levels_are_the_re_planner(
    quickstart: MarketParameters, anchor: ReplanningPolicy, days: list[Observation]
) -> None:
    policy = taught("lin_ucb", quickstart, anchor, days)
    assert isinstance(policy, AnchoredPolicy)
    assert policy.anchor is anchor
    check_policy(policy.exploring(SHARE), quickstart)


def served_worlds(allocator: Allocator, market: MarketParameters) -> list[NewEntry]:
    """What a service stores of some worlds: new levels once a week, held levels between, outcomes at the end."""
    scenario, every = market.scenario, market.scenario.document.tactics.decide_every_days
    run, entries = MarketRun(market, worlds=np.arange(WORLDS), seed=77), [bundle_entry(allocator)]
    held = np.zeros((WORLDS, 0), dtype=np.int64)
    earned = np.zeros((WORLDS, scenario.days, *market.shape[:2]))
    for day in range(scenario.days):
        seen, new = run.observe(), day % every == 0
        made = [
            allocator.allocate(
                AllocationRequest(
                    decision_id=f"w{world}-d{day}",
                    day=day,
                    budget_base=float(seen.remaining.budget_base[world]),
                    regions=seen.regions[world].tolist(),
                    cells=seen.cells[world].tolist(),
                    channels=seen.channels[world].tolist(),
                    held=None if new else held[world].tolist(),
                )
            )
            for world in range(WORLDS)
        ]
        if new:
            held = np.concatenate([one.outputs["levels"] for one in made])
            entries += [
                decision_entry(
                    one, allocator, key=f"w{world}-d{day}", request=b"", episode_ids=[f"w{world}"],
                    steps=[day // every], killed=False,
                )
                for world, one in enumerate(made)
            ]  # fmt: skip
        names = ("spend_base", "daypart_weights", "discount_frac", "mechanic")
        decision = Decision(**{name: np.concatenate([one.outputs[name] for one in made]) for name in names})
        earned[:, day] = run.play(decision).money.contribution_margin
    for step in range(scenario.days // every):
        reward = earned[:, step * every : (step + 1) * every].sum(axis=1)
        entries += [
            outcome_entry(
                Outcome(
                    decision_id=f"w{world}-d{step * every}", unit=f"{region}/{segment}",
                    reward=float(reward[world, r, s]), cost=0.0, ready_at="2027-01-01T00:00:00Z",
                ),
                "",
            )
            for world in range(WORLDS) for r, region in enumerate(scenario.regions)
            for s, segment in enumerate(scenario.segments)
        ]  # fmt: skip
    return entries


def test_a_run_is_exported_checked_served_logged_and_judged_by_factor(command: Command, tmp_path: Path) -> None:
    """Asked about the log of its own bundle, the run gives the propensities that were stored: every weight is 1."""
    short = ["horizon.days=14", "plan.discounts[0].start=2026-10-06", "plan.discounts[0].end=2026-10-08"]
    run, path, store = tmp_path / "run", tmp_path / "b.xbopt", f"sqlite:///{tmp_path}/s.sqlite"
    quick = {"worlds": 4, "test_worlds": 0, "validation_worlds": 4, "evaluate_every": 1}
    scenario = load_scenario("quickstart", overrides=short)
    train(scenario, "lin_ts", run, steps=1, plan="baseline", options=quick)
    market = build_market(scenario)
    found = trained_policy(RunDirectory.open(run), market)
    assert isinstance(found, ResidualBanditPolicy)
    # One batch shows no gain, so the run keeps the re-planner: open what it learnt.
    opened = replace(found, caution=dict.fromkeys(LEARNT_KINDS, 0.0))
    save_policy(run / "policy", opened, found.actions.anchor, scenario_hash=scenario.hash)  # type: ignore[arg-type]

    code, out, err = command("export", run, "-o", path, "--exploration", SHARE, "--unproven", "--json")
    assert code == 0, err
    told = json.loads(out)
    assert (told["name"], told["shape"], told["exploration"]) == ("lin_ts-explore0.3", "factored", SHARE)
    assert told["log_can_judge"] == ["policies over its factors"]
    bundle = load_bundle(path, unproven=True)
    assert (bundle.schema.anchor, bundle.plan.name) == ("replan", "baseline")
    assert command("verify", path)[0] == 0

    allocator = Allocator.load(path, unproven=True)
    with closing(open_store(store)) as kept:
        kept.append(served_worlds(allocator, market))
    code, _, err = command("decisions", "verify", "--store", store, "--bundle", path, "--unproven")
    assert code == 0, err
    log = tmp_path / "log.parquet"
    assert command("decisions", "export", "--store", store, "-o", log)[0] == 0
    columns = read_decision_log(log).columns
    assert len(columns) == WORLDS * 2 * 4
    levels = np.array([factor.neutral for factor in read_decision_log(log).schema.factors])
    assert (columns.action != levels).mean() > SHARE  # it leaves the re-planner by itself too

    code, out, err = command("evaluate", log, "--policy", run, "--exploration", SHARE, "--json")
    assert code == 0, err
    judged = json.loads(out)
    assert (judged["policy"], judged["verdict"]) == ("lin_ts+explore0.3", "CAUTION")
    assert judged["support"]["ess"] == pytest.approx(len(columns), rel=1e-9)
    values = {one["estimator"]: one["value"] for one in judged["estimates"]}
    # Logged probabilities have half their digits: two roundings in each of six factors move a weight.
    mean, off = columns.reward.mean(), 12 * 2.0**-24 * np.abs(columns.reward).mean()
    assert values["ips"] == pytest.approx(mean, abs=off)
    assert values["pi"] == pytest.approx(mean, abs=off)
