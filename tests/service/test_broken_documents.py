"""Documents of a bundle with anything in any place, under new checksums: it loads or is refused, and nothing else."""

import contextlib
import copy
import json
from pathlib import Path

import msgspec
import numpy as np
import pytest

from tests.service.conftest import Exported
from tests.service.test_bundle import resealed, saved
from xbopt.core.errors import BundleError
from xbopt.service.bundle import bundle as loading
from xbopt.service.bundle.bundle import load_bundle
from xbopt.service.bundle.formats import CERTIFICATE, GOLDEN, GUARDRAILS, PLAN, SCHEMA
from xbopt.service.deciding.allocator import Allocator

STRANGE: tuple[object, ...] = (
    None, True, -1, 0, 1e308, -1e-9, 10**15, "", "x" * 300, "\x1b[31m", "\u2028", [], {}, [[[]]], {"a": 1}, [None],
)  # fmt: skip


def places(document: object) -> list[tuple[object, ...]]:
    """The way to each value of a document."""
    entries = (
        document.items() if isinstance(document, dict) else enumerate(document) if isinstance(document, list) else ()
    )
    return [place for key, value in entries for place in ((key,), *((key, *rest) for rest in places(value)))]


def spelt(document: object) -> bytes:
    return msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n"


@pytest.mark.parametrize("name", [SCHEMA, GUARDRAILS, PLAN, GOLDEN, CERTIFICATE])
def test_a_broken_document_is_refused_in_words(
    tactic: Exported, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """The trial in another process, which takes a fifth of a second, is left out: the same checks run here."""
    monkeypatch.setattr(loading, "try_graph", lambda _: None)
    rng = np.random.default_rng(0)
    document = json.loads(tactic.files[name])
    ways = places(document)
    tried = [ways[i] for i in rng.choice(len(ways), size=min(60, len(ways)), replace=False)]
    for number, way in enumerate(tried):
        broken = copy.deepcopy(document)
        inner = broken
        for key in way[:-1]:
            inner = inner[key]
        if number % 5 == 4:
            del inner[way[-1]]
        else:
            inner[way[-1]] = STRANGE[int(rng.integers(len(STRANGE)))]
        path = saved(resealed(tactic.files, **{name: spelt(broken)}), tmp_path, f"{number}.xbopt")
        with contextlib.suppress(BundleError):
            Allocator.load(path)
        path.unlink()


@pytest.mark.parametrize("name", [SCHEMA, GUARDRAILS, PLAN, GOLDEN, CERTIFICATE])
@pytest.mark.parametrize("data", [b"", b"[" * 100_000, b'{"a":' * 100_000, b"\xff\xfe", b"1" * 5000, b"nul"])
def test_what_is_no_document_is_refused_in_words(tactic: Exported, tmp_path: Path, name: str, data: bytes) -> None:
    with pytest.raises(BundleError):
        load_bundle(saved(resealed(tactic.files, **{name: data}), tmp_path))
