"""What names of campaigns tell of regions, segments and channels."""

import re
from collections.abc import Iterable, Sequence

from xbopt.campaigns.booking.budget_lines import BudgetLine, Export
from xbopt.campaigns.booking.export_table import plain_table
from xbopt.campaigns.booking.mapping import COLUMNS, MappedCampaign
from xbopt.core.errors import UsageError
from xbopt.core.scenario.scenario import Scenario
from xbopt.core.tables.country_names import country_code, plain_name

_MOST_TOLD = 5


def mapping_draft(export: Export, scenario: Scenario) -> bytes:
    """A mapping of all running lines to be filled in, as CSV; ``?`` for what names do not tell, which is refused."""
    rows: list[tuple[str, ...]] = []
    for line in export.lines:
        if line.runs:
            regions, segments, channels = _cells_by_name(line, export, scenario)
            told = [found[0] if len(found) == 1 else "?" for found in (regions, channels)]
            rows.append(
                (line.id or line.name, told[0], segments[0] if len(segments) == 1 else "*", told[1], "", line.name)
            )
    return plain_table((*COLUMNS, "name"), rows)


def mapping_by_name(export: Export, scenario: Scenario) -> tuple[MappedCampaign, ...]:
    """A mapping of all running lines by the words of their names.

    Raises:
        UsageError: A name does not tell one region and one channel.
    """
    rows: list[MappedCampaign] = []
    unclear: list[str] = []
    for line in export.lines:
        if not line.runs:
            continue
        regions, segments, channels = _cells_by_name(line, export, scenario)
        if len(regions) == 1 and len(channels) == 1 and len(segments) <= 1:
            segment = segments[0] if segments else ""
            rows.append(
                MappedCampaign(campaign=line.id or line.name, region=regions[0], segment=segment, channel=channels[0])
            )
        else:
            unclear.append(line.name)
    if unclear:
        shown = "; ".join(unclear[:_MOST_TOLD]) + ("; ..." if len(unclear) > _MOST_TOLD else "")
        raise UsageError(
            f"{len(unclear)} running line{'s' * (len(unclear) > 1)} of the export cannot be matched with a region and "
            f"a channel by name: {shown}. Write a mapping with the columns {', '.join(COLUMNS)}; what it leaves out "
            "stays as it is."
        )
    return tuple(rows)


def _cells_by_name(line: BudgetLine, export: Export, scenario: Scenario) -> tuple[list[str], list[str], list[str]]:
    """Regions, segments and channels that a line's name may mean."""
    market = scenario.document.market
    regions = _said(line.name, [(region.id, (region.id, region.name, region.country)) for region in market.regions])
    segments = _said(line.name, [(each.id, (each.id, each.name)) for each in scenario.document.segments])
    channels = _said(line.name, [(each.id, (each.id, each.name)) for each in scenario.document.channels])
    only = list(scenario.regions) if len(scenario.regions) == 1 else regions
    return only, segments, channels or _channels_of_kind(line, export, scenario)


def _channels_of_kind(line: BudgetLine, export: Export, scenario: Scenario) -> list[str]:
    """Channels with the platform's name, else of the kind of media that the line's name tells, else of the platform's.

    An import finds the channels of a platform's spend by the same kinds.
    """
    from xbopt.calibration.scenario.channels import kinds_of

    if named := [each for each in scenario.channels if each in export.platform.channels]:
        return named
    kinds = kinds_of([line.name]) or kinds_of([export.platform.id])
    return [each for each in scenario.channels if kinds and kinds_of([each]) == kinds]


def _said(name: str, known: Iterable[tuple[str, Sequence[str]]]) -> list[str]:
    """Ids of which a name says one of the words: as whole words, a country under any of its names."""
    words = re.findall(r"\w+", plain_name(name).replace("_", " "))
    runs = {" ".join(words[i:j]) for i in range(len(words)) for j in range(i + 1, min(i + 4, len(words)) + 1)}
    # Words of two letters such as "in" and "it" are countries only where they are written in capitals.
    small = {plain_name(word) for word in re.findall(r"[^\W_]+", name) if len(word) == 2 and not word.isupper()}
    found: list[str] = []
    for identity, names in known:
        wanted = {" ".join(re.findall(r"\w+", plain_name(each).replace("_", " "))) for each in names if each}
        wanted -= {each for each in wanted if len(each) == 2 and each in small}
        country = names[2] if len(names) > 2 else ""
        if wanted & runs or (country and any(country_code(run) == country for run in runs - small)):
            found.append(identity)
    return found
