"""What a network says of one entity moves with that entity's features, along every axis and for every head."""

from collections.abc import Sequence

import numpy as np
import pytest
import torch

from xbopt.agents.planner.replanning import replanning_around
from xbopt.agents.policies import built_in_policy
from xbopt.agents.ppo.credit import CREDITS, CreditName
from xbopt.agents.ppo.policy import PolicyParts, build_parts
from xbopt.agents.ppo.settings import PpoSettings
from xbopt.core.scenario.loading import load_scenario
from xbopt.env.market_run import MarketRun
from xbopt.simulator.build import build_market
from xbopt.simulator.parameters import MarketParameters

AXES = ("regions", "segments", "channels")


@pytest.fixture(scope="module")
def market() -> MarketParameters:
    return build_market(load_scenario("quickstart"))


def disturbed(market: MarketParameters, credit: CreditName) -> PolicyParts:
    """A policy of residual actions with weights that say something."""
    plan = built_in_policy("greedy_roas", market)
    settings = PpoSettings(encoding="residual", width=8, credit=credit)
    parts = build_parts(market, plan, settings, replanning_around(market, plan))
    torch.manual_seed(0)
    with torch.no_grad():
        for weight in parts.network.parameters():
            weight.add_(0.3 * torch.randn_like(weight))
    return parts


def moved(names: Sequence[str], first: str, second: str) -> list[int]:
    """Where each name stands once two entities have changed places."""
    other = {first: second, second: first}
    swapped = ["/".join(other.get(piece, piece) for piece in name.split("/")) for name in names]
    return [list(names).index(name) for name in swapped]


@pytest.mark.parametrize("credit", CREDITS)
@pytest.mark.parametrize("axis", AXES)
def test_swapping_two_entities_swaps_what_is_said_of_them(market: MarketParameters, axis: str, credit: CreditName):
    parts = disturbed(market, credit)
    run = MarketRun(market, worlds=np.arange(1), seed=0)
    for _ in range(8):
        run.play(parts.plan.decide(run.morning()))
    row = parts.features.flat(run.observe())[0]
    first, second = getattr(market.scenario, axis)[:2]
    rows = torch.from_numpy(np.stack([row, row[moved(parts.features.names, first, second)]])).double()
    network = parts.network.double()
    with torch.no_grad():
        said, valued = network.parameters_of(rows).numpy(), network.values_of(rows).numpy()
    order = moved(parts.encoding.names, first, second)
    assert said[1] == pytest.approx(said[0][order], abs=1e-9)
    # Entries about the two entities really differ, so the test cannot pass by silence.
    about = [entry for entry, place in enumerate(order) if entry != place]
    assert about
    assert np.abs(said[0][about] - said[1][about]).max() > 1e-3
    sizes = len(market.scenario.regions), len(market.scenario.segments)
    parts_of_value = {"whole": (1, 1), "region": (sizes[0], 1), "cell": sizes}[credit]
    before, after = (np.broadcast_to(values.reshape(parts_of_value), sizes) for values in valued)
    swap = {"regions": np.ix_([1, 0], range(sizes[1])), "segments": np.ix_(range(sizes[0]), [1, 0])}
    assert after == pytest.approx(before[swap[axis]] if axis in swap else before, abs=1e-9)
