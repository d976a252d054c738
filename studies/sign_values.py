"""A vital sign as a value: a figure, its published range, and where the one lies against the other."""

from dataclasses import dataclass
from math import isfinite, isnan
from typing import Literal

from xbopt.core.scenario.scenario import Scenario
from xbopt.core.tables.published_ranges import PublishedRange, published_ranges
from xbopt.studies.frames import Frame, frame_of
from xbopt.studies.labels import Unit

Verdict = Literal["inside", "outside", "not applicable"]
Hint = Literal["", "cost_above_price", "inverted_rate", "power_of_ten"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sign:
    """One vital sign of a scenario.

    Attributes:
        code: Name for machines; the ``sign_id`` of the table of ranges.
        where: What it is the sign of: a channel, a region, a cell, a product; empty for the whole market.
        figure: What the scenario implies; NaN where it has no meaning, infinite where nothing would be enough.
        low: Lower end of the published range, in the figure's unit.
        high: Upper end.
        published: The row of the table: readable name, unit, evidence mark and source.
        accepted: Why the scenario's author wants it so, in his words; empty where the file says nothing.
        hint: What is probably wrong.
    """

    code: str
    where: str
    figure: float
    low: float
    high: float
    published: PublishedRange
    accepted: str = ""
    hint: Hint = ""

    @property
    def unit(self) -> Unit:
        """What the figure is."""
        return self.published.unit

    @property
    def verdict(self) -> Verdict:
        """Where the figure lies."""
        if isnan(self.figure):
            return "not applicable"
        return "inside" if self.low <= self.figure <= self.high else "outside"

    @property
    def is_warning(self) -> bool:
        """Whether it lies outside, and the file does not say why."""
        return self.verdict == "outside" and not self.accepted


@dataclass(frozen=True, slots=True, kw_only=True)
class VitalSigns:
    """The vital signs of a scenario.

    Attributes:
        scenario: The scenario.
        signs: All signs, in the order of the table of ranges.
    """

    scenario: Scenario
    signs: tuple[Sign, ...]

    @property
    def warnings(self) -> tuple[Sign, ...]:
        """Signs outside their published range for which the file gives no reason."""
        return tuple(sign for sign in self.signs if sign.is_warning)

    @property
    def states_uncertainty(self) -> bool:
        """Whether the scenario says that it is unsure of anything."""
        return all(sign.verdict != "outside" for sign in self.signs if sign.code == "uncertainty")

    def to_frame(self) -> Frame:
        """One row a sign, an Arrow table: ``sign_rows`` says which columns."""
        return frame_of(sign_rows(self.signs))


def sign_rows(signs: tuple[Sign, ...]) -> list[dict[str, object]]:
    """Plain rows: code, where, figure, ends of the range, unit, verdict, reason, hint, evidence and source.

    None stands for a figure without meaning, or without end, and for an open end of a range.
    """
    return [
        {
            "sign": sign.code,
            "name": sign.published.name,
            "where": sign.where,
            "figure": _known(sign.figure),
            "low": _known(sign.low),
            "high": _known(sign.high),
            "unit": sign.unit,
            "verdict": sign.verdict,
            "accepted": sign.accepted,
            "hint": sign.hint,
            "evidence": sign.published.evidence,
            "source": sign.published.source,
        }
        for sign in signs
    ]


def sign_of(
    scenario: Scenario, code: str, figure: float, where: str = "", *, scale: float = 1.0, hint: Hint = ""
) -> Sign:
    """A sign with its row of the table, whose range is multiplied by ``scale``."""
    row = published_ranges()[code]
    return Sign(
        code=code,
        where=where,
        figure=float(figure),
        low=row.low * scale,
        high=row.high * scale,
        published=row,
        accepted=scenario.document.vital_signs.accepted.get(code, ""),
        hint=hint,
    )


def _known(number: float) -> float | None:
    return number if isfinite(number) else None
