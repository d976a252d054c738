"""Tables as text: CSV in any usual encoding, with any usual separator and line end."""

import csv
import io
import re
from collections.abc import Sequence

from xbopt.core.errors import UsageError
from xbopt.core.spreadsheets.sheet import OLD_WORKBOOK, Cell, IsColumn, Lines, filled, head_position, typed

_SEPARATORS = (",", ";", "\t", "|")
_SAID = re.compile(r'"?sep=(?P<separator>[^"])"?[,;\t|]*', re.IGNORECASE)
_LINES_TO_JUDGE = 50
# What web shops write so that spreadsheets leave a text alone.
_AS_TEXT = re.compile(r'="([^"]*)"')
# Rows 16 to 55 of GB 2312: the characters of everyday Chinese stand there, and both of their bytes are high.
_CHINESE_LEADS, _HIGH = range(0xB0, 0xF8), 0xA1


def text_lines(content: bytes, is_column: IsColumn) -> Lines:
    """The lines of a text file, and what separates its columns: what it says itself, else what makes a head.

    Raises:
        UsageError: It is no text, or no table.
    """
    if content[:4] == OLD_WORKBOOK:
        raise UsageError("This is a workbook under another name; let its name end in .xls.")
    text = decoded(content)
    raw = tuple(io.StringIO(text, newline=None).read().split("\n"))
    said = _SAID.fullmatch(raw[0].strip(" \ufeff"))
    if said is not None:
        # The line stays, blank, so that places stay true.
        text = text.replace(raw[0], "", 1)
        return Lines(cells=_split(text, said["separator"]), separator=said["separator"], raw=raw)
    start = "\n".join(raw[:_LINES_TO_JUDGE])
    first = next((line for line in raw if line.strip()), "")
    separator = max(_SEPARATORS, key=lambda each: (_makes_a_head(start, each, is_column), first.count(each)))
    return Lines(cells=_split(text, separator), separator=separator, raw=raw)


def _makes_a_head(text: str, separator: str, is_column: IsColumn) -> bool:
    try:
        lines = _split(text, separator, is_whole=False)
        return head_position((cells for _, cells in filled(lines)), is_column) is not None
    except UsageError:
        return False


def _split(text: str, separator: str, *, is_whole: bool = True) -> list[tuple[int, Sequence[Cell]]]:
    # A quotation mark that is never closed swallows all that follows, so a whole file is read strictly.
    reader = csv.reader(io.StringIO(text, newline=None), delimiter=separator, strict=is_whole)
    lines: list[tuple[int, Sequence[Cell]]] = []
    began = 1
    try:
        for cells in reader:
            lines.append((began, [typed(_AS_TEXT.sub(r"\1", cell)) for cell in cells]))
            began = reader.line_num + 1
    except csv.Error as error:
        raise UsageError(
            f"From line {began} on this is no table ({error}): a quotation mark is not closed, or one within a cell is "
            "not doubled."
        ) from None
    return lines


def decoded(content: bytes) -> str:
    """The text of a file saved by an office program.

    UTF-8, UTF-16, Windows-1252, Chinese Windows (GB 18030), or Mac Roman where lines end as on a Mac of old.

    Raises:
        UsageError: It is none of these.
    """
    if b"\x00" in content[:4096]:
        marked = content[:2] in (b"\xff\xfe", b"\xfe\xff")
        encodings = ("utf-16",) if marked else ("utf-16-le" if content[1:2] == b"\x00" else "utf-16-be",)
    else:
        old_mac = b"\r" in content and b"\n" not in content
        encodings = (
            "utf-8-sig",
            "gb18030" if _looks_chinese(content) else "mac-roman" if old_mac else "cp1252",
        )
    for encoding in encodings:
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\x00" not in text:
            return text
    raise UsageError("This is no text that a spreadsheet saves; save it as CSV in UTF-8, or as .xlsx.")


def _looks_chinese(content: bytes) -> bool:
    """Whether all bytes beyond ASCII come in pairs that are everyday Chinese characters."""
    pairs, lead = 0, None
    for byte in content:
        if lead is not None:
            if byte < _HIGH:
                return False
            pairs, lead = pairs + 1, None
        elif byte >= 0x80:
            if byte not in _CHINESE_LEADS:
                return False
            lead = byte
    return pairs > 0 and lead is None
