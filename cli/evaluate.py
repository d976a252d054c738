"""``xbopt evaluate``: what a policy would have earned, from a log of decisions."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from xbopt.cli.completion import scenario_names
from xbopt.cli.options import JsonOption, check_outputs, policy_or_bundle
from xbopt.cli.terminal import print_json, progress_bar, say, tell_cost
from xbopt.core.errors import SupportError, UsageError

if TYPE_CHECKING:
    from xbopt.ope.logs.evaluation import LogEvaluation
    from xbopt.studies.exploration_cost import ExplorationCost


# The log
_Log = Annotated[
    str,
    typer.Argument(
        metavar="LOG",
        help="A decision log, a file of CSV, Parquet or JSON lines (dsjson too), zipped or not, or a folder of them.",
    ),
]
_Columns = Annotated[
    list[str] | None,
    typer.Option(
        "--columns",
        metavar="ROLE=NAME,...",
        help="Which column is what, as in action=item_id,propensity=p,reward=click,context=user_*; repeatable.",
    ),
]
_Propensity = Annotated[
    str | None,
    typer.Option(
        "--propensity",
        metavar="P",
        help="Propensity of every row where it is the same by design, as in 1/3; or: estimate.",
    ),
]
_AsOf = Annotated[
    str | None,
    typer.Option("--as-of", metavar="DATE", help="When the rewards were collected; later ones are left out."),
]
_HoldOut = Annotated[
    float | None,
    typer.Option(
        "--hold-out",
        metavar="SHARE",
        help="Judge on this share of the log alone, as in 0.5; a policy may have learnt from the rest.",
    ),
]
_ClusterDays = Annotated[
    int | None,
    typer.Option(
        "--cluster-days",
        min=1,
        metavar="N",
        help="Blocks of N days count as one cluster each, for a market whose days share shocks.",
    ),
]
_Engine = Annotated[Literal["local", "ray"], typer.Option("--engine", help="Where the log is read.")]
# The policy
_Policy = Annotated[
    str | None,
    typer.Option(
        "--policy",
        help="uniform, logging, always:ACTION, shadow:NAME; a run folder; a bundle; with --scenario, a built-in policy "
        "or a plan's CSV file. Of a log made of factors: the policy that its notches are around.",
    ),
]
_Probabilities = Annotated[
    Path | None,
    typer.Option(
        "--probabilities",
        help="File with columns action, probability and any columns of the log to join on; of a log made of factors: "
        "factor, level, probability.",
    ),
]
_Scenario = Annotated[
    str | None,
    typer.Option(
        "--scenario", help="The scenario that wrote the log, for built-in policies.", autocompletion=scenario_names
    ),
]
_Exploration = Annotated[
    float | None,
    typer.Option(
        "--exploration",
        min=0.0,
        max=1.0,
        help="Share of random decisions of a built-in policy, of a run, or of logging.",
    ),
]
# The question
_Estimand = Annotated[
    Literal["one-step", "sequential"],
    typer.Option(
        "--estimand", help="The next decision in the situations of the log, or whole episodes from their start."
    ),
]
_Period = Annotated[
    str | None,
    typer.Option(
        "--for",
        metavar="FIRST..LAST",
        help="A coming period that the value is for, as in 2026-12-01..2026-12-31; needs timestamps.",
    ),
]
_Events = Annotated[
    str | None,
    typer.Option(
        "--events", metavar="COUNTRY", help="Whose retail events make days unlike others, for --for: as in DE."
    ),
]
_Estimators = Annotated[
    str | None,
    typer.Option(
        "--estimators", metavar="A,B,...", help="Estimators to show; the first is the one to quote. All by default."
    ),
]
_RewardModel = Annotated[
    Literal["linear", "logistic", "trees", "ensemble", "none"],
    typer.Option("--reward-model", help="What predicts rewards."),
]
_SelfTest = Annotated[
    bool, typer.Option("--self-test", help="Simulate logs like this one, and say how often the intervals hold.")
]
_Sequence = Annotated[
    bool,
    typer.Option("--sequence", help="Also give intervals that hold however often one looks at a growing log."),
]
_RewardBounds = Annotated[
    str | None,
    typer.Option(
        "--reward-bounds", metavar="LOW,HIGH", help="Least and greatest possible reward, where known beforehand."
    ),
]
_Confidence = Annotated[float, typer.Option("--confidence", help="Of every interval, between 0 and 1.")]
_Seed = Annotated[int, typer.Option("--seed", min=0, help="Same seed, same result.")]
_Force = Annotated[bool, typer.Option("--force", help="Show values even where the log cannot answer.")]
# The output
_Report = Annotated[Path | None, typer.Option("--report", help="Write the report to this .html or .md file.")]
_Certificate = Annotated[Path | None, typer.Option("--certificate", help="Write the certificate to this .json file.")]


def evaluate_command(
    log: _Log,
    policy: _Policy = None,
    probabilities: _Probabilities = None,
    columns: _Columns = None,
    propensity: _Propensity = None,
    as_of: _AsOf = None,
    hold_out: _HoldOut = None,
    cluster_days: _ClusterDays = None,
    scenario: _Scenario = None,
    exploration: _Exploration = None,
    estimand: _Estimand = "one-step",
    period: _Period = None,
    events: _Events = None,
    estimators: _Estimators = None,
    reward_model: _RewardModel = "linear",
    self_test: _SelfTest = False,
    sequence: _Sequence = False,
    reward_bounds: _RewardBounds = None,
    confidence: _Confidence = 0.95,
    seed: _Seed = 0,
    report: _Report = None,
    certificate: _Certificate = None,
    force: _Force = False,
    engine: _Engine = "local",
    as_json: JsonOption = False,
) -> None:
    """Say what a policy would have earned, from logged decisions; refuse where the log cannot tell.

    Exit code 3: the log cannot answer. No value is printed then, unless --force is given.
    """
    from xbopt.studies.evaluate import evaluate
    from xbopt.studies.exploration_cost import cost_of_named

    check_outputs({"--report": (report, ".html,.md"), "--certificate": (certificate, ".json")}, source=Path(log))
    with progress_bar(f"{Path(log).name}, {policy or probabilities}", quiet=as_json, of="rows") as on_progress:
        evaluation = evaluate(
            log,
            None if policy is None else policy_or_bundle(policy),
            probabilities=probabilities,
            columns=columns or (),
            propensity=_propensity(propensity),
            as_of=as_of,
            hold_out=hold_out,
            cluster_days=cluster_days,
            scenario=scenario,
            exploration=exploration,
            estimand=estimand,
            period=period,
            events=events,
            estimators=None if estimators is None else _names(estimators),
            reward_model=None if reward_model == "none" else reward_model,
            self_test=self_test,
            sequence=sequence,
            reward_bounds=_bounds(reward_bounds),
            confidence=confidence,
            seed=seed,
            force=force,
            engine=engine,
            on_progress=on_progress,
        )
    cost: ExplorationCost | None = None
    if exploration and policy is not None and (scenario is not None or (Path(policy) / "config.yaml").is_file()):
        cost = cost_of_named(policy, scenario, exploration, by_factors=bool(evaluation.log.factors))
        tell_cost(cost)
    _show(evaluation, cost, report, certificate, as_json=as_json)
    if evaluation.verdict == "REFUSE":
        raise typer.Exit(SupportError.exit_code)


def _names(text: str) -> list[str]:
    return list(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))


def _bounds(text: str | None) -> tuple[float, float] | None:
    if text is None:
        return None
    try:
        low, high = (float(part) for part in text.split(","))
    except ValueError:
        raise UsageError(f"--reward-bounds is {text!r}; two numbers are wanted, as in 0,1.") from None
    return low, high


def _propensity(text: str | None) -> float | Literal["estimate"] | None:
    if text is None:
        return None
    if text == "estimate":
        return "estimate"
    above, _, below = text.partition("/")
    try:
        return float(above) / float(below) if below else float(above)
    except (ValueError, ZeroDivisionError):
        raise UsageError(
            f"--propensity is {text!r}; a probability such as 0.25 or 1/3 is wanted, or the word estimate."
        ) from None


def _show(
    evaluation: "LogEvaluation",
    cost: "ExplorationCost | None",
    report: Path | None,
    certificate: Path | None,
    *,
    as_json: bool,
) -> None:
    from xbopt.reports.evaluation import document

    for note in evaluation.rules:
        say(f"Note: {note}")
    if as_json:
        from xbopt.reports.simulation.document import cost_json

        told = {} if cost is None else {"exploration_cost": cost_json(cost)}
        print_json({**document.evaluation_json(evaluation), **told})
    else:
        from xbopt.cli.evaluation_text import print_evaluation

        print_evaluation(evaluation)
    if report is not None:
        from xbopt.reports.evaluation.page import evaluation_content
        from xbopt.reports.evaluation.report import build_evaluation_report
        from xbopt.reports.kit.markdown import write_markdown
        from xbopt.reports.kit.page import write_html

        content = evaluation_content(build_evaluation_report(evaluation))
        if report.suffix == ".md":
            write_markdown(content, report)
        else:
            write_html(content, report)
        say(f"Report: {report}")
    if certificate is not None:
        document.write_certificate(evaluation, certificate)
        say(f"Certificate: {certificate}")
