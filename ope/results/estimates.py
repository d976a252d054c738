"""One value with its interval, and the values of an evaluation, which are withheld after a refusal."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from xbopt.core.errors import SupportError
from xbopt.ope.results.findings import Finding
from xbopt.ope.results.words import Names, sentences


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """One value with its interval.

    Attributes:
        value: The estimate.
        se: Standard error of the sampling of rows; for a biased estimator it leaves the bias out.
        low: Lower end of the interval.
        high: Upper end.
        covers: Whether the interval is made to cover the true value with the confidence asked for.
        notes: What a reader has to know about value or interval.
    """

    value: float
    se: float
    low: float
    high: float
    covers: bool = True
    notes: tuple[Finding, ...] = ()

    @property
    def note(self) -> str:
        """The notes in words; empty for none."""
        return "; ".join(sentences(self.notes, Names(), "note"))


class Estimates(Mapping[str, Estimate]):
    """Estimates by name; after a refusal there are none, and asking for one raises ``SupportError``."""

    __slots__ = ("_items", "_refusal")

    def __init__(self, items: Mapping[str, Estimate], refusal: str = "") -> None:
        self._items = {} if refusal else dict(items)
        self._refusal = refusal

    def __getitem__(self, name: str) -> Estimate:
        """The estimate of that name.

        Raises:
            SupportError: The evaluation was refused, so values are withheld.
            KeyError: There is no estimator of that name.
        """
        if self._refusal:
            raise SupportError(f"The log cannot answer: {self._refusal} Values are shown only with force=True.")
        return self._items[name]

    def __contains__(self, name: object) -> bool:
        return name in self._items

    def __iter__(self) -> Iterator[str]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)

    def __repr__(self) -> str:
        return f"Estimates(withheld: {self._refusal})" if self._refusal else f"Estimates({self._items})"
