"""A campaign's status and proposals as JSON documents, for programs."""

from dataclasses import asdict
from typing import cast

from xbopt.campaigns.advice.proposal import ProposalFigures
from xbopt.campaigns.advice.status import Status
from xbopt.campaigns.standing import Standing
from xbopt.core.scenario.scenario import Scenario
from xbopt.reports.campaign.words import CampaignWords
from xbopt.reports.kit.numbers import NumberFormat
from xbopt.reports.simulation.document import number_or_none, scenario_json


def status_json(standing: Standing, status: Status) -> dict[str, object]:
    """What ``xbopt campaign status --json`` prints; figures that have no meaning are null."""
    scenario = standing.scenario
    words = _words(scenario)
    told = cast("dict[str, object]", _plain(asdict(status)))
    alarms = cast("list[dict[str, object]]", told["alarms"])
    for alarm, said in zip(status.alarms, alarms, strict=True):
        said["sentence"] = words.alarm(alarm)
    return {
        "scenario": scenario_json(scenario),
        "date": str(scenario.date_of(min(status.today, scenario.days - 1))),
        **told,
        "worlds": standing.worlds,
        "sentences": list(words.status(status)),
    }


def proposal_json(standing: Standing, name: str, figures: ProposalFigures) -> dict[str, object]:
    """What ``xbopt campaign propose --json`` prints."""
    scenario = standing.scenario
    told = cast("dict[str, object]", _plain(asdict(figures)))
    return {
        "scenario": scenario_json(scenario),
        "campaign": standing.record.name,
        "proposal": name,
        "first_date": str(scenario.date_of(figures.first_day)),
        "last_date": str(scenario.date_of(figures.end_day - 1)),
        **told,
        "sentences": list(_words(scenario).proposal(name, figures)),
    }


def _words(scenario: Scenario) -> CampaignWords:
    return CampaignWords(scenario, NumberFormat(locale="en", currency=scenario.base_currency, is_for_terminal=True))


def _plain(value: object) -> object:
    """Records as JSON takes them."""
    if isinstance(value, dict):
        return {str(name): _plain(part) for name, part in cast("dict[object, object]", value).items()}
    if isinstance(value, list | tuple):
        return [_plain(part) for part in cast("list[object]", value)]
    if isinstance(value, float):
        return number_or_none(value)
    return value
