"""The context of a cell: what a bandit sees of it, and what a decision log writes down."""

import numpy as np

from xbopt.core.arrays import FloatArray, contract
from xbopt.core.decision_log import contexts
from xbopt.core.decisions.policy import Observation
from xbopt.core.scenario.scenario import Scenario
from xbopt.env.observation import CELL_FEATURES, REGION_FEATURES


def context_names(scenario: Scenario) -> tuple[str, ...]:
    """Names of a cell's context ``(d,)``: features of its region, its own, and which cell it is.

    Features of single channels are left out: a row would hold one for each channel and feature.
    """
    return contexts.context_names(REGION_FEATURES, CELL_FEATURES, regions=scenario.regions, segments=scenario.segments)


def cell_contexts(seen: Observation) -> FloatArray:
    """What each cell sees ``(B * R * S, d)``, rows in the order worlds, regions, segments."""
    context = contexts.cell_contexts(seen.regions, seen.cells)
    return context.reshape(-1, context.shape[3])


def window_reward(margin_base: FloatArray, day: int, window_days: int, daily_discount: float) -> FloatArray:
    """A cell's margin in the attribution window of a decision, discounted ``(B, R, S)``, base currency.

    Args:
        margin_base: Contribution margin by day ``(B, T, R, S)``.
        day: Day of the decision.
        window_days: Length of the window.
        daily_discount: Factor a day.

    Returns:
        The reward; NaN where the window runs beyond the horizon: it is not known, and zero would be a lie.
    """
    window = margin_base[:, day : day + window_days]
    lags = np.arange(window_days, dtype=np.float64)
    factors: FloatArray = np.exp(lags * np.log(daily_discount))
    reward = contract("btrs,t->brs", window, factors[: window.shape[1]])
    return reward if day + window_days <= margin_base.shape[1] else reward * np.nan
