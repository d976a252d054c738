"""What orders tell beside the scenario, for ``xbopt calibrate --json``: groups only, never a customer."""

from collections.abc import Sequence
from datetime import timedelta

from xbopt.calibration.customers.demand import DemandForecast
from xbopt.calibration.intervals import Interval
from xbopt.calibration.promotions import LAGS
from xbopt.calibration.scenario.calibration import Calibration
from xbopt.calibration.scenario.insights import CohortChange, Insights, RegionDemand, SegmentValue
from xbopt.reports.calibration.insight_words import (
    buyer_lines,
    cohort_lines,
    deal_lines,
    demand_lines,
    value_lines,
    why_not,
)
from xbopt.reports.calibration.quality_words import quality_sentence
from xbopt.reports.kit.numbers import NumberFormat


def quality_json(calibration: Calibration, numbers: NumberFormat) -> dict[str, object] | None:
    """Rows by what became of them, and what follows; None of a panel alone."""
    cleaned, shop, insights = calibration.cleaned, calibration.shop, calibration.insights
    if cleaned is None or shop is None or insights is None:
        return None
    sessions = insights.sessions
    return {
        "rows_in": cleaned.rows_in,
        "rows_by_rule": {count.rule: count.rows for count in cleaned.counts},
        "rows_kept": cleaned.transactions.height,
        "rows_without_customer": cleaned.anonymous.height,
        "refunds": shop.refunds.height,
        "refunds_in": cleaned.refunds_in,
        "refunds_dropped": cleaned.refunds_dropped,
        "sessions": None
        if sessions is None
        else {
            "rows_in": sessions.rows_in,
            "rows_by_rule": dict(sessions.rows),
            "sessions_by_rule": dict(sessions.sessions_of),
            "rows_kept": sessions.sessions.height,
        },
        "findings": [
            {
                "code": one.code,
                "severity": one.severity,
                "figures": dict(one.figures),
                "text": quality_sentence(one, numbers),
            }
            for one in insights.quality.findings
        ],
    }


def insights_json(calibration: Calibration, numbers: NumberFormat) -> dict[str, object]:
    """Deals, demand, buyers and order values; each None of a panel alone."""
    insights, base = calibration.insights, calibration.base
    if insights is None:
        whole = {"deals": None, "demand": None, "buyers": None, "order_values": None}
        return {**whole, "cohorts": None, "segments_by_month": None}
    names = () if base is None else base.names
    return {
        "deals": _deals(insights, numbers),
        "demand": {
            "regions": [_demand(one) for one in insights.demand],
            "sentences": list(demand_lines(insights.demand, numbers)),
        },
        "buyers": _buyers(insights, () if base is None else base.ids, numbers),
        "order_values": {
            "segments": [_value(one, () if base is None else base.ids) for one in insights.values],
            "sentences": list(value_lines(insights.values, names, numbers)),
        },
        "cohorts": {
            "quarters": [
                {
                    "first_month": one.first_month or None,
                    "on_offer": not one.first_month,
                    "customers": one.customers,
                    "repeaters": one.repeaters,
                    "days": one.days,
                    "second_order": _interval(one.second_order),
                }
                for one in insights.cohorts
            ],
            "change": _cohort_change(insights.cohort_change),
            "sentences": list(cohort_lines(insights, names, numbers)),
        },
        "segments_by_month": None
        if insights.drift is None
        else {
            "months": [str(morning) for morning in insights.drift.mornings],
            "segments": [] if base is None else list(base.ids),
            "shares": insights.drift.shares.tolist(),
            "population_stability": insights.drift.population_stability.tolist(),
        },
    }


def _interval(one: Interval | None) -> dict[str, float] | None:
    return None if one is None else {"value": one.value, "low": one.low, "high": one.high}


def _cohort_change(change: CohortChange | None) -> dict[str, object] | None:
    if change is None:
        return None
    return {
        "first_month": change.first_month,
        "last_month": change.last_month,
        "days": change.days,
        "first": _interval(change.first),
        "last": _interval(change.last),
        "is_apart": change.is_apart,
    }


def _deals(insights: Insights, numbers: NumberFormat) -> dict[str, object]:
    profile = insights.deals.value
    said: dict[str, object] = {"sentences": list(deal_lines(insights, numbers))}
    if profile is None:
        return {"status": "not told", "reason": insights.deals.why_not, **said}
    return {
        "status": profile.status,
        "reason": profile.reason,
        "starts": profile.starts,
        "depth": profile.depth,
        "bump": _interval(profile.bump),
        "before": _interval(profile.before),
        "dip": _interval(profile.dip),
        "net": _interval(profile.net),
        "borrowed": {"value": profile.pull_forward, "sd": profile.pull_forward_sd},
        "weeks": [{"lag": lag, **(_interval(week) or {})} for lag, week in zip(LAGS, profile.lags, strict=False)],
        **said,
    }


def _demand(one: RegionDemand) -> dict[str, object]:
    model = one.model.value
    told: dict[str, object] = {"region": one.region, "reason": one.model.why_not, "why_not": why_not(one.model)}
    return told | ({"orders": None} if model is None else _forecast(model))


def _forecast(model: DemandForecast) -> dict[str, object]:
    begin = model.first_day + timedelta(days=len(model.orders))
    return {
        "orders": _interval(model.total),
        "weeks": [
            {"start": (begin + timedelta(days=7 * n)).isoformat(), **(_interval(week) or {})}
            for n, week in enumerate(model.weeks)
        ],
        "days": [float(orders) for orders in model.forecast],
        "beats_naive": model.beats_naive,
        "stands": model.stands,
        "error": model.error,
        "scores": [{"forecaster": one.name, "wmape": one.wmape, "bias": one.bias} for one in model.scores],
    }


def _buyers(insights: Insights, ids: Sequence[str], numbers: NumberFormat) -> dict[str, object]:
    buyers = insights.buyers.value
    said: dict[str, object] = {
        "reason": insights.buyers.why_not,
        "sentences": list(buyer_lines(insights.buyers, numbers)),
    }
    if buyers is None:
        return {"segments": None, **said}
    chance = buyers.chance
    return {
        "horizon_days": chance.horizon_days,
        "judged_on": chance.judged_on.isoformat(),
        "customers": chance.customers,
        "bought": chance.bought,
        "beats_naive": chance.beats_naive,
        "gain": chance.gain,
        "gain_se": chance.gain_se,
        "scores": [
            {"model": one.model, "brier": one.brier, "log_loss": one.log_loss, "auc": one.auc, "expected": one.expected}
            for one in chance.scores
        ],
        "segments": [
            {
                "segment": ids[one.segment],
                "customers": one.customers,
                "buy": _interval(one.share),
                "churn": 1.0 - one.share.value,
                "judged": one.judged,
                "expected": one.expected,
                "bought": one.bought,
            }
            for one in buyers.segments
        ],
        **said,
    }


def _value(one: SegmentValue, ids: Sequence[str]) -> dict[str, object]:
    fit, score = one.fit.value, one.score
    told: dict[str, object] = {
        "segment": ids[one.segment],
        "reason": one.fit.why_not,
        "why_not": why_not(one.fit),
    }
    if fit is None:
        return {**told, "value": None}
    return {
        **told,
        "value": _interval(fit.mean_value),
        "customers": fit.customers,
        "frequency_correlation": fit.frequency_correlation,
        "is_independent": fit.is_independent,
        "held_out": None
        if score is None
        else {"customers": score.customers, "wmape": score.wmape, "naive": score.naive},
    }
