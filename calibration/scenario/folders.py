"""Tables of several data folders as one: a file, an order or a day's figures that two of them hold count once."""

from typing import cast

import polars as pl

from xbopt.imports.data_folder import DataFolder, read_data_folder
from xbopt.imports.engine.overlaps import counted_once
from xbopt.imports.profile import TableKey


def tables_of(folder: DataFolder) -> tuple[dict[str, pl.DataFrame], int]:
    """All tables, and how many rows were left out since another folder holds them too.

    The same file in two folders is the same source; of two sources the one that reaches further counts, as at import.

    Raises:
        RefusedFileError: Most of what two sources both hold disagrees, as with two accounts or shops.
    """
    if len(folder.paths) == 1:
        return {name: table for name in folder.names if (table := folder.table(name)) is not None}, 0
    names = {each.source: each.file for record in folder.provenance for each in record.files}
    # Under another key the same customer has another pseudonym.
    keys = {record.privacy.key_fingerprint for record in folder.provenance} - {""}
    folders = [read_data_folder(path) for path in folder.paths]
    tables: dict[str, pl.DataFrame] = {}
    left_out = 0
    for name in folder.names:
        parts: dict[str, pl.LazyFrame] = {}
        whole = 0
        for each in folders:
            table = each.table(name)
            if table is None:
                continue
            whole += table.height
            for (source,), rows in table.partition_by("source", as_dict=True, maintain_order=True).items():
                parts.setdefault(str(source), rows.lazy())
        once = counted_once(cast("TableKey", name), list(parts.items()), names, same_customers=len(keys) < 2)
        tables[name] = once.rows.collect()
        left_out += whole - tables[name].height
    return tables, left_out
