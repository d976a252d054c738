"""Simulation-based calibration of the market fit: does it say of its own prior's markets what is true of them?

Truths are drawn from the prior and their records are played in the sampled mode; each is fitted again. The rank of a
truth among the draws of its own posterior is uniform where posteriors are right (Talts et al. 2018, arXiv:1804.06788).
Ranks by parameter are of one fit each, hence independent; those of the incremental return by channel too. A U-shaped
histogram tells posteriors that are too narrow, a hump too wide ones, a slope a bias.

The prior itself has uniform ranks: what the data tell stands beside, as the mean ratio of posterior to prior sd. One
row a parameter; it fails below 0.01, and 1 in 100 does so by chance.

    python -m benchmarks.bench_sbc [--fits 200] [--first 0] [--weeks 48] [--draws 99] [--tiny] [--csv FILE]
                                   [--ranks FILE.jsonl]... [--engine ray] [--workers 2]

``--ranks`` keeps the ranks of each fit as it ends, and a run that is started again goes on after them. Several files,
written by runs of other seeds, are read together: the first is written to.
"""

import csv
import json
import sys
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
from scipy.stats import binom, kstest

from benchmarks.bars import Bar, told, words_of
from benchmarks.bench_recovery import START
from xbopt.calibration.fit.market_fit import NOISE_WORLDS, WARM_UP_DAYS, MarketFit, fit_market
from xbopt.calibration.fit.recovery import (
    KnownMarket,
    deal_weeks,
    known_market,
    planned_panel,
    true_returns,
    truth_of,
    varied_spend,
)
from xbopt.calibration.fit.returns import added_revenue
from xbopt.core.arrays import FloatArray, IntArray
from xbopt.core.randomness import named_generator
from xbopt.core.scenario.loading import load_scenario
from xbopt.core.scenario.scenario import Scenario
from xbopt.core.workers import Engine, over_parts

DRAWS = 99
"""Draws of a posterior: ranks are 0 to 99, and ten bins hold ten of them each."""
BINS = 10
FAILS_BELOW = 0.01
BARS = (
    Bar(name="numbers whose ranks are not uniform, beyond chance", most=0.0),
    Bar(name="numbers whose ranks are not uniform"),
    Bar(name="truths within the middle 95 %"),
)
_MIDDLE = 0.95


@dataclass(kw_only=True)
class Ranks:
    """What is collected of one number over fits.

    Attributes:
        ranks: Rank of the truth among the draws, one a fit.
        ratios: Posterior over prior standard deviation of its log.
    """

    ranks: list[int] = field(default_factory=list)
    ratios: list[float] = field(default_factory=list)

    def uniform(self, name: str, draws: int) -> FloatArray:
        """Ranks as numbers that are uniform on 0 to 1 where posteriors are right ``(N,)``."""
        within = named_generator(0, f"sbc/ties/{name}").random(len(self.ranks))
        return (np.array(self.ranks) + within) / (draws + 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One number's calibration.

    Attributes:
        name: A parameter, ``incremental_return.CHANNEL``, or ``all KIND`` for a kind together.
        fits: Ranks.
        ratio: Mean posterior over prior standard deviation.
        p: Of a Kolmogorov-Smirnov test that ranks are uniform; NaN for kinds together, whose ranks hang together.
        covered: Share of truths within the middle 95 % of the posterior.
        histogram: Ranks by tenth ``(10,)``.
    """

    name: str
    fits: int
    ratio: float
    p: float
    covered: float
    histogram: IntArray

    @property
    def fails(self) -> bool:
        """Whether its ranks are not uniform."""
        return self.p < FAILS_BELOW


def rank_one(
    scenario: Scenario, market: KnownMarket, *, draws: int, worlds: int, seed: int
) -> tuple[MarketFit, dict[str, tuple[int, float]]]:
    """Fit one market, and rank its truth among the posterior's draws: rank and ratio by name."""
    fit = fit_market(scenario, market.panel, seed=seed, worlds=worlds)
    truth, drawn = truth_of(fit, market), fit.theta_draws(draws)
    found = {
        one.name: (int((drawn[:, p] < truth[p]).sum()), fit.identification.parameters[p].ratio)
        for p, one in enumerate(fit.parameters)
    }
    at = np.array([scenario.channels.index(channel) for channel in fit.returns.channels])
    spend = fit.replay.panel.spend[fit.likelihood.first :].sum(axis=(0, 1, 2))[at]
    z = np.linalg.solve(fit.space.factor, (drawn - fit.space.mean).T).T
    returns = np.log(np.maximum(added_revenue(fit.likelihood, z, at), 1e-9) / spend)
    for d, (channel, true) in enumerate(zip(fit.returns.channels, true_returns(fit, truth), strict=True)):
        rank = int((returns[:, d] < true).sum())
        found[f"incremental_return.{channel}"] = (rank, fit.identification.returns[d].ratio)
    return fit, found


@dataclass(frozen=True, slots=True, kw_only=True)
class _Made:
    """What one fit leaves: its seed, ranks and ratios by name, codes of its findings, seconds and chi-square."""

    seed: int
    found: dict[str, tuple[int, float]]
    codes: list[str]
    seconds: float
    chi_square: float


def _fit_one(scenario: Scenario, weeks: int, draws: int, worlds: int, seed: int) -> _Made:
    """Draw a market, play its records and fit them."""
    started, days = time.process_time(), WARM_UP_DAYS + 7 * weeks
    planned = planned_panel(START, varied_spend(scenario, days, seed=seed), deal_weeks(scenario, days))
    fit, found = rank_one(scenario, known_market(scenario, planned, seed=seed), draws=draws, worlds=worlds, seed=seed)
    return _Made(
        seed=seed,
        found=found,
        codes=sorted({finding.code for finding in fit.findings}),
        seconds=time.process_time() - started,
        chi_square=fit.chi_square,
    )


def study(
    scenario: Scenario,
    fits: range,
    *,
    weeks: int,
    draws: int = DRAWS,
    worlds: int = NOISE_WORLDS,
    kept: Sequence[Path] = (),
    engine: Engine = "local",
    workers: int | None = None,
) -> tuple[dict[str, Ranks], Counter[str]]:
    """Ranks by name over fits, each of a market of its own, and how many fits had each finding.

    Args:
        scenario: The prior's market.
        fits: Seeds.
        weeks: Scored weeks.
        draws: Draws of each posterior.
        worlds: Sampled worlds behind the noise.
        kept: Files of ranks: fits that stand there are not made again, and those made are added to the first.
        engine: Where fits are made.
        workers: By how many.
    """
    by_seed = _kept_ranks(kept, weeks, draws)
    fit_one = partial(_fit_one, scenario, weeks, draws, worlds)
    left = [seed for seed in fits if seed not in by_seed]
    for made in over_parts(fit_one, left, engine=engine, workers=workers, in_order=False):
        by_seed[made.seed] = made.found, made.codes
        if kept:
            one = {"seed": made.seed, "weeks": weeks, "draws": draws, "findings": made.codes, "ranks": made.found}
            with kept[0].open("a") as file:
                file.write(json.dumps(one) + "\n")
        print(f"  fit {made.seed}: {made.seconds:.0f} s, chi-square {made.chi_square:.2f}", flush=True)
    collected: dict[str, Ranks] = {}
    findings: Counter[str] = Counter()
    for _, (found, codes) in sorted(by_seed.items()):
        findings.update(codes)
        for name, (rank, ratio) in found.items():
            ranks = collected.setdefault(name, Ranks())
            ranks.ranks.append(rank)
            ranks.ratios.append(ratio)
    return collected, findings


def _kept_ranks(
    files: Sequence[Path], weeks: int, draws: int
) -> dict[int, tuple[dict[str, tuple[int, float]], Sequence[str]]]:
    """Ranks and findings by seed of files, of studies of the same length and draws."""
    found: dict[int, tuple[dict[str, tuple[int, float]], Sequence[str]]] = {}
    for path in files:
        for line in path.read_text().splitlines() if path.is_file() else ():
            one = json.loads(line)
            if (one["weeks"], one["draws"]) != (weeks, draws):
                raise SystemExit(f"{path} holds ranks of {one['weeks']} weeks and {one['draws']} draws.")
            ranks = {name: (int(rank), float(ratio)) for name, (rank, ratio) in one["ranks"].items()}
            found[one["seed"]] = (ranks, one["findings"])
    return found


def table(collected: Mapping[str, Ranks], draws: int) -> list[Row]:
    """One row a number, then one a kind."""
    rows = [_row(name, ranks.uniform(name, draws), ranks.ratios, tested=True) for name, ranks in collected.items()]
    kinds: dict[str, list[str]] = {}
    for name in collected:
        kinds.setdefault(name.partition(".")[0], []).append(name)
    for kind, names in kinds.items():
        if len(names) > 1:
            together = np.concatenate([collected[name].uniform(name, draws) for name in names])
            ratios = [ratio for name in names for ratio in collected[name].ratios]
            rows.append(_row(f"all {kind}", together, ratios, tested=False))
    return rows


def _row(name: str, uniform: FloatArray, ratios: Sequence[float], *, tested: bool) -> Row:
    tail = (1.0 - _MIDDLE) / 2.0
    return Row(
        name=name,
        fits=len(uniform),
        ratio=float(np.mean(ratios)),
        p=float(kstest(uniform, "uniform").pvalue) if tested else float("nan"),
        covered=float(((uniform >= tail) & (uniform <= 1.0 - tail)).mean()),
        histogram=np.histogram(uniform, bins=BINS, range=(0.0, 1.0))[0],
    )


def print_table(rows: Sequence[Row]) -> dict[str, float]:
    print(f"\n{'number':34s} {'fits':>5s} {'ratio':>6s} {'KS p':>6s} {'cover':>6s}  ranks by tenth")
    for row in rows:
        p = "" if np.isnan(row.p) else f"{row.p:.3f}"
        said = "  FAILS" if row.fails else ""
        bars = " ".join(f"{count:3d}" for count in row.histogram)
        print(f"{row.name:34s} {row.fits:5d} {row.ratio:6.2f} {p:>6s} {row.covered:6.1%}  {bars}{said}")
    tested = [row for row in rows if not np.isnan(row.p)]
    failing = [row.name for row in tested if row.fails]
    by_chance = int(binom.ppf(0.99, len(tested), FAILS_BELOW))
    print(
        f"\n{len(failing)} of {len(tested)} numbers have KS p below {FAILS_BELOW}; independent ones would have "
        f"{by_chance} at most in 99 of 100 studies. {', '.join(failing)}"
    )
    covered = float(np.mean([row.covered for row in tested]))
    return {BARS[0].name: max(len(failing) - by_chance, 0), BARS[1].name: len(failing), BARS[2].name: covered}


def write_csv(rows: Sequence[Row], path: Path) -> None:
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["number", "fits", "ratio", "ks_p", "covered", *(f"tenth_{i + 1}" for i in range(BINS))])
        for row in rows:
            writer.writerow([row.name, row.fits, row.ratio, row.p, row.covered, *row.histogram.tolist()])


def main() -> int:
    parser = words_of(__doc__)
    parser.add_argument("--fits", type=int, default=200)
    parser.add_argument("--first", type=int, default=0, help="seed of the first market")
    parser.add_argument(
        "--weeks", type=int, default=48, help="scored weeks, after four others; a fit under a year is in doubt"
    )
    parser.add_argument("--draws", type=int, default=DRAWS)
    parser.add_argument("--csv", type=Path, help="write the table here too")
    parser.add_argument("--ranks", type=Path, action="append", default=[], help="keep and go on from ranks here")
    parser.add_argument("--engine", choices=("local", "ray"), default="local")
    parser.add_argument("--workers", type=int)
    options = parser.parse_args()
    fits, weeks, draws, worlds = options.fits, options.weeks, options.draws, NOISE_WORLDS
    if options.tiny:
        fits, weeks, draws, worlds = 1, 8, 19, 32
    first = options.first
    collected, findings = study(
        load_scenario("quickstart"),
        range(first, first + fits),
        weeks=weeks,
        draws=draws,
        worlds=worlds,
        kept=options.ranks,
        engine=options.engine,
        workers=options.workers,
    )
    rows = table(collected, draws)
    figures = print_table(rows)
    print(f"Findings, by fits: {dict(findings.most_common())}")
    if options.csv:
        write_csv(rows, options.csv)
    return told(__file__, BARS, figures, tiny=options.tiny)


if __name__ == "__main__":
    sys.exit(main())
