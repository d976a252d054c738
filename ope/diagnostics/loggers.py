"""Did several logging policies work under the same conditions? Balanced weights take them for one.

A row of balanced weight stands for all policies together, also where only one of them took its action. That is right if
an action brings the same whoever takes it, context given. So the mean residual of an action must not depend on the
policy that took it.
"""

import numpy as np

from xbopt.core.arrays import FloatArray, IntArray
from xbopt.ope.diagnostics.audit import AuditedRows
from xbopt.ope.results.findings import Finding

_FEWEST = 10  # rows of an action from one policy, for their mean to have an error
_CAUTION, _REFUSE = 2e-2, 1e-6


class LoggerResiduals:
    """Residuals of a log that several policies wrote, as each action's means by policy.

    Attributes:
        statistic: Squared z values of these means around their action's own, summed: chi-squared (Welch 1951, without
            his small-sample term). Clusters count by their means.
        freedom: Policies beyond the first of each action.
        apart: Root mean square of the differences.
        together: The same sum over all actions together, where a shift that all of them share shows best.
        policies: Policies in it.
        shift: How much the value of balanced weights is moved by the differences.
    """

    def __init__(self, rows: AuditedRows) -> None:
        data = rows.data
        assert data.policy is not None, "balanced weights belong to several policies"
        residual, action, policy = _by_cluster(rows.residual, data.action, data.policy, data.cluster)
        self.statistic, self.freedom, spread, count = 0.0, 0, 0.0, 0
        shared = np.zeros(len(residual), dtype=np.bool_)
        for one in np.unique(action).tolist():
            here = action == one
            _, sizes, means, errors = _means(residual[here], policy[here])
            if len(sizes) < 2:
                continue
            middle = float((means / errors**2).sum() / (1.0 / errors**2).sum())
            self.statistic += float((((means - middle) / errors) ** 2).sum())
            self.freedom += len(sizes) - 1
            spread += float(sizes @ (means - middle) ** 2)
            count += int(sizes.sum())
            residual[here] -= middle
            shared |= here
        self.apart = float(np.sqrt(spread / count)) if count else 0.0
        codes, _, means, errors = _means(residual[shared], policy[shared])
        self.policies = len(codes)
        self.together = float(((means / errors) ** 2).sum())
        # A policy whose rows hold more than their share of the weight brings its conditions into the value.
        weight = np.array([float(rows.weight[data.policy == code].sum()) for code in codes.tolist()])
        share = np.array([float((data.policy == code).mean()) for code in codes.tolist()])
        self.shift = float((weight / max(float(rows.weight.sum()), 1e-300) - share) @ means)

    @property
    def likely_shift(self) -> float:
        """The shift, where the differences are more than chance mostly brings; 0 else."""
        return self.shift if self.policies > 1 and self.together > self.policies else 0.0

    def judge(self, *, half_width: float) -> Finding | None:
        """What is found where policies differ; None where nothing is.

        Args:
            half_width: Of the value's interval: differences below it are for CAUTION.
        """
        from scipy.special import chdtrc

        if not self.freedom:
            return None
        each, together = float(chdtrc(self.freedom, self.statistic)), float(chdtrc(self.policies, self.together))
        p_value = min(1.0, 2.0 * min(each, together))
        if p_value > _CAUTION:
            return None
        refuses = p_value <= _REFUSE and self.apart > half_width
        figures = {"p_value": p_value, "apart": self.apart}
        return Finding(code="loggers_differ", level="refuse" if refuses else "caution", figures=figures)


def _means(residual: FloatArray, policy: IntArray) -> tuple[IntArray, FloatArray, FloatArray, FloatArray]:
    """Code, rows, mean and its error of each policy with rows enough and any spread ``(j,)`` each."""
    parts = {code: residual[policy == code] for code in np.unique(policy).tolist()}
    kept = {code: part for code, part in parts.items() if len(part) >= _FEWEST and float(part.std()) > 0.0}
    sizes = np.array([len(part) for part in kept.values()], dtype=np.float64)
    means = np.array([float(part.mean()) for part in kept.values()])
    errors = np.array([float(part.std(ddof=1)) for part in kept.values()]) / np.sqrt(np.maximum(sizes, 1.0))
    return np.array(list(kept), dtype=np.int64), sizes, means, errors


def _by_cluster(
    residual: FloatArray, action: IntArray, policy: IntArray, cluster: IntArray | None
) -> tuple[FloatArray, IntArray, IntArray]:
    """One mean residual for each cluster, action and policy; a copy of the rows without clusters."""
    if cluster is None:
        return residual.copy(), action, policy
    order = np.lexsort((policy, action, cluster))
    cells = np.stack([cluster[order], action[order], policy[order]])
    begins = np.flatnonzero(np.append(True, (cells[:, 1:] != cells[:, :-1]).any(axis=0)))
    sizes = np.diff(np.append(begins, len(order)))
    return np.add.reduceat(residual[order], begins) / sizes, cells[1, begins], cells[2, begins]
