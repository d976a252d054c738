"""YAML documents from files."""

import pathlib

from xbopt.core.documents.document import Document, Position, refusal
from xbopt.core.documents.problems import suggest
from xbopt.core.documents.yaml_text import MAX_BYTES, parse_yaml


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
        raise refusal(file, f"There is no such file.{_similar_file(path)}") from None
    except IsADirectoryError:
        raise refusal(file, "This is a folder; a YAML file is wanted.") from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise refusal(file, f"The file cannot be read: {reason}.") from None
    if len(raw) > MAX_BYTES:
        raise refusal(file, f"The file is larger than {MAX_BYTES:,} bytes, the most that is read.")
    if raw[:2] in {b"\xff\xfe", b"\xfe\xff"}:
        raise refusal(file, "The file is UTF-16. Save it as UTF-8.", Position(line=1, column=1))
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        place = Position.after(raw[: error.start].decode("utf-8").removeprefix("\ufeff"))
        message = f"The byte 0x{raw[error.start]:02X} is not UTF-8. Save the file as UTF-8."
        raise refusal(file, message, place) from None
    return parse_yaml(text, file=file)


def _similar_file(path: pathlib.Path) -> str:
    if not path.parent.is_dir():
        return f" The folder '{path.parent}' does not exist either."
    try:
        return suggest(path.name, (entry.name for entry in path.parent.iterdir() if not entry.is_dir()))
    except OSError:
        return ""
