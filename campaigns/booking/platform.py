"""What an upload sheet of a platform looks like, which budgets stand in it, and what the platform allows. Data.

A format stands in ``platforms/ID.yaml``. Headers are compared without regard to case, blanks and underscores.
"""

from collections.abc import Mapping
from datetime import date
from functools import cache
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from xbopt.core.documents.validation import validate_document
from xbopt.core.documents.yaml_files import load_yaml
from xbopt.core.errors import UsageError
from xbopt.core.scenario.fields import Section
from xbopt.imports.profile import Evidence

Names = tuple[str, ...]
_FOLDER = Path(__file__).parent / "platforms"
_ALL = "*"


class BudgetLevel(Section):
    """One kind of line that holds a daily budget of its own."""

    noun: str = Field(description="what the line is called: campaign, ad set, ad group")
    id: Names = Field(default=(), description="headers of its identifier")
    name: Names = Field(description="headers of its name")
    budget: Names = Field(description="headers of its daily budget")
    lifetime: Names = Field(default=(), description="headers of a budget for its whole life: such a line has no day")
    minimum: Mapping[str, float] = Field(
        default={}, description="least daily budget by currency, * for any; one smallest unit where left out"
    )


class Schedule(Section):
    """The column that says at which hours ads are shown, in the account's time."""

    kind: Literal["bid_intervals", "half_hours"] = Field(
        description="bid_intervals: (Monday@80%[08:00-17:30]);...; half_hours: 7 x 48 digits from Monday 0:00 on"
    )
    noun: str = Field(description="the level of budget whose lines have it")
    names: Names = Field(description="headers")
    bidding: Names = Field(default=(), description="headers of the bid strategy")
    by_hand: Names = Field(default=(), description="bid strategies that follow bid adjustments")


class Demand(Section):
    """What a line must hold so that its daily budget can be written."""

    names: Names = Field(description="headers of the column")
    allowed: Names = Field(default=(), description="values; an empty cell is always allowed, all else is refused")
    why: str = Field(description="what is the matter and what to do, as a sentence")


class BookingPlatform(Section):
    """A format of upload sheets."""

    id: str = Field(pattern="^[a-z][a-z0-9_]*$", description="as the name of the YAML file")
    title: str = Field(description="name of the sheet, as its platform calls it")
    evidence: Evidence = Field(description="how it is known that such a sheet is accepted")
    source: str = Field(description="where the format is described")
    looked_up: date
    channels: Names = Field(default=(), description="ids of channels that can only mean this platform")
    sheet: str = Field(default="", description="regex of the sheet's name, where a workbook has several")
    only: Mapping[str, Names] = Field(default={}, description="column: values of the rows that hold budgets")
    levels: tuple[BudgetLevel, ...] = Field(min_length=1, description="kinds of lines with a budget of their own")
    status: Names = Field(default=(), description="headers of whether a line runs")
    running: Names = Field(default=(), description="values of a line that runs; an empty cell does as well")
    account: Names = Field(default=(), description="headers that tell accounts apart in one file")
    currency: Names = Field(default=(), description="headers of the currency")
    put: Mapping[str, str] = Field(default={}, description="column: what has to stand there for a row to be taken")
    demands: tuple[Demand, ...] = ()
    schedule: Schedule | None = None
    zero_allowed: bool = Field(default=False, description="whether a budget may be 0")
    whole_units: Names = Field(default=(), description="currencies without decimals here, besides those that have none")
    day_multiple: Annotated[float, Field(ge=1)] | None = Field(
        default=None, description="how many daily budgets one day may cost at most"
    )
    month_multiple: float | None = Field(default=None, description="how many daily budgets a month may cost at most")
    rows_at_most: int | None = Field(default=None, description="rows that one upload may have")
    notes: Names = Field(default=(), description="told with every sheet of the format")
    cannot: Names = Field(default=(), description="what of a plan such a sheet cannot hold")

    def minimum(self, level: BudgetLevel, currency: str) -> float:
        """Least daily budget of a line in units of a currency; 0 where none is known."""
        return level.minimum.get(currency, level.minimum.get(_ALL, 0.0))


@cache
def booking_platforms() -> Mapping[str, BookingPlatform]:
    """All formats by id."""
    return {path.stem: validate_document(BookingPlatform, load_yaml(path)) for path in sorted(_FOLDER.glob("*.yaml"))}


def booking_platform(name: str) -> BookingPlatform:
    """The format of that id.

    Raises:
        UsageError: There is none.
    """
    found = booking_platforms().get(name)
    if found is None:
        raise UsageError(f"There is no upload sheet {name!r}; there are {', '.join(booking_platforms())}.")
    return found
