"""What promotions bring in their own weeks, and what they take from the weeks before and after."""

from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from xbopt.calibration.absorbed_effects import OwnSlopes, RegressionError
from xbopt.calibration.count_regression import CountFit, chance_of_zero, clustered_covariance, fit_counts
from xbopt.calibration.demand_swings import FOLLOWS_CHANCE, following_error, swing_covariance, swing_variance
from xbopt.calibration.intervals import PRIOR_ONLY, Interval, student_widening, with_prior
from xbopt.calibration.promotion_weeks import PromotionWeeks
from xbopt.calibration.time_controls import Control, numbered, own_courses, rows_with_sales, time_control
from xbopt.core.arrays import FloatArray, IntArray
from xbopt.core.randomness import named_generator
from xbopt.studies.frames import Frame, frame_of

LAGS = tuple(range(-2, 9))
"""Weeks from the promotion's own, 0: two before it to eight after it."""
_OWN = LAGS.index(0)
_FEWEST_STARTS, _FEWEST_WEEKS = 6, 4
_FEW_CLUSTERS, _BLOCK_WEEKS = 20, 4
_DRAWS = 4000

PromotionReason = Literal[
    "",
    "no_promotions",
    "always_on",
    "too_few",
    "collinear",
    "common_dates",
    "deals_follow_demand",
    "no_bump",
    "wide",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class PullForwardPrior:
    """Share of a promotion's bump that is borrowed from other weeks.

    About a third in weekly store data (van Heerde, Leeflang, Wittink 2004), 6 % in daily data (Leeflang 2008).
    """

    mean: float = 1.0 / 3.0
    sd: float = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class PromotionProfile:
    """A promotion of the usual depth, week by week. Sales are in units of a usual week, intervals hold 95 %.

    Attributes:
        status: Whether the data say how much is borrowed, or all is prior.
        reason: Why it is; empty otherwise.
        starts: Promotions that begin after a week without one.
        depth: Mean depth of the weeks with a promotion; 0 without any.
        lags: Additional sales by week from `LAGS`; empty where nothing was estimated.
        bump: Additional sales in its own week.
        before: The same in the two weeks before: below 0 where people wait.
        dip: The same in the eight weeks after.
        net: All of it.
        deal_elasticity: Log sales a log price in its own week; at most a few times that of a lasting price.
        pull_forward: Share of the bump that other weeks lose, pooled with the prior.
        pull_forward_sd: Its standard deviation.
        from_data: The same without the prior.
        prior: The prior.
        control: Which movements over time are taken out.
        clusters: Number of clusters behind the intervals.
    """

    status: Literal["measured", "prior only"]
    reason: PromotionReason
    starts: int
    depth: float
    lags: tuple[Interval, ...] = field(default=(), repr=False)
    bump: Interval | None = None
    before: Interval | None = None
    dip: Interval | None = None
    net: Interval | None = None
    deal_elasticity: Interval | None = None
    pull_forward: float
    pull_forward_sd: float
    from_data: Interval | None = None
    prior: PullForwardPrior
    control: Control | None = None
    clusters: int = 0

    @property
    def ratio(self) -> float:
        """Posterior over prior standard deviation of the share: 1 where the data say nothing."""
        return self.pull_forward_sd / self.prior.sd

    def to_frame(self) -> Frame:
        """One row a week: ``lag``, ``value``, ``low``, ``high``."""
        rows = [
            {"lag": lag, "value": week.value, "low": week.low, "high": week.high}
            for lag, week in zip(LAGS, self.lags, strict=False)
        ]
        return frame_of(rows)


def promotion_profile(
    weeks: PromotionWeeks, *, prior: PullForwardPrior | None = None, seed: int = 0
) -> PromotionProfile:
    """Estimate bump, dip and what is left of a promotion.

    Weekly sales follow ``exp(a + w + sum_k b_k x[t - k])``, ``x = -log(1 - discount)``, ``k`` from -2 to 8, with an
    effect ``a`` of each series, a trend and a yearly wave of its own, and ``w`` of each week (the distributed leads and
    lags of van Heerde, Leeflang, Wittink 2000). Promotions of all series at once say nothing: such weeks are chosen for
    their demand. Neither do promotions before which sales rose or fell. Intervals come from draws of the coefficients'
    clustered covariance.

    Args:
        weeks: Sales and discounts.
        prior: What is known of the borrowed share.
        seed: Seed of the draws.
    """
    known = prior or PullForwardPrior()
    promoted = weeks.depth > 0.0
    starts = weeks.starts
    depth = float(weeks.depth[promoted].mean()) if promoted.any() else 0.0

    def unknown(reason: PromotionReason) -> PromotionProfile:
        return PromotionProfile(
            status="prior only",
            reason=reason,
            starts=len(starts),
            depth=depth,
            pull_forward=known.mean,
            pull_forward_sd=known.sd,
            prior=known,
        )

    if not promoted.any():
        return unknown("no_promotions")
    if promoted.all():
        return unknown("always_on")
    if len(starts) < _FEWEST_STARTS or len(np.unique(weeks.week[starts])) < _FEWEST_WEEKS:
        return unknown("too_few")
    rows, lagged = _lagged(weeks)
    if len(rows) < 4 * len(LAGS):
        return unknown("too_few")
    everywhere = np.zeros(len(rows), dtype=np.int64)
    places = weeks.series[rows], everywhere, weeks.week[rows]
    control = time_control(lagged[:, _OWN], *places)
    if control is None:
        return unknown("collinear")
    if control == "smooth":
        return unknown("common_dates")
    kept = rows_with_sales(weeks.sales[rows], control, *places)
    groups = own_courses(places[0][kept], places[2][kept]), numbered(places[2][kept])
    candidates = _clusters(weeks, rows[kept]), groups[1]
    try:
        fit = fit_counts(weeks.sales[rows][kept], lagged[kept], groups)
        before = max(chance_of_zero(fit, slice(0, _OWN), clusters) for clusters in candidates)
        # Few clusters may agree by chance: the larger of two errors covers (Angrist, Pischke 2009, section 8.1).
        covariance, clusters = max(
            (clustered_covariance(fit, clusters) for clusters in candidates),
            key=lambda one: float(np.trace(one[0])) * student_widening(one[1] - 1) ** 2,
        )
    except (RegressionError, np.linalg.LinAlgError):
        return unknown("collinear")
    if not np.isfinite(covariance).all():
        return unknown("collinear")
    if before < FOLLOWS_CHANCE:
        return unknown("deals_follow_demand")
    drawn = _draws(fit.coefficients, covariance, clusters, _errors_of_following(fit, *groups), seed)
    return _profile(known, fit.coefficients, drawn, depth, len(starts), control, clusters)


def _errors_of_following(fit: CountFit, own: OwnSlopes, week: IntArray) -> FloatArray:
    """Standard errors of the responses ``(K,)``, as some promotions may lie on weeks with more demand anyway.

    A swing that lasts is in the weeks before and after as well, the less the further they are.
    """
    variance = swing_variance(fit, own, week)
    moved = float(fit.weights @ fit.regressors[:, _OWN] ** 2 / fit.weights.sum())
    lasts = np.clip(swing_covariance(fit, own, week)[0] / max(variance, 1e-12), 0.0, 0.95)
    return following_error(variance, moved) * lasts ** np.abs(np.array(LAGS))


def _profile(
    prior: PullForwardPrior,
    coefficients: FloatArray,
    drawn: FloatArray,
    depth: float,
    starts: int,
    control: Control,
    clusters: int,
) -> PromotionProfile:
    usual = -np.log1p(-depth)
    value, spread = np.expm1(coefficients * usual), np.expm1(np.clip(drawn * usual, -50.0, 50.0))

    def figure(chosen: slice) -> Interval:
        return _interval(float(value[chosen].sum()), spread[:, chosen].sum(axis=1))

    bump, net = figure(slice(_OWN, _OWN + 1)), figure(slice(None))
    from_data, posterior, posterior_sd = None, prior.mean, prior.sd
    if bump.low > 0.0:
        # The bump keeps clear of 0, so its quotients have quantiles that mean something.
        borrowed = 1.0 - spread.sum(axis=1) / np.maximum(spread[:, _OWN], 1e-9)
        from_data = _interval(1.0 - net.value / bump.value, borrowed)
        sd = max((from_data.high - from_data.low) / (2.0 * 1.96), 1e-9)
        posterior, posterior_sd = with_prior(from_data.value, sd, prior.mean, prior.sd)
    is_measured = posterior_sd <= PRIOR_ONLY * prior.sd
    return PromotionProfile(
        status="measured" if is_measured else "prior only",
        reason="" if is_measured else ("no_bump" if from_data is None else "wide"),
        starts=starts,
        depth=depth,
        lags=tuple(figure(slice(k, k + 1)) for k in range(len(LAGS))),
        bump=bump,
        before=figure(slice(0, _OWN)),
        dip=figure(slice(_OWN + 1, None)),
        net=net,
        deal_elasticity=_interval(-float(coefficients[_OWN]), -drawn[:, _OWN]),
        pull_forward=posterior,
        pull_forward_sd=posterior_sd,
        from_data=from_data,
        prior=prior,
        control=control,
        clusters=clusters,
    )


def _lagged(weeks: PromotionWeeks) -> tuple[IntArray, FloatArray]:
    """Rows whose leads and lags are all known ``(M,)``, and ``-log(1 - discount)`` at each ``(M, K)``.

    The discount of week ``t`` acts on week ``t + k``: column ``k`` of a row holds the discount ``k`` weeks before it.
    """
    span = int(weeks.week.max(initial=0)) + 1
    count = int(weeks.series.max(initial=0)) + 1
    x = np.full((count, span), np.nan)
    x[weeks.series, weeks.week] = -np.log1p(-weeks.depth)
    columns: list[FloatArray] = []
    for lag in LAGS:
        at = weeks.week - lag
        inside = (at >= 0) & (at < span)
        columns.append(np.where(inside, x[weeks.series, np.clip(at, 0, span - 1)], np.nan))
    lagged = np.column_stack(columns)
    rows = np.flatnonzero(np.isfinite(lagged).all(axis=1))
    return rows, lagged[rows]


def _clusters(weeks: PromotionWeeks, rows: IntArray) -> IntArray:
    """What may hang together: a series, or four weeks of it where there are few."""
    series = weeks.series[rows]
    return series if len(np.unique(series)) >= _FEW_CLUSTERS else series * 10_000 + weeks.week[rows] // _BLOCK_WEEKS


def _draws(mean: FloatArray, covariance: FloatArray, clusters: int, following: FloatArray, seed: int) -> FloatArray:
    """Draws of Student's t with one degree of freedom less than clusters ``(D, K)``, errors of following in step."""
    rng = named_generator(seed, "promotion_profile")
    values, vectors = np.linalg.eigh(covariance)
    normal = rng.standard_normal((_DRAWS, len(mean))) * np.sqrt(np.maximum(values, 0.0))
    drawn = mean + student_widening(clusters - 1) * normal @ vectors.T
    return drawn + rng.standard_normal((_DRAWS, 1)) * following


def _interval(value: float, draws: FloatArray) -> Interval:
    low, high = np.quantile(draws, [0.025, 0.975])
    return Interval(value=value, low=float(low), high=float(high))
