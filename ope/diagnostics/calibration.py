"""Are the stated propensities those of the draw, whatever was known before it: by day, segment and context column?

For every function g of what was known before the decision, ``E[g (1(A=a) - p(a|x))] = 0``; where only the propensity
of the logged action is known, ``E[g (w 1(A=a) - pi_e(a|x))] = 0`` with ``w = pi_e/p`` wherever a could be taken. Groups
are such functions. A threshold is Bernstein's (Boucheron, Lugosi, Massart 2013, "Concentration Inequalities", 2.8),
which needs no large numbers, with one error probability for all groups and actions (Bonferroni). The overall share
of each action is judged beside (``verdict``), so that what is tested here is left once that is taken out.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from xbopt.core.arrays import FloatArray, IntArray
from xbopt.ope.diagnostics.audit import AuditedRows
from xbopt.ope.diagnostics.groups import Grouping, groupings
from xbopt.ope.results.findings import Figure, Finding, Level

FALSE_CAUTIONS, FALSE_REFUSALS = 0.003, 0.0003
"""Share of honest logs in which some group looks wrong, and so wrong that the log is refused."""
_FEWEST_ROWS = 40
_FEWEST_CLUSTERS = 4.0  # fewer do not tell their own spread
_STATED_BINS = 8
_ALIKE = 1e-6  # relative
_UNBALANCED = 2.5  # standard errors from which a column is named among those that carry a difference of estimators


@dataclass(frozen=True, slots=True, kw_only=True)
class _Deviations:
    """What one grouping shows; arrays are ``(m, K)``: groups by actions."""

    grouping: Grouping
    sums: FloatArray
    variance: FloatArray
    greatest: float
    clusters: FloatArray
    rows: FloatArray
    expected: FloatArray
    taken: FloatArray
    mass: FloatArray
    bias: FloatArray
    count: FloatArray

    @property
    def determines(self) -> bool:
        """Whether the column has one action alone in each group, though there are several."""
        seen = self.count > 0.0
        alone = bool((seen.sum(axis=1) == 1).all()) and self.grouping.disjoint
        return alone and int(seen.any(axis=0).sum()) > 1

    def excess(self, false_alarms: float, cells: int) -> FloatArray:
        """How many times the threshold each deviation is."""
        level = false_alarms / (2.0 * cells)
        log = -float(np.log(level))
        reach = log / 3.0 * self.greatest
        threshold = reach + np.sqrt(reach * reach + 2.0 * log * self.variance)
        return np.abs(self.sums) / np.maximum(threshold * _few_clusters(self.clusters, level)[:, None], 1e-300)


class CalibrationTest:
    """Holds what was drawn against what was stated, in the rows that were kept.

    Args:
        rows: The rows.
    """

    def __init__(self, rows: AuditedRows) -> None:
        data = rows.data
        order = np.arange(len(data)) if data.cluster is None else np.argsort(data.cluster, kind="stable")
        self._begins: IntArray | None = None
        if data.cluster is not None:
            labels = data.cluster[order]
            self._begins = np.flatnonzero(np.append(True, labels[1:] != labels[:-1])).astype(np.int64)
        self._data = data.rows(order)
        self._weight, self._residual = rows.weight[order], rows.residual[order]
        self._evaluation = None if rows.evaluation is None else rows.evaluation[order]
        self._pooled = rows.pooled
        self._groupings = tuple(groupings(self._data))
        self._worst: tuple[float, float, Grouping | None] | None = None
        self._tests = 0
        total = float(self._weight.sum())
        self._drift = self._weight * (len(data) / total) - 1.0 if total > 0.0 else np.zeros(len(data))

    def judge(self, *, half_width: float, unsupported_mass: float, tests: int = 1) -> Finding | None:
        """What is wrong with the propensities, or with what the context holds; None where nothing is.

        Args:
            half_width: Of the interval of the value: an error that moves the value by less is for CAUTION.
            unsupported_mass: Share of the policy's probability that may be misplaced before the log is refused.
            tests: Number of such tests that share one probability of a false alarm.
        """
        if len(self._data) < _FEWEST_ROWS:
            return None
        found = list(self._deviations())
        cells = tests * sum(one.sums.size for one in found)
        worst: tuple[tuple[bool, float], _Deviations] | None = None
        columns: dict[int, float] = {}
        for one in found:
            excess = one.excess(FALSE_CAUTIONS, cells)
            greatest = float(excess.max(initial=0.0))
            if greatest <= 1.0:
                continue
            sure = one.excess(FALSE_REFUSALS, cells) > 1.0
            misplaced, bias = (abs(float(part[sure].sum())) for part in (np.abs(one.mass), one.bias))
            refuses = bool(sure.any()) and (misplaced > unsupported_mass or bias > half_width)
            if one.grouping.column is not None:
                columns[one.grouping.column] = max(columns.get(one.grouping.column, 0.0), greatest)
            if worst is None or (refuses, greatest) > worst[0]:
                worst = (refuses, greatest), one
        if worst is not None:
            (refuses, _), one = worst
            named = (
                tuple(sorted(columns, key=lambda column: -columns[column])) if one.grouping.column is not None else ()
            )
            return self._finding(one, "refuse" if refuses else "caution", cells, named)
        return self._judge_bias(half_width)

    def unbalanced(self) -> tuple[int, ...]:
        """Columns of the context whose weighted mean is not their mean; the clearest first."""
        found: dict[int, float] = {}
        for grouping in self._groupings:
            if grouping.column is None:
                continue
            moved = grouping.member * self._drift[:, None]
            error = np.sqrt(self._variance(moved))
            z = float((np.abs(moved.sum(axis=0)) / np.maximum(error, 1e-300)).max())
            found[grouping.column] = max(z, found.get(grouping.column, 0.0))
        return tuple(sorted((column for column, z in found.items() if z > _UNBALANCED), key=lambda one: -found[one]))

    def _deviations(self) -> Iterator[_Deviations]:
        data, n_actions = self._data, self._data.n_actions
        table, evaluation = data.action_probabilities, self._evaluation
        if evaluation is None or (table is None and self._pooled):
            return
        hit = np.zeros((len(data), n_actions))
        hit[np.arange(len(data)), data.action] = 1.0
        if table is None:
            weighted = hit * self._weight[:, None]
            ratio = _ratio(weighted.sum(axis=0), evaluation.sum(axis=0))
            misplaced = weighted - evaluation
            away, squares, shares = weighted - evaluation * ratio, None, (evaluation, weighted)
        else:
            misplaced = np.divide(evaluation, table, out=np.zeros_like(table), where=table > 0.0) * (hit - table)
            fitted = np.minimum(table * _ratio(hit.sum(axis=0), table.sum(axis=0)), 1.0)
            away, squares, shares = hit - fitted, fitted * (1.0 - fitted), (table, hit)
            everyone = Grouping(kind="all", member=np.ones((len(data), 1)), shown=({},))
            yield self._one(everyone, hit - table, table * (1.0 - table), (table, hit), misplaced, hit)
            yield self._by_stated(hit - table, table)
        for grouping in groupings(data):
            yield self._one(grouping, away, squares, shares, misplaced, hit)

    def _one(
        self,
        grouping: Grouping,
        away: FloatArray,
        squares: FloatArray | None,
        shares: tuple[FloatArray, FloatArray],
        misplaced: FloatArray,
        hit: FloatArray,
    ) -> _Deviations:
        member = grouping.member
        sizes = member * member
        if squares is None:
            # Few rows may look alike by chance: a group's own spread, but not below that of the whole log.
            own = sizes.T @ (away * away)
            variance = np.maximum(own, np.outer(sizes.sum(axis=0), (away * away).mean(axis=0)))
        else:
            variance = sizes.T @ squares
        greatest = float(np.abs(member).max() * np.abs(away).max())
        clusters = np.full(member.shape[1], np.inf)
        if self._begins is not None:
            for place, column in enumerate(member.T):
                sums = np.add.reduceat(column[:, None] * away, self._begins, axis=0)
                sizes_of = np.add.reduceat(np.abs(column), self._begins)
                # Clusters of unequal size are worth fewer equal ones.
                clusters[place] = worth = float(sizes_of.sum()) ** 2 / float(sizes_of @ sizes_of)
                if grouping.disjoint:  # around the group's own mean: what is tested must not hide itself
                    sums -= np.outer(sizes_of, sums.sum(axis=0) / column.sum())
                    sums *= (worth / max(worth - 1.0, 1e-9)) ** 0.5
                variance[place] = np.maximum(variance[place], (sums * sums).sum(axis=0))
        mass = member.T @ misplaced / len(member) if grouping.disjoint else np.zeros(variance.shape)
        count = member.T @ hit
        mean = np.divide(member.T @ (hit * self._residual[:, None]), count, out=np.zeros_like(mass), where=count > 0.0)
        return _Deviations(
            grouping=grouping,
            sums=member.T @ away,
            variance=variance,
            greatest=greatest,
            clusters=clusters,
            rows=sizes.sum(axis=0),
            expected=member.T @ shares[0],
            taken=member.T @ shares[1],
            mass=mass,
            bias=mass * mean if grouping.disjoint else np.zeros_like(mass),
            count=count,
        )

    def _by_stated(self, away: FloatArray, table: FloatArray) -> _Deviations:
        """Pairs of row and action by their stated probability: probabilities that are too bold or too timid."""
        edges = np.unique(np.quantile(table, np.linspace(0.0, 1.0, _STATED_BINS + 1)[1:-1]))
        # Probabilities that differ by rounding only are one: which side they fall on may depend on what was drawn.
        place = np.searchsorted(edges * (1.0 - _ALIKE), table, side="right")
        bins = np.unique(place)
        sums = np.stack([np.where(place == one, away, 0.0).sum(axis=1) for one in bins.tolist()], axis=1)
        spread = np.array([[float((table * (1.0 - table))[place == one].sum()) for one in bins.tolist()]])
        pairs = np.array([[np.count_nonzero(place == one) for one in bins.tolist()]], dtype=np.float64)
        stated = np.array([[float(table[place == one].sum()) for one in bins.tolist()]])
        clusters, greatest = np.full(1, np.inf), float(np.abs(sums).max())
        if self._begins is not None:
            spread = np.maximum(spread, self._variance(sums)[None])
            clusters[0] = len(self._begins)
            greatest = float(np.abs(np.add.reduceat(sums, self._begins, axis=0)).max())
        return _Deviations(
            grouping=Grouping(kind="stated", member=np.ones((len(table), 1)), shown=({},)),
            sums=sums.sum(axis=0)[None],
            variance=spread,
            greatest=greatest,
            clusters=clusters,
            rows=pairs,
            expected=stated,
            taken=stated + sums.sum(axis=0),
            mass=np.zeros_like(spread),
            bias=np.zeros_like(spread),
            count=np.zeros_like(spread),
        )

    def bias(self) -> tuple[float, float, Grouping | None]:
        """How far weights and residuals that move together by group move DR, its z value, and the clearest grouping.

        ``sum_g (mean w_g / mean w - 1) rows_g / rows residual_g`` with the weighted mean residual of a group: 0 in
        expectation where propensities are right, whatever the reward model misses; DR less it normalises the weights
        within groups.
        """
        if self._worst is None:
            self._worst = 0.0, 0.0, None
            for grouping in self._groupings if not self._pooled else ():
                if not grouping.disjoint:
                    continue
                self._tests += 1
                member, weight = grouping.member, self._weight
                carried, sums = member.T @ weight, member.T @ (weight * self._residual)
                mean = np.divide(sums, carried, out=np.zeros_like(carried), where=carried > 0.0)
                part = (member @ mean * self._drift)[:, None]
                error = float(np.sqrt(self._variance(part)[0])) / len(part)
                z = abs(float(part.mean())) / error if error > 0.0 else 0.0
                if z > self._worst[1]:
                    self._worst = float(part.mean()), z, grouping
        return self._worst

    def _judge_bias(self, half_width: float) -> Finding | None:
        bias, z, grouping = self.bias()
        if grouping is None:
            return None
        sure, likely = (
            NormalDist().inv_cdf(1.0 - share / (2.0 * self._tests)) for share in (FALSE_REFUSALS, FALSE_CAUTIONS)
        )
        if z <= likely or abs(bias) <= 0.25 * half_width:
            return None
        level: Level = "refuse" if z > sure and abs(bias) > half_width else "caution"
        columns = () if grouping.column is None else (grouping.column,)
        figures: dict[str, Figure] = {"kind": grouping.kind, "bias": bias, "z": z}
        return Finding(code="bias_by_group", level=level, columns=columns, figures=figures)

    def _finding(self, one: _Deviations, level: Level, cells: int, columns: tuple[int, ...]) -> Finding:
        excess = one.excess(FALSE_CAUTIONS, cells)
        group, action = (int(place) for place in np.unravel_index(int(excess.argmax()), excess.shape))
        kind, rows = one.grouping.kind, float(one.rows[0, action] if _is_stated(one) else one.rows[group])
        stated = float(one.expected[group, action]) / rows
        found = float(one.taken[group, action]) / rows
        z = float(abs(one.sums[group, action]) / max(float(one.variance[group, action]) ** 0.5, 1e-300))
        figures: dict[str, Figure] = {"kind": kind, "z": z, "taken": found, "stated": stated, "rows": round(rows)}
        figures |= {"higher": "higher" if one.sums[group, action] > 0.0 else "lower"}
        if one.grouping.column is not None and one.determines:
            figures |= {"determines": 1.0}
        if one.grouping.disjoint and not _is_stated(one):
            # The overall share is taken out: what one group has too much of, others seem to lack. Half as far counts.
            off = np.abs(one.sums).max(axis=1) / np.maximum(one.rows, 1.0)
            elsewhere = (excess.max(axis=1) > 1.0) & (off >= 0.5 * off[group])
            figures |= {"more": float(elsewhere.sum() - elsewhere[group])}
        shown = dict(one.grouping.shown[0 if _is_stated(one) else group])
        segment = shown.pop("segment_code", None)
        if _is_stated(one):
            code = "calibration"
        elif not one.grouping.disjoint:
            code = "calibration_along_column"
        elif self._data.action_probabilities is None:
            code = "weights_by_group"
        else:
            code = "calibration_by_group"
        return Finding(
            code=code,
            level=level,
            action=None if _is_stated(one) else action,
            segment=None if segment is None else int(segment),
            columns=columns,
            figures=figures | shown,
        )

    def _variance(self, parts: FloatArray) -> FloatArray:
        """Variance of the sums of columns ``(n, m)`` with mean 0, robust to dependence within clusters: ``(m,)``."""
        squares: FloatArray = (parts * parts).sum(axis=0)
        if self._begins is None:
            return squares
        sums = np.add.reduceat(parts, self._begins, axis=0)
        return np.maximum(squares, (sums * sums).sum(axis=0))


def _is_stated(one: _Deviations) -> bool:
    """Whether the columns are bins of stated probability, and not actions."""
    return one.grouping.kind == "stated"


def _ratio(found: FloatArray, expected: FloatArray) -> FloatArray:
    return np.divide(found, expected, out=np.ones_like(expected), where=expected > 0.0)


def _few_clusters(clusters: FloatArray, level: float) -> FloatArray:
    """How much further Student's quantile lies out than the normal one, by what clusters are worth ``(m,)``."""
    from scipy.special import stdtrit

    normal = -NormalDist().inv_cdf(level)
    known = np.isfinite(clusters)
    freedom = np.where(known, np.maximum(clusters - 1.0, 1.0), 1e6)
    reach = np.where(known, stdtrit(freedom, 1.0 - level) / normal, 1.0)
    return np.where(clusters < _FEWEST_CLUSTERS, np.inf, reach)
