"""Decisions in dsjson, the log format of VowpalWabbit's decision service and of Azure Personalizer.

A line is one event. ``a`` lists the actions in the order shown, ``p`` their probabilities in that order, ``c`` the
context (``_multi`` has one object an action), ``_label_cost`` is minus the reward, ``_label_probability`` the
probability of the action that was taken, ``pdrop`` the probability with which such an event was thrown away. In a
conditional bandit (ccb) every slot of an event has its own actions, probabilities and cost.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import cast

from xbopt.ope.logs.json_values import JsonObject, Value, flattened, list_of, number_of, object_of

PROBABILITY, OFFERED, CONTEXT, KEPT, SLOT, EVENT = "p.", "offered.", "c.", "kept", "slot", "event"
ROLES: Mapping[str, str] = {
    "action": "action",
    "reward": "reward",
    "action_probabilities": f"{PROBABILITY}*",
    "allowed": f"{OFFERED}*",
    "context": f"{CONTEXT}*",
    "decision_id": "EventId",
    "timestamp": "Timestamp",
    "sampling_probability": KEPT,
    "segment": SLOT,
    "cluster": EVENT,
}
"""Column, or pattern of columns, of each role; those that no line has are left out."""
_ROUNDED = 1e-3  # how far probabilities written with a few digits may be from summing to 1
_SAME = 1e-4  # how far the label's probability, a float32, may be from that of the list, as a share


def is_dsjson(line: JsonObject) -> bool:
    """Whether a line is an event of dsjson."""
    return "_label_cost" in line or "_outcomes" in line or {"a", "c", "p"} <= line.keys()


@dataclass(slots=True)
class LeftOut:
    """Events that are no decision to learn from.

    Attributes:
        skipped: Events marked ``_skipLearn``.
        without_label: Lines without a cost, such as a reward that came without its decision.
    """

    skipped: int = 0
    without_label: int = 0

    def notes(self) -> tuple[str, ...]:
        """What was left out, in sentences."""
        words = (
            (self.skipped, "events marked _skipLearn were left out: the logged policy did not decide them."),
            (self.without_label, "lines without a cost were left out: they hold no decision with its reward."),
        )
        return tuple(f"{count:,} {what} Rows are counted without them." for count, what in words if count)


@dataclass(frozen=True, slots=True)
class Naming:
    """What actions are called: the names in their objects where every event has them, else their positions.

    Attributes:
        by_name: Whether the objects of ``_multi`` name the actions (``_tag``, or ``id`` in the object or a namespace).
    """

    by_name: bool

    def of(self, objects: Sequence[object], actions: Sequence[int], *, base: int) -> list[str]:
        """Names of actions by their positions from 0; a position is told as the log counts, from ``base``."""
        if self.by_name:
            return [str(name_of(objects[action])) for action in actions]
        return [str(action + base) for action in actions]


def name_of(action: object) -> str | None:
    """The name in an action's object; None without one."""
    if not isinstance(action, dict):
        return None
    known = cast("JsonObject", action)
    holders = [known, *(cast("JsonObject", part) for part in known.values() if isinstance(part, dict))]
    for name in (holder.get(key) for holder in holders for key in ("_tag", "id")):
        if isinstance(name, str | int) and not isinstance(name, bool) and str(name):
            return str(name)
    return None


def has_names(line: JsonObject) -> bool:
    """Whether every action of an event has a name of its own."""
    try:
        names = [name_of(one) for one in _objects(line)]
    except TypeError:
        return False  # an event that is broken has its say, with its line, when its rows are read
    return bool(names) and None not in names and len(set(names)) == len(names)


def rows_of(line: JsonObject, naming: Naming, left_out: LeftOut) -> Iterator[dict[str, Value]]:
    """The decisions of an event: one, or one a slot.

    Raises:
        ValueError: The event contradicts itself; the message says how.
    """
    if line.get("_skipLearn") is True:
        left_out.skipped += 1
        return
    if "_outcomes" in line:
        yield from _slots(line, naming, left_out)
        return
    if line.get("_label_cost") is None:
        left_out.without_label += 1
        return
    actions = _whole(line, "a")
    base = 0 if 0 in actions else 1
    places = [action - base for action in actions]
    chosen = _chosen(line, places)
    choice = _Choice(
        places=places, chosen=chosen, chances=_chances(line.get("p"), len(places), "p"), objects=_objects(line), base=1
    )
    stated = line.get("_label_probability")
    there = choice.chances[places.index(chosen)]
    if stated is not None and not abs(number_of(stated, "_label_probability") - there) <= _SAME * max(there, _SAME):
        raise ValueError(f"_label_probability is {stated}, but p says {there:g} for the action that was taken")
    yield _shared(line) | choice.columns(naming) | {"reward": 0.0 - number_of(line["_label_cost"], "_label_cost")}


def _slots(line: JsonObject, naming: Naming, left_out: LeftOut) -> Iterator[dict[str, Value]]:
    outcomes = [object_of(one, "an outcome") for one in list_of(line["_outcomes"], "_outcomes")]
    slots = list_of(object_of(line.get("c"), "c").get("_slots"), "c._slots")
    if "_label_cost" in line and not any("_label_cost" in one for one in outcomes):
        raise ValueError(
            "one cost stands for all slots together, so no slot is a decision of its own; evaluate such slates in "
            "Python with xbopt.ope.evaluate_factors"
        )
    event = str(line.get("EventId") or (outcomes[0].get("_id") if outcomes else None) or "")
    for place, outcome in enumerate(outcomes):
        if outcome.get("_label_cost") is None:
            left_out.without_label += 1
            continue
        actions = _whole(outcome, "_a")
        chances = _chances(outcome.get("_p"), len(actions), "_p")
        choice = _Choice(places=actions, chosen=actions[0], chances=chances, objects=_objects(line), base=0)
        row = (
            _shared(line) | choice.columns(naming) | {"reward": 0.0 - number_of(outcome["_label_cost"], "_label_cost")}
        )
        row |= {SLOT: str(place + 1), EVENT: event}
        if isinstance(outcome.get("_id"), str):
            row["EventId"] = cast("str", outcome["_id"])
        if place < len(slots):
            row |= _context(object_of(slots[place], "a slot"), f"{CONTEXT}{SLOT}.")
        yield row


@dataclass(frozen=True, slots=True, kw_only=True)
class _Choice:
    """One choice: actions by their positions from 0, the one taken, and the chance of each."""

    places: list[int]
    chosen: int
    chances: list[float]
    objects: Sequence[object] = field(repr=False)
    base: int

    def columns(self, naming: Naming) -> dict[str, Value]:
        if self.objects and max(self.places) >= len(self.objects):
            raise ValueError(f"action {max(self.places) + self.base} is not among the {len(self.objects)} of c._multi")
        names = naming.of(self.objects, self.places, base=self.base)
        taken = names[self.places.index(self.chosen)]
        row: dict[str, Value] = {"action": taken}
        row |= {f"{OFFERED}{name}": True for name in names}
        return row | {f"{PROBABILITY}{name}": p for name, p in zip(names, self.chances, strict=True)}


def _shared(line: JsonObject) -> dict[str, Value]:
    """What an event says beside the choice: id, moment, whether it was kept, and the shared context."""
    row: dict[str, Value] = {}
    if isinstance(line.get("EventId"), str):
        row["EventId"] = cast("str", line["EventId"])
    moment = line.get("Timestamp")
    if isinstance(moment, str):
        row["Timestamp"] = _microseconds(moment)
    dropped = line.get("pdrop")
    if dropped is not None:
        chance = number_of(dropped, "pdrop")
        if not 0.0 <= chance < 1.0:
            raise ValueError(f"pdrop is {chance:g}; a probability from 0 to below 1 is wanted")
        row[KEPT] = 1.0 - chance
    return row | _context(object_of(line.get("c"), "c"), CONTEXT)


def _context(features: JsonObject, prefix: str) -> dict[str, Value]:
    known = {key: value for key, value in features.items() if not key.startswith("_")}
    return {f"{prefix}{name}": value for name, value in flattened(known).items()}


def _microseconds(moment: str) -> str:
    """A moment with at most six digits behind the point of its seconds; Personalizer writes seven."""
    head, point, tail = moment.partition(".")
    digits = len(tail) - len(tail.lstrip("0123456789"))
    return f"{head}.{tail[: min(digits, 6)]}{tail[digits:]}" if point else moment


def _objects(line: JsonObject) -> list[object]:
    return list_of(object_of(line.get("c"), "c").get("_multi"), "c._multi")


def _chosen(line: JsonObject, places: Sequence[int]) -> int:
    """Position from 0 of the action that was taken."""
    named = line.get("_label_Action")
    index = line.get("_labelIndex")
    stated = [one for one in (None if named is None else cast("int", named) - 1, index) if one is not None]
    if not stated or any(one != stated[0] for one in stated):
        raise ValueError(f"_label_Action is {named} and _labelIndex {index}; they do not say which action was taken")
    if stated[0] not in places:
        raise ValueError(f"the action that was taken, {named if named is not None else index}, does not stand in a")
    return cast("int", stated[0])


def _whole(line: JsonObject, name: str) -> list[int]:
    values = [one for one in list_of(line.get(name), name) if isinstance(one, int) and not isinstance(one, bool)]
    if not values or len(set(values)) < len(list_of(line.get(name), name)) or min(values) < 0:
        raise ValueError(f"{name} is no list of different actions")
    return values


def _chances(values: object, actions: int, name: str) -> list[float]:
    chances = [number_of(one, name) for one in list_of(values, name)]
    if len(chances) != actions:
        raise ValueError(f"{name} does not hold one probability an action")
    total = sum(chances)
    if not all(0.0 <= one <= 1.0 for one in chances) or not abs(total - 1.0) <= _ROUNDED:
        raise ValueError(f"{name} holds no probabilities that sum to 1 (the sum is {total:g})")
    return [one / total for one in chances]
