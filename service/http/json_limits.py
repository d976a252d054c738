"""How much JSON is taken at once: counted before a decoder makes an object of it.

What costs is the number of values, not of bytes: ten million empty objects fit into 30 MB of text, take gigabytes, and
hold Python's lock for seconds.
"""

from math import prod
from typing import Any, TypeAlias, cast

import msgspec

from xbopt.service.bundle.schema import shape_of
from xbopt.service.deciding.allocator import Allocator
from xbopt.service.http.problems import ProblemError

MOST_VALUES = 5_000_000
"""Values of one body, a few hundred thousand of which are objects at a time: 65,536 rows of 76 numbers."""
_SLICE_BYTES = 128 << 10
_NAMES = 1 << 17
"""Commas and brackets that names of any kind may have: so many values take some milliseconds."""
Text: TypeAlias = "bytes | memoryview"


def check_values(text: Text, most: int) -> None:
    """Refuse a text with more values than wanted, in slices that hold Python's lock for less than a millisecond each.

    Every value but the first stands behind a comma or a bracket; those inside of strings count, too.

    Raises:
        ProblemError: 413.
    """
    count = 0
    for first in range(0, len(text), _SLICE_BYTES):
        part = bytes(text[first : first + _SLICE_BYTES])
        count += part.count(b",") + part.count(b"[") + part.count(b"{")
        if count > most:
            raise ProblemError(413, f"At most {most:,} values are taken here; send fewer at once, or arrays as bytes.")


def values_of_request(allocator: Allocator) -> int:
    """Values that a request for one decision may hold: what the schema has room for four times, and names."""
    schema, beside = allocator.bundle.schema, allocator.reader.beside.fields
    numbers = sum(prod(shape_of(field, schema, 1)) for field in (*schema.asked, *beside.values()))
    return 4 * numbers + _NAMES


def short_list(most: int, item: object = msgspec.Raw) -> Any:  # noqa: ANN401 - a type made at run time
    """The type of a list that a decoder gives up on as soon as it is too long; ``items_of`` gives what it holds.

    A limit on the length of an ordinary list is looked at when all of it has become objects.
    """
    fields = [(f"item_{place}", cast("Any", item) | msgspec.UnsetType, msgspec.UNSET) for place in range(most)]
    return msgspec.defstruct("ShortList", fields, array_like=True, forbid_unknown_fields=True)


def items_of(found: msgspec.Struct) -> list[Any]:
    """What a short list holds."""
    items = msgspec.structs.astuple(found)
    return list(items[: next((place for place, item in enumerate(items) if item is msgspec.UNSET), len(items))])
