"""The hot endpoint written the usual way, for comparison: FastAPI, pydantic models in and out, the same decision.

``python -m benchmarks.serving.usual_way BUNDLE STORE PORT together|alone``: ``together`` stores through the same group
commit as the service, ``alone`` commits each request by itself, as most services do.
"""

import sys
import threading
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import uvicorn
from fastapi import FastAPI, HTTPException
from pydantic import BaseModel, Field

from xbopt.service.deciding.allocator import Allocator
from xbopt.service.deciding.requests import AllocationRequest
from xbopt.service.store.group_commit import GroupCommit
from xbopt.service.store.interface import StoreError
from xbopt.service.store.opening import open_store
from xbopt.service.store.recording import answer_of, bundle_entry, decision_entry


class Request(BaseModel):
    """What is asked."""

    model_config = {"extra": "forbid"}
    day: int = Field(ge=0)
    budget_base: float = Field(ge=0)
    regions: list[list[float | None]]
    cells: list[list[list[float | None]]]
    channels: list[list[list[list[float | None]]]] | None = None
    region_base: list[float | None] | None = None
    channel_base: list[float | None] | None = None
    decision_id: str = Field(default="", max_length=128, pattern=r"^[A-Za-z0-9._:\-]*$")
    episode_id: str = ""
    step: int | None = Field(default=None, ge=0)
    units: list[str] | None = None


class Answer(BaseModel):
    """What is answered."""

    decision_id: str
    bundle: str
    policy: str
    source: str
    guardrails: list[str]
    stored: bool
    currency: str
    day: int
    units: list[str]
    off: list[str]
    filled: int
    spend_base: list[list[list[float]]]
    daypart_weights: list[list[list[float]]]
    discount_frac: list[list[float]]
    mechanic: list[list[int]]
    tactic: list[list[int]] | None = None
    propensity: list[list[float]] | None = None


def build(bundle: Path, store: str, *, together: bool) -> FastAPI:
    allocator = Allocator.load(bundle)
    opened = open_store(store)
    commit = GroupCommit(opened) if together else None
    lock = threading.Lock()

    @asynccontextmanager
    async def lifespan(_app: FastAPI):  # noqa: ANN202 - as FastAPI's own documentation writes it
        if commit is not None:
            await commit.append(bundle_entry(allocator))
        yield
        if commit is not None:
            await commit.close()

    app = FastAPI(lifespan=lifespan)

    @app.get("/health/live")
    async def live() -> dict[str, bool]:
        return {"live": True}

    def decided(request: Request) -> tuple[object, object]:
        asked = AllocationRequest(**request.model_dump())
        made = allocator.allocate(asked)
        entry = decision_entry(
            made, allocator, key=made.batch.decision_ids[0], request=b"", episode_ids=[asked.episode_id],
            steps=[asked.day], killed=False,
        )  # fmt: skip
        return made, entry

    def told(made: object) -> Answer:
        answer = answer_of(
            made, 0, bundle=allocator.address, units=allocator.units, currency=allocator.currency, receipt=None
        )  # type: ignore[arg-type]
        known = msgspec.structs.asdict(answer)
        return Answer(**{name: known[name] for name in Answer.model_fields} | {"stored": True})

    if commit is not None:

        @app.post("/v1/allocate")
        async def allocate(request: Request) -> Answer:
            made, entry = decided(request)
            try:
                await commit.append(entry)  # type: ignore[arg-type]
            except StoreError as error:
                raise HTTPException(503, str(error)) from error
            return told(made)

    else:

        @app.post("/v1/allocate")
        def allocate_alone(request: Request) -> Answer:
            made, entry = decided(request)
            with lock:
                opened.append([entry])  # type: ignore[list-item]
            return told(made)

    return app


if __name__ == "__main__":
    _, bundle_path, store_url, port_text, how = sys.argv
    uvicorn.run(
        build(Path(bundle_path), store_url, together=how == "together"),
        host="127.0.0.1", port=int(port_text), log_level="warning", access_log=False,
    )  # fmt: skip
