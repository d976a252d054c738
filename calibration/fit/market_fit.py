"""Fit a market to a panel: the verb of this package."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from xbopt.calibration.fit.demand_check import check_demand
from xbopt.calibration.fit.draws import MarketDraws, market_draws
from xbopt.calibration.fit.findings import Finding, contradicted, findings_of, in_doubt, lack_of_fit, restless_start
from xbopt.calibration.fit.identification import MEASURED, Identification, identification, ratio_of
from xbopt.calibration.fit.lift_tests import LiftTest, placed_tests
from xbopt.calibration.fit.likelihood import Likelihood, sampled_noise
from xbopt.calibration.fit.noise import WEEK, inflated, weekly
from xbopt.calibration.fit.optimum import DIFFERENCE, Optimum, find_mode
from xbopt.calibration.fit.parameters import Parameter, ParameterSpace, parameter_space
from xbopt.calibration.fit.predictive import PriorSign, prior_predictive, refuse_nonsense
from xbopt.calibration.fit.prior import Prior
from xbopt.calibration.fit.replay import Replay, replay_of
from xbopt.calibration.fit.returns import FAR_BELOW, WIDE, IncrementalReturns, incremental_returns
from xbopt.calibration.fit.slack import SLOW, slack_of
from xbopt.calibration.panel import CalibrationPanel
from xbopt.core.arrays import FloatArray
from xbopt.core.errors import CalibrationError
from xbopt.core.frames import Frame
from xbopt.core.randomness import named_generator
from xbopt.core.scenario.scenario import Scenario
from xbopt.studies.frames import frame_of

WARM_UP_DAYS = 28
"""Days that are played and not scored: what media and deals of unknown days left behind has faded by then."""
_LEAST_WEEKS = 8
LEAST_DAYS = WARM_UP_DAYS + _LEAST_WEEKS * WEEK
"""Days that a panel needs."""
_MOST_EXTENSIONS = 3
_ROUNDS = 3
MOST_ROUNDS = _ROUNDS + 2 * _MOST_EXTENSIONS
"""Rounds where the warm-up grows as often as it may, each time after a last round."""
_NEAR_FRAC = 1e-3
"""What a step may still gain of the objective, a share of it, where scatter is read off: that moves it no more."""
_DOUBTED_WEIGHT = 0.1
NOISE_WORLDS = 256
"""Sampled worlds that the noise is read off; a quarter of them in the first round, far from the mode."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketFit:
    """A market fitted to a panel.

    Attributes:
        scenario: The scenario that was fitted.
        likelihood: The records and the noise around what a market expects.
        optimum: The mode, in standardised coordinates.
        covariance: Posterior covariance in standardised coordinates ``(P, P)``.
        prior_signs: Vital signs of the prior.
        returns: What channels add.
        identification: What the records told.
        findings: What a reader must know before using any of it.
        seed: Seed of the noise and of the draws.
        prior: How sure anybody was beforehand.
        worlds: Sampled worlds that the noise was read off.
    """

    scenario: Scenario = field(repr=False)
    likelihood: Likelihood = field(repr=False)
    optimum: Optimum = field(repr=False)
    covariance: FloatArray = field(repr=False)
    prior_signs: tuple[PriorSign, ...] = field(repr=False)
    returns: IncrementalReturns = field(repr=False)
    identification: Identification = field(repr=False)
    findings: tuple[Finding, ...]
    seed: int
    prior: Prior = field(repr=False)
    worlds: int

    @property
    def space(self) -> ParameterSpace:
        """The parameters and their prior."""
        return self.likelihood.space

    @property
    def replay(self) -> Replay:
        """The panel's days, to be played again."""
        return self.likelihood.replay

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """The parameters in their order."""
        return self.space.parameters

    @property
    def mode(self) -> FloatArray:
        """Logs of the multipliers at the mode ``(P,)``."""
        return self.space.theta(self.optimum.z)

    @property
    def sd(self) -> FloatArray:
        """Posterior standard deviations of the logs ``(P,)``."""
        return self.space.posterior_sd(self.covariance)

    @property
    def intervals(self) -> FloatArray:
        """95 % intervals of the multipliers, from and to ``(P, 2)``; a return that may be nothing begins at 0."""
        low, high = np.exp(self.mode - WIDE * self.sd), np.exp(self.mode + WIDE * self.sd)
        far = self.mode - self.space.mean <= FAR_BELOW * self.space.sd
        nothing = far & np.array([one.kind == "return" for one in self.parameters])
        return np.stack([np.where(nothing, 0.0, low), high], axis=1)

    @property
    def chi_square(self) -> float:
        """Square of the whitened residuals by degree of freedom; 1 where noise explains what the mode does not."""
        return lack_of_fit(self.likelihood, self.optimum)

    def to_frame(self) -> Frame:
        """One row a parameter: ``parameter``, ``mode``, ``low``, ``high``, ``ratio``, ``verdict``. An Arrow table.

        ``mode`` multiplies the scenario's own number; ``low`` and ``high`` bound its 95 % interval.
        """
        return frame_of(
            {
                "parameter": judged.name,
                "mode": float(np.exp(log)),
                "low": float(low),
                "high": float(high),
                "ratio": judged.ratio,
                "verdict": judged.verdict,
            }
            for judged, log, (low, high) in zip(self.identification.parameters, self.mode, self.intervals, strict=True)
        )

    def theta_draws(self, rows: int) -> FloatArray:
        """Draws of the logs ``(N, P)``, the same for the same fit."""
        normals = named_generator(self.seed, "calibration/draws").standard_normal((rows, len(self.parameters)))
        return self.space.theta(self.optimum.z + normals @ np.linalg.cholesky(self.covariance).T)

    def draws(self, rows: int = 512) -> MarketDraws:
        """Joint draws of the scenario's own numbers, one row a world; the same for the same fit.

        Args:
            rows: Number of draws, 2 at least.
        """
        prices = named_generator(self.seed, "calibration/prices").standard_normal((rows, *self.space.exposure.shape))
        return market_draws(self.replay, self.space, self.theta_draws(rows), prices)


def fit_market(
    scenario: Scenario,
    panel: CalibrationPanel,
    *,
    tests: Sequence[LiftTest] = (),
    prior: Prior | None = None,
    seed: int = 0,
    worlds: int = NOISE_WORLDS,
    on_round: Callable[[int, int], None] | None = None,
) -> MarketFit:
    """Fit a scenario's market to a panel.

    Args:
        scenario: What is fitted; its numbers are the prior's centre.
        panel: The records.
        tests: Lift tests on days of the panel.
        prior: How sure anybody is beforehand; published ranges where left out.
        seed: Seed of the noise that is simulated.
        worlds: Sampled worlds that the noise is read off, 32 at least.
        on_round: Called with the rounds done and in all; a longer warm-up adds some, up to `MOST_ROUNDS`.

    Raises:
        CalibrationError: The panel is too short or sells nothing, a test is not about it, or the prior says nonsense.
    """
    first = first_scored(panel)
    replay, belief = replay_of(scenario, panel), prior or Prior()
    signs = prior_predictive(replay, parameter_space(replay.market, panel, belief, first), first, seed=seed)
    refuse_nonsense(signs)

    fitted = _fitted(replay, belief, tests, first, seed, worlds, on_round or (lambda _done, _total: None))
    likelihood, optimum, noise = fitted
    first = likelihood.first
    wider = _wider(optimum, noise)
    spend = weekly(panel.spend.sum(axis=2), first)
    returns = incremental_returns(likelihood, optimum.z)
    slack = _slack(likelihood, optimum)
    tested = {test.channel for test in tests}

    def judge(seen: Optimum, loose: FloatArray) -> tuple[FloatArray, Identification]:
        covariance = _widened(seen, wider)
        with_slack = _with_slack(seen, loose, covariance)
        return covariance, identification(likelihood.space, returns, covariance, with_slack, spend, tested)

    covariance, judged = judge(optimum, slack)
    check = check_demand(*fitted, slack[:, -SLOW * panel.spend.shape[1] :])
    findings = findings_of(*fitted, covariance, judged, returns, check, first_scored(panel))
    if in_doubt(findings):
        doubted = _doubted(optimum, likelihood.noise.used.size)
        covariance, judged = judge(doubted, np.sqrt(_DOUBTED_WEIGHT) * slack)
        judged = judged.in_doubt(_told_by_tests(likelihood, optimum, returns))
        findings = (*findings, Finding(code="in_doubt"))
    return MarketFit(
        scenario=scenario,
        likelihood=likelihood,
        optimum=optimum,
        covariance=covariance,
        prior_signs=signs,
        returns=returns,
        identification=judged,
        findings=findings,
        seed=seed,
        prior=belief,
        worlds=worlds,
    )


def first_scored(panel: CalibrationPanel) -> int:
    """First day that is scored: whole weeks up to the panel's last day, after four weeks at least.

    Raises:
        CalibrationError: The panel is too short, or sells nothing.
    """
    first = WARM_UP_DAYS + (panel.days - WARM_UP_DAYS) % WEEK
    if panel.days - first < _LEAST_WEEKS * WEEK:
        raise CalibrationError(
            f"The panel has {panel.days} days; {WARM_UP_DAYS} of them warm up, and {_LEAST_WEEKS} weeks at least must "
            f"be left to compare. Give {LEAST_DAYS} days or more."
        )
    if not np.nansum(panel.orders[first:]) > 0.0:
        raise CalibrationError("The panel has no orders after its first four weeks: nothing can be said of a response.")
    return first


def _fitted(
    replay: Replay,
    prior: Prior,
    tests: Sequence[LiftTest],
    first: int,
    seed: int,
    most: int,
    on_round: Callable[[int, int], None],
) -> tuple[Likelihood, Optimum, FloatArray]:
    """The mode, and whitened residuals of sampled worlds ``(B, N)`` there; the likelihood knows its first scored day.

    Noise is read off nearer to the mode in each round. A start that is restless near the mode is restless at it: so the
    warm-up grows before the last and dearest round, and each round begins where the one before ended.
    """
    done, total = 0, _ROUNDS
    begins = [first + 4 * WEEK * n for n in range(_MOST_EXTENSIONS + 1) if _may_begin(replay.panel, tests, first, n)]
    found: _Round | None = None

    def play(worlds: int, rough_frac: float, *, inflates: bool = True) -> _Round:
        nonlocal done
        on_round(done, total)
        done += 1
        return _round(replay, prior, tests, begins[0], found, worlds, seed, rough_frac, inflates=inflates)

    found = play(most // 4, 0.05, inflates=False)
    while True:
        found = play(most, 0.01)
        if len(begins) == 1 or not restless_start(found.likelihood, found.optimum):
            found = play(most, 0.0)
            if len(begins) == 1 or not restless_start(found.likelihood, found.optimum):
                return found.likelihood, found.optimum, found.worlds
            total += 1
        begins, total = begins[1:], total + 1


def _may_begin(panel: CalibrationPanel, tests: Sequence[LiftTest], first: int, longer: int) -> bool:
    """Whether so many times four weeks more may warm up: enough weeks are left then, and no test began before."""
    begins = first + 4 * WEEK * longer
    enough = panel.days - begins >= 2 * _LEAST_WEEKS * WEEK
    return longer == 0 or (enough and all((test.start - panel.start).days >= begins for test in tests))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Round:
    """A mode, near enough, with the noise that it was found by, and whitened sampled worlds ``(B, N)``."""

    likelihood: Likelihood
    optimum: Optimum
    worlds: FloatArray


def _round(
    replay: Replay,
    prior: Prior,
    tests: Sequence[LiftTest],
    first: int,
    before: _Round | None,
    worlds: int,
    seed: int,
    rough_frac: float,
    *,
    inflates: bool,
) -> _Round:
    """Noise at the mode of the round before, and the mode by it; ``inflates`` where the records scatter more."""
    space = parameter_space(replay.market, replay.panel, prior, first)
    placed = placed_tests(replay, tests, first)
    z = np.zeros(len(space.parameters))
    if before is not None:
        known = dict(zip((one.name for one in before.likelihood.space.parameters), before.optimum.z, strict=True))
        z = np.array([known.get(one.name, 0.0) for one in space.parameters])
    noise, sampled = sampled_noise(replay, space, z, first, placed, worlds=worlds, seed=seed)
    likelihood = Likelihood(replay=replay, space=space, first=first, tests=placed, noise=noise)
    optimum = find_mode(likelihood.residuals, z, rough_frac=max(rough_frac, _NEAR_FRAC))
    if inflates:
        larger = inflated(noise, likelihood.of_weeks(optimum.residuals), likelihood.of_weeks(optimum.freedom))
        likelihood = replace(likelihood, noise=larger)
        optimum = find_mode(likelihood.residuals, optimum.z, rough_frac=rough_frac)
    return _Round(likelihood=likelihood, optimum=optimum, worlds=sampled)


def _wider(optimum: Optimum, worlds: FloatArray) -> FloatArray:
    """What multiplies Gauss-Newton standard deviations where sampled worlds scatter more ``(P,)`` (Godambe 1960).

    The score of a sampled world is ``J' u``; where its variance passes the information ``J' J``, the sandwich
    ``H^-1 (V + I) H^-1`` is the wider one. Each parameter takes the larger, beyond what 256 worlds leave to chance.
    """
    inverse = np.linalg.inv(optimum.precision)
    scores = worlds @ optimum.jacobian[: worlds.shape[1]]
    count = len(worlds)
    variance = np.cov(scores, rowvar=False) + np.eye(len(optimum.z))
    tested = optimum.jacobian[worlds.shape[1] :]
    sandwich = inverse @ (variance + tested.T @ tested) @ inverse
    ratio = np.diag(sandwich) / np.diag(inverse)
    return np.sqrt(np.where(ratio > 1.0 + 2.0 * np.sqrt(2.0 / count), ratio, 1.0))


def _widened(optimum: Optimum, wider: FloatArray) -> FloatArray:
    """Posterior covariance ``(P, P)``: Gauss-Newton, widened as sampled worlds ask, in doubt as without."""
    return np.asarray(np.linalg.inv(optimum.precision) * np.outer(wider, wider), dtype=np.float64)


def _slack(likelihood: Likelihood, optimum: Optimum) -> FloatArray:
    """Derivatives of the residuals with respect to slack at the mode ``(N, Q)``; of demand by region last."""
    regions, _, channels, _ = likelihood.replay.market.shape
    return likelihood.slack_derivatives(optimum.z, slack_of(likelihood.replay.days, regions, channels), DIFFERENCE)


def _with_slack(optimum: Optimum, slack: FloatArray, covariance: FloatArray) -> FloatArray:
    """Posterior covariance with slack in the price of reach and in the season of demand; never the narrower one."""
    both = np.concatenate([optimum.jacobian, slack], axis=1)
    inverse = np.asarray(np.linalg.inv(both.T @ both + np.eye(both.shape[1])), dtype=np.float64)
    count = len(optimum.z)
    # What slack adds, on top of what the covariance holds already.
    held = covariance - np.linalg.inv(optimum.precision)
    return held + inverse[:count, :count]


def _doubted(optimum: Optimum, scored: int) -> Optimum:
    """The mode as records see it whose model is in doubt: they count a tenth, and lift tests in full.

    A power posterior (Grünwald and van Ommen 2017): what a wrong model makes of its records is not to be trusted to the
    last digit. Where the records tell nearly everything, standard errors are about three times as large.
    """
    jacobian, residuals = optimum.jacobian.copy(), optimum.residuals.copy()
    jacobian[:scored] *= np.sqrt(_DOUBTED_WEIGHT)
    residuals[:scored] *= np.sqrt(_DOUBTED_WEIGHT)
    return replace(optimum, jacobian=jacobian, residuals=residuals)


def _told_by_tests(likelihood: Likelihood, optimum: Optimum, returns: IncrementalReturns) -> set[str]:
    """Channels whose lift tests alone measure their return, and agree with what was found."""
    told: set[str] = set()
    wrong = {likelihood.tests[t].test.channel for t, _ in contradicted(likelihood, optimum)}
    for channel, direction in zip(returns.channels, returns.gradient, strict=True):
        own = likelihood.rows_of_tests(channel)
        if not own or channel in wrong:
            continue
        rows = optimum.jacobian[own]
        by_tests = np.asarray(np.linalg.inv(rows.T @ rows + np.eye(len(optimum.z))), dtype=np.float64)
        if ratio_of(direction, by_tests) <= MEASURED:
            told.add(channel)
    return told
