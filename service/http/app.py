"""The service as an ASGI application: one table of its routes, from which they are served and documented."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import msgspec

from xbopt.service.deciding.allocator import Allocator
from xbopt.service.deciding.requests import AllocationAnswer
from xbopt.service.http.answers import (
    BundleDescription,
    BundleName,
    InferenceReady,
    KillSwitchState,
    Live,
    OutcomeCounts,
    Ready,
)
from xbopt.service.http.batches import CONTENT_TYPE as BATCH
from xbopt.service.http.engine import Engine
from xbopt.service.http.gateway import Gateway
from xbopt.service.http.hosts import HostRule
from xbopt.service.http.inference import InferenceAnswer, InferenceRequest
from xbopt.service.http.model_operations import ModelOperations
from xbopt.service.http.model_repository import (
    IndexEntry,
    IndexQuery,
    ModelConfig,
    ModelMetadata,
    ModelReady,
    ServerMetadata,
    StatisticsAnswer,
)
from xbopt.service.http.openapi import describe, one_or_many
from xbopt.service.http.operations import KillSwitch, Operations, RollBack, SwapRequest
from xbopt.service.http.routes import JSON, Route
from xbopt.service.http.tensor_bytes import CONTENT_TYPE as BYTES
from xbopt.service.http.tensor_bytes import HEADER_LENGTH
from xbopt.service.http.tokens import Tokens

_BINARY: dict[str, object] = {"type": "string", "format": "binary"}
_TEXT: dict[str, object] = {"type": "string"}


def build_app(
    engine: Engine,
    *,
    bundles: Path,
    tokens: Tokens | None = None,
    most_bytes: int = 32 << 20,
    body_seconds: float = 10.0,
    stop_seconds: float = 1.5,
    hosts: HostRule | None = None,
    further: Sequence[Route] = (),
) -> Gateway:
    """The service as an ASGI application.

    Args:
        engine: Decides.
        bundles: Folder from which bundles may be swapped in.
        tokens: Who may do what; None for no check.
        most_bytes: Largest body.
        body_seconds: How long a body may take to come.
        stop_seconds: How long the engine may take to stop.
        hosts: For whom requests may be; None for anybody.
        further: Routes of what stands above the service.
    """
    operations = Operations(engine, bundles)
    routes = [*routes_of(operations), *inference_routes_of(ModelOperations(engine)), *further]
    secured = tokens is not None

    def document(allocator: Allocator) -> bytes:
        return msgspec.json.encode(describe(routes, allocator, secured=secured))

    operations.describe = document
    engine.metrics.expect_routes([*((route.label, route.timed) for route in routes), ("other", False)])
    return Gateway(
        routes, engine, tokens=tokens, hosts=hosts or HostRule(None), most_bytes=most_bytes, body_seconds=body_seconds,
        stop_seconds=stop_seconds,
    )  # fmt: skip


def routes_of(do: Operations) -> list[Route]:
    """The routes of the service itself."""
    return [
        Route(
            method="POST", path="/v1/allocate", tag="decisions", handle=do.allocate, right="allocate", timed=True,
            operation_id="allocate",
            summary="Spend, timing and discounts for one market day, or for several",
            description=(
                "One request or a list of requests. The decision is on disk before the answer leaves. The same "
                f"decision_id gives the same answer again. Batches as bytes are taken here too, as {BATCH}."
            ),
            takes={JSON: one_or_many("AllocationRequest")}, also=(BATCH,),
            gives={JSON: AllocationAnswer | list[AllocationAnswer]}, problems=(404,),
        ),
        Route(
            method="POST", path="/v1/batches", tag="decisions", handle=do.batch, right="allocate", timed=True,
            operation_id="allocate_batch", summary="Spend, timing and discounts for a batch as bytes",
            description=(
                "Many times faster than a list. XBB1, the length of a header (4 bytes), the header as JSON, and the "
                "inputs of the schema one after the other, 8 bytes a number, little-endian; the answer likewise."
            ),
            takes={BYTES: _BINARY}, also=(BATCH,), gives={BYTES: _BINARY}, problems=(404,),
        ),
        Route(
            method="POST", path="/v1/outcomes", tag="decisions", handle=do.outcomes, right="outcomes", named=True,
            operation_id="outcomes",
            summary="What decisions brought",
            description="Sending the same outcome again changes nothing. A correction carries a higher revision.",
            takes={JSON: one_or_many("Outcome")}, gives={JSON: OutcomeCounts}, problems=(404,),
        ),
        Route(
            path="/health/live", tag="health", summary="Whether the process runs", handle=do.live, right=None,
            operation_id="live", gives={JSON: Live},
        ),
        Route(
            path="/health/ready", tag="health", summary="Whether decisions can be made and stored", handle=do.ready,
            operation_id="ready", right=None, gives={JSON: Ready}, problems=(503,),
        ),
        Route(
            path="/metrics", tag="health", summary="Metrics for Prometheus", handle=do.metrics, operation_id="metrics",
            gives={"text/plain": _TEXT, "application/openmetrics-text": _TEXT},
        ),
        Route(
            path="/openapi.json", tag="health", summary="This document", handle=do.openapi, operation_id="openapi",
            gives={JSON: {"type": "object", "additionalProperties": True}},
        ),
        Route(
            path="/v1/bundle", tag="bundle", summary="The bundle that decides, and its schema", handle=do.bundle,
            operation_id="bundle", gives={JSON: BundleDescription},
        ),
        Route(
            method="POST", path="/v1/admin/bundle", tag="administration", handle=do.swap, right="admin",
            named=True,
            operation_id="swap_bundle", summary="Decide with another bundle from now on",
            takes={JSON: SwapRequest}, gives={JSON: BundleName},
        ),
        Route(
            method="POST", path="/v1/admin/rollback", tag="administration", handle=do.roll_back, right="admin",
            named=True,
            operation_id="roll_back", summary="Decide with the bundle before this one again",
            takes={JSON: RollBack}, needs_body=False, gives={JSON: BundleName},
        ),
        Route(
            method="POST", path="/v1/admin/kill-switch", tag="administration", handle=do.kill_switch, right="admin",
            named=True,
            operation_id="kill_switch", summary="Let the plan answer everything, or nothing be spent, or neither",
            takes={JSON: KillSwitch}, gives={JSON: KillSwitchState},
        ),
    ]  # fmt: skip


def inference_routes_of(do: ModelOperations) -> list[Route]:
    """The routes of the Open Inference Protocol."""
    return [
        Route(
            path="/v2", tag="inference", summary="About this server", handle=do.server,
            operation_id="server_metadata", gives={JSON: ServerMetadata},
        ),
        Route(
            path="/v2/health/live", tag="inference", summary="Whether the process runs", handle=do.live, right=None,
            operation_id="server_live", gives={JSON: Live},
        ),
        Route(
            path="/v2/health/ready", tag="inference", summary="Whether inference works", handle=do.ready, right=None,
            operation_id="server_ready", gives={JSON: InferenceReady}, problems=(503,),
        ),
        Route(
            path="/v2/models/stats", tag="inference", summary="How every version was used since the service started",
            operation_id="statistics", handle=do.statistics, gives={JSON: StatisticsAnswer},
        ),
        Route(
            method="POST", path="/v2/repository/index", tag="inference", summary="The models that there are",
            operation_id="repository_index", handle=do.index, right="read",
            takes={JSON: IndexQuery}, also=("",), needs_body=False,
            gives={JSON: list[IndexEntry]},
        ),
        *_of_any_version(
            Route(
                path="/v2/models/{name}", tag="inference", summary="Inputs and outputs of the model", handle=do.model,
                operation_id="model_metadata", gives={JSON: ModelMetadata},
            ),
            Route(
                path="/v2/models/{name}/ready", tag="inference", summary="Whether the model is ready",
                operation_id="model_ready", handle=do.model_ready, gives={JSON: ModelReady},
                problems=(503,),
            ),
            Route(
                path="/v2/models/{name}/config", tag="inference", summary="How the model is set up",
                operation_id="model_config", handle=do.model_config, gives={JSON: ModelConfig},
            ),
            Route(
                path="/v2/models/{name}/stats", tag="inference", operation_id="model_statistics",
                summary="How the model was used since the service started", handle=do.model_statistics,
                gives={JSON: StatisticsAnswer},
            ),
            Route(
                method="POST", path="/v2/models/{name}/infer", tag="inference", handle=do.infer, right="allocate",
                operation_id="infer", summary="Decide for a batch of markets", timed=True, header=HEADER_LENGTH,
                description=(
                    "Tensors as JSON, or as bytes behind it: the binary data extension of the protocol. The decisions "
                    "are on disk before the answer leaves. The same id with the same body gives the same answer again."
                ),
                takes={JSON: InferenceRequest, BYTES: _BINARY}, also=("",),
                gives={JSON: InferenceAnswer, BYTES: _BINARY},
            ),
        ),
    ]  # fmt: skip


def _of_any_version(*routes: Route) -> Iterator[Route]:
    """Routes of a model, and the same with its version in the path."""
    for route in routes:
        yield route
        path = route.path.replace("{name}", "{name}/versions/{version}")
        yield replace(route, path=path, operation_id=f"{route.operation_id}_of_version")
