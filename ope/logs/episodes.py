"""The sequential question asked of a log: whole episodes of each unit, from their first decision on."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from xbopt.core.arrays import BoolArray, FloatArray, IntArray
from xbopt.core.decision_log.schema import TimeArray
from xbopt.core.errors import SupportError, UsageError
from xbopt.ope.logs.censoring import Censoring
from xbopt.ope.logs.evaluation import LogEvaluation, answer_of
from xbopt.ope.logs.evaluation_log import EvaluationLog
from xbopt.ope.logs.log_policy import LogPolicy, load_rows
from xbopt.ope.logs.reuse import log_reuse
from xbopt.ope.logs.rows import LogRows
from xbopt.ope.logs.weight_histogram import WeightHistogram
from xbopt.ope.results.findings import Figure, Finding
from xbopt.ope.results.words import Names, sentences
from xbopt.ope.sequential.episodes import LoggedEpisodes
from xbopt.ope.sequential.evaluate import evaluate_sequential


def evaluate_log_sequentially(
    log: EvaluationLog,
    policy: LogPolicy,
    *,
    confidence: float = 0.95,
    seed: int = 0,
    sequence: bool = False,
    force: bool = False,
) -> LogEvaluation:
    """What an episode of one unit would have brought under the policy. All rows stand in memory at once.

    Episodes of different units that ran together share a market and a budget, so intervals count them as one cluster;
    so do the episodes of one unit. A stated cluster of an episode is that of its first decision.

    Args:
        log: The log; it must name episodes and steps, and have propensities.
        policy: The evaluation policy.
        confidence: Of every interval.
        seed: Of the folds.
        sequence: Also give intervals that hold at every size of a growing log, however often one looks.
        force: Show values even where the log cannot answer.

    Raises:
        UsageError: The log names no episodes or steps, or has no propensities.
        SupportError: Rewards of consecutive decisions overlap in time, or no episode has a complete first reward.
        DecisionLogError: A row is wrong.
        PolicyError: The policy does not fit the log.
    """
    log.refuse_thinned("the sequential question")
    if log.estimates_propensities:
        raise UsageError("The sequential question needs propensities that were logged; estimated ones multiply errors.")
    n_actions = len(log.action_labels) + len(policy.unseen)
    rows, probabilities = load_rows(log, policy)
    if rows.episode is None or rows.step is None:
        raise UsageError(
            f"{log.path}: the sequential question needs episodes and their steps: --columns episode_id=...,step=... "
            "(and unit=... where several units run in one episode)."
        )
    order = np.lexsort((rows.step, rows.episode))
    place, step, kept = _places(rows.episode[order], rows.step[order], rows.ready[order])
    _refuse_overlap(rows, order)
    if not kept.any():
        raise SupportError("No episode has a complete reward at its first step; wait until rewards are ready.")
    censoring = Censoring.of(place, kept)
    by_time = _are_cut_by_time(rows, order, step)
    kept = censoring.used(place, step, kept)
    if not kept.any():
        words = " ".join(sentences(censoring.findings(), Names(), "refuse"))
        raise SupportError(f"{words} No whole episode is left; wait until rewards are ready.")
    order, place, step = order[kept], place[kept], step[kept]
    place = np.unique(place, return_inverse=True)[1]
    shape = (int(place.max()) + 1, int(step.max()) + 1)

    def filled(values: FloatArray, empty: float) -> FloatArray:
        table = np.full((*shape, *values.shape[1:]), empty)
        table[place, step] = values[order]
        return table

    data = rows.data
    assert data.propensity is not None, "stated propensities were asked for above"
    taken = np.zeros(shape, dtype=np.int64)
    taken[place, step] = data.action[order]
    first = order[step == 0]
    length = np.bincount(place)
    episodes = LoggedEpisodes(
        state=filled(data.context, 0.0),
        action=taken,
        reward=filled(data.reward, 0.0),
        propensity=filled(data.propensity, 1.0),
        n_actions=n_actions,
        length=None if bool((length == shape[1]).all()) else length,
        cluster=_clusters(log, rows, first),
    )
    evaluation = filled(probabilities, 1.0 / n_actions)
    result = evaluate_sequential(
        episodes,
        evaluation,
        confidence=confidence,
        seed=seed,
        force=force,
        cut=censoring.cut,
        findings=(
            *log_reuse(log, policy),
            *censoring.findings(by_time=by_time),
            *_unchecked_windows(rows, order),
            *log.findings,
        ),
        sequence=sequence,
    )
    # Episodes have no name that a reader knows: each is told by the row of its first decision.
    findings = tuple(
        finding if finding.row is None else replace(finding, row=int(first[finding.row])) for finding in result.findings
    )
    weight = np.take_along_axis(evaluation, taken[:, :, None], axis=2)[:, :, 0] / episodes.propensity
    weights = WeightHistogram.of(np.where(episodes.alive, weight, 1.0).prod(axis=1))
    cuts = tuple(_cuts(length, len(rows) - len(order)))
    return answer_of(replace(result, findings=findings), log, policy, weights, seed=seed, rules=cuts)


def _places(episode: IntArray, step: IntArray, ready: np.ndarray) -> tuple[IntArray, IntArray, np.ndarray]:
    """Position of each row's episode, its step from 0, and whether it is used, of rows in order ``(n,)``.

    An episode is cut before its first reward that is not ready, and before its first step that is missing.
    """
    begins = np.flatnonzero(np.concatenate([[True], episode[1:] != episode[:-1]]))
    sizes = np.diff(np.append(begins, len(episode)))
    place = np.repeat(np.arange(len(begins)), sizes)
    since = step - step.min()
    within = np.arange(len(episode)) - np.repeat(begins, sizes)
    broken = (since != within) | ~ready
    before = np.cumsum(broken)
    earlier = np.repeat(before[begins] - broken[begins], sizes)
    return place, within, before - earlier == 0


def _refuse_overlap(rows: LogRows, order: IntArray) -> None:
    """Rewards whose windows overlap would be counted twice in an episode's total."""
    overlap, same = _beyond_next(rows, rows.window_end, order)
    if overlap.any():
        raise SupportError(
            f"In {np.count_nonzero(overlap):,} of {np.count_nonzero(same):,} cases the attribution window of a reward "
            "ends after the next decision, so that an episode's total would count the same days twice. Log with an "
            "attribution window as long as the time between decisions (in a scenario: tactics.window_days equal to "
            "tactics.decide_every_days)."
        )


def _clusters(log: EvaluationLog, rows: LogRows, first: IntArray) -> IntArray | None:
    """Cluster of each episode, given the row of its first decision ``(m,)``: never finer than runs of several units."""
    found = rows.data.cluster
    if found is None or log.converter.cluster.kind in ("step of an episode", "episode"):
        found = rows.run
    return None if found is None else found[first]


def _are_cut_by_time(rows: LogRows, order: IntArray, step: IntArray) -> bool:
    """Whether every reward takes the same time to be ready, to the day, and no step is missing."""
    if rows.due is None or rows.decided is None or rows.step is None:
        return False
    lag = rows.due - rows.decided
    no_gap = bool((rows.step[order] - rows.step.min() == step).all())
    return no_gap and bool(lag.max() - lag.min() <= np.timedelta64(1, "D"))


def _beyond_next(rows: LogRows, moment: TimeArray | None, order: IntArray) -> tuple[BoolArray, BoolArray]:
    """Where a decision's moment lies after the next decision of its episode, and where there is a next one."""
    none = np.zeros(max(len(order) - 1, 0), dtype=np.bool_)
    if moment is None or rows.decided is None or rows.episode is None:
        return none, none
    same = rows.episode[order][1:] == rows.episode[order][:-1]
    return same & (moment[order][:-1] > rows.decided[order][1:]), same


def _unchecked_windows(rows: LogRows, order: IntArray) -> tuple[Finding, ...]:
    """A reward that is booked after the next decision may count days twice, or be booked late: nobody said which."""
    late, same = _beyond_next(rows, rows.due, order)
    if rows.window_end is not None or not late.any():
        return ()
    figures: dict[str, Figure] = {"late": int(late.sum()), "steps": int(same.sum())}
    return (Finding(code="windows_unchecked", level="advice", figures=figures),)


def _cuts(length: IntArray, left_out: int) -> Sequence[str]:
    words: list[str] = []
    if left_out:
        words.append(
            f"{left_out:,} decisions were left out: they belong to episodes that were cut at a reward that is not "
            "ready or at a step that is missing, or they lie beyond the steps that are counted."
        )
    if length.min() != length.max():
        words.append(f"Episodes have from {length.min()} to {length.max()} steps; the shorter ones count as ended.")
    return words
