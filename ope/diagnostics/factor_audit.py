"""Were factors drawn with the probabilities that are stated? Each is tested as a decision of its own."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from xbopt.core.arrays import FloatArray
from xbopt.ope.data.factors import LoggedFactors
from xbopt.ope.data.logged import LoggedBanditData
from xbopt.ope.data.row_keys import row_keys
from xbopt.ope.diagnostics.audit import AuditSample
from xbopt.ope.diagnostics.calibration import CalibrationTest
from xbopt.ope.diagnostics.weights import WeightedRows
from xbopt.ope.results.findings import Finding


def factor_findings(
    data: LoggedFactors,
    policy: Sequence[FloatArray],
    weight: FloatArray,
    residual: FloatArray,
    *,
    half_width: float,
    unsupported_mass: float,
    seed: int,
) -> Iterator[Finding]:
    """What is wrong with the stated probabilities of each factor; factors whose weights are all 1 rest on none.

    Args:
        data: The decisions, with the probabilities of all values.
        policy: Those of the evaluation policy ``(n, K_l)``.
        weight: Weight of each factor ``(n, L)``.
        residual: Reward less its prediction ``(n,)``.
        half_width: Of the interval of the value: an error that moves the value by less is for CAUTION.
        unsupported_mass: Share of the policy's probability that may be misplaced before the log is refused.
        seed: Of the sample that is looked at.
    """
    if data.probabilities is None:
        return
    rows = np.arange(len(data))
    keys = row_keys(len(data), first_row=0, cluster=data.cluster, seed=seed)
    context = np.zeros((len(data), 0)) if data.context is None else data.context
    tested = np.flatnonzero((np.abs(weight - 1.0) > 1e-9).any(axis=0))
    for place in tested.tolist():
        table = data.probabilities[place]
        one = LoggedBanditData(
            context=context,
            action=data.action[:, place],
            reward=residual,
            propensity=data.propensity[:, place],
            n_actions=table.shape[1],
            action_probabilities=table,
            cluster=data.cluster,
            time=data.time,
            segment=data.segment,
            checked=True,
        )
        taken = policy[place][rows, data.action[:, place]]
        weighted = WeightedRows(
            weight=weight[:, place], propensity=data.propensity[:, place], evaluation=policy[place], taken=taken
        )
        sample = AuditSample()
        sample.add(one, weighted, residual, keys=keys, rows=rows)
        kept = sample.rows()
        if kept is None:
            continue
        test = CalibrationTest(kept)
        found = test.judge(half_width=half_width, unsupported_mass=unsupported_mass, tests=len(tested))
        if found is not None:
            yield replace(found, factor=data.names[place])
