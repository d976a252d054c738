"""Joint draws of uncertain parameters: a Parquet file beside the scenario, one row a world (``uncertainty.draws``).

A column is named by the path of a parameter, as ``channels.search.saturation.half_saturation``, and holds its values;
or by a parameter group, as ``event_lift``, and holds multipliers. A value works through its ratio to the scenario's
own, so that the scenario stays what the expected path plays. ``log_weight`` says how much more one row weighs than
another; without it all weigh alike.
"""

# pyarrow ships without complete type information, so that much of what it returns has no known type here.
# pyright: reportUnknownVariableType=false, reportUnknownMemberType=false, reportUnknownArgumentType=false

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import cast

import numpy as np
from pydantic import BaseModel, ValidationError

from xbopt.core.arrays import FloatArray
from xbopt.core.documents.document import put_value
from xbopt.core.documents.problems import suggest
from xbopt.core.scenario.document import ScenarioDocument
from xbopt.core.scenario.names import Names
from xbopt.core.scenario.provenance import parse_pattern
from xbopt.core.scenario.uncertainty import GROUP_AXES, Axis, ParameterGroup

LOG_WEIGHT = "log_weight"
_MOST_ROWS = 1_000_000
_SHOWN = 5

PARAMETERS: Mapping[str, tuple[ParameterGroup, ...]] = {
    "segments.SEGMENT.elasticity": ("elasticity",),
    "market.regions.REGION.elasticity_level": ("elasticity",),
    "segments.SEGMENT.cart_rate": ("conversion",),
    "segments.SEGMENT.checkout_rate": ("conversion",),
    "segments.SEGMENT.customer_conversion": ("customer_conversion",),
    "market.regions.REGION.conversion_level": ("conversion",),
    "market.regions.REGION.traffic_level": ("organic_traffic",),
    "channels.CHANNEL.visits_per_1000_impressions": ("media_response",),
    "channels.CHANNEL.segment_response.SEGMENT": ("media_response",),
    "channels.CHANNEL.region_response.REGION": ("media_response",),
    "channels.CHANNEL.saturation.half_saturation": ("half_saturation",),
    "channels.CHANNEL.price.amount_base": ("media_price",),
    "channels.CHANNEL.price.by_region.REGION": ("media_price",),
    "market.regions.REGION.media_price_level": ("media_price",),
    "channels.CHANNEL.price.bid_up": ("bid_up",),
    "channels.CHANNEL.visit_quality": ("visit_quality",),
    "channels.CHANNEL.adstock.half_life_days": ("carry_over",),
    "channels.CHANNEL.adstock.scale_days": ("carry_over",),
    "segments.SEGMENT.price_memory.deal_gain": ("deal_gain",),
    "segments.SEGMENT.price_memory.half_life_days": ("price_memory",),
    "discounts.pull_forward.borrowed_frac": ("pull_forward",),
    "calendar.event_lift": ("event_lift",),
    "market.regions.REGION.shipping.cost_base": ("shipping_cost",),
}
"""Paths that draws can set, with the groups that each works through. Names in capitals stand for an id or an index."""
_AXES: Mapping[str, Axis] = {"REGION": "region", "SEGMENT": "segment", "CHANNEL": "channel"}


@dataclass(frozen=True, slots=True, kw_only=True)
class DrawnParameter:
    """One column of joint draws.

    Attributes:
        path: Its name.
        at: The path by index; None for a group's multiplier.
        groups: The groups it works through.
        place: Position along each axis that it names.
        values: Its values ``(N,)``.
        ratio: Its values over the scenario's own ``(N,)``.
    """

    path: str
    at: tuple[str | int, ...] | None
    groups: tuple[ParameterGroup, ...]
    place: Mapping[Axis, int]
    values: FloatArray = field(repr=False)
    ratio: FloatArray = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class JointDraws:
    """Joint draws, checked against their scenario.

    Attributes:
        file: The file's name.
        content: The file, byte by byte: a run directory keeps it.
        rows: Number of draws ``N``.
        columns: The parameters.
        cumulated_weight: Cumulated weights of the rows ``(N,)``, the last is 1; None where all weigh alike.
    """

    file: str
    content: bytes = field(repr=False)
    rows: int
    columns: tuple[DrawnParameter, ...] = field(repr=False)
    cumulated_weight: FloatArray | None = field(repr=False)

    def mean_ratio(self, column: DrawnParameter) -> float:
        """Mean of a column's ratio to the scenario's own value, by the rows' weights."""
        if self.cumulated_weight is None:
            return float(column.ratio.mean())
        return float(column.ratio @ np.diff(self.cumulated_weight, prepend=0.0))

    @property
    def digest(self) -> str:
        """SHA-256 of the file, as hexadecimal text."""
        return hashlib.sha256(self.content).hexdigest()


class DrawsError(ValueError):
    """What is wrong with a file of draws, one sentence a problem; ``load_scenario`` gives them their place."""

    def __init__(self, sentences: Sequence[str]) -> None:
        super().__init__(" ".join(sentences))
        self.sentences = tuple(sentences)


def read_draws(path: Path, document: ScenarioDocument) -> JointDraws:
    """Read a scenario's draws and check that they are about it.

    Raises:
        DrawsError: The file cannot be read, or holds what the scenario has no place for.
    """
    content, table = _table(path)
    weight = _cumulated(table.pop(LOG_WEIGHT, None))
    if not table:
        raise DrawsError([f"{path.name} has no column of a parameter."])
    columns: list[DrawnParameter] = []
    problems: list[str] = []
    unknown = 0
    for name, values in table.items():
        try:
            columns.append(_column(document, name, values))
        except DrawsError as error:
            problems += error.sentences
            unknown += name not in GROUP_AXES and _resolve(document, name) is None
    if unknown == len(table):
        problems.insert(0, f"No column of {path.name} fits; it seems to belong to another scenario.")
    if not problems:
        problems += [*_out_of_bounds(document, columns), *_overlaps(document, columns)]
    if problems:
        more = len(problems) - _SHOWN
        raise DrawsError([*problems[:_SHOWN], *([f"And {more} more."] if more > 0 else [])])
    rows = len(columns[0].ratio)
    return JointDraws(file=path.name, content=content, rows=rows, columns=tuple(columns), cumulated_weight=weight)


def _table(path: Path) -> tuple[bytes, dict[str, FloatArray]]:
    """The file, and its columns ``(N,)`` by name: numbers without gaps."""
    import pyarrow as pa
    from pyarrow import parquet

    if path.suffix != ".parquet":
        raise DrawsError([f"{path.name} is no Parquet file; give it a name that ends in .parquet."])
    try:
        if path.exists() and not path.is_file():
            raise DrawsError([f"{path} is no ordinary file."])
        content = path.read_bytes()
        opened = parquet.ParquetFile(BytesIO(content))
        _check_rows(path, opened.metadata.num_rows)
        read = opened.read()
    except OSError as error:
        reason = f"({error.strerror})" if error.strerror else "as Parquet"
        raise DrawsError([f"{path} cannot be read {reason}."]) from error
    except pa.ArrowException as error:
        raise DrawsError([f"{path} cannot be read as Parquet."]) from error
    names = [str(name) for name in read.column_names]
    table: dict[str, FloatArray] = {}
    for i, name in enumerate(names):
        column = read.column(i)
        if name in table:
            raise DrawsError([f"{path.name} has two columns {name!r}."])
        if not (pa.types.is_floating(column.type) or pa.types.is_integer(column.type)):
            raise DrawsError([f"The column {name!r} of {path.name} holds {column.type}; numbers are wanted."])
        values = np.asarray(column.cast(pa.float64()).to_numpy(), dtype=np.float64)
        wrong = np.flatnonzero(~np.isfinite(values))
        if wrong.size:
            raise DrawsError([f"The column {name!r} of {path.name} has no number in row {wrong[0] + 1}."])
        table[name] = values
    return content, table


def _check_rows(path: Path, rows: int) -> None:
    if rows < 2:
        has = "one row" if rows else "no rows"
        raise DrawsError([f"{path.name} has {has}; draws need 2 at least. One set of values belongs in the scenario."])
    if rows > _MOST_ROWS:
        raise DrawsError([f"{path.name} has {rows:,} rows; at most {_MOST_ROWS:,} are read. Thin them out."])


def _cumulated(log_weight: FloatArray | None) -> FloatArray | None:
    if log_weight is None or bool((log_weight == log_weight[0]).all()):
        return None
    weights = np.cumsum(np.exp(log_weight - log_weight.max()))
    return weights / weights[-1]


def _column(document: ScenarioDocument, name: str, values: FloatArray) -> DrawnParameter:
    if name in GROUP_AXES:
        group = cast("ParameterGroup", name)
        if values.min() <= 0.0:
            row = int(np.argmin(values)) + 1
            raise DrawsError([f"{name} multiplies and must be above 0; row {row} has {values.min():g}."])
        return DrawnParameter(path=name, at=None, groups=(group,), place={}, ratio=values, values=values)
    found = _resolve(document, name)
    if found is None:
        possible = [*_possible(document), *GROUP_AXES]
        paths, groups = ", ".join(PARAMETERS), ", ".join(GROUP_AXES)
        hint = suggest(name, possible)
        raise DrawsError([f"Draws cannot set {name!r}.{hint} They can set {paths}; and multipliers of {groups}."])
    worked_through, place, path = found
    stated = _stated(document, path)
    if stated is None:
        raise DrawsError([f"Draws set {name!r}, but the scenario has no such number there."])
    if stated == 0.0:
        raise DrawsError([f"Draws set {name!r}, which is 0 in the scenario: write a value that they can scale."])
    ratio = values / stated
    if ratio.min() <= 0.0:
        row = int(np.argmin(ratio)) + 1
        raise DrawsError([f"{name} is {stated:g} in the scenario; row {row} has {values[row - 1]:g}, the wrong sign."])
    return DrawnParameter(path=name, at=path, groups=worked_through, place=place, ratio=ratio, values=values)


_Found = tuple[tuple[ParameterGroup, ...], dict[Axis, int], tuple[str | int, ...]]


def _resolve(document: ScenarioDocument, name: str) -> _Found | None:
    """Groups, place along the axes, and path by index of a column; None where draws cannot set it."""
    steps, names = parse_pattern(name), _ids(document)
    for pattern, groups in PARAMETERS.items():
        wanted = parse_pattern(pattern)
        if len(wanted) != len(steps):
            continue
        place: dict[Axis, int] = {}
        path: list[str | int] = []
        for want, step in zip(wanted, steps, strict=True):
            if want not in _AXES:
                if want != step:
                    break
                path.append(step)
                continue
            ids = names[_AXES[want]]
            at = ids.index(step) if step in ids else int(step) if step.isdecimal() and int(step) < len(ids) else None
            if at is None:
                break
            place[_AXES[want]] = at
            # Items of lists are found by position; the keys of a mapping stay names.
            path.append(ids[at] if path[-1] in ("segment_response", "region_response", "by_region") else at)
        else:
            by_click = path[-1] == "visits_per_1000_impressions" and document.channels[place["channel"]].price
            if by_click and by_click.model == "cpc":
                # A click price is a price of impressions through the click rate.
                return (*groups, "media_price"), place, tuple(path)
            return groups, place, tuple(path)
    return None


def _ids(document: ScenarioDocument) -> dict[Axis, list[str]]:
    names = Names(document)
    return {"region": names.regions, "segment": names.segments, "channel": names.channels}


def _possible(document: ScenarioDocument) -> Iterator[str]:
    """Every path that draws can set in this scenario, by id."""
    names = _ids(document)
    for pattern in PARAMETERS:
        paths = [""]
        for step in pattern.split("."):
            choices = names[_AXES[step]] if step in _AXES else [step]
            paths = [f"{path}.{choice}" if path else choice for path in paths for choice in choices]
        yield from paths


def _stated(document: ScenarioDocument, path: Sequence[str | int]) -> float | None:
    """The scenario's own value at a path; 1 for a multiplier that it leaves out."""
    here: object = document
    for step in path:
        if isinstance(here, BaseModel) and not hasattr(here, str(step)):
            return None
        if isinstance(here, BaseModel):
            value: object = getattr(here, str(step))
            here = 1.0 if value is None else value
        elif isinstance(here, Mapping):
            here = cast("Mapping[str, object]", here).get(str(step), 1.0)
        elif isinstance(here, list) and isinstance(step, int):
            here = cast("list[object]", here)[step]
    return float(here) if isinstance(here, int | float) else None


def _out_of_bounds(document: ScenarioDocument, columns: Sequence[DrawnParameter]) -> Iterator[str]:
    """Values that could not stand in the scenario: the smallest and the largest of each column are tried there."""
    plain: object = document.model_dump(mode="json")
    for extreme in (np.argmin, np.argmax):
        together = plain
        for column in columns:
            if column.at is not None:
                together = put_value(together, column.at, float(column.values[extreme(column.values)]))
        if _reason(together) is None:
            continue
        for column in columns:
            row = int(extreme(column.values))
            alone = plain if column.at is None else put_value(plain, column.at, float(column.values[row]))
            if (reason := _reason(alone)) is not None:
                yield f"{column.path} is {column.values[row]:g} in row {row + 1}; {reason}."


def _reason(plain: object) -> str | None:
    """Why the edge model refuses a document, in a few words; None where it takes it."""
    try:
        ScenarioDocument.model_validate(plain)
    except ValidationError as error:
        return error.errors()[0]["msg"].replace("Input should be", "it should be")
    return None


def _overlaps(document: ScenarioDocument, columns: Sequence[DrawnParameter]) -> Iterator[str]:
    """Parameters that are set twice: by two columns, or by draws and by a spread."""
    seen: dict[tuple[str | int, ...], str] = {}
    for column in columns:
        if column.at is not None and column.at in seen:
            yield f"The columns {seen[column.at]!r} and {column.path!r} are the same parameter."
        elif column.at is not None:
            seen[column.at] = column.path
    drawn = {group for column in columns for group in column.groups}
    for group in document.uncertainty.spreads:
        if group in drawn:
            yield f"uncertainty.{group} has a spread, but the draws set it too; leave one of them out."
