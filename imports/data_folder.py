"""Data folders: canonical tables as Parquet files beside the record of where they come from."""

# pyarrow ships without complete type information, so that much of what it returns has no known type here.
# pyright: reportUnknownVariableType=false, reportUnknownMemberType=false, reportUnknownArgumentType=false
# pyright: reportUnknownParameterType=false

from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from xbopt.core.errors import UsageError
from xbopt.core.files import replace_file
from xbopt.core.json_text import json_text
from xbopt.imports.provenance import NAME, Provenance, read_provenance
from xbopt.imports.tables import TABLES, TableName

if TYPE_CHECKING:
    import polars as pl


@dataclass(frozen=True, slots=True, kw_only=True)
class DataFolder:
    """One data folder, or several read as one.

    Attributes:
        paths: The folders.
        provenance: The record of each.
        names: Tables that are there, in the order of `TABLES`.
    """

    paths: tuple[Path, ...]
    provenance: tuple[Provenance, ...]
    names: tuple[TableName, ...] = field(default=())

    def table(self, name: TableName) -> "pl.DataFrame | None":
        """All rows of a table, of all folders; None where none has it."""
        lazy = self.scan(name)
        return None if lazy is None else lazy.collect()

    def scan(self, name: TableName) -> "pl.LazyFrame | None":
        """The same, read as far as it is asked for."""
        import polars as pl

        files = [path for folder in self.paths if (path := folder / f"{name}.parquet").is_file()]
        return pl.concat([pl.scan_parquet(file) for file in files]) if files else None


def read_data_folder(path: Path | str | Iterable[Path | str]) -> DataFolder:
    """Open one or several data folders.

    Raises:
        UsageError: A folder is not there or holds no canonical table, or a table has other columns.
        ScenarioError: A record is broken.
    """
    from pyarrow import ArrowInvalid, parquet

    paths = [Path(path)] if isinstance(path, str | Path) else [Path(each) for each in path]
    if not paths:
        raise UsageError("Name at least one data folder, as `xbopt import` writes it.")
    names: set[TableName] = set()
    for folder in paths:
        if not folder.is_dir():
            raise UsageError(f"There is no folder {folder}; `xbopt import FILE... -o {folder}` makes it.")
        found: list[TableName] = [name for name in TABLES if (folder / f"{name}.parquet").is_file()]
        if not found:
            raise UsageError(
                f"{folder} holds no table of `xbopt import`: there is none of {', '.join(TABLES)}.parquet."
            )
        for name in found:
            try:
                columns = parquet.read_schema(folder / f"{name}.parquet").names
            except (ArrowInvalid, OSError) as error:
                raise UsageError(f"{folder / f'{name}.parquet'} cannot be read: {error}.") from None
            if columns != list(TABLES[name]):
                raise UsageError(
                    f"{folder / f'{name}.parquet'} has other columns than the table {name}; import it anew."
                )
        names.update(found)
    records = tuple(read_provenance(folder / NAME) if (folder / NAME).is_file() else Provenance() for folder in paths)
    return DataFolder(paths=tuple(paths), provenance=records, names=tuple(name for name in TABLES if name in names))


def write_tables(
    folder: Path, tables: "Mapping[TableName, pl.DataFrame | pl.LazyFrame]", provenance: Provenance
) -> None:
    """Write tables and their record into a folder, which is made where it is missing.

    Other tables of the folder stay. Files appear under their names once all of them are written.

    Raises:
        UsageError: The folder cannot be written to.
    """
    import polars as pl

    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"The folder {folder} cannot be made ({error.strerror}).") from error
    with ExitStack() as stack:
        # Renamed in reverse: the record comes last, and never speaks of tables that are not there.
        record = stack.enter_context(replace_file(folder / NAME))
        targets = {name: stack.enter_context(replace_file(folder / f"{name}.parquet")) for name in tables}
        for name, table in tables.items():
            if isinstance(table, pl.LazyFrame):
                table.sink_parquet(targets[name], compression="zstd")
            else:
                table.write_parquet(targets[name], compression="zstd")
        record.write_text(json_text(provenance.model_dump(mode="json")), encoding="utf-8")
