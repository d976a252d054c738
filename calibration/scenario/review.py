"""A fit seen as a planner would: fitted against actual, sales by cause, and how the response of each channel bends."""

from dataclasses import dataclass, field
from datetime import date

import numpy as np

from xbopt.calibration.fit.decomposition import Cause, ResponseCurve, causes, fitted_weeks, response_curves
from xbopt.calibration.fit.market_fit import MarketFit
from xbopt.core.arrays import FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class RevenueWeeks:
    """Net revenue of all regions by week ``(W,)``: recorded, and what the fitted market expects.

    Attributes:
        weeks: First day of each.
        observed, expected: Base currency.
        low, high: 95 % band of a week's own noise, regions taken as independent.
    """

    weeks: tuple[date, ...]
    observed: FloatArray
    expected: FloatArray
    low: FloatArray
    high: FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class FitReview:
    """What a page shows of a fit.

    Attributes:
        revenue: Fitted against actual.
        causes: What each cause brought.
        curves: Response of each channel that was paid.
    """

    revenue: RevenueWeeks = field(repr=False)
    causes: tuple[Cause, ...]
    curves: tuple[ResponseCurve, ...] = field(repr=False)


def review_fit(fit: MarketFit) -> FitReview:
    """Play the fitted market for a page; some dozens of courses of the panel's days."""
    weeks = fitted_weeks(fit)
    revenue = weeks.kinds.index("revenue")
    observed, expected = weeks.observed[..., revenue].sum(axis=1), weeks.expected[..., revenue].sum(axis=1)
    half = np.sqrt(((weeks.high - weeks.expected)[..., revenue] ** 2).sum(axis=1))
    return FitReview(
        revenue=RevenueWeeks(
            weeks=weeks.weeks,
            observed=observed,
            expected=expected,
            low=np.maximum(expected - half, 0.0),
            high=expected + half,
        ),
        causes=causes(fit),
        curves=response_curves(fit),
    )
