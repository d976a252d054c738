"""YAML 1.2 documents that know where each of their values stands.

Documents are built from parser events, never by constructing objects, so that a file can run no code. Only the
core schema of YAML 1.2 (section 10.3.2 of the specification) is known: ``NO``, ``yes`` and ``12:30`` are text.
Explicit tags, merge keys, keys that are no text, and duplicate keys are refused. Anchors and aliases are expanded.
"""

import json
import pathlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from typing import NoReturn, TypeAlias, cast

import yaml

from xbopt.core.errors import Problem, ScenarioError

MAX_BYTES = 2_000_000
MAX_NODES = 100_000
MAX_DEPTH = 100
MAX_PROBLEMS = 50
MAX_DIGITS = 300

Path: TypeAlias = tuple[str | int, ...]
Scalar: TypeAlias = str | int | float | bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """A place in a text; line and column count from 1, both are 0 where the place is unknown."""

    line: int
    column: int


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


def suggest(word: str, candidates: Iterable[str]) -> str:
    """`` Did you mean 'x'?`` with a leading blank for the closest candidate, or an empty string."""
    by_lower = {candidate.lower(): candidate for candidate in candidates}
    close = get_close_matches(word.lower()[:100], by_lower, n=1)
    return f" Did you mean '{by_lower[close[0]]}'?" if close else ""


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


# ---- files -----------------------------------------------------------------------------------------------------


def load_yaml(path: pathlib.Path) -> Document:
    """Read one YAML document from a UTF-8 file.

    Raises:
        ScenarioError: The file cannot be read, is too large, is not UTF-8, or is no acceptable YAML document.
    """
    file = str(path)
    try:
        with path.open("rb") as stream:
            raw = stream.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise _refusal(file, f"There is no such file.{_similar_file(path)}") from None
    except IsADirectoryError:
        raise _refusal(file, "This is a folder; a YAML file is wanted.") from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise _refusal(file, f"The file cannot be read: {reason}.") from None
    if len(raw) > MAX_BYTES:
        raise _refusal(file, f"The file is larger than {MAX_BYTES:,} bytes, the most that is read.")
    if raw[:2] in {b"\xff\xfe", b"\xfe\xff"}:
        raise _refusal(file, "The file is UTF-16. Save it as UTF-8.", Position(line=1, column=1))
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        place = _place(raw[: error.start].decode("utf-8").removeprefix("\ufeff"))
        message = f"The byte 0x{raw[error.start]:02X} is not UTF-8. Save the file as UTF-8."
        raise _refusal(file, message, place) from None
    return parse_yaml(text, file=file)


def _refusal(file: str, message: str, position: Position = NOWHERE) -> ScenarioError:
    return ScenarioError([Problem(message=message, file=file, line=position.line, column=position.column)])


def _similar_file(path: pathlib.Path) -> str:
    if not path.parent.is_dir():
        return f" The folder '{path.parent}' does not exist either."
    try:
        return suggest(path.name, (entry.name for entry in path.parent.iterdir() if not entry.is_dir()))
    except OSError:
        return ""


def _place(before: str) -> Position:
    """The place just after a text."""
    lines = re.split(r"\r\n|\r|\n", before)
    return Position(line=len(lines), column=len(lines[-1]) + 1)


# ---- text ------------------------------------------------------------------------------------------------------

# U+0085, U+2028 and U+2029 end a line in YAML 1.1 but not in 1.2, so that their lines could not be counted.
_UNREADABLE = re.compile("[^\t\n\r\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]")
_NULL = re.compile(r"~|null|Null|NULL|")
_BOOL = re.compile(r"true|True|TRUE|false|False|FALSE")
_INT = re.compile(r"(?P<ten>[-+]?[0-9]+)|0o(?P<eight>[0-7]+)|0x(?P<sixteen>[0-9a-fA-F]+)")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_INFINITE = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")
_BASES = {"ten": 10, "eight": 8, "sixteen": 16}


def resolve_scalar(text: str) -> Scalar:
    """The value of a plain scalar by the YAML 1.2 core schema.

    Raises:
        ValueError: A number that is too long, or too large for a 64-bit float.
    """
    if _NULL.fullmatch(text):
        return None
    if _BOOL.fullmatch(text):
        return text.lower() == "true"
    if match := _INT.fullmatch(text):
        if len(text) > MAX_DIGITS:
            raise ValueError(f"A number of {len(text)} digits is too long; at most {MAX_DIGITS} are read.")
        base = cast("str", match.lastgroup)
        return int(match[base], _BASES[base])
    if _INFINITE.fullmatch(text):
        return float(text.replace(".", ""))
    if _FLOAT.fullmatch(text):
        number = float(text)
        if number in {float("inf"), float("-inf")}:
            raise ValueError(f"The number {text[:60]} is too large.")
        return number
    return text


def parse_yaml(text: str, *, file: str = "") -> Document:
    """Read one YAML document from text.

    Args:
        text: The document; Windows line ends and a byte order mark are fine.
        file: The name that messages give.

    Raises:
        ScenarioError: The text is no acceptable YAML document; carries every problem up to the first that
            makes the rest unreadable.
    """
    if len(text) > MAX_BYTES:
        raise _refusal(file, f"The text is longer than {MAX_BYTES:,} characters, the most that is read.")
    text = text.removeprefix("\ufeff")
    if found := _UNREADABLE.search(text):
        message = (
            f"The character U+{ord(found[0]):04X} is not allowed. Delete it, or write it as an escape in double quotes."
        )
        raise _refusal(file, message, _place(text[: found.start()]))
    root = _Composer(text, file).compose()
    return Document(data=root.plain(), file=file, root=root)


@dataclass(slots=True, kw_only=True)
class _Frame:
    """An open collection. In a mapping ``key`` is None while a key is awaited."""

    node: Node
    anchor: str | None
    key: str | None = None
    awaits_value: bool = False


class _Composer:
    """Builds the tree of nodes of one document from parser events, without recursion."""

    def __init__(self, text: str, file: str, loader: type | None = None) -> None:
        self.text = text
        self.file = file
        self.loader = loader or LOADER
        self.problems: list[Problem] = []
        self.stack: list[_Frame] = []
        self.anchors: dict[str, Node | None] = {}  # None: still open
        self.anchor_lines: dict[str, int] = {}
        self.count = 0
        self.root: Node | None = None
        self.documents = 0

    def compose(self) -> Node:
        last = Position(line=1, column=1)
        try:
            for event in self._events():
                last = _position(event.start_mark)
                self._take(event, last)
        except yaml.YAMLError as error:
            place, message = _explain(error, self.text)
            self._stop(place, message)
        except (ValueError, OverflowError):  # the pure loader lets these through for odd escapes and versions
            self._stop(last, "A number or an escape near this place cannot be read.")
        if self.problems:
            raise ScenarioError(self.problems)
        if self.root is None:
            raise _refusal(self.file, "The document is empty.", Position(line=1, column=1))
        return self.root

    def _events(self) -> Iterator[yaml.Event]:
        return cast("Iterator[yaml.Event]", yaml.parse(self.text, Loader=self.loader))  # pyright: ignore[reportArgumentType]

    def _take(self, event: yaml.Event, at: Position) -> None:
        if isinstance(event, yaml.DocumentStartEvent):
            self._open_document(event, at)
        elif isinstance(event, yaml.AliasEvent):
            self._attach(self._aliased(event.anchor, at), "*" + event.anchor)
        elif isinstance(event, yaml.ScalarEvent):
            self._check_tag(event.tag, at)
            plain = event.style in {None, ""}
            node = Node(position=at, value=self._scalar(event.value, at, plain=plain))
            self._grow(1, at)
            self._name(event.anchor, node, at)
            self._attach(node, event.value if plain else "")
        elif isinstance(event, yaml.CollectionStartEvent):
            self._check_tag(event.tag, at)
            if len(self.stack) >= MAX_DEPTH:
                self._stop(at, f"Lists and mappings are nested more than {MAX_DEPTH} deep.")
            self._grow(1, at)
            self._name(event.anchor, None, at)
            value: dict[str, Node] | list[Node] = {} if isinstance(event, yaml.MappingStartEvent) else []
            self.stack.append(_Frame(node=Node(position=at, value=value, height=1), anchor=event.anchor))
        elif isinstance(event, yaml.CollectionEndEvent):
            frame = self.stack.pop()
            if frame.anchor is not None:
                self.anchors[frame.anchor] = frame.node
            self._attach(frame.node, "a list or mapping")

    def _open_document(self, event: yaml.DocumentStartEvent, at: Position) -> None:
        self.documents += 1
        if self.documents > 1:
            self._stop(at, "A second document begins here. One file holds one document.")
        if event.version is not None and tuple(event.version) != (1, 2):
            self._report(at, "This file declares another YAML version, but YAML 1.2 is read. Delete the %YAML line.")

    def _attach(self, node: Node, raw: str) -> None:
        """Put a finished node into the open collection; ``raw`` is a plain scalar's text, or what stands there."""
        if not self.stack:
            self.root = node
            return
        frame = self.stack[-1]
        parent = frame.node
        if isinstance(parent.value, dict):
            if not frame.awaits_value:
                frame.key = self._key(parent, node, raw)
                frame.awaits_value = True
                return
            frame.awaits_value = False
            key, frame.key = frame.key, None
            if key is None:  # the key was refused, and so is all below it
                return
            parent.value[key] = node
        elif isinstance(parent.value, list):
            parent.value.append(node)
        parent.size += node.size
        parent.height = max(parent.height, node.height + 1)

    def _key(self, parent: Node, node: Node, raw: str) -> str | None:
        key, at = node.value, node.position
        if raw == "<<":
            self._report(at, "Merge keys (<<) are not part of YAML 1.2. Write the keys out.")
        elif raw.startswith("*"):
            self._report(at, f"The alias {raw} cannot be a key. Write the key out.")
        elif isinstance(key, dict | list):
            self._report(at, "A list or mapping cannot be a key. Keys are text.")
        elif not isinstance(key, str):
            self._report(
                at, f'Keys are text. Put quotes around it: "{raw[:60]}".' if raw else "A key is missing before ':'."
            )
        elif key in parent.keys:
            self._report(at, f"The key {key[:60]!r} stands here and on line {parent.keys[key].line}. Delete one.")
        else:
            parent.keys[key] = at
            return key
        return None

    def _scalar(self, text: str, at: Position, *, plain: bool) -> Scalar:
        if re.search("[\ud800-\udfff]", text):  # only the pure loader lets such an escape through
            self._report(at, _ESCAPE)
            return None
        if not plain:
            return text
        try:
            return resolve_scalar(text)
        except ValueError as error:
            self._report(at, str(error))
            return None

    def _aliased(self, anchor: str, at: Position) -> Node:
        if anchor not in self.anchors:
            hint = suggest(anchor, self.anchors)
            self._report(at, f"No anchor &{anchor} stands above this alias; quote text that begins with '*'.{hint}")
            return Node(position=at, value=None)
        target = self.anchors[anchor]
        if target is None:
            self._stop(at, f"The alias *{anchor} refers to a value that contains it.")
        if len(self.stack) + target.height > MAX_DEPTH:
            self._stop(at, f"With the alias *{anchor}, lists and mappings are nested more than {MAX_DEPTH} deep.")
        self._grow(target.size, at)
        return replace(target, position=at)

    def _name(self, anchor: str | None, node: Node | None, at: Position) -> None:
        if anchor is None:
            return
        if anchor in self.anchors:
            self._report(at, f"The anchor &{anchor} stands here and on line {self.anchor_lines[anchor]}. Rename one.")
        self.anchors[anchor] = node
        self.anchor_lines[anchor] = at.line

    def _grow(self, size: int, at: Position) -> None:
        self.count += size
        if self.count > MAX_NODES:
            self._stop(at, f"The document has more than {MAX_NODES:,} values, counting each alias in full.")

    def _check_tag(self, tag: str | None, at: Position) -> None:
        if tag is not None:
            short = tag.replace("tag:yaml.org,2002:", "!!")[:60]
            self._report(at, f"The tag {short} is not allowed. Delete it; quotes make a value text.")

    def _path(self) -> Path:
        steps: list[str | int] = []
        for frame in self.stack:
            if isinstance(frame.node.value, list):
                steps.append(len(frame.node.value))
            elif frame.key is not None:
                steps.append(frame.key)
            else:
                break
        return tuple(steps)

    def _report(self, at: Position, message: str) -> None:
        path = format_path(self._path())
        self.problems.append(Problem(message=message, path=path, file=self.file, line=at.line, column=at.column))
        if len(self.problems) >= MAX_PROBLEMS:
            raise ScenarioError(self.problems)

    def _stop(self, at: Position, message: str) -> NoReturn:
        self.problems.append(Problem(message=message, file=self.file, line=at.line, column=at.column))
        raise ScenarioError(self.problems) from None


# ---- words for the parser's errors -----------------------------------------------------------------------------

_ESCAPE = "A backslash in double quotes begins an escape, and this one is unknown. Use single quotes."
_INDENT = "The indentation does not fit the block that begins on line {open}."
# Parts of the messages of libyaml and of the pure parser, most telling first. "{open}" is where the construct began.
_SENTENCES = (
    ("cannot start any token", "A value cannot begin with this character. Put quotes around the value."),
    ("mapping values are not allowed", "A ':' is not expected here. Put quotes around text that contains ': '."),
    ("could not find expected ':'", "A ':' is missing after the key on line {open}."),
    ("unexpected end of stream", "The quoted text that begins on line {open} is never closed."),
    ("document indicator", "The quoted text that begins on line {open} is never closed."),
    ("escape", _ESCAPE),
    ("hexadecimal", _ESCAPE),
    ("',' or ']'", "The list that begins on line {open} needs ',' or ']' here."),
    ("',' or '}'", "The mapping that begins on line {open} needs ',' or '}' here."),
    ("sequence entries are not allowed", "A list item cannot begin here. Begin the list on a line of its own."),
    ("alphabetic or numeric", "Text that begins with '*' or '&' needs quotes."),
    ("expected '-' indicator", _INDENT),
    ("expected key", _INDENT),
    ("expected <block end>", _INDENT),
    ("node content", "A value is missing here."),
    ("tab", "A tab cannot indent. Use spaces."),
)


def _position(mark: yaml.Mark) -> Position:
    return Position(line=mark.line + 1, column=mark.column + 1)


def _explain(error: yaml.YAMLError, text: str) -> tuple[Position, str]:
    """The place of a syntax error, inside the text, and a plain sentence."""
    end = _place(text.rstrip("\r\n"))
    if not isinstance(error, yaml.MarkedYAMLError):
        return end, "This is no valid YAML."
    mark = error.problem_mark or error.context_mark
    at = _position(mark) if mark else end
    if at.line > end.line:
        at = end
    begin = error.context_mark.line + 1 if error.context_mark else at.line
    problem = str(error.problem or error.context or "")
    lines = re.split(r"\r\n|\r|\n", text)
    if "cannot start any token" in problem and lines[at.line - 1][at.column - 1 : at.column] == "\t":
        problem = "tab"
    for part, sentence in _SENTENCES:
        if part in problem:
            if sentence == _ESCAPE:  # libyaml points at the backslash, the pure loader behind it
                at = replace(at, column=max(1, lines[at.line - 1].rfind("\\", 0, at.column) + 1))
            return at, sentence.replace("{open}", str(begin))
    return at, f"This is no valid YAML: {problem}."


class PureLoader(yaml.SafeLoader):
    """PyYAML's pure loader, taught to skip the tabs between tokens that libyaml skips too."""

    def scan_to_next_token(self) -> None:
        """Skip blanks and comments, and tabs where no key can begin."""
        super().scan_to_next_token()
        while self.peek() == "\t" and (self.flow_level or not self.allow_simple_key):
            self.forward()
            super().scan_to_next_token()


LOADER: type = getattr(yaml, "CSafeLoader", PureLoader)
