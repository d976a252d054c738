"""What another depth of discount brings: the same morning twice, the depth held from there on.

A deal in one week alone pays where deals in every week do not: orders are brought forward, and people get used to a
price. So both branches go on to the end of the horizon, or for eight weeks, and a notch of discount is held in one of
them. Its gain is that of the region: a deal for some people of a region takes orders from the others there.

Such gains are fitted by ridge regression, not by gradient: heads are linear in what a cell shows, so the best one has a
closed form. With ``n`` notches of discount in a cell and features ``x``, gain over revenue is ``a'x n - b n^2 / 2``,
and the head is set to its top ``a'x / b``.
"""

from dataclasses import dataclass

import numpy as np
import torch

from xbopt.agents.ppo.branch_play import Branch
from xbopt.agents.ppo.networks import SharedNetwork
from xbopt.core.arrays import FloatArray
from xbopt.core.decisions.plan import ScheduledPolicy
from xbopt.env.features import Float32Array
from xbopt.env.market_run import MarketRun
from xbopt.env.residual_actions import DISCOUNT_LEVELS, DISCOUNT_STEP, ResidualActions
from xbopt.simulator.lifetime import CustomerValue

_LONGEST_DAYS = 56
_REACH = DISCOUNT_LEVELS // 2
_RARE = 0.98
_RIDGE = 1e-3
_LEAST_BEND = 0.05
_ROWS_AT_ONCE = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class DealRows:
    """Depths held from a morning on and what they brought; ``N`` decisions.

    Attributes:
        notches: Mean notches by which a cell's discount was deeper ``(N, R, S)``, over the days of a branch.
        squares: Mean of their squares ``(N, R, S)``.
        gain_base: Worth above that of the anchor's own depth ``(N, R)``, base currency.
        revenue_base: Gross revenue at the anchor's own depth ``(N, R, S)``, base currency.
    """

    notches: FloatArray
    squares: FloatArray
    gain_base: FloatArray
    revenue_base: FloatArray

    def and_also(self, other: "DealRows") -> "DealRows":
        """Both together."""
        return DealRows(
            notches=np.concatenate([self.notches, other.notches]),
            squares=np.concatenate([self.squares, other.squares]),
            gain_base=np.concatenate([self.gain_base, other.gain_base]),
            revenue_base=np.concatenate([self.revenue_base, other.revenue_base]),
        )


def deal_rows(
    around: ResidualActions,
    plan: ScheduledPolicy,
    run: MarketRun,
    value: CustomerValue,
    generator: np.random.Generator,
) -> DealRows:
    """Try other depths in every world from this morning on.

    Args:
        around: Notches around the wish of this morning.
        plan: The plan whose discounts they are relative to.
        run: The worlds this morning; they are left where they are.
        value: What customers are worth at the end.
        generator: Draws the notches: one a region, and up to one more or less by segment.
    """
    factors, day = around.factors, run.state.day
    worlds, (regions, segments) = len(run.worlds), run.market.shape[:2]
    days = min(run.market.scenario.days - day, _LONGEST_DAYS)
    region = generator.integers(-_REACH, _REACH + 1, size=(worlds, regions, 1))
    segment = generator.integers(-1, 2, size=(worlds, regions, segments))
    drawn = np.clip(region + segment, -_REACH, _REACH)
    neutral = np.tile(factors.neutral, (worlds, 1))
    tried = neutral.copy()
    at = [i for i, kind in enumerate(factors.kinds) if kind == "discount"]
    tried[:, at] += drawn.reshape(worlds, -1)
    own, other = Branch(run), Branch(run)
    own.play(around, neutral, days)
    other.play(around, tried, days)
    planned = plan.discount_frac[day : day + days, None]
    # Less than nothing cannot be taken off, nor more than is allowed: what a notch moves differs by day.
    moved = (np.clip(planned + DISCOUNT_STEP * drawn, 0.0, around.ceiling) - planned) / DISCOUNT_STEP
    return DealRows(
        notches=moved.mean(axis=0),
        squares=(moved**2).mean(axis=0),
        gain_base=(other.worth_base(value) - own.worth_base(value)).sum(axis=2),
        revenue_base=own.revenue_base,
    )


@torch.no_grad()
def fit_deals(network: SharedNetwork, features: Float32Array, deals: DealRows, *, unit: float) -> float:
    """Set the network's discount head to what the rows say; a region weighs as its revenue.

    Args:
        network: The network; a flat one has no head of cells.
        features: What was seen ``(N, F)``.
        deals: What was tried, and what it brought.
        unit: How many levels one unit of the head's output is.

    Returns:
        The share of the gains' squares that is not explained.
    """
    revenue = deals.revenue_base.sum(axis=2)
    weight = revenue / max(float(revenue.mean()), 1e-12)
    safe = np.where(revenue > 0.0, revenue, 1.0)
    gain = deals.gain_base / safe
    # Elasticities spread widely, and the best worlds would speak for all others.
    bound = float(np.quantile(np.abs(gain), _RARE))
    gain = np.clip(gain, -bound, bound)
    share = deals.revenue_base / safe[..., None]
    seen = _cell_features(network, features)
    slopes = np.einsum("nrs,nrse->nre", share * deals.notches, seen)
    bend = -0.5 * (share * deals.squares).sum(axis=2)
    design = np.concatenate([slopes, bend[..., None]], axis=2)
    root = np.sqrt(weight).reshape(-1)
    x, y = design.reshape(len(root), -1) * root[:, None], gain.reshape(-1) * root
    if not x.any() or not y.any():
        return 1.0
    found = _ridge(x, y)
    size = float(np.sqrt(np.mean((seen @ found[:-1]) ** 2)))
    least = _LEAST_BEND * size
    if found[-1] < least:
        found = np.append(_ridge(x[:, :-1], y - least * x[:, -1]), least)
    top = found[:-1] / max(float(found[-1]), 1e-12) / unit
    network.set_cell_head(torch.from_numpy(top[:-1]), float(top[-1]))
    return float(np.sum((x @ found - y) ** 2) / np.sum(y**2))


def _cell_features(network: SharedNetwork, features: Float32Array) -> FloatArray:
    """What the head of cells reads, and a constant ``(N, R, S, E + 1)``."""
    rows = np.array_split(features, max(len(features) // _ROWS_AT_ONCE, 1))
    seen = np.concatenate([network.cell_features(torch.from_numpy(one)).double().numpy() for one in rows])
    return np.concatenate([seen, np.ones((*seen.shape[:3], 1))], axis=3)


def _ridge(x: FloatArray, y: FloatArray) -> FloatArray:
    """Least squares with a small penalty in units of each column's own size."""
    square = x.T @ x
    penalty = _RIDGE * np.diag(square) + 1e-12 * np.trace(square)
    return np.linalg.solve(square + np.diag(penalty), x.T @ y).astype(np.float64)
