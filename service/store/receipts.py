"""Receipts as clients keep them: the answers that they were given."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from xbopt.core.errors import UsageError
from xbopt.service.store.entries import Head
from xbopt.service.store.verification import read_receipt


def read_receipts(given: Iterable[str]) -> list[Head]:
    """Receipts from the command line: each ``SEQ:HASH``, or a file of answers in JSON, whole or one a line.

    Raises:
        UsageError: One is neither, or a file holds none.
    """
    found: list[Head] = []
    for text in given:
        path = Path(text)
        if ":" not in text or path.is_file():
            read = list(_of_file(path))
            if not read:
                raise UsageError(f"{path} holds no receipt: no answer in it has a field receipt.")
            found += read
        else:
            found.append(_whole(text))
    return found


def _of_file(path: Path) -> Iterator[Head]:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} cannot be read: {error}. Give SEQ:HASH, or a file of answers in JSON.") from error
    try:
        documents = [msgspec.json.decode(text)]
    except msgspec.DecodeError:
        documents = []
        for number, line in enumerate(text.splitlines(), start=1):
            if not line.strip():
                continue
            try:
                documents.append(msgspec.json.decode(line))
            except msgspec.DecodeError as error:
                raise UsageError(f"{path}, line {number} is no JSON: {error}.") from error
    for document in documents:
        yield from _in_document(document)


def _in_document(document: object) -> Iterator[Head]:
    """Receipts of an answer, of a list of answers, or of an answer of the inference protocol."""
    match document:
        case list():
            for one in document:
                yield from _in_document(one)
        case {"receipt": {"seq": int(seq), "hash": str(text)}}:
            yield _whole(f"{seq}:{text}")
        case {"parameters": {"receipt": str(text)}} | {"receipt": str(text)} | str(text):
            yield _whole(text)
        case _:
            return


def _whole(text: str) -> Head:
    receipt = read_receipt(text)
    if not receipt.seq:
        raise UsageError(f"{text[:100]!r} lacks the place in the chain; a receipt is SEQ:HASH.")
    return receipt
