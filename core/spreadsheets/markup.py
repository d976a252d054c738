"""What a workbook's reader drops: errors, uncalculated formulas, currencies, hidden rows, merged cells of OpenDocument.

Both formats are archives of XML: ECMA-376 Part 1, 18.3.1.4 (``c``) and OpenDocument 1.3 Part 3, 9.1.4
(``table:table-cell``).
"""

import io
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from posixpath import normpath
from xml.etree import ElementTree as ET

from xbopt.core.spreadsheets.sheet import is_error

_XLINK_ID = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"
_STRICT_ID = "{http://purl.oclc.org/ooxml/officeDocument/relationships}id"
_OFFICE = "{urn:oasis:names:tc:opendocument:xmlns:office:1.0}"
_TABLE = "{urn:oasis:names:tc:opendocument:xmlns:table:1.0}"
_TEXT = "{urn:oasis:names:tc:opendocument:xmlns:text:1.0}"
# The last row and column of the largest sheets; what lies beyond is filling.
_LAST = 1 << 20
# ECMA-376 Part 1, 18.8.31: a currency stands between [$ and the locale, in quotes, or as a bare sign.
_CURRENCY = re.compile(r"\[\$([^\]-]+)[^\]]*\]|\"([^\"]*)\"|([€£¥$])(?![^\[]*\])")


@dataclass(frozen=True, slots=True, kw_only=True)
class Markup:
    """What stands in a sheet's markup alone.

    Attributes:
        broken: By line, from 1, and position: the text of an error, or a formula without its result.
        currencies: By line and position: the signs or codes of currencies that a number is shown with.
        hidden: Lines, from 1, that are hidden, as by a filter.
        merged: First and last row and column, from 0, of merged cells.
    """

    broken: dict[tuple[int, int], str] = field(default_factory=dict[tuple[int, int], str])
    currencies: dict[tuple[int, int], str] = field(default_factory=dict[tuple[int, int], str])
    hidden: set[int] = field(default_factory=set[int])
    merged: list[tuple[tuple[int, int], tuple[int, int]]] = field(
        default_factory=list[tuple[tuple[int, int], tuple[int, int]]]
    )


def xlsx_markup(content: bytes, sheet: str, *, with_currencies: bool = True) -> Markup:
    """The errors, uncalculated formulas and hidden rows of a sheet of an Excel workbook.

    Its merged cells are known already.

    Args:
        content: The workbook.
        sheet: Name of the sheet.
        with_currencies: Whether to find those that numbers are shown with, for which each cell is looked at.

    Raises:
        KeyError: A part is missing.
        SyntaxError: A part is no XML.
    """
    markup = Markup()
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        book = list(_ended(archive.read("xl/workbook.xml")))
        # Programs that write formulas without calculating them ask for that, and put down 0 or nothing.
        uncalculated = any(_name(each) == "calcPr" and each.get("fullCalcOnLoad") in ("1", "true") for each in book)
        wanted = next(each for each in book if _name(each) == "sheet" and each.get("name") == sheet)
        identity = wanted.get(_XLINK_ID) or wanted.get(_STRICT_ID)
        relations = _ended(archive.read("xl/_rels/workbook.xml.rels"))
        target = next(each.get("Target", "") for each in relations if each.get("Id") == identity)
        part = archive.read(normpath(target.lstrip("/") if target.startswith("/") else f"xl/{target}"))
        styled = with_currencies and "xl/styles.xml" in archive.namelist()
        shown = _shown_currencies(archive.read("xl/styles.xml")) if styled else {}
    if not shown and not any(mark in part for mark in (b'"e"', b"<f", b":f", b"hidden=")):
        return markup
    line = column = 0
    for event, element in ET.iterparse(io.BytesIO(part), events=("start", "end")):  # noqa: S314 - expat bounds entities
        name = _name(element)
        if event == "start":
            if name == "row":
                line, column = int(element.get("r") or line + 1), 0
                if element.get("hidden") in ("1", "true"):
                    markup.hidden.add(line)
            elif name == "c":
                named = element.get("r")
                column = _column(named) if named else column + 1
            continue
        if name == "c":
            value = next((each.text or "" for each in element if _name(each) == "v"), None)
            formula = next((each.text or "..." for each in element if _name(each) == "f"), None)
            kind = element.get("t", "n")
            if element.get("s") in shown:
                markup.currencies[line, column - 1] = shown[element.get("s", "")]
            if kind == "e":
                markup.broken[line, column - 1] = value or "#ERROR"
            elif formula is not None and kind != "inlineStr":
                is_text = kind == "str" and value is not None
                if not is_text and (not value or (uncalculated and value == "0")):
                    markup.broken[line, column - 1] = f"={formula}"
        elif name == "row":
            element.clear()
    return markup


def _shown_currencies(styles: bytes) -> dict[str, str]:
    """The currencies in the number formats of an Excel workbook, by the position of the cell's style."""
    codes: dict[str, str] = {}
    shown: dict[str, str] = {}
    for each in _ended(styles):
        if _name(each) == "numFmt":
            codes[each.get("numFmtId", "")] = each.get("formatCode", "")
        elif _name(each) == "cellXfs":
            for position, style in enumerate(each):
                found = _CURRENCY.findall(codes.get(style.get("numFmtId", ""), ""))
                signs = dict.fromkeys(part.strip() for parts in found for part in parts if part.strip(" -"))
                if signs:
                    shown[str(position)] = " ".join(signs)
    return shown


def ods_markup(content: bytes, sheet: str) -> Markup:
    """The errors, uncalculated formulas, hidden rows and merged cells of a sheet of an OpenDocument workbook.

    Raises:
        KeyError: The part with the cells is missing.
        SyntaxError: It is no XML.
    """
    markup = Markup()
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        part = archive.read("content.xml")
    table = next(each for each in _ended(part) if each.tag == f"{_TABLE}table" and each.get(f"{_TABLE}name") == sheet)
    line = 0
    for row in table.iter(f"{_TABLE}table-row"):
        lines = int(row.get(f"{_TABLE}number-rows-repeated", "1"))
        position = 0
        if row.get(f"{_TABLE}visibility") in ("collapse", "filter") and lines < _LAST:
            markup.hidden.update(range(line + 1, line + lines + 1))
        for cell in row:
            if cell.tag not in (f"{_TABLE}table-cell", f"{_TABLE}covered-table-cell"):
                continue
            wide = int(cell.get(f"{_TABLE}number-columns-repeated", "1"))
            broken = _broken_in_ods(cell)
            if broken is not None and lines * wide < _LAST:
                for i in range(lines):
                    markup.broken.update({(line + i + 1, position + j): broken for j in range(wide)})
            currency = cell.get(f"{_OFFICE}currency")
            if currency is not None and lines * wide < _LAST:
                for i in range(lines):
                    markup.currencies.update({(line + i + 1, position + j): currency for j in range(wide)})
            rows = int(cell.get(f"{_TABLE}number-rows-spanned", "1"))
            if rows > 1:
                columns = int(cell.get(f"{_TABLE}number-columns-spanned", "1"))
                markup.merged.append(((line, position), (line + rows - 1, position + columns - 1)))
            position += wide
        line += lines
    return markup


def _broken_in_ods(cell: ET.Element) -> str | None:
    formula = cell.get(f"{_TABLE}formula")
    text = "".join("".join(each.itertext()) for each in cell.iter(f"{_TEXT}p")).strip()
    kinds = [value for name, value in cell.attrib.items() if name.rpartition("}")[2] == "value-type"]
    if "error" in kinds or (formula is not None and is_error(text)):
        return text or "#ERROR"
    if formula is not None and cell.get(f"{_OFFICE}value-type") is None:
        return "=" + formula.partition("=")[2]
    return None


def _ended(part: bytes) -> Iterator[ET.Element]:
    for _, element in ET.iterparse(io.BytesIO(part)):  # noqa: S314 - expat bounds the expansion of entities
        yield element


def _name(element: ET.Element) -> str:
    """The name without its namespace: the strict and the usual format differ in nothing else."""
    return str(element.tag).rpartition("}")[2]


def _column(cell: str) -> int:
    """The number of a column, from 1, from a cell's name."""
    number = 0
    for letter in cell.rstrip("0123456789"):
        number = 26 * number + ord(letter) - ord("A") + 1
    return number
