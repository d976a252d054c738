"""``xbopt export``: a policy and its evidence as a bundle."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from xbopt.cli.completion import scenario_names
from xbopt.cli.options import JsonOption
from xbopt.cli.terminal import print_json, result_console, say, tell_cost

if TYPE_CHECKING:
    from xbopt.studies.exploration_cost import ExplorationCost

RunArgument = Annotated[
    str, typer.Argument(metavar="RUN_DIR", help="A training run; or, with --scenario, the name of a built-in policy.")
]
OutputOption = Annotated[
    Path, typer.Option("-o", "--output", help="The bundle: a new folder, or a file ending in .xbopt.")
]
EvaluationOption = Annotated[
    Path | None, typer.Option("--evaluation", help="Certificate of xbopt evaluate, which proves the policy.")
]
WithoutProofOption = Annotated[
    bool, typer.Option("--unproven", help="Export without a certificate; the service wants the same option.")
]
PlanScenarioOption = Annotated[
    str | None, typer.Option("--scenario", help="The scenario of a built-in policy.", autocompletion=scenario_names)
]
ExplorationOption = Annotated[
    float | None,
    typer.Option("--exploration", min=0.0, max=1.0, help="Share of random decisions; the log can then be evaluated."),
]
NameOption = Annotated[str | None, typer.Option("--name", help="Name in the service; the policy's where left out.")]
VersionOption = Annotated[str, typer.Option("--version", help="Semantic version of the bundle.")]
GuardrailsOption = Annotated[
    Path | None, typer.Option("--guardrails", help="Your own guardrails.json; the scenario's limits where left out.")
]
KeyOption = Annotated[Path | None, typer.Option("--sign", help="Private ed25519 key in PEM, which signs the bundle.")]


def export_command(
    run: RunArgument,
    output: OutputOption,
    evaluation: EvaluationOption = None,
    unproven: WithoutProofOption = False,
    scenario: PlanScenarioOption = None,
    exploration: ExplorationOption = None,
    name: NameOption = None,
    version: VersionOption = "1.0.0",
    guardrails: GuardrailsOption = None,
    key: KeyOption = None,
    as_json: JsonOption = False,
) -> None:
    """Put a policy into a bundle: ONNX graph, schema, guardrails, golden vectors, and the proof that it is better."""
    from xbopt.core.extras import need_extra

    need_extra("export", "onnx", "onnxruntime", "msgspec")
    from xbopt.reports.simulation.document import cost_json
    from xbopt.service.bundle.bundle import load_bundle
    from xbopt.service.exporting.run_export import export

    manifest = export(
        run, output, scenario=scenario, evaluation=evaluation, unproven=unproven, exploration=exploration, name=name,
        version=version, guardrails=guardrails, key=key,
    )  # fmt: skip
    # As whoever is given it will read it.
    bundle = load_bundle(output, unproven=unproven)
    for note in bundle.notes:
        say(f"Note: {note}")
    policy, cost = manifest.provenance.policy, _cost_of(run, scenario, exploration)
    if cost is not None:
        tell_cost(cost)
    choices = "factors" if manifest.shape == "factored" else "menu"
    if as_json:
        print_json(
            {
                "bundle": str(output),
                "name": manifest.name,
                "version": manifest.version,
                "content_address": manifest.content_address,
                "shape": manifest.shape,
                "policy": policy,
                "proven": not unproven,
                "signed": key is not None,
                "exploration": bundle.exploration,
                "exploration_cost": None if cost is None else cost_json(cost),
                "log_can_judge": [f"policies over its {choices}"] if bundle.log_can_judge else [],
                "bytes": sum(entry.bytes for entry in manifest.files.values()),
            }
        )
        return
    console = result_console()
    console.print(f"{manifest.name} {manifest.version}: {manifest.shape} policy {policy} in {output}", markup=False)
    console.print(manifest.content_address, markup=False)


def _cost_of(run: str, scenario: str | None, share: float | None) -> "ExplorationCost | None":
    """What the share costs, as the bundle explores: around a policy, or by factor."""
    from xbopt.agents.exploration import without_exploration
    from xbopt.service.exporting.run_export import explored, policy_of_run
    from xbopt.studies.exploration_cost import cost_of_exploration

    if not share:
        return None
    policy, market = policy_of_run(run, scenario=scenario, exploration=None)
    own = without_exploration(policy)
    return cost_of_exploration(market, own, lambda one: explored(policy, market, one), share=share)
