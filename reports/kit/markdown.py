"""A report's page as Markdown: the same words and tables, without charts."""

from collections.abc import Iterator
from pathlib import Path

from xbopt.core.files import replace_file
from xbopt.reports.kit.page_parts import PageContent, Section, TableText, TileText

_SPECIAL = str.maketrans({sign: f"\\{sign}" for sign in "\\`*_[]<>|"})


def write_markdown(content: PageContent, path: Path | str) -> None:
    """Write the Markdown of a report to one file; a file that is there already is replaced at the end.

    Raises:
        UsageError: The file cannot be written there.
    """
    with replace_file(Path(path)) as temporary:
        temporary.write_text(markdown_page(content), encoding="utf-8")


def markdown_page(content: PageContent) -> str:
    """The Markdown of a report. The same content gives the same bytes."""
    parts = [f"# {_plain(content.title)}", *([_plain(content.description)] if content.description else [])]
    parts.append(f"**{_plain(content.verdict)}**")
    parts += [_plain(sentence) for sentence in content.below_verdict]
    parts.append("\n".join(f"- {_plain(fact.label)}: {_plain(fact.text)}" for fact in content.facts))
    parts += _tiles(content.tiles)
    for section in content.sections:
        parts += _section(section)
    if content.notes:
        parts += ["## Method notes", "\n".join(f"- {_plain(note)}" for note in content.notes)]
    return "\n\n".join(parts) + "\n"


def _tiles(tiles: tuple[TileText, ...]) -> Iterator[str]:
    if tiles:
        yield _rows(
            ("", "", ""),
            (False, True, False),
            [(tile.name, " ".join(filter(None, [tile.figure, tile.range])), tile.meaning) for tile in tiles],
        )


def _section(section: Section) -> Iterator[str]:
    yield f"## {_plain(section.title)}"
    if section.takeaway:
        yield _plain(section.takeaway)
    for chart in section.charts:
        yield from _table(chart.table, title=chart.title)
    yield from (_plain(line) for line in section.lines)
    for table in section.tables:
        yield from _table(table, title=table.title)


def _table(table: TableText, *, title: str) -> Iterator[str]:
    yield f"**{_plain(title)}**"
    rows = [tuple(" ".join(filter(None, [cell.text, cell.range])) for cell in row) for row in table.rows]
    yield _rows(table.heads, table.numeric, rows)
    if table.note:
        yield _plain(table.note)


def _rows(heads: tuple[str, ...], numeric: tuple[bool, ...], rows: list[tuple[str, ...]]) -> str:
    lines = [heads, tuple("---:" if right else "---" for right in numeric)]
    texts = [" | ".join(_plain(head) for head in heads), " | ".join(lines[1])]
    texts += [" | ".join(_plain(cell) for cell in row) for row in rows]
    return "\n".join(f"| {text} |" for text in texts)


def _plain(text: str) -> str:
    """Text in which no sign of a name becomes markup, on one line."""
    return " ".join(text.split()).translate(_SPECIAL)
