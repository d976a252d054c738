"""What a sheet cannot hold as the plan asks for it, as values; the words stand in ``reports/campaign``."""

from dataclasses import dataclass
from datetime import date
from typing import Literal

CheckCode = Literal[
    "rounded",
    "raised_to_minimum",
    "lowered_for_others",
    "mean_of_days",
    "no_sheet",
    "not_running",
    "left_out",
    "other_sheet",
    "hours_unbookable",
    "hours_only_on_off",
    "hours_no_zone",
    "hours_left",
    "hours_clipped",
    "hours_merged",
    "clock_change",
    "other_day",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckRow:
    """What was asked, what stands in the sheet, and why.

    Attributes:
        code: Why.
        first: First day that it holds for.
        last: Last day.
        line: Name of the campaign, ad set or ad group; region and channel where no line of the sheet has them.
        asked: Mean money a day that the plan asks for, in ``currency``; None where it is about hours.
        stands: Money a day in the sheet; None where nothing was written.
        currency: Of both.
        detail: A figure or text that belongs to the reason, as the schedule that was left.
    """

    code: CheckCode
    first: date
    last: date
    line: str
    asked: float | None = None
    stands: float | None = None
    currency: str = ""
    detail: str = ""
