"""From worlds before the data to worlds after them: a smoother of ensembles in logs.

Weighting worlds by their likelihood fails here: with forty or more uncertain numbers one world in thousands takes all
the weight (Bengtsson, Bickel, Li 2008). An ensemble smoother moves every world instead: world ``i`` with log
multipliers ``q_i`` and log statistics ``y_i`` goes to ``q_i + K (y + e_i - y_i)`` with
``K = C_q G' (G C_q G' + S + R)^-1`` (van Leeuwen, Evensen 1996, Monthly Weather Review 124; Evensen 2018,
Computational Geosciences 22), ``e_i`` drawn from the noise ``R``. ``G`` is the regression of ``y`` on ``q`` over the
worlds, as in Chen and Oliver (2013, Computational Geosciences 17), restricted to numbers of the same place, and ``S``
what it leaves unexplained. So no correlation arises by chance between places that have nothing to do with each other.
"""

from dataclasses import dataclass

import numpy as np

from xbopt.campaigns.tracking.told_sums import ALL, ToldSums
from xbopt.core.arrays import BoolArray, FloatArray, IntArray
from xbopt.core.scenario.scenario import Scenario
from xbopt.core.scenario.uncertainty import GROUP_AXES, ParameterGroup
from xbopt.simulator.worlds import WorldParameters

_AXES = ("region", "segment", "channel")
_LEAST_RIDGE = 1e-3
# A world is not moved further than this from where worlds are, in standard deviations: beyond, no world was played.
_FARTHEST = 4.0


@dataclass(frozen=True, slots=True, kw_only=True)
class LogMultipliers:
    """The uncertain numbers of a batch of worlds as logs.

    Attributes:
        logs: ``(B, Q)``.
        places: Region, segment and channel of each ``(Q, 3)``; ``ALL`` where it holds for all.
        groups: Name of each number's group ``(Q,)``.
        joint: Whether a number comes from joint draws, which may be correlated ``(Q,)``.
    """

    logs: FloatArray
    places: IntArray
    groups: tuple[ParameterGroup, ...]
    joint: BoolArray

    @classmethod
    def of(cls, scenario: Scenario, worlds: WorldParameters) -> "LogMultipliers":
        """The numbers in which worlds differ. A group with a multiplier of 0 or below has no log and is left out."""
        columns = () if scenario.draws is None else scenario.draws.columns
        drawn = {group for column in columns for group in column.groups}
        logs: list[FloatArray] = []
        places: list[tuple[int, ...]] = []
        groups: list[ParameterGroup] = []
        for group, axes in GROUP_AXES.items():
            factor: FloatArray = getattr(worlds, group)
            if len(factor) == 1 or factor.min() <= 0.0:
                continue
            for index in np.ndindex(*factor.shape[1:]):
                at = dict(zip(axes, index, strict=True))
                wide = {axis: factor.shape[1 + i] for i, axis in enumerate(axes)}
                column = np.log(factor[:, *index])
                if np.ptp(column) == 0.0:
                    continue
                logs.append(column)
                places.append(tuple(at[axis] if wide.get(axis, 1) > 1 else ALL for axis in _AXES))
                groups.append(group)
        count = len(worlds.elasticity) if not logs else len(logs[0])
        return cls(
            logs=np.array(logs).T if logs else np.zeros((count, 0)),
            places=np.array(places, dtype=np.int64).reshape(-1, 3),
            groups=tuple(groups),
            joint=np.array([group in drawn for group in groups], dtype=np.bool_),
        )

    def put_into(self, worlds: WorldParameters, logs: FloatArray) -> WorldParameters:
        """The worlds with other logs ``(B, Q)`` of these numbers."""
        changed = {group: getattr(worlds, group).copy() for group in dict.fromkeys(self.groups)}
        for number, group in enumerate(self.groups):
            kept = [self.places[number, _AXES.index(axis)] for axis in GROUP_AXES[group]]
            index = [0 if at == ALL else int(at) for at in kept]
            changed[group][:, *index] = np.exp(logs[:, number])
        same = {name: getattr(worlds, name) for name in WorldParameters.__dataclass_fields__}
        return WorldParameters(**{**same, **changed})


def smoothed(before: LogMultipliers, sums: ToldSums, noise: FloatArray, *, linked: BoolArray) -> FloatArray:
    """The logs after the data ``(B, Q)``.

    Args:
        before: The worlds before the data.
        sums: What was told, beside what these worlds expect.
        noise: Standard normal numbers ``(B, M)``.
        linked: Channels that work on each other's visits ``(C + 1, C + 1)``, each on its own.
    """
    q, y = before.logs, sums.worlds
    centred, sd = q - q.mean(axis=0), q.std(axis=0)
    spread = centred.T @ centred / (len(q) - 1)
    independent = ~(before.joint[:, None] & before.joint)
    np.fill_diagonal(independent, val=False)
    spread[independent] = 0.0
    slopes, unexplained = _regression(centred / sd, y - y.mean(axis=0), _same_place(before.places, sums.places, linked))
    slopes = slopes / sd[:, None]
    with_data = spread @ slopes
    total = slopes.T @ with_data + sums.noise + np.diag(unexplained)
    root = np.linalg.cholesky(sums.noise)
    innovation = sums.told + noise @ root.T - y
    weights = np.asarray(np.linalg.solve(total, innovation.T), dtype=np.float64)
    moved = q + weights.T @ with_data.T
    middle = q.mean(axis=0)
    return np.clip(moved, middle - _FARTHEST * sd, middle + _FARTHEST * sd)


def effective_share(sums: ToldSums) -> float:
    """Effective size that plain weights would leave, as a share of the worlds: why they are not used."""
    off = sums.told - sums.worlds
    log_weight = -0.5 * (off * np.linalg.solve(sums.noise, off.T).T).sum(axis=1)
    weight = np.exp(log_weight - log_weight.max())
    return float(weight.sum() ** 2 / (weight**2).sum() / len(weight))


def _same_place(numbers: IntArray, sums: IntArray, linked: BoolArray) -> BoolArray:
    """Whether a number can matter to a statistic ``(Q, M)``."""
    own, other = numbers[:, None, :], sums[None, :, :]
    matters = ((own == other) | (own == ALL) | (other == ALL))[..., :2].all(axis=2)
    by_channel = linked[own[..., 2], other[..., 2]] | (own[..., 2] == ALL) | (other[..., 2] == ALL)
    return matters & by_channel


def _regression(q: FloatArray, y: FloatArray, matters: BoolArray) -> tuple[FloatArray, FloatArray]:
    """Slopes ``(Q, M)`` of centred statistics on standardised numbers that matter, and variances left ``(M,)``.

    Statistics that the same numbers matter to are done at once. A little ridge keeps slopes steady where numbers are
    many against the worlds.
    """
    slopes = np.zeros((q.shape[1], y.shape[1]))
    left = np.zeros(y.shape[1])
    patterns, which = np.unique(matters, axis=1, return_inverse=True)
    for pattern in range(patterns.shape[1]):
        numbers, columns = np.flatnonzero(patterns[:, pattern]), np.flatnonzero(which.ravel() == pattern)
        worlds, count = len(q), len(numbers)
        part, target = q[:, numbers], y[:, columns]
        ridge = worlds * max(_LEAST_RIDGE, (count / worlds) ** 2)
        gram = part.T @ part
        of_numbers = np.linalg.solve(gram + ridge * np.eye(count), part.T @ target)
        freedom = float(np.trace(np.linalg.solve(gram + ridge * np.eye(count), gram))) if count else 0.0
        slopes[np.ix_(numbers, columns)] = of_numbers
        left[columns] = ((target - part @ of_numbers) ** 2).sum(axis=0) / max(worlds - 1.0 - freedom, 1.0)
    return slopes, left
