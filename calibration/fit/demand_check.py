"""Does demand move in a way that the fit takes for granted it does not? Score tests of what the market does not know.

Where a seller spends more in weeks that would have sold more anyway, media are given what demand brought. The market
knows the calendar and conditions on the weeks before; a demand of the same week that only the seller saw is neither,
and no more is a season that the scenario lacks. Three witnesses are asked:

- ``season``: whether a region's demand moves slowly, by a trend and a yearly wave.
- ``visits``: whether organic visits, those that no click explains, move with the spend of their week.
- ``orders``: whether orders do beyond the visits that are there and beyond what media can bring in the fitted way.

Each is Rao's score test of further movements ``D`` at 0. With whitened residuals ``r`` at the mode, their derivatives
``J``, and ``M = I - J (J'J + I)^-1 J'``, the score ``D' r`` has mean 0 and covariance ``D' M D`` over noise and prior
(to first order).
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from scipy.stats import chi2

from xbopt.calibration.fit.likelihood import Likelihood
from xbopt.calibration.fit.optimum import DIFFERENCE, Optimum
from xbopt.calibration.fit.slack import DEMAND_SD, SLOW, Slack, SlackKind, spend_course
from xbopt.core.arrays import FloatArray
from xbopt.core.tables.published_ranges import published_ranges

Witness = Literal["season", "visits", "orders"]
_Move = tuple[Witness, str, str, FloatArray]
_FALSE_ALARM = 0.001
_LAGS = 4
_MATTERS = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreTest:
    """A score test of ``K`` movements of demand.

    Attributes:
        witness: What would show it.
        region, channel: Where demand moves and whose spend it moves with; empty for all together.
        score: Derivatives of the log posterior at 0 ``(K,)``.
        information: Their covariance by the model ``(K, K)``.
        scatter: Their variance as sampled worlds, or the weeks themselves, have it ``(K,)``.
    """

    witness: Witness
    region: str = ""
    channel: str = ""
    score: FloatArray = field(repr=False)
    information: FloatArray = field(repr=False)
    scatter: FloatArray = field(repr=False)

    @property
    def amounts(self) -> FloatArray:
        """One step from 0 ``(K,)``, where 1 is the prior standard deviation; an elasticity for spend."""
        count = len(self.score)
        return np.asarray(np.linalg.solve(self.information + np.eye(count), self.score), dtype=np.float64)

    @property
    def figure(self) -> float:
        """The elasticity to spend, or about how far demand moves from the scenario's season, a share."""
        return DEMAND_SD * float(np.linalg.norm(self.amounts)) if self.witness == "season" else float(self.amounts[0])

    @property
    def chance(self) -> float:
        """How likely so large a score is where nothing moves: chi-square of ``K``, by the larger variance."""
        wider = np.sqrt(np.maximum(self.scatter / np.maximum(np.diag(self.information), 1e-12), 1.0))
        score = self.score / wider
        regular = self.information + 1e-9 * np.eye(len(score))
        return float(chi2.sf(score @ np.linalg.solve(regular, score), len(score)))

    def least_seen(self, chance: float) -> float:
        """The least amount of one movement that is no chance."""
        known = max(float(self.information[0, 0]), 1e-12)
        return float(np.sqrt(chi2.isf(chance, 1) * max(known, float(self.scatter[0])))) / known


@dataclass(frozen=True, slots=True, kw_only=True)
class DemandCheck:
    """What the records say of movements of demand that the market does not know.

    Attributes:
        tests: All that were made.
        counted: Whether organic visits are known: all visits, and each channel's clicks. Without them nothing tells
            demand from media.
    """

    tests: tuple[ScoreTest, ...]
    counted: bool

    def bound(self, witness: Witness) -> float:
        """Chance below which it is none: one false alarm of a witness in a thousand fits, by Bonferroni."""
        return _FALSE_ALARM / max(sum(one.witness == witness for one in self.tests), 1)

    @property
    def seasons(self) -> list[ScoreTest]:
        """Regions whose demand moves slowly by a tenth or more, and more than a right season leaves to chance."""
        return [one for one in self._beyond("season") if one.figure > _MATTERS]

    def follows(self, witness: Witness) -> ScoreTest | None:
        """The clearest sign that a witness moves with spend; None where there is none, or no organic visits say so."""
        return min(self._beyond(witness), key=lambda one: one.chance, default=None) if self.counted else None

    def _beyond(self, witness: Witness) -> list[ScoreTest]:
        bound = self.bound(witness)
        return [one for one in self.tests if one.witness == witness and one.chance < bound]

    @property
    def least_seen(self) -> float:
        """The least elasticity of organic visits everywhere to all spend that would be seen; NaN where none would."""
        for one in self.tests if self.counted else ():
            if one.witness == "visits" and not one.region and not one.channel:
                return one.least_seen(self.bound("visits"))
        return float("nan")

    @property
    def can_tell(self) -> bool:
        """Whether an elasticity as large as the largest published one of advertising would be seen."""
        return self.least_seen <= published_ranges()["advertising_elasticity"].high


def check_demand(likelihood: Likelihood, optimum: Optimum, worlds: FloatArray, slow: FloatArray) -> DemandCheck:
    """Ask all witnesses.

    Args:
        likelihood: The records.
        optimum: The mode.
        worlds: Whitened residuals of the weekly counts of sampled worlds ``(B, N)``.
        slow: Derivatives of the residuals with respect to slow demand, `SLOW` of each region in turn ``(N, R * 3)``.
    """
    panel, scenario = likelihood.replay.panel, likelihood.replay.market.scenario
    moves: list[_Move] = [
        ("season", region, "", slow[:, SLOW * r : SLOW * (r + 1)]) for r, region in enumerate(scenario.regions)
    ]
    first, paid = likelihood.first, panel.spend.any(axis=(0, 1, 2))
    counted = bool(
        np.isfinite(panel.visits[first:]).any() and np.isfinite(panel.clicks[first:][..., paid]).any(axis=(0, 1)).all()
    )
    if counted:
        moves += _with_spend(likelihood, optimum)
    tests = tuple(
        ScoreTest(
            witness=witness, region=region, channel=channel, score=score, information=information, scatter=scatter
        )
        for witness, region, channel, move in moves
        for score, information, scatter in (_scored(likelihood, optimum, worlds, move),)
    )
    return DemandCheck(tests=tests, counted=counted)


def _with_spend(likelihood: Likelihood, optimum: Optimum) -> Iterator[_Move]:
    """Movements with the spend of the week: of all channels by region and everywhere, and of each channel."""
    spend, scenario = likelihood.replay.panel.spend, likelihood.replay.market.scenario
    course = spend_course(spend)
    paid: list[int] = np.flatnonzero(spend.any(axis=(0, 1, 2))).tolist()
    regions = range(course.shape[1])
    of_all = spend.sum(axis=(0, 2))
    share = (of_all / np.maximum(of_all.sum(axis=1, keepdims=True), 1e-12))[:, paid]
    kinds: tuple[tuple[Witness, SlackKind], ...] = (("visits", "demand"), ("orders", "conversion"))
    for witness, kind in kinds:
        slack = Slack(
            kinds=(kind,) * (len(regions) * len(paid)),
            place=tuple(r for r in regions for _ in paid),
            course=np.stack([course[:, r, c] for r in regions for c in paid]),
        )
        by_cell = likelihood.slack_derivatives(optimum.z, slack, DIFFERENCE).reshape(-1, len(regions), len(paid))
        # Spend of all channels is the sum of theirs, weighted by their money.
        by_region = (by_cell * share).sum(axis=2)
        for r in regions:
            yield witness, scenario.regions[r], "", by_region[:, r, None]
        yield witness, "", "", by_region.sum(axis=1, keepdims=True)
        for n, c in enumerate(paid if len(paid) > 1 else ()):
            yield witness, "", scenario.channels[c], by_cell.sum(axis=1)[:, n, None]


def _scored(
    likelihood: Likelihood, optimum: Optimum, worlds: FloatArray, moves: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Score, its covariance by the model, and its variance by sampled worlds or weeks, of movements ``(N, K)``."""
    jacobian = optimum.jacobian
    beyond = moves - jacobian @ np.linalg.solve(optimum.precision, jacobian.T @ moves)
    # Where sampled worlds, or the weeks themselves, scatter more than the whitening says, so does the score.
    scatter = (worlds @ beyond[: worlds.shape[1]]).var(axis=0, ddof=1) + ((jacobian.T @ beyond) ** 2).sum(axis=0)
    scatter = np.maximum(scatter, _scatter_by_week(likelihood, optimum.residuals[:, None] * beyond))
    return -(moves.T @ optimum.residuals), moves.T @ beyond, scatter


def _scatter_by_week(likelihood: Likelihood, parts: FloatArray) -> FloatArray:
    """Variance of sums of weekly parts ``(N, Q)`` that hang together for some weeks ``(Q,)`` (Newey and West 1987)."""
    weeks = len(likelihood.noise.used)
    counts = parts[: likelihood.noise.used.size].reshape(weeks, -1, parts.shape[1]).sum(axis=1)
    apart = counts - counts.mean(axis=0)
    found = (apart**2).sum(axis=0)
    for lag in range(1, min(_LAGS, weeks - 1) + 1):
        found = found + 2.0 * (1.0 - lag / (_LAGS + 1)) * (apart[lag:] * apart[:-lag]).sum(axis=0)
    return found
