"""Bandits against MABWiser, contextualbandits and VowpalWabbit: decisions and updates, one row and many at a time.

Run ``OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 python -m benchmarks.bench_bandits``: 32 features, 50 actions, one
thread, processor time, the median of rounds in which everybody takes turns. Each library runs its nearest relative:
LinUCB against LinUCB, SquareCB against SquareCB.
The peers' single decisions do not even state a propensity; VowpalWabbit's do. Only ratios compare between machines.
"""

import os
import statistics
import sys
import time
import warnings
from collections.abc import Callable

import numpy as np
from contextualbandits.online import LinUCB as PeerLinUcb
from mabwiser.mab import MAB, LearningPolicy
from scipy.special import ndtr
from vowpalwabbit import Workspace

from benchmarks.bars import Bar, told, words_of
from xbopt.agents import LinThompson, LinUcb, SquareCb
from xbopt.core.randomness import named_generator

FEATURES, ACTIONS, BATCH = 32, 50, 1000
ONE, MANY, LEARN_ONE, LEARN_MANY = "decide one row", "decide 1,000 rows", "update one row", "update 1,000 rows"
MABWISER, CONTEXTUAL, VW = "MABWiser LinUCB", "contextualbandits", "VW squarecb, parsed"
EXACT, DRAWN = ("exact, after 20,000 rows", "exact, after 500 rows"), "10,000 Monte-Carlo draws"
BARS = (
    Bar(name=f"{ONE}: LinUcb over {MABWISER}", least=80.0),
    Bar(name=f"{ONE}: LinUcb over {VW}", least=8.0),
    Bar(name=f"{ONE}: SquareCb over {VW}", least=8.0),
    Bar(name=f"{ONE}: LinThompson over {VW}", least=8.0),
    Bar(name=f"{MANY}: LinUcb over {CONTEXTUAL}", least=1.5),
    Bar(name=f"{MANY}: LinThompson over {CONTEXTUAL}", least=1.5),
    Bar(name=f"{LEARN_ONE}: LinUcb over {MABWISER}", least=200.0),
    Bar(name=f"{LEARN_ONE}: LinUcb over {CONTEXTUAL}", least=12.0),
    Bar(name=f"{LEARN_MANY}: LinUcb over {MABWISER}"),
    Bar(name=f"{LEARN_MANY}: LinUcb over {CONTEXTUAL}"),
    *(Bar(name=f"Thompson propensities: {exact} over {DRAWN}", least=100.0) for exact in EXACT),
    Bar(name="largest error of a propensity", most=1e-8),
)

Run = Callable[[], int]


def rows_per_second(runs: dict[str, Run], rounds: int) -> dict[str, float]:
    """Median rows a processor second of each run; all take turns in every round, after one round to warm up."""
    for run in runs.values():
        run()
    found: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(rounds):
        for name, run in runs.items():
            start = time.process_time_ns()
            rows = run()
            found[name].append(rows / max(time.process_time_ns() - start, 1) * 1e9)
    return {name: statistics.median(values) for name, values in found.items()}


def vw_lines(context: np.ndarray, labelled: tuple[int, float, float] | None = None) -> list[str]:
    shared = "shared |S " + " ".join(f"f{i}:{x:.6f}" for i, x in enumerate(context))
    lines = [shared]
    for k in range(ACTIONS):
        label = f"0:{-labelled[1]:.6f}:{labelled[2]:.6f} " if labelled is not None and labelled[0] == k else ""
        lines.append(f"{label}|A a{k}")
    return lines


def table(title: str, speeds: dict[str, float], ours: list[str]) -> dict[str, float]:
    """Print speeds and ratios; the ratios that have a bar, by its name."""
    print(f"\n{title}")
    peers = [name for name in speeds if name not in ours]
    print(f"  {'rows a processor second':<34}{'':>12}" + "".join(f"{peer:>22}" for peer in peers))
    for name in ours:
        ratios = "".join(f"{speeds[name] / speeds[peer]:>21.1f}x" for peer in peers)
        print(f"  {name:<34}{speeds[name]:>12,.0f}{ratios}")
    for name in peers:
        print(f"  {name:<34}{speeds[name]:>12,.0f}")
    wanted = {bar.name for bar in BARS}
    ratios = {f"{title}: {name} over {peer}": speeds[name] / speeds[peer] for name in ours for peer in peers}
    return {name: ratio for name, ratio in ratios.items() if name in wanted}


def main() -> int:
    tiny = words_of(__doc__).parse_args().tiny
    # Rows that the models have seen, rounds, and calls of a round: of ours, of numpy's loops, of the peers.
    rows, rounds, own, plain, slow = (2000, 1, 20, 5, 3) if tiny else (20_000, 7, 2000, 300, 60)
    if os.environ.get("OPENBLAS_NUM_THREADS") != "1":
        print("OPENBLAS_NUM_THREADS is not 1: processor time then adds up several threads of the peers")
    warnings.simplefilter("ignore")  # the peers' own
    rng = named_generator(0, "bench_bandits")
    context = rng.normal(size=(rows, FEATURES)) / np.sqrt(FEATURES)
    action = rng.integers(ACTIONS, size=rows)
    lines = rng.normal(size=(ACTIONS, FEATURES))
    reward = (context * lines[action]).sum(axis=1) + 0.1 * rng.normal(size=rows)
    ones = [context[i : i + 1] for i in range(2000)]
    acts, gains = [action[i : i + 1] for i in range(2000)], [reward[i : i + 1] for i in range(2000)]
    batch, batch_acts, batch_gains = context[:BATCH], action[:BATCH], reward[:BATCH]

    bandits = {
        "LinUcb": LinUcb(n_actions=ACTIONS, n_features=FEATURES),
        "SquareCb": SquareCb(n_actions=ACTIONS, n_features=FEATURES),
        "LinThompson": LinThompson(n_actions=ACTIONS, n_features=FEATURES, spread=0.1),
        "LinUcb, numpy only": LinUcb(n_actions=ACTIONS, n_features=FEATURES, engine="plain"),
    }
    mab = MAB(arms=list(range(ACTIONS)), learning_policy=LearningPolicy.LinUCB(alpha=1.0))
    peer = PeerLinUcb(ACTIONS, alpha=1.0, lambda_=1.0, fit_intercept=False, random_state=1)
    vw = Workspace("--cb_explore_adf --squarecb -q SA --quiet --random_seed 1")
    for bandit in bandits.values():
        bandit.update(context, action, reward)
    mab.fit(action, reward, context)
    peer.fit(context, action, np.clip(reward, 0.0, 1.0))
    unlabelled = [vw.parse(vw_lines(context[i])) for i in range(200)]
    labelled = [vw.parse(vw_lines(context[i], (int(action[i]), float(reward[i]), 0.02))) for i in range(200)]
    draws = named_generator(1, "bench_bandits draws")

    def every(run: Callable[[int], object], calls: int) -> Run:
        def go() -> int:
            for i in range(calls):
                run(i)
            return calls

        return go

    def whole(run: Callable[[], object]) -> Run:
        def go() -> int:
            run()
            return BATCH

        return go

    ours = list(bandits)
    single: dict[str, Run] = {
        name: every(lambda i, b=b: b.act_with_propensity(ones[i], draws), plain if "numpy" in name else own)
        for name, b in bandits.items()
    }
    single[MABWISER] = every(lambda i: mab.predict(ones[i]), slow)
    single[CONTEXTUAL] = every(lambda i: peer.predict(ones[i]), slow)
    single[VW] = every(lambda i: vw.predict(unlabelled[i]), 200)
    figures = table(ONE, rows_per_second(single, rounds), ours)

    many: dict[str, Run] = {name: whole(lambda b=b: b.act_with_propensity(batch, draws)) for name, b in bandits.items()}
    many["LinThompson, sampled"] = whole(lambda: bandits["LinThompson"].act(batch, draws))
    many[MABWISER] = whole(lambda: mab.predict(batch))
    many[CONTEXTUAL] = whole(lambda: peer.predict(batch))
    figures |= table(MANY, rows_per_second(many, rounds), [*ours, "LinThompson, sampled"])

    learn_one: dict[str, Run] = {
        name: every(lambda i, b=b: b.update(ones[i], acts[i], gains[i]), plain if "numpy" in name else own)
        for name, b in bandits.items()
    }
    learn_one[MABWISER] = every(lambda i: mab.partial_fit(acts[i], gains[i], ones[i]), slow // 2)
    learn_one[CONTEXTUAL] = every(lambda i: peer.partial_fit(ones[i], acts[i], np.clip(gains[i], 0, 1)), slow)
    learn_one[VW] = every(lambda i: vw.learn(labelled[i]), 200)
    figures |= table(LEARN_ONE, rows_per_second(learn_one, rounds), ours)

    learn_many: dict[str, Run] = {
        name: whole(lambda b=b: b.update(batch, batch_acts, batch_gains)) for name, b in bandits.items()
    }
    learn_many[MABWISER] = whole(lambda: mab.partial_fit(batch_acts, batch_gains, batch))
    learn_many[CONTEXTUAL] = whole(lambda: peer.partial_fit(batch, batch_acts, np.clip(batch_gains, 0.0, 1.0)))
    figures |= table(LEARN_MANY, rows_per_second(learn_many, rounds), ours)
    figures |= thompson_propensities(bandits["LinThompson"], context[: 10 if tiny else 200], context[:500], rounds)
    return told(__file__, BARS, figures, tiny=tiny)


def thompson_propensities(bandit: LinThompson, context: np.ndarray, first: np.ndarray, rounds: int) -> dict[str, float]:
    """Exact propensities against 10,000 Monte-Carlo draws of all scores, and the error against a fine grid."""
    mean = bandit.models.means(context)
    sd = 0.1 * np.sqrt(bandit.models.variances(context))
    generator = named_generator(2, "bench_bandits monte carlo")
    fresh = LinThompson(n_actions=ACTIONS, n_features=FEATURES)
    fresh.update(first, np.arange(500) % ACTIONS, np.zeros(500))

    def monte_carlo() -> int:
        for i in range(5):
            best = np.argmax(mean[i] + sd[i] * generator.standard_normal((10_000, ACTIONS)), axis=1)
            np.bincount(best, minlength=ACTIONS)
        return 5

    def exact(b: LinThompson) -> Run:
        def go() -> int:
            for i in range(len(context)):
                b.probabilities(context[i : i + 1])
            return len(context)

        return go

    runs = {EXACT[0]: exact(bandit), EXACT[1]: exact(fresh), DRAWN: monte_carlo}
    figures = table("Thompson propensities", rows_per_second(runs, rounds), [*EXACT])
    found = bandit.probabilities(context)
    worst = 0.0
    for i in range(len(context)):
        step = 0.05 * sd[i].min()
        grid = np.arange((mean[i] - 8.5 * sd[i]).max(), (mean[i] + 8.5 * sd[i]).max(), step)
        t = (grid[:, None] - mean[i]) / sd[i]
        below = ndtr(t)
        density = np.exp(-0.5 * t * t) / np.sqrt(2.0 * np.pi) / sd[i]
        others = np.stack([np.delete(below, a, axis=1).prod(axis=1) for a in range(ACTIONS)], axis=1)
        worst = max(worst, float(np.abs(step * (density * others).sum(axis=0) - found[i]).max()))
    return figures | {"largest error of a propensity": worst}


if __name__ == "__main__":
    sys.exit(main())
