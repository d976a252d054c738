"""Policies on common random numbers: what is the same is the same, and the yardsticks stand where they should."""

from dataclasses import replace

import numpy as np
import pytest

import xbopt
from xbopt.agents.planner.conflicts import InfeasiblePlanError
from xbopt.agents.policies import NAMES, built_in_policy
from xbopt.core.errors import PolicyError, UsageError
from xbopt.core.scenario.loading import load_scenario
from xbopt.core.scenario.plan_table import write_plan
from xbopt.simulator.build import build_market
from xbopt.studies import simulate as simulation
from xbopt.studies.compare import MEASURES

SHORT = ["horizon.days=8", "plan.discounts[0].start=2026-10-06", "plan.discounts[0].end=2026-10-08"]


@pytest.fixture(scope="module")
def scenario():
    return load_scenario("quickstart", overrides=SHORT)


@pytest.fixture(scope="module")
def compared(scenario):
    return xbopt.compare(scenario, ["baseline", "greedy_roas", "baseline"], runs=12, seed=5, oracle_worlds=4)


def named(result, name):
    return next(policy for policy in result.policies if policy.name == name)


def test_all_built_in_policies_take_part_after_those_asked_for(compared):
    names = [policy.name for policy in compared.policies]
    assert names[:3] == ["baseline", "greedy_roas", "baseline (2)"]
    assert set(NAMES) <= set(names)
    assert len(names) == len(set(names))
    assert [policy.asked_for for policy in compared.policies] == [True] * 3 + [False] * (len(names) - 3)


def test_identical_policies_differ_by_exactly_nothing(compared):
    twin = named(compared, "baseline (2)")
    for measure in MEASURES:
        assert (twin.difference[measure].mean, twin.difference[measure].se) == (0.0, 0.0)
        assert twin.difference[measure].beats == 0.5
        assert twin.difference[measure].verdict == "not shown"


def test_gap_closed_is_nothing_for_the_uniform_plan_and_all_for_the_oracle(compared, monkeypatch):
    uniform = named(compared, "uniform").gap_closed
    assert [uniform[measure].value for measure in MEASURES] == [0.0, 0.0]
    # A policy that earns what the oracle earns closes the whole gap.
    from xbopt.studies.compare import _gap_closed

    oracle = compared.oracle
    lower = named(compared, "uniform").values
    whole = _gap_closed(oracle.values, lower, oracle, 0.95)
    assert [whole[measure].value for measure in MEASURES] == [1.0, 1.0]
    assert [whole[measure].se for measure in MEASURES] == [0.0, 0.0]


def test_gap_closed_follows_from_the_means(compared):
    oracle, count = compared.oracle, compared.oracle.worlds
    assert count == 4
    for policy in compared.policies:
        for measure in MEASURES:
            low = named(compared, "uniform").values[measure][:count].mean()
            wanted = (policy.values[measure][:count].mean() - low) / (oracle.values[measure].mean() - low)
            assert policy.gap_closed[measure].value == pytest.approx(wanted, abs=1e-12)


def test_the_oracle_is_ahead_of_the_planner_in_what_it_plans_for(compared):
    planner = named(compared, "planner").values["reward"][: compared.oracle.worlds]
    assert compared.oracle.values["reward"].mean() > planner.mean()


def test_the_batch_changes_nothing(scenario, compared, monkeypatch):
    monkeypatch.setattr(simulation, "CHUNK_WORLDS", 5)
    again = xbopt.compare(scenario, ["baseline", "greedy_roas", "baseline"], runs=12, seed=5, oracle_worlds=4)
    for old, new in zip(compared.policies, again.policies, strict=True):
        assert old.difference == new.difference, old.name
        assert old.gap_closed == new.gap_closed, old.name
        for measure in MEASURES:
            assert old.values[measure].tobytes() == new.values[measure].tobytes(), (old.name, measure)


def test_the_first_worlds_of_many_are_the_worlds_of_few(scenario, compared):
    few = xbopt.compare(scenario, ["baseline"], runs=6, seed=5, oracle_worlds=2)
    for name in ("baseline", "planner", "uniform"):
        assert np.array_equal(named(few, name).values["reward"], named(compared, name).values["reward"][:6])
    assert np.array_equal(few.oracle.values["reward"], compared.oracle.values["reward"][:2])


def test_a_plan_file_plays_as_the_plan_does(scenario, tmp_path):
    write_plan(built_in_policy("greedy_roas", build_market(scenario)), scenario, tmp_path / "mine.csv")
    result = xbopt.compare(scenario, ["greedy_roas", str(tmp_path / "mine.csv")], runs=4, oracle_worlds=0)
    assert result.policies[1].name == "mine.csv"
    assert result.policies[1].difference["reward"].mean == 0.0


def test_a_policy_object_that_borrows_a_built_in_name(scenario):
    market = build_market(scenario)
    odd = replace(built_in_policy("baseline", market), name="uniform")
    result = xbopt.compare(scenario, [odd], runs=4, oracle_worlds=1)
    assert result.policies[0].name == "uniform"
    assert named(result, "uniform (2)").gap_closed["reward"].value == 0.0
    assert result.policies[0].gap_closed["reward"].value != 0.0


def test_shares_of_worlds_add_up_to_one(compared):
    beats = compared.beats("contribution_margin")
    assert beats + beats.T == pytest.approx(np.ones_like(beats))
    assert np.array_equal(beats[:, 0], [p.difference["contribution_margin"].beats for p in compared.policies])


def test_without_an_oracle_nothing_is_said_about_the_gap(scenario):
    result = xbopt.compare(scenario, ["uniform"], runs=3, oracle_worlds=0)
    assert result.oracle is None
    assert all(policy.gap_closed is None for policy in result.policies)
    assert any("oracle" in note for note in result.notes)


def test_a_certain_market_is_told(scenario):
    certain = load_scenario("quickstart", overrides=[*SHORT, "uncertainty={}"])
    notes = xbopt.compare(certain, ["uniform"], runs=3, oracle_worlds=1).notes
    assert any("no uncertain parameters" in note for note in notes)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"runs": 1}, "at least 2 worlds"),
        ({"oracle_worlds": -1}, "0 to 256"),
        ({"oracle_worlds": 257}, "0 to 256"),
        ({"confidence": 1.0}, "between 0 and 1"),
    ],
)
def test_numbers_that_make_no_sense(options, words, scenario):
    with pytest.raises(UsageError, match=words):
        xbopt.compare(scenario, ["uniform"], **options)


def test_policies_that_are_none(scenario):
    with pytest.raises(UsageError, match="at least one policy"):
        xbopt.compare(scenario, [])
    with pytest.raises(PolicyError, match="Did you mean 'planner'"):
        xbopt.compare(scenario, ["plannner"], runs=2)


def test_progress_counts_up_to_the_end(scenario):
    seen = []
    xbopt.compare(scenario, ["uniform"], runs=3, oracle_worlds=1, on_progress=lambda *step: seen.append(step))
    assert seen[-1] == ("oracle plans", 1, 1)
    worlds = [step for step in seen if step[2] == 3 * len(NAMES)]
    assert [done for _, done, _ in worlds] == sorted(done for _, done, _ in worlds)
    assert worlds[-1][1] == 3 * len(NAMES)


def test_a_world_that_cannot_keep_the_floor_ends_no_comparison(monkeypatch):
    """Some worlds bring less than the average market, for which the floor can be kept."""
    from xbopt.agents.planner import oracle

    real, refused = oracle.keep_return_floor, []

    def refuse_first(*args):
        if not refused:
            refused.append(True)
            raise InfeasiblePlanError(("roi_floor", "minimums and locks"), "Lower budget.roi_floor to 1.")
        return real(*args)

    monkeypatch.setattr(oracle, "keep_return_floor", refuse_first)
    scenario = load_scenario("quickstart", overrides=["horizon.days=8", "plan.discounts=[]", "budget.roi_floor=0.01"])
    result = xbopt.compare(scenario, ["uniform"], runs=2, oracle_worlds=2)
    assert result.oracle.below_floor == 1
    assert any("In 1 of 2 worlds no plan keeps budget.roi_floor" in note for note in result.notes)


def test_a_shipped_name_and_a_single_policy_are_enough() -> None:
    result = xbopt.compare("quickstart", "uniform", runs=2, oracle_worlds=0)
    assert result.first.name == "uniform"
    assert len(repr(result)) < 1_000
