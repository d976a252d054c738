"""The shape of a table that data-frame libraries read."""

from typing import Protocol


class Frame(Protocol):
    """A table that every data-frame library reads: ``polars.from_arrow``, ``pandas`` by ``to_pandas()``, DuckDB."""

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        """The table by the Arrow C stream interface."""
        ...

    def to_pylist(self) -> list[dict[str, object]]:
        """One dict a row."""
        ...
