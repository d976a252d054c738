"""JSON that every reader takes: what is not known is null."""

import json
import math
from collections.abc import Mapping, Sequence
from typing import cast


def json_text(document: Mapping[str, object] | Sequence[object], *, indent: int | None = 2) -> str:
    """A document as JSON text, with a line break at the end; NaN and infinities, which JSON has no word for, are null.

    Args:
        document: Texts, numbers, flags, None, and mappings and sequences of these.
        indent: Spaces a level; None for one line.
    """
    return json.dumps(_known(document), indent=indent, allow_nan=False, ensure_ascii=False) + "\n"


def _known(value: object) -> object:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {name: _known(one) for name, one in cast("Mapping[str, object]", value).items()}
    if isinstance(value, list | tuple):
        return [_known(one) for one in cast("Sequence[object]", value)]
    return value
