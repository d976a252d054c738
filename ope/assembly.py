"""From gathered sums to an evaluation: values, intervals, verdict."""

from collections.abc import Mapping
from dataclasses import replace
from statistics import NormalDist
from typing import Literal

import numpy as np

from xbopt.core.arrays import FloatArray
from xbopt.ope.data.reward_range import RewardRange
from xbopt.ope.diagnostics.audit_verdict import add_group_finding, judge_agreement, judge_contributions
from xbopt.ope.diagnostics.calibration import CalibrationTest
from xbopt.ope.diagnostics.loggers import LoggerResiduals
from xbopt.ope.diagnostics.verdict import (
    SupportRules,
    judge_carry_over,
    judge_rewards,
    judge_support,
    name_what_is_lacking,
)
from xbopt.ope.estimators.bandit import BIASED, LOGGING, MODEL_FREE, UNBIASED, ColumnLayout, formulas
from xbopt.ope.estimators.choice import cross_validated_order
from xbopt.ope.estimators.ratios import Formula, ProjectedFormula, Ratio, project
from xbopt.ope.intervals.bootstrap import bootstrap, bootstrap_t, draw_counts
from xbopt.ope.intervals.skewed import skewed_interval
from xbopt.ope.results.estimates import Estimate
from xbopt.ope.results.evaluation import ModelQuality, PolicyEvaluation
from xbopt.ope.results.findings import Finding, Findings, note
from xbopt.ope.reward_models.protocol import RewardModel
from xbopt.ope.sums import EvaluationSums

IntervalMethod = Literal["skewed", "bootstrap-t"]
_REPLICATES = 1000
_DIFFERENCE = " - logging"
_USUAL, _TELLING, _ALL = 0.2, 0.5, 0.95  # shares of the reward's variance that a context explains
_THINNEST = 4  # rows for one that is kept, up to which the kept ones tell a bias as large as an interval is wide


def assemble(
    sums: EvaluationSums,
    *,
    model: RewardModel | None,
    confidence: float,
    seed: int,
    reward_bounds: tuple[float, float] | None,
    rules: SupportRules,
    interval: IntervalMethod,
    force: bool,
    findings: tuple[Finding, ...],
) -> PolicyEvaluation:
    """What the sums say; the other arguments are as for ``StreamingEvaluator`` and its ``result``."""
    support, rewards, rows = sums.diagnostics(), sums.rewards, sums.rows
    blocks, layout = sums.blocks.blocks(), sums.layout
    judged = Findings()
    judge_support(support, rows, rules, judged)
    known = {name: form for name, form in formulas(blocks, layout).items() if sums.predicted or name in MODEL_FREE}
    kept = sums.audit.rows()
    loggers = LoggerResiduals(kept) if kept is not None and kept.pooled else None
    test: CalibrationTest | None = None
    # Equal weights rest on no propensity; one cluster tells no spread.
    if support.max_weight > 0.0 and support.ess < rows * (1.0 - 1e-9) and support.clusters != 1:
        estimated = any(finding.code == "estimated_propensities" for finding in findings)
        test = None if kept is None else CalibrationTest(kept)
        error = project(known["dr" if sums.predicted else "snips"], blocks, layout.position).standard_error()
        half_width = NormalDist().inv_cdf(0.5 + confidence / 2.0) * error if np.isfinite(error) else 0.0
        found = _audit(test, loggers, half_width, rules, judged, estimated=estimated)
        # With weights worth this little their standard errors mean little either, and lack of support is the cause.
        thin = support.ess < rules.ess or support.top_weight_share > rules.top_weight_share
        if sums.predicted and found is None and not thin:  # of one cause one finding
            _judge_model(sums, known, blocks, test, half_width, rules, judged, pooled=loggers is not None)
            if not estimated and sums.audit.has_context and (share := _share_explained(blocks, layout)) > _ALL:
                judged.add("caution", "context_explains_all", share=share)
        contributions = {"value": sums.contributions.found(), "difference": sums.differences.found()}
        judge_contributions(contributions, rewards, rules, judged)
        if kept is not None and _THINNEST * len(kept.weight) < rows:
            test = None
    name_what_is_lacking(support, rows, judged)
    judged.items.extend(finding for finding in findings if finding.level != "advice")
    judge_rewards(rewards, rules, judged)
    carry_over = None if sums.carry_over is None else sums.carry_over.test()
    judge_carry_over(carry_over, judged)
    judged.items.extend(finding for finding in findings if finding.level == "advice")
    withheld = judged.refuses and not force
    bounds = reward_bounds or rewards.bounds

    costs = _budget_formulas(layout)
    needed: dict[str, Formula] = {"logging": LOGGING}
    if not withheld:
        minus = _minus(LOGGING)
        needed |= known | {name + _DIFFERENCE: (*formula, *minus) for name, formula in known.items()} | costs
    projected = {name: project(formula, blocks, layout.position) for name, formula in needed.items()}
    plain = _estimates(projected, confidence=confidence, seed=seed, interval=interval, bounds=bounds)
    if rewards.events == 0 and rows > 1:
        plain |= {
            name: _without_spread(
                value,
                bounds,
                rewards,
                worth=float(rows) if name == "logging" else support.ess,
                confidence=confidence,
                is_difference=name.endswith(_DIFFERENCE),
            )
            for name, value in plain.items()
            if name not in costs  # costs spread though rewards do not
        }
    elif rewards.binary and rows > 1 and rewards.weighted_events < rules.rare_rewards:
        # Of m weighted events, the exact Poisson bound over their normal one; for none of them -log(alpha / 2).
        room = _poisson_room(rewards.weighted_events, confidence) / max(support.ess, 1.0)
        for name in plain:
            if name.removesuffix(_DIFFERENCE) in UNBIASED:
                plain[name] = replace(
                    plain[name],
                    low=min(plain[name].low, plain[name].value - (room if rewards.rare_is_low else 0.0)),
                    high=max(plain[name].high, plain[name].value + (0.0 if rewards.rare_is_low else room)),
                )
    if sums.predicted and not withheld:
        shift = _shift(test, loggers, rules)
        # Time and segment, which models may know beside the context, are nobody's doing.
        explained = _share_explained(blocks, layout) if sums.audit.has_context else 0.0
        differing = rules.differing_from * min(max((_TELLING - explained) / (_TELLING - _USUAL), 0.0), 1.0)
        plain = _with_agreement(plain, _apart(known, blocks, layout), shift, differing_from=differing)
    estimates, differences = (
        _with_bias({name: plain[name + ending] for name in known if name + ending in plain})
        for ending in ("", _DIFFERENCE)
    )
    recommended = None if withheld else ("dr" if sums.predicted else "snips")
    if recommended is not None and recommended not in estimates:
        recommended = "ips" if "ips" in estimates else None  # no weight at all: no ratio has a meaning
    return PolicyEvaluation(
        findings=tuple(judged.items),
        support=support,
        values={name: _in_bounds(value, bounds, rewards) for name, value in estimates.items()},
        withheld=withheld,
        estimand="one-step",
        rows=rows,
        rows_censored=sums.censored,
        confidence=confidence,
        recommended=recommended,
        logging_policy=_in_bounds(plain["logging"], bounds, rewards),
        difference=None if recommended is None else differences[recommended],
        differences=differences,
        cross_validated_choice=() if withheld else cross_validated_order(known, blocks, layout, seed=seed),
        model=_model_quality(model, sums.members / blocks[:, layout.position["one"]].sum(), blocks, layout)
        if sums.predicted
        else None,
        carry_over=carry_over,
        budget={name: plain[name] for name in costs if name in plain},
    )


def _audit(
    test: CalibrationTest | None,
    loggers: LoggerResiduals | None,
    half_width: float,
    rules: SupportRules,
    findings: Findings,
    *,
    estimated: bool,
) -> Finding | None:
    """Add what is found of loggers, or else of propensities by group; ``estimated`` propensities fit anyway."""
    found = None if loggers is None else loggers.judge(half_width=half_width)
    if found is not None:
        findings.items.append(found)
        findings.add("advice", "own_propensities")
    elif test is not None and not estimated:
        found = test.judge(half_width=half_width, unsupported_mass=rules.unsupported_mass)
        add_group_finding(found, findings)
    return found


def _judge_model(
    sums: EvaluationSums,
    known: Mapping[str, Formula],
    blocks: FloatArray,
    test: CalibrationTest | None,
    half_width: float,
    rules: SupportRules,
    findings: Findings,
    *,
    pooled: bool,
) -> None:
    """Hold DR against SNIPS."""
    apart = _apart(known, blocks, sums.layout)
    rounding = 1e-9 * max(abs(sums.rewards.lowest), abs(sums.rewards.highest))
    if abs(apart.value()) > rounding:  # rewards that are all alike leave nothing but the error of sums
        judge_agreement(apart.value(), apart.standard_error(), half_width, rules, findings, test, pooled=pooled)


def _apart(known: Mapping[str, Formula], blocks: FloatArray, layout: ColumnLayout) -> ProjectedFormula:
    """DR less SNIPS, on the same rows."""
    return project((*known["dr"], *_minus(known["snips"])), blocks, layout.position)


def _shift(test: CalibrationTest | None, loggers: LoggerResiduals | None, rules: SupportRules) -> float:
    """By how much groups, or logging policies, move the value by what is less than sure, but more than usual."""
    bias, z, _ = (0.0, 0.0, None) if test is None else test.bias()
    shift = bias if z > rules.differing_from else 0.0
    return shift if loggers is None else shift + loggers.likely_shift


def _with_agreement(
    plain: dict[str, Estimate], apart: ProjectedFormula, shift: float, *, differing_from: float
) -> dict[str, Estimate]:
    """Widen DR's intervals where other estimates of the same differ from it by more than they mostly do.

    All are right where propensities are right and the context was known before the decision. Where a column was not,
    SNIPS alone is; where propensities err by group, normalising the weights within groups is nearer. Tests miss small
    errors that still move DR by as much as its interval is wide.

    Args:
        plain: The estimates.
        apart: DR less SNIPS.
        shift: Bias that is likely.
        differing_from: Standard errors of the difference from which on it counts; less where the context explains so
            much of the reward that a column of it may be the reward's own doing.
    """
    error = apart.standard_error()
    differs = error > 0.0 and abs(apart.value()) > differing_from * error
    widened = dict(plain)
    for ending in ("", _DIFFERENCE):
        other = plain.get("snips" + ending)
        for name in ("dr" + ending, "sndr" + ending):
            if name in plain:
                one = plain[name]
                low, high = min(one.low, one.low - shift), max(one.high, one.high - shift)
                if other is not None and differs:
                    low, high = min(low, other.low), max(high, other.high)
                widened[name] = replace(one, low=low, high=high)
    return widened


def _minus(formula: Formula) -> Formula:
    return tuple(
        Ratio(numerator={name: -factor for name, factor in part.numerator.items()}, denominator=part.denominator)
        for part in formula
    )


def _budget_formulas(layout: ColumnLayout) -> dict[str, Formula]:
    """Mean cost and reward per cost of the evaluation policy, self-normalised; nothing where the log has no costs."""
    if "cost" not in layout.position:
        return {}
    return {
        "cost": (Ratio(numerator={"weighted_cost": 1.0}, denominator="weight"),),
        "reward_per_cost": (Ratio(numerator={"weighted_reward": 1.0}, denominator="weighted_cost"),),
        "cost_per_reward": (Ratio(numerator={"weighted_cost": 1.0}, denominator="weighted_reward"),),
    }


def _estimates(
    projected: dict[str, ProjectedFormula],
    *,
    confidence: float,
    seed: int,
    interval: IntervalMethod,
    bounds: tuple[float, float] | None,
) -> dict[str, Estimate]:
    blocks = next(iter(projected.values())).tops.shape[1]
    if interval == "bootstrap-t" and blocks > 1:
        counts = draw_counts(blocks, replicates=_REPLICATES, seed=seed)
        replicates = dict(zip(projected, bootstrap(list(projected.values()), counts), strict=True))
    else:
        replicates = {}
    estimates: dict[str, Estimate] = {}
    for name, formula in projected.items():
        value, error = formula.value(), formula.standard_error()
        if not np.isfinite(value):
            continue
        low, high = skewed_interval(value, formula.leave_one_out(), confidence=confidence)
        if name in replicates and error > 0.0:
            # Only a ratio cannot leave the rewards' range, so only there the logit scale makes sense.
            scale = bounds if name in {"snips", "logging"} else None
            ends = bootstrap_t(value, error, replicates[name], confidence=confidence, bounds=scale)
            if np.isfinite(ends).all():
                low, high = ends
            else:  # the replicates do not tell both ends: the wider one of both intervals
                low, high = float(np.fmin(low, ends[0])), float(np.fmax(high, ends[1]))
        estimates[name] = Estimate(value=value, se=error, low=low, high=high)
    return estimates


def _without_spread(
    estimate: Estimate,
    bounds: tuple[float, float] | None,
    rewards: RewardRange,
    *,
    worth: float,
    confidence: float,
    is_difference: bool,
) -> Estimate:
    """Make room for what was not logged where every reward is the same.

    None of n rows having an event leaves ``-log(alpha / 2)`` events plausible (the exact Poisson bound). One of typical
    weight moves a self-normalised mean by 1 / ESS of the way to the bound of the rewards.
    """
    if bounds is None:
        return replace(estimate, covers=False, notes=(*estimate.notes, note("no_spread")))
    share = -float(np.log((1.0 - confidence) / 2.0)) / max(worth, 1.0)
    low, high = bounds
    below, above = share * (rewards.lowest - low), share * (high - rewards.highest)
    if is_difference:  # what was done may have missed as much on either side
        below = above = below + above
    return replace(estimate, low=estimate.low - below, high=estimate.high + above)


def _poisson_room(events: float, confidence: float) -> float:
    """How many more events than were seen remain plausible: the upper end of the exact Poisson interval less them."""
    from scipy.special import gammaincinv

    return float(gammaincinv(events + 1.0, (1.0 + confidence) / 2.0)) - events


def _with_bias(estimates: dict[str, Estimate]) -> dict[str, Estimate]:
    """Widen the intervals of biased estimators to include the interval that is left after taking their bias out.

    Each of them minus its estimated bias is DR, so the hull of both intervals covers whenever that of DR does.
    """
    unbiased = estimates.get("dr")
    if unbiased is None:
        return estimates
    widened = {
        name: replace(
            estimates[name],
            low=min(estimates[name].low, unbiased.low),
            high=max(estimates[name].high, unbiased.high),
            covers=estimates[name].covers and unbiased.covers,
            notes=(note("bias", bias=estimates[name].value - unbiased.value), *estimates[name].notes),
        )
        for name in BIASED
    }
    return estimates | widened


def _in_bounds(estimate: Estimate, bounds: tuple[float, float] | None, rewards: RewardRange) -> Estimate:
    """Say where a value lies outside the possible rewards, and keep the interval within known bounds."""
    low, high = bounds or (rewards.lowest, rewards.highest)
    if not low <= estimate.value <= high:
        outside = note("outside_possible" if bounds else "outside_logged", low=low, high=high)
        estimate = replace(estimate, notes=(*estimate.notes, outside))
    if bounds is None:
        return estimate
    return replace(estimate, low=min(max(estimate.low, low), high), high=max(min(estimate.high, high), low))


def _share_explained(blocks: FloatArray, layout: ColumnLayout) -> float:
    """Share of the logged reward's variance that predictions explain."""
    total = blocks.sum(axis=0)
    rows, reward = total[layout.position["one"]], total[layout.position["reward"]]
    variance = total[layout.position["squared_reward"]] - reward**2 / rows
    error = total[layout.position["squared_error"]]
    return float(1.0 - error / variance) if variance > 0.0 else 0.0


def _model_quality(
    model: RewardModel | None, members: FloatArray, blocks: FloatArray, layout: ColumnLayout
) -> ModelQuality:
    return ModelQuality(
        name="given predictions" if model is None else model.name,
        share_explained=_share_explained(blocks, layout),
        disagreement=float(members.std(ddof=1)) if members.size > 1 else 0.0,
    )
