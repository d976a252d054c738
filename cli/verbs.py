"""The commands of ``xbopt`` by name. Code is loaded when it is asked for, so that ``xbopt --help`` is quick."""

from dataclasses import dataclass
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup


@dataclass(frozen=True, slots=True)
class Verb:
    """Where a command is.

    Attributes:
        help: The first sentence of its help, which the list of commands shows.
        where: ``module:name`` of its function, or of the application of a group of commands.
        example: What follows its name in the example of its help; empty for a group.
        shown_by: ``module:name`` of the class that writes its help.
    """

    help: str
    where: str
    example: str = ""
    shown_by: str = "xbopt.cli.completion:CommandWithNames"


VERBS = {
    "simulate": Verb(
        "Play a campaign plan in many worlds: what it earns, with ranges, by region, segment and channel.",
        "xbopt.cli.simulate:simulate_command",
        "quickstart --policy greedy_roas --runs 128 --report report.html",
    ),
    "export": Verb(
        "Put a policy into a bundle: ONNX graph, schema, guardrails, golden vectors, and the proof that it is better.",
        "xbopt.cli.export:export_command",
        "runs/first -o policy.xbopt --evaluation certificate.json",
    ),
    "verify": Verb(
        "Check a bundle: checksums, signature, evidence, graph, golden vectors. Exit code 5 if anything is wrong.",
        "xbopt.cli.bundles:verify_command",
        "policy.xbopt",
    ),
    "serve": Verb(
        "Serve decisions over HTTP; each is stored before it is told. Stops gracefully on Ctrl-C or SIGTERM.",
        "xbopt.cli.bundles:serve_command",
        "policy.xbopt --store sqlite:///decisions.sqlite",
    ),
    "plan": Verb(
        "Plan a campaign: where, when and how much to spend, what discounts to give, and what holds the plan back.",
        "xbopt.cli.plan:plan_command",
        "quickstart -o plan.csv --report plan.html",
    ),
    "calibrate": Verb(
        "Calibrate a scenario: what the data tell is measured, the rest is taken over, and every number says so.",
        "xbopt.cli.calibrate:calibrate_command",
        "data --like us_eu_launch -o my_market.yaml --report calibration.html",
    ),
    "compare": Verb(
        "Compare policies on the same worlds: paired differences with intervals, and how near each comes to the best.",
        "xbopt.cli.compare:compare_command",
        "quickstart --policies baseline,plan.csv --report comparison.html",
    ),
    "backtest": Verb(
        "Compare what really came with what a scenario expected: where it differs and why, and whether to trust it.",
        "xbopt.cli.backtest:backtest_command",
        "scenario.yaml data --report backtest.html",
    ),
    "evaluate": Verb(
        "Say what a policy would have earned, from logged decisions; refuse where the log cannot tell.",
        "xbopt.cli.evaluate:evaluate_command",
        "log.parquet --policy greedy_roas --scenario quickstart --report evaluation.html",
    ),
    "sweep": Verb(
        "Do one thing at many points of a scenario: a grid, a list or a Sobol design of its values, with every seed.",
        "xbopt.cli.sweep:sweep_command",
        "sweep.yaml --workers 2 -o sweeps/budget",
    ),
    "dataset": Verb(
        "Log episodes with the probability of every choice, as a data set for Minari or d3rlpy.",
        "xbopt.cli.dataset:dataset_command",
        "quickstart --policy replan --exploration 0.2 --episodes 512 -o data",
    ),
    "import": Verb(
        "Read exports of shops and advertising platforms into a data folder, and say what was done to every row.",
        "xbopt.cli.import_data:import_command",
        "orders_export.csv meta.csv -o data --zone Europe/Berlin",
    ),
    "train": Verb(
        "Train an agent on a scenario, and keep its best policy on worlds that it never trained on.",
        "xbopt.cli.train:train_command",
        "quickstart --agent ppo --time-limit 2m --out runs/first",
    ),
    "what-if": Verb(
        "Ask what a change would do, in the same worlds: to the plan as it is, and to one made anew.",
        "xbopt.cli.what_if:what_if_command",
        "quickstart 'GBP -5%' 'UK tariff +10%' 'move 10% search social DE'",
        "xbopt.cli.what_if:CommandWithForms",
    ),
    "scenario": Verb("List, create, check and show scenarios.", "xbopt.cli.scenario:app"),
    "campaign": Verb(
        "A running campaign: its money, what really came, and what to do next.", "xbopt.cli.campaign_advice:app"
    ),
    "decisions": Verb("The decision store of the service.", "xbopt.cli.decisions:app"),
    "tokens": Verb("Bearer tokens of the service.", "xbopt.cli.bundles:app"),
    "keys": Verb("Keys that sign bundles.", "xbopt.cli.keys:app"),
}


def _at(where: str) -> Any:  # noqa: ANN401 - functions, classes and applications
    module, _, name = where.partition(":")
    return getattr(import_module(module), name)


def _built(name: str) -> Any:  # noqa: ANN401 - typer exports no class of commands and groups
    """A command with its options, or a group with its commands."""
    verb = VERBS[name]
    if not verb.example:
        group = typer.main.get_group(_at(verb.where))
        group.name = name
        return group
    alone = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)
    epilog = f"Example: xbopt {name} {verb.example}"
    alone.command(name=name, cls=_at(verb.shown_by), epilog=epilog)(_at(verb.where))
    return typer.main.get_command(alone)


class Verbs(TyperGroup):
    """The group of all ``VERBS``, which lists them by what stands there and builds one when it is called."""

    def __init__(self, *, commands: object = None, **attrs: Any) -> None:  # noqa: ANN401 - typer's own
        """A group in which each command is its name and a line of help until it is asked for."""
        del commands
        listed = {name: TyperCommand(name=name, help=verb.help) for name, verb in VERBS.items()}
        super().__init__(commands=listed, **attrs)  # pyright: ignore[reportArgumentType]
        self._built: set[str] = set()

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ANN401
        """A whole command; None where there is none of that name."""
        if cmd_name in VERBS and cmd_name not in self._built:
            self._built.add(cmd_name)
            self.commands[cmd_name] = _built(cmd_name)
        return super().get_command(ctx, cmd_name)

    def format_commands(self, ctx: Any, formatter: Any) -> None:  # noqa: ANN401
        """The list of commands, none of them loaded."""
        del ctx
        width = formatter.width - 6 - max(map(len, VERBS))
        with formatter.section("Commands"):
            formatter.write_dl([(name, one.get_short_help_str(width)) for name, one in self.commands.items()])
