"""A graph does what its policy does, and keeps every limit."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.service.conftest import TIGHT, Exported
from tests.service.random_inputs import limit_violations, random_inputs
from tests.worlds import market_of
from xbopt.agents.exploration import ExploringPolicy
from xbopt.agents.factored_direct import FactoredDirect
from xbopt.agents.planner.replanning import ReplanningPolicy, replanning_around
from xbopt.agents.policies import BUILT_IN
from xbopt.core.decisions.plan import ScheduledPolicy
from xbopt.core.decisions.policy import AnchoredPolicy, CanExplore, DirectPolicy, FactoredPolicy, Observation, Policy
from xbopt.core.errors import PolicyError
from xbopt.service.bundle.graph_session import Arrays, GraphSession, largest_difference
from xbopt.service.bundle.native_graph import NativeGraph
from xbopt.service.bundle.schema import Feature, Missing, Schema
from xbopt.service.exporting.description import build_schema
from xbopt.service.exporting.policies import policy_graph, reads_channels
from xbopt.service.exporting.reference import observe_policy, reference_outputs
from xbopt.service.exporting.run_export import explored
from xbopt.simulator.kernel.engine import native
from xbopt.simulator.parameters import MarketParameters

PARITY = 1e-6
ROWS = 8_000


def plain_features(names: tuple[str, ...]) -> list[Feature]:
    return [
        Feature(name=name, unit="", low=0.0, high=1.0, mean=0.5, deviation=1.0, missing=Missing(rule="refuse"))
        for name in names
    ]


def session_of(policy: Policy, market: MarketParameters) -> tuple[GraphSession, Observation, Schema]:
    sample = observe_policy(policy, market, worlds=1, seed=0)[0]
    features = {
        "F": plain_features(sample.region_names),
        "G": plain_features(sample.cell_names),
        "E": plain_features(sample.channel_names) if reads_channels(policy) else [],
    }
    if isinstance(policy, FactoredPolicy):
        schema = build_schema(market.scenario, "factored", features, policy.factors)
    elif isinstance(policy, DirectPolicy):
        schema = build_schema(market.scenario, "direct", features, None)
    else:
        schema = build_schema(market.scenario, "tactic", features, policy.menu)
    return GraphSession(policy_graph(policy, market.scenario, sample, schema), schema), sample, schema


def check_native(session: GraphSession, schema: Schema, inputs: Arrays, found: Arrays, *, unit: float) -> None:
    """The kernel gives what onnxruntime gives, and the same bits on every level and however a batch is cut."""
    module = native()
    if module is None:
        return
    own = NativeGraph(session.inspected, schema, module, level=module.LEVELS[0]).named(inputs)
    for name, array in found.items():
        allowed = 1e-9 * (unit if name == "spend_base" else 1.0)
        rows = np.abs(own[name] - array).reshape(len(array), -1).max(axis=1)
        # Where a draw falls on the edge between two choices, rounding decides.
        assert (rows > allowed).mean() < 1e-3, name
    few = slice(5, 55)
    part = {f.name: inputs[f.name][few] if f.axes[0] == "B" else inputs[f.name] for f in schema.inputs}
    for level in module.LEVELS:
        again = NativeGraph(session.inspected, schema, module, level=level).named(part)
        assert all(again[name].tobytes() == own[name][few].tobytes() for name in own), level


def check_parity(policy: Policy, market: MarketParameters, *, rows: int, seed: int) -> None:
    session, sample, schema = session_of(policy, market)
    scenario = market.scenario
    factors = policy.factors if isinstance(policy, FactoredPolicy) else None
    tactic = not isinstance(policy, DirectPolicy | FactoredPolicy)
    inputs = random_inputs(
        scenario, sample, rows, seed=seed, tactic=tactic, channels=reads_channels(policy), factors=factors
    )
    found = session.named(inputs)
    check_native(session, schema, inputs, found, unit=scenario.limits.daily_base)
    known = inputs | {name: found[name] for name in ("tactic", "levels") if name in found}
    wanted = reference_outputs(policy, scenario, sample, known)
    for name, array in found.items():
        # Money is compared as a share of what a day may spend; everything else is of order 1.
        unit = scenario.limits.daily_base if name == "spend_base" else 1.0
        assert largest_difference(array, wanted[name]) / unit <= PARITY, name
    assert limit_violations(scenario, inputs, found["spend_base"], found["discount_frac"]) == 0
    for name in known.keys() - inputs.keys():
        own = reference_outputs(policy, scenario, sample, inputs)[name]
        # A draw may fall on the edge between two choices; then rounding decides.
        assert (own != found[name]).mean() < 1e-4


@pytest.mark.parametrize("market", ["quickstart", "tight"])
@pytest.mark.parametrize("plan", ["baseline", "calendar"])
def test_a_plan_and_its_graph_agree(plan: str, market: str, quickstart: MarketParameters) -> None:
    """Lookup by day, then floors and caps as in the projection, on random and extreme inputs."""
    where = quickstart if market == "quickstart" else market_of(TIGHT)
    check_parity(BUILT_IN[plan](where), where, rows=ROWS, seed=1)


@pytest.mark.parametrize("market", ["quickstart", "tight"])
def test_an_exploring_plan_and_its_graph_agree(market: str, quickstart: MarketParameters) -> None:
    """The nearest tactic, the draw, the decoding and the projection are the same."""
    where = quickstart if market == "quickstart" else market_of(TIGHT)
    plan = BUILT_IN["calendar"](where)
    check_parity(ExploringPolicy(plan=plan, scenario=where.scenario, exploration=0.25), where, rows=ROWS, seed=2)


@pytest.mark.parametrize("market", ["quickstart", "tight", "floor"])
def test_the_re_planner_and_its_graph_agree(market: str, quickstart: MarketParameters) -> None:
    """All of its solve, with caps, maximums, locks and a return floor, on ratios from ordinary to absurd."""
    floored = {**TIGHT, "budget": {**TIGHT["budget"], "roi_floor": 0.6}}
    where = quickstart if market == "quickstart" else market_of(TIGHT if market == "tight" else floored)
    policy = replanning_around(where, BUILT_IN["calendar"](where))
    check_parity(policy, where, rows=1000, seed=5)
    check_parity(FactoredDirect.of(policy, where, 0.25), where, rows=1000, seed=6)


@pytest.mark.parametrize("batch", [1, 7, 65_536])
def test_the_size_of_a_batch_changes_nothing(tactic: Exported, batch: int) -> None:
    """A row is answered the same alone and among 65,535 others."""
    session, sample, _ = session_of(tactic.policy, tactic.market)
    inputs = random_inputs(tactic.market.scenario, sample, batch, seed=3, tactic=True, channels=False)
    together = session.named(inputs)
    for row in {0, batch // 2, batch - 1}:
        alone = session.named({name: v[row : row + 1] if (len(v) == batch and v.ndim != 3) or name in
                               {"regions", "uniform", "forced"} else v for name, v in inputs.items()})  # fmt: skip
        for name, array in alone.items():
            assert largest_difference(array[0], together[name][row]) <= 1e-9, name


@pytest.mark.parametrize(
    ("encoding", "form", "exploration"),
    [
        ("tactics", "factored", 0.0),
        ("tactics", "factored", 0.2),
        ("residual", "factored", 0.0),
        ("residual", "factored", 0.2),
        ("continuous", "factored", 0.0),
        ("continuous", "full", 0.0),
    ],
)
@pytest.mark.parametrize("network", ["flat", "shared"])
def test_a_trained_network_and_its_graph_agree(
    network: str, encoding: str, form: str, exploration: float, quickstart: MarketParameters
) -> None:
    """Every network and encoding, with weights and statistics far from their beginnings."""
    pytest.importorskip("torch")
    anchor = replanning_around(quickstart, BUILT_IN["calendar"](quickstart))
    policy = disturbed_network(quickstart, anchor, network=network, encoding=encoding, form=form)
    if exploration:
        assert isinstance(policy, FactoredPolicy | CanExplore)
        policy = policy.exploring(exploration)
    check_parity(policy, quickstart, rows=1000, seed=4)


def test_notches_of_a_network_around_a_plan_of_one_s_own_and_their_graph_agree(quickstart: MarketParameters) -> None:
    """What a run has that was trained with --plan: its anchor is the plan, which does not react."""
    pytest.importorskip("torch")
    policy = disturbed_network(quickstart, BUILT_IN["calendar"](quickstart), encoding="residual")
    assert isinstance(policy, AnchoredPolicy)
    assert policy.anchor.name == "calendar"
    check_parity(policy.exploring(0.2), quickstart, rows=1000, seed=4)


def test_a_continuous_network_explores_in_no_bundle_and_its_owner_is_told_what_does(
    quickstart: MarketParameters,
) -> None:
    pytest.importorskip("torch")
    policy = disturbed_network(quickstart, BUILT_IN["calendar"](quickstart), encoding="continuous")
    with pytest.raises(PolicyError, match="train it with --option encoding=residual"):
        explored(policy, quickstart, 0.2)


def disturbed_network(
    market: MarketParameters, anchor: ScheduledPolicy | ReplanningPolicy, **settings: object
) -> Policy:
    """A network with weights and statistics far from their beginnings, around a plan or a re-planner."""
    import torch

    from xbopt.agents.ppo.policy import as_policy, build_parts
    from xbopt.agents.ppo.settings import PpoSettings

    plan = anchor.plan if isinstance(anchor, ReplanningPolicy) else anchor
    parts = build_parts(market, plan, replace(PpoSettings(), **settings), anchor)  # type: ignore[arg-type]
    noise = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in parts.network.parameters():
            parameter.add_(0.3 * torch.randn(parameter.shape, generator=noise))
        for name, buffer in parts.network.named_buffers():
            if name.endswith("mean"):
                buffer.copy_(0.1 * torch.randn(buffer.shape, generator=noise))
            elif name.endswith("variance"):
                buffer.copy_(torch.rand(buffer.shape, generator=noise))
    return as_policy(parts)


@pytest.mark.parametrize("agent", ["lin_ucb", "fast_cb", "neural_linear"])
def test_a_bandit_trained_in_the_market_and_its_graph_agree(
    agent: str, quickstart: MarketParameters, tmp_path: Path
) -> None:
    """The best choice of each component with its caution and the price of money, alone and with exploration."""
    from xbopt.agents.bandits.market_policy import MarketBanditPolicy
    from xbopt.agents.training import RunDirectory, train, trained_policy

    train("quickstart", agent, tmp_path / "run", steps=300, seed=2, options={"encoding": "tactics"})
    policy = trained_policy(RunDirectory.open(tmp_path / "run"), quickstart)
    assert isinstance(policy, MarketBanditPolicy)
    check_parity(policy, quickstart, rows=1000, seed=1)
    check_parity(replace(policy.exploring(0.2), price=0.3, pacing=0.5), quickstart, rows=1000, seed=2)
