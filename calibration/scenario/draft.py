"""A scenario document in the making: plain data, and where each number comes from."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import cast

from xbopt.core.defaults.ledger import figures
from xbopt.core.documents.document import Document, Path, put_value
from xbopt.core.scenario.build import build_scenario
from xbopt.core.scenario.document import ScenarioDocument
from xbopt.core.scenario.fields import Evidence
from xbopt.core.scenario.loading import check_document
from xbopt.core.scenario.provenance import numeric_paths, provenance_of, uncovered
from xbopt.core.scenario.scenario import Scenario

Plain = dict[str, object]
_DIGITS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Where numbers come from, as a provenance entry says it."""

    evidence: Evidence
    source: str
    note: str = ""

    def entry(self, path: str) -> Plain:
        """The entry for a path or pattern."""
        plain: Plain = {"path": path, "evidence": self.evidence, "source": self.source}
        return {**plain, "note": self.note} if self.note else plain


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A number that the data gave and a scenario cannot hold, and the one taken in its place."""

    found: float
    taken: float


@dataclass(slots=True)
class Draft:
    """Plain data of a scenario, and the source of each path or pattern.

    Attributes:
        data: The document without its ``provenance``.
        taken_over: Entries of the market that it was started from, which speak where no source of ours does.
        sources: Our own, by path; items of lists by their ids.
        unsourced: What to say of a number that nobody speaks for.
        usual_mix: Weights of its channels in the plan of the market started from.
        held: Numbers that were bounded or replaced, by path.
    """

    data: Plain
    taken_over: tuple[Plain, ...] = ()
    sources: dict[str, Source] = field(default_factory=dict[str, Source])
    unsourced: Source = Source(evidence="E", source="Assumption")
    usual_mix: dict[str, float] = field(default_factory=dict[str, float])
    held: dict[str, Held] = field(default_factory=dict[str, Held])

    def put(self, path: Path, value: object, source: Source, *, pattern: str = "") -> None:
        """Set a value, and say where it comes from.

        Args:
            path: Where it stands.
            value: A number, or plain data.
            source: Where the numbers in it come from.
            pattern: Path or pattern of the entry; the path, and all below it if the value holds more, where empty.
        """
        self.data = cast("Plain", put_value(self.data, path, value))
        below = ".**" if isinstance(value, dict | list) else ""
        self.sources[pattern or self.address(path) + below] = source

    def put_within(
        self, path: Path, value: float, bounds: tuple[float, float], source: Source, *, digits: int = _DIGITS
    ) -> None:
        """Set a number, at the nearer of two bounds where it lies beyond them: that is held, and no measurement."""
        found = rounded(value, digits)
        taken = min(max(found, bounds[0]), bounds[1])
        self.put(path, taken, source)
        self.hold(path, found, taken)

    def hold(self, path: Path, found: float, taken: float) -> None:
        """Remember that another number was taken than the data gave; nothing where both are the same."""
        address = self.address(path)
        self.held.pop(address, None)
        if found == taken:
            return
        self.held[address] = Held(found=found, taken=taken)
        if (known := self.sources.get(address)) is not None:
            note = f"{known.note}. " if known.note else ""
            mark: Evidence = "E" if known.evidence == "M" else known.evidence
            said = f"{note}{found:g} was found, and {taken:g} is taken: the nearest that a scenario holds"
            self.sources[address] = replace(known, evidence=mark, note=said)

    def address(self, path: Path) -> str:
        """A path as provenance gives it: items of lists by their ids."""
        steps: list[str] = []
        value: object = self.data
        for step in path:
            if isinstance(value, list) and isinstance(step, int):
                value = cast("list[object]", value)[step]
                known = cast("Plain", value).get("id") if isinstance(value, dict) else None
                steps.append(str(step if known is None else known))
            else:
                value = cast("Plain", value).get(str(step)) if isinstance(value, dict) else None
                steps.append(str(step))
        return ".".join(steps)

    def document(self) -> Document:
        """The document with an entry for every number that it states.

        Raises:
            ScenarioError: The data are no scenario.
        """
        # Of entries that say as much about a path the last one counts, and that has to be ours.
        own = [source.entry(path) for path, source in self.sources.items()]
        entries = [*self.taken_over, *own]
        entries += self._outspoken(self._checked(entries))
        model = self._checked(entries)
        missing = [self.unsourced.entry(path) for path in uncovered(model)]
        used = _heard(model, entries)
        return Document(data={**self.data, "provenance": [*used, *missing]}, file="calibrated scenario")

    def _checked(self, entries: list[Plain]) -> ScenarioDocument:
        return check_document(Document(data={**self.data, "provenance": entries}, file="calibrated scenario"))

    def _outspoken(self, model: ScenarioDocument) -> Iterator[Plain]:
        """Entries by full path where a pattern of the market started from would speak louder than ours for a part."""
        wide = {path.removesuffix("**"): source for path, source in self.sources.items() if path.endswith(".**")}
        for path in numeric_paths(model):
            ours = next((source for start, source in wide.items() if path.startswith(start)), None)
            if ours is None or path in self.sources:
                continue
            heard = provenance_of(model, path)
            if heard is not None and any(entry["path"] == heard.path for entry in self.taken_over):
                yield ours.entry(path)


def finished(draft: Draft, past: Sequence[Plain]) -> tuple[Document, Scenario]:
    """The document with its rows of ``history.before``, and the scenario that it describes, without joint draws.

    Raises:
        ScenarioError: The data are no scenario.
    """
    document = draft.document()
    if past:
        data = cast("Plain", document.data)
        history = {**cast("Plain", data.get("history", {})), "before": {"rows": list(past)}}
        document = replace(document, data={**data, "history": history})
    return document, build_scenario(check_document(document), None)


def _heard(model: ScenarioDocument, entries: list[Plain]) -> list[Plain]:
    """Entries that speak for some number; one that others have replaced everywhere would only mislead."""
    heard = {id(provenance_of(model, path)) for path in numeric_paths(model)}
    return [plain for plain, entry in zip(entries, model.provenance, strict=True) if id(entry) in heard]


def rounded(value: float, digits: int = _DIGITS) -> float:
    """A number to so many significant digits: more would feign a precision that no count has."""
    return figures(float(value), digits)


def shares(values: Mapping[str, float], digits: int = _DIGITS) -> dict[str, float]:
    """Weights as shares that sum to 1 exactly at so many decimals: the largest takes what rounding leaves."""
    total = sum(values.values())
    if total <= 0.0:
        return {name: round(1.0 / len(values), digits) for name in values}
    parts = {name: round(value / total, digits) for name, value in values.items()}
    largest = max(parts, key=lambda name: parts[name])
    parts[largest] = round(parts[largest] + 1.0 - sum(parts.values()), digits)
    return parts


def scaled_money(value: object, factor: float, *, name: str = "") -> object:
    """Plain data with its base-currency money times a factor: what is named ``*_base``, and all below such a name.

    ``reference_per_1000``, spend at which a price holds, is money too.
    """
    is_money = name.endswith("_base") or name == "reference_per_1000"
    if isinstance(value, bool):
        return value
    if isinstance(value, int | float):
        return rounded(value * factor) if is_money else value
    if isinstance(value, dict):
        items = cast("Mapping[str, object]", value).items()
        return {key: scaled_money(item, factor, name=name if is_money else key) for key, item in items}
    if isinstance(value, list):
        return [scaled_money(item, factor, name=name) for item in cast("Sequence[object]", value)]
    return value


def items(value: object) -> Iterator[tuple[int, Plain]]:
    """The mappings of a plain list, with their place."""
    yield from enumerate(cast("list[Plain]", value))
