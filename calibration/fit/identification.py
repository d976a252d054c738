"""What the records have told and what is prior only: by parameter, by contrast of channels, by direction.

A ratio of 1 says that the data told nothing, 0 that they told everything: posterior over prior standard deviation. A
parameter alone can hide that only a sum is known: two channels that always ran together have a ratio of 0.71 each, and
their contrast one of 1. So contrasts and the directions of the whole posterior are looked at too, and everything is
looked at again with slack in what the model takes for granted.
"""

from collections.abc import Collection
from dataclasses import dataclass, field, replace
from itertools import combinations
from typing import Literal

import numpy as np

from xbopt.calibration.fit.parameters import ParameterSpace
from xbopt.calibration.fit.returns import IncrementalReturns
from xbopt.core.arrays import FloatArray

PRIOR_ONLY = 0.8
"""A larger ratio is no measurement."""
MEASURED = 0.5
MOVED = 1.5
"""Spend of the 90th over the 10th percentile of weeks; below it no curvature is measured."""
SPREAD = 0.15
"""Standard deviation over mean of weekly spend; below it no carry-over, and a return only by a lift test."""

Verdict = Literal["measured", "partly", "prior_only"]
HeldBack = Literal["", "contrast", "steady_spend", "one_level", "misfit"]
_LEVELS = ("return", "visit_quality")
_CURVES = ("half_saturation", "visit_half_saturation")
_LASTS = ("carry_over", "visit_carry_over")
_SHOWN = 3
_LEAST_WEIGHT = 0.3


@dataclass(frozen=True, slots=True, kw_only=True)
class Identified:
    """How far the data told one thing.

    Attributes:
        kind: One parameter, a channel's incremental return, the contrast of two returns, or a direction.
        name: The parameter, the channel, ``channel - channel``, or the direction's largest parts.
        ratio: Posterior over prior standard deviation, with slack.
        without_slack: The same if the model is taken at its word.
        verdict: What may be said of it.
        held_back: Why a verdict is worse than its ratio; empty where it is not.
    """

    kind: Literal["parameter", "return", "contrast", "direction"]
    name: str
    ratio: float
    without_slack: float
    verdict: Verdict
    held_back: HeldBack = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Identification:
    """What is known.

    Attributes:
        parameters: One each, in the fit's order.
        returns: The incremental return of each channel that was paid, over all regions.
        contrasts: Of each pair of these.
        directions: Of the posterior, the least known first; those with a ratio above `PRIOR_ONLY`.
        moved: How far each channel's spend moved from week to week in each region ``(R, C)``: the 90th over the 10th
            percentile; infinite where it paused, 1 where nothing was spent.
        spread: How much it did so: standard deviation over mean of the weeks ``(R, C)``; 0 where nothing was spent. A
            channel that is on, or off, for a few weeks has moved, though most of its weeks are alike.
    """

    parameters: tuple[Identified, ...] = field(repr=False)
    returns: tuple[Identified, ...] = field(repr=False)
    contrasts: tuple[Identified, ...] = field(repr=False)
    directions: tuple[Identified, ...] = field(repr=False)
    moved: FloatArray = field(repr=False)
    spread: FloatArray = field(repr=False)

    def verdict_of(self, name: str) -> Verdict:
        """The verdict on a parameter.

        Raises:
            KeyError: The fit has no such parameter.
        """
        verdicts: dict[str, Verdict] = {one.name: one.verdict for one in self.parameters}
        return verdicts[name]

    def in_doubt(self, tested: Collection[str] = ()) -> "Identification":
        """The same where the model does not fit its records: nothing is measured, whatever the ratios say.

        A ratio takes the model at its word. Where the word is doubtful, what leans on it is told in part at best.

        Args:
            tested: Channels whose lift tests alone measure their return: they need no model's word.
        """

        def lowered(all_of: tuple[Identified, ...]) -> tuple[Identified, ...]:
            return tuple(
                replace(one, verdict="partly", held_back="misfit")
                if one.verdict == "measured" and not (one.kind == "return" and one.name in tested)
                else one
                for one in all_of
            )

        return replace(
            self,
            parameters=lowered(self.parameters),
            returns=lowered(self.returns),
            contrasts=lowered(self.contrasts),
        )


def identification(
    space: ParameterSpace,
    returns: IncrementalReturns,
    covariance: FloatArray,
    with_slack: FloatArray,
    weekly_spend: FloatArray,
    tested: Collection[str] = (),
) -> Identification:
    """Judge a posterior.

    Args:
        space: The parameters.
        returns: What channels add.
        covariance: Posterior covariance in standardised coordinates ``(P, P)``.
        with_slack: The same with slack.
        weekly_spend: Spend by week, region and channel ``(W, R, C)``.
        tested: Channels with a lift test: it speaks of them alone, whatever another's return may be.
    """
    moved, spread = _moved(weekly_spend), _spread(weekly_spend)
    contrasts = _contrasts(returns, covariance, with_slack)
    unknown = {channel for one in contrasts if one.ratio > PRIOR_ONLY for channel in one.name.split(" - ")}
    unknown -= {
        channel
        for channel, direction in zip(returns.channels, returns.gradient, strict=True)
        if channel in tested and ratio_of(direction, with_slack) <= MEASURED
    }
    channels = space.market.scenario.channels
    steady = {channels[c] for c in steady_channels(spread)}
    flat = {channels[c] for c in level_channels(moved)}
    # All orders less what organic visits are believed to bring would "tell" a level: that is belief, no measurement.
    unmoved = steady - set(tested)
    of_channels = _returns(returns, covariance, with_slack, unknown, unmoved)
    return_ratio: dict[str | None, float] = {one.name: one.ratio for one in of_channels}
    parameters: list[Identified] = []
    for p, parameter in enumerate(space.parameters):
        row = space.factor[p]
        ratio, plain = ratio_of(row, with_slack), ratio_of(row, covariance)
        if parameter.kind == "visit_quality":
            # It is what visits are worth in orders: known no better than the return, however wide its own prior is.
            ratio = max(ratio, return_ratio.get(parameter.channel, 1.0))
        held: HeldBack = ""
        is_level = parameter.kind in _LEVELS
        is_shape = parameter.kind in _CURVES or parameter.kind in _LASTS
        if parameter.channel in (steady if is_shape else unmoved if is_level else ()):
            held = "steady_spend"
        elif parameter.kind in _CURVES and parameter.channel in flat:
            held = "one_level"
        elif is_level and parameter.channel in unknown:
            held = "contrast"
        verdict = "prior_only" if held else _verdict(ratio)
        parameters.append(
            Identified(
                kind="parameter",
                name=parameter.name,
                ratio=ratio,
                without_slack=plain,
                verdict=verdict,
                held_back=held if ratio <= PRIOR_ONLY else "",
            )
        )
    return Identification(
        parameters=tuple(parameters),
        returns=of_channels,
        contrasts=contrasts,
        directions=_directions(space, covariance, with_slack),
        moved=moved,
        spread=spread,
    )


def _verdict(ratio: float) -> Verdict:
    if ratio <= MEASURED:
        return "measured"
    if ratio <= PRIOR_ONLY:
        return "partly"
    return "prior_only"


def ratio_of(direction: FloatArray, covariance: FloatArray) -> float:
    """Posterior over prior sd of a linear combination, given in standardised coordinates ``(P,)``.

    What is looser than the prior, once the covariance is widened, was told nothing: 1.
    """
    return min(float(np.sqrt(direction @ covariance @ direction / (direction @ direction))), 1.0)


def _returns(
    returns: IncrementalReturns,
    covariance: FloatArray,
    with_slack: FloatArray,
    unknown: set[str],
    unmoved: set[str],
) -> tuple[Identified, ...]:
    found: list[Identified] = []
    for channel, direction in zip(returns.channels, returns.gradient, strict=True):
        ratio = ratio_of(direction, with_slack)
        held: HeldBack = ""
        if ratio <= PRIOR_ONLY and channel in unmoved | unknown:
            held = "steady_spend" if channel in unmoved else "contrast"
        found.append(
            Identified(
                kind="return",
                name=channel,
                ratio=ratio,
                without_slack=ratio_of(direction, covariance),
                verdict="prior_only" if held else _verdict(ratio),
                held_back=held,
            )
        )
    return tuple(found)


def _contrasts(returns: IncrementalReturns, covariance: FloatArray, with_slack: FloatArray) -> tuple[Identified, ...]:
    found: list[Identified] = []
    for one, other in combinations(range(len(returns.channels)), 2):
        direction = returns.gradient[one] - returns.gradient[other]
        ratio = ratio_of(direction, with_slack)
        found.append(
            Identified(
                kind="contrast",
                name=f"{returns.channels[one]} - {returns.channels[other]}",
                ratio=ratio,
                without_slack=ratio_of(direction, covariance),
                verdict=_verdict(ratio),
            )
        )
    return tuple(found)


def _directions(space: ParameterSpace, covariance: FloatArray, with_slack: FloatArray) -> tuple[Identified, ...]:
    """The least known directions; their parts are given by how much of each parameter's prior they move."""
    values, vectors = np.linalg.eigh(with_slack)
    found: list[Identified] = []
    for position in np.argsort(values)[::-1]:
        ratio, vector = float(np.sqrt(values[position])), vectors[:, position]
        if ratio <= PRIOR_ONLY:
            break
        parts = space.factor @ vector / space.sd
        largest = np.argsort(-np.abs(parts))[:_SHOWN]
        sign = np.sign(parts[largest[0]])
        named = [
            f"{'+' if parts[p] * sign > 0.0 else '-'}{space.parameters[p].name}"
            for p in largest
            if abs(parts[p]) >= _LEAST_WEIGHT
        ] or [f"+{space.parameters[largest[0]].name}"]
        found.append(
            Identified(
                kind="direction",
                name=" ".join(named),
                ratio=ratio,
                without_slack=ratio_of(vector, covariance),
                verdict="prior_only",
            )
        )
    return tuple(found)


def steady_channels(spread: FloatArray) -> list[int]:
    """Positions of the channels whose spend moved too little in every region to measure a response.

    Args:
        spread: As of `Identification.spread` ``(R, C)``.
    """
    return [c for c in range(spread.shape[1]) if spread[:, c].max(initial=0.0) < SPREAD]


def level_channels(moved: FloatArray) -> list[int]:
    """Positions of the channels whose weeks had about one level of spend in every region: it tells no curvature.

    Args:
        moved: As of `Identification.moved` ``(R, C)``.
    """
    return [c for c in range(moved.shape[1]) if moved[:, c].max(initial=1.0) < MOVED]


def _spread(weekly_spend: FloatArray) -> FloatArray:
    mean = weekly_spend.mean(axis=0)
    return np.where(mean > 0.0, weekly_spend.std(axis=0) / np.where(mean > 0.0, mean, 1.0), 0.0)


def _moved(weekly_spend: FloatArray) -> FloatArray:
    low, high = np.quantile(weekly_spend, [0.1, 0.9], axis=0)
    paused = np.where(high > 0.0, np.inf, 1.0)
    return np.where(low > 0.0, high / np.where(low > 0.0, low, 1.0), paused)
