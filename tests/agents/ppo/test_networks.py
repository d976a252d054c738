"""PPO's networks and layouts: the untrained policy is the plan, and every output belongs where its name says."""

import numpy as np
import pytest
import torch

from xbopt.agents.policies import built_in_policy
from xbopt.agents.ppo.layout import action_layout
from xbopt.agents.ppo.networks import RunningNorm
from xbopt.agents.ppo.policy import as_policy, build_parts
from xbopt.agents.ppo.settings import PpoSettings
from xbopt.core.scenario.loading import load_scenario
from xbopt.env.market_run import MarketRun
from xbopt.simulator.build import build_market

ALL = [
    (encoding, form, network)
    for encoding in ("tactics", "continuous")
    for form in ("factored", "full")
    for network in ("shared", "flat")
]


@pytest.fixture(scope="module")
def market():
    return build_market(load_scenario("quickstart"))


def parts_of(market, encoding="continuous", form="factored", network="shared", plan="greedy_roas", credit="region"):
    settings = PpoSettings(encoding=encoding, form=form, network=network, credit=credit, width=8)
    return build_parts(market, built_in_policy(plan, market), settings)


def disturbed(parts, seed=0):
    """The same parts, with other weights than the silent ones of the beginning."""
    torch.manual_seed(seed)
    with torch.no_grad():
        for weight in parts.network.parameters():
            weight.add_(0.3 * torch.randn_like(weight))
    return parts


@pytest.mark.parametrize(("encoding", "form", "network"), ALL)
def test_the_untrained_policy_is_the_plan(market, encoding, form, network):
    parts = parts_of(market, encoding, form, network)
    policy = as_policy(parts)
    run = MarketRun(market, worlds=np.arange(2), seed=0)
    for _ in range(8):
        seen = run.observe()
        if encoding == "continuous":
            decision = policy.decide(seen)
        else:
            probabilities = policy.probabilities(seen)
            assert (probabilities[..., policy.menu.neutral] == 1.0).all()
            decision = policy.menu.decode(probabilities.argmax(axis=3), seen)
        assert decision.spend_base == pytest.approx(parts.plan.decide(seen).spend_base, rel=1e-9)
        run.play(decision)


@pytest.mark.parametrize(("encoding", "form", "network"), ALL)
def test_there_is_one_parameter_an_entry_or_choice(market, encoding, form, network):
    parts = parts_of(market, encoding, form, network)
    layout = action_layout(parts.encoding, parts.features, neutral_share=0.9, exploration=(0.1, 0.2, 0.3, 0.4))
    wanted = len(parts.encoding.names) if encoding == "continuous" else int(parts.encoding.choices.sum())
    assert layout.parameters == wanted
    assert sorted(layout.order) == list(range(wanted))
    if encoding == "continuous":
        scale = dict(zip(parts.encoding.names, layout.scale, strict=True))
        assert [scale["pace"], scale[parts.encoding.names[1]], scale[parts.encoding.names[-1]]] == [0.1, 0.2, 0.4]
    row = torch.zeros((3, len(parts.features.names)))
    assert parts.network.parameters_of(row).shape == (3, wanted)
    assert parts.network.values_of(row).shape == (3, 2)  # two regions


@pytest.mark.parametrize("encoding", ["tactics", "continuous"])
@pytest.mark.parametrize("form", ["factored", "full"])
def test_the_shared_network_does_not_grow_with_the_market(market, encoding, form):
    large = build_market(load_scenario("us_eu_launch"))

    def weights(of):
        return sum(weight.numel() for weight in parts_of(of, encoding, form).network.parameters())

    # Tactic menus may differ in the number of choices; these two have 18 and 12 tactics times discounts.
    sizes = [sum(parts_of(of, "tactics").encoding.components.sizes) for of in (market, large)]
    extra = (sizes[1] - sizes[0]) if form == "factored" else len(large.scenario.menu) - len(market.scenario.menu)
    inputs = 8 + len(parts_of(market).features.cell_names) + 1
    assert weights(large) - weights(market) == (extra * inputs if encoding == "tactics" else 0)


def test_swapping_two_regions_swaps_what_the_shared_network_says(market):
    """Every cell is read alike: features of two regions changed places, so do the outputs."""
    for form in ("factored", "full"):
        parts = disturbed(parts_of(market, "continuous", form))
        features, codec = parts.features, parts.encoding
        run = MarketRun(market, worlds=np.arange(1), seed=0)
        for _ in range(8):
            run.play(parts.plan.decide(run.morning()))
        row = features.flat(run.observe())[0]
        first, second = market.scenario.regions
        swap = {first: second, second: first}

        def swapped(name, where, regions=swap):
            pieces = name.split("/")
            if len(pieces) > where and pieces[where] in regions:
                pieces[where] = regions[pieces[where]]
            return "/".join(pieces)

        order = [features.names.index(swapped(name, 0)) for name in features.names]
        rows = torch.from_numpy(np.stack([row, row[order]]))
        with torch.no_grad():
            said = parts.network.parameters_of(rows).numpy()
        moved = [codec.names.index(swapped(name, 1)) for name in codec.names]
        assert said[1] == pytest.approx(said[0][moved], abs=1e-5)
        assert np.abs(said[0]).max() > 1e-3


def test_running_norm_by_hand():
    norm = RunningNorm(1)
    norm.update(torch.tensor([[1.0], [3.0]]))
    assert float(norm.mean) == pytest.approx(2.0)
    assert float(norm.variance) == pytest.approx(1.0)
    norm.update(torch.tensor([[5.0], [7.0]]))
    # 1, 3, 5, 7: mean 4, variance (9 + 1 + 1 + 9)/4 = 5.
    assert float(norm.mean) == pytest.approx(4.0)
    assert float(norm.variance) == pytest.approx(5.0)
    assert float(norm(torch.tensor([[4.0 + 5.0**0.5]]))) == pytest.approx(1.0)
    assert float(norm(torch.tensor([[1e6]]))) == 5.0


def test_a_feature_that_hardly_varies_is_not_blown_up():
    norm = RunningNorm(1)
    norm.update(torch.full((10, 1), 2.0))
    assert float(norm(torch.tensor([[2.01]]))) == pytest.approx(0.01 / 0.05, rel=1e-3)


@pytest.mark.parametrize("share", [0.05, 0.3, 0.5, 0.9])
def test_the_neutral_choice_is_the_likeliest_whatever_its_share(share):
    """A component of two choices whose neutral one is the second: even odds are no tie."""
    market = build_market(load_scenario("quickstart", overrides=["tactics.intensity=[0.8, 1.0]"]))
    settings = PpoSettings(encoding="tactics", width=8, neutral_share=share)
    parts = build_parts(market, built_in_policy("greedy_roas", market), settings)
    seen = MarketRun(market, worlds=np.arange(2), seed=0).observe()
    policy = as_policy(parts)
    assert (policy.probabilities(seen)[..., policy.menu.neutral] == 1.0).all()
