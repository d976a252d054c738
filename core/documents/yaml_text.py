"""YAML 1.2 text, read with the place of every value.

Documents are built from parser events, never by constructing objects, so that a file can run no code. Only the
core schema of YAML 1.2 (section 10.3.2 of the specification) is known: ``NO``, ``yes`` and ``12:30`` are text.
Explicit tags, merge keys, keys that are no text, and duplicate keys are refused. Anchors and aliases are expanded.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import NoReturn, cast

import yaml

from xbopt.core.documents.document import Document, Node, Path, Position, Scalar, format_path, refusal
from xbopt.core.documents.problems import MAX_PROBLEMS, suggest
from xbopt.core.documents.yaml_errors import UNKNOWN_ESCAPE, explain, position_of
from xbopt.core.errors import Problem, ScenarioError

MAX_BYTES = 2_000_000
MAX_NODES = 100_000
MAX_DEPTH = 100
MAX_DIGITS = 300

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
        raise refusal(file, f"The text is longer than {MAX_BYTES:,} characters, the most that is read.")
    text = text.removeprefix("\ufeff")
    if found := _UNREADABLE.search(text):
        message = (
            f"The character U+{ord(found[0]):04X} is not allowed. Delete it, or write it as an escape in double quotes."
        )
        raise refusal(file, message, Position.after(text[: found.start()]))
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
                last = position_of(event.start_mark)
                self._take(event, last)
        except yaml.YAMLError as error:
            place, message = explain(error, self.text)
            self._stop(place, message)
        except (ValueError, OverflowError):  # the pure loader lets these through for odd escapes and versions
            self._stop(last, "A number or an escape near this place cannot be read.")
        if self.problems:
            raise ScenarioError(self.problems)
        if self.root is None:
            raise refusal(self.file, "The document is empty.", Position(line=1, column=1))
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
            hint = f'Keys are text. Put quotes around it: "{raw[:60]}".' if raw else "A key is missing before ':'."
            if raw.isdecimal():
                hint += " If it belongs to a number: that takes a point, not a comma, as in 46.50."
            self._report(at, hint)
        elif key in parent.keys:
            self._report(at, f"The key {key[:60]!r} stands here and on line {parent.keys[key].line}. Delete one.")
        else:
            parent.keys[key] = at
            return key
        return None

    def _scalar(self, text: str, at: Position, *, plain: bool) -> Scalar:
        if re.search("[\ud800-\udfff]", text):  # only the pure loader lets such an escape through
            self._report(at, UNKNOWN_ESCAPE)
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


class PureLoader(yaml.SafeLoader):
    """PyYAML's pure loader, taught to skip the tabs between tokens that libyaml skips too."""

    def scan_to_next_token(self) -> None:
        """Skip blanks and comments, and tabs where no key can begin."""
        super().scan_to_next_token()
        while self.peek() == "\t" and (self.flow_level or not self.allow_simple_key):
            self.forward()
            super().scan_to_next_token()


LOADER: type = getattr(yaml, "CSafeLoader", PureLoader)
