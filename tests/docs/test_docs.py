"""What the documents say is so: code blocks run, commands exist, links lead somewhere."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]
BLOCK = re.compile(r"^```(?P<language>\w*)\n(?P<code>.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\[[^\]]+\]\((?P<target>[^)#\s]+)")


def blocks(language):
    return [
        (page.relative_to(ROOT), match["code"])
        for page in PAGES
        for match in BLOCK.finditer(page.read_text(encoding="utf-8"))
        if match["language"] == language
    ]


@pytest.mark.parametrize(("page", "code"), blocks("python"))
def test_python_blocks_run(page, code):
    exec(compile(code, str(page), "exec"), {"__name__": "__docs__"})  # noqa: S102 - our own documents


def commands():
    # The commands of the page on evaluation build on each other; tests/docs/test_evaluation_page.py runs them in order.
    pages = [code for page, code in blocks("console") if page.name != "evaluation.md"]
    lines = [line for code in pages for line in code.splitlines()]
    return [line.removeprefix(".venv/bin/") for line in lines if line.startswith((".venv/bin/xbopt", "xbopt"))]


@pytest.mark.parametrize("line", commands())
def test_commands_of_the_documents_run(line, tmp_path):
    words = shlex.split(line)[1:]
    # Few worlds are enough to see that a command runs.
    if "simulate" in words:
        words = [w for i, w in enumerate(words) if w != "--runs" and (i == 0 or words[i - 1] != "--runs")]
        words += ["--runs", "2"]
    words = [str(ROOT / w) if w.startswith("scenarios/") else w for w in words]
    if words[:2] == ["scenario", "validate"]:
        (tmp_path / words[2]).write_text((ROOT / "scenarios/quickstart.yaml").read_text(encoding="utf-8"))
    done = subprocess.run(
        [sys.executable, "-c", "from xbopt.cli.main import main; main()", *words],
        cwd=tmp_path, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def test_there_are_blocks_and_commands_to_test():
    assert len(blocks("python")) >= 1
    assert len(commands()) >= 5


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_to_files_that_exist(page):
    for match in LINK.finditer(page.read_text(encoding="utf-8")):
        target = match["target"]
        if not target.startswith(("http://", "https://", "mailto:")):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_the_first_two_commands_of_the_readme_set_everything_up():
    first = next(code for page, code in blocks("console") if page.name == "README.md")
    assert first.splitlines() == ["make demo", "make test"]


def test_the_cli_reference_is_what_the_commands_say(tmp_path):
    made = tmp_path / "cli.md"
    subprocess.run(
        [sys.executable, "-m", "typer", "xbopt.cli.main", "utils", "docs", "--name", "xbopt", "--output", str(made)],
        check=True, capture_output=True, cwd=ROOT,
    )  # fmt: skip
    assert made.read_text(encoding="utf-8") == (ROOT / "docs" / "cli.md").read_text(encoding="utf-8"), "run: make docs"


def test_every_decision_page_has_its_parts():
    for page in sorted((ROOT / "docs" / "decisions").glob("*.md")):
        text = page.read_text(encoding="utf-8")
        assert text.startswith(f"# {page.name[:4]}: "), page.name
        for part in ("Status:", "## Context", "## Decision", "## Consequences"):
            assert part in text, f"{page.name}: {part}"
