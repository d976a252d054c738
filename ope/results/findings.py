"""What an evaluation found, as values: why it refuses or warns, and what to do about it. ``words`` says it, last."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

Level = Literal["refuse", "caution", "advice", "note"]
Unit = Literal["rows", "episodes", "logged actions"]
Figure = float | str


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that was found.

    Attributes:
        code: Its kind, one of ``words.SENTENCES``.
        level: A reason to refuse, a reason for caution, advice on what to do, or a note on one value.
        unit: What weights belong to.
        action: Position of the action that it is about; None for no single one.
        unseen: Actions that were never logged, and the evaluation policy's share of each; the largest first.
        row: The row that it is about, from 0, in ``file`` or else in the arrays. Of episodes it is the episode, and
            where a file is named the row of its first decision.
        file: Name of the file within the log; empty for arrays.
        segment: Code of the segment that it is about; None for none.
        columns: Positions of the context's columns that it is about, the clearest first.
        figures: The figures of the sentence by name; a day is text, as in 2026-03-01.
        factor: Name of the factor that it is about, of decisions made of several; empty for whole decisions.
    """

    code: str
    level: Level
    unit: Unit = "rows"
    action: int | None = None
    unseen: tuple[tuple[int, float], ...] = ()
    row: int | None = None
    file: str = ""
    segment: int | None = None
    columns: tuple[int, ...] = ()
    figures: Mapping[str, Figure] = field(default_factory=dict[str, Figure])
    factor: str = ""


def note(code: str, **figures: float) -> Finding:
    """A note on one value."""
    return Finding(code=code, level="note", figures=figures)


@dataclass(slots=True)
class Findings:
    """Collects what is found about weights of one unit.

    Attributes:
        unit: What the weights belong to.
        items: What was found so far.
    """

    unit: Unit = "rows"
    items: list[Finding] = field(default_factory=list[Finding])

    @property
    def refuses(self) -> bool:
        """Whether there is a reason to refuse."""
        return refuses(self.items)

    def add(
        self,
        level: Level,
        code: str,
        *,
        action: int | None = None,
        unseen: tuple[tuple[int, float], ...] = (),
        row: int | None = None,
        segment: int | None = None,
        columns: tuple[int, ...] = (),
        **figures: Figure,
    ) -> None:
        """Take note of a finding; arguments as for ``Finding``."""
        about = Finding(code=code, level=level, unit=self.unit, action=action, unseen=unseen, row=row, segment=segment)
        self.items.append(replace(about, columns=columns, figures=figures))


def refuses(findings: Iterable[Finding]) -> bool:
    """Whether one of them is a reason to refuse."""
    return any(finding.level == "refuse" for finding in findings)
