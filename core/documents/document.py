"""Documents that know where each of their values stands, and paths into them."""

import json
import re
from dataclasses import dataclass, field
from typing import TypeAlias, cast

from xbopt.core.errors import Problem, ScenarioError

Path: TypeAlias = tuple[str | int, ...]
Scalar: TypeAlias = str | int | float | bool | None

LINE_END = re.compile(r"\r\n|\r|\n")


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """A place in a text; line and column count from 1, both are 0 where the place is unknown."""

    line: int
    column: int

    @classmethod
    def after(cls, text: str) -> "Position":
        """The place just behind a text."""
        lines = LINE_END.split(text)
        return cls(line=len(lines), column=len(lines[-1]) + 1)


NOWHERE = Position(line=0, column=0)


@dataclass(slots=True, kw_only=True)
class Node:
    """One value as it was written, with its place; ``size`` counts values and ``height`` nested collections."""

    position: Position
    value: "Scalar | dict[str, Node] | list[Node]"
    keys: dict[str, Position] = field(default_factory=dict[str, Position])
    size: int = 1
    height: int = 0

    def plain(self) -> object:
        """The value as fresh dicts, lists and scalars; no two places share an object."""
        if isinstance(self.value, dict):
            return {key: node.plain() for key, node in self.value.items()}
        if isinstance(self.value, list):
            return [node.plain() for node in self.value]
        return self.value

    def child(self, step: str | int) -> "Node | None":
        """The value below a key or an index, if there is one."""
        if isinstance(self.value, dict) and isinstance(step, str):
            return self.value.get(step)
        if isinstance(self.value, list) and isinstance(step, int) and 0 <= step < len(self.value):
            return self.value[step]
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """Plain data together with the place of every value.

    Attributes:
        data: Plain dict, list, str, int, float, bool or None.
        file: The file's name as the user gave it; empty for text that came from no file.
        root: The values with their places; None for data that was never text.
        overrides: Paths that ``--set`` changed, each with the text of the assignment, in the order given.
    """

    data: object
    file: str = ""
    root: Node | None = None
    overrides: tuple[tuple[Path, str], ...] = ()

    def position(self, path: Path, *, key: bool = False) -> Position:
        """The place of a value, or of its key; for a path that does not exist, of its nearest parent.

        Line and column are 0 for data that was never text, and for values that ``--set`` changed.
        """
        node = self.root
        if node is None or self._override(path) is not None:
            return NOWHERE
        for depth, step in enumerate(path):
            below = node.child(step)
            if below is None:
                break
            if key and depth == len(path) - 1 and isinstance(step, str):
                return node.keys[step]
            node = below
        return node.position

    def problem(self, path: Path, message: str, *, key: bool = False) -> Problem:
        """A problem with the value (or key) at a path; a changed value names its ``--set`` instead of the file."""
        override = self._override(path)
        position = self.position(path, key=key)
        return Problem(
            message=message,
            path=format_path(path),
            file=self.file if override is None else f"--set {override}",
            line=position.line,
            column=position.column,
        )

    def _override(self, path: Path) -> str | None:
        return next((text for at, text in reversed(self.overrides) if path[: len(at)] == at), None)


_BARE_KEY = re.compile(r"""[^\s.\[\]="']+""")


def format_path(path: Path) -> str:
    """A path as ``market.regions[0].country``; ``--set`` reads the same form. Odd keys stand as ``["a b"]``."""
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        elif _BARE_KEY.fullmatch(step):
            text += f".{step}" if text else step
        else:
            text += f"[{json.dumps(step, ensure_ascii=False)}]"
    return text


def refusal(file: str, message: str, position: Position = NOWHERE) -> ScenarioError:
    """The error for a file that is refused as a whole."""
    return ScenarioError([Problem(message=message, file=file, line=position.line, column=position.column)])


# ---- plain data ------------------------------------------------------------------------------------------------

MISSING = object()


def value_at(data: object, path: Path) -> object:
    """The value at a path of plain data, or ``MISSING``."""
    for step in path:
        if isinstance(data, dict) and step in data:
            data = cast("dict[object, object]", data)[step]
        elif isinstance(data, list) and isinstance(step, int) and 0 <= step < len(cast("list[object]", data)):
            data = cast("list[object]", data)[step]
        else:
            return MISSING
    return data


def put_value(data: object, path: Path, value: object) -> object:
    """A copy of the data with one value changed; what lies beside the path is shared.

    A mapping is made where the path leads through a value that is missing or null.
    """
    if not path:
        return value
    first, rest = path[0], path[1:]
    inside = put_value(value_at(data, path[:1]), rest, value)
    if isinstance(data, list):
        items = cast("list[object]", data)
        return [inside if n == first else item for n, item in enumerate(items)]
    known = cast("dict[str | int, object]", data) if isinstance(data, dict) else {}
    return {**known, first: inside}
