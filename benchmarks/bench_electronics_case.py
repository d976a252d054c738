"""Every figure that ``scenarios/electronics_case.yaml`` promises, with its bar; exit code 1 where one is missed.

Run ``python -m benchmarks.bench_electronics_case [--tiny]``. 256 sampled worlds, seed 0, plus the same experiments in
expected mode. The calibration's own sampled worlds have another seed.
"""

import sys
import time
from dataclasses import dataclass

from benchmarks.bars import Bar, told, words_of
from tests.scenarios.electronics_experiments import price_lifts, synergy_experiment
from xbopt.agents.policies import BUILT_IN
from xbopt.core.scenario.loading import load_scenario
from xbopt.studies.simulate import simulate

RUNS, SEED = 256, 0
CASE = "electronics_case"
RATE_BAND = 0.03
PRICE_BAND, HOLIDAY_BAND, SYNERGY_BAND = (0.13, 0.17), (0.08, 0.12), (0.13, 0.17)
LONGEST_SECONDS = 15.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A figure, its standard error and its bar."""

    name: str
    value: float
    se: float
    low: float
    high: float

    @property
    def bar(self) -> Bar:
        """Its bar."""
        return Bar(name=self.name, least=self.low, most=self.high)


def near(name: str, value: float, se: float, target: float) -> Figure:
    """A rate that must lie within ``RATE_BAND`` of its target."""
    return Figure(name=name, value=value, se=se, low=target * (1.0 - RATE_BAND), high=target * (1.0 + RATE_BAND))


def figures(runs: int) -> list[Figure]:
    """Measure everything."""
    scenario = load_scenario(CASE)
    started = time.perf_counter()
    kpis = simulate(scenario, "baseline", runs=runs, seed=SEED).kpis
    seconds = time.perf_counter() - started
    sales = kpis["net_revenue"]
    found = [
        near("conversion rate", kpis["conversion_rate"].mean, kpis["conversion_rate"].se, 0.012),
        near("repurchase rate", kpis["repurchase_rate"].mean, kpis["repurchase_rate"].se, 0.008),
        near("sales a day, CNY", sales.mean / scenario.days, sales.se / scenario.days, 5000.0),
    ]
    for label, lifts in (
        ("expected", price_lifts(scenario)),
        ("sampled", price_lifts(scenario, seed=SEED, worlds=runs)),
    ):
        for name, lift, (low, high) in zip(
            ("10 % price cut, a week", "5 % cut before National Day"), lifts, (PRICE_BAND, HOLIDAY_BAND), strict=True
        ):
            found.append(Figure(name=f"{name}, {label}", value=lift.gain, se=lift.se, low=low, high=high))
    media = synergy_experiment(scenario)
    low, high = SYNERGY_BAND
    found.append(Figure(name="social plus e-mail, expected", value=media.gain, se=0.0, low=low, high=high))
    found.append(Figure(name="seconds of the simulation", value=seconds, se=0.0, low=0.0, high=LONGEST_SECONDS))
    return found


def main() -> int:
    tiny = words_of(__doc__).parse_args().tiny
    runs = 2 if tiny else RUNS
    found = figures(runs)
    for figure in found:
        print(f"{figure.name:<46}{figure.value:>11.5g}{figure.se:>10.2g} s.e.")
    print(
        f"\n{'policy, ' + str(runs) + ' worlds':<18}{'margin':>10}{'s.e.':>8}{'sales/day':>11}{'orders':>9}{'ROAS':>8}"
    )
    for name in list(BUILT_IN)[: 1 if tiny else None]:
        kpis = simulate(CASE, name, runs=runs, seed=SEED).kpis
        margin, sales = kpis["contribution_margin"], kpis["net_revenue"].mean / 365.0
        orders, roas = kpis["orders"].mean, kpis["roas"].mean
        print(f"{name:<18}{margin.mean:>10,.0f}{margin.se:>8,.0f}{sales:>11,.0f}{orders:>9,.0f}{roas:>8.1f}")
    return told(__file__, [one.bar for one in found], {one.name: one.value for one in found}, tiny=tiny)


if __name__ == "__main__":
    sys.exit(main())
