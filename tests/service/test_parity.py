"""A graph does what its policy does, and keeps every limit."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.service.conftest import TIGHT, Exported
from tests.service.random_inputs import limit_violations, random_inputs
from tests.worlds import market_of
from xbopt.agents.bandits.bandit import Bandit
from xbopt.agents.bandits.kinds import KINDS
from xbopt.agents.exploration import ExploringPolicy
from xbopt.agents.policies import BUILT_IN
from xbopt.core.decisions.policy import DirectPolicy, Policy
from xbopt.service.bundle.formats import Feature, Missing
from xbopt.service.bundle.graph_session import GraphSession, largest_difference
from xbopt.service.exporting.bandits import bandit_probabilities
from xbopt.service.exporting.description import build_schema
from xbopt.service.exporting.graph import Graph
from xbopt.service.exporting.policies import policy_graph, reads_channels
from xbopt.service.exporting.reference import observe_policy, reference_outputs
from xbopt.simulator.parameters import MarketParameters

PARITY = 1e-6
ROWS = 8_000


def plain_features(names: tuple[str, ...]) -> list[Feature]:
    return [
        Feature(name=name, unit="", low=0.0, high=1.0, mean=0.5, deviation=1.0, missing=Missing(rule="refuse"))
        for name in names
    ]


def session_of(policy: Policy, market: MarketParameters) -> tuple[GraphSession, object]:
    sample = observe_policy(policy, market, worlds=1, seed=0)[0]
    features = {
        "F": plain_features(sample.region_names),
        "G": plain_features(sample.cell_names),
        "E": plain_features(sample.channel_names) if reads_channels(policy) else [],
    }
    shape = "direct" if isinstance(policy, DirectPolicy) else "tactic"
    schema = build_schema(market.scenario, shape, features, market.scenario.menu.labels)
    return GraphSession(policy_graph(policy, market.scenario, sample), schema), sample


def check_parity(policy: Policy, market: MarketParameters, *, rows: int, seed: int) -> None:
    session, sample = session_of(policy, market)
    scenario = market.scenario
    tactic = not isinstance(policy, DirectPolicy)
    inputs = random_inputs(scenario, sample, rows, seed=seed, tactic=tactic, channels=reads_channels(policy))
    found = session.named(inputs)
    known = inputs | ({"tactic": found["tactic"]} if tactic else {})
    wanted = reference_outputs(policy, scenario, sample, known)
    for name, array in found.items():
        # Money is compared as a share of what a day may spend; everything else is of order 1.
        unit = scenario.limits.daily_base if name == "spend_base" else 1.0
        assert largest_difference(array, wanted[name]) / unit <= PARITY, name
    assert limit_violations(scenario, inputs, found["spend_base"], found["discount_frac"]) == 0
    if tactic:
        own = reference_outputs(policy, scenario, sample, inputs)["tactic"]
        # A draw may fall on the edge between two tactics; then rounding decides.
        assert (own != found["tactic"]).mean() < 1e-4


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


@pytest.mark.parametrize("batch", [1, 7, 65_536])
def test_the_size_of_a_batch_changes_nothing(tactic: Exported, batch: int) -> None:
    """A row is answered the same alone and among 65,535 others."""
    session, sample = session_of(tactic.policy, tactic.market)
    inputs = random_inputs(tactic.market.scenario, sample, batch, seed=3, tactic=True, channels=False)
    together = session.named(inputs)
    for row in {0, batch // 2, batch - 1}:
        alone = session.named({name: v[row : row + 1] if (len(v) == batch and v.ndim != 3) or name in
                               {"regions", "uniform", "forced"} else v for name, v in inputs.items()})  # fmt: skip
        for name, array in alone.items():
            assert largest_difference(array[0], together[name][row]) <= 1e-9, name


def trained(kind: type[Bandit], *, actions: int, features: int) -> Bandit:
    rng = np.random.default_rng(5)
    bandit = kind(n_actions=actions, n_features=features, seed=1)  # type: ignore[call-arg]
    context = rng.normal(size=(1200, features))
    context[:, -1] = 1.0
    # Some actions are tried often, some hardly ever: their uncertainty differs by orders of magnitude.
    action = rng.integers(0, actions, size=len(context)) ** 2 // actions
    effect = rng.normal(size=(actions, features))
    reward = 0.1 * (context * effect[action]).sum(axis=1) + 0.1 * rng.normal(size=len(context))
    bandit.update(context, action, (reward > 0.1).astype(np.float64) if kind.__name__ == "FastCb" else reward)
    return bandit


def adversarial_contexts(features: int, rows: int) -> np.ndarray:
    rng = np.random.default_rng(6)
    context = rng.normal(size=(rows, features)) * 10.0 ** rng.uniform(-6.0, 4.0, size=(rows, 1))
    context[:4] = 0.0
    context[4:8] = 1e6
    context[8:40, : features // 2] = 0.0
    context[40:60] = np.eye(features)[rng.integers(0, features, size=20)]
    return context


@pytest.mark.parametrize("name", sorted(set(KINDS) - {"BudgetedBandit"}))
def test_a_bandit_and_its_graph_agree(name: str) -> None:
    """Probabilities sum to one and agree, from empty contexts to absurd ones."""
    actions, features = 18, 9
    bandit = trained(KINDS[name], actions=actions, features=features)
    graph = Graph()
    context = graph.input("context", "float64", ("n", features))
    graph.output(bandit_probabilities(graph, bandit, context), "probabilities", "float64", ("n", actions))
    import onnxruntime

    session = onnxruntime.InferenceSession(graph.model(name=name, metadata={}), providers=["CPUExecutionProvider"])
    rows = adversarial_contexts(features, 1500)
    found = session.run(None, {"context": rows})[0]
    assert np.abs(found.sum(axis=1) - 1.0).max() < 1e-12
    assert found.min() >= 0.0
    assert np.abs(found - bandit.probabilities(rows)).max() <= PARITY


def test_thompson_graph_meets_a_hand_worked_case() -> None:
    """Two scores with means 1 and 0 and deviations 0.6 and 0.8: P(first wins) = Phi(1 / sqrt(0.36 + 0.64)) = Phi(1)."""
    import onnxruntime

    from xbopt.service.exporting.thompson import thompson_probabilities

    graph = Graph()
    mean, sd = graph.input("mean", "float64", ("n", 3)), graph.input("sd", "float64", ("n", 3))
    graph.output(thompson_probabilities(graph, mean, sd, 3), "p", "float64", ("n", 3))
    session = onnxruntime.InferenceSession(graph.model(name="t", metadata={}), providers=["CPUExecutionProvider"])
    found = session.run(
        None,
        {
            "mean": np.array([[1.0, 0.0, -50.0], [2.0, 2.0, 0.0], [0.0, 0.5, 0.5]]),
            "sd": np.array([[0.6, 0.8, 0.1], [0.0, 0.0, 1e-9], [1.0, 0.0, 0.0]]),
        },
    )[0]
    # Second row: two certain scores tie and the third cannot reach them. Third row: the first beats 0.5 with
    # probability 1 - Phi(0.5); the certain ones share the rest.
    wanted = [
        [0.8413447460685429, 0.1586552539314571, 0.0],
        [0.5, 0.5, 0.0],
        [0.3085375387, 0.3457312307, 0.3457312307],
    ]
    assert found == pytest.approx(np.array(wanted), abs=1e-9)


@pytest.mark.parametrize("exploration", [0.0, 0.2])
@pytest.mark.parametrize("form", ["factored", "full"])
@pytest.mark.parametrize("encoding", ["tactics", "continuous"])
@pytest.mark.parametrize("network", ["flat", "shared"])
def test_a_trained_network_and_its_graph_agree(
    network: str, encoding: str, form: str, exploration: float, quickstart: MarketParameters
) -> None:
    """Every network and encoding, with weights and statistics far from their beginnings."""
    torch = pytest.importorskip("torch")
    from xbopt.agents.ppo.policy import PpoTacticPolicy, as_policy, build_parts
    from xbopt.agents.ppo.settings import PpoSettings

    if exploration and encoding == "continuous":
        pytest.skip("a continuous policy names its decision; there is nothing to explore")
    settings = replace(PpoSettings(), network=network, encoding=encoding, form=form)  # type: ignore[arg-type]
    parts = build_parts(quickstart, BUILT_IN["calendar"](quickstart), settings)
    noise = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in parts.network.parameters():
            parameter.add_(0.3 * torch.randn(parameter.shape, generator=noise))
        for name, buffer in parts.network.named_buffers():
            if name.endswith("mean"):
                buffer.copy_(0.1 * torch.randn(buffer.shape, generator=noise))
            elif name.endswith("variance"):
                buffer.copy_(torch.rand(buffer.shape, generator=noise))
    policy = as_policy(parts)
    if exploration:
        assert isinstance(policy, PpoTacticPolicy)
        policy = policy.exploring(exploration)
    check_parity(policy, quickstart, rows=1000, seed=4)


@pytest.mark.parametrize("agent", ["lin_ucb", "fast_cb", "neural_linear"])
def test_a_bandit_trained_in_the_market_and_its_graph_agree(
    agent: str, quickstart: MarketParameters, tmp_path: Path
) -> None:
    """The best choice of each component with its caution and the price of money, alone and with exploration."""
    from xbopt.agents.bandits.market_policy import MarketBanditPolicy
    from xbopt.agents.training import RunDirectory, train, trained_policy

    train("quickstart", agent, tmp_path / "run", steps=300, seed=2)
    policy = trained_policy(RunDirectory.open(tmp_path / "run"), quickstart)
    assert isinstance(policy, MarketBanditPolicy)
    check_parity(policy, quickstart, rows=1000, seed=1)
    check_parity(replace(policy.exploring(0.2), price=0.3, pacing=0.5), quickstart, rows=1000, seed=2)
