"""Support of the evaluation policy in the log, from sums that can be merged."""

from dataclasses import replace

import numpy as np

from xbopt.core.arrays import BoolArray, FloatArray, IntArray
from xbopt.ope.diagnostics.pareto import LARGEST_TAIL, pareto_shape
from xbopt.ope.diagnostics.weights import WeightedRows
from xbopt.ope.results.evaluation import ActionSupport, ClusterSupport, SegmentSupport, SupportDiagnostics

CERTAIN = 1.0 - 1e-12  # from here on a propensity leaves nothing for the other actions
_FEWEST_CLUSTERS = 100  # below, the tail of their weights has too few of them to have a shape
_NO_WEIGHT = 0.05  # mean weight of a segment up to which it counts as without support
_EXPECTED = 10.0  # effective rows that a segment like the whole log would have; below, no weight may be chance


def with_clusters(
    support: SupportDiagnostics, *, rows: FloatArray, weight: FloatArray, missing: FloatArray | None
) -> SupportDiagnostics:
    """The diagnostics with what the clusters say, and with z values that are robust to dependence within them.

    Args:
        support: The diagnostics by row.
        rows: Rows of each cluster ``(c,)``.
        weight: Sum of weights of each ``(c,)``.
        missing: Sum of pi_e minus sum of weights of each action in each cluster ``(c, K)``; None to leave the z values
            of actions as they are.
    """
    total, squares, size = float(weight.sum()), float(weight @ weight), float(rows.sum())
    actions = support.actions
    if missing is not None:
        means = missing.sum(axis=0) / size
        by_row = np.abs(_ratios(means, actions.missing_z))  # the error by row, which a few clusters must not fall below
        by_row = np.where(np.isfinite(by_row), by_row, 0.0)
        actions = replace(actions, missing_z=_ratios(means, np.maximum(robust_error(missing, rows), by_row)))
    mean = total / size
    return replace(
        support,
        mean_weight=mean,
        mean_weight_z=_ratio(mean - 1.0, float(robust_error(weight[:, None], rows)[0])),
        actions=actions,
        by_cluster=ClusterSupport(
            ess=total * total / squares if squares > 0.0 else 0.0,
            top_weight_share=float(weight.max()) / total if total > 0.0 else 1.0,
            pareto_k=pareto_shape(weight, len(weight)) if len(weight) >= _FEWEST_CLUSTERS else 0.0,
            carrying=int((weight > 0.0).sum()),
        ),
    )


def with_weights(support: SupportDiagnostics, weight: FloatArray, cluster: IntArray) -> SupportDiagnostics:
    """The diagnostics with other weights ``(n,)`` in place of those of the rows, and with clusters ``(n,)`` of them."""
    total, squares, top = float(weight.sum()), float(weight @ weight), int(weight.argmax())
    found = with_clusters(
        support,
        rows=np.bincount(cluster).astype(np.float64),
        weight=np.bincount(cluster, weights=weight).astype(np.float64),
        missing=None,
    )
    return replace(
        found,
        ess=total * total / squares if squares > 0.0 else 0.0,
        max_weight=float(weight[top]),
        top_weight_share=float(weight[top]) / total if total > 0.0 else 1.0,
        pareto_k=pareto_shape(weight, len(weight)),
        top_row=top,
    )


def robust_error(sums: FloatArray, rows: FloatArray) -> FloatArray:
    """Standard error of the means of sums by cluster ``(c, m)`` over ``rows`` ``(c,)``: ``(m,)``; 0 for one cluster."""
    count, size = len(rows), float(rows.sum())
    if count < 2:
        return np.zeros(len(sums.T))
    away: FloatArray = sums - rows[:, None] * (sums.sum(axis=0) / size)
    squares: FloatArray = (away * away).sum(axis=0)
    error: FloatArray = np.sqrt(squares * (count / (count - 1))) / size
    return error


class SupportSums:
    """Gathers the weights of any chunks in any order; its size does not grow with the rows."""

    __slots__ = (
        "_action",
        "_certain",
        "_concentration",
        "_largest",
        "_least",
        "_rows",
        "_segments",
        "_stood",
        "_thinned",
        "_top",
        "_unsupported",
        "_weights",
    )

    def __init__(self, n_actions: int) -> None:
        # By action: rows, sum pi_e, sum pi_e^2, sum w, sum w^2, sum pi_e w (rows of the action), sum 1/propensity.
        self._action: FloatArray = np.zeros((7, n_actions))
        # Rows whose propensity is 1: their number's share of pi_e by action, and pi_e outside the logged action.
        self._certain: FloatArray = np.zeros(n_actions)
        self._unsupported: FloatArray = np.zeros(2)
        self._weights: FloatArray = np.zeros(2)
        # Rows that the rows stand for, c: sum c, sum c^2, sum c^2 w (weights are c w). Without thinning c is 1.
        self._stood: FloatArray = np.zeros(3)
        self._thinned = False
        self._concentration = 0.0
        self._largest: FloatArray = np.empty(0)
        self._least = 1.0
        self._rows = 0
        # The greatest weight, the row of it counted downwards (of equal ones the earliest), its action and propensity.
        self._top: tuple[float, int, int, float] = (-1.0, 1, -1, 1.0)
        self._segments: dict[int, FloatArray] = {}

    def add(
        self,
        rows: WeightedRows,
        action: IntArray,
        *,
        first_row: int,
        logging: FloatArray | BoolArray | None,
        segment: IntArray | None,
        share: FloatArray | None = None,
    ) -> None:
        """Add rows whose first has the number ``first_row``.

        Args:
            rows: The rows; of a thinned log they are ``scaled``.
            action: Logged action ``(n,)``.
            first_row: Number of the first row in the whole log.
            logging: pi_b of every action ``(n, K)``, where it is known.
            segment: Segment of each row ``(n,)``.
            share: How many rows each row of a thinned log stands for ``(n,)``; None for 1.
        """
        weight, n_actions = rows.weight, self._action.shape[1]
        self._rows += len(weight)
        self._weights += (weight.sum(), weight @ weight)
        inverse = 1.0 / rows.propensity
        if share is None:
            self._stood += (len(weight), len(weight), weight.sum())
        else:
            self._stood += (share.sum(), share @ share, share @ weight)
            inverse *= share
        for place, values in ((3, weight), (4, weight * weight), (5, rows.taken * weight), (6, inverse)):
            self._action[place] += np.bincount(action, weights=values, minlength=n_actions)
        self._action[0] += np.bincount(action, minlength=n_actions)
        self._action[1] += rows.evaluation.sum(axis=0)
        self._action[2] += (rows.evaluation * rows.evaluation).sum(axis=0)
        if share is not None:
            self._thinned = True
            self._concentration += float(((rows.evaluation * rows.evaluation) / share[:, None]).sum())
        self._keep_largest(weight)
        place = int(weight.argmax())
        top = (float(weight[place]), -(first_row + place), int(action[place]), float(rows.propensity[place]))
        self._top = max(self._top, top)
        self._least = min(self._least, float(rows.propensity.min()))
        self._add_unsupported(rows, rows.propensity >= CERTAIN, logging, share)
        if segment is not None:
            self._add_segments(segment, weight, share)

    def merge(self, other: "SupportSums") -> None:
        """Add what another one has gathered."""
        self._rows += other._rows
        self._weights += other._weights
        self._stood += other._stood
        self._thinned |= other._thinned
        self._concentration += other._concentration
        self._action += other._action
        self._certain += other._certain
        self._unsupported += other._unsupported
        self._least = min(self._least, other._least)
        self._top = max(self._top, other._top)
        self._keep_largest(other._largest)
        for label, sums in other._segments.items():
            self._join_segment(label, sums)

    def diagnostics(self, clusters: int) -> SupportDiagnostics:
        """What the sums say."""
        rows, (total, squares), (stood, stood_squares, cross_weight) = (
            self._rows,
            self._weights.tolist(),
            self._stood.tolist(),
        )
        count, expected, expected_squares, weight, weight_squares, cross, inverse = self._action
        top_weight, top_row, top_action, top_propensity = self._top
        never = count == 0
        beyond = float((expected - self._certain)[never].sum() + self._unsupported[0])
        missing = expected - weight
        spread = expected_squares - 2.0 * cross + weight_squares - missing**2 / stood
        # A rare action may happen not to be drawn where the policy wants it: then the rows show no spread. That of its
        # draws is sum pi_e^2 (1/p - 1), with 1/p as in the rows that took it.
        seen = np.divide(inverse, count, out=np.ones_like(inverse), where=count > 0.0)
        spread = np.maximum(spread, expected_squares * np.maximum(seen - 1.0, 0.0))
        mean = total / stood
        # Of a mean whose rows stand for c others (Hajek): sum c^2 (w - mean)^2 / (sum c)^2.
        variance = max(squares - 2.0 * mean * cross_weight + mean * mean * stood_squares, 0.0) / stood**2
        concentration = self._concentration if self._thinned else float(expected_squares.sum())
        return SupportDiagnostics(
            ess=total * total / squares if squares > 0.0 else 0.0,
            max_weight=top_weight * rows / stood,
            top_weight_share=top_weight / total if total > 0.0 else 1.0,
            pareto_k=pareto_shape(self._largest, rows),
            min_propensity=self._least,
            unsupported_mass=min(
                max(beyond, float(self._unsupported[1]), self._rows_without_weight(total, squares)) / stood, 1.0
            ),
            mean_weight=mean,
            mean_weight_z=_ratio(mean - 1.0, np.sqrt(variance)),
            top_row=-top_row,
            top_action=top_action,
            top_propensity=top_propensity,
            policy_concentration=concentration / stood,
            clusters=clusters,
            actions=ActionSupport(
                rows=count.astype(np.int64),
                logged_share=count / rows,
                policy_share=expected / stood,
                weight_share=weight / stood,
                ess=np.divide(weight**2, weight_squares, out=np.zeros_like(weight), where=weight_squares > 0.0),
                missing_z=_ratios(missing / stood, np.sqrt(np.maximum(spread, 0.0)) / stood),
                inverse_propensity_mean=inverse / stood,
            ),
            segments=self._segment_support(),
        )

    def _keep_largest(self, weight: FloatArray) -> None:
        if len(self._largest) >= LARGEST_TAIL:
            weight = weight[weight > self._largest.min()]
        together = np.concatenate([self._largest, weight])
        if len(together) > LARGEST_TAIL:
            together = np.partition(together, len(together) - LARGEST_TAIL)[-LARGEST_TAIL:]
        self._largest = together

    def _add_unsupported(
        self, rows: WeightedRows, certain: BoolArray, logging: FloatArray | BoolArray | None, share: FloatArray | None
    ) -> None:
        if certain.any():
            self._certain += rows.evaluation[certain].sum(axis=0)
            self._unsupported[0] += float(((1.0 if share is None else share[certain]) - rows.taken[certain]).sum())
        if logging is not None:
            self._unsupported[1] += float(rows.evaluation[logging == 0.0].sum())

    def _add_segments(self, segment: IntArray, weight: FloatArray, share: FloatArray | None) -> None:
        labels, position = np.unique(segment, return_inverse=True)
        greatest = np.zeros(len(labels))
        np.maximum.at(greatest, position, weight)
        sums_of = [np.bincount(position, weights=column) for column in (np.ones_like(weight), weight, weight * weight)]
        stood = sums_of[0] if share is None else np.bincount(position, weights=share)
        table = np.stack([*sums_of, greatest, stood], axis=1)
        for label, sums in zip(labels.tolist(), table, strict=True):
            self._join_segment(label, sums)

    def _join_segment(self, label: int, sums: FloatArray) -> None:
        before = self._segments.get(label)
        if before is None:
            self._segments[label] = sums.copy()
        else:
            before[:3] += sums[:3]
            before[3] = max(before[3], sums[3])
            before[4] += sums[4]

    def _rows_without_weight(self, total: float, squares: float) -> float:
        """Rows of segments that have hardly any weight, though they would if they were like the whole log."""
        if squares <= 0.0:
            return 0.0
        worth = total * total / squares / self._rows
        return sum(
            float(sums[4])
            for sums in self._segments.values()
            if sums[0] * worth >= _EXPECTED and sums[1] <= _NO_WEIGHT * sums[4]
        )

    def _segment_support(self) -> tuple[SegmentSupport, ...]:
        found: list[SegmentSupport] = []
        for label, sums in self._segments.items():
            rows, total, squares, greatest, stood = sums.tolist()
            ess = total * total / squares if squares > 0.0 else 0.0
            support = SegmentSupport(
                segment=label, rows=int(rows), ess=ess, mean_weight=total / stood, max_weight=greatest * rows / stood
            )
            found.append(support)
        return tuple(sorted(found, key=lambda part: (part.ess / part.rows, part.segment)))


def _ratios(differences: FloatArray, errors: FloatArray) -> FloatArray:
    return np.array([_ratio(a, b) for a, b in zip(differences.tolist(), errors.tolist(), strict=True)])


def _ratio(difference: float, error: float) -> float:
    """A z value; rounding alone counts as 0, a real difference without any spread as infinite."""
    if abs(difference) <= 1e-9 * max(1.0, abs(error)):
        return 0.0
    return difference / error if error > 0.0 else float(np.copysign(np.inf, difference))
