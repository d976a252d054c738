"""Which campaign of a platform is bought for which cells of the plan: told in a table, or read off unmistakable names.

A mapping is a table with the columns ``campaign`` (identifier or name in the export), ``region``, ``segment``,
``channel`` and ``share``. ``*`` or an empty cell stands for all; a campaign may have several rows. ``share`` is the
part of the cell's spend that goes through the campaign; where all rows of a cell leave it open, it is divided as the
export's budgets are today.
"""

from dataclasses import dataclass
from pathlib import Path

from xbopt.campaigns.booking.export_table import plain_header
from xbopt.core.errors import UsageError
from xbopt.core.spreadsheets.numbers import number_of
from xbopt.core.spreadsheets.reading import read_sheet
from xbopt.core.spreadsheets.sheet import Cell

COLUMNS = ("campaign", "region", "segment", "channel", "share")
ALL = ("", "*")
"""What stands for all regions, segments or channels."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MappedCampaign:
    """A row of a mapping. Empty ``region``, ``segment`` or ``channel`` stands for all; ``share`` None for open."""

    campaign: str
    region: str = ""
    segment: str = ""
    channel: str = ""
    share: float | None = None


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
    return "" if text in ALL else text
