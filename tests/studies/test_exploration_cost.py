"""Exploration costs what paired worlds say; a share of 0 costs nothing, because it is the policy."""

from dataclasses import fields, replace

import numpy as np
import pytest

import xbopt
from xbopt.agents.exploration import over_the_menu
from xbopt.agents.factored_direct import FactoredDirect
from xbopt.agents.policies import built_in_policy, policy_from
from xbopt.agents.training import train
from xbopt.core.errors import ExplorationCostError, UsageError
from xbopt.core.scenario.plan_table import write_plan
from xbopt.simulator.build import build_market
from xbopt.studies import exploration_cost
from xbopt.studies.exploration_cost import ExplorationCost, cost_of_exploration, largest_within, paired_cost
from xbopt.studies.totals import Totals

KINDS = ("baseline", "mine.csv", "replan", "bandit", "ppo tactics", "ppo continuous")


@pytest.fixture(scope="module")
def market():
    deal = ["plan.discounts[0].start=2026-10-06", "plan.discounts[0].end=2026-10-08"]
    return build_market(xbopt.load_scenario("quickstart", overrides=["horizon.days=14", *deal]))


@pytest.fixture(scope="module")
def policies(market, tmp_path_factory):
    """One policy of every kind."""
    from xbopt.agents.ppo.policy import as_policy, build_parts
    from xbopt.agents.ppo.settings import PpoSettings

    folder, plan = tmp_path_factory.mktemp("kinds"), built_in_policy("calendar", market)
    write_plan(plan, market.scenario, folder / "mine.csv")
    train(market.scenario, "lin_ucb", folder / "bandit", steps=100, seed=5, plan="baseline", options={"test_worlds": 0})
    made = {name: policy_from(name, market) for name in ("baseline", "replan")}
    made |= {name: policy_from(str(folder / name), market) for name in ("mine.csv", "bandit")}
    for encoding in ("tactics", "continuous"):
        made[f"ppo {encoding}"] = as_policy(build_parts(market, plan, replace(PpoSettings(), encoding=encoding)))
    return made


@pytest.mark.parametrize("kind", KINDS)
def test_without_exploration_a_policy_is_itself_to_the_last_bit(kind, market, policies, tmp_path):
    """Every figure of every world, with a log as without."""
    itself = xbopt.simulate(market, policies[kind], runs=2, seed=4)
    logged = xbopt.simulate(market, policies[kind], runs=2, seed=4, exploration=0.0, log=tmp_path / "log.parquet")
    for field in fields(Totals):
        ours, theirs = getattr(logged.totals, field.name), getattr(itself.totals, field.name)
        if isinstance(ours, np.ndarray):
            np.testing.assert_array_equal(ours, theirs, err_msg=field.name)
    assert logged.kpis == itself.kpis
    assert logged.exploration_cost is None
    columns = xbopt.read_decision_log(tmp_path / "log.parquet").columns
    assert (columns.propensity == 1.0).all()
    # Two decisions of a week each: their costs are all that was spent.
    assert columns.cost.sum() == pytest.approx(itself.kpis["media_spend"].mean * 2)


def test_the_cost_is_the_difference_of_margins_in_the_same_worlds(market, tmp_path):
    told = []
    explored = xbopt.simulate(market, runs=5, seed=4, exploration=0.5, log=tmp_path / "log", on_cost=told.append)
    lost = xbopt.simulate(market, runs=5, seed=4).margins - explored.margins
    cost = explored.exploration_cost
    assert told == [cost]
    assert (cost.share, cost.worlds, cost.currency) == (0.5, 5, "EUR")
    assert cost.cost_base == pytest.approx(lost.mean())
    # Student's t with 4 degrees of freedom reaches 2.776 standard errors.
    assert cost.high_base - cost.cost_base == pytest.approx(2.776 * lost.std(ddof=1) / 5**0.5, rel=1e-3)
    assert f"A share of 0.5 costs about {lost.mean():,.0f} EUR" in cost.sentence


def test_the_cost_of_any_policy_in_place_of_itself_is_nothing(market, policies):
    policy = policies["replan"]
    cost = paired_cost(market, policy, policy, 0.0, worlds=np.arange(2), seed=1)
    assert (cost.cost_base, cost.low_base, cost.high_base) == (0.0, 0.0, 0.0)


def linear(share, *, slope=1000.0, reach=0.0, margin=1000.0):
    """A cost in proportion to the share."""
    return ExplorationCost(
        share=share,
        worlds=32,
        cost_base=slope * share,
        low_base=slope * share - reach,
        high_base=slope * share + reach,
        margin_base=margin,
        currency="EUR",
    )


def test_the_largest_share_within_the_bound_is_found_to_a_tenth():
    # A tenth of 1000 is kept up to a share of 0.1; with 40 of doubt, up to 0.06. Steps of 1000^(1/64) = 1.11, and two
    # digits, of 1.1 at most.
    assert 0.1 / 1.24 < largest_within(linear, 0.1).share <= 0.1
    assert 0.06 / 1.24 < largest_within(lambda share: linear(share, reach=40.0), 0.1).share <= 0.06
    assert largest_within(lambda share: linear(share, slope=10.0), 0.1).share == 1.0
    assert largest_within(lambda share: linear(share, slope=10.0), 0.1, most=2.0 / 3.0).share == 0.66


def test_a_bound_that_no_share_keeps_is_refused():
    with pytest.raises(ExplorationCostError, match=r"A share of 0\.001 costs .*No share was found"):
        largest_within(lambda share: linear(share, reach=500.0), 0.1)
    with pytest.raises(ExplorationCostError, match="loses money"):
        largest_within(lambda share: linear(share, margin=-5.0), 0.1)


def test_a_share_that_costs_more_than_the_bound_is_refused(market, policies, tmp_path):
    with pytest.raises(ExplorationCostError, match=r"A share of 1 costs about .* more than 0\.001 of the margin"):
        xbopt.simulate(market, policies["replan"], exploration=1.0, exploration_cost=0.001, log=tmp_path / "log")
    assert not list(tmp_path.iterdir())
    with pytest.raises(UsageError, match="above 0 and up to 1"):
        cost_of_exploration(market, None, None, share=0.1, bound_frac=2.0)


def test_a_given_share_keeps_the_bound_by_the_rule_of_the_search(market, policies, monkeypatch):
    """The mean of 50 is within a tenth of 1000, the upper end of 130 is not."""
    monkeypatch.setattr(exploration_cost, "paired_cost", lambda *_, **__: linear(0.05, reach=80.0))
    asked = {"own": policies["replan"], "explored": lambda _: policies["replan"], "share": 0.05}
    with pytest.raises(ExplorationCostError, match=r"The upper end is more than 0\.1 of the margin"):
        cost_of_exploration(market, **asked, bound_frac=0.1)
    assert cost_of_exploration(market, **asked, bound_frac=0.2).cost_base == 50.0


def test_what_brings_more_has_no_cost_that_can_be_told():
    assert linear(0.2, slope=-95.0, reach=60.0).sentence == (
        "No cost of a share of 0.2 can be told: it brought 19 EUR more (32 worlds, 95% of the cost -79 to 41)."
    )
    assert linear(0.0).sentence == "A share of 0 costs about 0 EUR, 0.0% of the margin (32 worlds, 95% 0 to 0)."


def test_a_named_policy_costs_what_it_explores_by():
    """A notch by factor is told as a notch, not as a tactic of the menu."""
    market = build_market(xbopt.load_scenario("quickstart"))
    direct = policy_from("calendar", market)
    worlds = np.arange(exploration_cost.TOLD_WORLDS)
    notched = FactoredDirect.of(direct, market)
    for by_factors, exploring in ((False, over_the_menu(direct, market.scenario, 0.3)), (True, notched.exploring(0.3))):
        told = exploration_cost.cost_of_named("calendar", "quickstart", 0.3, by_factors=by_factors)
        assert told == paired_cost(market, direct, exploring, 0.3, worlds=worlds, seed=0)


def test_a_bound_alone_chooses_the_share(market, policies):
    result = xbopt.simulate(market, policies["replan"], runs=2, exploration_cost=0.05)
    cost = result.exploration_cost
    assert result.policy == f"replan+explore{cost.share:g}"
    assert cost.high_base <= 0.05 * cost.margin_base
    assert cost.worlds == 32
    assert "largest share found" in cost.sentence
    assert not cost.is_remarkable
