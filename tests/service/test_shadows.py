"""A served bundle with a guardrail, and its shadow: the log says what was allowed and explored, and judges both."""

import asyncio
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
import pytest

from tests.service.conftest import Exported, export_to
from xbopt.agents.exploration import ExploringPolicy
from xbopt.agents.policies import BUILT_IN
from xbopt.core.arrays import FloatArray, IntArray
from xbopt.core.decision_log.reader import read_decision_log
from xbopt.core.decision_log.schema import DecisionColumns
from xbopt.core.decisions.plan import ScheduledPolicy
from xbopt.core.decisions.policy import Menu
from xbopt.core.errors import PolicyError
from xbopt.env.contexts import window_reward
from xbopt.env.market_run import MarketRun
from xbopt.ope.logs.evaluation_log import EvaluationLog
from xbopt.ope.logs.log_policy import LogPolicy
from xbopt.ope.logs.open_log import open_log
from xbopt.service.bundle_policy import BundlePolicy
from xbopt.service.deciding.requests import AllocationRequest, Outcome
from xbopt.service.exporting.description import build_guardrails
from xbopt.service.http.engine import Engine
from xbopt.service.http.metrics import Metrics
from xbopt.service.store.entries import NewEntry
from xbopt.service.store.group_commit import GroupCommit
from xbopt.service.store.log_export import ExportReport, export_log
from xbopt.service.store.opening import open_store
from xbopt.service.store.recording import bundle_entry, decision_entry, shadow_entry
from xbopt.service.store.verification import verify_chain
from xbopt.simulator.parameters import MarketParameters
from xbopt.studies.evaluate import evaluate
from xbopt.studies.logged_policies import from_name, from_object

WORLDS = 60


@dataclass(frozen=True)
class ServedLog:
    """What was exported from a store."""

    path: Path
    report: ExportReport
    columns: DecisionColumns
    log: EvaluationLog


def guarded(folder: Path, market: MarketParameters, *, exploration: float, deepest: float) -> Exported:
    """The scenario's own plan as a bundle that may give no deeper discount."""
    rules = build_guardrails(market.scenario)
    rules = msgspec.structs.replace(
        rules,
        on_drift="answer",
        margin_floor_frac=None,
        discount_ceiling_frac=dict.fromkeys(rules.discount_ceiling_frac, deepest),
    )
    policy = ExploringPolicy(plan=BUILT_IN["baseline"](market), scenario=market.scenario, exploration=exploration)
    name = f"guarded-{exploration:g}"
    return export_to(folder, policy, market, name=name, guardrails=rules)


def serve_season(engine: Engine, market: MarketParameters, menu: Menu) -> None:
    """A season of every world, decided by the engine, and told what it brought."""
    scenario, worlds = market.scenario, range(WORLDS)
    tactics = scenario.document.tactics
    run = MarketRun(market, worlds=np.arange(WORLDS), seed=77)
    margin = np.zeros((WORLDS, scenario.days, *market.shape[:2]))
    units = [f"{region}/{segment}" for region in scenario.regions for segment in scenario.segments]

    async def season() -> None:
        held: IntArray = np.zeros((WORLDS, *market.shape[:2]), dtype=np.int64)
        await engine.start()
        for day in range(scenario.days):
            if day % tactics.decide_every_days == 0:
                seen = run.observe()
                requests = [
                    AllocationRequest(
                        decision_id=f"w{world}-d{day}",
                        episode_id=f"w{world}",
                        step=day // tactics.decide_every_days,
                        day=day,
                        budget_base=float(seen.remaining.budget_base[world]),
                        regions=seen.regions[world].tolist(),
                        cells=seen.cells[world].tolist(),
                    )
                    for world in worlds
                ]
                held = np.array([answer.tactic for answer in await engine.allocate(requests)])
            outcome = run.play(menu.decode(held, run.observe()))
            margin[:, day] = outcome.money.contribution_margin
        outcomes: list[Outcome] = []
        for day in range(0, scenario.days, tactics.decide_every_days):
            reward = window_reward(margin, day, tactics.window_days, market.customers.daily_discount)
            by_unit = reward.reshape(WORLDS, -1)
            outcomes += [
                Outcome(
                    decision_id=f"w{world}-d{day}",
                    unit=unit,
                    reward=float(by_unit[world, i]),
                    ready_at="2027-01-01T00:00:00Z",
                )
                for world in worlds
                for i, unit in enumerate(units)
            ]
        await engine.outcomes(outcomes)
        await engine.stop()

    asyncio.run(season())


def served(folder: Path, market: MarketParameters, bundle: Exported, shadow: Exported) -> ServedLog:
    url = f"sqlite:///{folder / 'decisions.sqlite'}"
    commit = GroupCommit(open_store(url))
    assert isinstance(bundle.policy, ExploringPolicy)
    engine = Engine(bundle.allocator(), commit, Metrics(), shadow=shadow.allocator())
    serve_season(engine, market, bundle.policy.menu)
    path = folder / "served.parquet"
    with closing(open_store(url, read_only=True)) as store:
        assert verify_chain(store).decisions == WORLDS * 4
        report = export_log(store, path)
    return ServedLog(path, report, read_decision_log(path).columns, open_log(path))


def answers(policy: LogPolicy, log: EvaluationLog) -> FloatArray:
    answer = policy.answers()
    batches = [answer(r) for part in log.parts() for r in log.rows(part, keys=policy.keys, reads=policy.reads)]
    return np.concatenate(batches)


def named(name: str, log: EvaluationLog, exploration: float | None = None) -> FloatArray:
    return answers(from_name(name, log, scenario=None, exploration=exploration), log)


@pytest.fixture(scope="module")
def season(tmp_path_factory: pytest.TempPathFactory, quickstart: MarketParameters) -> ServedLog:
    """40 % exploration; discounts of 10 %, a third of the menu, are forbidden, and the plan wants none of them."""
    folder = tmp_path_factory.mktemp("season")
    bundle = guarded(folder, quickstart, exploration=0.4, deepest=0.05)
    return served(folder, quickstart, bundle, guarded(folder, quickstart, exploration=0.0, deepest=0.05))


def test_the_log_says_what_was_allowed_explored_and_seen(season: ServedLog, quickstart: MarketParameters) -> None:
    columns = season.columns
    assert columns.allowed is not None
    np.testing.assert_array_equal(columns.allowed.sum(axis=1), 36)
    # 36 of 54 tactics keep 0.4/54 each of what was uniform; with the plan's own 0.6 that is the mass that is left.
    uniform = 0.4 * 36 / 54
    np.testing.assert_allclose(columns.exploration, uniform / (0.6 + uniform), rtol=1e-12)
    schema = read_decision_log(season.path).schema
    channels = tuple(f"channel_base/{channel}" for channel in quickstart.scenario.channels)
    # A plan reads no features of channels, so that nobody told the service any.
    assert schema.observation_names == ("day", "budget_base", "region_base", *channels)
    assert columns.observation is not None
    np.testing.assert_array_equal(np.unique(columns.observation[:, 0]), [0.0, 7.0, 14.0, 21.0])
    assert [(shadow.name, shadow.kind) for shadow in schema.shadows] == [("guarded-0", "bundle")]


def test_without_exploration_it_is_the_shadow_that_explored_nothing(season: ServedLog) -> None:
    """Three ways to one policy: from the logged share, from the shadow's column, and from the bundle itself."""
    log = season.log
    without = named("logging", log, 0.0)
    np.testing.assert_allclose(without, named("shadow:guarded-0", log), atol=1e-12)
    bundle = BundlePolicy.load(season.path.parent / "baseline+explore0.xbopt")
    np.testing.assert_allclose(
        without, answers(from_object(bundle, log, scenario=None, exploration=None), log), atol=1e-12
    )
    assert season.report.shadow_missed == {"guarded-0": 0}


def test_a_bundle_asked_about_its_own_log_is_the_logging_policy(season: ServedLog) -> None:
    """To half the digits (float32), in which a store keeps probabilities."""
    bundle = BundlePolicy.load(season.path.parent / "baseline+explore0.4.xbopt")
    found = answers(from_object(bundle, season.log, scenario=None, exploration=None), season.log)
    np.testing.assert_allclose(found, season.columns.action_probabilities, atol=1e-7)
    evaluation = evaluate(season.path, bundle)
    assert evaluation.identity.sha256 == bundle.sha256
    assert (evaluation.identity.kind, evaluation.policy) == ("bundle", "guarded-0.4")


def test_any_share_over_the_allowed_actions_is_supported(season: ServedLog) -> None:
    """The bundle's own share was once refused, because a third of it fell on what the mask forbids."""
    for share in (0.0, 0.4):
        found = evaluate(season.path, "logging", exploration=share)
        assert found.result.support.unsupported_mass == 0.0
        assert found.verdict != "REFUSE"
    explored, shadow = (evaluate(season.path, name).result for name in ("logging", "shadow:guarded-0"))
    without = evaluate(season.path, "logging", exploration=0.0).result
    assert without.estimates["dr"].value == pytest.approx(shadow.estimates["dr"].value, rel=1e-12)
    assert without.estimates["dr"].value != explored.estimates["dr"].value
    assert evaluate(season.path, "uniform").result.support.unsupported_mass == 0.0


def test_where_no_discount_is_allowed_the_plan_s_own_deal_is_cut_and_the_log_still_tells(
    tmp_path: Path, quickstart: MarketParameters
) -> None:
    """The plan itself stays on the menu, also in the week of its deal; what may not be given of it is taken away."""
    bundle = guarded(tmp_path, quickstart, exploration=0.4, deepest=0.0)
    assert isinstance(bundle.policy, ExploringPolicy)
    assert isinstance(bundle.policy.plan, ScheduledPolicy)
    deal = int(np.argmax(bundle.policy.plan.discount_frac.any(axis=(1, 2))))
    made = bundle.allocator().allocate(bundle.request(step=deal), kill="plan")
    assert not made.discount_frac.any()
    assert "discount_ceiling" in made.guardrails[0]
    found = served(tmp_path, quickstart, bundle, guarded(tmp_path, quickstart, exploration=0.0, deepest=0.0))
    share = 0.4 * 18 / 54
    np.testing.assert_allclose(found.columns.exploration, share / (0.6 + share), rtol=1e-12)
    shadow = named("shadow:guarded-0", found.log)
    np.testing.assert_allclose(named("logging", found.log, 0.0), shadow, atol=1e-12)
    assert found.columns.allowed is not None
    np.testing.assert_array_equal(shadow[~found.columns.allowed], 0.0)
    np.testing.assert_array_equal(shadow.max(axis=1), 1.0)


def small_store(folder: Path, entries: list[NewEntry]) -> tuple[ExportReport, DecisionColumns]:
    url = f"sqlite:///{folder / 'small.sqlite'}"
    with closing(open_store(url)) as store:
        store.append(entries)
        report = export_log(store, folder / "small.parquet")
    return report, read_decision_log(folder / "small.parquet").columns


def decided(bundle: Exported, key: str, *, kill: bool = False) -> NewEntry:
    allocator = bundle.allocator()
    allocation = allocator.allocate(bundle.request(decision_id=key), kill="plan" if kill else "off")
    return decision_entry(allocation, allocator, key=key, request=b"", episode_ids=[key], steps=[0], killed=kill)


def test_a_missed_decision_is_an_empty_cell_and_a_plan_that_answers_explores_nothing(
    tmp_path: Path, tactic: Exported
) -> None:
    allocator = tactic.allocator()
    shadow = shadow_entry(allocator.allocate(tactic.request(decision_id="a")), allocator, key="a")
    entries = [
        bundle_entry(allocator),
        decided(tactic, "a"),
        shadow,
        decided(tactic, "b"),
        decided(tactic, "c", kill=True),
    ]
    report, columns = small_store(tmp_path, entries)
    assert report.shadow_missed == {"demo": 8}
    assert columns.shadows is not None
    assert columns.action_probabilities is not None
    np.testing.assert_array_equal(np.isnan(columns.shadows).all(axis=(1, 2)), np.repeat([False, True, True], 4))
    np.testing.assert_allclose(columns.shadows[:4, 0], columns.action_probabilities[:4], atol=1e-7)
    np.testing.assert_array_equal(columns.exploration, np.repeat([0.3, 0.3, np.nan], 4))


def test_a_store_of_an_older_version_says_nothing_of_exploration(tmp_path: Path, tactic: Exported) -> None:
    new = bundle_entry(tactic.allocator())
    fields: list[object] = msgspec.msgpack.decode(new.payload)
    old = NewEntry("bundle", new.key, msgspec.msgpack.encode(fields[:-2]))
    _, columns = small_store(tmp_path, [old, decided(tactic, "a")])
    assert columns.exploration is None
    assert columns.allowed is None


def test_a_bundle_that_names_its_decisions_cannot_be_asked(direct: Exported, tactic: Exported) -> None:
    with pytest.raises(PolicyError, match="Export the policy with --exploration 0"):
        BundlePolicy.load(direct.path)
    policy = BundlePolicy.load(tactic.path)
    with pytest.raises(PolicyError, match="can be asked what it would do, not be played"):
        policy.menu.decode(np.zeros((1, 2, 2), dtype=np.int64), tactic.observations[0])
    rebuild, arguments = policy.__reduce__()
    policy = rebuild(*arguments)
    seen = tactic.observations[7]
    np.testing.assert_allclose(
        policy.probabilities(seen),
        tactic.policy.probabilities(seen),  # type: ignore[union-attr]
        atol=1e-12,
    )
