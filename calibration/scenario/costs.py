"""A seller's list of unit costs: a table with the columns sku and cost."""

from pathlib import Path

from xbopt.core.errors import UsageError


def read_costs(path: Path) -> dict[str, float]:
    """Unit cost by sku.

    Raises:
        UsageError: The file cannot be read, has other columns, or a cost is no number from 0 on.
    """
    import polars as pl

    try:
        table = pl.read_csv(path, infer_schema_length=0)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise UsageError(f"--costs {path} cannot be read as CSV: {error}.") from None
    if not {"sku", "cost"} <= set(table.columns):
        raise UsageError(f"--costs {path} has the columns {', '.join(table.columns)}; sku and cost are wanted.")
    costs: dict[str, float] = {}
    for row, (sku, text) in enumerate(table.select("sku", "cost").iter_rows(), start=2):
        try:
            cost = float(text)
        except (TypeError, ValueError):
            cost = -1.0
        if not cost >= 0.0:
            raise UsageError(f"--costs {path}, row {row}: the cost of {sku} is {text!r}; a number from 0 on is wanted.")
        costs[str(sku)] = cost
    return costs
