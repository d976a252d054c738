"""What kind of file it is, by what it holds and whatever its name says."""

import codecs
import gzip
import hashlib
import io
import re
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

from xbopt.core.spreadsheets.sheet import OLD_WORKBOOK
from xbopt.imports.engine.contacts import E_MAIL
from xbopt.imports.profile import Container
from xbopt.imports.refusals import UnreadFileError

_CHUNK = 1 << 20
_GZIP, _ZIP, _PARQUET = b"\x1f\x8b", b"PK\x03\x04", b"PAR1"
_MARKS = {b"\xef\xbb\xbf": "utf-8-sig", b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A file that was looked into.

    Attributes:
        path: Where it is.
        name: Its name without folders, for messages.
        sha256: Of its bytes.
        size: In bytes.
        container: What it is.
        open: Opens the bytes that hold the table, unpacked.
        encodings: Of text: those in which all of it can be read; a legacy encoding is proven by a profile only.
        is_packed: Whether the table lies in an archive.
    """

    path: Path
    name: str
    sha256: str
    size: int
    container: Container
    open: Callable[[], BinaryIO]
    encodings: tuple[str, ...] = ()
    is_packed: bool = False


def look_into(path: Path, legacy: Sequence[str]) -> Source:
    """Find out what a file is.

    Args:
        path: The file.
        legacy: Encodings of old to try where it is neither UTF-8 nor UTF-16.

    Raises:
        UnreadFileError: It is not there, empty, locked, of an old kind, damaged, or an archive of several files.
    """
    # A file may be named after a customer.
    name = re.sub(E_MAIL, "(address)", path.name)
    if path.is_dir():
        raise UnreadFileError(name, "folder", "This is a folder; name the files in it.")
    try:
        with path.open("rb") as stream:
            start = stream.read(8)
            digest = hashlib.sha256(start)
            while chunk := stream.read(_CHUNK):
                digest.update(chunk)
            size = stream.tell()
    except OSError as error:
        raise UnreadFileError(name, "unreadable", f"The file cannot be read: {error.strerror}.") from None
    if not size:
        raise UnreadFileError(name, "empty", "The file is empty. Export it again.")

    def source(container: Container, opened: Callable[[], BinaryIO], *, packed: bool = False) -> Source:
        return Source(
            path=path, name=name, sha256=digest.hexdigest(), size=size, container=container, open=opened,
            encodings=_encodings(name, opened, legacy) if container == "text" else (), is_packed=packed,
        )  # fmt: skip

    if start[:4] == OLD_WORKBOOK:
        raise UnreadFileError(
            name, "old_workbook", "A workbook locked by a password, or an old .xls: save it as .xlsx."
        )
    if start[:4] == _PARQUET:
        return source("parquet", lambda: path.open("rb"))
    if start[:4] == _ZIP:
        return _zipped(path, name, source)
    if start[:2] == _GZIP:

        def unpacked() -> BinaryIO:
            return cast("BinaryIO", gzip.GzipFile(path, "rb"))

        return source(_text_or_json(name, unpacked), unpacked, packed=True)
    return source(_text_or_json(name, lambda: path.open("rb")), lambda: path.open("rb"))


def _zipped(path: Path, name: str, source: Callable[..., Source]) -> Source:
    try:
        with zipfile.ZipFile(path) as archive:
            members = [
                each for each in archive.infolist() if not each.is_dir() and not each.filename.startswith("__MACOSX")
            ]
            names = {each.filename for each in members}
            if "xl/workbook.xml" in names or "content.xml" in names or "xl/workbook.bin" in names:
                return source("workbook", lambda: path.open("rb"))
            if len(members) != 1:
                what = f"{len(members)} files" if members else "no file"
                raise UnreadFileError(name, "archive", f"The archive holds {what}; unpack it and name them.")
            member = members[0].filename
            if members[0].flag_bits & 1:
                raise UnreadFileError(name, "archive", "The archive is locked by a password; unpack it.")
    except (zipfile.BadZipFile, OSError):
        raise UnreadFileError(
            name, "damaged", "The archive or workbook is damaged or cut off. Export it again."
        ) from None

    def opened() -> BinaryIO:
        return cast("BinaryIO", zipfile.ZipFile(path).open(member))

    return source(_text_or_json(name, opened), opened, packed=True)


def _text_or_json(name: str, opened: Callable[[], BinaryIO]) -> Container:
    try:
        with opened() as stream:
            start = stream.read(4096)
    except (OSError, EOFError, zipfile.BadZipFile):
        raise UnreadFileError(name, "damaged", "The archive is damaged or cut off. Export it again.") from None
    bare = start.removeprefix(codecs.BOM_UTF8).lstrip()
    return "json" if bare[:1] in (b"{", b"[") and bare[1:2] != b"" else "text"


def _encodings(name: str, opened: Callable[[], BinaryIO], legacy: Sequence[str]) -> tuple[str, ...]:
    """The encodings in which a text can be read as a whole: one of Unicode where it is any, else those of old."""
    try:
        with opened() as stream:
            start = stream.read(4096)
        marked = next((encoding for mark, encoding in _MARKS.items() if start.startswith(mark)), None)
        if marked is not None:
            tried: tuple[str, ...] = (marked,)
        elif b"\x00" in start:
            tried = ("utf-16-le" if start[1:2] == b"\x00" else "utf-16-be",)
        else:
            tried = ("utf-8",)
        fitting = tuple(encoding for encoding in tried if _decodes(opened, encoding))
        if fitting or b"\x00" in start or marked is not None:
            if not fitting:
                raise UnreadFileError(
                    name,
                    "encoding",
                    "The file is cut off or damaged: it begins as Unicode, and does not stay so. Export it again.",
                )
            return fitting
        fitting = tuple(encoding for encoding in dict.fromkeys(legacy) if _decodes(opened, encoding))
    except (OSError, EOFError, zipfile.BadZipFile):
        raise UnreadFileError(name, "damaged", "The archive is damaged or cut off. Export it again.") from None
    if not fitting:
        raise UnreadFileError(
            name, "encoding", "This is no text of a known encoding. Save it as CSV in UTF-8, or as .xlsx."
        )
    return fitting


def _decodes(opened: Callable[[], BinaryIO], encoding: str) -> bool:
    decoder = codecs.getincrementaldecoder(encoding)()
    with opened() as stream:
        try:
            while chunk := stream.read(_CHUNK):
                if "\x00" in decoder.decode(chunk):
                    return False
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return False
    return True


def text_stream(source: Source, encoding: str) -> io.TextIOWrapper:
    """The text of a file, with its line ends as they are."""
    return io.TextIOWrapper(source.open(), encoding=encoding, newline="")
