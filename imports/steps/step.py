"""What a step is given and gives back."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, TypeAlias

from xbopt.imports.profile import Profile

if TYPE_CHECKING:
    import polars as pl

Prices = Literal["with-tax", "without-tax"]


@dataclass(slots=True, kw_only=True)
class StepContext:
    """What a step may know beside the rows, and where it says what it did.

    Attributes:
        profile: The format.
        prices: Whether prices contain the tax, where the user said so.
        used_prices: Whether a step took that answer for some row.
        dropped: Rows that steps took out, by rule; a rule is a few words as 'summary of an order'.
        noted: Rows that a note of the step holds for, by sentence.
        trapped: Rows (or orders) that one of `TRAPS` holds for, by its code.
    """

    profile: Profile
    prices: Prices | None = None
    used_prices: bool = False
    dropped: dict[str, int] = field(default_factory=dict[str, int])
    noted: dict[str, int] = field(default_factory=dict[str, int])
    trapped: dict[str, int] = field(default_factory=dict[str, int])

    def drop(self, rule: str, rows: int) -> None:
        """Count rows that the step takes out."""
        if rows:
            self.dropped[rule] = self.dropped.get(rule, 0) + rows

    def note(self, sentence: str, rows: int = 1) -> None:
        """Tell something; the same sentence of several batches is told once, with the rows summed."""
        if rows:
            self.noted[sentence] = self.noted.get(sentence, 0) + rows

    def note_trap(self, code: str, rows: int) -> None:
        """Tell the sentence of a code of `TRAPS`, once for all batches, with the rows (or orders) summed."""
        if rows:
            self.trapped[code] = self.trapped.get(code, 0) + rows


Step: TypeAlias = "Callable[[pl.DataFrame, StepContext], pl.DataFrame]"
"""From rows to rows. One column a field of the profile: text as String, numbers as Float64, dates as Date, times as
Datetime without zone, customers as their hashes; besides them ``currency``, ``zone`` and ``prices``. All rows of an
order are in one frame. Columns that are added can be named in the profile's tables; rows may be added, and taken out
where they are counted. To refuse a file, raise `RefusedFileError`."""
