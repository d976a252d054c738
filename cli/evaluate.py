"""``xbopt evaluate``: what a policy would have earned, from a log of decisions."""

import math
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from xbopt.cli.completion import scenario_names
from xbopt.cli.options import JsonOption, check_outputs
from xbopt.cli.terminal import print_json, progress_bar, say
from xbopt.core.errors import SupportError, UsageError

if TYPE_CHECKING:
    import numpy as np

    from xbopt.ope.logs.evaluation import LogEvaluation
    from xbopt.studies.logged_policies import ChosenPolicy


class EngineName(StrEnum):
    """Where the parts of a log are read."""

    local = "local"
    ray = "ray"


class EstimandName(StrEnum):
    """Which question is asked."""

    one_step = "one-step"
    sequential = "sequential"


class RewardModelName(StrEnum):
    """What predicts rewards."""

    linear = "linear"
    logistic = "logistic"
    trees = "trees"
    ensemble = "ensemble"
    none = "none"


def evaluate_command(
    log: Annotated[
        str, typer.Argument(metavar="LOG", help="A decision log, a CSV, CSV.gz or Parquet file, or a folder of them.")
    ],
    policy: Annotated[
        str | None,
        typer.Option(
            "--policy", help="uniform, logging, always:ACTION; with --scenario, a built-in plan or the CSV file of one."
        ),
    ] = None,
    probabilities: Annotated[
        Path | None,
        typer.Option(
            "--probabilities", help="File with columns action, probability and any columns of the log to join on."
        ),
    ] = None,
    columns: Annotated[
        list[str] | None,
        typer.Option(
            "--columns",
            metavar="ROLE=NAME,...",
            help="Which column is what, as in action=item_id,propensity=p,reward=click,context=user_*; repeatable.",
        ),
    ] = None,
    propensity: Annotated[
        str | None,
        typer.Option(
            "--propensity",
            metavar="P",
            help="Propensity of every row where it is the same by design, as in 1/3; or: estimate.",
        ),
    ] = None,
    as_of: Annotated[
        str | None,
        typer.Option("--as-of", metavar="DATE", help="When the rewards were collected; later ones are left out."),
    ] = None,
    scenario: Annotated[
        str | None,
        typer.Option(
            "--scenario", help="The scenario that wrote the log, for built-in plans.", autocompletion=scenario_names
        ),
    ] = None,
    exploration: Annotated[
        float | None,
        typer.Option(
            "--exploration", min=0.0, max=1.0, help="Share of random decisions of a built-in plan, or of logging."
        ),
    ] = None,
    estimand: Annotated[
        EstimandName,
        typer.Option(
            "--estimand", help="The next decision in the situations of the log, or whole episodes from their start."
        ),
    ] = EstimandName.one_step,
    estimators: Annotated[
        str | None,
        typer.Option(
            "--estimators", metavar="A,B,...", help="Estimators to show; the first is the one to quote. All by default."
        ),
    ] = None,
    reward_model: Annotated[
        RewardModelName, typer.Option("--reward-model", help="What predicts rewards.")
    ] = RewardModelName.linear,
    self_test: Annotated[
        bool, typer.Option("--self-test", help="Simulate logs like this one, and say how often the intervals hold.")
    ] = False,
    sequence: Annotated[
        bool,
        typer.Option(
            "--sequence",
            help="Also give an interval that holds however often one looks at a growing log; needs --reward-bounds.",
        ),
    ] = False,
    reward_bounds: Annotated[
        str | None,
        typer.Option("--reward-bounds", metavar="LOW,HIGH", help="Least and greatest possible reward, for --sequence."),
    ] = None,
    least_propensity: Annotated[
        float | None,
        typer.Option("--least-propensity", help="Least propensity that the logging policy may have, for --sequence."),
    ] = None,
    confidence: Annotated[float, typer.Option("--confidence", help="Of every interval, between 0 and 1.")] = 0.95,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Same seed, same result.")] = 0,
    report: Annotated[Path | None, typer.Option("--report", help="Write the report to this .html or .md file.")] = None,
    certificate: Annotated[
        Path | None, typer.Option("--certificate", help="Write the certificate to this .json file.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Show values even where the log cannot answer.")] = False,
    engine: Annotated[EngineName, typer.Option("--engine", help="Where the log is read.")] = EngineName.local,
    as_json: JsonOption = False,
) -> None:
    """Say what a policy would have earned, from logged decisions; refuse where the log cannot tell.

    Exit code 3: the log cannot answer. No value is printed then, unless --force is given.
    """
    from xbopt.cli.evaluation_text import print_evaluation
    from xbopt.ope.logs.episodes import evaluate_log_sequentially
    from xbopt.ope.logs.estimators import parse_estimators, with_estimators
    from xbopt.ope.logs.evaluation import evaluate_log, with_self_test
    from xbopt.ope.logs.open_log import open_log
    from xbopt.ope.logs.sequence import anytime_interval
    from xbopt.reports.evaluation.document import evaluation_json
    from xbopt.studies.logged_policies import from_name, from_probabilities

    if (policy is None) == (probabilities is None):
        raise UsageError("Say which policy to evaluate: --policy NAME or --probabilities FILE, one of them.")
    check_outputs({"--report": (report, ".html,.md"), "--certificate": (certificate, ".json")}, source=Path(log))
    if not 0.0 < confidence < 1.0:
        raise UsageError(f"--confidence is {confidence:g}; a number between 0 and 1 is wanted, such as 0.95.")
    shown = () if estimators is None else parse_estimators(estimators)
    opened = open_log(log, columns=columns or [], propensity=_propensity(propensity), as_of=_moment(as_of))
    if policy is not None:
        chosen = from_name(policy, opened, scenario=scenario, exploration=exploration)
    else:
        assert probabilities is not None
        chosen = from_probabilities(probabilities, opened)
    for note in (*opened.rules, *chosen.notes):
        say(f"Note: {note}")
    if estimand is EstimandName.sequential:
        _check_sequential(reward_model, engine, self_test=self_test, sequence=sequence)
    bounds = None if reward_bounds is None and not sequence else _bounds(reward_bounds)
    with progress_bar(f"{opened.path.name}, {chosen.identity.name}", quiet=as_json, of="rows") as progress:
        if estimand is EstimandName.sequential:
            evaluation = evaluate_log_sequentially(
                opened,
                chosen.policy,
                action_labels=chosen.labels,
                notes=chosen.notes,
                confidence=confidence,
                seed=seed,
                force=force,
            )
        else:
            evaluation = evaluate_log(
                opened,
                chosen.policy,
                action_labels=chosen.labels,
                notes=chosen.notes,
                confidence=confidence,
                seed=seed,
                reward_model=None if reward_model is RewardModelName.none else reward_model.value,
                reward_bounds=bounds,
                force=force,
                engine=engine.value,
                progress=progress,
            )
        if self_test:
            evaluation = with_self_test(evaluation, chosen.policy, seed=seed)
        if sequence and evaluation.result.support.unsupported_mass > 0.0:
            say("Note: no --sequence interval: it needs every action of the policy to be possible in the log.")
        elif sequence and not evaluation.result.withheld:
            found = anytime_interval(
                opened,
                chosen.policy,
                reward_bounds=_bounds(reward_bounds),
                least_propensity=least_propensity,
                n_actions=len(chosen.labels),
                confidence=confidence,
                seed=seed,
            )
            evaluation = replace(evaluation, anytime=found)
    if shown:
        evaluation = with_estimators(evaluation, shown)
    if as_json:
        print_json(evaluation_json(evaluation))
    else:
        print_evaluation(evaluation)
    _write(evaluation, report, certificate, chosen, seed)
    if evaluation.result.verdict == "REFUSE":
        raise typer.Exit(SupportError.exit_code)


def _bounds(text: str | None) -> tuple[float, float]:
    if text is None:
        raise UsageError(
            "--sequence needs the least and greatest possible reward: --reward-bounds LOW,HIGH, as in 0,1."
        )
    parts = text.split(",")
    try:
        low, high = (float(part) for part in parts)
    except ValueError:
        raise UsageError(f"--reward-bounds is {text!r}; two numbers are wanted, as in 0,1.") from None
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise UsageError(f"--reward-bounds is {text!r}; the lower number stands first, and both are finite.")
    return low, high


def _check_sequential(reward_model: RewardModelName, engine: EngineName, *, self_test: bool, sequence: bool) -> None:
    for given, option in ((self_test, "--self-test"), (sequence, "--sequence")):
        if given:
            raise UsageError(f"{option} is for the one-step question; leave out --estimand sequential.")
    if reward_model is not RewardModelName.linear:
        raise UsageError("--reward-model is for the one-step question; the sequential one fits its own models.")
    if engine is not EngineName.local:
        raise UsageError(
            f"--engine {engine.value} is for the one-step question; the sequential one needs all rows at once."
        )


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


def _moment(text: str | None) -> "np.datetime64 | None":
    from xbopt.ope.logs.rows import parse_moment

    if text is None:
        return None
    try:
        return parse_moment(text)
    except ValueError:
        raise UsageError(f"--as-of is {text!r}; write it as 2026-03-01 or 2026-03-01T12:30:00Z.") from None


def _write(
    evaluation: "LogEvaluation", report: Path | None, certificate: Path | None, chosen: "ChosenPolicy", seed: int
) -> None:
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
        import json

        from xbopt.core.files import replace_file
        from xbopt.reports.evaluation.document import certificate as certified

        document = certified(evaluation, chosen.identity, seed=seed)
        with replace_file(certificate) as temporary:
            temporary.write_text(json.dumps(document, indent=2, allow_nan=False, ensure_ascii=False) + "\n", "utf-8")
        say(f"Certificate: {certificate}")
