"""Deciding: from a request to spend, timing and discounts, with the propensity of what is done in the end."""

import hashlib
from dataclasses import replace
from functools import cached_property
from pathlib import Path

import msgspec
import numpy as np

from xbopt.core.arrays import BoolArray, FloatArray, IntArray
from xbopt.core.decisions.decision import Decision
from xbopt.core.decisions.feasibility import project
from xbopt.service.bundle.bundle import Bundle, load_bundle
from xbopt.service.bundle.graph_session import Arrays, floats_of
from xbopt.service.bundle.keys import TrustedKeys
from xbopt.service.bundle.native_graph import Decider
from xbopt.service.bundle.schema import OUTPUTS, shape_of, stored_lengths
from xbopt.service.deciding.batch import Batch
from xbopt.service.deciding.draws import new_decision_id, uniforms
from xbopt.service.deciding.guardrails import DISCOUNT, DRIFT, KILL_SWITCH, MISSING, allowed_tactics, arm, stand_ins
from xbopt.service.deciding.reading import RequestReader, is_featured
from xbopt.service.deciding.requests import AllocationRequest, KillMode, RequestError, Source

_WHOLE = 1.0 - 1e-12
"""Probabilities that sum to no less are all allowed."""
STORE_FAILURE = "store_failure"
"""Written among the fired guardrails where the plan answered because a decision could not be stored."""
STOPPED = "stopped"
"""Source and policy of a decision that spends nothing because the kill switch says so."""
INCUMBENT = "incumbent"
"""Source and policy of a decision that is made beforehand, and shares a campaign with the policy."""


class Allocation(msgspec.Struct, frozen=True, kw_only=True):
    """Decisions for a batch of markets.

    Attributes:
        batch: What was asked.
        source: ``policy``, ``held``, ``plan``, ``incumbent`` or ``stopped``, by row.
        guardrails: Guardrails that changed something, by row.
        off: Guardrails that could not work, because the request does not say what they need, by row.
        kill: What the kill switch of the service said.
        policy: Name of the policy, or of the plan, by row.
        outputs: What is to be done, by name and in the order of the schema; ``allowed_mass`` is left out.
    """

    batch: Batch
    source: list[Source]
    guardrails: list[list[str]]
    off: list[list[str]]
    policy: list[str]
    outputs: Arrays
    kill: KillMode = "off"

    @property
    def spend_base(self) -> FloatArray:
        """Spend of the day ``(B, R, S, C)``, base currency."""
        return floats_of(self.outputs, "spend_base")

    @property
    def daypart_weights(self) -> FloatArray:
        """How a channel's spend is spread over the day ``(B, R, C, H)``."""
        return floats_of(self.outputs, "daypart_weights")

    @property
    def discount_frac(self) -> FloatArray:
        """Discount ``(B, R, S)``."""
        return floats_of(self.outputs, "discount_frac")

    @property
    def mechanic(self) -> IntArray:
        """Promotion mechanic ``(B, R, S)``."""
        return self.outputs["mechanic"].astype(np.int64, copy=False)

    @property
    def decision(self) -> Decision:
        """What is to be done."""
        return Decision(
            spend_base=self.spend_base,
            daypart_weights=self.daypart_weights,
            discount_frac=self.discount_frac,
            mechanic=self.mechanic,
        )

    @property
    def tactic(self) -> IntArray | None:
        """Drawn tactic ``(B, R, S)``, -1 where none was drawn; None for a policy without a menu."""
        return self.outputs["tactic"].astype(np.int64, copy=False) if "tactic" in self.outputs else None

    @property
    def levels(self) -> IntArray | None:
        """Drawn level of each factor ``(B, A)``, -1 where none was drawn; None for a policy without factors."""
        return self.outputs["levels"].astype(np.int64, copy=False) if "levels" in self.outputs else None

    @property
    def propensity(self) -> FloatArray | None:
        """Probability of the tactic after guardrails ``(B, R, S)``, or of each level ``(B, A)``.

        0 where nothing was drawn; None for a direct policy.
        """
        return floats_of(self.outputs, "propensity") if "propensity" in self.outputs else None

    @property
    def probabilities(self) -> FloatArray | None:
        """Probability of each tactic after guardrails ``(B, R, S, K)``, or of each level ``(B, A, L)``.

        None for a direct policy.
        """
        return floats_of(self.outputs, "probabilities") if "probabilities" in self.outputs else None


class Allocator:
    """Decides by a bundle; the same request with the same decision id gives the same answer, bit for bit.

    Needs numpy, msgspec and onnxruntime; the native kernel decides where it is there (``bundle.decider``).

    Args:
        bundle: A loaded bundle.
    """

    def __init__(self, bundle: Bundle) -> None:
        self.bundle = bundle
        schema, manifest = bundle.schema, bundle.manifest
        self._graph = bundle.decider.graph
        self.schema_sha256 = hashlib.sha256(bundle.schema_bytes).hexdigest()
        self.address = manifest.content_address
        self.currency = schema.currency
        self.policy = manifest.provenance.policy
        self.reader = RequestReader(schema, bundle.guardrails, schema_sha256=self.schema_sha256)
        self._armed = arm(bundle.guardrails, schema, bundle.plan.limits)
        self._tactics = schema.shape == "tactic"
        self._cells = (len(schema.axes["R"]), len(schema.axes["S"]))
        self._places = self._cells[0] * self._cells[1]
        self.lengths = stored_lengths(schema)
        self._featured = {field.name for field in schema.asked if is_featured(field)}
        self._factors = len(schema.axes.get("A", []))
        self._free = np.full((1, self._factors) if self._factors else (1, *self._cells), -1, dtype=np.int64)
        self._mask_is_open = True
        if self._tactics:
            wanted = bundle.plan.tactic
            assert wanted is not None, "the loader gives every tactic bundle a plan of tactics"
            self._allowed, self._default = allowed_tactics(self._armed.discount, schema, wanted[0])
            self._mask_is_open = bool((self._allowed == 1.0).all())
            if not self._mask_is_open:
                self._stand_in = stand_ins(self._allowed == 1.0, schema)
            # The plan answers where the policy may not; it keeps the same mask.
            forbidden = np.take_along_axis(self._allowed[None], wanted[..., None], axis=3)[..., 0] == 0.0
            self._plan_tactic = np.where(forbidden, self._default.argmax(axis=2), wanted)

    @cached_property
    def by_reference(self) -> "Allocator":
        """The same, but that onnxruntime works the graph out, as it does where there is no kernel."""
        if self.bundle.decider.name == "graph":
            return self
        return Allocator(replace(self.bundle, decider=Decider("graph", "It is the reference.", self.bundle.session)))

    @classmethod
    def load(cls, path: Path | str, *, unproven: bool = False, trusted_key: TrustedKeys = None) -> "Allocator":
        """Load a bundle and make an allocator of it.

        Raises:
            BundleError: The bundle was tampered with, is broken or incompatible, or has no certificate.
            UsageError: There is nothing of that name.
        """
        return cls(load_bundle(Path(path), unproven=unproven, trusted_key=trusted_key))

    @property
    def units(self) -> list[str]:
        """Cells as ``region/segment``, in order."""
        return self.reader.beside.units

    @property
    def allowed(self) -> BoolArray | None:
        """Which tactics the guardrails allow ``(R, S, K)``; None where they allow all."""
        return None if self._mask_is_open else self._allowed == 1.0

    def allocate(self, request: AllocationRequest, *, kill: KillMode = "off") -> Allocation:
        """Decide for one market.

        Args:
            request: What is known, and what may still be spent.
            kill: Whether the plan answers, or nothing is spent.

        Raises:
            RequestError: The request does not fit the schema.
        """
        batch = self.reader.plain(request)
        if batch is None:
            asked = self.reader.checked(request)
            batch = self.reader.one(asked, asked.decision_id or new_decision_id())
        return self.decide(batch, kill=kill)

    def decide(self, batch: Batch, *, kill: KillMode = "off") -> Allocation:
        """Decide for a batch of markets.

        Args:
            batch: What is known, and what may still be spent.
            kill: Whether the plan answers, or nothing is spent.

        Raises:
            RequestError: Inputs lie outside what was seen, and the guardrails say to refuse them.
        """
        rules = self.bundle.guardrails
        if kill == "zero":
            return self._stopped(batch, kill)
        if kill == "plan" or rules.kill_switch:
            return msgspec.structs.replace(self._by_plan(batch, KILL_SWITCH), kill=kill)
        if batch.incumbent is not None:
            return self._carried_on(batch, batch.incumbent)
        drifted, lacking = batch.drifted, self.reader.too_much_missing(batch)
        if drifted is not None and rules.on_drift == "refuse":
            names = ", ".join(self.reader.drifted_features(batch))
            raise RequestError(f"Inputs lie outside what the policy has seen: {names}.")
        plan = lacking
        if drifted is not None and rules.on_drift == "fallback":
            plan = drifted if lacking is None else drifted | lacking
        allocation = self._by_tactic(batch, plan) if self._tactics else self._directly(batch, plan)
        for why, rows in ((MISSING, lacking), (DRIFT, drifted)):
            if rows is not None:
                for row in np.flatnonzero(rows).tolist():
                    allocation.guardrails[row].insert(0, why)
        return allocation

    def by_plan(self, batch: Batch, why: str, *, kill: KillMode = "off") -> Allocation:
        """Decide by the plan, and say why; where the kill switch stops everything, nothing is spent here either."""
        if kill != "zero":
            return msgspec.structs.replace(self._by_plan(batch, why), kill=kill)
        allocation = self._stopped(batch, kill)
        for fired in allocation.guardrails:
            fired.insert(0, why)
        return allocation

    def _by_plan(self, batch: Batch, why: str) -> Allocation:
        every = np.ones(len(batch), dtype=np.bool_)
        allocation = self._by_tactic(batch, every) if self._tactics else self._directly(batch, every)
        for fired in allocation.guardrails:
            fired.insert(0, why)
        return allocation

    def _stopped(self, batch: Batch, kill: KillMode) -> Allocation:
        """No spend, no discount, and nothing drawn, whatever is asked; the hours of the day are the plan's."""
        rows = len(batch)
        outputs = self._undrawn(rows)
        outputs["daypart_weights"] = np.repeat(self.bundle.plan.daypart_weights[None], rows, axis=0)
        return Allocation(
            batch=batch,
            source=[STOPPED for _ in range(rows)],
            guardrails=[[KILL_SWITCH] for _ in range(rows)],
            off=[[] for _ in range(rows)],
            policy=[STOPPED for _ in range(rows)],
            outputs=outputs,
            kill=kill,
        )

    def _carried_on(self, batch: Batch, incumbent: Decision) -> Allocation:
        """An incumbent's decision, within the limits and the guardrails; nothing is drawn."""
        done, _ = project(incumbent, self.bundle.plan.limits, batch.remaining)
        money, weights, depth, fired = self._armed.apply(
            batch, done.spend_base, done.daypart_weights, done.discount_frac
        )
        rows = len(batch)
        decided: Arrays = {
            "spend_base": money, "daypart_weights": weights, "discount_frac": depth, "mechanic": done.mechanic,
        }  # fmt: skip
        return Allocation(
            batch=batch,
            source=[INCUMBENT for _ in range(rows)],
            guardrails=fired,
            off=self._armed.unable(batch),
            policy=[INCUMBENT for _ in range(rows)],
            outputs=self._undrawn(rows) | decided,
        )

    def _undrawn(self, rows: int) -> Arrays:
        """Outputs of a decision in which nothing is spent or drawn, in the order of the schema."""
        schema = self.bundle.schema
        outputs: Arrays = {}
        for field in schema.outputs:
            if field.name != "allowed_mass":
                zeros = np.zeros(shape_of(field, schema, rows))
                outputs[field.name] = zeros.astype(np.int64) if field.dtype == "int64" else zeros
        for name in {"tactic", "levels"} & outputs.keys():
            outputs[name] -= 1
        return outputs

    def _by_tactic(self, batch: Batch, plan: BoolArray | None) -> Allocation:
        rows = len(batch)
        forced = self._free if rows == 1 else np.broadcast_to(self._free, (rows, *self._cells))
        barred: BoolArray | None = None
        if batch.held is not None:
            forced = batch.held
            if not self._mask_is_open:
                forced = np.where(forced >= 0, self._instead(forced), forced)
                barred = (forced != batch.held).any(axis=(1, 2))
        if plan is not None:
            forced = np.where(plan[:, None, None], self._plan_tactic[batch.day], forced)
        found = self._graph.named(
            {
                **self._inputs(batch, plan),
                "uniform": uniforms(batch.decision_ids, self._places).reshape(rows, *self._cells),
                "forced": forced,
                "allowed": self._allowed,
                "default": self._default,
            }
        )
        mass = found.pop("allowed_mass")
        allocation = self._guarded(batch, plan, found)
        if not self._mask_is_open and (barred is not None or np.count_nonzero(mass < _WHOLE)):
            masked = (mass < _WHOLE).any(axis=(1, 2, 3))
            for row in np.flatnonzero(masked if barred is None else masked | barred).tolist():
                if DISCOUNT not in allocation.guardrails[row]:
                    allocation.guardrails[row].insert(0, DISCOUNT)
        return allocation

    def _instead(self, held: IntArray) -> IntArray:
        """Tactics that hold ``(B, R, S)``, and where one is forbidden, the allowed one that stands in for it."""
        return np.take_along_axis(self._stand_in[None], held[..., None].clip(0), axis=3)[..., 0]

    def _directly(self, batch: Batch, plan: BoolArray | None) -> Allocation:
        """A policy that names its decision, or draws levels: where it may not, the plan's decision stands alone."""
        if plan is None:
            found = self._answered(batch, None)
        elif plan.all():
            found = self._planned(batch)
        else:
            own, other = self._answered(batch, plan), self._planned(batch)
            found = {name: np.where(_by_row(plan, own[name]), other[name], own[name]) for name in own}
        return self._guarded(batch, plan, found)

    def _answered(self, batch: Batch, plan: BoolArray | None) -> Arrays:
        """What the graph says, with draws of levels where it has any."""
        inputs = self._inputs(batch, plan)
        if self._factors:
            rows = len(batch)
            free = np.broadcast_to(self._free, (rows, self._factors))
            drawn = {"uniform": uniforms(batch.decision_ids, self._factors), "forced": free}
            inputs = {**inputs, **drawn, **({} if batch.held is None else {"forced": batch.held})}
        return self._graph.named(inputs)

    def _inputs(self, batch: Batch, plan: BoolArray | None) -> Arrays:
        """What the graph reads. The plan looks at no feature, so nothing strange may come in with its rows."""
        if plan is None:
            return batch.inputs
        return {
            name: np.where(_by_row(plan, array), 0.0, array) if name in self._featured else array
            for name, array in batch.inputs.items()
        }

    def _planned(self, batch: Batch) -> Arrays:
        """The plan of each row's day, within the limits; no level of it was drawn."""
        plan = self.bundle.plan
        asked = Decision(
            spend_base=plan.spend_base[batch.day],
            daypart_weights=np.broadcast_to(plan.daypart_weights, (len(batch), *plan.daypart_weights.shape)),
            discount_frac=plan.discount_frac[batch.day],
            mechanic=plan.mechanic[batch.day],
        )
        done, _ = project(asked, plan.limits, batch.remaining)
        found: Arrays = {name: getattr(done, name) for name in OUTPUTS}
        for field in self.bundle.schema.outputs:
            if field.name not in found:
                zeros = np.zeros(shape_of(field, self.bundle.schema, len(batch)))
                found[field.name] = zeros if field.dtype == "float64" else zeros.astype(np.int64) - 1
        return found

    def _guarded(self, batch: Batch, plan: BoolArray | None, found: Arrays) -> Allocation:
        rows = len(batch)
        money, weights, depth, fired = self._armed.apply(
            batch,
            floats_of(found, "spend_base"),
            floats_of(found, "daypart_weights"),
            floats_of(found, "discount_frac"),
        )
        source: list[Source] = ["policy"] * rows
        if batch.held is not None:
            # Stores of before hold single decisions that name no tactic and say held.
            carried: list[int] = (batch.held >= 0).reshape(rows, -1).sum(axis=1).tolist()
            source = ["held" if count or rows == 1 else "policy" for count in carried]
        policy = [self.policy] * rows
        if plan is not None:
            source = ["plan" if plan[row] else source[row] for row in range(rows)]
            policy = [self.bundle.plan.name if one == "plan" else self.policy for one in source]
        return Allocation(
            batch=batch,
            source=source,
            guardrails=fired,
            off=self._armed.unable(batch),
            policy=policy,
            outputs={**found, "spend_base": money, "daypart_weights": weights, "discount_frac": depth},
        )


def _by_row(flags: BoolArray, array: "FloatArray | IntArray") -> BoolArray:
    """Flags by row, in a shape that goes with an array."""
    return flags.reshape(-1, *[1] * (array.ndim - 1))
