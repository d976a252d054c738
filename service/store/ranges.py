"""The ranges of what entries say: a number of the right type may still be one that no service wrote."""

import re

import msgspec
import numpy as np

from xbopt.core.arrays import BoolArray, FloatArray, IntArray
from xbopt.service.bundle.schema import OUTPUTS, Schema
from xbopt.service.deciding.allocator import INCUMBENT, STOPPED, Allocation
from xbopt.service.deciding.batch import MISSING
from xbopt.service.deciding.reading import is_featured
from xbopt.service.deciding.requests import BESIDE, Outcome
from xbopt.service.store.entries import AdministrationEntry, BundleEntry, DecisionEntry, OutcomeEntry, ShadowEntry
from xbopt.service.store.recording import allocation_of, shadow_probabilities

# A pattern that ends in a dollar, as services before had it, lets a line break pass at the end.
_KEY = re.compile(r"[A-Za-z0-9._:\-]{1,128}\n?")
_KEY_OF_ACT = re.compile(r"([0-9]+)-[0-9a-f]{16}")
LAST_YEAR_US = 4_102_444_800_000_000
"""The year 2100; a clock that was never set says 1970."""
_OUTCOME_YEARS_US = (946_684_800_000_000, LAST_YEAR_US)
_ANY_YEAR_US = (-62_135_596_800_000_000, 253_402_300_800_000_000)
_LAST_STEP = 2**31
_LAST_REVISION = 1_000_000
_TEXT = 160
_ROUNDING = 1e-9
_PARTS_OF_INCUMBENT = 4
_PROBABILITY = 1e-6
"""Probabilities are stored in half their digits."""
_OUTCOME_OF_BEFORE = b"\x97"
"""Seven fields: services that did not write down who told an outcome took any number and any year."""


def bundle_complaint(entry: BundleEntry, schema: Schema) -> str:
    """What no service writes of a bundle; empty where all is in order."""
    if entry.exploration is not None and not 0.0 <= entry.exploration <= 1.0:
        return f"exploration is {entry.exploration:g}; 0 to 1 is possible."
    if not entry.allowed:
        return ""
    cells, tactics = len(schema.axes["R"]) * len(schema.axes["S"]), len(schema.axes.get("K", []))
    mask = np.frombuffer(entry.allowed, dtype=np.uint8)
    if not tactics or mask.size != cells * tactics or mask.max() > 1:
        return f"its mask over the menu is no {cells} x {tactics} table of 0 and 1."
    return "" if mask.reshape(cells, tactics).any(axis=1).all() else "its mask forbids every tactic of a cell."


def decision_complaint(key: str, entry: DecisionEntry, schema: Schema) -> str:
    """What no service writes of decisions; empty where all is in order.

    Args:
        key: Name of the entry.
        entry: The decisions, or what was told instead.
        schema: The schema of their bundle.

    Raises:
        BundleError: Something is missing, or has another shape.
    """
    allocation = allocation_of(entry, schema)
    if not entry.decision_ids:
        return "it holds no decision."
    if not _KEY.fullmatch(key):
        return "no decision can have this name."
    if not 0 <= entry.created_us < LAST_YEAR_US:
        return f"its time is {entry.created_us}; microseconds from 1970 to 2100 are possible."
    for step in entry.steps:
        if not 0 <= step <= _LAST_STEP:
            return f"a step is {step}; 0 to {_LAST_STEP} is possible."
    if not all(0 < len(one) <= _TEXT for one in entry.episode_ids):
        return f"the name of an episode has no letter, or more than {_TEXT}."
    if entry.kill not in {"", "plan", "zero"} or any(
        (one == STOPPED) != (entry.kill == "zero") for one in entry.source
    ):
        return f"the kill switch says {entry.kill!r}, which does not go with the sources {sorted(set(entry.source))}."
    asked = {field.name for field in schema.asked}
    for name in sorted(entry.inputs.keys() - asked - BESIDE.keys() - {MISSING + one for one in asked}):
        return f"it has an input {name[:100]!r}, which its bundle does not read."
    return _input_complaint(allocation, schema) or _output_complaint(allocation, entry, schema)


def _input_complaint(allocation: Allocation, schema: Schema) -> str:
    batch = allocation.batch
    for field in schema.asked:
        array = batch.inputs[field.name]
        if not is_featured(field):
            complaint = _outside(field.name, array, field.low, field.high)
            if complaint:
                return complaint
        elif not np.isfinite(array).all():
            return f"{field.name} holds what is no finite number."
    most = len(schema.axes.get("L" if schema.shape == "factored" else "K", [])) - 1
    if batch.held is not None and (complaint := _outside("held", batch.held, -1, most)):
        return complaint
    beside = {
        name: array.astype(np.float64) for name, array in batch.beside() if name.startswith(("granted_", "incumbent_"))
    }
    for name, array in beside.items():
        if complaint := _outside(name, array, 0.0, np.finfo(np.float64).max):
            return complaint
    parts = len(beside.keys() - {"granted_base"})
    if parts not in {0, _PARTS_OF_INCUMBENT} or (INCUMBENT in allocation.source and not parts):
        return "the decision of its incumbent is not all there."
    if batch.previous_base is not None:
        return _outside("previous_spend_base", np.nan_to_num(batch.previous_base, nan=0.0, posinf=np.inf), 0.0, None)
    return ""


def _output_complaint(allocation: Allocation, entry: DecisionEntry, schema: Schema) -> str:
    stopped = np.array([one == STOPPED for one in entry.source])
    for field in schema.outputs:
        if field.name in OUTPUTS:
            array, high = allocation.outputs[field.name], field.high
            if field.name != "daypart_weights" and (complaint := _outside(field.name, array[stopped], 0.0, 0.0)):
                return complaint
            complaint = _outside(field.name, array, field.low, None if high is None else high * (1.0 + _ROUNDING))
            if complaint or not np.isfinite(array).all():
                return complaint or f"{field.name} holds what is no finite number."
    spend = allocation.spend_base
    active = allocation.batch.active
    if active is not None and spend[~active].any():
        return "money goes to a cell that was not asked for."
    return _cap_complaint(allocation, entry, schema) or _draw_complaint(allocation, entry, schema, stopped)


def _cap_complaint(allocation: Allocation, entry: DecisionEntry, schema: Schema) -> str:
    """Spend above a cap of the request.

    Services that did not say which guardrails could not work let daily change lift spend above it: to twice the day
    before at most, or the whole budget.
    """
    batch, spend = allocation.batch, allocation.spend_base
    remaining, total = batch.remaining, spend.sum(axis=(1, 2, 3))
    if entry.off is None:
        high = next(field.high for field in schema.asked if field.name == "budget_base")
        before = np.zeros(len(total)) if batch.previous_base is None else np.nansum(batch.previous_base, axis=(1, 2, 3))
        most = np.maximum(np.inf if high is None else high, 2.0 * before) * (1.0 + _ROUNDING)
        return _above("a day", total, most)
    return (
        _above("a day", total, remaining.budget_base)
        or _above("a region", spend.sum(axis=(2, 3)), remaining.region_base)
        or _above("a channel", spend.sum(axis=(1, 2)), remaining.channel_base)
    )


def _draw_complaint(allocation: Allocation, entry: DecisionEntry, schema: Schema, stopped: BoolArray) -> str:
    drawn, propensity, table = allocation.tactic, allocation.propensity, allocation.probabilities
    stopped = stopped | np.array([one == INCUMBENT for one in entry.source])
    name, choices, what, place = "tactic", len(schema.axes.get("K", [])), "tactic", "cell"
    if schema.shape == "factored":
        # Where the plan answers, no level was drawn; the plan of tactics is a tactic.
        stopped = stopped | np.array([one == "plan" for one in entry.source])
        drawn, name, choices, what, place = allocation.levels, "levels", len(schema.axes["L"]), "level", "factor"
    if drawn is None or propensity is None or table is None:
        return ""
    complaint = (
        _outside(name, drawn[~stopped], 0, choices - 1)
        or _outside(name, drawn[stopped], -1, -1)
        or _outside("propensity", propensity[~stopped], np.nextafter(0.0, 1.0), 1.0 + _ROUNDING)
        or _outside("propensity", propensity[stopped], 0.0, 0.0)
        or _outside("probabilities", table, 0.0, 1.0 + _PROBABILITY)
    )
    if complaint:
        return complaint
    stored = np.frombuffer(entry.outputs["probabilities"], dtype="<f4").reshape(table.shape).sum(axis=-1)
    if not (np.abs(stored[~stopped] - 1.0) <= _PROBABILITY * table.shape[-1]).all():
        return f"the probabilities of a {place} do not sum to 1."
    own = np.take_along_axis(table[~stopped], drawn[~stopped][..., None], axis=-1)[..., 0]
    differs = np.abs(own - propensity[~stopped]) > _PROBABILITY
    return f"a propensity is not the probability of its {what}." if differs.any() else ""


def outcome_complaint(key: str, payload: bytes, entry: OutcomeEntry) -> str:
    """What no service writes of an outcome; empty where all is in order.

    Args:
        key: Name of the entry.
        payload: Its content.
        entry: The content, read.
    """
    if key != f"{entry.decision_id}|{entry.unit}|{entry.revision}":
        return f"it is about {entry.decision_id!r} in {entry.unit!r}, revision {entry.revision}."
    is_old = payload.startswith(_OUTCOME_OF_BEFORE)
    first, end = _ANY_YEAR_US if is_old else _OUTCOME_YEARS_US
    if not first <= entry.ready_us < end:
        return f"its time is {entry.ready_us}, which no service takes."
    if not (np.isfinite(entry.reward) and np.isfinite(entry.cost)):
        return f"its reward is {entry.reward:g} and its cost {entry.cost:g}; finite numbers are possible."
    if not 0 <= entry.revision <= _LAST_REVISION:
        return f"its revision is {entry.revision}; 0 to {_LAST_REVISION} is possible."
    if is_old:
        return ""
    told = {name: getattr(entry, name) for name in ("decision_id", "unit", "reward", "cost", "revision")}
    try:
        msgspec.convert(told, Outcome)
    except msgspec.ValidationError as error:
        return f"{error}."
    return ""


def shadow_complaint(key: str, entry: ShadowEntry, rows: int, schema: Schema) -> str:
    """What no service writes of a shadow; empty where all is in order.

    Args:
        key: Name of the entry.
        entry: The content.
        rows: Number of the decisions it is about.
        schema: The schema of their bundle.

    Raises:
        BundleError: It has probabilities of another shape.
    """
    if key != f"{entry.decision}|{entry.address}":
        return f"it is about {entry.decision!r} and {entry.address!r}."
    raw = np.frombuffer(entry.probabilities, dtype="<f4") if not len(entry.probabilities) % 4 else np.zeros(0)
    if not ((raw >= 0.0) & (raw <= 1.0 + _PROBABILITY)).all():
        return "a probability lies outside 0 to 1."
    factored = schema.shape == "factored"
    shape = (rows, *(len(schema.axes.get(axis, [])) for axis in ("AL" if factored else "RSK")))
    shadow_probabilities(entry, shape)
    sums = raw.reshape(shape).sum(axis=-1)
    # Where its plan would have answered, a shadow of factors draws nothing.
    fine = (np.abs(sums - 1.0) <= _PROBABILITY * shape[-1]) | (factored & (sums == 0.0))
    return "" if fine.all() else "probabilities do not sum to 1."


def act_complaint(key: str, entry: AdministrationEntry) -> str:
    """What no service writes of an act; empty where all is in order."""
    found = _KEY_OF_ACT.fullmatch(key)
    if found is None or int(found[1]) != entry.at_us:
        return f"its time is {entry.at_us}, which does not go with its name."
    return "" if entry.at_us < LAST_YEAR_US else f"its time is {entry.at_us}; years up to 2100 are possible."


def _outside(name: str, array: "FloatArray | IntArray", low: float | None, high: float | None) -> str:
    """What lies outside a range, of which a side may be open; empty where nothing does."""
    least, most = -np.inf if low is None else low, np.inf if high is None else high
    wrong = array[~((array >= least) & (array <= most))]
    if not wrong.size:
        return ""
    return f"{name} holds {wrong.ravel()[0]:g}; {least:g} to {most:g} is possible."


def _above(what: str, spend: FloatArray, cap: FloatArray) -> str:
    over = np.argwhere(~(spend <= cap))
    if not len(over):
        return ""
    place = tuple(over[0].tolist())
    return f"{what} spends {spend[place]:.2f}, of {cap[place]:.2f} that may be spent."
