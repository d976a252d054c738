"""Every figure that ``scenarios/electronics_case.yaml`` promises, with its bar; exit code 1 where one is missed.

Run ``python -m benchmarks.bench_electronics_case``. 256 sampled worlds, seed 0, plus the same experiments in expected
mode. The calibration's own sampled worlds have another seed.
"""

import sys
import time
from dataclasses import dataclass

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
    def met(self) -> bool:
        """Whether the figure lies within its bar, ends included."""
        return self.low <= self.value <= self.high

    def line(self) -> str:
        """One line of the table."""
        verdict = "met" if self.met else "MISSED"
        return f"{self.name:<46}{self.value:>11.5g}{self.se:>10.2g}   {self.low:>8.5g} .. {self.high:<8.5g}{verdict:>7}"


def near(name: str, value: float, se: float, target: float) -> Figure:
    """A rate that must lie within ``RATE_BAND`` of its target."""
    return Figure(name=name, value=value, se=se, low=target * (1.0 - RATE_BAND), high=target * (1.0 + RATE_BAND))


def figures() -> list[Figure]:
    """Measure everything."""
    scenario = load_scenario(CASE)
    started = time.perf_counter()
    kpis = simulate(scenario, "baseline", runs=RUNS, seed=SEED).kpis
    seconds = time.perf_counter() - started
    sales = kpis["net_revenue"]
    found = [
        near(f"conversion rate, {RUNS} worlds", kpis["conversion_rate"].mean, kpis["conversion_rate"].se, 0.012),
        near(f"repurchase rate, {RUNS} worlds", kpis["repurchase_rate"].mean, kpis["repurchase_rate"].se, 0.008),
        near(f"sales a day, CNY, {RUNS} worlds", sales.mean / scenario.days, sales.se / scenario.days, 5000.0),
    ]
    for label, lifts in (
        ("expected", price_lifts(scenario)),
        (f"{RUNS} worlds", price_lifts(scenario, seed=SEED, worlds=RUNS)),
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


def main() -> None:
    print(f"{'figure':<46}{'value':>11}{'s.e.':>10}   {'bar':^20}")
    found = figures()
    for figure in found:
        print(figure.line())
    print(
        f"\n{'policy, ' + str(RUNS) + ' worlds':<18}{'margin':>10}{'s.e.':>8}{'sales/day':>11}{'orders':>9}{'ROAS':>8}"
    )
    for name in BUILT_IN:
        kpis = simulate(CASE, name, runs=RUNS, seed=SEED).kpis
        margin, sales = kpis["contribution_margin"], kpis["net_revenue"].mean / 365.0
        orders, roas = kpis["orders"].mean, kpis["roas"].mean
        print(f"{name:<18}{margin.mean:>10,.0f}{margin.se:>8,.0f}{sales:>11,.0f}{orders:>9,.0f}{roas:>8.1f}")
    sys.exit(0 if all(figure.met for figure in found) else 1)


if __name__ == "__main__":
    main()
