"""What a reader of a fit must know: codes with figures; faces turn them into sentences."""

from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from xbopt.calibration.fit.demand_check import DemandCheck
from xbopt.calibration.fit.identification import PRIOR_ONLY, Identification, steady_channels
from xbopt.calibration.fit.likelihood import Likelihood
from xbopt.calibration.fit.noise import WEEK
from xbopt.calibration.fit.optimum import Optimum
from xbopt.calibration.fit.slack import WantedSlack
from xbopt.core.arrays import FloatArray

FindingCode = Literal[
    "not_converged",
    "cold_start",
    "longer_warm_up",
    "more_scatter",
    "poor_fit",
    "short_panel",
    "few_regions",
    "no_tests",
    "contrast_unknown",
    "steady_spend",
    "visits_alone",
    "spend_follows_demand",
    "demand_unchecked",
    "season_differs",
    "test_disagrees",
    "in_doubt",
]
_CERTAIN = 3.0
DISAGREES = 3.0
"""Standard errors from which on a test and the panel contradict each other."""
_EARLY_WEEKS = 6
_RESTLESS = 1.3
_LEAST_WEEKS, _LEAST_REGIONS = 52, 8
_POOR = 1.3
_SCATTER = 2.0
_DOUBTS: frozenset[FindingCode] = frozenset(
    ("not_converged", "poor_fit", "spend_follows_demand", "season_differs", "test_disagrees", "short_panel")
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing to know.

    Attributes:
        code: What it is.
        place: Region, channel, kind of count or contrast that it is about; empty for the whole fit.
        figure: Its size: a multiple, a ratio, weeks or regions.
    """

    code: FindingCode
    place: str = ""
    figure: float = field(default=float("nan"))


def restless_start(likelihood: Likelihood, optimum: Optimum) -> bool:
    """Whether the first scored weeks deviate more than the others do: the days before still show."""
    early, late, count = _early_and_late(likelihood, optimum)
    return early > _RESTLESS * max(late, 1.0) and early / max(late, 1.0) > 1.0 + _CERTAIN * np.sqrt(2.0 / count)


def _early_and_late(likelihood: Likelihood, optimum: Optimum) -> tuple[float, float, int]:
    """Mean squares of the whitened residuals of the first six weeks and of the others, and how many the first are."""
    used = likelihood.noise.used
    white = likelihood.of_weeks(optimum.residuals) ** 2
    early, late = used[:_EARLY_WEEKS], used[_EARLY_WEEKS:]
    return (
        float(white[:_EARLY_WEEKS].sum() / max(early.sum(), 1)),
        float(white[_EARLY_WEEKS:].sum() / max(late.sum(), 1)),
        max(int(early.sum()), 1),
    )


def in_doubt(found: tuple[Finding, ...]) -> bool:
    """Whether the fit says of itself that its model does not hold: then nothing that leans on it is measured.

    It did not settle, deviates beyond its noise, scatters twice as much, saw spend follow demand or a season that it
    does not have, contradicts a test, or has less than a year, in which season and media cannot be told apart. Clicks
    may scatter: platforms count them roughly, orders and visits do not depend on it, and they then count the less.
    """
    codes = {one.code for one in found}
    return bool(codes & _DOUBTS) or any(
        one.code == "more_scatter" and one.figure > _SCATTER and not one.place.startswith("clicks.") for one in found
    )


def findings_of(
    likelihood: Likelihood,
    optimum: Optimum,
    covariance: FloatArray,
    judged: Identification,
    check: DemandCheck,
    wanted: WantedSlack,
    least_first: int,
) -> tuple[Finding, ...]:
    """Everything worth telling.

    Args:
        likelihood: The records.
        optimum: The mode.
        covariance: Posterior covariance in standardised coordinates ``(P, P)``.
        judged: What is known.
        check: How organic demand moved with spend.
        wanted: The season that the records would have.
        least_first: First day that would be scored without a longer warm-up.
    """
    space, noise = likelihood.space, likelihood.noise
    found: list[Finding] = []
    if not optimum.converged:
        found.append(Finding(code="not_converged", figure=optimum.decrement))
    found += _cold_starts(likelihood, optimum, covariance)
    if likelihood.first > least_first:
        found.append(Finding(code="longer_warm_up", figure=float(likelihood.first)))
    found += [
        Finding(code="more_scatter", place=kind, figure=float(np.sqrt(inflation)))
        for kind, inflation in zip(likelihood.replay.kinds, noise.inflation, strict=True)
        if inflation > 1.0
    ]
    fit = float((likelihood.of_weeks(optimum.residuals) ** 2).sum()) / max(noise.scored, 1)
    if fit > _POOR:
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
    found += [
        Finding(code="steady_spend", place=channels[c], figure=float(judged.moved[:, c].max()))
        for c in steady_channels(judged.moved)
    ]
    found += [
        Finding(code="visits_alone", place=one.name, figure=one.ratio)
        for one in judged.returns
        if one.ratio > PRIOR_ONLY and one.name in clicked
    ]
    places = (*space.market.scenario.regions, "")
    found += [
        Finding(code="spend_follows_demand", place=places[at], figure=float(check.elasticity[at]))
        for at in check.follows
    ]
    if not check.can_tell and not check.follows and len(steady_channels(judged.moved)) < len(channels):
        found.append(Finding(code="demand_unchecked", figure=check.least_seen))
    found += [
        Finding(code="season_differs", place=places[r], figure=float(wanted.height[r])) for r in wanted.beyond_belief
    ]
    for test, residual in zip(likelihood.tests, optimum.residuals[noise.used.size :], strict=True):
        if abs(residual) > DISAGREES:
            found.append(Finding(code="test_disagrees", place=test.test.name, figure=float(residual)))
    return tuple(found)


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
