"""Elasticities of groups, each drawn towards the overall one as far as its own data are weak."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from xbopt.calibration.count_regression import CountFit
from xbopt.core.arrays import FloatArray, IntArray


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupElasticity:
    """The elasticity of a region or product.

    Attributes:
        name: Its name.
        elasticity: Drawn towards the overall one.
        sd: Its standard deviation.
        from_data: From its own rows alone; NaN where its price never moved.
        from_data_se: The standard error of that.
    """

    name: str
    elasticity: float
    sd: float
    from_data: float
    from_data_se: float


def pooled_groups(
    fit: CountFit, groups: IntArray, names: Sequence[str], *, overall: float, overall_sd: float, clustered_se: float
) -> tuple[GroupElasticity, ...]:
    """Elasticities by group, from one Newton step away from the common one.

    Groups differ by a normal spread whose variance is estimated by moments (DerSimonian, Laird 1986, equation 9). A
    group's variance is that of overdispersed counts, times what clustering adds to it over all groups.

    Args:
        fit: The common fit; its first regressor is the price.
        groups: Number of the group of each row of the fit ``(N,)``.
        names: Names of the groups.
        overall: The overall elasticity, pooled with the prior.
        overall_sd: Its standard deviation.
        clustered_se: The clustered standard error of the common fit.
    """
    price, residual, size = fit.regressors[:, 0], fit.counts - fit.fitted, len(names)
    information = np.bincount(groups, price * fit.weights * price, size)
    score = np.bincount(groups, fit.scores[:, 0], size)
    rows = np.maximum(np.bincount(groups, minlength=size), 1)
    dispersion = np.maximum(np.bincount(groups, residual**2 / np.maximum(fit.fitted, 1e-12), size) / rows, 1.0)
    known = information > 1e-9 * max(float(information.max(initial=0.0)), 1e-300)
    safe = np.where(known, information, 1.0)
    own = np.where(known, fit.coefficients[0] + score / safe, np.nan)
    plain = float((dispersion * information).sum()) / float(information.sum()) ** 2
    variance = np.where(known, dispersion / safe * max(clustered_se**2 / plain, 1.0), np.inf)
    spread = _spread(own[known], variance[known])
    weight = np.where(known, spread / (spread + np.where(known, variance, 1.0)), 0.0)
    centre = np.where(known, np.nan_to_num(own), overall)
    value = weight * centre + (1.0 - weight) * overall
    sd = np.sqrt(spread * (1.0 - weight) + ((1.0 - weight) * overall_sd) ** 2)
    return tuple(
        GroupElasticity(
            name=name,
            elasticity=float(value[i]),
            sd=float(sd[i]),
            from_data=float(own[i]),
            from_data_se=float(np.sqrt(variance[i])) if known[i] else float("nan"),
        )
        for i, name in enumerate(names)
    )


def _spread(values: FloatArray, variances: FloatArray) -> float:
    """Variance between groups beyond chance; 0 where there is none or only one group."""
    if len(values) < 2:
        return 0.0
    weights = 1.0 / variances
    mean = float(weights @ values / weights.sum())
    excess = float(weights @ (values - mean) ** 2) - (len(values) - 1)
    return max(excess / float(weights.sum() - (weights**2).sum() / weights.sum()), 0.0)
