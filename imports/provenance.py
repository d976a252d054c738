"""Where the rows of a data folder come from, and what was done to them."""

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Literal

from pydantic import Field

from xbopt.core.documents.document import Document
from xbopt.core.documents.validation import validate_document
from xbopt.core.documents.yaml_text import parse_yaml
from xbopt.core.scenario.fields import Section
from xbopt.imports.profile import Container, Evidence

NAME = "provenance.json"
MIXED = "mixed_currencies"
"""Code of the refusal of money in several currencies, for ``--accept``; and of a folder's note that it was accepted."""


class Note(Section):
    """Something that a reader must know."""

    code: str
    message: str
    rows: int = Field(default=0, description="how many rows it is about; 0: the whole file")


class Assumption(Section):
    """Something that the file does not say itself."""

    what: str
    by: Literal["flag", "default", "format"] = Field(description="who says it: the user, the program, the format")


class FileRecord(Section):
    """One file that was read. Rows read are rows kept and rows dropped, to the row."""

    file: str = Field(description="name without folders")
    sha256: str
    bytes: int
    container: Container
    encoding: str = ""
    profile: str
    title: str
    evidence: Evidence
    evidence_source: str
    rows_read: int
    rows_kept: int
    dropped: Mapping[str, int] = Field(description="rows by the rule that left them out")
    tables: Mapping[str, int] = Field(description="rows that were made, by table")
    columns: Mapping[str, str] = Field(description="header read for each field of the format")
    ignored: tuple[str, ...] = Field(description="headers that were not read")
    first: date | None = None
    last: date | None = None
    currencies: tuple[str, ...] = ()
    zones: tuple[str, ...] = ()
    assumptions: tuple[Assumption, ...] = ()
    notes: tuple[Note, ...] = ()

    @property
    def source(self) -> str:
        """What the rows of its tables have in ``source``."""
        return source_name(self.profile, self.sha256)


def source_name(profile: str, sha256: str) -> str:
    """The name of a file's rows, by its format and its bytes: the same file is the same source in every folder."""
    return f"{profile}:{sha256[:8]}"


class Overlap(Section):
    """Rows that two files hold both, counted once."""

    table: str
    rule: str
    rows: int
    kept_from: str
    left_out_of: str


class Privacy(Section):
    """How persons are protected."""

    key_fingerprint: str = Field(default="", description="of the key of the pseudonyms; the key itself is not here")
    k: int = Field(default=0, description="fewest customers that share a region")
    rows_coarsened: int = Field(default=0, description="cells of regions emptied, since fewer share them")
    texts_replaced: int = Field(
        default=0,
        description="texts of goods that fewer bought or that vary, in whose place the article's number stands",
    )
    small_countries: tuple[str, ...] = Field(default=(), description="countries with fewer customers; they stay named")


class Provenance(Section):
    """Everything about a data folder that its tables do not say."""

    schema_version: Literal[1] = 1
    files: tuple[FileRecord, ...] = ()
    tables: Mapping[str, int] = Field(default={}, description="rows by table")
    overlaps: tuple[Overlap, ...] = ()
    notes: tuple[Note, ...] = Field(default=(), description="about the tables together, as the panel made of them")
    privacy: Privacy = Privacy()

    @property
    def accepts_mixed(self) -> bool:
        """Whether the user accepted mean rates of years for money in several currencies."""
        return any(note.code == MIXED for note in self.notes)


def read_provenance(path: Path) -> Provenance:
    """Read a folder's record.

    Raises:
        ScenarioError: It is no such record.
    """
    document: Document = parse_yaml(path.read_text(encoding="utf-8"), file=str(path))
    return validate_document(Provenance, document)
