"""From the decision store to a decision log that ``xbopt evaluate`` reads."""

from collections.abc import Iterator
from dataclasses import dataclass, field, fields, replace
from pathlib import Path

import msgspec
import numpy as np
from msgspec import UnsetType

from xbopt.core.arrays import BoolArray, FloatArray
from xbopt.core.decision_log.contexts import cell_contexts, context_names
from xbopt.core.decision_log.observations import observation_names, observation_rows
from xbopt.core.decision_log.reward_reach import RewardReach
from xbopt.core.decision_log.schema import DecisionColumns, DecisionLogSchema, LoggedShadow, TextArray, TimeArray
from xbopt.core.decision_log.writer import DecisionLogWriter
from xbopt.core.decisions.cell_factors import CellFactors
from xbopt.core.errors import SupportError, UsageError
from xbopt.service.bundle.graph_session import Arrays, floats_of
from xbopt.service.bundle.schema import INPUTS, Field, Schema, read_schema
from xbopt.service.deciding.allocator import INCUMBENT
from xbopt.service.deciding.batch import Batch
from xbopt.service.store.contents import Contents
from xbopt.service.store.drawn_rows import cell_factors, drawn_rows, logged_factors, shadow_rows
from xbopt.service.store.entries import BundleEntry, DecisionEntry, OutcomeEntry, ShadowEntry
from xbopt.service.store.interface import Store
from xbopt.service.store.recording import allocation_of, decode_decision, decode_entry
from xbopt.service.store.verification import verify_chain

_ENTRIES_AT_ONCE = 512
_EVEN = 1e-6
"""Probabilities of one row that differ by less are alike."""


@dataclass(slots=True, kw_only=True)
class ExportReport:
    """What went into the log, and what did not.

    Attributes:
        rows: Rows of the log: one a cell and decision.
        waiting: Rows whose outcome has not come yet; their reward is empty.
        stopped: Cells of decisions that spent nothing because the kill switch said so; nothing was drawn.
        filled: Rows of decisions in which inputs were missing and were filled in.
        unsaid: Rows of decisions of an earlier version, which did not write down what was missing.
        planned: Cells of decisions of factors that the plan answered: no level was drawn.
        incumbent: Cells of decisions that a roll-out gave to a campaign's plan: nothing was drawn.
        held: Cells that carried on with what was drawn before: no new decision.
        idle: Cells that a request did not ask for.
        direct: Decisions of policies that give no probabilities: they cannot be evaluated by weighting.
        other_bundles: Decisions of other bundles than the one that was asked for.
        strangers: Outcomes whose decision or cell is not in the log.
        withdrawn: Decisions that were not told, because the store took too long; what the plan told instead is in the
            log.
        shadow_missed: Rows that a shadow has no answer for, by its name; their cells are empty.
        certain: Rows whose action had probability 1: of another one they say nothing.
    """

    rows: int = 0
    waiting: int = 0
    stopped: int = 0
    planned: int = 0
    incumbent: int = 0
    filled: int = 0
    unsaid: int = 0
    held: int = 0
    idle: int = 0
    direct: int = 0
    other_bundles: int = 0
    strangers: int = 0
    withdrawn: int = 0
    shadow_missed: dict[str, int] = field(default_factory=dict[str, int])
    certain: int = 0


def export_log(store: Store, path: Path, *, bundle: str | None = None) -> ExportReport:
    """Write the decisions of a bundle as a decision log.

    Args:
        store: The store.
        path: The Parquet file.
        bundle: Content address of the bundle; may be left out where the store holds only one.

    The store is verified first, as ``verify_chain`` does, and in the same snapshot.

    Raises:
        TamperedStoreError: The store is not whole, or holds what no service wrote; nothing is written.
        UsageError: The store holds several bundles, or not this one.
        SupportError: No decision has a propensity.
        StoreError: The store cannot be read.
        BundleError: The store holds entries of an unknown kind or version.
        DecisionLogError: The log cannot be written.
    """
    with store.snapshot():
        verify_chain(store, look=Contents().look)
        return _export(store, path, bundle)


def _export(store: Store, path: Path, bundle: str | None) -> ExportReport:
    about = _bundle(store, bundle)
    schema = read_schema(about.schema)
    if schema.shape == "direct":
        raise SupportError(
            f"The bundle {about.name} names its decisions outright: they carry no propensity, so that no log of them "
            "can be evaluated by weighting. Serve a policy that draws, or compare in an experiment."
        )
    outcomes, shadows = _outcomes(store), _Shadows(store)
    report = ExportReport()
    factors = cell_factors(schema)
    explores, masked = factors is None and about.exploration is not None, bool(about.allowed)
    with DecisionLogWriter(
        path,
        _log_schema(schema, factors, shadows.about),
        with_exploration=explores,
        with_mask=masked,
        with_missing=True,
    ) as writer:
        waiting: list[DecisionColumns] = []
        for key, entry in _decisions(store, about.address, report):
            if entry.bundle != about.address:
                report.other_bundles += len(entry.decision_ids)
                continue
            columns = _columns(entry, about, schema, factors, outcomes, shadows.of(key), report)
            report.certain += int((columns.propensity == 1.0).sum())
            for one, answers in zip(shadows.about, _by_shadow(columns), strict=True):
                missed = int(np.isnan(answers).any(axis=1).sum())
                report.shadow_missed[one.name] = report.shadow_missed.get(one.name, 0) + missed
            waiting.append(columns)
            if len(waiting) == _ENTRIES_AT_ONCE:
                writer.append(_together(waiting))
                waiting = []
        if waiting:
            writer.append(_together(waiting))
        report.rows, report.strangers = writer.rows, len(outcomes)
        if not writer.rows:
            raise SupportError("The store holds no decision of this bundle that was drawn by its policy.")
    return report


def _together(parts: list[DecisionColumns]) -> DecisionColumns:
    """Many small sets of rows as one: checking and writing costs the same for one row and for a thousand."""
    given = [one.name for one in fields(parts[0]) if getattr(parts[0], one.name) is not None]
    return replace(parts[0], **{name: np.concatenate([getattr(part, name) for part in parts]) for name in given})


class _Shadows:
    """What shadows would have done, by the name of the entry that holds the decisions.

    Args:
        store: The store.
    """

    def __init__(self, store: Store) -> None:
        self._found: dict[str, dict[str, ShadowEntry]] = {}
        names: dict[str, str] = {}
        for entry in store.entries("shadow"):
            shadow = decode_entry(entry.payload, ShadowEntry)
            self._found.setdefault(shadow.decision, {})[shadow.address] = shadow
            names[shadow.address] = shadow.name
        self._addresses = list(names)
        twice = {name for name in names.values() if list(names.values()).count(name) > 1}
        self.about = [
            LoggedShadow(
                name=f"{name}-{address.removeprefix('sha256:')[:8]}" if name in twice else name,
                kind="bundle",
                sha256=address.removeprefix("sha256:"),
            )
            for address, name in names.items()
        ]

    def of(self, key: str) -> list[ShadowEntry | None]:
        """What each shadow would have done with the decisions of an entry; None where it missed them."""
        found = self._found.get(key, {})
        return [found.get(address) for address in self._addresses]


def _by_shadow(columns: DecisionColumns) -> list[FloatArray]:
    return [] if columns.shadows is None else list(np.moveaxis(columns.shadows, 1, 0))


def _bundle(store: Store, wanted: str | None) -> BundleEntry:
    found = [decode_entry(entry.payload, BundleEntry) for entry in store.entries("bundle")]
    if not found:
        raise UsageError("The store holds no bundle: nothing was ever decided with it.")
    named = "; ".join(f"{one.address} ({one.name} {one.bundle_version})" for one in found)
    if wanted is None:
        if len(found) > 1:
            raise UsageError(f"The store holds decisions of several bundles; name one with --bundle: {named}.")
        return found[0]
    fitting = [one for one in found if one.address == wanted or one.address.startswith(f"sha256:{wanted}")]
    if len(fitting) != 1:
        raise UsageError(f"{wanted} names {len(fitting)} of the store's bundles: {named}.")
    return fitting[0]


def _decisions(store: Store, bundle: str, report: ExportReport) -> Iterator[tuple[str, DecisionEntry]]:
    """What was told, by the name of its entry: decisions, and what stands for those that were withdrawn."""
    told = {entry.key: decode_decision(entry.payload) for entry in store.entries("withdrawal")}
    for entry in store.entries("decision"):
        decision = decode_decision(entry.payload)
        instead = told.pop(entry.key, None)
        if instead is not None and decision.bundle == bundle:
            report.withdrawn += len(decision.decision_ids)
        yield entry.key, instead or decision
    yield from told.items()


def _outcomes(store: Store) -> dict[tuple[str, str], OutcomeEntry]:
    """The last revision of each outcome."""
    last: dict[tuple[str, str], OutcomeEntry] = {}
    for entry in store.entries("outcome"):
        outcome = decode_entry(entry.payload, OutcomeEntry)
        place = (outcome.decision_id, outcome.unit)
        if place not in last or last[place].revision < outcome.revision:
            last[place] = outcome
    return last


def _log_schema(schema: Schema, factors: CellFactors | None, shadows: list[LoggedShadow]) -> DecisionLogSchema:
    """The same context as in a log of the simulator, and what a bundle asks beyond that."""
    axes = schema.axes
    features = [*schema.features["F"], *schema.features["G"]]
    names = context_names(axes["F"], axes["G"], regions=axes["R"], segments=axes["S"])
    further = _further(schema)
    units = (
        *(feature.unit for feature in features), *("" for _ in names[len(features) :]), *(one.unit for one in further)
    )  # fmt: skip
    return DecisionLogSchema(
        context_names=(*names, *(field.name for field in further)),
        context_units=units if any(units) else (),
        action_labels=tuple(axes.get("K", ())),
        factors=logged_factors(factors),
        anchor="" if isinstance(schema.anchor, UnsetType) else schema.anchor,
        reward_unit=schema.currency,
        cost_unit=schema.currency,
        observation_names=observation_names(axes["C"], axes["E"]),
        shadows=tuple(shadows),
        reward_reach=None
        if isinstance(schema.late_effects, UnsetType)
        else RewardReach(
            reward_days=schema.window_days,
            step_days=schema.decide_every_days,
            effects=tuple(effect for effect in schema.late_effects if effect.days > 0.0),
        ),
    )


def _columns(
    entry: DecisionEntry,
    about: BundleEntry,
    schema: Schema,
    factors: CellFactors | None,
    outcomes: dict[tuple[str, str], OutcomeEntry],
    shadows: list[ShadowEntry | None],
    report: ExportReport,
) -> DecisionColumns:
    allocation = allocation_of(entry, schema)
    batch = allocation.batch
    rows, regions, segments = allocation.spend_base.shape[:3]
    drawn = drawn_rows(allocation, factors)
    cells = regions * segments
    stopped = np.array([source == "stopped" for source in allocation.source])
    planned = np.array([factors is not None and source == "plan" for source in allocation.source])
    incumbent = np.array([source == INCUMBENT for source in allocation.source])
    take = np.repeat(~(stopped | planned | incumbent)[:, None], cells, axis=1)
    report.stopped += int(stopped.sum()) * cells
    report.planned += int(planned.sum()) * cells
    report.incumbent += int(incumbent.sum()) * cells
    if batch.active is not None:
        report.idle += int((take & ~batch.active.reshape(rows, cells)).sum())
        take &= batch.active.reshape(rows, cells)
    report.held += int((drawn.held & take).sum())
    take &= ~drawn.held
    row, cell = np.nonzero(take)
    names = [f"{region}/{segment}" for region in schema.axes["R"] for segment in schema.axes["S"]]
    units = [names[i] for i in cell.tolist()]
    ids = [entry.decision_ids[i] for i in row.tolist()]
    found = [outcomes.pop(place, None) for place in zip(ids, units, strict=True)]
    table = drawn.probabilities
    allowed = np.frombuffer(about.allowed, dtype=np.bool_).reshape(cells, -1)[cell] if about.allowed else None
    # Cells that carry a tactic on are left out above; what stands beside them in such a row was drawn.
    own = np.array([source in {"policy", "held"} for source in allocation.source])[row]
    shape = (rows, regions, segments)
    channels = floats_of(batch.inputs, "channels") if "channels" in batch.inputs else np.zeros((*shape, 0, 0))
    seen = observation_rows(batch.day, batch.remaining, channels)
    spend = allocation.spend_base.sum(axis=3).reshape(rows, cells)[row, cell]
    report.waiting += sum(outcome is None for outcome in found)
    filled, context = batch.filled[row], _context(batch, schema)
    if entry.off is None and not batch.missing:
        # Services that do not say which guardrails could not work do not say what they filled in either.
        filled = np.full(len(row), -1, dtype=np.int64)
    report.filled += int((filled > 0).sum())
    report.unsaid += int((filled < 0).sum())
    return DecisionColumns(
        decision_id=_texts([f"{one}/{unit}" for one, unit in zip(ids, units, strict=True)]),
        timestamp=np.full(len(row), entry.created_us, dtype=np.int64).astype("datetime64[us]"),
        episode_id=_texts([entry.episode_ids[i] for i in row.tolist()]),
        step=np.array([entry.steps[i] for i in row.tolist()], dtype=np.int64),
        unit=_texts(units),
        context=context.reshape(rows, cells, -1)[row, cell],
        action=drawn.action[row, cell].astype(np.int64),
        propensity=drawn.propensity[row, cell],
        action_probabilities=table[row, cell],
        reward=np.array([np.nan if outcome is None else outcome.reward for outcome in found], dtype=np.float64),
        # Until the outcome tells what was paid, the day's planned spend stands for it.
        cost=np.array(
            [planned if outcome is None else outcome.cost for outcome, planned in zip(found, spend, strict=True)],
            dtype=np.float64,
        ),
        reward_ready_at=_times(
            [entry.created_us if one is None else max(one.ready_us, entry.created_us) for one in found]
        ),
        policy_id=_texts([entry.policy[i] for i in row.tolist()]),
        scenario_hash=_texts([about.scenario_hash] * len(row)),
        exploration=_explored(about.exploration, table[row, cell], allowed, own)
        if about.exploration is not None and factors is None
        else None,
        allowed=allowed,
        observation=seen.reshape(rows, cells, -1)[row, cell],
        shadows=shadow_rows(shadows, factors, schema, rows)[row, cell] if shadows else None,
        filled=filled,
        missing=_gaps(batch, schema, context.shape).reshape(rows, cells, -1)[row, cell],
    )


def _explored(share: float, table: FloatArray, allowed: BoolArray | None, own: BoolArray) -> FloatArray:
    """Share of each draw that was uniform over what the guardrails allow ``(n,)``; NaN where the plan answered.

    The policy draws a share ``e`` uniformly from all ``K`` tactics, and the mask brings the rest back to 1: of ``m``
    allowed ones each has ``e/K`` over the mass that is left. Where its own choice is forbidden, all of it is uniform.

    Args:
        share: ``e``.
        table: Probability of every tactic ``(n, K)``.
        allowed: The mask ``(n, K)``; None where all is allowed.
        own: Whether the policy drew ``(n,)``.
    """
    count = np.full(len(table), table.shape[1]) if allowed is None else allowed.sum(axis=1)
    part = share * count / table.shape[1]
    mass = 1.0 - share + part
    found = part / np.where(mass > 0.0, mass, 1.0)
    masked = table if allowed is None else np.where(allowed, table, np.nan)
    even = (np.nanmax(masked, axis=1) - np.nanmin(masked, axis=1) < _EVEN) & (count > 1)
    return np.where(own, np.where(even, 1.0, found), np.nan)


def _further(schema: Schema) -> list[Field]:
    """Inputs beyond those of the simulator that have one number a row, region or cell."""
    return [field for field in schema.asked if field.name not in INPUTS and not set(field.axes) - {"B", "R", "S"}]


def _context(batch: Batch, schema: Schema) -> FloatArray:
    """What each cell sees ``(B, R, S, d)``."""
    seen = cell_contexts(floats_of(batch.inputs, "regions"), floats_of(batch.inputs, "cells"))
    parts = [seen]
    for one in _further(schema):
        lengths = [length if axis in one.axes else 1 for axis, length in zip("BRS", seen.shape, strict=False)]
        parts.append(np.broadcast_to(floats_of(batch.inputs, one.name).reshape(lengths), seen.shape[:3])[..., None])
    return np.concatenate(parts, axis=3) if len(parts) > 1 else seen


def _gaps(batch: Batch, schema: Schema, context: tuple[int, ...]) -> BoolArray:
    """Which fields of the context were filled in ``(B, R, S, d)``: the context of a batch that holds 1 at each gap."""
    if not batch.missing:
        return np.zeros(context, dtype=np.bool_)
    gaps: Arrays = {}
    for one in schema.asked:
        shape = batch.inputs[one.name].shape
        gaps[one.name] = batch.missing.get(one.name, np.zeros(shape, dtype=np.bool_)).astype(np.float64)
    whole = _context(msgspec.structs.replace(batch, inputs=gaps), schema)
    features = len(schema.axes["F"]) + len(schema.axes["G"])
    whole[..., features : features + len(schema.axes["R"]) + len(schema.axes["S"])] = 0.0  # which cell it is
    return whole == 1.0


def _texts(texts: list[str]) -> TextArray:
    return np.array(texts, dtype=np.str_).reshape(len(texts))


def _times(microseconds: list[int]) -> TimeArray:
    return np.array(microseconds, dtype=np.int64).astype("datetime64[us]")
