"""What is known of the decisions in a store without reading their arrays: who decided, for which rows and cells."""

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass

from xbopt.core.errors import BundleError
from xbopt.service.bundle.schema import Schema, read_schema
from xbopt.service.store.entries import BundleEntry, DecisionEntry
from xbopt.service.store.group_commit import GroupCommit
from xbopt.service.store.interface import Place, StoreError
from xbopt.service.store.recording import decode_decision, decode_entry

_MOST_KEPT = 20_000
ROW_SIGN = "/"


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """How the arrays of a bundle's decisions are to be read.

    Attributes:
        address: Content address of the bundle.
        schema: Its schema.
        units: Cells as ``region/segment``, in order.
    """

    address: str
    schema: Schema
    units: list[str]

    @property
    def currency(self) -> str:
        """The base currency."""
        return self.schema.currency

    def other_axes(self, other: "Label") -> dict[str, list[str]] | None:
        """Names along the axes of an answer, where they differ from another bundle's."""
        axes, others = self.schema.axes, other.schema.axes
        same_menu = "K" not in axes or axes["K"] == others.get("K", axes["K"])
        if same_menu and all(axes[axis] == others[axis] for axis in "RSCH"):
            return None
        return {axis: axes[axis] for axis in "RSCHK" if axis in axes}


def label_of(address: str, schema: Schema) -> Label:
    """The label of a bundle."""
    units = [f"{region}/{segment}" for region in schema.axes["R"] for segment in schema.axes["S"]]
    return Label(address=address, schema=schema, units=units)


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What the outcomes of an entry with decisions can be about.

    Attributes:
        bundle: Content address of the bundle that decided.
        rows: Number of decisions of a batch; None for a decision that came alone.
        active: Which cells were decided, a byte each, row by row; empty for all.
    """

    bundle: str
    rows: int | None
    active: bytes

    @classmethod
    def of(cls, key: str, entry: DecisionEntry) -> "Subject":
        """The subject of an entry."""
        rows = None if entry.decision_ids == [key] else len(entry.decision_ids)
        return cls(bundle=entry.bundle, rows=rows, active=entry.inputs.get("active", b""))

    def complaint(self, decision_id: str, unit: str, label: Label) -> str:
        """Why there is no such decision in it; empty where there is."""
        key, sign, row = decision_id.partition(ROW_SIGN)
        number = int(row) if row.isdecimal() and row.isascii() and str(int(row)) == row else -1
        if self.rows is None and sign:
            return f"The decision {key!r} is no batch, so it has no {decision_id!r}."
        if self.rows is not None and not 0 <= number < self.rows:
            return f"The batch {key!r} has the decisions {key}/0 to {key}/{self.rows - 1}; there is no {decision_id!r}."
        if unit not in label.units:
            return f"There is no unit {unit!r}; known: {', '.join(label.units[:8])}."
        cell = max(number, 0) * len(label.units) + label.units.index(unit)
        if self.active and not self.active[cell]:
            return f"The decision {decision_id!r} was not asked for the unit {unit!r}, so it has no outcome there."
        return ""


class Subjects:
    """Looks up decisions and the labels of their bundles; the newest are remembered.

    Args:
        commit: The store.
    """

    def __init__(self, commit: GroupCommit) -> None:
        self._commit = commit
        self._labels: dict[str, Label] = {}
        self._known: OrderedDict[str, Subject] = OrderedDict()

    def serve(self, address: str, schema: Schema) -> Label:
        """The label of a bundle that is at hand."""
        label = self._labels.get(address)
        if label is None:
            label = self._labels[address] = label_of(address, schema)
        return label

    async def label(self, address: str) -> Label:
        """The label of a bundle that decided something in the store.

        Raises:
            StoreError: The store cannot be read, or does not hold the bundle in a form that can be read.
        """
        label = self._labels.get(address)
        if label is None:
            found = await self._commit.find("bundle", address)
            label = self._labels[address] = read_label(address, None if found is None else found.payload)
        return label

    def remember(self, key: str, subject: Subject) -> None:
        """Keep what is known of an entry."""
        self._known[key] = subject
        if len(self._known) > _MOST_KEPT:
            self._known.popitem(last=False)

    def knows(self, key: str) -> bool:
        """Whether an entry is known to be in the store."""
        return key in self._known

    async def of(self, keys: Iterable[str]) -> dict[str, Subject]:
        """What is known of the entries that there are; what was told instead of a decision counts.

        Raises:
            StoreError: The store cannot be read, or holds something else under a name.
        """
        wanted = dict.fromkeys(keys)
        missing = [key for key in wanted if key not in self._known]
        if missing:
            places: list[Place] = [("decision", key) for key in missing]
            found = await self._commit.find_all([*places, *(("withdrawal", key) for key in missing)])
            for key in missing:
                entry = found.get(("withdrawal", key)) or found.get(("decision", key))
                if entry is not None:
                    self.remember(key, Subject.of(key, _read(entry.payload)))
        return {key: self._known[key] for key in wanted if key in self._known}


def read_label(address: str, payload: bytes | None) -> Label:
    """The label of a bundle from its entry in the store.

    Raises:
        StoreError: There is none, or it cannot be read.
    """
    if payload is None:
        raise StoreError(f"The store does not hold the bundle {address}, so what it decided cannot be told.")
    try:
        return label_of(address, read_schema(decode_entry(payload, BundleEntry).schema))
    except BundleError as error:
        raise StoreError(f"The bundle {address} in the store cannot be read: {error}") from error


def _read(payload: bytes) -> DecisionEntry:
    try:
        return decode_decision(payload)
    except BundleError as error:
        raise StoreError(str(error)) from error
