"""A seal on a JSON document: the hash of all that it says, so that a figure that was edited by hand is seen.

It guards against slips, not against intent: who edits can seal again. Against intent stands a signature (``xbopt export
--sign``).
"""

import hashlib
import json
from collections.abc import Mapping

SEAL = "sha256"


def sealed(document: Mapping[str, object]) -> dict[str, object]:
    """The document with its seal as the last entry."""
    body = {name: value for name, value in document.items() if name != SEAL}
    return {**body, SEAL: _hash_of(body)}


def seal_holds(document: Mapping[str, object]) -> bool:
    """Whether the document is what was sealed."""
    body = {name: value for name, value in document.items() if name != SEAL}
    return document.get(SEAL) == _hash_of(body)


def _hash_of(body: Mapping[str, object]) -> str:
    text = json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
