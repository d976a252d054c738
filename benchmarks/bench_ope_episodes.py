"""Whole episodes whose truth is known: what is said where the state hides the past, and where it holds it.

Run ``python -m benchmarks.bench_ope_episodes [--logs 200] [--jobs 2]``. A market with three actions: mail builds up a
stock that sells later, a discount borrows from the days after it. The log draws evenly; the policy prefers discounts.

Bars: at most 6 % of logs are answered and missed; where the state hides a strong memory, at most 6 % lean on the state
with a caution and miss; a state that holds the past is refused by the test of the state in at most 2 %. Exit code 1
when a bar does not hold.
"""

# ruff: noqa: E402 - numeric libraries read the number of threads when they are first imported.
import os

for _name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[_name] = "1"

import sys
from collections import Counter
from dataclasses import dataclass
from functools import cache, partial

import numpy as np

from benchmarks.bars import Bar, told, words_of
from xbopt.core.arrays import FloatArray
from xbopt.core.workers import over_parts
from xbopt.ope import LoggedEpisodes, evaluate_sequential

POLICIES = {"close": (0.25, 0.3, 0.45), "far": (0.1, 0.2, 0.7)}
MISSED, LEANED, STOPPED = (
    Bar(name="answered and missed, largest share of a world", most=0.06),
    Bar(name="leaned on a state that hides a strong memory and missed, largest share", most=0.06),
    Bar(name="states that hold the past refused, largest share", most=0.02),
)
STRONG = 0.5  # a memory that the test of the state has to see


@dataclass(frozen=True, slots=True, kw_only=True)
class EpisodeWorld:
    """A market that remembers.

    Attributes:
        episodes: Episodes in a log.
        steps: Steps of an episode.
        policy: Key of ``POLICIES``.
        memory: Strength of stock and debt; 0 for none.
        hidden: Whether the state leaves them out.
    """

    episodes: int
    steps: int
    policy: str
    memory: float
    hidden: bool

    def play(self, random: np.random.Generator, episodes: int, chances: FloatArray) -> tuple[FloatArray, ...]:
        """States ``(n, T, 3)``, actions and rewards ``(n, T)`` under fixed chances ``(3,)``."""
        stock, debt = np.zeros(episodes), np.zeros(episodes)
        taste = random.normal(0.0, 0.5, episodes)
        state = np.zeros((episodes, self.steps, 3))
        action, reward = (np.zeros((episodes, self.steps)) for _ in range(2))
        for step in range(self.steps):
            state[:, step] = np.stack([taste, stock, debt], axis=1)
            taken = random.choice(3, episodes, p=chances)
            moved = self.memory * (stock - debt)
            reward[:, step] = 1.0 + 0.5 * taste + moved + np.array([0.0, 0.3, 0.8])[taken]
            reward[:, step] += random.normal(size=episodes)
            action[:, step] = taken
            stock = 0.6 * stock + 0.4 * (taken == 1)
            debt = 0.6 * debt + 0.6 * (taken == 2)
        return state, action, reward

    def log(self, random: np.random.Generator) -> tuple[LoggedEpisodes, FloatArray]:
        """A log, and the policy's probabilities ``(n, T, 3)``."""
        state, action, reward = self.play(random, self.episodes, np.full(3, 1.0 / 3.0))
        episodes = LoggedEpisodes(
            state=state[:, :, :1] if self.hidden else state,
            action=action.astype(np.int64),
            reward=reward,
            propensity=np.full(action.shape, 1.0 / 3.0),
            n_actions=3,
        )
        return episodes, np.tile(np.array(POLICIES[self.policy]), (*action.shape, 1))


@cache
def truth(world: EpisodeWorld) -> float:
    """Value of an episode under the policy, from many of them."""
    return float(world.play(np.random.default_rng(1), 200_000, np.array(POLICIES[world.policy]))[2].sum(axis=1).mean())


def one_log(world: EpisodeWorld, seed: int) -> tuple[str, str, float, float, tuple[str, ...]]:
    """Verdict, recommended estimator, ends of its interval and codes of the reasons."""
    result = evaluate_sequential(*world.log(np.random.default_rng([seed, 11])), seed=seed)
    codes = tuple(one.code for one in result.findings if one.level in ("refuse", "caution"))
    if result.withheld or result.recommended is None:
        return result.verdict, "", np.nan, np.nan, codes
    quoted = result.estimates[result.recommended]
    return result.verdict, result.recommended, quoted.low, quoted.high, codes


def report(world: EpisodeWorld, logs: int, jobs: int) -> dict[str, float]:
    """Print one world's line; its figures that have a bar."""
    found = list(over_parts(partial(one_log, world), range(logs), workers=jobs))
    true = truth(world)
    verdicts = Counter(one[0] for one in found)
    missed = {word: sum(one[0] == word and not one[2] <= true <= one[3] for one in found) / logs for word in verdicts}
    stopped = sum("state_misses_past" in one[4] and one[0] == "REFUSE" for one in found) / logs
    leaned = sum(one[0] == "CAUTION" and one[1] == "drl" and not one[2] <= true <= one[3] for one in found) / logs
    figures = {MISSED.name: missed.get("ANSWER", 0.0)}
    if world.hidden and world.memory >= STRONG:
        figures[LEANED.name] = leaned
    if not (world.hidden and world.memory > 0.0):
        figures[STOPPED.name] = stopped
    holds = all(bar.holds(figures.get(bar.name, 0.0)) for bar in (MISSED, LEANED, STOPPED))
    codes = Counter(code for one in found for code in one[4]).most_common(3)
    print(
        f"{world.episodes:4} x {world.steps:2}  {world.policy:6} memory {world.memory:4.2f} "
        f"{'hidden' if world.hidden else 'seen':7}"
        + "".join(f"{verdicts[word] / logs:7.3f}" for word in ("ANSWER", "CAUTION", "REFUSE"))
        + "".join(f"{missed.get(word, 0.0):7.3f}" for word in ("ANSWER", "CAUTION"))
        + f"{leaned:7.3f}{stopped:7.3f}  {'holds' if holds else 'DOES NOT HOLD':14}"
        + ", ".join(f"{code} {times}" for code, times in codes),
        flush=True,
    )
    return figures


def main() -> int:
    parser = words_of(__doc__)
    parser.add_argument("--logs", type=int, default=200)
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args()
    print(f"{'episodes, policy, state':38} ANSWER CAUTION REFUSE missed missed leaned stopped")
    logs, jobs = (1, 1) if options.tiny else (options.logs, options.jobs)
    largest = dict[str, float]()
    for steps in (7,) if options.tiny else (7, 14, 28):
        for episodes in (100,) if options.tiny else (100, 500):
            for policy in POLICIES:
                for memory, hidden in ((0.5, True), (0.15, True), (0.5, False), (0.0, True)):
                    world = EpisodeWorld(episodes=episodes, steps=steps, policy=policy, memory=memory, hidden=hidden)
                    for name, value in report(world, logs, jobs).items():
                        largest[name] = max(largest.get(name, 0.0), value)
    return told(__file__, (MISSED, LEANED, STOPPED), largest, tiny=options.tiny)


if __name__ == "__main__":
    sys.exit(main())
