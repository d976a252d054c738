"""What the documents say is so: code blocks run, commands exist, links lead somewhere."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.command_line import call

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]
BLOCK = re.compile(r"^```(?P<language>\w*)\n(?P<code>.*?)^```$", re.MULTILINE | re.DOTALL)
# Pages with a test of their own, which looks at what the commands say as well.
OWN_TESTS = ("evaluation.md", "planning.md")
LINK = re.compile(r"\[[^\]]+\]\((?P<target>[^)#\s]+)")


def blocks(language: str) -> list[tuple[Path, str]]:
    return [
        (page.relative_to(ROOT), match["code"])
        for page in PAGES
        for match in BLOCK.finditer(page.read_text(encoding="utf-8"))
        if match["language"] == language
    ]


@pytest.mark.parametrize(("page", "code"), blocks("python"))
def test_python_blocks_run(page: Path, code: str) -> None:
    exec(compile(code, str(page), "exec"), {"__name__": "__docs__"})  # noqa: S102 - our own documents


def commands() -> dict[str, list[str]]:
    """The commands of each page, in order: later ones may read what earlier ones wrote."""
    pages: dict[str, list[str]] = {}
    for page, code in blocks("console"):
        lines = [line.removeprefix(".venv/bin/") for line in code.splitlines()]
        pages.setdefault(str(page), []).extend(line for line in lines if line.startswith("xbopt"))
    return {page: lines for page, lines in pages.items() if lines and not page.endswith(OWN_TESTS)}


# Options in the place of those that say how much work to do: enough to show that a command runs.
LITTLE_WORK = {
    "--runs": ["--runs", "2"],
    "--oracle-worlds": ["--oracle-worlds", "1"],
    "--time-limit": ["--steps", "64"],
    "--steps": ["--steps", "64"],
    "--seeds": ["--seeds", "2"],
    "--target": ["--target", "contribution_margin=2000"],
}
SHORT = ["--set", "plan.discounts=[]", "--set", "horizon.days=2", "--set", "horizon.after.days=7"]
FEW_CHOICES = {
    "simulate": ["--runs", "2", *SHORT],
    "plan": ["--runs", "2", *SHORT],
    "what-if": SHORT,
    "compare": SHORT,
    "train": [
        *SHORT,
        "--plan",
        "greedy_roas",
        "--option",
        "worlds=8",
        "--option",
        "validation_worlds=4",
        "--option",
        "width=4",
        "--option",
        "test_worlds=2",
        "--option",
        "branch_worlds=4",
    ],
}


def shortened(line: str) -> list[str]:
    """The words of a command, with as little work as shows that it runs; a log keeps its rows, which are read later."""
    command, *words = shlex.split(line)[1:]
    kept = [] if "--log" in words else list(FEW_CHOICES.get(command, []))
    while words:
        word = words.pop(0)
        if word in LITTLE_WORK and "--log" not in line:
            words.pop(0)
            kept += LITTLE_WORK[word]
        else:
            kept.append(str(ROOT / word) if word.startswith(("scenarios/", "examples/")) else word)
    return [command, *kept]


@pytest.mark.parametrize("page", commands())
def test_commands_of_the_documents_run(page: str, tmp_path: Path) -> None:
    for line in commands()[page]:
        answer = call(*shortened(line), folder=tmp_path)
        assert answer.code == 0, f"{line}\n{answer.err}"


def test_there_are_blocks_and_commands_to_test() -> None:
    assert len(blocks("python")) >= 1
    assert sum(len(lines) for lines in commands().values()) >= 10


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_to_files_that_exist(page: Path) -> None:
    for match in LINK.finditer(page.read_text(encoding="utf-8")):
        target = match["target"]
        if not target.startswith(("http://", "https://", "mailto:")):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_the_first_two_commands_of_the_readme_set_everything_up() -> None:
    first = next(code for page, code in blocks("console") if page.name == "README.md")
    assert first.splitlines() == ["make demo", "make test"]


def test_the_cli_reference_is_what_the_commands_say(tmp_path: Path) -> None:
    made = tmp_path / "cli.md"
    subprocess.run(
        [sys.executable, "-m", "typer", "xbopt.cli.main", "utils", "docs", "--name", "xbopt", "--output", str(made)],
        check=True, capture_output=True, cwd=ROOT,
    )  # fmt: skip
    assert made.read_text(encoding="utf-8") == (ROOT / "docs" / "cli.md").read_text(encoding="utf-8"), "run: make docs"


def test_every_decision_page_has_its_parts() -> None:
    for page in sorted((ROOT / "docs" / "decisions").glob("[0-9]*.md")):
        text = page.read_text(encoding="utf-8")
        assert text.startswith(f"# {page.name[:4]}: "), page.name
        for part in ("Status:", "## Context", "## Decision", "## Consequences"):
            assert part in text, f"{page.name}: {part}"


def test_numbers_without_a_decision_page_are_explained():
    folder = ROOT / "docs" / "decisions"
    numbers = sorted(int(page.name[:4]) for page in folder.glob("[0-9]*.md"))
    assert len(numbers) == len(set(numbers))
    explained = (folder / "README.md").read_text(encoding="utf-8")
    missing = set(range(1, numbers[-1] + 1)) - set(numbers)
    assert [number for number in sorted(missing) if f"{number:04d}" not in explained] == []


def test_the_python_reference_is_what_the_docstrings_say():
    made = subprocess.run([sys.executable, "docs/write_api.py"], check=True, capture_output=True, text=True, cwd=ROOT)
    assert made.stdout == (ROOT / "docs" / "api.md").read_text(encoding="utf-8"), "run: make docs"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_pages_import_public_names_only(page):
    if page.parent.name == "decisions":
        return
    deep = re.findall(r"^\s*(?:from|import) (xbopt(?:\.\w+){2,})", page.read_text(encoding="utf-8"), re.MULTILINE)
    assert deep == []


def _walks() -> list[tuple[str, str]]:
    """Title and text of each walk of the architecture page."""
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    paragraphs = page.partition("## Six walks")[2].split("\n\n")
    return [(match[1], text) for text in paragraphs if (match := re.match(r"\*\*(.+?)\.\*\*", text))]


def test_there_are_six_walks() -> None:
    assert len(_walks()) == 6


@pytest.mark.parametrize(("title", "text"), _walks())
def test_the_files_and_names_of_a_walk_exist(title: str, text: str) -> None:
    """What a newcomer is sent to is there, and the names that he is told stand in one of these files."""
    spans = re.findall(r"`([^`]+)`", text)
    files = [ROOT / span for span in spans if "/" in span and span != "/openapi.json"]
    assert files, title
    assert [str(file) for file in files if not file.is_file()] == []
    sources = "".join(file.read_text(encoding="utf-8") for file in files)
    names = [span for span in spans if re.fullmatch(r"[A-Z_]{4,}|request_inputs|Column", span)]
    assert [name for name in names if name not in sources] == []


@pytest.mark.parametrize("page", ["docs/architecture.md", "CONTRIBUTING.md", "README.md"])
def test_files_that_the_pages_name_exist(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    spans = re.findall(r"`((?:[a-z_]+/)+[a-z_]+\.(?:py|pyi|md|toml|yaml))`", text)
    assert [span for span in spans if not (ROOT / span).exists()] == []


def test_security_names_tests_that_exist() -> None:
    """Each answer to a threat is shown by a test, or by a file of tests."""
    page = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
    files = {path.name: path.read_text(encoding="utf-8") for path in (ROOT / "tests" / "service").rglob("test_*.py")}
    named = re.findall(r"`(test_\w+(?:\.py)?)`", page)
    assert len(named) > 40
    for name in named:
        assert name in files or any(f"def {name}(" in text for text in files.values()), name
