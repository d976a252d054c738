"""Files written for a test, and what an import makes of them."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
import pytest


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """What stands in a data folder after an import."""

    folder: Path

    def table(self, name: str) -> pl.DataFrame:
        """A canonical table."""
        return pl.read_parquet(self.folder / f"{name}.parquet")

    def rows(self, name: str, *columns: str) -> list[tuple[Any, ...]]:
        """Some columns of a table, in the order of its rows."""
        return self.table(name).select(columns).rows()

    @property
    def names(self) -> set[str]:
        """The tables that stand there."""
        return {path.stem for path in self.folder.glob("*.parquet")}

    @property
    def provenance(self) -> dict[str, Any]:
        """What the import says of itself."""
        return json.loads((self.folder / "provenance.json").read_text(encoding="utf-8"))

    def says(self, text: str) -> bool:
        """Whether a word or a code stands in the provenance."""
        return text in (self.folder / "provenance.json").read_text(encoding="utf-8")


Importing = Callable[..., Imported]


@pytest.fixture
def importing(tmp_path: Path) -> Importing:
    """Write a file (text, bytes, or rows of a workbook) and import it."""
    from xbopt.imports.engine.run import import_files

    def run(
        content: str | bytes | Sequence[Sequence[Any]],
        *,
        name: str = "export.csv",
        encoding: str = "utf-8",
        **options: Any,
    ) -> Imported:
        path = tmp_path / name
        if isinstance(content, str):
            path.write_bytes(content.encode(encoding))
        elif isinstance(content, bytes):
            path.write_bytes(content)
        else:
            _write_workbook(path, content)
        import_files([path], into=tmp_path / "data", key=tmp_path / "customer.key", **options)
        return Imported(folder=tmp_path / "data")

    return run


def _write_workbook(path: Path, rows: Sequence[Sequence[Any]]) -> None:
    import xlsxwriter

    with xlsxwriter.Workbook(str(path)) as book:
        sheet = book.add_worksheet()
        for i, row in enumerate(rows):
            sheet.write_row(i, 0, row)
