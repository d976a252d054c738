"""A policy against its plan: the difference is found whatever the shares were, and daily looks mislead rarely."""

import numpy as np
import pytest

from xbopt.campaigns.books.events import Decided, PlanBytes
from xbopt.campaigns.rollout import CONFIDENCE, roll_out_figures

NO_DAYS = PlanBytes(0, (0, 0, 0, 0, 0), b"")


def decisions(
    random: np.random.Generator, shares: np.ndarray, *, gain: float, drift: float = 0.0
) -> tuple[list[Decided], dict[str, float]]:
    """Decisions in their order, and their rewards: the policy earns more by ``gain``, and all more by the day."""
    made, rewards = [], {}
    for n, share in enumerate(shares.tolist()):
        arm = "policy" if random.random() < share else "incumbent"
        made.append(Decided(decision=str(n), days=NO_DAYS, arm=arm, share=share))  # type: ignore[arg-type]
        rewards[str(n)] = 100.0 + drift * n + gain * (arm == "policy") + random.normal(0.0, 5.0)
    return made, rewards


def test_a_share_that_grows_with_the_season_misleads_nobody() -> None:
    """Rewards rise day by day, and so does the share: the plain means differ by the season, the scores do not."""
    random = np.random.default_rng(3)
    shares = np.repeat([0.05, 0.5, 0.9], 2000)
    made, rewards = decisions(random, shares, gain=0.0, drift=0.01)
    found = roll_out_figures(made, rewards, 0.9)
    assert found.mean["policy"] - found.mean["incumbent"] > 5.0
    assert found.low is not None
    assert found.high is not None
    assert found.low < 0.0 < found.high
    assert found.advice == "continue"


@pytest.mark.parametrize(("gain", "advice"), [(4.0, "raise"), (-4.0, "stop"), (0.0, "continue")])
def test_what_is_clearly_better_or_worse_is_found(gain: float, advice: str) -> None:
    made, rewards = decisions(np.random.default_rng(5), np.full(3000, 0.3), gain=gain)
    found = roll_out_figures(made, rewards, 0.3)
    assert found.advice == advice
    assert found.low is not None
    assert found.high is not None
    assert found.low < gain < found.high


def test_few_decisions_say_nothing() -> None:
    made, rewards = decisions(np.random.default_rng(5), np.full(40, 0.5), gain=50.0)
    found = roll_out_figures(made, rewards, 0.5)
    assert (found.low, found.high, found.difference, found.advice) == (None, None, None, "continue")
    # Five policy decisions in a hundred carry no interval, however many plan decisions stand beside them.
    made, rewards = decisions(np.random.default_rng(6), np.full(150, 0.03), gain=50.0)
    assert roll_out_figures(made, rewards, 0.03).low is None


def test_decisions_that_could_not_have_been_the_other_arm_do_not_count() -> None:
    made, rewards = decisions(np.random.default_rng(5), np.full(400, 1.0), gain=50.0)
    found = roll_out_figures(made, rewards, 1.0)
    assert found.units == 0
    assert (found.decisions["policy"], found.told["policy"], found.told["incumbent"]) == (400, 400, 0)
    assert np.isnan(found.mean["incumbent"])


def test_outcomes_that_wait_are_left_out() -> None:
    made, rewards = decisions(np.random.default_rng(5), np.full(600, 0.5), gain=4.0)
    known = {name: reward for name, reward in rewards.items() if int(name) % 2}
    found = roll_out_figures(made, known, 0.5)
    assert sum(found.told.values()) == 300
    assert found.units < 300


@pytest.mark.statistical
def test_looking_after_every_hundred_decisions_misleads_at_most_as_often_as_it_says() -> None:
    """False alarms over all looks together: at most 5 %; of 200 campaigns, 10 and 3 standard errors of 3.1."""
    random, alarms = np.random.default_rng(11), 0
    for _ in range(200):
        made, rewards = decisions(random, np.repeat([0.1, 0.5], [400, 600]), gain=0.0)
        looks = (roll_out_figures(made[:n], rewards, 0.5).advice for n in range(100, 1001, 100))
        alarms += any(advice != "continue" for advice in looks)
    assert alarms <= 200 * (1.0 - CONFIDENCE) + 3.0 * np.sqrt(200 * CONFIDENCE * (1.0 - CONFIDENCE))
