"""Every way in which a planner's scenario can be wrong gives the message that stands at the head of its file.

A file begins with one comment a problem: ``# expect: line:column: path: message``. The message may be the beginning
of what is said.
"""

import re
from pathlib import Path

import pytest

from xbopt.core.errors import ScenarioError
from xbopt.core.scenario.loading import load_scenario

FILES = sorted(Path(__file__).parent.glob("*.yaml"))
EXPECT = re.compile(r"# expect: (?P<line>\d+):(?P<column>\d+): (?P<text>.+)")


def expectations(text: str) -> list[tuple[int, int, str]]:
    """Line, column and message of every problem, from the head of a file."""
    found = []
    for line in text.splitlines():
        match = EXPECT.fullmatch(line)
        if match is None:
            break
        found.append((int(match["line"]), int(match["column"]), match["text"]))
    return found


def test_there_are_files_of_every_kind():
    kinds = {path.stem.partition("_")[0] for path in FILES}
    assert kinds == {"yaml", "strict", "check", "plan"}
    assert len(FILES) >= 45


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_the_message_names_place_path_and_remedy(path):
    wanted = expectations(path.read_text(encoding="utf-8"))
    assert wanted, "the file does not say what is expected"
    with pytest.raises(ScenarioError) as caught:
        load_scenario(path)
    problems = caught.value.problems
    assert [(p.line, p.column) for p in problems] == [(line, column) for line, column, _ in wanted]
    for problem, (_, _, text) in zip(problems, wanted, strict=True):
        said = f"{problem.path}: {problem.message}" if problem.path else problem.message
        assert said.startswith(text)
        assert problem.file == str(path)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_message_is_a_sentence(path):
    with pytest.raises(ScenarioError) as caught:
        load_scenario(path)
    for problem in caught.value.problems:
        assert problem.message.endswith((".", "?"))
        assert "pydantic" not in problem.message
        assert len(problem.message) < 400
