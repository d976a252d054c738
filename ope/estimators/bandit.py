"""The estimators of a one-step value: per-row columns, and the formulas that combine their sums.

With weight w, reward r, prediction q of the logged action, and V = sum_a pi_e(a | x) q(x, a):

=========  ===========================================  ==================================================
ips        mean(w r)                                    Horvitz, Thompson 1952; never clipped
snips      sum(w r) / sum(w)                            Swaminathan, Joachims 2015
dm         mean(V)                                      direct method
dr         mean(V + w (r - q))                          Dudik, Langford, Li 2011
sndr       mean(V) + sum(w (r - q)) / sum(w)            Thomas, Brunskill 2016 (weighted DR)
switch_dr  mean(V + w 1[w <= tau] (r - q))              Wang, Agarwal, Dudik 2017
dr_os      mean(V + lambda w / (w^2 + lambda) (r - q))  Su, Dimakopoulou, Krishnamurthy, Dudik 2020
=========  ===========================================  ==================================================
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from xbopt.core.arrays import FloatArray
from xbopt.ope.estimators.ratios import Formula, Ratio, mean_of, project

SWITCH_LEVELS = (1.5, 3.0, 6.0, 12.0, 25.0, 50.0)
SHRINKAGE_LEVELS = (1.0, 10.0, 1e2, 1e3, 1e4, 1e5)
MODEL_FREE = ("ips", "snips")
UNBIASED = ("ips", "snips", "dr", "sndr")
BIASED = ("dm", "switch_dr", "dr_os")
ESTIMATORS = ("ips", "snips", "dm", "dr", "sndr", "switch_dr", "dr_os")
LOGGING: Formula = (mean_of(reward=1.0),)

_BASE = ("one", "weight", "reward", "weighted_reward", "model_value", "residual", "squared_reward", "squared_error")
_LEVELS = tuple(f"switch_{i}" for i in range(len(SWITCH_LEVELS))) + tuple(
    f"shrink_{i}" for i in range(len(SHRINKAGE_LEVELS))
)
_COST = ("cost", "weighted_cost")


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnLayout:
    """Which per-row columns an evaluation gathers, by name and position.

    Attributes:
        names: Names in order.
        position: Position of each name.
    """

    names: tuple[str, ...]
    position: Mapping[str, int]

    @classmethod
    def of(cls, *, cost: bool) -> "ColumnLayout":
        """The columns of all estimators; with costs where the log has them."""
        names = _BASE + _LEVELS + (_COST if cost else ())
        return cls(names=names, position={name: place for place, name in enumerate(names)})


def score_columns(
    layout: ColumnLayout,
    *,
    weight: FloatArray,
    reward: FloatArray,
    predicted: FloatArray,
    value: FloatArray,
    counted: FloatArray | None,
    cost: FloatArray | None,
) -> FloatArray:
    """Per-row columns ``(s, n)``.

    Args:
        layout: The columns wanted.
        weight: Importance weight ``(n,)``.
        reward: Reward ``(n,)``.
        predicted: Prediction for the logged action ``(n,)``.
        value: Mean prediction under the evaluation policy ``(n,)``.
        counted: Factor on what was logged ``(n,)``: inverse probability that the reward was observed, 0 where it was
            not; None for 1 everywhere.
        cost: Cost ``(n,)``, or None.
    """
    columns = np.empty((len(layout.names), len(weight)))
    factor = weight if counted is None else weight * counted
    error = reward - predicted
    columns[0] = 1.0
    columns[1] = factor
    columns[2] = reward if counted is None else reward * counted
    np.multiply(factor, reward, out=columns[3])
    columns[4] = value
    residual = np.multiply(factor, error, out=columns[5])
    np.multiply(reward, columns[2], out=columns[6])
    np.multiply(error, error if counted is None else error * counted, out=columns[7])
    row = len(_BASE)
    for level in SWITCH_LEVELS:
        np.multiply(residual, weight <= level, out=columns[row])
        row += 1
    square = weight * weight
    for level in SHRINKAGE_LEVELS:
        # lambda w / (w^2 + lambda) = w / (1 + w^2 / lambda)
        np.divide(residual, square * (1.0 / level) + 1.0, out=columns[row])
        row += 1
    if cost is not None:
        columns[row] = cost
        np.multiply(weight, cost, out=columns[row + 1])
    return columns


def formulas(blocks: FloatArray, layout: ColumnLayout) -> dict[str, Formula]:
    """The formula of every estimator; the levels of Switch-DR and shrinkage are chosen from block sums ``(b, s)``."""
    return {
        "ips": (mean_of(weighted_reward=1.0),),
        "snips": (Ratio(numerator={"weighted_reward": 1.0}, denominator="weight"),),
        "dm": (mean_of(model_value=1.0),),
        "dr": (mean_of(model_value=1.0, residual=1.0),),
        "sndr": (mean_of(model_value=1.0), Ratio(numerator={"residual": 1.0}, denominator="weight")),
        "switch_dr": _best_level(blocks, layout, "switch_", len(SWITCH_LEVELS)),
        "dr_os": _best_level(blocks, layout, "shrink_", len(SHRINKAGE_LEVELS)),
    }


def _best_level(blocks: FloatArray, layout: ColumnLayout, prefix: str, count: int) -> Formula:
    """The level with the least estimated squared error: variance plus squared bias, estimated as distance to DR.

    DM (level 0) and DR (level infinity) take part. The squared distance overstates the squared bias on average, as in
    Su et al. 2020, so the choice leans to DR.
    """
    candidates: list[tuple[Formula, float]] = []
    for name in (*(f"{prefix}{i}" for i in range(count)), "residual", ""):
        kept = {name: 1.0} if name else {}
        formula: Formula = (Ratio(numerator={"model_value": 1.0, **kept}, denominator="one"),)
        dropped = dict(kept)
        dropped["residual"] = dropped.get("residual", 0.0) - 1.0
        bias = project((Ratio(numerator=dropped, denominator="one"),), blocks, layout.position).value()
        error = project(formula, blocks, layout.position).standard_error()
        candidates.append((formula, error * error + bias * bias))
    return min(candidates, key=lambda pair: pair[1])[0]
