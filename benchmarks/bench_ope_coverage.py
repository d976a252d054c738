"""How often intervals hold, and how wide they are, in worlds whose truth is known.

Run ``python -m benchmarks.bench_ope_coverage [--draws 2000] [--sequential-draws 200] [--jobs 1]``. Four worlds of 2000
rows and 10 actions (``tests/ope/worlds.py``), nominal 95 %. The peers are the plain textbook computations: Open Bandit
Pipeline installs on no current Python: percentile bootstrap of per-row scores for IPS, DM, DR, Switch-DR (threshold 10)
and shrinkage (lambda 100), with the same cross-fitted model; SNIPS with its denominator frozen; and the reference,
SNIPS with a bootstrap-t on the logit scale.

Bars: the recommended interval holds in 93 to 97.5 % on the first three worlds; on poor overlap it holds in 93 % of
answered logs; it is at most 1.05 times as wide as the reference (means of the same logs); at most 5 % of good logs are
refused. Sequential, 500 episodes: 93 % and width over value at most 0.13, 0.11, 0.10 for 7, 14, 28 days. Exit code 1
when a bar does not hold.
"""

# ruff: noqa: E402 - numeric libraries read the number of threads when they are first imported.
import os

for _name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[_name] = "1"

import sys
from functools import partial

import numpy as np

from benchmarks.bars import Bar, told, words_of
from tests.ope.worlds import KINDS, CampaignWorld, Kind, LoggedWorld
from xbopt.core.arrays import FloatArray
from xbopt.core.workers import over_parts
from xbopt.ope import LoggedBanditData, evaluate_policy, evaluate_sequential, fit_reward_model
from xbopt.ope.data.row_keys import row_keys
from xbopt.ope.estimators.bandit import ESTIMATORS
from xbopt.ope.intervals.bootstrap import draw_counts

ROWS, RESAMPLES, EPISODES = 2000, 1000, 500
REFERENCE = "reference: SNIPS logit bootstrap-t"
OURS, POOR = "ours: recommended", "poor overlap"
SEQUENTIAL_BARS = {7: 0.13, 14: 0.11, 28: 0.10}
BARS = (
    *(Bar(name=f"{kind}: holds", least=0.93, most=0.975) for kind in KINDS if kind != POOR),
    *(Bar(name=f"{kind}: width over reference", most=1.05) for kind in KINDS if kind != POOR),
    *(Bar(name=f"{kind}: answered", least=0.95) for kind in KINDS if kind != POOR),
    Bar(name=f"{POOR}: holds where answered", least=0.93),
    *(
        Bar(name=f"{steps} days, {name}: holds", least=0.93)
        for steps in SEQUENTIAL_BARS
        for name in ("dr", "recommended")
    ),
    *(
        Bar(name=f"{steps} days, {name}: width over value", most=most)
        for steps, most in SEQUENTIAL_BARS.items()
        for name in ("dr", "recommended")
    ),
)
Intervals = dict[str, tuple[float, float]]


def peers(data: LoggedBanditData, evaluation: FloatArray, predictions: FloatArray, seed: int) -> Intervals:
    """Textbook intervals of the same log."""
    taken = np.arange(len(data)), data.action
    assert data.propensity is not None
    weight = evaluation[taken] / data.propensity
    error = data.reward - predictions[taken]
    value = (evaluation * predictions).sum(axis=1)
    scores = {
        "peer: bootstrap IPS": weight * data.reward,
        "peer: bootstrap SNIPS, frozen denominator": weight * data.reward / weight.mean(),
        "peer: bootstrap DM": value,
        "peer: bootstrap DR": value + weight * error,
        "peer: bootstrap Switch-DR": value + weight * (weight <= 10.0) * error,
        "peer: bootstrap DR-shrinkage": value + 100.0 * weight / (weight**2 + 100.0) * error,
    }
    means = draw_counts(len(data), replicates=RESAMPLES, seed=seed) @ np.stack(list(scores.values())).T / len(data)
    low, high = np.quantile(means, [0.025, 0.975], axis=0)
    return {name: (float(low[i]), float(high[i])) for i, name in enumerate(scores)}


def one_log(kind: Kind, seed: int) -> tuple[str, Intervals]:
    """Verdict and all intervals of one log."""
    world = LoggedWorld(kind=kind)
    data, evaluation = world.draw(ROWS, np.random.default_rng(1_000_000 + seed))
    model = fit_reward_model("linear", data, seed=seed)
    predictions = model.predict(data.context, row_keys(ROWS, first_row=0, cluster=None, seed=seed))
    result = evaluate_policy(data, evaluation, seed=seed, reward_model=model, force=True)
    found = {f"ours: {name}": (e.low, e.high) for name, e in result.estimates.items()}
    assert result.recommended is not None
    found["ours: recommended"] = found[f"ours: {result.recommended}"]
    logit = evaluate_policy(data, evaluation, seed=seed, reward_model=None, interval="bootstrap-t", force=True)
    found[REFERENCE] = (logit.estimates["snips"].low, logit.estimates["snips"].high)
    return result.verdict, found | peers(data, evaluation, predictions, seed)


def one_campaign(steps: int, seed: int) -> tuple[str, str, Intervals]:
    """Verdict, recommendation and intervals of one log of episodes."""
    log, evaluation = CampaignWorld().draw(EPISODES, steps, np.random.default_rng(seed))
    result = evaluate_sequential(log, evaluation, seed=seed, force=True)
    assert result.recommended is not None
    return result.verdict, result.recommended, {name: (e.low, e.high) for name, e in result.estimates.items()}


def report_bandits(kind: Kind, draws: int, jobs: int) -> dict[str, float]:
    """Print one world's table; its figures that have a bar."""
    truth = LoggedWorld(kind=kind).truth()
    logs = list(over_parts(partial(one_log, kind), range(draws), workers=jobs))
    answered = np.array([verdict != "REFUSE" for verdict, _ in logs])
    print(f"\n{kind}: {draws} logs, truth {truth:.5f}, refused {1 - answered.mean():.1%}")
    print(f"{'interval':44} {'holds':>7} {'answered':>9} {'width':>8} {'/ reference':>12}")
    ends = {name: np.array([found[name] for _, found in logs]) for name in logs[0][1]}
    reference = float(np.diff(ends[REFERENCE], axis=1).mean())
    shares: dict[str, float] = {}
    ratios: dict[str, float] = {}
    for name, pair in ends.items():
        held = (pair[:, 0] <= truth) & (truth <= pair[:, 1])
        shares[name] = float(held[answered].mean()) if answered.any() else float("nan")
        ratios[name] = float(np.diff(pair, axis=1).mean()) / reference
        print(f"{name:44} {held.mean():7.3f} {shares[name]:9.3f} {ratios[name] * reference:8.4f} {ratios[name]:12.3f}")
    if kind == POOR:
        return {f"{kind}: holds where answered": shares[OURS]} if answered.any() else {}
    return {
        f"{kind}: holds": shares[OURS],
        f"{kind}: width over reference": ratios[OURS],
        f"{kind}: answered": float(answered.mean()),
    }


def report_campaigns(steps: int, draws: int, jobs: int) -> dict[str, float]:
    """Print the table of one horizon; its figures that have a bar."""
    truth = CampaignWorld().truth(steps)
    logs = list(over_parts(partial(one_campaign, steps), range(draws), workers=jobs))
    verdicts = {word: sum(verdict == word for verdict, _, _ in logs) for word in ("ANSWER", "CAUTION", "REFUSE")}
    print(f"\n{steps} days: {draws} logs of {EPISODES} episodes, truth {truth:.3f}, verdicts {verdicts}")
    print(f"{'interval':44} {'holds':>7} {'width / value':>14}")
    ends = {name: np.array([found[name] for _, _, found in logs]) for name in logs[0][2]}
    ends["recommended"] = np.array([found[name] for _, name, found in logs])
    shares, widths = {}, {}
    for name, pair in ends.items():
        shares[name] = float(((pair[:, 0] <= truth) & (truth <= pair[:, 1])).mean())
        widths[name] = float(np.diff(pair, axis=1).mean()) / truth
        print(f"{name:44} {shares[name]:7.3f} {widths[name]:14.4f}")
    asked = ("dr", "recommended")
    return {f"{steps} days, {name}: holds": shares[name] for name in asked} | {
        f"{steps} days, {name}: width over value": widths[name] for name in asked
    }


def main() -> int:
    parser = words_of(__doc__)
    parser.add_argument("--draws", type=int, default=400)
    parser.add_argument("--sequential-draws", type=int, default=60)
    parser.add_argument("--jobs", type=int, default=1)
    options = parser.parse_args()
    draws, sequential, jobs = (2, 1, 1) if options.tiny else (options.draws, options.sequential_draws, options.jobs)
    figures = dict[str, float]()
    for kind in KINDS:
        figures |= report_bandits(kind, draws, jobs)
    for steps in [7] if options.tiny else SEQUENTIAL_BARS:
        figures |= report_campaigns(steps, sequential, jobs)
    print(f"estimators: {', '.join(ESTIMATORS)}")
    return told(__file__, BARS, figures, tiny=options.tiny)


if __name__ == "__main__":
    sys.exit(main())
