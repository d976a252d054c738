"""Damages files in every way that exports are damaged, and imports them: a table, or a refusal that says what to do.

Each file of a folder is cut, written in other encodings, joined with another, split at other separators, and has cells
exchanged. A traceback, a refusal without words, or rows that are not accounted for are failures.

    python -m benchmarks.bench_fuzz_imports [../shared/data/platform_samples] [--tiny] [--seed 0] [--cases 40]
"""

import os
import sys
import tempfile
import traceback
from collections import Counter
from collections.abc import Callable
from datetime import date
from pathlib import Path

import numpy as np

from benchmarks.bars import Bar, left_out, told, words_of
from xbopt.core.errors import XboptError
from xbopt.core.randomness import named_generator
from xbopt.imports.engine.run import import_files

BARS = (Bar(name="tracebacks, wordless refusals and lost rows", most=0.0), Bar(name="damaged files"))
SAMPLES = Path(os.environ.get("XBOPT_DATA", "../shared/data"), "platform_samples")
ENCODINGS = ("utf-8-sig", "utf-16", "utf-16-be", "utf-16-le", "cp1252", "gbk", "cp932", "utf-7", "utf-32")
Damage = Callable[[bytes, bytes, np.random.Generator], bytes]


def cut(content: bytes, _other: bytes, draw: np.random.Generator) -> bytes:
    return content[: int(draw.integers(0, len(content) + 1))]


def without_start(content: bytes, _other: bytes, draw: np.random.Generator) -> bytes:
    return content[int(draw.integers(0, len(content) + 1)) :]


def re_encoded(content: bytes, _other: bytes, draw: np.random.Generator) -> bytes:
    text = content.decode("utf-8", errors="replace")
    return text.encode(str(draw.choice(ENCODINGS)), errors="replace")


def misread(content: bytes, _other: bytes, _draw: np.random.Generator) -> bytes:
    return content.decode("cp1252", errors="replace").encode("utf-8")


def joined(content: bytes, other: bytes, _draw: np.random.Generator) -> bytes:
    return content + b"\n" + other


def swapped_bytes(content: bytes, _other: bytes, draw: np.random.Generator) -> bytes:
    changed = bytearray(content)
    for _ in range(int(draw.integers(1, 6))):
        if changed:
            changed[int(draw.integers(0, len(changed)))] = int(draw.integers(0, 256))
    return bytes(changed)


def shuffled_lines(content: bytes, _other: bytes, draw: np.random.Generator) -> bytes:
    lines = content.splitlines(keepends=True)
    draw.shuffle(lines)
    return b"".join(lines)


def other_separator(content: bytes, _other: bytes, draw: np.random.Generator) -> bytes:
    return content.replace(b",", str(draw.choice([";", "\t", "|", ",,"])).encode())


def odd_cells(content: bytes, _other: bytes, draw: np.random.Generator) -> bytes:
    odd = [
        "1e999",
        "-",
        "< 10%",
        "2026-99-99",
        '"',
        "=SUM(A1)",
        "\x00",
        "NaN",
        "9" * 40,
        "#REF!",
        "1.234",
        "1,5",
        "\u202e",
    ]
    lines = content.split(b"\n")
    for _ in range(3):
        i = int(draw.integers(0, len(lines)))
        cells = lines[i].split(b",")
        cells[int(draw.integers(0, len(cells)))] = str(draw.choice(odd)).encode()
        lines[i] = b",".join(cells)
    return b"\n".join(lines)


DAMAGES: tuple[Damage, ...] = (
    cut, without_start, re_encoded, misread, joined, swapped_bytes, shuffled_lines, other_separator, odd_cells,
)  # fmt: skip


def outcome(path: Path, into: Path) -> str:
    """What the import of a damaged file comes to; a failure is told by a text in capitals."""
    try:
        result = import_files(
            [path], into=into, currency="EUR", zone="Europe/Berlin", key=path.parent / "k", today=date(2026, 11, 28)
        )
    except XboptError as error:
        text = str(error)
        return f"{type(error).__name__} {getattr(error, 'code', '')}" if len(text) > 20 else f"WORDLESS {text!r}"
    except Exception:  # noqa: BLE001 - that none escapes is what is tried
        return f"TRACEBACK {traceback.format_exc(limit=-4)}"
    lost = [each.file for each in result.files if each.rows_read != each.rows_kept + sum(each.dropped.values())]
    return "LOST ROWS" if lost else "table"


def main() -> int:
    parser = words_of(__doc__)
    parser.add_argument("folder", type=Path, nargs="?", default=SAMPLES)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--cases", type=int, default=40, help="damaged versions of each file, by each kind of damage")
    given = parser.parse_args()
    if not given.folder.is_dir():
        left_out(__file__, f"no files to damage in {given.folder}")
    files = [path for path in sorted(given.folder.iterdir()) if path.is_file() and path.suffix != ".md"]
    files = files[:: 8 if given.tiny else 1]
    contents = [path.read_bytes() for path in files]
    seen: Counter[str] = Counter()
    failures = 0
    with tempfile.TemporaryDirectory() as scratch:
        for number, (path, content) in enumerate(zip(files, contents, strict=True)):
            draw = named_generator(given.seed, f"fuzz_imports/{path.name}")
            for damage in DAMAGES:
                for case in range(1 if given.tiny else given.cases):
                    other = contents[int(draw.integers(0, len(contents)))]
                    bad = Path(scratch) / path.name
                    bad.write_bytes(damage(content, other, draw))
                    found = outcome(bad, Path(scratch) / f"{number}_{damage.__name__}_{case}")
                    seen[found.split("\n")[0] if found[:5].isupper() else found] += 1
                    if found.split(" ")[0].isupper():
                        failures += 1
                        print(f"{path.name}, {damage.__name__}, case {case}: {found}")
    for found, count in seen.most_common():
        print(f"{count:6d}  {found}")
    figures = {BARS[0].name: failures, BARS[1].name: sum(seen.values())}
    return told(__file__, BARS, figures, tiny=given.tiny)


if __name__ == "__main__":
    sys.exit(main())
