"""Whether requests that were written for one bundle mean the same to another one."""

from msgspec import UnsetType

from xbopt.core.errors import UsageError
from xbopt.service.bundle.schema import Schema
from xbopt.service.deciding.allocator import Allocator
from xbopt.service.http.problems import ProblemError
from xbopt.service.store.entries import AdministrationEntry
from xbopt.service.store.group_commit import GroupCommit
from xbopt.service.store.recording import administration_entry, decode_entry
from xbopt.service.store.subjects import read_label

_WORDS = {
    "R": "regions", "S": "segments", "C": "channels", "H": "dayparts", "F": "features of regions",
    "G": "features of cells", "E": "features of channels", "K": "tactics",
}  # fmt: skip
_SHOWN = 6


def schema_differences(old: Schema, new: Schema, *, tactics: bool = True) -> list[str]:
    """In what requests and answers for two bundles differ, in words; empty where one can stand for the other.

    Tactics are compared where both have a menu, and factors where both have some: a direct policy may stand in for one
    that draws. With ``tactics=False`` they are not.
    """
    found: list[str] = []
    for axis, words in _WORDS.items():
        before, after = old.axes.get(axis), new.axes.get(axis)
        if axis == "K" and not (tactics and before and after):
            continue
        if before != after:
            found.append(f"{words} (axis {axis}): {_change(before or [], after or [])}")
    if tactics and "direct" not in {old.shape, new.shape}:
        if old.shape != new.shape:
            found.append(f"what is drawn and held: {_drawn(old)} before, {_drawn(new)} now")
        elif old.factors != new.factors:
            found.append(f"factors (axis A): {_change(_factors(old), _factors(new))}")
    inputs = [[(field.name, tuple(field.axes)) for field in schema.asked] for schema in (old, new)]
    if inputs[0] != inputs[1]:
        names = [[f"{name} ({', '.join(axes)})" for name, axes in one] for one in inputs]
        found.append(f"inputs: {_change(*names)}")
    if old.currency != new.currency:
        found.append(f"currency: {old.currency} before, {new.currency} now")
    return found


def check_same_requests(one: Allocator, other: Allocator, *, tactics: bool = True) -> None:
    """Requests written for one bundle have to fit the other.

    Raises:
        ProblemError: They do not.
    """
    differences = schema_differences(one.bundle.schema, other.bundle.schema, tactics=tactics)
    if differences:
        raise ProblemError(
            409, f"The bundles differ, so requests for one do not fit the other: {'; '.join(differences)}."
        )


async def check_schema(commit: GroupCommit, allocator: Allocator, *, accept: bool, actor: str = "") -> None:
    """Whether a bundle may go on where the last one of a store left off.

    Args:
        commit: The store.
        allocator: The bundle that is to decide.
        accept: Whether other axes and inputs are meant; that is then written down.
        actor: Who says so.

    Raises:
        UsageError: They differ, and nobody said that they are to.
        StoreError: The store cannot be read.
    """
    address = await _last_bundle(commit)
    if address in {"", allocator.address}:
        return
    found = await commit.find("bundle", address)
    old = read_label(address, None if found is None else found.payload)
    differences = "; ".join(schema_differences(old.schema, allocator.bundle.schema))
    if not differences:
        return
    if not accept:
        raise UsageError(
            f"The store was written by a bundle whose requests differ: {differences}. Clients that were made for it "
            "would be misread. Take another store, or say with --accept-new-schema that all clients know."
        )
    detail = f"accepted another schema: {differences}"
    await commit.append(administration_entry("start", actor=actor, bundle=allocator.address, detail=detail))


async def _last_bundle(commit: GroupCommit) -> str:
    """Content address of the bundle that decided last; empty where none did."""
    act = await commit.latest("administration")
    if act is not None:
        address = decode_entry(act.payload, AdministrationEntry).bundle
        if address:
            return address
    last = await commit.latest("bundle")
    return "" if last is None else last.key


def _drawn(schema: Schema) -> str:
    return "tactics of cells" if schema.shape == "tactic" else "levels of factors"


def _factors(schema: Schema) -> list[str]:
    """Factors with their levels, in words."""
    listed = [] if isinstance(schema.factors, UnsetType) else schema.factors
    return [f"{one.name} ({', '.join(one.labels)})" for one in listed]


def _change(before: list[str], after: list[str]) -> str:
    """The entries that stand in other places."""
    left = [name for i, name in enumerate(before) if after[i : i + 1] != [name]]
    right = [name for i, name in enumerate(after) if before[i : i + 1] != [name]]
    return f"{_short(left)} before, {_short(right)} now"


def _short(names: list[str]) -> str:
    shown = names or ["none"]
    return ", ".join(shown[:_SHOWN]) + (f" and {len(shown) - _SHOWN} more" if len(shown) > _SHOWN else "")
