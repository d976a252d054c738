"""Which campaign of a platform is bought for which cells of the plan: told in a table, or read off unmistakable names.

A mapping is a table with the columns ``campaign`` (identifier or name in the export), ``region``, ``segment``,
``channel`` and ``share``. ``*`` or an empty cell stands for all; a campaign may have several rows. ``share`` is the
part of the cell's spend that goes through the campaign; where all rows of a cell leave it open, it is divided as the
export's budgets are today.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from xbopt.campaigns.booking.budget_lines import BudgetLine, Export
from xbopt.campaigns.booking.export_table import plain_header
from xbopt.core.arrays import FloatArray
from xbopt.core.documents.problems import suggest
from xbopt.core.errors import UsageError
from xbopt.core.scenario.scenario import Scenario
from xbopt.core.spreadsheets.numbers import number_of
from xbopt.core.spreadsheets.reading import read_sheet
from xbopt.core.spreadsheets.sheet import Cell
from xbopt.core.tables.country_names import country_code, plain_name

COLUMNS = ("campaign", "region", "segment", "channel", "share")
_ALL = ("", "*")
_MOST_TOLD = 5
# Shares are typed with a few digits: 0.333 three times is meant as a whole.
_WHOLE = 1.0 + 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class MappedCampaign:
    """A row of a mapping. Empty ``region``, ``segment`` or ``channel`` stands for all; ``share`` None for open."""

    campaign: str
    region: str = ""
    segment: str = ""
    channel: str = ""
    share: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Takes:
    """What each line of the export takes of the plan.

    Attributes:
        lines: The lines that are ours, ``K`` of them.
        share: Part of each cell's spend that goes through each line ``(K, R, S, C)``; sums to 1 at most over lines.
    """

    lines: tuple[BudgetLine, ...]
    share: FloatArray


def read_mapping(path: Path) -> tuple[MappedCampaign, ...]:
    """Read a mapping from CSV or a workbook.

    Raises:
        UsageError: The file is no mapping.
    """
    try:
        sheet = read_sheet(path, lambda text: plain_header(text) in COLUMNS)
    except UsageError as error:
        raise UsageError(f"{path}: {error}") from None
    index = {plain_header(name): i for i, name in reversed(list(enumerate(sheet.head)))}
    if "campaign" not in index or "channel" not in index:
        raise UsageError(f"{path}: a mapping has the columns {', '.join(COLUMNS)}; campaign and channel are needed.")
    made: list[MappedCampaign] = []
    for row in sheet.rows:
        held = {name: row.cells[index[name]] if name in index else None for name in COLUMNS}
        share = held["share"]
        number = None if share is None else number_of(share, "," if "," in str(share) else ".")
        if share is not None and (number is None or not 0.0 < number <= 1.0):
            raise UsageError(f"{path}:{row.line}: the share {share!r} is no part; write a number above 0 and up to 1.")
        campaign, region, segment, channel = (_text(held[name]) for name in COLUMNS[:4])
        if not campaign:
            raise UsageError(f"{path}:{row.line}: the campaign is missing; write its identifier or its name.")
        made.append(MappedCampaign(campaign=campaign, region=region, segment=segment, channel=channel, share=number))
    return tuple(made)


def _text(cell: Cell) -> str:
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    text = "" if cell is None else str(cell)
    return "" if text in _ALL else text


def taken(export: Export, scenario: Scenario, mapping: Sequence[MappedCampaign] | None) -> Takes:
    """Find each campaign of a mapping in the export, or map the export's running lines by their names.

    Raises:
        UsageError: A campaign is not in the export or means several lines, its budget cannot be written, a name of a
            region, segment or channel is unknown, or a cell's shares add up to more than 1.
    """
    rows = _by_names(export, scenario) if mapping is None else mapping
    lines: list[BudgetLine] = []
    parts: list[FloatArray] = []
    open_parts: list[FloatArray] = []
    problems: list[str] = []
    for row in rows:
        found = [line for line in export.lines if line.is_called(row.campaign)]
        if len(found) != 1:
            problems.append(_not_one(row.campaign, found, export))
            continue
        if found[0].refused:
            problems.append(f"{row.campaign}: {found[0].refused}")
            continue
        cells = _cells(row, scenario, problems)
        if found[0] not in lines:
            lines.append(found[0])
            parts.append(np.zeros(scenario.shape[:3]))
            open_parts.append(np.zeros(scenario.shape[:3]))
        k = lines.index(found[0])
        if np.any((parts[k] + open_parts[k]) * cells):
            problems.append(f"{row.campaign}: two rows of the mapping speak of the same cells; leave one.")
        (open_parts if row.share is None else parts)[k] += cells * (1.0 if row.share is None else row.share)
    if not rows:
        problems.append("No running campaign of the export is mapped.")
    if not problems:
        share = _shares(lines, np.stack(parts), np.stack(open_parts), scenario, problems)
        if not problems:
            return Takes(lines=tuple(lines), share=share)
    more = [f"And {len(problems) - _MOST_TOLD} more."] if len(problems) > _MOST_TOLD else []
    raise UsageError("\n".join([*problems[:_MOST_TOLD], *more]))


def _not_one(key: str, found: Sequence[BudgetLine], export: Export) -> str:
    if found:
        ids = ", ".join(f"{line.level.noun} {line.id or line.account or line.name}" for line in found)
        return f"{key}: this means several lines of the export ({ids}). Write the identifier into the mapping."
    names = [line.name for line in export.lines]
    return (
        f"{key}: the export has no such line with a daily budget.{suggest(key, names)} Write its identifier or name as "
        "the export has it, or take it out of the mapping."
    )


def _cells(row: MappedCampaign, scenario: Scenario, problems: list[str]) -> FloatArray:
    """1 where a row of a mapping means a cell ``(R, S, C)``, else 0."""
    masks: list[FloatArray] = []
    for kind, name, known in (
        ("region", row.region, scenario.regions),
        ("segment", row.segment, scenario.segments),
        ("channel", row.channel, scenario.channels),
    ):
        if name not in _ALL and name not in known:
            hint = suggest(name, known) or f" There are {', '.join(known)}."
            problems.append(f"{row.campaign}: the plan has no {kind} {name!r}.{hint}")
        masks.append(np.array([name in _ALL or name == each for each in known], dtype=float))
    return np.einsum("r,s,c->rsc", *masks)


def _shares(
    lines: Sequence[BudgetLine], told: FloatArray, left_open: FloatArray, scenario: Scenario, problems: list[str]
) -> FloatArray:
    """Told shares, and open ones by today's budgets ``(K, R, S, C)``."""
    today = np.array([line.today for line in lines])[:, None, None, None]
    weights = left_open * np.where(today > 0.0, today, 1.0)
    total = weights.sum(axis=0)
    share = told + np.divide(weights, total, out=np.zeros_like(weights), where=total > 0.0)
    mixed = np.argwhere((told.sum(axis=0) > 0.0) & (total > 0.0))
    over = np.argwhere(told.sum(axis=0) > _WHOLE)
    for which, why in ((mixed, "has shares in some rows and none in others; give all or none"),
                       (over, "has shares of more than 1 in all; they have to add up to 1 at most")):  # fmt: skip
        if len(which):
            r, s, c = which[0]
            cell = f"{scenario.regions[r]} / {scenario.segments[s]} / {scenario.channels[c]}"
            problems.append(f"The cell {cell} {why}.")
    return share


def _by_names(export: Export, scenario: Scenario) -> tuple[MappedCampaign, ...]:
    """A mapping of all running lines by the words of their names; each has to tell one region and one channel."""
    rows: list[MappedCampaign] = []
    unclear: list[str] = []
    for line in export.lines:
        if not line.runs or line.refused:
            continue
        regions = _said(line.name, [(region.id, (region.id, region.name, region.country)) for region in
                                    scenario.document.market.regions])  # fmt: skip
        channels = _said(line.name, [(each.id, (each.id, each.name)) for each in scenario.document.channels])
        segments = _said(line.name, [(each.id, (each.id, each.name)) for each in scenario.document.segments])
        if not channels:
            channels = [each for each in scenario.channels if each in export.platform.channels]
        if len(scenario.regions) == 1:
            regions = list(scenario.regions)
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
