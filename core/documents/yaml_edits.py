"""Changing the data of a YAML text while its comments, its order and its layout stay.

The data before and after are compared, and only what differs is written anew: an entry goes with the comment on its
own lines, all other lines stay byte for byte. The result is read again and must hold exactly the new data; where it
would not, or where the text's form is one that is not edited here, the whole document is written without comments.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from typing import cast

import yaml

from xbopt.core.documents.yaml_text import LOADER, parse_yaml
from xbopt.core.errors import ScenarioError

_Mapping = dict[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rewritten:
    """A text with other data, and whether its comments are still there."""

    text: str
    keeps_comments: bool


def with_data(text: str, data: object) -> Rewritten:
    """The text changed so that it holds these data.

    Args:
        text: A YAML document that ``parse_yaml`` accepts.
        data: Plain dicts, lists and scalars.
    """
    edits = _Edits(text)
    try:
        compose = cast("Callable[..., yaml.Node]", yaml.compose)
        edits.change(compose(text, Loader=LOADER), parse_yaml(text).data, data)
        found = edits.applied()
        if parse_yaml(found).data == data:
            return Rewritten(text=found, keeps_comments=True)
    except (_NotEditedError, ScenarioError):
        pass
    plain = yaml.safe_dump(data, sort_keys=False, allow_unicode=True, width=120)
    return Rewritten(text=plain, keeps_comments="#" not in text)


class _NotEditedError(Exception):
    """The text has a form in which a change cannot be made line by line."""


@dataclass(slots=True)
class _Edits:
    text: str
    spots: list[tuple[int, int, str]] = field(default_factory=list[tuple[int, int, str]])

    def applied(self) -> str:
        text, later = self.text, len(self.text) + 1
        for start, end, new in sorted(self.spots, key=lambda spot: spot[:2], reverse=True):
            if end > later:
                raise _NotEditedError
            text, later = text[:start] + new + text[end:], start
        return text

    def change(self, node: yaml.Node, old: object, new: object) -> None:
        """Note what has to change below a node."""
        if old == new and type(old) is type(new):
            return
        if isinstance(node, yaml.MappingNode) and isinstance(old, dict) and isinstance(new, dict):
            self._mapping(node, cast("_Mapping", old), cast("_Mapping", new))
        elif isinstance(node, yaml.SequenceNode) and isinstance(old, list) and isinstance(new, list):
            self._sequence(node, cast("list[object]", old), cast("list[object]", new))
        else:
            self._replace(node, new)

    def _replace(self, node: yaml.Node, new: object) -> None:
        if isinstance(node, yaml.CollectionNode) and not node.flow_style:
            raise _NotEditedError
        self.spots.append((node.start_mark.index, node.end_mark.index, _flow(new)))

    def _mapping(self, node: yaml.MappingNode, old: _Mapping, new: _Mapping) -> None:
        if node.flow_style and list(old) != list(new):
            self._replace(node, new)
            return
        listed = cast("list[tuple[yaml.Node, yaml.Node]]", node.value)
        pairs = {cast("str", key.value): (key, value) for key, value in listed}
        after: yaml.Node | None = None
        for key, value in new.items():
            if key in old:
                name, below = pairs[key]
                after = below
                if isinstance(below, yaml.CollectionNode) and not below.flow_style and not _alike(old[key], value):
                    self._lines(name, below, _entry(key, value, name.start_mark.column))
                else:
                    self.change(below, old[key], value)
            elif after is None:
                raise _NotEditedError
            else:
                self._insert_after(after, _entry(key, value, node.start_mark.column))
        for key in old:
            if key not in new:
                self._lines(*pairs[key], "")

    def _sequence(self, node: yaml.SequenceNode, old: list[object], new: list[object]) -> None:
        if len(old) == len(new):
            for below, before, now in zip(node.value, old, new, strict=True):
                self.change(below, before, now)
            return
        if node.flow_style or not node.value:
            self._replace(node, new)
            return
        matcher = SequenceMatcher(None, [repr(item) for item in old], [repr(item) for item in new], autojunk=False)
        for tag, i1, i2, j1, j2 in matcher.get_opcodes():
            if tag == "equal":
                continue
            for item in node.value[i1:i2]:
                self._lines(item, item, "")
            added = "".join(f"{' ' * node.start_mark.column}- {_flow(item)}\n" for item in new[j1:j2])
            if i2 == 0:
                raise _NotEditedError
            if added:
                self._insert_after(node.value[i2 - 1], added)

    def _lines(self, first: yaml.Node, last: yaml.Node, new: str) -> None:
        """Put other lines in place of those of an entry, which must stand alone on them."""
        start = self.text.rfind("\n", 0, first.start_mark.index) + 1
        if self.text[start : first.start_mark.index].strip(" ") not in ("", "-") or (
            first is not last and self.text[start : first.start_mark.index].strip(" ")
        ):
            raise _NotEditedError
        self.spots.append((start, self._line_end(last), new))

    def _insert_after(self, node: yaml.Node, lines: str) -> None:
        end = self._line_end(node)
        self.spots.append((end, end, lines if self.text[:end].endswith("\n") else "\n" + lines))

    def _line_end(self, node: yaml.Node) -> int:
        """Where the line after the last one of a node begins."""
        while isinstance(node, yaml.CollectionNode) and not node.flow_style and node.value:
            last = node.value[-1]
            node = cast("yaml.Node", last[1] if isinstance(last, tuple) else last)
        end = node.end_mark.index
        if isinstance(node, yaml.ScalarNode) and node.style in ("|", ">"):
            return end  # a block scalar ends where the next line begins
        found = self.text.find("\n", end)
        return len(self.text) if found < 0 else found + 1


def _alike(old: object, new: object) -> bool:
    return isinstance(new, dict) if isinstance(old, dict) else isinstance(new, list)


def _flow(value: object) -> str:
    text: str = yaml.safe_dump(value, default_flow_style=True, sort_keys=False, allow_unicode=True, width=10**9)
    return text.removesuffix("\n").removesuffix("\n...")


def _entry(key: str, value: object, indent: int) -> str:
    """The lines of an entry of a block mapping; a list of mappings has one line an item."""
    head = f"{' ' * indent}{_flow(key)}:"
    items = cast("list[object]", value) if isinstance(value, list) else []
    if items and all(isinstance(item, dict) for item in items):
        return head + "\n" + "".join(f"{' ' * (indent + 2)}- {_flow(item)}\n" for item in items)
    return f"{head} {_flow(cast('object', value))}\n"
