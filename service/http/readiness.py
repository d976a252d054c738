"""Whether decisions can be made and stored: tried, not believed."""

import asyncio

from xbopt.service.http.engine import Engine
from xbopt.service.http.problems import ProblemError, store_reason
from xbopt.service.store.interface import StoreError

_FRESH_SECONDS = 1.0
_PROBE_SECONDS = 0.8
"""Shorter than the second that orchestrators wait for a probe by default."""
_NEARLY_FULL = 0.9


async def check_ready(engine: Engine) -> None:
    """Return if decisions can be made and stored.

    A decision that was stored within the last second is proof enough; otherwise a write is tried, which the store does
    at most once a second.

    Raises:
        ProblemError: 503; it names the check that failed.
    """
    commit = engine.commit
    if not engine.ready:
        raise _unready("lifecycle", "the service is starting or stopping")
    if commit.waiting > _NEARLY_FULL * commit.most_waiting:
        raise _unready("queue", f"{commit.waiting} entries wait for the store, nearly as many as may")
    if asyncio.get_running_loop().time() - engine.answering.stored_at < _FRESH_SECONDS:
        return
    try:
        async with asyncio.timeout(_PROBE_SECONDS):
            await commit.probe()
    except TimeoutError as error:
        raise _unready("store", f"it did not answer within {_PROBE_SECONDS:g} s") from error
    except StoreError as error:
        engine.log.note(f"The store takes no entries: {error}")
        raise _unready("store", store_reason(error)) from error


def _unready(check: str, why: str) -> ProblemError:
    return ProblemError(503, f"Not ready; the check {check!r} failed: {why}.")
