"""The FastAPI application: the routes that are not hot, and the documentation of all of them."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated

import msgspec
from fastapi import FastAPI, HTTPException, Request, Response
from fastapi import Path as PathParameter
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException as StarletteHTTPException

from xbopt.core.errors import BundleError, UsageError
from xbopt.core.version import __version__
from xbopt.service.deciding.reading import RequestError
from xbopt.service.http.engine import Engine
from xbopt.service.http.gateway import Gateway
from xbopt.service.http.inference import model_metadata, read_inference, write_inference
from xbopt.service.http.openapi import describe
from xbopt.service.http.problems import CONTENT_TYPE, ProblemError, problem_body
from xbopt.service.http.tokens import Tokens
from xbopt.service.store.interface import StoreError

_JSON = "application/json"
_METRICS = "text/plain; version=0.0.4; charset=utf-8"
_FILE_NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$"


class SwapRequest(BaseModel):
    """A bundle beside the one that was served first."""

    model_config = ConfigDict(extra="forbid", strict=True)
    file: Annotated[str, Field(pattern=_FILE_NAME, description="name of the folder or archive, without a path")]


class KillSwitch(BaseModel):
    """The kill switch."""

    model_config = ConfigDict(extra="forbid", strict=True)
    on: Annotated[bool, Field(description="whether the plan answers everything")]


def build_app(
    engine: Engine,
    *,
    bundles: Path,
    tokens: Tokens | None = None,
    most_bytes: int = 32 << 20,
    body_seconds: float = 10.0,
) -> Gateway:
    """The service as an ASGI application.

    Args:
        engine: Decides.
        bundles: Folder from which bundles may be swapped in.
        tokens: Who may do what; None for no check.
        most_bytes: Largest body.
        body_seconds: How long a body may take to come.
    """

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncGenerator[None]:
        await engine.start()
        try:
            yield
        finally:
            await engine.stop()

    app = FastAPI(
        title="xbopt allocation service",
        version=__version__,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
    )
    _add_errors(app)
    _add_reading(app, engine)
    _add_administration(app, engine, bundles)
    _add_inference(app, engine)
    document = msgspec.json.encode(describe(app, engine, secured=tokens is not None))
    app.add_route("/openapi.json", lambda _request: Response(document, media_type=_JSON), methods=["GET"])
    return Gateway(app, engine, tokens=tokens, most_bytes=most_bytes, body_seconds=body_seconds)


def _json(value: object, status: int = 200) -> Response:
    return Response(msgspec.json.encode(value), status_code=status, media_type=_JSON)


def _problem(status: int, detail: str) -> Response:
    return Response(problem_body(status, detail), status_code=status, media_type=CONTENT_TYPE)


def _add_errors(app: FastAPI) -> None:
    @app.exception_handler(ProblemError)
    async def problem(_request: Request, error: ProblemError) -> Response:
        return _problem(error.status, error.detail)

    @app.exception_handler(RequestValidationError)
    async def invalid(_request: Request, error: RequestValidationError) -> Response:
        what = "; ".join(f"{'.'.join(str(part) for part in one['loc'])}: {one['msg']}" for one in error.errors()[:5])
        return _problem(422, what)

    @app.exception_handler(StarletteHTTPException)
    async def other(_request: Request, error: HTTPException) -> Response:
        response = _problem(error.status_code, str(error.detail))
        for name, value in (error.headers or {}).items():
            response.headers[name] = value
        return response

    del problem, invalid, other


def _add_reading(app: FastAPI, engine: Engine) -> None:
    @app.get("/health/live", tags=["health"], summary="Whether the process runs")
    async def live() -> Response:
        return _json({"live": True})

    @app.get("/health/ready", tags=["health"], summary="Whether decisions can be made and stored")
    async def ready() -> Response:
        if not engine.ready:
            return _problem(503, "The service is starting or stopping.")
        try:
            await engine.commit.check()
        except StoreError as error:
            return _problem(503, f"The decision store cannot be used: {error}")
        return _json({"ready": True, "bundle": engine.allocator.address})

    @app.get("/metrics", tags=["health"], summary="Metrics for Prometheus")
    async def metrics() -> Response:
        engine.metrics.waiting.set(engine.commit.waiting)
        return Response(engine.metrics.page(), media_type=_METRICS)

    @app.get("/v1/bundle", tags=["bundle"], summary="The bundle that decides, and its schema")
    async def bundle() -> Response:
        allocator = engine.allocator
        return _json(
            {
                "manifest": allocator.bundle.manifest,
                "schema": allocator.bundle.schema,
                "schema_sha256": allocator.schema_sha256,
                "guardrails": allocator.bundle.guardrails,
                "units": allocator.units,
                "proven": allocator.bundle.certificate is not None,
                "kill_switch": engine.killed or allocator.bundle.guardrails.kill_switch,
            }
        )

    del live, ready, metrics, bundle


def _add_administration(app: FastAPI, engine: Engine, bundles: Path) -> None:
    def told() -> Response:
        manifest = engine.allocator.bundle.manifest
        return _json({"bundle": engine.allocator.address, "name": manifest.name, "version": manifest.version})

    @app.post("/v1/admin/bundle", tags=["administration"], summary="Decide with another bundle from now on")
    async def swap(request: SwapRequest) -> Response:
        try:
            await engine.swap(bundles / request.file)
        except (BundleError, UsageError) as error:
            raise ProblemError(422, str(error)) from error
        except StoreError as error:
            raise ProblemError(503, f"The change cannot be written down, so nothing was changed: {error}") from error
        return told()

    @app.post("/v1/admin/rollback", tags=["administration"], summary="Decide with the bundle before this one again")
    async def roll_back() -> Response:
        await engine.roll_back()
        return told()

    @app.post("/v1/admin/kill-switch", tags=["administration"], summary="Let the plan answer everything, or not")
    async def kill_switch(request: KillSwitch) -> Response:
        engine.kill(on=request.on)
        return _json({"kill_switch": engine.killed})

    del swap, roll_back, kill_switch


def _add_inference(app: FastAPI, engine: Engine) -> None:
    name_of = PathParameter(description="name of the bundle")

    def check_name(name: str) -> None:
        own = engine.allocator.bundle.manifest.name
        if name != own:
            raise ProblemError(404, f"There is no model {name[:64]!r}; this service has {own!r}.")

    @app.get("/v2", tags=["inference"], summary="About this server")
    async def server() -> Response:
        return _json({"name": "xbopt", "version": __version__, "extensions": []})

    @app.get("/v2/health/live", tags=["inference"], summary="Whether the process runs")
    async def v2_live() -> Response:
        return _json({"live": True})

    @app.get("/v2/health/ready", tags=["inference"], summary="Whether inference works")
    async def v2_ready() -> Response:
        return _json({"ready": True}) if engine.ready else _problem(503, "The service is starting or stopping.")

    @app.get("/v2/models/{name}", tags=["inference"], summary="Inputs and outputs of the model")
    async def model(name: Annotated[str, name_of]) -> Response:
        check_name(name)
        return _json(model_metadata(engine.allocator))

    @app.get("/v2/models/{name}/ready", tags=["inference"], summary="Whether the model is ready")
    async def model_ready(name: Annotated[str, name_of]) -> Response:
        check_name(name)
        return _json({"name": name, "ready": engine.ready})

    @app.post("/v2/models/{name}/infer", tags=["inference"], summary="Decide for a batch of markets")
    async def infer(name: Annotated[str, name_of], request: Request) -> Response:
        check_name(name)
        try:
            asked, key, batch = read_inference(await request.body(), engine.allocator)
            # Which outputs are wished for does not make it another request.
            body = msgspec.json.encode(asked.inputs)
            steps = [int(day) for day in batch.day]
            allocation, address, stored = await engine.allocate_batch(
                batch, key=key, body=body, episode_ids=[""] * len(batch), steps=steps
            )
            answer = write_inference(asked, key, allocation, engine.allocator, address=address, stored=stored)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise ProblemError(422 if isinstance(error, msgspec.ValidationError) else 400, f"{error}.") from error
        except RequestError as error:
            raise ProblemError(422, str(error)) from error
        return _json(answer)

    del server, v2_live, v2_ready, model, model_ready, infer
