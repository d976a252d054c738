"""Loading a scenario: by path or by shipped name, with ``--set`` changes, strictly."""

from collections.abc import Sequence
from dataclasses import replace
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path

import yaml

from xbopt.core.documents.document import Document, format_path
from xbopt.core.documents.overrides import with_overrides
from xbopt.core.documents.problems import ProblemList, suggest
from xbopt.core.documents.validation import validate_document
from xbopt.core.documents.yaml_files import load_yaml
from xbopt.core.documents.yaml_text import parse_yaml
from xbopt.core.errors import Problem, ScenarioError, TableError, UsageError
from xbopt.core.scenario.build import build_scenario
from xbopt.core.scenario.checks import semantic_problems
from xbopt.core.scenario.document import ScenarioDocument
from xbopt.core.scenario.draws import DrawsError, JointDraws, read_draws
from xbopt.core.scenario.migration import refuse_old_form
from xbopt.core.scenario.past_table import with_past_rows
from xbopt.core.scenario.scenario import Scenario
from xbopt.core.scenario.shipped import shipped_scenarios

_SUFFIXES = (".yaml", ".yml")


def scenario_of(scenario: Scenario | str | Path) -> Scenario:
    """A scenario as functions take it: loaded already, a path, or the name of a shipped one.

    Raises:
        ScenarioError: It cannot be used.
    """
    return scenario if isinstance(scenario, Scenario) else load_scenario(scenario)


def scenario_text(scenario: Scenario) -> str:
    """A scenario as the text of a file, with every default and override written out; it reads back as itself, by hash.

    Raises:
        UsageError: The scenario has joint draws, which are a file of their own.
    """
    if scenario.draws is not None:
        raise UsageError(f"The scenario {scenario.name} has draws in a file of their own, so no text holds all of it.")
    plain = scenario.document.model_dump(mode="json", exclude_none=True)
    return yaml.safe_dump(plain, sort_keys=False, allow_unicode=True)


def read_document(scenario: str | Path) -> Document:
    """Read a scenario file, a shipped scenario by its name, or the text of a file: it has more than one line.

    Raises:
        ScenarioError: There is no such file or name, or it is no YAML.
    """
    text = str(scenario)
    if "\n" in text:
        return parse_yaml(text, file="scenario text")
    looks_like_path = isinstance(scenario, Path) or text.endswith(_SUFFIXES) or "/" in text or "\\" in text
    # A folder of the same name does not hide a shipped scenario: runs are often kept in one.
    if not looks_like_path and (text in shipped_scenarios() or not _exists(text)) and not _is_file(text):
        return parse_yaml(shipped_file(text).read_text(encoding="utf-8"), file=f"{text}.yaml")
    return load_yaml(Path(scenario))


def _exists(name: str) -> bool:
    try:
        return Path(name).exists()
    except OSError:  # a name that no file can have
        return False


def _is_file(name: str) -> bool:
    return _exists(name) and Path(name).is_file()


def shipped_file(name: str) -> Traversable:
    """The file of a shipped scenario.

    Raises:
        ScenarioError: There is no shipped scenario of that name.
    """
    known = shipped_scenarios()
    if name not in known:
        hint = suggest(name, known)
        raise ScenarioError(
            [
                Problem(
                    file=name,
                    message=f"There is no such file, and no shipped scenario.{hint} Shipped: {', '.join(known)}.",
                )
            ]
        )
    return resources.files("xbopt.scenarios") / f"{name}.yaml"


def check_document(document: Document) -> ScenarioDocument:
    """Check a read document against the edge model and its cross-references.

    Raises:
        ScenarioError: Every problem found, in file order; at most 50, then one that says how many more there are.
    """
    refuse_old_form(document)
    model = validate_document(ScenarioDocument, document)
    found = ProblemList(document.file)
    found.add(*(document.problem(path, message) for path, message in semantic_problems(model)))
    if found.listed:
        raise ScenarioError(found.in_order())
    return model


def _draws(document: Document, model: ScenarioDocument) -> JointDraws | None:
    """The draws that a document names: beside its file, or where ``--set`` says, seen from the working folder."""
    if model.uncertainty.draws is None:
        return None
    where = ("uncertainty", "draws")
    given = any(where[: len(path)] == path for path, _ in document.overrides)
    path = Path(model.uncertainty.draws) if given else Path(document.file).parent / model.uncertainty.draws
    try:
        return read_draws(path, model)
    except DrawsError as error:
        raise ScenarioError([document.problem(where, sentence) for sentence in error.sentences]) from error


def load_scenario(scenario: str | Path, *, overrides: Sequence[str] = ()) -> Scenario:
    """Load a scenario from a file, or a shipped one by name.

    Args:
        scenario: Path of a YAML file, or the name of a shipped scenario such as ``quickstart``.
        overrides: Changes ``path=value``, as in ``budget.total_base=50000``.

    Returns:
        The checked scenario.

    Raises:
        ScenarioError: The file cannot be read or does not describe a market; every problem has its place.
        UsageError: An override names a path that does not exist.
    """
    return scenario_from(read_document(scenario), overrides)


def scenario_from(document: Document, overrides: Sequence[str] = ()) -> Scenario:
    """The scenario of a document that was read; see ``load_scenario``.

    Raises:
        ScenarioError: The document does not describe a market.
        UsageError: An override names a path that does not exist.
    """
    if overrides:
        document = with_overrides(document, overrides, model=ScenarioDocument)
    document, past = with_past_rows(document)
    try:
        model = check_document(document)
    except ScenarioError as error:
        raise (error if past is None else past.placed(error)) from None
    try:
        built = build_scenario(model, _draws(document, model))
    except TableError as error:
        raise ScenarioError([document.problem((), str(error))]) from error
    changes = tuple((format_path(path), text) for path, text in document.overrides)
    return replace(built, changes=changes)
