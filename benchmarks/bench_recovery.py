"""Do intervals of a fit cover the truth? Simulated panels of known markets, fitted as if nobody knew.

Markets are drawn from the prior, clicks counted 20 % off included, and a year of records is played in the sampled mode,
each panel in a world of its own.

- ``varied``: spend of each channel moves from week to week by itself.
- ``eight``: the same with eight regions and four channels.
- ``collinear``: channels move together and only orders are told: the contrast of two returns is to be called unknown.
- ``steady``: spend never moves: no curvature or carry-over may be called measured.
- ``cold``: the first day has a third of the scenario's customers: to be noticed.
- ``clicks``: platforms count 20 % less, with noise of their own of 20 % from week to week.
- ``lag``: clicks and visits follow spend at once and without a limit, orders twice as late as the scenario says.
- ``confounded``: unseen demand of each week moves organic visits and all orders, and spend with them.
- ``lift``: collinear, with a test of one channel in one region: how much narrower its return is than in the same year
  without the test.

    python -m benchmarks.bench_recovery [STUDY...] [--panels 40] [--first 0] [--days 364] [--tiny]
"""

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import date, timedelta

import numpy as np
from scipy.stats import kstest, norm

from benchmarks.bars import Bar, told, words_of
from xbopt.calibration.fit.findings import FindingCode
from xbopt.calibration.fit.lift_tests import LiftTest
from xbopt.calibration.fit.market_fit import NOISE_WORLDS, MarketFit, fit_market
from xbopt.calibration.fit.parameters import ParameterKind
from xbopt.calibration.fit.recovery import (
    KnownMarket,
    deal_weeks,
    known_market,
    planned_panel,
    true_returns,
    truth_of,
    varied_spend,
)
from xbopt.core.arrays import FloatArray
from xbopt.core.randomness import named_generator
from xbopt.core.scenario.loading import load_scenario
from xbopt.core.scenario.scenario import Scenario

START = date(2025, 1, 6)
COLD = -1.1
OTHER_TRUTHS: dict[str, dict[ParameterKind, float]] = {
    "cold": {"customers": COLD},
    "lag": {"carry_over": 0.7, "visit_carry_over": -3.0, "visit_half_saturation": 3.0},
}
TINY = (28 + 12 * 7, 1, 32)
"""Days, panels and sampled worlds of the tiny mode."""
_TEST_DAYS = (210, 238)
_TEST_AFTER = 14
_TEST_SE = 0.1
_OTHER_START = 0.1
_DEMAND_SD, _DEMAND_LAG, _OWN_MOVES = 0.15, 0.7, 0.3
_FAMILIES = {
    "return": "incremental return",
    "carry_over": "half-life",
    "half_saturation": "half-saturation",
    "elasticity": "elasticity",
    "customer_conversion": "repeat",
    "conversion": "conversion",
    "event_lift": "event lift",
}


@dataclass(kw_only=True)
class Tally:
    """Standardised errors by family, and what was said of each panel."""

    errors: dict[str, list[float]] = field(default_factory=dict)
    identified: dict[str, list[float]] = field(default_factory=dict)
    said: list[bool] = field(default_factory=list)
    figures: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)

    def add(self, family: str, error: float, ratio: float) -> None:
        """Take note of an error; only what the data told counts for the ranks."""
        self.errors.setdefault(family, []).append(error)
        if ratio <= 0.8:
            self.identified.setdefault(family, []).append(error)


def eight_regions() -> Scenario:
    """The quickstart's market with eight regions and four channels."""
    scenario = load_scenario("quickstart")
    plain = scenario.document.model_dump(mode="json", exclude_none=True)
    regions = plain["market"]["regions"]
    many = []
    for i in range(8):
        region = dict(regions[i % 2])
        region["id"] = f"{region['id']}{i}"
        many.append(region)
    plain["market"]["regions"] = many
    video = {
        **plain["channels"][1],
        "id": "video",
        "name": "Video",
        "adstock": {"curve": "delayed", "half_life_days": 6, "peak_days": 2, "window_days": 28},
        "visits_per_1000_impressions": 6,
    }
    plain["channels"].append(video)
    plain["budget"]["total_base"] *= 4
    plain["history"]["steady_spend_per_day_base"] *= 4
    plain["history"]["revenue_by_region"] = {region["id"]: 1 for region in many}
    plain["history"]["spend_by_channel"] = {}
    plain["plan"]["regions"] = {region["id"]: 1 for region in many}
    plain["plan"]["channels"] = {"search": 0.3, "social": 0.4, "email": 0.04, "video": 0.26}
    plain["tactics"]["mixes"] = {"plan": {}}
    plain["provenance"] = []
    import yaml

    return load_scenario(yaml.safe_dump(plain, sort_keys=False))


def known(study: str, scenario: Scenario, days: int, seed: int) -> KnownMarket:
    """The records of one panel of a study."""
    spend = varied_spend(scenario, days, seed=seed)
    if study == "steady":
        spend = varied_spend(scenario, days, seed=seed, spread=0.0)
    if study in ("collinear", "lift"):
        total = spend.sum(axis=(2, 3), keepdims=True)
        usual = varied_spend(scenario, days, seed=seed, spread=0.0)
        spend = usual * total / usual.sum(axis=(2, 3), keepdims=True)
    if study == "lift":
        spend[_TEST_DAYS[0] : _TEST_DAYS[1], 0, :, 1] = 0.0
    demand = unseen_demand(days, len(scenario.regions), seed)
    if study == "confounded":
        spend = varied_spend(scenario, days, seed=seed, spread=_OWN_MOVES) * np.exp(demand)[:, :, None, None]
    planned = planned_panel(START, spend, deal_weeks(scenario, days))
    market = known_market(scenario, planned, seed=seed, world=seed)
    if study in OTHER_TRUTHS:
        truth = market.truth.copy()
        for kind, log in OTHER_TRUTHS[study].items():
            truth[market.space.of_kind(kind)] = log
        market = known_market(scenario, planned, seed=seed, truth=truth, world=seed)
    panel = market.panel
    if study == "confounded":
        more = np.exp(demand)
        visits = panel.visits + (panel.visits - panel.clicks.sum(axis=2)) * (more - 1.0)
        panel = replace(
            panel,
            visits=visits,
            orders=panel.orders * more,
            new_customers=panel.new_customers * more,
            net_revenue=panel.net_revenue * more,
        )
    if study == "clicks":
        weeks = -(-days // 7)
        noise = named_generator(seed, "recovery/clicks").standard_normal((weeks, *panel.clicks.shape[1:]))
        panel = replace(panel, clicks=0.8 * panel.clicks * np.repeat(np.exp(0.2 * noise), 7, axis=0)[:days])
    if study in ("collinear", "lift"):
        panel = replace(panel, clicks=np.full_like(panel.clicks, np.nan), visits=np.full_like(panel.visits, np.nan))
    return replace(market, panel=panel)


def unseen_demand(days: int, regions: int, seed: int) -> FloatArray:
    """Log of a demand that nothing tells, an autoregression from week to week ``(T, R)``."""
    weeks = -(-days // 7)
    news = named_generator(seed, "recovery/demand").standard_normal((weeks, regions))
    demand = _DEMAND_SD * news
    for week in range(1, weeks):
        demand[week] = _DEMAND_LAG * demand[week - 1] + np.sqrt(1.0 - _DEMAND_LAG**2) * demand[week]
    return np.repeat(demand, 7, axis=0)[:days]


def lift_test(market: KnownMarket, fit: MarketFit) -> LiftTest:
    """A test of the second channel in the first region, with a standard error of a tenth of what is true."""
    scenario = fit.space.market.scenario
    truth = truth_of(fit, market)[None]
    test = LiftTest(
        channel=scenario.channels[1],
        regions=scenario.regions[:1],
        start=START + timedelta(days=_TEST_DAYS[0]),
        end=START + timedelta(days=_TEST_DAYS[1] - 1),
        days_after=_TEST_AFTER,
        change=-1.0,
        metric="orders",
        lift=0.0,
        se=1.0,
    )
    from xbopt.calibration.fit.lift_tests import placed_tests

    placed = placed_tests(fit.replay, [test], fit.likelihood.first)[0]
    sampled = fit.space.sampled(truth)
    true_lift = -float(placed.residual(fit.replay, sampled, fit.replay.play(sampled))[0])
    return replace(test, lift=true_lift, se=_TEST_SE * abs(true_lift))


def judge(
    study: str, market: KnownMarket, scenario: Scenario, tally: Tally, *, days: int, seed: int, worlds: int
) -> None:
    started = time.process_time()
    fit = fit_market(scenario, market.panel, seed=1, worlds=worlds)
    tally.seconds.append(time.process_time() - started)
    truth = truth_of(fit, market)
    for p, one in enumerate(fit.parameters):
        if one.kind in _FAMILIES and one.kind != "return":
            ratio = fit.identification.parameters[p].ratio
            tally.add(_FAMILIES[one.kind], (fit.mode[p] - truth[p]) / fit.sd[p], ratio)
    errors = (fit.returns.log - true_returns(fit, truth)) / fit.returns.sd(fit.covariance)
    for one, error in zip(fit.identification.returns, errors, strict=True):
        tally.add(_FAMILIES["return"], float(error), one.ratio)
    codes: set[FindingCode] = {finding.code for finding in fit.findings}
    verdicts = {one.name: one.verdict for one in fit.identification.parameters}
    if study == "collinear":
        tally.said.append("contrast_unknown" in codes)
        tally.figures.append(max(one.ratio for one in fit.identification.contrasts))
    elif study == "steady":
        curved = [v for name, v in verdicts.items() if name.startswith(("half_saturation", "carry_over"))]
        tally.said.append(set(curved) == {"prior_only"})
    elif study == "cold":
        tally.said.append(bool(codes & {"cold_start", "longer_warm_up"}))
    elif study in ("lag", "confounded"):
        measured = np.array([one.verdict == "measured" for one in fit.identification.returns])
        tally.said += (~measured | (np.abs(errors) < norm.ppf(0.975))).tolist()
        tally.figures += errors.tolist()
    elif study == "lift":
        test = lift_test(market, fit)
        tested = fit_market(scenario, market.panel, tests=[test], seed=1, worlds=worlds)
        # The records of the test tell what it told, so the year that is compared with must not hold it.
        untested = fit_market(scenario, known("collinear", scenario, days, seed).panel, seed=1, worlds=worlds)
        at = fit.returns.channels.index(test.channel)
        before, after = (one.returns.sd(one.covariance)[at] for one in (untested, tested))
        tally.figures.append(float(after / before))
        tally.said.append(after <= 0.5 * before)
    else:
        others = fit.space.of_kind("customers") + fit.space.of_kind("recent_customers")
        claimed = {finding.place for finding in fit.findings if finding.code == "cold_start"}
        true = {fit.parameters[p].region for p in others if abs(truth[p]) > _OTHER_START}
        tally.said.append(claimed <= true)
    print(f"  panel {seed}: {tally.seconds[-1]:.0f} s, chi-square {fit.chi_square:.2f}, {sorted(codes)}", flush=True)


SAID = {
    "varied": "cold starts are claimed only where they are",
    "eight": "cold starts are claimed only where they are",
    "clicks": "cold starts are claimed only where they are",
    "collinear": "contrast called unknown",
    "steady": "no curvature or carry-over called measured",
    "cold": "cold start noticed",
    "lag": "returns covered, or not called measured",
    "confounded": "returns covered, or not called measured",
    "lift": "return at most half as wide",
}
STUDIES: dict[str, Callable[[], Scenario]] = {
    name: eight_regions if name == "eight" else (lambda: load_scenario("quickstart")) for name in SAID
}


def run(study: str, panels: range, days: int, worlds: int = NOISE_WORLDS) -> Tally:
    scenario, tally = STUDIES[study](), Tally()
    for seed in panels:
        judge(study, known(study, scenario, days, seed), scenario, tally, days=days, seed=seed, worlds=worlds)
    print(f"\n{study}: {len(panels)} panels of {days} days, {np.median(tally.seconds):.0f} s of processor time each")
    for family, errors in tally.errors.items():
        told = np.array(tally.identified.get(family, []))
        ranks = (
            f"ranks uniform p {kstest(norm.cdf(told), 'uniform').pvalue:.3f} ({len(told)} told)" if len(told) else ""
        )
        inside = np.abs(errors) < norm.ppf(0.975)
        print(f"  {family:20s} 95 % intervals cover {inside.mean():.1%} of {len(errors)}  {ranks}")
    print(f"  {SAID[study]}: {np.mean(tally.said):.0%}")
    if tally.figures:
        low, median, high = np.quantile(tally.figures, [0.0, 0.5, 1.0])
        print(f"  figures: median {median:.2f}, {low:.2f} to {high:.2f}")
    return tally


BARS = (
    *(Bar(name=f"{study}: {said}") for study, said in SAID.items()),
    *(Bar(name=f"{study}: 95 % intervals of returns cover") for study in SAID),
)


def main() -> int:
    parser = words_of(__doc__)
    parser.add_argument("studies", nargs="*", choices=[*STUDIES, []], help="all where left out")
    parser.add_argument("--panels", type=int, default=40)
    parser.add_argument("--first", type=int, default=0, help="seed of the first panel")
    parser.add_argument("--days", type=int, default=364)
    options = parser.parse_args()
    days, panels, worlds = TINY if options.tiny else (options.days, options.panels, NOISE_WORLDS)
    figures = dict[str, float]()
    for study in options.studies or (["confounded"] if options.tiny else STUDIES):
        tally = run(study, range(options.first, options.first + panels), days, worlds)
        returns = np.abs(tally.errors[_FAMILIES["return"]]) < norm.ppf(0.975)
        figures[f"{study}: {SAID[study]}"] = float(np.mean(tally.said))
        figures[f"{study}: 95 % intervals of returns cover"] = float(returns.mean())
    return told(__file__, BARS, figures, tiny=options.tiny)


if __name__ == "__main__":
    sys.exit(main())
