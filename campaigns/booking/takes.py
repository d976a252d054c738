"""Which part of the plan goes through which line of an export."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from xbopt.campaigns.booking.budget_lines import BudgetLine, Export
from xbopt.campaigns.booking.campaign_names import mapping_by_name
from xbopt.campaigns.booking.mapping import ALL, MappedCampaign
from xbopt.core.arrays import FloatArray
from xbopt.core.documents.problems import suggest
from xbopt.core.errors import UsageError
from xbopt.core.scenario.scenario import Scenario

_MOST_TOLD = 5
# Shares are typed with a few digits: what is over 1 by less than that is a whole.
_WHOLE = 1.0 + 1e-9

_UNNAMED = (
    "Or pause it and export again; or give a mapping of the others with --mapping: then it goes on as it is, and what "
    "it spends comes on top of the plan."
)
_NAMED = "Or leave it out of the mapping: then it goes on as it is, and what it spends comes on top of the plan."


@dataclass(frozen=True, slots=True, kw_only=True)
class Takes:
    """What each line of the export takes of the plan.

    Attributes:
        lines: The lines that are ours, ``K`` of them.
        share: Part of each cell's spend that goes through each line ``(K, R, S, C)``; sums to 1 at most over lines.
        left_out: Running lines that a mapping leaves as they are.
    """

    lines: tuple[BudgetLine, ...]
    share: FloatArray
    left_out: tuple[BudgetLine, ...] = ()


def taken(export: Export, scenario: Scenario, mapping: Sequence[MappedCampaign] | None) -> Takes:
    """Find each campaign of a mapping in the export, or map the export's running lines by their names.

    Raises:
        UsageError: A campaign is not in the export or means several lines, its budget cannot be written, a name of a
            region, segment or channel is unknown, or a cell's shares add up to more than 1.
    """
    rows = mapping_by_name(export, scenario) if mapping is None else mapping
    ways_out = _UNNAMED if mapping is None else _NAMED
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
            problems.append(f"{found[0].name or row.campaign}: {found[0].refused} {ways_out}")
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
            left_out = tuple(line for line in export.lines if line.runs and line not in lines)
            return Takes(lines=tuple(lines), share=share, left_out=left_out)
    problems = list(dict.fromkeys(problems))
    more = [f"And {len(problems) - _MOST_TOLD} more."] if len(problems) > _MOST_TOLD else []
    raise UsageError("\n".join([*problems[:_MOST_TOLD], *more]))


def _not_one(key: str, found: Sequence[BudgetLine], export: Export) -> str:
    if found:
        ids = ", ".join(f"{line.level.noun} {line.id or line.account or line.name}" for line in found)
        return f"{key}: this means several lines of the export ({ids}). {_told_apart_by(found)}"
    names = [line.name for line in export.lines]
    return (
        f"{key}: the export has no such line with a daily budget.{suggest(key, names)} Write its identifier or name as "
        "the export has it, or take it out of the mapping."
    )


def _told_apart_by(found: Sequence[BudgetLine]) -> str:
    if len({line.id for line in found}) == len(found):
        return "Write the identifier into the mapping."
    if len({line.account for line in found}) > 1:
        return "Export each account by itself, and book one after the other."
    headers = " or ".join(dict.fromkeys(name for line in found for name in line.level.id))
    return f"Export again with the column {headers}." if headers else "Give each a name of its own."


def _cells(row: MappedCampaign, scenario: Scenario, problems: list[str]) -> FloatArray:
    """1 where a row of a mapping means a cell ``(R, S, C)``, else 0."""
    masks: list[FloatArray] = []
    for kind, name, known in (
        ("region", row.region, scenario.regions),
        ("segment", row.segment, scenario.segments),
        ("channel", row.channel, scenario.channels),
    ):
        if name not in ALL and name not in known:
            hint = suggest(name, known) or f" There are {', '.join(known)}."
            problems.append(f"{row.campaign}: the plan has no {kind} {name!r}.{hint}")
        masks.append(np.array([name in ALL or name == each for each in known], dtype=float))
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
