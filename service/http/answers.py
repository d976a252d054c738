"""The answers of the smaller routes, typed so that the OpenAPI document says what is in them."""

import msgspec

from xbopt.service.bundle.formats import Guardrails, Manifest
from xbopt.service.bundle.native_graph import DeciderName
from xbopt.service.bundle.schema import Schema
from xbopt.service.deciding.requests import KillMode


class Live(msgspec.Struct, frozen=True):
    """The process runs."""

    live: bool


class Ready(msgspec.Struct, frozen=True):
    """Decisions can be made and stored.

    Attributes:
        ready: That they can.
        bundle: Content address of the bundle that decides.
        kill_switch: How the kill switch stands; a service that is stopped answers, and stores what it answers.
        decider: Who works the policy's graph out: the ``native`` kernel, or onnxruntime, which runs the ``graph``.
        decider_reason: Why.
    """

    ready: bool
    bundle: str
    kill_switch: KillMode
    decider: DeciderName
    decider_reason: str


class InferenceReady(msgspec.Struct, frozen=True):
    """Inference works."""

    ready: bool


class OutcomeCounts(msgspec.Struct, frozen=True):
    """How many outcomes were taken, how many of them were new, and how many were stored before."""

    accepted: int
    new: int
    known: int


class BundleDescription(msgspec.Struct, frozen=True, kw_only=True):
    """The bundle that decides.

    Attributes:
        manifest: What it is and where it comes from.
        schema: Inputs and outputs, and the names along each axis.
        schema_sha256: Hash of the schema, for requests that want to be sure of it.
        guardrails: What no decision may do.
        units: Cells as ``region/segment``, in order.
        proven: Whether it has a certificate.
        kill_switch: Whether the policy decides nothing.
        kill_switch_mode: Who answers instead, by the switch or by the guardrails: the plan, or nobody, with spend 0.
    """

    manifest: Manifest
    schema: Schema
    schema_sha256: str
    guardrails: Guardrails
    units: list[str]
    proven: bool
    kill_switch: bool
    kill_switch_mode: KillMode


class BundleName(msgspec.Struct, frozen=True):
    """The bundle that decides from now on: its content address, its name and its version, and whether it is another."""

    bundle: str
    name: str
    version: str
    changed: bool


class KillSwitchState(msgspec.Struct, frozen=True):
    """Whether the policy decides nothing, and who answers instead."""

    kill_switch: bool
    mode: KillMode
