"""Deciding: from a request to spend, timing and discounts, with the propensity of what is done in the end."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from xbopt.core.arrays import BoolArray, FloatArray, IntArray
from xbopt.core.decisions.decision import Decision
from xbopt.core.decisions.feasibility import project
from xbopt.service.bundle.bundle import Bundle, load_bundle
from xbopt.service.deciding.decision_ids import new_decision_id
from xbopt.service.deciding.draws import uniforms
from xbopt.service.deciding.guardrails import DISCOUNT, DRIFT, KILL_SWITCH, allowed_tactics, arm
from xbopt.service.deciding.reading import Batch, RequestError, RequestReader
from xbopt.service.deciding.requests import AllocationRequest, Source

STORE_FAILURE = "store_failure"
"""Written among the fired guardrails where the plan answered because a decision could not be stored."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Allocation:
    """Decisions for a batch of markets.

    Attributes:
        batch: What was asked.
        source: ``policy``, ``held`` or ``plan``, by row.
        guardrails: Guardrails that changed something, by row.
        policy: Name of the policy, or of the plan, by row.
        spend_base: ``(B, R, S, C)``.
        daypart_weights: ``(B, R, C, H)``.
        discount_frac: ``(B, R, S)``.
        mechanic: ``(B, R, S)``.
        tactic: ``(B, R, S)``; None for a direct policy.
        propensity: Probability of the tactic after guardrails ``(B, R, S)``; None for a direct policy.
        probabilities: Probability of each tactic after guardrails ``(B, R, S, K)``; None for a direct policy.
    """

    batch: Batch
    source: list[Source]
    guardrails: list[list[str]]
    policy: list[str]
    spend_base: FloatArray
    daypart_weights: FloatArray
    discount_frac: FloatArray
    mechanic: IntArray
    tactic: IntArray | None = None
    propensity: FloatArray | None = None
    probabilities: FloatArray | None = None


class Allocator:
    """Decides by a bundle; the same request with the same decision id gives the same answer, bit for bit.

    Needs numpy, msgspec and onnxruntime.

    Args:
        bundle: A loaded bundle.
    """

    def __init__(self, bundle: Bundle) -> None:
        self.bundle = bundle
        schema, manifest = bundle.schema, bundle.manifest
        self.schema_sha256 = hashlib.sha256(bundle.schema_bytes).hexdigest()
        self.address = manifest.content_address
        self.currency = schema.currency
        self.policy = manifest.provenance.policy
        self.reader = RequestReader(
            schema, bundle.guardrails, total_base=bundle.plan.limits.total_base, schema_sha256=self.schema_sha256
        )
        self._armed = arm(bundle.guardrails, schema)
        self._names = [field.name for field in schema.outputs]
        self._tactics = schema.shape == "tactic"
        self._cells = (len(schema.axes["R"]), len(schema.axes["S"]))
        axes = schema.axes
        self.lengths = (
            len(axes["R"]), len(axes["S"]), len(axes["C"]), len(axes["H"]),
            len(axes["F"]), len(axes["G"]), len(axes["E"]), len(axes.get("K", [])),
        )  # fmt: skip
        self._free = np.full((1, *self._cells), -1, dtype=np.int64)
        self._mask_is_open = True
        if self._tactics:
            wanted = bundle.plan.tactic
            assert wanted is not None, "the loader gives every tactic bundle a plan of tactics"
            self._allowed, self._default = allowed_tactics(self._armed.discount, schema, wanted[0])
            self._mask_is_open = bool((self._allowed == 1.0).all())
            # The plan answers where the policy may not; it keeps the same mask.
            forbidden = np.take_along_axis(self._allowed[None], wanted[..., None], axis=3)[..., 0] == 0.0
            self._plan_tactic = np.where(forbidden, self._default.argmax(axis=2), wanted)

    @classmethod
    def load(cls, path: Path | str, *, unproven: bool = False, trusted_key: str | None = None) -> "Allocator":
        """Load a bundle and make an allocator of it.

        Raises:
            BundleError: The bundle was tampered with, is broken or incompatible, or has no certificate.
            UsageError: There is nothing of that name.
        """
        return cls(load_bundle(Path(path), unproven=unproven, trusted_key=trusted_key))

    @property
    def units(self) -> list[str]:
        """Cells as ``region/segment``, in order."""
        return self.reader.units

    def allocate(self, request: AllocationRequest, *, kill: bool = False) -> Allocation:
        """Decide for one market.

        Args:
            request: What is known, and what may still be spent.
            kill: Answer with the plan.

        Raises:
            RequestError: The request does not fit the schema.
        """
        decision_id = request.decision_id or new_decision_id()
        return self.decide(self.reader.one(request, decision_id), kill=kill)

    def decide(self, batch: Batch, *, kill: bool = False) -> Allocation:
        """Decide for a batch of markets.

        Raises:
            RequestError: Inputs lie outside what was seen, and the guardrails say to refuse them.
        """
        rules = self.bundle.guardrails
        plan: BoolArray | None = None
        why = KILL_SWITCH
        if kill or rules.kill_switch:
            plan = np.ones(len(batch), dtype=np.bool_)
        elif batch.drifted is not None and rules.on_drift != "answer":
            if rules.on_drift == "refuse":
                names = ", ".join(self.reader.drifted_features(batch))
                raise RequestError(f"Inputs lie outside what the policy has seen: {names}.")
            plan, why = batch.drifted, DRIFT
        allocation = self._by_tactic(batch, plan) if self._tactics else self._directly(batch, plan)
        if plan is not None:
            for row in np.flatnonzero(plan).tolist():
                allocation.guardrails[row].insert(0, why)
        elif batch.drifted is not None:
            for row in np.flatnonzero(batch.drifted).tolist():
                allocation.guardrails[row].insert(0, DRIFT)
        return allocation

    def by_plan(self, batch: Batch, why: str) -> Allocation:
        """Decide by the plan, and say why."""
        every = np.ones(len(batch), dtype=np.bool_)
        allocation = self._by_tactic(batch, every) if self._tactics else self._directly(batch, every)
        for fired in allocation.guardrails:
            fired.insert(0, why)
        return allocation

    def _by_tactic(self, batch: Batch, plan: BoolArray | None) -> Allocation:
        rows = len(batch)
        forced = self._free if rows == 1 else np.broadcast_to(self._free, (rows, *self._cells))
        features = _features(batch, plan)
        if batch.held is not None:
            forced = batch.held
        if plan is not None:
            forced = np.where(plan[:, None, None], self._plan_tactic[batch.day], forced)
        found = self.bundle.session.run(
            {
                **features,
                "day": batch.day,
                "budget_base": batch.budget_base,
                "region_base": batch.region_base,
                "channel_base": batch.channel_base,
                "uniform": uniforms(batch.decision_ids, self._cells[0] * self._cells[1]).reshape(rows, *self._cells),
                "forced": forced,
                "allowed": self._allowed,
                "default": self._default,
            }
        )
        spend, dayparts, discount, mechanic, tactic, propensity, probabilities, mass = found
        drawn = (tactic, propensity, probabilities)
        allocation = self._guarded(batch, plan, spend, dayparts, discount, mechanic, drawn)
        if not self._mask_is_open:
            for row in np.flatnonzero((mass < 1.0 - 1e-12).any(axis=(1, 2, 3))).tolist():
                allocation.guardrails[row].insert(0, DISCOUNT)
        return allocation

    def _directly(self, batch: Batch, plan: BoolArray | None) -> Allocation:
        if plan is None:
            found = self.bundle.session.run(_direct_inputs(batch, None))
        elif plan.all():
            found = self._planned(batch)
        else:
            own, other = self.bundle.session.run(_direct_inputs(batch, plan)), self._planned(batch)
            found = [
                np.where(plan.reshape(-1, *[1] * (left.ndim - 1)), right, left)
                for left, right in zip(own, other, strict=True)
            ]
        spend, dayparts, discount, mechanic = found
        return self._guarded(batch, plan, spend, dayparts, discount, mechanic)

    def _planned(self, batch: Batch) -> "list[FloatArray | IntArray]":
        """The plan of each row's day, within the limits."""
        plan = self.bundle.plan
        asked = Decision(
            spend_base=plan.spend_base[batch.day],
            daypart_weights=np.broadcast_to(plan.daypart_weights, (len(batch), *plan.daypart_weights.shape)),
            discount_frac=plan.discount_frac[batch.day],
            mechanic=plan.mechanic[batch.day],
        )
        done, _ = project(asked, plan.limits, batch.remaining)
        return [done.spend_base, done.daypart_weights, done.discount_frac, done.mechanic]

    def _guarded(
        self,
        batch: Batch,
        plan: BoolArray | None,
        spend: FloatArray | IntArray,
        dayparts: FloatArray | IntArray,
        discount: FloatArray | IntArray,
        mechanic: FloatArray | IntArray,
        drawn: "tuple[FloatArray | IntArray, FloatArray | IntArray, FloatArray | IntArray] | None" = None,
    ) -> Allocation:
        money = spend.astype(np.float64, copy=False)
        if batch.active is not None:
            money = money * batch.active[..., None]
        money, weights, depth, fired = self._armed.apply(
            money,
            dayparts.astype(np.float64, copy=False),
            discount.astype(np.float64, copy=False),
            batch.previous_base,
        )
        rows = range(len(batch))
        own: Source = "policy" if batch.held is None else "held"
        source: list[Source] = [own for _ in rows] if plan is None else ["plan" if plan[row] else own for row in rows]
        return Allocation(
            batch=batch,
            source=source,
            guardrails=fired,
            policy=[self.bundle.plan.name if one == "plan" else self.policy for one in source],
            spend_base=money,
            daypart_weights=weights,
            discount_frac=depth,
            mechanic=mechanic.astype(np.int64, copy=False),
            tactic=None if drawn is None else drawn[0].astype(np.int64, copy=False),
            propensity=None if drawn is None else drawn[1].astype(np.float64, copy=False),
            probabilities=None if drawn is None else drawn[2].astype(np.float64, copy=False),
        )


def _features(batch: Batch, plan: BoolArray | None) -> "dict[str, FloatArray | IntArray]":
    """The features that the graph reads. The plan looks at none, so nothing strange may come in with its rows."""
    found: dict[str, FloatArray | IntArray] = {"regions": batch.regions, "cells": batch.cells}
    if batch.channels is not None:
        found["channels"] = batch.channels
    if plan is None:
        return found
    return {name: np.where(plan.reshape(-1, *[1] * (array.ndim - 1)), 0.0, array) for name, array in found.items()}


def _direct_inputs(batch: Batch, plan: BoolArray | None) -> "dict[str, FloatArray | IntArray]":
    return {
        **_features(batch, plan),
        "day": batch.day,
        "budget_base": batch.budget_base,
        "region_base": batch.region_base,
        "channel_base": batch.channel_base,
    }
