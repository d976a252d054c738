"""Errors as RFC 9457 problem documents."""

import logging
import re
import time
from collections.abc import Sequence

import msgspec

from xbopt.core.errors import XboptError
from xbopt.service.store.interface import StoreError

CONTENT_TYPE = "application/problem+json"
TITLES = {
    400: "The body cannot be read",
    401: "No valid token",
    403: "The token does not allow this",
    404: "Not found",
    405: "Method not allowed",
    408: "The request took too long",
    409: "Conflict with what is stored",
    413: "The body is too large",
    415: "Unknown content type or coding",
    417: "Unknown expectation",
    421: "Not the host of this service",
    422: "The request does not fit the bundle",
    500: "Internal error",
    501: "Not implemented",
    503: "The service cannot answer now",
}

_SLOW = re.compile(r"did not answer within [0-9.e+-]+ s")
_REASONS = (
    ("full", "its disk is full"),
    ("locked", "another program holds it"),
    ("readonly", "it can only be read"),
    ("read-only", "it can only be read"),
    ("wait for the store", "too much waits for it"),
    ("closing", "it is closing"),
)
_QUIET_SECONDS = 10.0
_MOST_REMEMBERED = 100
_log = logging.getLogger("xbopt.service")

_HEADERS = {401: [("www-authenticate", "Bearer")], 503: [("retry-after", "1")]}


class Problem(msgspec.Struct, frozen=True):
    """A problem document.

    Attributes:
        type: A name of the kind of problem that does not change.
        title: The kind in words.
        status: The HTTP status.
        detail: What is wrong here, and what to do.
        error: The same, where clients of the inference protocol look for it.
    """

    type: str
    title: str
    status: int
    detail: str
    error: str


class ProblemError(XboptError):
    """Raised when a request is answered with a problem document."""

    exit_code = 2

    def __init__(self, status: int, detail: str, *, headers: Sequence[tuple[str, str]] = ()) -> None:
        self.status, self.headers = status, (*headers, *_HEADERS.get(status, ()))
        super().__init__(detail)


def problem_body(status: int, detail: str) -> bytes:
    """The problem document as JSON."""
    title = TITLES.get(status, "Error")
    kind = f"urn:xbopt:problem:{status}"
    return msgspec.json.encode(Problem(type=kind, title=title, status=status, detail=detail, error=detail))


def store_reason(error: StoreError) -> str:
    """Why a store refuses, in words that name no path, host or port; what clients are told.

    The whole text is the operator's; ``OperatorLog`` takes it.
    """
    text = str(error)
    slow = _SLOW.search(text)
    if slow is not None:
        return f"it {slow[0]}"
    return next((reason for sign, reason in _REASONS if sign in text), "it cannot be used now")


class OperatorLog:
    """What went wrong, on stderr: the same text once in ten seconds, then with the number of times it came again."""

    def __init__(self) -> None:
        self._seen: dict[str, tuple[float, int]] = {}

    def note(self, text: str, error: BaseException | None = None) -> None:
        """Write a line, and the traceback of an error that nobody foresaw."""
        now = time.monotonic()
        last, silent = self._seen.get(text, (-_QUIET_SECONDS, 0))
        if now - last < _QUIET_SECONDS:
            self._seen[text] = (last, silent + 1)
            return
        if len(self._seen) >= _MOST_REMEMBERED:
            self._seen.clear()
        self._seen[text] = (now, 0)
        again = f" ({silent} more in the last {now - last:.0f} s)" if silent else ""
        _log.error("%s%s", text, again, exc_info=error)
