"""What is proposed over HTTP: the plan of the days ahead solved again, as on the command line."""

from collections.abc import Callable
from dataclasses import dataclass

from xbopt.campaigns.advice.proposal import propose
from xbopt.campaigns.standing import Standing
from xbopt.core.decisions.planned_days import PlannedDays


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposing:
    """Days that are proposed, and what is said of them.

    Attributes:
        days: The days.
        figures: As JSON.
    """

    days: PlannedDays
    figures: bytes


Proposer = Callable[[Standing, int, int], Proposing]
"""Proposes days from one up to another that is left out."""


def planned_again(standing: Standing, first_day: int, end_day: int) -> Proposing:
    """The plan of some days solved again; what a policy decides is decided day by day.

    Raises:
        CampaignError: The campaign is closed, or the days are over, none, or none of the campaign's.
    """
    found = propose(standing, first_day=first_day, end_day=end_day)
    return Proposing(days=found.days, figures=found.figures.to_json())
