"""What is wrong in a document: lists that end where nobody reads on, and the word that was probably meant."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from difflib import SequenceMatcher, get_close_matches

from xbopt.core.errors import Problem

MAX_PROBLEMS = 50


@dataclass(slots=True)
class ProblemList:
    """Problems of one file; beyond the most that anybody reads they are counted.

    Attributes:
        file: The file's name as the user gave it.
        listed: The first problems.
        more: How many others there are.
    """

    file: str = ""
    listed: list[Problem] = field(default_factory=list[Problem])
    more: int = 0

    def add(self, *problems: Problem) -> None:
        """Take up problems; of several that come together those are listed that stand first in the file."""
        for problem in sorted(problems, key=_place):
            if len(self.listed) < MAX_PROBLEMS:
                self.listed.append(problem)
            else:
                self.more += 1

    def in_order(self) -> list[Problem]:
        """The problems in file order, then one that says how many more there are."""
        rest = [Problem(message=f"And {self.more:,} more.", file=self.file)] if self.more else []
        return [*sorted(self.listed, key=_place), *rest]


def _place(problem: Problem) -> tuple[int, int]:
    return problem.line, problem.column


def suggest(word: str, candidates: Iterable[str]) -> str:
    """`` Did you mean 'x'?`` with a leading blank for the closest candidate, or an empty string where none is near."""
    by_lower = {candidate.lower(): candidate for candidate in candidates}
    asked = word.lower()[:100]
    close = [each for each in get_close_matches(asked, by_lower, n=3) if _edits(asked, each) <= (len(asked) + 2) // 3]
    return f" Did you mean '{by_lower[close[0]]}'?" if close else ""


def _edits(word: str, other: str) -> int:
    """How many letters change between two words: alike in a half of its letters, a short word is another word still."""
    blocks = SequenceMatcher(None, word, other, autojunk=False).get_opcodes()
    return sum(max(i2 - i1, j2 - j1) for tag, i1, i2, j1, j2 in blocks if tag != "equal")
