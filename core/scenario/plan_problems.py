"""What is wrong with a plan's table: each cause once."""

from collections.abc import Sequence

from xbopt.core.documents.problems import ProblemList
from xbopt.core.errors import PolicyError, Problem


class PlanTableError(PolicyError):
    """Raised when a plan's table cannot be used. ``problems`` holds what was found, in file order."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = list(problems)
        super().__init__("\n".join(str(problem) for problem in problems))


class PlanProblems(ProblemList):
    """The problems of a plan's table: each cause once, where it stands first, with the number of places."""

    def __init__(self, file: str) -> None:
        super().__init__(file=file)
        self._places: dict[tuple[str, ...], list[Problem]] = {}

    def note(
        self, message: str, *, line: int = 0, column: int = 0, path: str = "", cell: str = "", cause: str = ""
    ) -> None:
        """Take up a problem. Those of one path and cause are one; without a cause the message is the cause.

        Args:
            message: What is wrong and how to mend it.
            line: Line of the file.
            column: Where in the line.
            path: The table's column.
            cell: A workbook's name of the cell; empty of a text file.
            cause: What this problem shares with others.
        """
        shown = f"{path}, cell {cell}" if cell else path
        problem = Problem(message=message, path=shown, file=self.file, line=line, column=column)
        self._places.setdefault((path, cause or message), []).append(problem)

    @property
    def found(self) -> bool:
        """Whether there is any."""
        return bool(self._places)

    def error(self) -> PlanTableError:
        """All of them."""
        for places in self._places.values():
            first, rest = places[0], len(places) - 1
            more = f" The same holds for {rest:,} more row{'s' * (rest > 1)}." if rest else ""
            self.add(
                Problem(
                    message=first.message + more, path=first.path, file=first.file, line=first.line, column=first.column
                )
            )
        return PlanTableError(self.in_order())
