"""Logs of factored decisions against playing: what the re-planner's notches are said to bring, and what they bring.

Run ``python -m benchmarks.bench_ope_factors [--logs 40] [--worlds 400]``. One week of the quickstart market, so that an
episode is one decision and the one-step value is what playing brings. Each log is written by the re-planner with half
of every factor one notch aside; policies around it are asked of the log, and are played in other worlds. Printed are
how often the intervals of value and difference held, and the mean error of the difference in its standard errors.

Bar: fewer intervals hold than in 99.5 % of all tries of honest 95 % intervals. Exit code 1 when it does not hold.
"""

# ruff: noqa: E402 - numeric libraries read the number of threads when they are first imported.
import os

for _name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[_name] = "1"

import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.stats import binom

from benchmarks.bars import Bar, told, words_of
from xbopt.agents.factored_direct import FactoredDirect
from xbopt.agents.policies import policy_from
from xbopt.core.arrays import FloatArray, IntArray
from xbopt.core.decision_log.reader import read_decision_log
from xbopt.core.decisions.decision import Decision
from xbopt.core.decisions.factors import FactorKind, Factors, one_notch_exploration
from xbopt.core.decisions.policy import DirectPolicy, FactoredPolicy, Observation, PolicyKind
from xbopt.core.scenario.loading import load_scenario
from xbopt.simulator.build import build_market
from xbopt.simulator.parameters import MarketParameters
from xbopt.studies.evaluate import evaluate
from xbopt.studies.simulate import simulate

WEEK = ["horizon.days=7", "plan.discounts[0].start=2026-10-06", "plan.discounts[0].end=2026-10-08"]
EXPLORATION, CONFIDENCE, TOO_FEW = 0.5, 0.95, 0.005
BARS = tuple(
    Bar(name=f"{name}: intervals that hold over the fewest of honest ones", least=1.0)
    for name in ("replan", "more", "moved")
)


@dataclass(frozen=True, kw_only=True)
class Shifted:
    """Notches that a network might choose: some kinds of factors aside, by region where they differ.

    Attributes:
        name: Its name.
        inside: What the notches are around.
        first: Notches of each kind in the first region.
        others: Notches of each kind elsewhere.
        share: Share of each factor one notch beside that.
    """

    name: str
    inside: FactoredDirect
    first: Mapping[FactorKind, int]
    others: Mapping[FactorKind, int]
    share: float = 0.0
    kind: PolicyKind = "ppo"

    @property
    def factors(self) -> Factors:
        """Those of the anchor's notches."""
        return self.inside.factors

    @property
    def anchor(self) -> DirectPolicy:
        """What the notches are around."""
        return self.inside.anchor

    def factor_probabilities(self, observation: Observation) -> FloatArray:
        """Probability of every level ``(B, A, L)``."""
        factors = self.factors
        notch = [
            (self.first if factors.places[at, 0] <= 0 else self.others).get(kind, 0)
            for at, kind in enumerate(factors.kinds)
        ]
        own = np.tile(factors.neutral + np.array(notch), (observation.worlds, 1))
        return one_notch_exploration(factors, own, self.share)

    def decode(self, levels: IntArray, observation: Observation) -> Decision:
        """The anchor's notches."""
        return self.inside.decode(levels, observation)

    def exploring(self, share: float) -> "Shifted":
        """The same with a share beside."""
        return Shifted(name=self.name, inside=self.inside, first=self.first, others=self.others, share=share)


@dataclass(frozen=True, kw_only=True)
class Coverage:
    """How the intervals of one policy did.

    Attributes:
        logs: Logs that were not refused.
        value: Intervals of the value that held the truth.
        difference: The same of the difference to what was done.
        errors: Error of each difference, in its standard errors ``(logs,)``.
    """

    logs: int
    value: int
    difference: int
    errors: FloatArray

    @property
    def over_fewest(self) -> float:
        """Intervals that hold over as few as honest ones do in a few of all tries; 0 without an answer."""
        return min(self.value, self.difference) / max(float(binom.ppf(TOO_FEW, self.logs, CONFIDENCE)), 1.0)


def week() -> MarketParameters:
    """The market of one decision."""
    return build_market(load_scenario("quickstart", overrides=WEEK))


def policies(market: MarketParameters) -> tuple[FactoredDirect, list[FactoredPolicy]]:
    """The re-planner around itself, and what is asked about its notches."""
    around = FactoredDirect.of(policy_from("replan", market), market)
    more = Shifted(name="more", inside=around, first={"spend": 1}, others={"spend": 1})
    moved = Shifted(name="moved", inside=around, first={"spend": 1, "timing": 1}, others={"spend": -1, "discount": 1})
    return around, [around, more, moved]


def coverage(
    market: MarketParameters,
    around: FactoredDirect,
    asked: Sequence[FactoredPolicy],
    *,
    logs: int,
    worlds: int,
    truth_worlds: int,
) -> dict[str, Coverage]:
    """Write logs, ask each about the policies, and hold the intervals against playing them."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "log.parquet"
        truth = {one.name: _mean(market, one, truth_worlds, path) for one in asked}
        logging = _mean(market, around.exploring(EXPLORATION), truth_worlds, path)
        held: dict[str, list[tuple[bool, bool, float]]] = {one.name: [] for one in asked}
        for number in range(logs):
            simulate(market, around, runs=worlds, seed=1 + number, exploration=EXPLORATION, by="factors", log=path)
            for one in asked:
                result = evaluate(path, one, scenario=market.scenario, confidence=CONFIDENCE).result
                if result.recommended is None or result.difference is None:
                    continue
                value, difference = result.values[result.recommended], result.difference
                true, apart = truth[one.name], truth[one.name] - logging
                error = (difference.value - apart) / difference.se
                held[one.name].append(
                    (value.low <= true <= value.high, difference.low <= apart <= difference.high, error)
                )
    return {
        name: Coverage(
            logs=len(found),
            value=sum(one[0] for one in found),
            difference=sum(one[1] for one in found),
            errors=np.array([one[2] for one in found]),
        )
        for name, found in held.items()
    }


def _mean(market: MarketParameters, policy: FactoredPolicy, worlds: int, path: Path) -> float:
    """Mean reward of a decision where the policy is played; in the same worlds for all, none of them in a log."""
    share = policy.share if isinstance(policy, Shifted) else policy.exploration  # type: ignore[attr-defined]
    simulate(market, policy, runs=worlds, seed=0, exploration=share, log=path)
    return float(read_decision_log(path).columns.reward.mean())


def main() -> int:
    """Print how often the intervals held."""
    parser = words_of(__doc__)
    parser.add_argument("--logs", type=int, default=40)
    parser.add_argument("--worlds", type=int, default=400)
    options = parser.parse_args()
    market = week()
    around, asked = policies(market)
    logs, worlds, truth_worlds = (1, 100, 32) if options.tiny else (options.logs, options.worlds, 4096)
    found = coverage(market, around, asked, logs=logs, worlds=worlds, truth_worlds=truth_worlds)
    print(f"{logs} logs of {worlds} worlds, {len(market.scenario.regions)} regions, one week")
    print("| policy | answered | value held | difference held | mean error, standard errors |")
    print("| --- | ---: | ---: | ---: | ---: |")
    for name, one in found.items():
        mean = f"{one.errors.mean():+.2f} ± {one.errors.std() / one.logs**0.5:.2f}" if one.logs else ""
        print(f"| {name} | {one.logs} of {logs} | {one.value} | {one.difference} | {mean} |")
    figures = {bar.name: one.over_fewest for bar, one in zip(BARS, found.values(), strict=True)}
    return told(__file__, BARS, figures, tiny=options.tiny)


if __name__ == "__main__":
    sys.exit(main())
