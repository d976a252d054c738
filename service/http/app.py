"""The service as an ASGI application: one table of its routes, from which they are served and documented."""

from pathlib import Path

import msgspec

from xbopt.service.http.batches import CONTENT_TYPE as BATCH
from xbopt.service.http.engine import Engine
from xbopt.service.http.gateway import Gateway
from xbopt.service.http.hosts import HostRule
from xbopt.service.http.openapi import describe, example_request, one_or_many, reference
from xbopt.service.http.operations import METRICS, KillSwitch, Operations, RollBack, SwapRequest
from xbopt.service.http.routes import JSON, Route
from xbopt.service.http.tokens import Tokens

_BYTES: dict[str, object] = {"type": "string", "format": "binary"}
_COUNTS: dict[str, object] = {
    "type": "object",
    "properties": {name: {"type": "integer"} for name in ("accepted", "new", "known")},
    "required": ["accepted", "new", "known"],
}


def build_app(
    engine: Engine,
    *,
    bundles: Path,
    tokens: Tokens | None = None,
    most_bytes: int = 32 << 20,
    body_seconds: float = 10.0,
    stop_seconds: float = 1.5,
    hosts: HostRule | None = None,
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
    """
    operations = Operations(engine, bundles)
    routes = routes_of(operations, engine)
    types = (engine.allocator.reader.request_type, SwapRequest, KillSwitch, RollBack)
    operations.document = msgspec.json.encode(describe(routes, types, secured=tokens is not None))
    return Gateway(
        routes, engine, tokens=tokens, hosts=hosts or HostRule(None), most_bytes=most_bytes, body_seconds=body_seconds,
        stop_seconds=stop_seconds,
    )  # fmt: skip


def routes_of(do: Operations, engine: Engine) -> list[Route]:
    """All routes."""
    return [
        Route(
            method="POST", path="/v1/allocate", tag="decisions", handle=do.allocate, right="allocate", timed=True,
            operation_id="allocate",
            summary="Spend, timing and discounts for one market day, or for several",
            description=(
                "One request or a list of requests as JSON; or a batch as bytes, which is many times faster. The "
                "decision is on disk before the answer leaves. The same decision_id gives the same answer again."
            ),
            takes={JSON: one_or_many("AllocationRequest"), BATCH: _BYTES},
            gives={JSON: one_or_many("AllocationAnswer"), BATCH: _BYTES},
            example=example_request(engine), problems=(404, 415),
        ),
        Route(
            method="POST", path="/v1/outcomes", tag="decisions", handle=do.outcomes, right="outcomes", named=True,
            operation_id="outcomes",
            summary="What decisions brought",
            description="Sending the same outcome again changes nothing. A correction carries a higher revision.",
            takes={JSON: one_or_many("Outcome")}, gives={JSON: _COUNTS}, problems=(404, 415),
        ),
        Route(path="/health/live", tag="health", summary="Whether the process runs", handle=do.live, right=None),
        Route(
            path="/health/ready", tag="health", summary="Whether decisions can be made and stored", handle=do.ready,
            right=None, problems=(503,),
        ),
        Route(
            path="/metrics", tag="health", summary="Metrics for Prometheus", handle=do.metrics,
            gives={METRICS.partition(";")[0]: {"type": "string"}},
        ),
        Route(path="/openapi.json", tag="health", summary="This document", handle=do.openapi),
        Route(path="/v1/bundle", tag="bundle", summary="The bundle that decides, and its schema", handle=do.bundle),
        Route(
            method="POST", path="/v1/admin/bundle", tag="administration", handle=do.swap, right="admin",
            summary="Decide with another bundle from now on", takes={JSON: reference("SwapRequest")},
        ),
        Route(
            method="POST", path="/v1/admin/rollback", tag="administration", handle=do.roll_back, right="admin",
            summary="Decide with the bundle before this one again", takes={JSON: reference("RollBack")},
        ),
        Route(
            method="POST", path="/v1/admin/kill-switch", tag="administration", handle=do.kill_switch, right="admin",
            summary="Let the plan answer everything, or nothing be spent, or neither",
            takes={JSON: reference("KillSwitch")},
        ),
        Route(path="/v2", tag="inference", summary="About this server", handle=do.server),
        Route(path="/v2/health/live", tag="inference", summary="Whether the process runs", handle=do.live, right=None),
        Route(
            path="/v2/health/ready", tag="inference", summary="Whether inference works", handle=do.inference_ready,
            right=None, problems=(503,),
        ),
        Route(path="/v2/models/{name}", tag="inference", summary="Inputs and outputs of the model", handle=do.model),
        Route(
            path="/v2/models/{name}/ready", tag="inference", summary="Whether the model is ready",
            handle=do.model_ready,
        ),
        Route(
            method="POST", path="/v2/models/{name}/infer", tag="inference", handle=do.infer, right="allocate",
            summary="Decide for a batch of markets", untyped=True, takes={JSON: reference("InferenceRequest")},
            gives={JSON: reference("InferenceAnswer")},
        ),
    ]  # fmt: skip
