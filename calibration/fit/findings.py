"""What a reader of a fit must know: codes with figures; faces turn them into sentences."""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Literal

import numpy as np

from xbopt.calibration.fit.demand_check import DemandCheck, Witness
from xbopt.calibration.fit.identification import PRIOR_ONLY, Identification, level_channels, steady_channels
from xbopt.calibration.fit.likelihood import Likelihood
from xbopt.calibration.fit.noise import WEEK, scatter_by_chance
from xbopt.calibration.fit.optimum import Optimum
from xbopt.calibration.fit.parameters import ParameterSpace
from xbopt.calibration.fit.returns import IncrementalReturns
from xbopt.core.arrays import FloatArray

FindingCode = Literal[
    "not_converged",
    "cold_start",
    "longer_warm_up",
    "more_scatter",
    "much_scatter",
    "poor_fit",
    "short_panel",
    "few_regions",
    "no_tests",
    "contrast_unknown",
    "steady_spend",
    "one_level",
    "visits_alone",
    "nothing_possible",
    "one_event",
    "spend_follows_demand",
    "orders_follow_spend",
    "demand_unchecked",
    "slow_demand",
    "test_disagrees",
    "in_doubt",
]
_CERTAIN = 3.0
_DISAGREES = 3.0
_EARLY_WEEKS = 6
_RESTLESS = 1.3
_LEAST_WEEKS, _LEAST_REGIONS = 52, 8
_POOR = 1.1
_FALSE_ALARM = 0.001
_VISITS_SCATTER, _SALES_SCATTER = 2.0, 1.1
_ONE_EVENT = 0.8
_NAMED = 3
_DOUBTS: frozenset[FindingCode] = frozenset(
    (
        "not_converged",
        "much_scatter",
        "poor_fit",
        "spend_follows_demand",
        "orders_follow_spend",
        "slow_demand",
        "test_disagrees",
        "short_panel",
    )
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing to know.

    Attributes:
        code: What it is.
        place: Region, channel, kind of count, contrast, parameters or day that it is about; empty for the whole fit.
        channel: Whose spend it is about, beside a region; empty for that of all.
        figure: Its size: a multiple, a ratio, standard deviations, weeks or regions.
    """

    code: FindingCode
    place: str = ""
    channel: str = ""
    figure: float = field(default=float("nan"))


def restless_start(likelihood: Likelihood, optimum: Optimum) -> bool:
    """Whether the first scored weeks deviate more than the others do: the days before still show."""
    early, late, count = _early_and_late(likelihood, optimum)
    return early > _RESTLESS * max(late, 1.0) and early / max(late, 1.0) > 1.0 + _CERTAIN * np.sqrt(2.0 / count)


def _early_and_late(likelihood: Likelihood, optimum: Optimum) -> tuple[float, float, int]:
    """Squares by degree of freedom of the first six weeks' residuals and of the others', and how many the first are."""
    used = likelihood.noise.used
    white, left = likelihood.of_weeks(optimum.residuals) ** 2, np.where(used, likelihood.of_weeks(optimum.freedom), 0.0)
    early, late = (
        float(white[weeks].sum() / max(left[weeks].sum(), 1.0))
        for weeks in (slice(_EARLY_WEEKS), slice(_EARLY_WEEKS, None))
    )
    return early, late, max(int(used[:_EARLY_WEEKS].sum()), 1)


def lack_of_fit(likelihood: Likelihood, optimum: Optimum) -> float:
    """Squares of the whitened residuals by degree of freedom that the fit left; 1 where noise explains them."""
    used = np.append(likelihood.noise.used.ravel(), np.ones(len(likelihood.tests), dtype=np.bool_))
    return float(optimum.residuals @ optimum.residuals) / max(float(optimum.freedom[used].sum()), 1.0)


def contradicted(likelihood: Likelihood, optimum: Optimum) -> list[tuple[int, float]]:
    """Positions of lift tests that the records contradict, and by how many standard errors.

    A test is held against what the fit would say without it, and against what it would say without any test of its
    channel: one that is wrong rules its channel, and several that are wrong alike vouch for each other.
    """
    found: list[tuple[int, float]] = []
    for t, row in enumerate(likelihood.rows_of_tests()):
        of_channel = likelihood.rows_of_tests(likelihood.tests[t].test.channel)
        off = (optimum.left_out([row])[0], optimum.left_out(of_channel)[of_channel.index(row)])
        largest = max(map(float, off), key=abs)
        if abs(largest) > _DISAGREES:
            found.append((t, largest))
    return found


def in_doubt(found: tuple[Finding, ...]) -> bool:
    """Whether the fit says of itself that its model does not hold: then nothing that leans on it is measured.

    It did not settle, deviates beyond its noise, has orders that scatter beyond chance (visits twice as much), saw
    spend move with visits or orders that it does not bring or demand move slowly in a way of its own, contradicts a
    test, or has less than a year, in which season and media cannot be told apart. Clicks may scatter: platforms count
    them roughly, orders and visits do not depend on it, and they then count the less.
    """
    return not _DOUBTS.isdisjoint(one.code for one in found)


def findings_of(
    likelihood: Likelihood,
    optimum: Optimum,
    worlds: FloatArray,
    covariance: FloatArray,
    judged: Identification,
    returns: IncrementalReturns,
    check: DemandCheck,
    least_first: int,
) -> tuple[Finding, ...]:
    """Everything worth telling.

    Args:
        likelihood: The records.
        optimum: The mode.
        worlds: Whitened residuals of the weekly counts of sampled worlds ``(B, N)``.
        covariance: Posterior covariance in standardised coordinates ``(P, P)``.
        judged: What is known.
        returns: What channels add.
        check: How demand moved in ways that the market does not know.
        least_first: First day that would be scored without a longer warm-up.
    """
    space, noise = likelihood.space, likelihood.noise
    found: list[Finding] = []
    if not optimum.converged:
        found.append(_unsettled(space, optimum))
    found += _cold_starts(likelihood, optimum, covariance)
    if likelihood.first > least_first:
        found.append(Finding(code="longer_warm_up", figure=float(likelihood.first)))
    found += _scatter(likelihood, worlds)
    fit = lack_of_fit(likelihood, optimum)
    if fit > max(_POOR, float(scatter_by_chance(noise, worlds, _FALSE_ALARM)[-1])):
        found.append(Finding(code="poor_fit", figure=fit))
    weeks, regions = likelihood.replay.days // WEEK, noise.sd.shape[1]
    if weeks < _LEAST_WEEKS:
        found.append(Finding(code="short_panel", figure=float(weeks)))
    if regions < _LEAST_REGIONS:
        found.append(Finding(code="few_regions", figure=float(regions)))
    if not likelihood.tests:
        found.append(Finding(code="no_tests"))
    found += [
        Finding(code="contrast_unknown", place=one.name, figure=one.ratio)
        for one in judged.contrasts
        if one.ratio > PRIOR_ONLY
    ]
    channels = space.market.scenario.channels
    clicked = {space.parameters[p].channel for p in space.of_kind("clicks")}
    # Also where the ratio alone says so: whoever reads "prior only" wants to know why.
    steady = steady_channels(judged.spread)
    found += [Finding(code="steady_spend", place=channels[c], figure=float(judged.spread[:, c].max())) for c in steady]
    found += [Finding(code="one_level", place=channels[c]) for c in level_channels(judged.moved) if c not in steady]
    found += [
        Finding(code="visits_alone", place=one.name, figure=one.ratio)
        for one in judged.returns
        if one.ratio > PRIOR_ONLY and one.name in clicked
    ]
    high = returns.interval(covariance)[:, 1]
    found += [
        Finding(code="nothing_possible", place=channel, figure=float(most))
        for channel, most, nothing in zip(returns.channels, high, returns.nothing_possible, strict=True)
        if nothing
    ]
    found += _one_event(likelihood, optimum)
    followed: tuple[tuple[Witness, FindingCode], ...] = (
        ("visits", "spend_follows_demand"),
        ("orders", "orders_follow_spend"),
    )
    for witness, code in followed:
        if (sign := check.follows(witness)) is not None:
            found.append(Finding(code=code, place=sign.region, channel=sign.channel, figure=sign.figure))
    if not check.can_tell and check.follows("visits") is None and len(steady) < len(channels):
        found.append(Finding(code="demand_unchecked", figure=check.least_seen))
    found += [Finding(code="slow_demand", place=one.region, figure=one.figure) for one in check.seasons]
    found += [
        Finding(code="test_disagrees", place=likelihood.tests[t].test.name, figure=off)
        for t, off in contradicted(likelihood, optimum)
    ]
    return tuple(found)


def _unsettled(space: ParameterSpace, optimum: Optimum) -> Finding:
    """How far the best values may lie off, in standard deviations of the posterior, and those that still move most."""
    covariance = np.linalg.inv(optimum.precision)
    moves = np.abs(covariance @ optimum.gradient) / np.sqrt(np.diag(covariance))
    most: list[int] = np.argsort(-moves, kind="stable")[:_NAMED].tolist()
    names = ", ".join(space.parameters[p].name for p in most)
    return Finding(code="not_converged", place=names, figure=float(np.sqrt(2.0 * optimum.decrement)))


def _scatter(likelihood: Likelihood, worlds: FloatArray) -> list[Finding]:
    """Kinds of counts that scatter more than the market's noise, and of those the ones that bring doubt.

    What moves orders and is not known may move with spend as well, so orders may scatter no more than a clean market's
    do in one fit of a thousand; or by a tenth, where so many weeks are known that less shows: no better is the noise.
    """
    noise, kinds = likelihood.noise, likelihood.replay.kinds
    sold = ("orders", "first", "revenue")
    by_chance = np.sqrt(scatter_by_chance(noise, worlds, _FALSE_ALARM / len(sold))[:-1])
    found: list[Finding] = []
    for kind, inflation, chance in zip(kinds, noise.inflation, by_chance, strict=True):
        least = np.inf if kind.startswith("clicks.") else _SALES_SCATTER if kind in sold else _VISITS_SCATTER
        scatter = float(np.sqrt(inflation))
        if scatter > 1.0:
            code: FindingCode = "much_scatter" if scatter > max(least, float(chance)) else "more_scatter"
            found.append(Finding(code=code, place=kind, figure=scatter))
    return found


def _one_event(likelihood: Likelihood, optimum: Optimum) -> list[Finding]:
    """Whether the lift of events rests on one of them, by the information of its weeks; the day is its strongest."""
    found: list[Finding] = []
    strength = np.abs(likelihood.space.market.calendar.event_strength[likelihood.first :]).max(axis=1)
    for p in likelihood.space.of_kind("event_lift"):
        told = (likelihood.of_weeks(optimum.jacobian[:, p]) ** 2).sum(axis=(1, 2))
        middle = int(np.argmax(told))
        # An event's lead-in and what comes after it are of the same event.
        around = slice(max(middle - 1, 0), middle + 2)
        share = float(told[around].sum() / max(told.sum(), 1e-12))
        if share > _ONE_EVENT:
            day = likelihood.first + WEEK * middle + int(np.argmax(strength[WEEK * middle : WEEK * (middle + 1)]))
            on = likelihood.replay.panel.start + timedelta(days=day)
            found.append(Finding(code="one_event", place=on.isoformat(), figure=share))
    return found


def _cold_starts(likelihood: Likelihood, optimum: Optimum, covariance: FloatArray) -> list[Finding]:
    """Regions whose first day has other customers than the scenario says, beyond three standard errors."""
    space = likelihood.space
    theta = space.theta(optimum.z)
    sd = space.posterior_sd(covariance)
    found: list[Finding] = []
    for kind in ("customers", "recent_customers"):
        for p in space.of_kind(kind):
            # The prior pulls towards the scenario; what the data alone say lies further off and is less certain.
            data_variance = 1.0 / max(1.0 / sd[p] ** 2 - 1.0 / space.sd[p] ** 2, 1e-12)
            data_log = theta[p] * data_variance / sd[p] ** 2
            if abs(data_log) > _CERTAIN * np.sqrt(data_variance):
                region = space.parameters[p].region
                assert region is not None, "customers belong to a region"
                found.append(Finding(code="cold_start", place=region, figure=float(np.exp(theta[p]))))
    return found
