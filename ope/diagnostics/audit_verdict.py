"""From the tests of propensities, context and contributions to findings."""

from collections.abc import Mapping

from xbopt.ope.data.reward_range import RewardRange
from xbopt.ope.diagnostics.calibration import CalibrationTest
from xbopt.ope.diagnostics.contributions import Contributions
from xbopt.ope.diagnostics.verdict import OVERALL, SupportRules
from xbopt.ope.results.findings import Figure, Finding, Findings, Level

_EXPONENTIAL = 0.5  # evenness of exponential rewards


def judge_contributions(
    sums: Mapping[str, Contributions | None], rewards: RewardRange, rules: SupportRules, findings: Findings
) -> None:
    """Rewards of unequal size: how many equal ones those behind the value, or the difference, are worth.

    Rewards of one size are events, which ``judge_rewards`` counts; of a fixed number of events the intervals hold.
    """
    value = sums["value"]
    if rewards.binary or value is None:
        return
    evenness = value.worth / max(rewards.weighted_rewards, 1.0)
    near = rules.near_contributions * max(1.0, rules.evenness / max(evenness, 1e-9))
    # Few draws from a heavy tail may look even by chance; only rewards that are nearly equal do not.
    if evenness > (rules.evenness if value.worth >= rules.near_contributions / 2.0 else rules.nearly_equal):
        if evenness <= _EXPONENTIAL:
            _judge_tail(sums, rules, findings)
        return
    for quantity, found in sums.items():
        if found is None:
            continue
        if found.top_share > rules.top_contribution:
            bound = rules.top_contribution
            findings.add(
                "refuse",
                "top_contribution",
                row=found.top_row,
                quantity=quantity,
                share=found.top_share,
                bound=bound,
                reward=found.top_reward,
            )
        elif found.worth < near:
            level: Level = "refuse" if found.worth < rules.contributions else "caution"
            bound = rules.contributions if level == "refuse" else near
            findings.add(
                level,
                "few_contributions",
                row=found.top_row,
                quantity=quantity,
                worth=found.worth,
                bound=bound,
                reward=found.top_reward,
            )
        else:
            continue
        findings.add("advice", "log_large_rewards")
        return
    _judge_tail(sums, rules, findings)


def _judge_tail(sums: Mapping[str, Contributions | None], rules: SupportRules, findings: Findings) -> None:
    """Of sizes without variance the greatest stays a share of the sum of squares, however many there are."""
    for quantity, found in sums.items():
        if found is None or found.top_share**2 * found.worth <= rules.negligible_square:
            continue
        if rules.contribution_tail < found.tail < float("inf"):
            findings.add(
                "caution",
                "heavy_tail_of_contributions",
                row=found.top_row,
                quantity=quantity,
                pareto_k=found.tail,
                bound=rules.contribution_tail,
                reward=found.top_reward,
            )
            findings.add("advice", "log_large_rewards")
            return


def add_group_finding(found: Finding | None, findings: Findings) -> None:
    """Add what days, segments and columns say of propensities, in place of what the whole log says of the same."""
    if found is None:
        return
    overall = [finding for finding in findings.items if finding.code in OVERALL]
    if found.level != "refuse" and any(finding.level == "refuse" for finding in overall):
        return  # what is wrong everywhere is graver
    findings.items = [finding for finding in findings.items if finding.code not in OVERALL]
    findings.items.append(found)


def judge_agreement(
    difference: float,
    error: float,
    half_width: float,
    rules: SupportRules,
    findings: Findings,
    test: CalibrationTest | None,
    *,
    pooled: bool,
) -> None:
    """DR and SNIPS estimate the same: where they do not, propensities or the context are not what they are said to be.

    ``DR - SNIPS`` has expectation 0 (up to the ratio's own 1/n) where propensities are right and the reward model sees
    nothing that the action moved: ``E[w q - V] = 0`` for any q of what was known before the decision. The test names
    the columns that carry the difference.
    """
    z = abs(difference) / error if error > 0.0 else 0.0
    if z <= rules.near_differing_z or abs(difference) <= 0.1 * half_width:
        return
    level: Level = "refuse" if z > rules.differing_z and abs(difference) > half_width else "caution"
    columns = () if test is None else test.unbalanced()
    figures: dict[str, Figure] = {"difference": difference, "z": z}
    if pooled:
        figures["pooled"] = 1.0
    findings.items.append(Finding(code="estimators_differ", level=level, columns=columns, figures=figures))
