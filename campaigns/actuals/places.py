"""Which region and channel of a campaign the countries and channels of files are."""

from collections.abc import Mapping, Sequence

from xbopt.calibration.scenario.channels import identifier, kinds_of
from xbopt.core.documents.problems import suggest
from xbopt.core.errors import CampaignError
from xbopt.core.scenario.scenario import Scenario

NONE = "none"
"""Stands for a channel that the campaign does not have."""


def regions_by_country(scenario: Scenario) -> Mapping[str, int]:
    """Position of the region of each country, and of each region by its own id.

    A country of two regions is no name of either.
    """
    countries = [region.country for region in scenario.document.market.regions]
    once = {code: r for r, code in enumerate(countries) if countries.count(code) == 1}
    return {**once, **{region: r for r, region in enumerate(scenario.regions)}}


def is_named(scenario: Scenario, name: str) -> bool:
    """Whether a name of files is that of a channel of the campaign, or its id."""
    ids = scenario.channels
    names = {channel.name.casefold() for channel in scenario.document.channels if channel.name}
    return name in ids or identifier(name) in ids or name.casefold() in names


def channels_by_name(
    scenario: Scenario, found: Sequence[str], chosen: Mapping[str, str] | None = None
) -> Mapping[str, int]:
    """Position of the campaign's channel for each name of files: as chosen, by id or name, by kind where one is of it.

    Args:
        scenario: The campaign's.
        found: Names that the files have.
        chosen: Ids of channels by such names; `NONE` leaves a name out.

    Raises:
        CampaignError: A name fits none, or several; the message says how to choose.
    """
    ids, chosen = scenario.channels, chosen or {}
    for name, channel in chosen.items():
        if channel not in (*ids, NONE):
            raise CampaignError(f"--channels {name}={channel}: there is no such channel.{suggest(channel, ids)}")
    names = {channel.name.casefold(): c for c, channel in enumerate(scenario.document.channels) if channel.name}
    kinds = [kinds_of([channel]) for channel in ids]
    taken: dict[str, int] = {}
    unknown: list[str] = []
    for name in found:
        kind = kinds_of([name])
        of_kind = [c for c, own in enumerate(kinds) if kind and own == kind]
        if chosen.get(name) == NONE:
            continue
        if name in chosen:
            taken[name] = ids.index(chosen[name])
        elif name in ids:
            taken[name] = ids.index(name)
        elif name.casefold() in names:
            taken[name] = names[name.casefold()]
        elif identifier(name) in ids:
            taken[name] = ids.index(identifier(name))
        elif len(of_kind) == 1:
            taken[name] = of_kind[0]
        else:
            unknown.append(name)
    if unknown:
        example = f"--channels {unknown[0]}={ids[0]}"
        raise CampaignError(
            f"The files have media of {', '.join(unknown)}, which is none of the campaign's channels "
            f"({', '.join(ids)}). Say which it is, as {example}, or leave it out with {unknown[0]}=none."
        )
    return taken
