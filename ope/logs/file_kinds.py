"""What kind of file a log is, told by its first bytes; a kind that is not read is an error that says what to do."""

import gzip
import zlib
from pathlib import Path

from xbopt.core.errors import DecisionLogError

_START = 4096
_GZIP, _ZIP, _PARQUET = b"\x1f\x8b", b"PK\x03\x04", b"PAR1"
_UTF_8_MARK = b"\xef\xbb\xbf"
_UTF_16_MARKS = (b"\xff\xfe", b"\xfe\xff")


def is_json(path: Path) -> bool:
    """Whether a file holds one JSON object a line.

    Raises:
        DecisionLogError: It is a workbook, a text in UTF-16, or one JSON list; the message says what to do.
    """
    try:
        with path.open("rb") as source:
            start = source.read(_START)
        if start.startswith(_GZIP) and path.suffix == ".gz":
            with gzip.open(path) as source:
                start = source.read(_START)
    except (OSError, EOFError, zlib.error):
        return False  # whoever reads it says what is wrong
    if start.startswith(_PARQUET):
        return False
    if start.startswith(_ZIP):
        raise DecisionLogError(
            f"{path}: this is a workbook (XLSX) or another zip archive, not a text file. Save the sheet as CSV UTF-8, "
            "or unpack the archive."
        )
    if start.startswith(_UTF_16_MARKS) or _alternating(start):
        raise DecisionLogError(
            f"{path}: this text is written in UTF-16. Save it as UTF-8, or turn it over: iconv -f UTF-16 -t UTF-8."
        )
    text = start.removeprefix(_UTF_8_MARK).lstrip()
    if text.startswith(b"[") and text[1:].lstrip().startswith(b"{"):
        raise DecisionLogError(
            f"{path}: this is one JSON list. One object a line is wanted: jq -c '.[]' turns the list into lines."
        )
    return text.startswith(b"{")


def _alternating(start: bytes) -> bool:
    """Whether every other byte is 0, as in Latin text in UTF-16 without a mark."""
    pairs = len(start) // 2
    zeros = max(start[0 : 2 * pairs : 2].count(0), start[1 : 2 * pairs : 2].count(0))
    return pairs >= 4 and zeros > 0.9 * pairs
