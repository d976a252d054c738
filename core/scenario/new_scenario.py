"""The text of a new scenario: another one's numbers, without its story, and unsure of what a newcomer cannot know."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from textwrap import dedent, indent
from typing import cast

import yaml


@dataclass(frozen=True, slots=True, kw_only=True)
class _Spread:
    """How unsure a newcomer is of a parameter group, and where that comes from."""

    group: str
    spread: float
    by: str
    source: str

    @property
    def line(self) -> str:
        return f"  {self.group}: {{spread: {self.spread:g}, by: [{self.by}]}}\n"

    @property
    def provenance(self) -> str:
        return f'  - path: "uncertainty.{self.group}.spread"\n    evidence: E\n    source: "{self.source}"\n'


DEFAULT_SPREADS = (
    _Spread(
        group="media_response",
        spread=0.3,
        by="region, channel",
        source="Experiments correct media models by 15 % as a rule (Meta, 18 cases); untested twice that",
    ),
    _Spread(
        group="conversion",
        spread=0.2,
        by="region, segment",
        source="Shops lie a fifth and more apart: 1.8 % of visits on average, beauty 2.3 (Statista 2024)",
    ),
    _Spread(
        group="elasticity",
        spread=0.15,
        by="region, segment",
        source="Elasticities differ by 35 % between segments; taken narrower within one",
    ),
    _Spread(
        group="organic_traffic",
        spread=0.1,
        by="region, segment",
        source="Own traffic is counted; taken to move by a tenth from season to season",
    ),
)


def new_scenario_text(text: str, *, name: str, like: str, schema_file: str = "") -> str:
    """A scenario's text under a new name.

    Comments, description and accepted vital signs of the other market go; its numbers and their sources stay. Parameter
    groups of ``DEFAULT_SPREADS`` that it takes for certain become uncertain.

    Args:
        text: The other scenario.
        name: Name of the new one.
        like: Name of the other one.
        schema_file: Name of the schema beside the new file, for editors; empty for none.
    """
    text = _without_comments(text)
    text = _without_section(text, "vital_signs")
    words = f'description: "Started from {like}. Say here what this market is, and where its numbers come from."\n'
    text = _without_section(text, "description")
    text = re.sub(r"(?m)^title:.*\n", "", text)
    text = re.sub(r"(?m)^name:.*\n", f"name: {name}\ntitle: {name}, started from {like}\n{words}", text, count=1)
    return schema_line(schema_file) + _with_spreads(text)


def schema_line(schema_file: str) -> str:
    """The first line of a scenario's text, which tells editors its schema; empty without one."""
    return f"# yaml-language-server: $schema={schema_file}\n" if schema_file else ""


def _without_comments(text: str) -> str:
    """The text without comments; what stands between two tokens of YAML is blanks and comments only."""
    parts: list[str] = []
    end = 0
    for token in cast("Iterator[yaml.Token]", yaml.scan(text)):
        parts += [_bare(text[end : token.start_mark.index]), text[token.start_mark.index : token.end_mark.index]]
        end = token.end_mark.index
    return re.sub(r"\n{3,}", "\n\n", "".join([*parts, _bare(text[end:])])).lstrip("\n")


def _bare(gap: str) -> str:
    """A gap without its comments; lines that hold nothing else go as a whole."""
    first, *lines = gap.split("\n")
    kept = [line for line in lines if not line.lstrip().startswith("#")]
    return "\n".join([first.split("#")[0].rstrip() if "#" in first else first, *kept])


def _without_section(text: str, key: str) -> str:
    """The text without one section of the top level: its line, and those below it that are indented."""
    return re.sub(rf"(?m)^{key}:.*\n(?:[ \t]+.*\n|\n(?=[ \t]))*", "", text)


def _with_spreads(text: str) -> str:
    stated = re.search(r"(?m)^uncertainty:\n((?:[ \t]+.*\n)*)", text)
    known = stated[1] if stated else ""
    missing = [spread for spread in DEFAULT_SPREADS if not re.search(rf"(?m)^\s+{spread.group}:", known)]
    lines, sources = "".join(spread.line for spread in missing), "".join(spread.provenance for spread in missing)
    if stated:
        text = text[: stated.end()] + lines + text[stated.end() :]
    else:
        text = text.rstrip("\n") + f"\n\nuncertainty:\n{lines}"
    stands = re.search(r"(?m)^provenance:\n(?P<indent> *)-", text)
    if stands:
        # Some writers of YAML indent the items of a list, some do not; all items of one list stand alike.
        sources = indent(dedent(sources), stands["indent"])
        return re.sub(r"(?m)^provenance:\n", lambda _: f"provenance:\n{sources}", text, count=1)
    return text.rstrip("\n") + f"\n\nprovenance:\n{sources}"
