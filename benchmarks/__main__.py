"""Run measurements one after the other, and print one table of all their bars.

    python -m benchmarks [NAME ...] [--tiny] [--markdown FILE]

Every ``bench_*.py`` where no name is given; a name may end in ``*``. A script that fails is a line of the table and
ends nothing. Exit code 1 where a bar does not hold or a script failed.
"""

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from fnmatch import fnmatch
from pathlib import Path

from benchmarks.bars import FIGURES_VARIABLE, Line, lines_in, words_of

FOLDER = Path(__file__).parent
HEADS = ("measured", "figure", "bar", "", "command")


def scripts() -> list[str]:
    """The names of all scripts that measure something."""
    guard = 'if __name__ == "__main__":'
    return sorted(p.stem for p in FOLDER.glob("*.py") if guard in p.read_text("utf-8") and p.stem != "__main__")


def run(name: str, words: Sequence[str], figures: Path) -> list[Line]:
    """Run a script with its output shown; its lines, and one more where it failed."""
    environment = {**os.environ, FIGURES_VARIABLE: str(figures)}
    command = [sys.executable, "-m", f"benchmarks.{name}", *words]
    print(f"== python {' '.join(command[1:])}", flush=True)
    figures.write_text("", encoding="utf-8")
    with subprocess.Popen(command, env=environment, cwd=FOLDER.parent, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        last = ""
        for line in process.stderr:
            sys.stderr.write(line)
            last = line.strip() or last
    lines = lines_in(figures)
    if process.returncode and not any(line.says == "DOES NOT HOLD" for line in lines):
        missing = re.match(r"ModuleNotFoundError: No module named '(\w+)", last)
        peer = missing is not None and missing[1] not in {"benchmarks", "tests", "xbopt"}
        why = last[:80] or f"exit code {process.returncode}"
        lines.append(Line(script=name, name=why, says="left out" if peer else "FAILED"))
    return lines or [Line(script=name, name="no figure")]


def table(lines: Sequence[Line], words: Sequence[str], *, markdown: bool) -> str:
    """One line a bar, under heads."""
    rows = [
        (
            "" if line.value is None else f"{line.value:.4g}",
            f"{line.script}: {line.name}" if line.name else line.script,
            line.bar,
            line.says,
            " ".join(["python -m", f"benchmarks.{line.script}", *words]),
        )
        for line in lines
    ]
    if markdown:
        rows = [("---:", *["---"] * 4), *((*row[:4], f"`{row[4]}`") for row in rows)]
        return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in [HEADS, *rows])
    widths = [max(len(row[place]) for row in [HEADS, *rows]) for place in range(4)]
    return "\n".join(
        f"{row[0]:>{widths[0]}}  " + "  ".join(f"{row[at]:{widths[at]}}" for at in (1, 2, 3)) + f"  {row[4]}"
        for row in [HEADS, *rows]
    )


def main() -> int:
    """Run what was asked for."""
    parser = words_of(__doc__)
    parser.add_argument("names", nargs="*", help="scripts without .py; every bench_* where left out")
    parser.add_argument("--markdown", type=Path, help="write the table here too")
    asked = parser.parse_args()
    chosen = [name for name in scripts() if any(fnmatch(name, wanted) for wanted in asked.names or ["bench_*"])]
    if unknown := [wanted for wanted in asked.names if not any(fnmatch(name, wanted) for name in chosen)]:
        parser.error(f"no script is called {', '.join(unknown)}; there are {', '.join(scripts())}")
    words, lines = ["--tiny"] if asked.tiny else [], list[Line]()
    with tempfile.TemporaryDirectory() as folder:
        for name in chosen:
            lines += run(name, words, Path(folder) / "figures.jsonl")
    print(table(lines, words, markdown=False))
    if asked.markdown:
        asked.markdown.write_text(table(lines, words, markdown=True) + "\n", encoding="utf-8")
    return int(any(line.says in {"DOES NOT HOLD", "FAILED"} for line in lines))


if __name__ == "__main__":
    sys.exit(main())
