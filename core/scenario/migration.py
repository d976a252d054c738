"""Scenario files of an older form: what is old in them, and the same scenario in the form of today.

A step knows one change of the format: it finds the old fields and names the new form in a sentence, and it rewrites
plain data, provenance included. ``MIGRATIONS`` lists the steps in the order in which the format changed.
"""

import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import cast

from xbopt.core.documents.document import Document, Path
from xbopt.core.documents.problems import ProblemList
from xbopt.core.errors import ScenarioError
from xbopt.core.scenario.customer_migration import Plain, customers_by_type, old_customers


@dataclass(frozen=True, slots=True, kw_only=True)
class Migration:
    """One change of the format.

    Attributes:
        old: Finds the fields of the old form: path, and a sentence that names the new form.
        rewrite: Puts the new form into the data themselves; gives a sentence for each thing that changed.
    """

    old: Callable[[Plain], Iterator[tuple[Path, str]]]
    rewrite: Callable[[Plain], list[str]]


MIGRATIONS: tuple[Migration, ...] = (Migration(old=old_customers, rewrite=customers_by_type),)


def refuse_old_form(document: Document) -> None:
    """Refuse a document that still has fields of an older form.

    Raises:
        ScenarioError: One problem a field, each with its place, the new form and the command that brings it about.
    """
    if not isinstance(document.data, dict):
        return
    data = cast("Plain", document.data)
    found = ProblemList(document.file)
    for step in MIGRATIONS:
        found.add(
            *(
                document.problem(path, f"{sentence} Run `xbopt scenario migrate {document.file or 'FILE'}`.", key=True)
                for path, sentence in step.old(data)
            )
        )
    if found.listed:
        raise ScenarioError(found.in_order())


def migrated(document: Document) -> tuple[object, list[str]]:
    """The document's data in the form of today, and what changed in sentences; nothing where it is of that form."""
    if not isinstance(document.data, dict):
        return document.data, []
    data = copy.deepcopy(cast("Plain", document.data))
    return data, [sentence for step in MIGRATIONS for sentence in step.rewrite(data)]
