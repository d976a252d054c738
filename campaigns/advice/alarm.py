"""One alarm: a code with figures, what to do, and what that is worth."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

AlarmCode = Literal[
    "overspent",
    "days_ahead_cut",
    "runs_out",
    "spends_nothing",
    "spend_jump",
    "level_jump",
    "behind_pace",
    "ahead_of_pace",
    "response_fell",
    "response_rose",
    "stock_runs_out",
    "gap",
    "actuals_late",
    "out_of_range",
    "proposal_waits",
    "sheets_beyond",
]
AdviceCode = Literal[
    "lower_budgets",
    "book_again",
    "check_delivery",
    "check_currency",
    "raise_bids",
    "propose",
    "carry_on",
    "order_stock",
    "tell_missing",
    "tell_actuals",
    "correct_file",
    "approve",
    "stop_sheets",
]
Severity = Literal["critical", "warning", "info"]
SEVERITIES: tuple[Severity, ...] = ("critical", "warning", "info")
"""The gravest first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarm:
    """Something that needs somebody.

    Attributes:
        code: What it is.
        severity: How grave.
        region: Of which region; None for all.
        channel: Of which channel, or ``organic``; None for all.
        measure: Of which figure, or the platform of sheets; empty where it is about money.
        figures: Numbers by name: money in base currency, days from 0.
        advice: What to do.
        worth_base: What doing it brings to the end of the campaign in the mean over worlds, base currency; None where
            nothing can be valued. All alarms that advise to propose anew share one worth: it is had once.
    """

    code: AlarmCode
    severity: Severity
    advice: AdviceCode
    region: str | None = None
    channel: str | None = None
    measure: str = ""
    figures: Mapping[str, float] = field(default_factory=dict[str, float])
    worth_base: float | None = None
