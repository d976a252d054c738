"""Work on large bodies, in slices beside the event loop, so that everybody else is answered meanwhile.

msgspec and onnxruntime's callers hold Python's lock for the length of one call. A slice is short, so the loop waits for
no more than that. One thread does the slices of all bodies in turn.
"""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from xbopt.service.http.problems import ProblemError

SMALL_BYTES = 64 << 10
"""Bodies up to here are decoded on the loop: that takes less than a millisecond."""
SMALL_ROWS = 8
"""Lists up to here are decided on the loop."""
ROWS = 16
"""Rows of one slice."""
_MOST_AT_ONCE = 64

Part = TypeVar("Part")
Result = TypeVar("Result")


class BulkThread:
    """Does the slices of large bodies, first come, first served.

    Args:
        most: Bodies that may be in work at a time.
    """

    def __init__(self, most: int = _MOST_AT_ONCE) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="xbopt-bulk")
        self._most, self._busy = most, 0

    async def run(self, work: Callable[[], Result]) -> Result:
        """Do one piece of work.

        Raises:
            ProblemError: 503 where too much waits.
        """
        if self._busy >= self._most:
            raise ProblemError(503, f"{self._most} large requests are in work; try again.")
        self._busy += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, work)
        finally:
            self._busy -= 1

    async def each(self, parts: Sequence[Part], work: Callable[[Sequence[Part]], Sequence[Result]]) -> list[Result]:
        """Do something to many parts, a slice at a time.

        Raises:
            ProblemError: 503 where too much waits.
        """
        done: list[Result] = []
        for first in range(0, len(parts), ROWS):
            some = parts[first : first + ROWS]
            done += await self.run(lambda some=some: work(some))
        return done

    def close(self) -> None:
        """Take no more work."""
        self._thread.shutdown(wait=False, cancel_futures=True)


def is_list(body: bytes) -> bool:
    """Whether a JSON body is a list of objects, as far as its beginning says."""
    start = body[:64].lstrip() or body.lstrip()
    return start[:1] == b"[" and (start[1:].lstrip() or body.lstrip()[1:].lstrip())[:1] == b"{"
