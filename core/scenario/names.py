"""The names that parts of a scenario give each other, and the sentences for names that do not exist."""

from collections.abc import Collection, Iterator, Mapping, Sequence

from xbopt.core.documents.document import Path
from xbopt.core.documents.problems import suggest
from xbopt.core.scenario.document import ScenarioDocument

Finding = tuple[Path, str]
_SHOWN = 40


class Names:
    """The names that other parts of the document may use."""

    def __init__(self, document: ScenarioDocument) -> None:
        self.regions = [region.id for region in document.market.regions]
        self.segments = [segment.id for segment in document.segments]
        self.products = [product.id for product in document.products]
        self.channels = [channel.id for channel in document.channels]
        self.dayparts = [part.id for part in document.calendar.dayparts]


def unknown(what: str, name: str, known: Collection[str]) -> str:
    """The sentence for a name that does not exist."""
    shown = ", ".join(list(known)[:_SHOWN]) + (", and more" if len(known) > _SHOWN else "")
    return f"There is no {what} {name!r}.{suggest(name, known)} Known: {shown}."


def named(path: Path, what: str, names: Sequence[str], known: Collection[str]) -> Iterator[Finding]:
    """Names of a list that do not exist, each at its own place."""
    for i, name in enumerate(names):
        if name not in known:
            yield (*path, i), unknown(what, name, known)


def keys(path: Path, what: str, mapping: Mapping[str, object], known: Collection[str]) -> Iterator[Finding]:
    """Keys of a mapping that do not exist, each at its own place."""
    for name in mapping:
        if name not in known:
            yield (*path, name), unknown(what, name, known)


def weights(path: Path, mapping: Mapping[str, float]) -> Iterator[Finding]:
    """Weights that are all zero, so that they cannot be normalised."""
    if mapping and sum(mapping.values()) <= 0.0:
        yield path, "At least one weight must be above 0."
