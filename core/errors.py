"""Every error that xbopt raises on purpose, and the exit code that the command line gives it.

XboptError                      1  internal error
├── UsageError                  2  a call or option that makes no sense
│   ├── RequestError            2  a request to the service that makes no sense
│   └── UnreadFileError         2  a file of a shop or platform that cannot be read as it was asked
├── ScenarioError               2  a scenario that cannot be used; carries every problem found, with its place
├── DecisionError               2  a decision of the wrong shape, or with values that are no numbers
├── DecisionLogError            2  a decision log that cannot be read or written
├── PanelError                  2  a panel of media and orders that cannot be read, or is not about the scenario
├── TableError                  2  a dated table (taxes, duties, events) that is broken or lacks a date
├── PolicyError                 2  an unknown policy, or one that does not fit the scenario
│   └── PlanTableError          2  a plan's file that cannot be used; carries every problem found, with its place
├── SupportError                3  the log cannot answer the question
│   └── RefusedFileError        3  a file of a shop or platform that lacks what is asked of it
├── CalibrationError            3  a seller's data cannot answer what is asked of them
├── ExplorationCostError        3  exploration costs more than was allowed
├── BudgetError                 4  constraints that no plan can meet
│   └── InfeasiblePlanError     4  names the limits in conflict and the cheapest way out
├── BundleError                 5  a tampered or incompatible bundle
├── StoreError                  2  the decision store is down, full, locked or too slow
│   ├── RefusedEntryError       2  an entry that the store will never take
│   ├── ChangedStoreError       2  the file of a store was written to while it was read
│   └── UncertainStoreError     2  nobody knows whether the entries reached the store
├── TamperedStoreError          5  the chain of a decision store is broken
├── SolverError                 1  the solver did not converge, so there is no plan
├── RegressionError             1  a regression did not converge: nothing is known about its coefficients
├── CampaignRecordError         5  what stands of a campaign in the store cannot be read, or contradicts itself
├── CampaignError               2  what is asked of a campaign does not fit where it stands
│   └── CampaignConflictError   2  somebody else did something with the campaign meanwhile
├── OverspendError              4  money that a campaign does not have
├── LostWorkerError             2  workers died over one part again and again, or a cluster could not do it
└── ProblemError                2  a request that the service answers with a problem document
"""

from dataclasses import dataclass
from typing import ClassVar


class XboptError(Exception):
    """The root of all errors that xbopt raises on purpose."""

    exit_code: ClassVar[int] = 1

    def __reduce__(self) -> tuple[object, ...]:
        """As it is, whatever its class wants to be made of: errors travel from workers to whoever asked."""
        return _made_again, (type(self), self.args, vars(self))


def _made_again(kind: type[XboptError], arguments: tuple[object, ...], attributes: dict[str, object]) -> XboptError:
    error = kind.__new__(kind, *arguments)
    vars(error).update(attributes)
    return error


class UsageError(XboptError):
    """Raised when a call or an option makes no sense."""

    exit_code = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing that is wrong in a document.

    Attributes:
        message: What is wrong and how to mend it, in one sentence.
        path: Where in the document, as in ``market.regions[0].country``; empty for the whole document.
        file: The file's name as the user gave it; empty for text that came from no file.
        line: Line in the file, from 1; 0 where unknown.
        column: Column in the line, from 1; 0 where unknown.
    """

    message: str
    path: str = ""
    file: str = ""
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        """``file:line:column: path: message``, leaving out what is unknown."""
        place = ":".join([self.file or "<scenario>", *(str(n) for n in (self.line, self.column) if n)])
        return ": ".join(part for part in (place, self.path, self.message) if part)


class ScenarioError(XboptError):
    """Raised when a scenario cannot be used. ``problems`` holds every problem found, in file order."""

    exit_code = 2

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = problems
        super().__init__("\n".join(str(problem) for problem in problems))


class DecisionError(XboptError):
    """Raised when a decision has the wrong shape, or values that are no numbers."""

    exit_code = 2


class DecisionLogError(XboptError):
    """Raised when a decision log cannot be read or written."""

    exit_code = 2


class PanelError(XboptError):
    """Raised when a panel of media and orders cannot be read, or is not about the scenario; the message says where."""

    exit_code = 2


class TableError(XboptError):
    """Raised when a dated table is broken, or has no row for the place and day asked for."""

    exit_code = 2


class PolicyError(XboptError):
    """Raised when a policy is unknown, or does not fit the scenario."""

    exit_code = 2


class SupportError(XboptError):
    """Raised when a log cannot answer the question that is asked of it."""

    exit_code = 3


class CalibrationError(XboptError):
    """Raised when a seller's data cannot answer what is asked of them; the message says what would."""

    exit_code = 3


class ExplorationCostError(XboptError):
    """Raised when exploration would cost more than was allowed."""

    exit_code = 3


class BudgetError(XboptError):
    """Raised when no plan can meet the constraints; may name those in conflict and, in words, the cheapest way out."""

    exit_code = 4
    conflict: tuple[str, ...] = ()
    cheapest_relaxation: str = ""


class BundleError(XboptError):
    """Raised when a bundle was tampered with, or is of an incompatible version."""

    exit_code = 5


class CampaignRecordError(XboptError):
    """Raised when what stands of a campaign in the decision store cannot be read, or contradicts itself."""

    exit_code = 5


class CampaignError(XboptError):
    """Raised when what is asked of a campaign does not fit where it stands; the message says what would."""

    exit_code = 2


class CampaignConflictError(CampaignError):
    """Raised when somebody else did something with a campaign meanwhile; nothing of what was asked is stored."""


class OverspendError(XboptError):
    """Raised when more money is asked for than a campaign has left, or than a limit allows."""

    exit_code = 4
