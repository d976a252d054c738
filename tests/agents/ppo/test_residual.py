"""Residual policies: levels around the re-planner, heads that see channels, and learning from branches."""

from pathlib import Path
from typing import cast

import numpy as np
import pytest
import torch

from xbopt.agents.policies import PolicyShelf
from xbopt.agents.ppo.branch_learning import BranchLearner
from xbopt.agents.ppo.branches import BranchRows, branch_rows
from xbopt.agents.ppo.ordinal_choices import OrdinalChoices
from xbopt.agents.ppo.policy import PolicyParts, PpoResidualPolicy, as_policy, build_parts, load_policy, save_policy
from xbopt.agents.ppo.settings import PpoSettings
from xbopt.agents.ppo.validation import LEVEL, Score
from xbopt.core.arrays import FloatArray, IntArray
from xbopt.core.scenario.loading import load_scenario
from xbopt.env.market_run import MarketRun
from xbopt.env.policy_contract import check_policy
from xbopt.simulator.build import build_market

# So little money that the planner's plan spends all of it.
SHORT = [
    "horizon.days=15",
    "budget.total_base=3000",
    "plan.discounts[0].start=2026-10-06",
    "plan.discounts[0].end=2026-10-08",
]


@pytest.fixture(scope="module")
def shelf() -> PolicyShelf:
    return PolicyShelf(build_market(load_scenario("quickstart", overrides=SHORT)))


def parts_of(shelf: PolicyShelf, encoding: str = "residual", network: str = "shared") -> PolicyParts:
    settings = PpoSettings(encoding=encoding, network=network, width=8, exploration_spend=1.0)
    torch.manual_seed(0)
    return build_parts(shelf.market, shelf.plan("planner"), settings, shelf.policy("replan"))


def disturbed(parts: PolicyParts) -> PolicyParts:
    with torch.no_grad():
        for weight in parts.network.parameters():
            weight.add_(0.2 * torch.randn_like(weight))
    return parts


def seen_after(shelf: PolicyShelf, days: int, worlds: int = 3) -> MarketRun:
    run = MarketRun(shelf.market, worlds=np.arange(worlds), seed=0)
    for _ in range(days):
        run.play(shelf.policy("replan").decide(run.observe()))
    return run


def test_levels_are_a_discretised_gaussian() -> None:
    """Three levels around 1 with scale 1: weights e^-1/2, 1, e^-1/2; an entry with two levels has no third."""
    choices = OrdinalChoices(
        torch.tensor([[1.0, 0.5]]), torch.tensor([1.0, 1.0]), torch.tensor([[1.0, 1, 1], [1, 1, 0]])
    )
    side = np.exp(-0.5) / (1.0 + 2.0 * np.exp(-0.5))
    assert float(choices.log_prob(torch.tensor([[0, 1]]))[0, 0]) == pytest.approx(np.log(side), rel=1e-5)
    assert float(choices.log_prob(torch.tensor([[0, 1]]))[0, 1]) == pytest.approx(np.log(0.5), rel=1e-5)
    middle = 1.0 - 2.0 * side
    wanted = -(2.0 * side * np.log(side) + middle * np.log(middle)) + np.log(2.0)
    assert float(choices.entropy()) == pytest.approx(wanted, rel=1e-5)
    assert choices.mode().tolist() == [[1, 0]]
    assert set(
        OrdinalChoices(torch.zeros(500, 1), torch.ones(1), torch.tensor([[1.0, 1, 0]])).sample().flatten().tolist()
    ) == {0, 1}


@pytest.mark.parametrize("network", ["shared", "flat"])
def test_the_untrained_policy_is_the_re_planner_to_the_last_bit(shelf: PolicyShelf, network: str) -> None:
    policy = as_policy(parts_of(shelf, network=network))
    assert isinstance(policy, PpoResidualPolicy)
    seen = seen_after(shelf, 8).observe()
    levels = policy.factor_probabilities(seen).argmax(axis=2)
    mine, replan = policy.decode(levels, seen), shelf.policy("replan").decide(seen)
    for name in ("spend_base", "daypart_weights", "discount_frac", "mechanic"):
        assert np.array_equal(getattr(mine, name), getattr(replan, name)), name


def test_a_saved_policy_answers_as_before_and_keeps_the_contract(shelf: PolicyShelf, tmp_path: Path) -> None:
    parts = disturbed(parts_of(shelf))
    save_policy(tmp_path, parts, parts.network.state_dict(), shelf.market.scenario.hash)
    seen, again = seen_after(shelf, 8).observe(), load_policy(tmp_path, shelf.market)
    before = as_policy(parts)
    assert isinstance(again, PpoResidualPolicy)
    assert isinstance(before, PpoResidualPolicy)
    levels = before.own_levels(seen)
    assert (levels != before.factors.neutral).any()
    assert np.array_equal(again.own_levels(seen), levels)
    assert np.array_equal(again.decode(levels, seen).spend_base, before.decode(levels, seen).spend_base)
    for policy in (again, again.exploring(0.2)):
        check_policy(policy, shelf.market, batch_sizes=(1, 7, 40))
    beside = again.exploring(0.2).factor_probabilities(seen)
    assert np.take_along_axis(beside, levels[..., None], axis=2) == pytest.approx(0.8)
    assert np.array_equal(again.exploring(0.0).factor_probabilities(seen), again.factor_probabilities(seen))


def swapped_channels(parts: PolicyParts, row: FloatArray, first: str, second: str) -> FloatArray:
    """The same row with the features of two channels handed to each other, in every cell."""
    names = parts.features.names
    swap = {first: second, second: first}

    def other(name: str) -> str:
        pieces = name.split("/")
        return "/".join([*pieces[:2], swap.get(pieces[2], pieces[2]), *pieces[3:]]) if len(pieces) > 3 else name

    return row[:, [names.index(other(name)) for name in names]]


def test_swapping_two_channels_swaps_their_spend(shelf: PolicyShelf) -> None:
    parts = disturbed(parts_of(shelf))
    row = parts.features.flat(seen_after(shelf, 8).observe())
    with torch.no_grad():
        said = parts.network.parameters_of(torch.from_numpy(row)).numpy()
        other = parts.network.parameters_of(torch.from_numpy(swapped_channels(parts, row, "search", "social"))).numpy()
    neutral = parts.encoding.neutral
    for i, name in enumerate(parts.encoding.names):
        twin = name.replace("search", "SOCIAL").replace("social", "search").replace("SOCIAL", "social")
        j = parts.encoding.names.index(twin)
        assert other[:, j] - neutral[j] == pytest.approx(said[:, i] - neutral[i], abs=1e-5), name
        if i != j:
            assert np.abs(said[:, i] - said[:, j]).max() > 1e-3


def test_choices_of_a_mix_see_which_channel_does_well(shelf: PolicyShelf) -> None:
    """Of a tactic's components the mix alone is about channels: it moves, and by the mixes' own weights."""
    parts = disturbed(parts_of(shelf, "tactics"))
    row = parts.features.flat(seen_after(shelf, 8).observe())
    with torch.no_grad():
        said = parts.network.parameters_of(torch.from_numpy(row)).numpy()
        other = parts.network.parameters_of(torch.from_numpy(swapped_channels(parts, row, "search", "social"))).numpy()
    regions, segments, _ = parts.features.shape
    moved = np.abs(other - said).reshape(3, regions, segments, -1).max(axis=(0, 1, 2))
    is_mix = np.concatenate(
        [
            [name == "mix"] * size
            for name, size in zip(parts.encoding.components.names, parts.encoding.components.sizes, strict=True)
        ]
    )
    assert (moved[is_mix] > 1e-3).all()
    assert moved[~is_mix] == pytest.approx(0.0, abs=1e-5)


def test_branches_start_from_nothing_and_learn_the_best_notch(shelf: PolicyShelf) -> None:
    """Gains made of parabolas with their tops at notch 1: the fit finds the tops."""
    parts = parts_of(shelf)
    encoding, market = parts.encoding, shelf.market
    run = MarketRun(market, worlds=np.arange(40), seed=0)
    neutral = encoding.factors.neutral
    rows = branch_rows(
        encoding, parts.features, parts.plan, run, lambda row: np.tile(neutral, (len(row), 1)), np.random.default_rng(0)
    )
    assert len(rows.features) == 40 * 3
    spend = np.array([kind == "spend" for kind in encoding.factors.kinds])
    notches = rows.notches[:, spend].reshape(rows.money_base.shape)
    assert set(np.unique(notches)) == {-2.0, -1.0, 0.0, 1.0, 2.0}
    idle = (notches == 0.0).all(axis=(1, 2, 3)) & (rows.notches == 0.0).all(axis=1)
    assert rows.gain_base[idle] == pytest.approx(0.0, abs=1e-6)
    gain = (rows.money_base * 0.05 * (notches - 0.5 * notches**2)).sum(axis=3)
    made = BranchRows(features=rows.features, notches=rows.notches, gain_base=gain, money_base=rows.money_base)
    left = BranchLearner(parts.network, encoding.factors, parts.features.shape).fit(
        made, steps=300, learning_rate=1e-2, generator=np.random.default_rng(1)
    )
    assert left < 0.02
    with torch.no_grad():
        said = parts.network.parameters_of(torch.from_numpy(rows.features)).numpy() - neutral
    assert np.median(said[:, spend]) == pytest.approx(1.0, abs=0.1)


class MoreForAll:
    """Draws one notch more for every channel, and nothing else."""

    def integers(self, low: IntArray, high: IntArray, size: tuple[int, ...]) -> IntArray:
        del low
        return np.broadcast_to((high == high.max()).astype(np.int64), size)


def test_money_that_will_be_missing_has_a_price(shelf: PolicyShelf) -> None:
    """The plan uses the whole budget, so more for all channels alike brings just what more money costs: nothing."""
    parts = parts_of(shelf)
    run = MarketRun(shelf.market, worlds=np.arange(3), seed=0)
    rows = branch_rows(
        parts.encoding,
        parts.features,
        parts.plan,
        run,
        lambda row: np.tile(parts.encoding.factors.neutral, (len(row), 1)),
        cast("np.random.Generator", MoreForAll()),
    )
    scarce = rows.gain_base[:3]  # the first morning, on which nothing is known yet
    assert np.abs(scarce).max() > 1.0
    assert scarce.sum(axis=(1, 2)) == pytest.approx(0.0, abs=1e-6)


def test_no_run_of_looks_keeps_a_candidate_that_is_no_better() -> None:
    """400 runs of 30 looks at candidates whose true gain is 0: at most the promised share is ever kept.

    Candidates of a run are alike, as checkpoints are: half of a world's difference is common to all of them. The
    tolerance is three standard errors of a share.
    """
    rng = np.random.default_rng(5)
    runs, looks, worlds = 400, 30, 64
    kept = 0
    for _ in range(runs):
        common = rng.standard_normal(worlds)
        gains = common + rng.standard_normal((looks, worlds))
        kept += any(Score.of(gain, gain).beats_anchor(e + 1) for e, gain in enumerate(gains))
    assert kept / runs <= LEVEL + 3.0 * np.sqrt(LEVEL * (1.0 - LEVEL) / runs)


def test_a_gain_that_is_rounding_is_no_gain() -> None:
    rounding = Score.of(np.full(9, 4e-12), np.zeros(9), tolerance_base=1e-9)
    assert not rounding.beats_anchor(1)
    assert not rounding.is_better_than(Score(gain_base=0.0, gain_se_base=0.0))


def test_one_world_that_gains_most_does_not_hide_what_the_others_gain() -> None:
    """255 worlds gain about 1 and one gains 1,000: its spread alone is four times the mean. A lost thousand counts."""
    gains = 1.0 + np.random.default_rng(3).standard_normal(256)
    gains[7] = 1000.0
    assert Score.of(gains, gains).beats_anchor(1)
    gains[7] = -1000.0
    assert not Score.of(gains, gains).beats_anchor(1)
