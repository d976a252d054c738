"""The words of findings: the one place where an evaluation's meaning becomes English."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from xbopt.ope.results.findings import Figure, Finding, Level


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """What actions and segments are called; without names their positions are told.

    Attributes:
        actions: Names of the actions ``(K,)``; empty for arrays.
        segments: Names of the segments; a code behind the last one stands for all others.
        columns: Names of the context's columns ``(d,)``; empty for arrays.
        files: Number of files of the log; 0 for arrays.
    """

    actions: tuple[str, ...] = ()
    segments: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    files: int = 0

    def action(self, code: int) -> str:
        """An action within a sentence: its name in quotes, or its position."""
        return f"'{self.actions[code]}'" if self.actions else str(code)

    def segment(self, code: int) -> str:
        """A segment; its code where no segment has a name."""
        if not self.segments:
            return str(code)
        return (self.segments[code] or "(empty)") if code < len(self.segments) else "(others)"

    def column(self, position: int) -> str:
        """A column of the context: its name, or its position."""
        return self.columns[position] if self.columns else f"context column {position}"

    def row(self, finding: Finding) -> str:
        """The row or episode of a finding: counted from 1 in files, as people do, and from 0 in arrays."""
        if finding.row is None or not finding.file:
            return f"{finding.unit.removesuffix('s')} {finding.row}"
        place = f"row {finding.row + 1}" + (
            f" of {finding.file}" if self.files > 1 else " of the table" if finding.file == "table" else ""
        )
        return f"the episode that begins in {place}" if finding.unit == "episodes" else place


SENTENCES: dict[str, str | dict[Level, str]] = {
    # Weights
    "no_weight": "The evaluation policy would have produced none of the {rows:,} logged {decisions}.",
    "top_weight": "One {one} holds {share:.1%} of all weight (bound {bound:.0%}): {row} has weight {weight:,.4g}, "
    "because action {action} was logged there with propensity {propensity:.3g}.",
    "top_decision": "One {one} holds {share:.1%} of all weight (bound {bound:.0%}): {row} has weight {weight:,.4g}.",
    "few_effective_rows": "The {rows:,} {unit} are worth {ess:,.1f} {unit} of the evaluation policy (bound "
    "{bound:g}): the policies differ too much.",
    "heavy_tail": {
        "refuse": "The weights have a heavy tail (Pareto k {pareto_k:.2f}, bound {bound:g}), with an effective sample "
        "size of {ess:,.0f} and a top weight of {share:.1%}.",
        "caution": "The weights have a heavy tail (Pareto k {pareto_k:.2f}, bound {bound:g}): rare rows of large "
        "weight that were not logged may move the value.",
    },
    "thin_support": "Support is thin: the {unit} are worth {ess:,.0f}, and the top weight holds {share:.1%} of all "
    "weight.",
    # Clusters
    "one_cluster": "All rows belong to one cluster, so nothing tells how much the value could vary.",
    "one_cluster_carries": "One of {clusters:,} clusters holds all the weight, so nothing tells how it could vary.",
    "top_cluster": "One cluster holds {share:.1%} of all weight (bound {bound:.0%}), and its rows share their luck.",
    "few_effective_clusters": {
        "refuse": "The {clusters:,} clusters are worth {ess:.1f} of the evaluation policy (bound {bound:g}): too few "
        "independent ones took its actions.",
        "caution": "The {clusters:,} clusters are worth {ess:.1f} of the evaluation policy; intervals are wide and "
        "rough.",
    },
    "few_clusters": "Only {clusters} clusters are independent of each other; intervals are wide and rough.",
    "heavy_tail_of_clusters": "The weights of clusters have a heavy tail (Pareto k {pareto_k:.2f}, bound {bound:g}).",
    # Actions and propensities
    "unseen_actions": {
        "refuse": "The evaluation policy puts {share:.1%} of its probability on actions that the log cannot speak "
        "about (bound {bound:.0%}){unseen}.",
        "caution": "{small_share} of the evaluation policy's probability is on actions that the log cannot speak "
        "about{unseen}; their reward counts as the model's guess, or as 0.",
        "note": "{small_share} of the evaluation policy's probability is on actions that the log cannot speak "
        "about{unseen}; that is too little to matter (bound {negligible}).",
    },
    "nothing_drawn": "Every stated propensity is 1: no action was drawn at random, so the log cannot tell what another "
    "one would have brought; the evaluation policy would choose another one with {share:.1%}.",
    "mean_weight_low": "The mean {weight_of} is {mean_weight:.3f}, {errors} from 1: actions lack support in some "
    "contexts, or propensities are stated too high.",
    "mean_weight_high": "The mean {weight_of} is {mean_weight:.3f}, {errors} from 1: propensities are stated too low.",
    "weights_of_action": "Action {action} has {weight_share:.1%} of the weight where the evaluation policy gives it "
    "{policy_share:.1%}, {errors} off: {weight_cause}{all_actions}.",
    "calibration": "Actions with a stated probability near {stated:.3g} were taken with {taken:.3g}, {errors} off: the "
    "stated propensities are not those of the draw.",
    "calibration_by_group": "{where} action {action} was taken in {taken:.1%} of decisions where the stated "
    "probabilities say {stated:.1%}, {errors} off: {cause}.",
    "calibration_along_column": "The higher {where}, the {more_or_less} often action {action} was taken than stated, "
    "{errors} off: {cause}.",
    "weights_by_group": "{where} action {action} has {taken:.1%} of the weight where the evaluation policy gives it "
    "{stated:.1%}, {errors} off: {cause}.",
    "bias_by_group": "Weights and rewards rise and fall together by {where}, {errors} beyond chance, which moves the "
    "value by about {bias:.4g}: {cause}.",
    "estimators_differ": "DR and SNIPS differ by {difference:.4g}, {errors} apart, where both should be right: "
    "{cause}.",
    "context_explains_all": "The context explains {share:.1%} of the reward. A column of it may hold the reward itself "
    "or be made after the decision; then every difference is pulled towards 0. Leave such a column out.",
    "loggers_differ": "The same actions brought other rewards under one logging policy than under another, beyond what "
    "the context explains (p = {p_value:.1g}, about {apart:.3g}): the policies worked under other conditions, such as "
    "other times, and balanced weights take that for the actions' doing.",
    "own_propensities": "Leave out policy_propensities, so that each row counts with its own propensity; or name the "
    "timestamp, segment or context in which the conditions differed.",
    "estimated_propensities": "The log states no propensities; they were estimated from context and action (log loss "
    "{log_loss:.3f}). The value is right only if the context holds everything that moved the choice.",
    "grouped_actions": "Actions of one group count as alike: their mean reward in the same context is assumed to be "
    "the same.",
    # Reuse of data
    "learnt_on_these_rows": "The policy was learnt on {seen:,} of these {rows:,} rows. It has taken their luck for its "
    "own merit, so that they cannot judge it.",
    "reuse_unknown": "The policy was learnt on {learnt:,} rows of a log, and this log does not name its rows by "
    "decision_id, so nobody can tell whether they are the same. If they are, the value is too high.",
    "judge_on_others": "Judge the policy on rows that it has not seen: let it learn with hold_out=0.5 and evaluate "
    "with --hold-out 0.5, or take a log that was written after it had learnt.",
    # A coming period
    "coming_period": "The value is for {first} to {last}: {like_days:,} of the log's {log_days:,} days count, as often "
    "as days of their weekday, event and time of year (within {near} days) come. It holds if such days act as they "
    "did, nothing new comes, and nothing grows or fades.",
    "unseen_days": {
        "refuse": "{unseen_days:,} of the {days:,} days from {first} to {last} are like no day of the log: none has "
        "their weekday, their event and their time of year (within {near} days).",
        "caution": "{unseen_days:,} of the {days:,} days from {first} to {last} are like no day of the log, and are "
        "left out of the value.",
    },
    "log_such_days": "Log at that time of year, with its events; or ask for a period like the days of the log.",
    "additive_rewards": "The reward is taken to be a sum over the factors: what one brings must not depend on the "
    "others. {whole}",
    "cascading_rewards": "The reward of a position is taken to depend on it and those before it alone. {whole}",
    "factors_interact": "The factors interact: the value of {estimator} is {z:.0f} standard errors from that of whole "
    "decisions, which assumes nothing. The latter is quoted.",
    "unseen_decisions": "The evaluation policy puts {share:.1%} of its probability on decisions with a level that the "
    "log cannot speak about (bound {bound:.0%}): little in each factor adds up over them.",
    # Rewards
    "few_events": "Only {events} of {rows:,} rewards differ from the usual one; the spread of rewards is hardly known.",
    "few_effective_events": "The {events:,} rewards that differ from the usual one are worth {worth:.1f} of the "
    "evaluation policy: the spread of its rewards is hardly known.",
    "top_contribution": "One decision holds {share:.1%} of all that the {quantity} is made of (bound {bound:.0%}): "
    "{row} brought {reward:,.4g}. Another log of this size would give another answer.",
    "few_contributions": {
        "refuse": "The rewards of the evaluation policy are so uneven that those behind the {quantity} are worth "
        "{worth:.1f} of equal size (bound {bound:g}); the greatest is that of {row}, {reward:,.4g}.",
        "caution": "The rewards of the evaluation policy are uneven: those behind the {quantity} are worth "
        "{worth:.1f} of equal size (bound {bound:g}), and great ones that were not logged may move it; the greatest is "
        "that of {row}, {reward:,.4g}.",
    },
    "heavy_tail_of_contributions": "Great rewards of the evaluation policy grow rarer so slowly (Pareto shape "
    "{pareto_k:.2f}, bound {bound:g}) that those behind the {quantity} may have no variance, and great ones that were "
    "not logged may move it; the greatest is that of {row}, {reward:,.4g}.",
    "carry_over": "Yesterday's action still moves today's reward (p = {p_value:.2g}, about {effect:.0%} of the mean "
    "reward): a one-step value leaves out what an action does later.",
    "late_effect": "Rewards cover {reward_days:g} days, and what deals borrow from later orders comes back for longer "
    "(three quarters of it within {days:g} days): the value flatters actions with deals, and its sign may be wrong.",
    # Episodes and continuous actions
    "marginal_weights": "Over {steps} steps weights multiply until {episodes} episodes are worth {ess:.1f}. The value "
    "leans on marginal weights (worth {marginal_ess:.0f} episodes), which are right only if the state holds all of "
    "the past that matters.",
    "state_misses_past": "Earlier actions predict what follows even where state and action are the same (p = "
    "{p_value:.1g}): the state does not hold all of the past that matters, and marginal weights are wrong.",
    "cut_episodes_dropped": "{cut:,} of {episodes:,} episodes were cut at a reward that is not ready or at a step "
    "that is missing. They were dropped, which is right only if being cut has nothing to do with the reward.",
    "common_horizon": "{cut:,} of {episodes:,} episodes were cut at a reward that is not ready or at a step that is "
    "missing. The value is that of the first {horizon} steps of at most {longest}, which every episode has.",
    "too_many_cut": "{cut:,} of {episodes:,} episodes were cut at a reward that is not ready or at a step that is "
    "missing. That is more than {bound:.0%}: what they would have brought is not known.",
    "kernel": "A kernel of bandwidth {bandwidth:.3g} standard deviations stands in for single actions: the value is "
    "that of actions near the target, and its interval leaves the kernel's bias out.",
    # The policy that is asked
    "share_differs": "The log does not state how much it explored, and the least probability of a row is no share of "
    "exploration: times the possible actions it is {low:.1%} in one row and {high:.1%} in another. The policy's own "
    "choice goes into it, as a softmax's does, so what the policy would do without exploring is not known.",
    "share_leaves_several": "The log does not state how much it explored. A least probability of {low:.1%} in all rows "
    "leaves several actions, as in a test with fixed shares, so nothing says which part of the draw was exploration.",
    "state_exploration": "If it explored, say with which share: a column of the role exploration (--columns "
    "exploration=NAME), and where some actions were forbidden, one of the role allowed.",
    "shadow_missed": "The shadow was not asked in {missed:,} decisions ({share:.1%}), which are left out: if that was "
    "because the service had much to do, busy times are missing.",
    "partial_decisions": "{missed:,} rows ({share:.1%}) are of decisions about a part of the market's cells, and the "
    "policy reads all of them at once: they are left out. If such requests came at special times, these are missing.",
    # What to do
    "log_action": "Log action {action} more often: the evaluation policy takes it with {policy_takes}, the log with "
    "{log_takes} ({rows} rows, worth {ess:.1f}){weakest}.",
    "explore": "Draw {share:.0%} of decisions uniformly over the {actions} actions: as many rows as this log has "
    "would then be worth at least {worth:.0f} of the evaluation policy.",
    "log_decisions": "Log {decisions_uniform:,} decisions drawn uniformly over the {actions} actions, or "
    "{decisions_mixed:,} with 10% of them drawn so: they are worth at least {worth:.0f} of the evaluation policy.",
    "explore_episodes": "Log with more exploration, or decide less often in an episode, so that weights multiply less.",
    "explore_factors": "Log with a greater share of each factor a notch aside, or more decisions; or ask for a policy "
    "that is nearer to the one that wrote the log.",
    "explore_near": "Log with more exploration around the actions that the evaluation policy would take.",
    "decide_less_often": "Decide less often, or let the logging policy explore more, so that weights multiply less.",
    "widen_state": "Put what carries over (adstock, fatigue, remaining budget) into the state.",
    "ask_sequential": "Ask the sequential question: {sequential}.",
    "longer_rewards": "Log rewards of {days:.0f} days or more: tactics.window_days in the scenario's file.",
    "log_events": "Log until some hundred rewards differ from the usual one.",
    "drawn_by_id": "Rows of one {column} took the same action far more often than independent draws would "
    "({distinct:,} different ones in {rows:,} rows): the arm was drawn once for each, so that rows are not "
    "independent and every interval is too narrow.",
    "luck_by_id": "Rows of one {column} share luck ({distinct:,} different ones in {rows:,} rows): by {column} the "
    "mean reward is {times:.1f} times less certain than by the rows alone, and so may be the value.",
    "name_cluster": "Name what rows share: --columns cluster={column}.",
    "repeated_id": "Values of column {column} repeat ({distinct:,} different ones in {rows:,} rows). If its rows share "
    "luck, name it: --columns cluster={column}; without that, rows count as independent.",
    "windows_unchecked": "In {late:,} of {steps:,} cases a reward is booked after the next decision. Say until when "
    "what follows counts, so that it can be seen whether days count twice: --columns window_end=...",
    "overdue": {
        "refuse": "{share:.1%} of the decisions that count are not ready after {days:.3g} days, the longest that other "
        "rewards took (bound {bound:.0%}): what they brought is not known, and the time goes with the reward. Log "
        "longer, or say with --as-of when rewards were collected.",
        "caution": "{share:.1%} of the decisions that count are not ready after {days:.3g} days, the longest that "
        "other rewards took: the value is right only if these are no selection.",
    },
    "days_vary": "Days share shocks or a season: by day the mean reward is {times:.1f} times less certain than "
    "by the rows alone. The intervals are for the {days} days of this log; for days to come ask with blocks of days: "
    "--cluster-days 7.",
    "few_units_for_sequence": "No interval that holds at every look yet: it is given from {fewest} independent units "
    "on (clusters, episodes, or rows where nothing is shared); this log has {units}.",
    "tail_for_sequence": "No interval that holds at every look yet: few large contributions carry the spread (they are "
    "worth {worth:.0f} even ones; {fewest} are wanted).",
    "true_propensities": "Find out which propensities held when the actions were drawn{where_held}, and write those "
    "down.",
    "leave_out": "Leave {where} out of the context if it was made after the decision: what an action moved cannot be "
    "held against it.",
    "draw_at_random": "Draw actions at random, with probabilities that are written down: {share:.0%} of decisions "
    "drawn uniformly over the {actions} actions make as many rows as this log has worth at least {worth:.0f} of the "
    "evaluation policy.",
    "log_large_rewards": "Log on until no single decision matters; or cap rewards in the log by a rule that is stated "
    "beforehand, for both policies alike, and ask for the capped value.",
    "log_clusters": "Log more independent clusters, or name smaller ones if rows of one do not share their luck.",
    # Notes on one value
    "bias": "biased; the interval includes its estimated bias of {bias:.4g}",
    "no_spread": "every reward is the same: no spread could be measured",
    "outside_possible": "outside the possible rewards, {low:g} to {high:g}",
    "outside_logged": "outside the logged rewards, {low:g} to {high:g}",
    "products_lack_support": "products of weights lack support over this many steps",
    "kernel_bias": "leaves the kernel's bias out",
    "guarantee": "holds if no propensity is below {least_propensity:g} and rewards lie from {low:g} to {high:g}",
}
"""The sentence of each code; by level where it differs."""


def sentence(finding: Finding, names: Names) -> str:
    """A finding in words."""
    found = SENTENCES[finding.code]
    template = found if isinstance(found, str) else found[finding.level]
    figures, episodes = finding.figures, finding.unit == "episodes"
    about = f"Factor {finding.factor}: " if finding.factor else ""
    return about + template.format(
        **figures,
        errors=_errors(figures.get("z", 0.0)),
        policy_takes=_share(figures.get("policy_share", 0.0)),
        log_takes=_share(figures.get("logged_share", 0.0)),
        small_share=_small(figures.get("share", 0.0)),
        negligible=_small(figures.get("bound", 0.0)),
        unit=finding.unit,
        one=finding.unit.removesuffix("s"),
        decisions="decisions" if finding.unit == "rows" else finding.unit,
        weight_of="weight of an episode" if episodes else "weight",
        row=names.row(finding),
        action="" if finding.action is None else names.action(finding.action),
        unseen=_unseen(finding, names),
        weakest=_weakest_segment(finding, names),
        whole=_whole(figures),
        all_actions=" ({total:.1%} over all such actions, bound {bound:.0%})".format(**figures)
        if finding.level == "refuse" and "total" in figures
        else "",
        **_groups(finding, names),
        sequential="--estimand sequential, or in Python evaluate_log_sequentially"
        if names.files
        else "evaluate_sequential on episodes of this log",
    )


def sentences(findings: Iterable[Finding], names: Names, *levels: Level) -> tuple[str, ...]:
    """All findings of these levels in words, level by level."""
    found = tuple(findings)
    return tuple(sentence(finding, names) for level in levels for finding in found if finding.level == level)


def _errors(z: float | str) -> str:
    """So many standard errors; without any spread there is no such number."""
    return f"{z:.0f} standard errors" if float(z) < 1000.0 else "over 1,000 standard errors"


def _whole(figures: Mapping[str, Figure]) -> str:
    """What weights of whole decisions say of an assumption about rewards."""
    if "z" not in figures:
        return "Weights of whole decisions cannot check that: the log lacks support for some of them."
    return (
        "Weights of whole decisions, which assume nothing, differ by {z:.1f} standard errors; where few such decisions "
        "were logged, they can hardly tell."
    ).format(**figures)


def _small(share: float | str) -> str:
    """A share that is above 0 is not printed as 0."""
    return f"{share:.2%}" if float(share) > 0.99999e-4 else "less than 0.01%"  # rounded sums


def _share(share: float | str) -> str:
    return f"{share:.1%}" if float(share) >= 5e-4 else _small(share) if float(share) > 0.0 else "0%"


def _groups(finding: Finding, names: Names) -> dict[str, str]:
    """Which rows a finding is about, and what may be the cause."""
    figures, kind = finding.figures, finding.figures.get("kind")
    # A level of a text column is a column of the context, "name=level": people know the name.
    stems = dict.fromkeys(names.column(column).partition("=")[0] for column in finding.columns)
    columns = ", ".join(list(stems)[:3])
    drawn = "the propensities are not those of the draw"
    cause, where, held = drawn, "In all decisions", ""
    if "first_day" in figures:
        first, last = figures["first_day"], figures["last_day"]
        where = f"On {first}" if first == last else f"From {first} to {last}"
    elif "weekday" in figures:
        where = f"On {figures['weekday']}"
    elif "from_hour" in figures:
        where = f"Between {figures['from_hour']:02.0f}:00 and {figures['to_hour']:02.0f}:00"
    elif finding.segment is not None:
        where = f"In segment {names.segment(finding.segment)}"
    elif finding.columns:
        where = columns
        cause = f"{drawn} where {columns} differs, or {columns} was made after the decision"
        held = f" where {columns} differs"
        if "determines" in figures:
            alone = next(iter(stems))
            cause = f"column {alone} moves with the action, as one does that was made after the decision"
    if finding.code == "bias_by_group" and not finding.columns:
        where = str(kind)
    elif finding.code in {"calibration_by_group", "weights_by_group"} and finding.columns:
        shown = names.column(finding.columns[0])
        if "level" in figures:
            name, sign, level = shown.partition("=")
            where = f"Where {shown} is {figures['level']:.4g}"
            if sign and figures["level"] in {0.0, 1.0}:
                where = f"Where {name} is {'' if figures['level'] else 'not '}{level}"
        elif figures["above"] == float("-inf"):
            where = f"Where {shown} is below {figures['up_to']:.4g}"
        else:
            where = f"Where {shown} is {figures['above']:.4g} or more"
            where += f" and below {figures['up_to']:.4g}" if figures["up_to"] != float("inf") else ""
    elif finding.code == "estimators_differ" and not finding.columns:
        cause = (
            "propensities that are not those of the draw, or a column of the context that was made after the decision"
        ) + (", or logging policies that worked under other conditions than each other" if "pooled" in figures else "")
    if not finding.columns:
        where += _more(finding)
    if figures.keys() & {"first_day", "weekday", "from_hour"} or finding.segment is not None:
        held = f" {where[0].lower()}{where[1:]}"
    if finding.code == "weights_by_group" and figures["higher"] == "lower" and "determines" not in figures:
        cause = f"it could not always be taken there, or {cause}"
    return {
        "where": where,
        "cause": cause,
        "where_held": held,
        "more_or_less": "more" if figures.get("higher") == "higher" else "less",
        "weight_cause": drawn
        if float(figures.get("too_much", 0.0)) > 0.0  # no lack of support makes too much weight
        else "it lacks support in some contexts, or its propensities are stated too high",
    }


def _more(finding: Finding) -> str:
    """How many groups of the same kind differ too."""
    figures = finding.figures
    more = int(figures.get("more", 0.0))
    if not more:
        return ""
    one = "group"
    if finding.segment is not None:
        one = "segment"
    elif "weekday" in figures:
        one = "weekday"
    elif "first_day" in figures:
        one = "day" if figures["first_day"] == figures["last_day"] else "period"
    return f" and {more} more {one}{'s' if more > 1 else ''}"


def _unseen(finding: Finding, names: Names) -> str:
    if not finding.unseen:
        return ""
    shown = ", ".join(f"{names.action(action)} ({_share(share)})" for action, share in finding.unseen[:3])
    more = len(finding.unseen) - 3
    return f"; never logged: action {shown}" + (f" and {more} more" if more > 0 else "")


def _weakest_segment(finding: Finding, names: Names) -> str:
    if finding.segment is None or "segment_rows" not in finding.figures:
        return ""
    worth = "({segment_rows} rows, worth {segment_ess:.1f})".format(**finding.figures)
    return f"; weakest segment: {names.segment(finding.segment)} {worth}"
