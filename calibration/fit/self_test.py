"""A fit's test of itself: records of markets like the fitted one, fitted anew. Do the stated intervals hold the truth?

Truths are drawn from the fit's own posterior. Each plays the panel's days with luck of its own: the same spend, deals,
prices and stock-outs, lift tests with errors of their own, and the same holes. What is fitted to these records is
held against the truth. This is a parametric bootstrap of intervals (Efron, Tibshirani 1993, chapter 13) with truths
spread as the posterior is; from the prior's markets it is simulation-based calibration (Talts et al. 2018,
arXiv:1804.06788), which ``benchmarks/bench_sbc.py`` does. It tests the fit and not the model: what real records do that
no market of this kind does is not in it.
"""

import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np
from scipy.stats import binom

from xbopt.calibration.fit.lift_tests import LiftTest
from xbopt.calibration.fit.market_fit import MarketFit, fit_market
from xbopt.calibration.fit.recovery import KnownMarket, recorded, true_returns, truth_of
from xbopt.core.arrays import FloatArray
from xbopt.core.errors import CalibrationError, UsageError
from xbopt.core.randomness import named_generator
from xbopt.core.workers import Engine, check_engine, over_parts

LEVEL = 0.95
"""What the stated intervals promise."""
MOST_FITS = 1000
_FAILS_BELOW = 0.01
# Away from the worlds that noise is read off.
_FIRST_WORLD = 6_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Refit:
    """One market that was fitted anew.

    Attributes:
        number: Which.
        inside: By number of the fit: whether its interval holds the truth.
        off: How far its estimate lies above the truth, in stated standard deviations of its log.
        codes: Its findings.
        error: Why it could not be fitted; empty where it was.
        seconds: How long that took its worker.
    """

    number: int
    inside: dict[str, bool] = field(default_factory=dict[str, bool], repr=False)
    off: dict[str, float] = field(default_factory=dict[str, float], repr=False)
    codes: tuple[str, ...] = ()
    error: str = ""
    seconds: float = field(default=0.0, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """How often the stated intervals of something hold the truth.

    Attributes:
        name: A parameter, ``incremental_return.CHANNEL``, or a kind of several.
        intervals: How many were looked at.
        covered: Share of them that hold the truth.
        off: Mean of how far estimates lie above the truth, in stated standard deviations.
        p: Chance of so few or fewer where each holds it with 95 %; NaN of several numbers, which hang together.
    """

    name: str
    intervals: int
    covered: float
    off: float
    p: float

    @property
    def fails(self) -> bool:
        """Whether the intervals are shown to be too narrow, or not in the right place."""
        return self.p < _FAILS_BELOW


@dataclass(frozen=True, slots=True, kw_only=True)
class SelfTest:
    """How a fit did on records of markets like itself.

    Attributes:
        refits: One a market.
    """

    refits: tuple[Refit, ...] = field(repr=False)

    @property
    def fitted(self) -> tuple[Refit, ...]:
        """Those that could be fitted."""
        return tuple(one for one in self.refits if not one.error)

    @property
    def doubted(self) -> int:
        """How many were put in doubt, though the model was right: their intervals are wider than they need be."""
        return sum("in_doubt" in one.codes for one in self.fitted)

    @property
    def numbers(self) -> tuple[Coverage, ...]:
        """One row a number, what channels add first."""
        names = dict.fromkeys(name for one in self.fitted for name in one.inside)
        rows = [self._coverage(name, [name]) for name in names]
        return tuple(sorted(rows, key=lambda row: not row.name.startswith("incremental_return.")))

    @property
    def kinds(self) -> tuple[Coverage, ...]:
        """One row a kind of number, all channels, regions and segments together."""
        kinds: dict[str, list[str]] = {}
        for row in self.numbers:
            kinds.setdefault(row.name.partition(".")[0], []).append(row.name)
        return tuple(self._coverage(kind, names) for kind, names in kinds.items())

    def _coverage(self, name: str, names: Sequence[str]) -> Coverage:
        inside = [one.inside[of] for one in self.fitted for of in names if of in one.inside]
        off = [one.off[of] for one in self.fitted for of in names if of in one.off]
        count, held = len(inside), sum(inside)
        lone = len(names) == 1
        return Coverage(
            name=name,
            intervals=count,
            covered=held / count,
            off=float(np.mean(off)),
            p=float(binom.cdf(held, count, LEVEL)) if lone else float("nan"),
        )


def self_test_fit(
    fit: MarketFit,
    fits: int,
    *,
    engine: Engine = "local",
    workers: int | None = None,
    on_fit: Callable[[Refit, int, int], None] | None = None,
) -> SelfTest:
    """Draw markets from a fit's posterior, play their records and fit them anew; the same bytes whatever does them.

    Args:
        fit: The fit.
        fits: How many markets, from 1; 20 tell a gross error, and 100 whether 95 % are 90.
        engine: Where they are fitted: ``local``, or ``ray``.
        workers: Processes, 1 where left out; of a cluster the fits at once, as many as it can where left out.
        on_fit: Called with each that is done, fits done and fits in all.

    Raises:
        UsageError: ``fits``, ``engine`` or ``workers`` makes no sense.
        LostWorkerError: Workers died over a fit again and again.
    """
    if not 1 <= fits <= MOST_FITS:
        raise UsageError(f"A self-test of {fits} fits; a number from 1 to {MOST_FITS} is wanted.")
    check_engine(engine, workers)
    made: list[Refit] = []
    work = partial(fit_again, fit)
    with closing(over_parts(work, range(fits), engine=engine, workers=workers, in_order=False)) as refits:
        for one in refits:
            made.append(one)
            if on_fit is not None:
                on_fit(one, len(made), fits)
    return SelfTest(refits=tuple(sorted(made, key=lambda one: one.number)))


def fit_again(fit: MarketFit, number: int) -> Refit:
    """Draw one market, play its records and fit them."""
    started = time.perf_counter()
    market, tests = market_like(fit, number)
    try:
        again = fit_market(
            fit.scenario, market.panel, tests=tests, prior=fit.prior, seed=fit.seed + 1 + number, worlds=fit.worlds
        )
    except CalibrationError as error:
        return Refit(number=number, error=str(error), seconds=time.perf_counter() - started)
    inside, off = against_truth(again, truth_of(again, market))
    codes = tuple(sorted({finding.code for finding in again.findings}))
    return Refit(number=number, inside=inside, off=off, codes=codes, seconds=time.perf_counter() - started)


def market_like(fit: MarketFit, number: int) -> tuple[KnownMarket, tuple[LiftTest, ...]]:
    """A market drawn from a fit's posterior, the records of its days, and its lift tests."""
    random = named_generator(fit.seed, f"calibration/self_test/{number}")
    normals = random.standard_normal(len(fit.parameters))
    truth = fit.space.theta(fit.optimum.z + np.linalg.cholesky(fit.covariance) @ normals)
    sampled = fit.space.sampled(truth[None])
    counted = fit.replay.count(sampled, seed=fit.seed, worlds=np.array([_FIRST_WORLD + number]))[0]
    panel = recorded(fit.replay, np.where(np.isnan(fit.replay.observed()), np.nan, counted))
    tests: list[LiftTest] = []
    if fit.likelihood.tests:
        expected = fit.replay.count(sampled)
        for placed in fit.likelihood.tests:
            test = placed.test
            lift = test.lift - test.se * float(placed.residual(fit.replay, sampled, expected)[0])
            tests.append(replace(test, lift=lift + test.se * float(random.standard_normal())))
    return KnownMarket(panel=panel, space=fit.space, truth=truth), tuple(tests)


def against_truth(fit: MarketFit, truth: FloatArray) -> tuple[dict[str, bool], dict[str, float]]:
    """By number of a fit: whether its stated interval holds the truth, and how far it lies above it.

    Args:
        fit: The fit.
        truth: Logs in the order of its parameters ``(P,)``.
    """
    names = [*(one.name for one in fit.parameters), *(f"incremental_return.{one}" for one in fit.returns.channels)]
    logs = np.concatenate([truth, true_returns(fit, truth)])
    at = np.concatenate([fit.mode, fit.returns.log])
    sd = np.concatenate([fit.sd, fit.returns.sd(fit.covariance)])
    ends = np.concatenate([fit.intervals, fit.returns.interval(fit.covariance)])
    inside = (ends[:, 0] <= np.exp(logs)) & (np.exp(logs) <= ends[:, 1])
    off = (at - logs) / sd
    return dict(zip(names, inside.tolist(), strict=True)), dict(zip(names, off.tolist(), strict=True))
