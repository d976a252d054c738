"""Hillstrom's randomised e-mail test: what each arm brings, and whether a learned segment policy brings more.

64,000 customers got, with a chance of 1/3 each, an e-mail with men's goods, one with women's goods, or none. The half
of the customers whose number is even teaches a policy for each reward; the other half judges it. The same data give the
same bytes.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from xbopt.core.arrays import FloatArray, IntArray
from xbopt.ope import LoggedBanditData, compare_policies, fit_reward_model
from xbopt.ope.logs.log_policy import load_rows
from xbopt.ope.logs.open_log import open_log
from xbopt.ope.logs.policies import named_policy
from xbopt.ope.results.estimates import Estimate

DEFAULT_DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
CONTEXT = "context=recency,context=history,context=mens,context=womens,context=zip_code,context=newbie,context=channel"
REWARDS = ("visit", "conversion", "spend")
NONE, MENS, WOMENS = "No E-Mail", "Mens E-Mail", "Womens E-Mail"
BY_HISTORY, BY_MODEL = "by purchase history", "by linear model"


@dataclass(frozen=True)
class Test:
    """The test with one of its rewards."""

    data: LoggedBanditData
    arms: tuple[str, ...]
    names: tuple[str, ...]


def read(data: Path, reward: str) -> Test:
    """The test as logged decisions, with a propensity of 1/3 by design."""
    columns = f"action=segment,reward={reward},{CONTEXT}"
    log = open_log(data / "hillstrom" / "hillstrom.csv.gz", columns=[columns], propensity=1 / 3)
    uniform = named_policy("uniform", log)
    assert uniform is not None
    rows, _ = load_rows(log, uniform)
    return Test(rows.data, log.action_labels, log.context_names)


def always(arm: str, test: Test, rows: int) -> FloatArray:
    """The policy of one arm for everybody ``(n, K)``."""
    return np.tile(np.eye(len(test.arms))[test.arms.index(arm)], (rows, 1))


def history_segment(context: FloatArray, names: tuple[str, ...]) -> IntArray:
    """Six segments: bought men's goods, women's, or both in the past year; new customer or not ``(n,)``."""
    mens, womens, new = (context[:, names.index(name)].astype(np.int64) for name in ("mens", "womens", "newbie"))
    return 2 * (mens + 2 * womens) + new


def best_by_segment(train: LoggedBanditData, held: LoggedBanditData, names: tuple[str, ...]) -> FloatArray:
    """In each segment the arm with the highest mean reward of the training half ``(n, K)``."""
    learned, asked = history_segment(train.context, names), history_segment(held.context, names)
    size = (int(max(learned.max(), asked.max())) + 1) * train.n_actions
    cell = learned * train.n_actions + train.action
    sums, counts = np.bincount(cell, weights=train.reward, minlength=size), np.bincount(cell, minlength=size)
    best = (sums / np.maximum(counts, 1)).reshape(-1, train.n_actions).argmax(axis=1)
    return np.eye(train.n_actions)[best[asked]]


def best_by_model(train: LoggedBanditData, held: LoggedBanditData) -> FloatArray:
    """The arm with the highest prediction of a linear model of the training half ``(n, K)``."""
    model = fit_reward_model("linear", train, seed=0)
    # The mean over the fits of all folds: none of them saw the held-out half.
    keys = [np.full(len(held), fold << 32, dtype=np.uint64) for fold in range(5)]
    predicted = np.mean([model.predict(held.context, key) for key in keys], axis=0)
    return np.eye(train.n_actions)[predicted.argmax(axis=1)]


def plain(estimate: Estimate) -> dict[str, float]:
    """An estimate with six significant digits."""
    return {name: float(f"{getattr(estimate, name):.6g}") for name in ("value", "se", "low", "high")}


def measure(data: Path, reward: str) -> dict[str, dict[str, dict[str, float]]]:
    """Arms on all customers; learned policies against the best arm on the held-out half."""
    test = read(data, reward)
    whole = compare_policies(test.data, {arm: always(arm, test, len(test.data)) for arm in test.arms})
    order = np.arange(len(test.data))
    train, held = test.data.rows(order[order % 2 == 0]), test.data.rows(order[order % 2 == 1])
    candidates = {
        BY_HISTORY: best_by_segment(train, held, test.names),
        BY_MODEL: best_by_model(train, held),
        MENS: always(MENS, test, len(held)),
    }
    learned = compare_policies(held, candidates)
    return {
        "arms": {arm: plain(whole.evaluations[arm].estimates["dr"]) for arm in test.arms},
        "worth": {
            name: {"ess": one.support.ess, "refused": float(one.verdict == "REFUSE")}
            for name, one in {**whole.evaluations, **learned.evaluations}.items()
        },
        "arm_differences": {
            f"{first} - {second}": plain(one)
            for (first, second), one in whole.differences.items()
            if "logging policy" not in (first, second)
        },
        "held_out": {name: plain(one.estimates["dr"]) for name, one in learned.evaluations.items()},
        "held_out_gain_over_mens": {
            first: plain(one) for (first, second), one in learned.differences.items() if second == MENS
        },
        "shares": {
            name: {arm: float(f"{candidates[name][:, i].mean():.4g}") for i, arm in enumerate(test.arms)}
            for name in (BY_HISTORY, BY_MODEL)
        },
    }


def measure_all(data: Path) -> dict[str, dict[str, dict[str, dict[str, float]]]]:
    """Every reward."""
    return {reward: measure(data, reward) for reward in REWARDS}


def interval(estimate: dict[str, float], digits: int) -> str:
    """``value (low to high)``."""
    value, low, high = (f"{estimate[name]:.{digits}f}" for name in ("value", "low", "high"))
    return f"{value} ({low} to {high})"


def tables(found: dict[str, dict[str, dict[str, dict[str, float]]]]) -> tuple[str, str]:
    """The figures as the two tables of docs/hillstrom.md."""
    digits = {"visit": 4, "conversion": 4, "spend": 2}
    lines = ["| everybody gets | visits | conversions | spend, USD |", "|---|---:|---:|---:|"]
    for arm in (NONE, WOMENS, MENS):
        cells = [interval(found[reward]["arms"][arm], digits[reward]) for reward in REWARDS]
        lines.append(f"| {arm} | {' | '.join(cells)} |")
    arms = "\n".join(lines)
    lines = ["| policy, learned on the other half | visits | conversions | spend, USD |", "|---|---:|---:|---:|"]
    for policy in (BY_HISTORY, BY_MODEL, MENS):
        cells = [interval(found[reward]["held_out"][policy], digits[reward]) for reward in REWARDS]
        lines.append(f"| {policy} | {' | '.join(cells)} |")
    for policy in (BY_HISTORY, BY_MODEL):
        cells = [interval(found[reward]["held_out_gain_over_mens"][policy], digits[reward]) for reward in REWARDS]
        lines.append(f"| {policy}, less {MENS} for everybody | {' | '.join(cells)} |")
    return arms, "\n".join(lines)
