"""Who buys in the coming weeks, and who is leaving: three models, calibrated, held against what a bucket alone says.

Learnt on one morning and judged on a later one: features of customers on a morning, and whether they bought within the
horizon after it. Logistic regression, gradient boosted trees (calibrated by cross-validation on the learning morning),
and the BG/NBD model of `xbopt.calibration.customers.bg_nbd`; their mean is the ensemble, their spread its disagreement.
The naive forecast is the share that bought from the same lifecycle bucket on the learning morning.
"""

# scikit-learn ships without complete type information.
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false, reportUnknownLambdaType=false

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

import numpy as np
import polars as pl

from xbopt.calibration.customers.bg_nbd import fit_bg_nbd
from xbopt.calibration.customers.cleaning import Cleaned
from xbopt.calibration.customers.profiles import customer_table
from xbopt.calibration.customers.purchases import Purchases, purchases_of, repeat_summary
from xbopt.calibration.customers.segments import feature_matrix
from xbopt.core.arrays import BoolArray, FloatArray
from xbopt.core.errors import CalibrationError
from xbopt.core.randomness import named_generator

HORIZON_DAYS = 90
LEAST_CUSTOMERS, LEAST_BUYERS = 200, 30
Model = Literal["logistic", "trees", "bg_nbd", "ensemble", "naive"]
_MEMBERS: tuple[Model, ...] = ("logistic", "trees", "bg_nbd")
_FEATURES = ("recency_days", "frequency", "tenure_days", "order_value", "discount_share", "return_share")
_FLOOR = 1e-4


@dataclass(frozen=True, slots=True, kw_only=True)
class ChanceScore:
    """How well the chance of a purchase was told for the customers of the judging morning.

    Attributes:
        model: Its name.
        brier: Mean squared error of the chance.
        log_loss: Mean negative log-likelihood.
        auc: Chance that a buyer was given more than a non-buyer.
        expected: Mean chance given, to be held against ``PurchaseChance.bought``.
    """

    model: Model
    brier: float
    log_loss: float
    auc: float
    expected: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PurchaseChance:
    """Chances of a purchase within the horizon.

    Attributes:
        horizon_days: Days that count.
        learnt_on: Morning of learning; what was bought within the horizon after it was the target.
        judged_on: Morning of judging; nothing from it on was known when the models were learnt.
        customers: Customers judged.
        bought: Share of them that bought.
        scores: Of each model, the ensemble and the naive forecast.
        gain: Brier score of the naive forecast less that of the ensemble; positive is better.
        gain_se: Standard error of the gain over customers.
        disagreement: Mean standard deviation between the members' chances.
        now: Chance of each customer on the morning after the data ``(U,)``, in the order of the customer table, by the
            ensemble or, where it did not beat the naive forecast, by that.
        judged: Which of today's customers were there on the judging morning ``(U,)``.
        told: Chance of each of these by the same forecaster, on that morning ``(N,)``.
        came: Which of them bought ``(N,)``.
    """

    horizon_days: int
    learnt_on: date
    judged_on: date
    customers: int
    bought: float
    scores: tuple[ChanceScore, ...]
    gain: float
    gain_se: float
    disagreement: float
    now: FloatArray
    judged: BoolArray
    told: FloatArray
    came: BoolArray

    @property
    def beats_naive(self) -> bool:
        """Whether the ensemble is better than the naive forecast by two standard errors."""
        return self.gain > 2.0 * self.gain_se

    def score(self, model: Model) -> ChanceScore:
        """The score of a model."""
        return next(one for one in self.scores if one.model == model)

    def to_frame(self) -> pl.DataFrame:
        """One row a model."""
        return pl.DataFrame(
            [
                {"model": s.model, "brier": s.brier, "log_loss": s.log_loss, "auc": s.auc, "expected": s.expected}
                for s in self.scores
            ]
        )


def purchase_chance(cleaned: Cleaned, *, horizon_days: int = HORIZON_DAYS, seed: int = 0) -> PurchaseChance:
    """Learn, judge, and tell the chances of today's customers. Who leaves is who does not buy: churn is 1 less it.

    Args:
        cleaned: Clean sales.
        horizon_days: Days that count.
        seed: Of the named streams.

    Raises:
        CalibrationError: The data are too short to hold a learning and a judging morning, or hold too few customers.
    """
    purchases = purchases_of(cleaned)
    end = purchases.end_date
    judged, learnt = end - timedelta(days=horizon_days), end - timedelta(days=2 * horizon_days)
    if (learnt - purchases.first_date).days < horizon_days:
        raise CalibrationError(
            f"{purchases.days} days of orders: telling who buys within {horizon_days} days needs {3 * horizon_days}, "
            "to learn from one part and to judge on another. Give a longer period or a shorter horizon."
        )
    then, later = _morning(cleaned, purchases, learnt, horizon_days), _morning(cleaned, purchases, judged, horizon_days)
    for morning in (then, later):
        buyers = int(morning.bought.sum())
        if len(morning.bought) < LEAST_CUSTOMERS or min(buyers, len(morning.bought) - buyers) < LEAST_BUYERS:
            people = len(morning.bought)
            raise CalibrationError(
                f"{people} customers on {morning.day}, of whom {buyers} bought within {horizon_days} days: at least "
                f"{LEAST_CUSTOMERS}, and {LEAST_BUYERS} of either kind, are needed to tell who buys."
            )
    chances = _chances(then, later, seed, horizon_days)
    actual = later.bought.astype(np.float64)
    gain = (chances["naive"] - actual) ** 2 - (chances["ensemble"] - actual) ** 2
    members = np.stack([chances[name] for name in _MEMBERS])
    mean, se = float(gain.mean()), float(gain.std(ddof=1) / np.sqrt(len(gain)))
    used: Model = "ensemble" if mean > 2.0 * se else "naive"
    now = _chances(later, _morning(cleaned, purchases, end, horizon_days), seed, horizon_days)
    first_day = purchases.day[purchases.first_row]
    return PurchaseChance(
        horizon_days=horizon_days,
        learnt_on=learnt,
        judged_on=judged,
        customers=len(actual),
        bought=float(actual.mean()),
        scores=tuple(_score(name, chances[name], later.bought) for name in (*_MEMBERS, "ensemble", "naive")),
        gain=mean,
        gain_se=se,
        disagreement=float(members.std(axis=0).mean()),
        now=now[used],
        judged=first_day < (judged - purchases.first_date).days,
        told=chances[used],
        came=later.bought,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Morning:
    day: date
    purchases: Purchases
    features: FloatArray
    bucket: tuple[str, ...]
    bought: BoolArray


def _morning(cleaned: Cleaned, purchases: Purchases, day: date, horizon: int) -> _Morning:
    """Customers on a morning, and whether they bought within the horizon after it."""
    table = customer_table(cleaned, day)
    known = purchases.until(day)
    start = (day - purchases.first_date).days
    after = (purchases.day >= start) & (purchases.day < start + horizon)
    buyers = {purchases.names[i] for i in np.unique(purchases.customer[after]).tolist()}
    features = feature_matrix(table, _FEATURES)
    rhythm = features[:, [0]] - (features[:, [2]] - features[:, [1]])  # silence against the usual gap
    return _Morning(
        day=day,
        purchases=known,
        features=np.column_stack([features, rhythm]),
        bucket=tuple(table["bucket"].to_list()),
        bought=np.array([name in buyers for name in table["customer"]], dtype=np.bool_),
    )


def _chances(then: _Morning, later: _Morning, seed: int, horizon: int) -> Mapping[str, FloatArray]:
    """Chances of the later morning's customers, learnt on the one before ``(N,)``."""
    from sklearn.calibration import CalibratedClassifierCV
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.linear_model import LogisticRegression

    centre, scale = then.features.mean(axis=0), np.maximum(then.features.std(axis=0), 1e-9)
    before, after = ((morning.features - centre) / scale for morning in (then, later))
    trees = HistGradientBoostingClassifier(
        max_iter=60,
        learning_rate=0.06,
        max_leaf_nodes=8,
        min_samples_leaf=20,
        random_state=int(named_generator(seed, "purchase trees").integers(2**31)),
    )
    found: dict[str, FloatArray] = {}
    for name, model in (("logistic", LogisticRegression()), ("trees", CalibratedClassifierCV(trees, cv=3))):
        model.fit(before, then.bought)
        found[name] = np.asarray(model.predict_proba(after)[:, 1], dtype=np.float64)
    found["bg_nbd"] = _by_bg_nbd(later, horizon)
    found["ensemble"] = np.stack([found[name] for name in _MEMBERS]).mean(axis=0)
    overall = float(then.bought.mean())
    share = {
        bucket: float(then.bought[[b == bucket for b in then.bucket]].mean()) for bucket in sorted(set(then.bucket))
    }
    found["naive"] = np.array([share.get(bucket, overall) for bucket in later.bucket])
    return found


def _by_bg_nbd(morning: _Morning, horizon: int) -> FloatArray:
    """By the repeat model, fitted to the newly won of what was known that morning, for all customers."""
    fit = fit_bg_nbd(repeat_summary(morning.purchases))
    return fit.buys_within(repeat_summary(morning.purchases, burn_in_days=0), float(horizon))


def _score(model: Model, chance: FloatArray, bought: BoolArray) -> ChanceScore:
    from sklearn.metrics import roc_auc_score

    safe, actual = np.clip(chance, _FLOOR, 1.0 - _FLOOR), bought.astype(np.float64)
    return ChanceScore(
        model=model,
        brier=float(((chance - actual) ** 2).mean()),
        log_loss=float(-(actual * np.log(safe) + (1.0 - actual) * np.log1p(-safe)).mean()),
        auc=float(roc_auc_score(bought, chance)),
        expected=float(chance.mean()),
    )
