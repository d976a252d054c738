"""Bodies that nobody would send: real ones, cut, flipped, spliced and filled with other values."""

import copy
import json
from collections.abc import Iterator

import msgspec
import numpy as np

from tests.service.conftest import Exported

_VALUES: tuple[object, ...] = (
    None, True, -1, 0, 2**63, -(2**63), 1e308, -1e308, 5e-324, "", "x" * 300, "\u0000", "🦊", [], {}, [[]], [None],
    {"a": 1}, [[[1e400]]], "NaN", 10**30,
)  # fmt: skip


def mutated_bodies(exported: Exported, *, seed: int) -> Iterator[tuple[str, str, bytes]]:
    """Path, content type and body, without end."""
    from tests.service.test_http import batch_bytes

    rng = np.random.default_rng(seed)
    request = json.loads(msgspec.json.encode(exported.request()))
    outcome = {"decision_id": "a-1", "unit": "DE/families", "reward": 1.0, "cost": 2.0}
    infer = {"id": "f", "inputs": [{"name": "day", "shape": [1], "datatype": "INT64", "data": [1]}]}
    batch = batch_bytes(exported, 3, "fuzz")
    seeds: list[tuple[str, dict[str, object]]] = [
        ("/v1/allocate", request),
        ("/v1/outcomes", outcome),
        ("/v2/models/demo/infer", infer),
    ]
    while True:
        pick = int(rng.integers(4))
        if pick == 3:
            yield "/v1/allocate", "application/vnd.xbopt.batch", _damaged(batch, rng)
            continue
        path, document = seeds[pick]
        if rng.random() < 0.6:
            changed = json.loads(json.dumps(document))
            for _ in range(int(rng.integers(1, 4))):
                _change(changed, rng)
            wrapped = changed if rng.random() < 0.8 else [changed, changed]
            text = json.dumps(wrapped, allow_nan=True).encode()
        else:
            text = _damaged(json.dumps(document).encode(), rng)
        yield path, "application/json", text


def _change(document: object, rng: np.random.Generator) -> None:
    """Put a strange value somewhere."""
    place: object = document
    while True:
        if isinstance(place, dict) and place:
            key: object = list(place)[int(rng.integers(len(place)))]
        elif isinstance(place, list) and place:
            key = int(rng.integers(len(place)))
        else:
            return
        inner = place[key]  # type: ignore[index]
        if not isinstance(inner, dict | list) or not inner or rng.random() < 0.4:
            place[key] = copy.deepcopy(_VALUES[int(rng.integers(len(_VALUES)))])  # type: ignore[index]
            return
        place = inner


def _damaged(data: bytes, rng: np.random.Generator) -> bytes:
    made = bytearray(data)
    for _ in range(int(rng.integers(1, 6))):
        if not made:
            break
        at = int(rng.integers(len(made)))
        match int(rng.integers(4)):
            case 0:
                made[at] ^= 1 << int(rng.integers(8))
            case 1:
                del made[at:]
            case 2:
                made[at:at] = bytes(rng.integers(0, 256, size=int(rng.integers(1, 20))).tolist())
            case _:
                del made[at : at + int(rng.integers(1, 30))]
    return bytes(made)
