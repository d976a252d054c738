"""Errors as RFC 9457 problem documents."""

from collections.abc import Sequence

import msgspec

from xbopt.core.errors import XboptError

CONTENT_TYPE = "application/problem+json"
TITLES = {
    400: "The body cannot be read",
    401: "No valid token",
    403: "The token does not allow this",
    404: "Not found",
    405: "Method not allowed",
    408: "The body took too long",
    409: "Conflict with what is stored",
    413: "The body is too large",
    415: "Unknown content type or coding",
    422: "The request does not fit the bundle",
    500: "Internal error",
    503: "The service cannot answer now",
}

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
