"""Rows that a policy was learnt on cannot judge it: they are looked for before anything is evaluated."""

# pyarrow ships without complete type information, so that much of what it returns has no known type here.
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false, reportUnknownParameterType=false
# pyright: reportUnknownMemberType=false, reportAttributeAccessIssue=false

import numpy as np
from numpy.typing import ArrayLike

from xbopt.core.learnt_rows import SAME_CONTENT, content_hashes, id_hashes, learnt_rows_of
from xbopt.core.text_hashes import hashed
from xbopt.ope.logs.evaluation_log import EvaluationLog
from xbopt.ope.logs.log_policy import LogPolicy
from xbopt.ope.logs.rows import ForeignRows
from xbopt.ope.results.findings import Finding, Findings


def reuse_findings(policy: object, decision_id: ArrayLike) -> tuple[Finding, ...]:
    """What reuse gives reason to, for decisions in memory: pass it on as ``findings`` of ``evaluate_policy``.

    Args:
        policy: A policy, or anything that holds one, such as a bandit that learnt from a log.
        decision_id: The decisions that are to judge it ``(n,)``.
    """
    ids = id_hashes(decision_id)
    return _findings(int(learnt_rows_of(policy).seen(ids).sum()), len(ids))


def log_reuse(log: EvaluationLog, policy: LogPolicy) -> tuple[Finding, ...]:
    """What reuse gives reason to, for a log in files; nothing is read for a policy that has learnt from no log.

    Rows of our own logs are told by id and content: rows under the same ids that hold something else are other ones, as
    where every log numbers its rows anew. A foreign copy may write the content otherwise, so there the id alone counts.

    Raises:
        DecisionLogError: A row is wrong; the message names file, row and column.
    """
    learnt = learnt_rows_of(policy)
    if not len(learnt):
        return ()
    converter = log.converter
    column = converter.roles.one("decision_id") if isinstance(converter, ForeignRows) else "decision_id"
    if column is None:
        return (Finding(code="reuse_unknown", level="caution", figures={"learnt": len(learnt)}),)
    seen = alike = rows = 0
    for part in log.parts():
        for batch in log.rows(part, keys=(column,)):
            data, ids = batch.data, hashed(batch.keys[column])
            known = np.flatnonzero(learnt.seen(ids) & batch.ready)
            rows, seen = rows + len(batch), seen + len(known)
            if log.own and data.propensity is not None:
                here = data.rows(known)
                assert here.propensity is not None, "the rows have propensities"
                alike += learnt.alike(ids[known], content_hashes(here.context, here.action, here.propensity))
            else:
                alike += len(known)
    return _findings(seen if alike >= SAME_CONTENT * seen else 0, rows)


def _findings(seen: int, rows: int) -> tuple[Finding, ...]:
    if not seen:
        return ()
    found = Findings()
    found.add("refuse", "learnt_on_these_rows", seen=seen, rows=rows)
    found.add("advice", "judge_on_others")
    return tuple(found.items)
