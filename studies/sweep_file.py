"""What a sweep file says: a scenario, what is done at each point, and which values are tried there."""

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from pydantic import Field, JsonValue, model_validator

from xbopt.core.documents.document import Document
from xbopt.core.documents.overrides import with_overrides
from xbopt.core.documents.problems import suggest
from xbopt.core.documents.validation import validate_document
from xbopt.core.documents.yaml_files import load_yaml
from xbopt.core.errors import UsageError
from xbopt.core.randomness import named_generator
from xbopt.core.scenario.document import ScenarioDocument
from xbopt.core.scenario.fields import Section, Text
from xbopt.core.scenario.loading import check_document, read_document
from xbopt.studies.kpis import KPI_NAMES

FIGURES: tuple[str, ...] = ("reward", *KPI_NAMES, "customer_value", "carried_beyond")
"""What is worked out at every point."""
MOST_POINTS = 100_000
_CHECKED = 500
"""So many points are checked as whole scenarios before the first is played: 2 to 3 ms each."""
RUN = "run"
"""What parameters begin with that are options of what is done."""
_Runs = Annotated[int, Field(ge=1, le=100_000, description="worlds to play at each point")]
_Values = dict[str, JsonValue]
_NOTHING: _Values = {}
_Seed = Annotated[int, Field(ge=0, lt=2**63)]


class SimulateRun(Section):
    """Play a policy."""

    command: Literal["simulate"] = Field(description="play a policy")
    policy: str = Field(default="baseline", description="as xbopt simulate --policy takes it")
    exploration: Annotated[float, Field(ge=0.0, le=1.0)] | None = Field(
        default=None, description="share of random decisions"
    )
    runs: _Runs = 256


class PlanRun(Section):
    """Plan, and play the plan."""

    command: Literal["plan"] = Field(description="make a plan and play it")
    goal: str = Field(default="reward", description="as xbopt plan --goal takes it")
    risk: Annotated[float, Field(ge=0.0, le=100.0)] = Field(default=0.0, description="as xbopt plan --risk takes it")
    bookable: bool = Field(default=False, description="whether amounts can be booked")
    runs: _Runs = 256


class TrainRun(Section):
    """Train an agent, and play its policy in worlds that it never met."""

    command: Literal["train"] = Field(description="train an agent and play its policy")
    agent: str = Field(description="as xbopt train --agent takes it")
    steps: int = Field(ge=1, description="decisions to learn from; a limit of time would make no two runs alike")
    plan: str | None = Field(default=None, description="as xbopt train --plan takes it")
    settings: dict[str, str | int | float | bool] = Field(
        default_factory=dict[str, str | int | float | bool], description="settings of the agent, as --option takes them"
    )
    runs: _Runs = 256


Run = SimulateRun | PlanRun | TrainRun


class Between(Section):
    """The range of a parameter in a Sobol design."""

    low: float = Field(description="least value")
    high: float = Field(description="largest value")
    log: bool = Field(default=False, description="whether ratios count, not differences")
    whole: bool = Field(default=False, description="whether values are rounded to whole numbers")

    @model_validator(mode="after")
    def _has_room(self) -> "Between":
        if not self.low < self.high:
            raise ValueError(f"low is {self.low:g} and high {self.high:g}; low has to be below high")
        if self.log and self.low <= 0.0:
            raise ValueError(f"low is {self.low:g}; ratios need values above 0")
        return self

    def at(self, share: float) -> int | float:
        """The value at a share of the way."""
        if self.log:
            value = math.exp(math.log(self.low) + share * (math.log(self.high) - math.log(self.low)))
        else:
            value = self.low + share * (self.high - self.low)
        return round(value) if self.whole else value


class Sobol(Section):
    """Points of a Sobol sequence, which fill the ranges of several parameters evenly."""

    points: int = Field(ge=2, le=65_536, description="number of points, a power of two")
    seed: _Seed = Field(default=0, description="where the sequence begins")
    parameters: dict[str, Between] = Field(min_length=1, description="ranges by parameter")

    @model_validator(mode="after")
    def _is_balanced(self) -> "Sobol":
        if self.points & (self.points - 1):
            near = 2 ** round(math.log2(self.points))
            raise ValueError(f"points is {self.points}; Sobol points are even in powers of two only, such as {near}")
        return self

    def rows(self) -> list[_Values]:
        """The points; all are moved by one random step in each direction (Cranley and Patterson 1976)."""
        from scipy.stats import qmc  # slow to load

        step = named_generator(self.seed, "sweep/sobol").random(len(self.parameters))
        even = qmc.Sobol(len(self.parameters), scramble=False).random(self.points)
        shares = np.asarray((even + step) % 1.0).tolist()
        return [
            {name: between.at(share) for (name, between), share in zip(self.parameters.items(), row, strict=True)}
            for row in shares
        ]


class Design(Section):
    """Which values are tried: every point of one kind with every point of the others."""

    grid: dict[str, Annotated[list[JsonValue], Field(min_length=1)]] = Field(
        default_factory=dict[str, list[JsonValue]], description="values by parameter; each is tried with each"
    )
    listed: list[_Values] = Field(
        default_factory=list[_Values], alias="list", description="points that are written out"
    )
    sobol: Sobol | None = Field(default=None, description="points that fill ranges evenly")

    def rows(self) -> Iterator[_Values]:
        """The points, in order: the list, then Sobol points, then the grid, the last of which moves fastest."""
        filled = [_NOTHING] if self.sobol is None else self.sobol.rows()
        for one, other, values in product(self.listed or [_NOTHING], filled, product(*self.grid.values())):
            yield {**one, **other, **dict(zip(self.grid, values, strict=True))}

    @property
    def size(self) -> int:
        """Number of points."""
        filled = 1 if self.sobol is None else self.sobol.points
        return max(len(self.listed), 1) * filled * math.prod(map(len, self.grid.values()))

    @property
    def parameters(self) -> tuple[str, ...]:
        """What is varied."""
        named = dict.fromkeys(name for row in self.listed for name in row)
        return (*named, *(() if self.sobol is None else self.sobol.parameters), *self.grid)


class SweepDocument(Section):
    """A sweep file."""

    title: Text = Field(default="", description="one line for people")
    scenario: str = Field(description="name of a shipped scenario, or a file, seen from the working folder")
    changes: list[str] = Field(
        default_factory=list[str], alias="set", description="changes path=value that hold at every point"
    )
    run: Annotated[Run, Field(discriminator="command")] = Field(description="what is done at every point")
    design: Design = Field(description="which values are tried")
    seeds: list[_Seed] = Field(default=[0], min_length=1, description="noise seeds; every point is done with each")
    figures: list[str] = Field(
        default=["contribution_margin", "roas", "orders"],
        min_length=1,
        description="what to show; the points are ranked by the first",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One row of the results.

    Attributes:
        number: Its place, from 0.
        parameters: What was set, by path of the scenario or, beginning with ``run.``, of the sweep file.
        seed: Noise seed.
    """

    number: int
    parameters: Mapping[str, JsonValue]
    seed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Sweep:
    """A sweep file, read and checked.

    Attributes:
        file: Its name as the user gave it.
        document: What it says.
        source: The file itself, to change what is done at a point.
        scenario: The scenario's file, with the changes that hold at every point.
        points: The points.
    """

    file: str
    document: SweepDocument
    source: Document = field(repr=False)
    scenario: Document = field(repr=False)
    points: tuple[Point, ...] = field(repr=False)

    def run_at(self, point: Point) -> Run:
        """What is done at a point.

        Raises:
            UsageError: A parameter names no option.
            ScenarioError: A value is none that the option takes.
        """
        changes = [assignment(name, value) for name, value in point.parameters.items() if is_option(name)]
        if not changes:
            return self.document.run
        return validate_document(SweepDocument, with_overrides(self.source, changes, model=SweepDocument)).run


def is_option(parameter: str) -> bool:
    """Whether a parameter is one of what is done, and no path of the scenario."""
    return parameter.startswith(f"{RUN}.")


def assignment(parameter: str, value: JsonValue) -> str:
    """A value of a parameter as ``--set`` takes it; JSON is YAML."""
    return f"{parameter}={json.dumps(value, ensure_ascii=False)}"


def changes_at(point: Point) -> list[str]:
    """What is set in the scenario at a point."""
    return [assignment(name, value) for name, value in point.parameters.items() if not is_option(name)]


def read_sweep(path: Path | str) -> Sweep:
    """Read and check a sweep file.

    Raises:
        ScenarioError: The file or the scenario cannot be used, also with the values of one of the first points.
        UsageError: A parameter names nothing, stands there twice or is varied in two ways, or a figure is unknown.
    """
    source = load_yaml(Path(path))
    document = validate_document(SweepDocument, source)
    file, design = str(path), document.design
    for name in document.figures:
        if name not in FIGURES:
            raise UsageError(f"{file}: figures: {name!r} is none.{suggest(name, FIGURES)} One of {', '.join(FIGURES)}.")
    for kind, values in (("figures", document.figures), ("seeds", document.seeds)):
        if len(set(values)) < len(values):
            raise UsageError(f"{file}: {kind}: one of them stands there twice.")
    twice = [name for name in design.parameters if design.parameters.count(name) > 1]
    if twice:
        raise UsageError(f"{file}: design: {twice[0]} is varied in two ways; one is enough.")
    if not design.parameters:
        raise UsageError(f"{file}: design: nothing is varied. Name values under grid or list, or ranges under sobol.")
    total = design.size * len(document.seeds)
    if total > MOST_POINTS:
        raise UsageError(f"{file}: design: {total:,} points; at most {MOST_POINTS:,} are done in one sweep.")
    scenario = read_document(document.scenario)
    scenario = with_overrides(scenario, document.changes, model=ScenarioDocument) if document.changes else scenario
    rows = product(design.rows(), document.seeds)
    points = tuple(Point(number=n, parameters=row, seed=seed) for n, (row, seed) in enumerate(rows))
    made = Sweep(file=file, document=document, source=source, scenario=scenario, points=points)
    for point in points[:: len(document.seeds)][:_CHECKED]:
        _check(made, point)
    return made


def _check(made: Sweep, point: Point) -> None:
    try:
        made.run_at(point)
        check_document(with_overrides(made.scenario, changes_at(point), model=ScenarioDocument))
    except UsageError as error:
        # The overrides speak of the option that takes such assignments elsewhere.
        raise UsageError(f"{made.file}: design: {str(error).removeprefix('--set ')}") from None
