"""What a route is: the gateway dispatches by it, and the OpenAPI document is written from it."""

import re
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from xbopt.service.http.problems import ProblemError
from xbopt.service.http.tokens import Right

JSON = "application/json"
MOST_REQUESTS = 1000
"""Requests, or outcomes, of one list."""
Method = Literal["GET", "POST"]
_NO_PARTS: Mapping[str, str] = {}


Headers: TypeAlias = Iterable[tuple[bytes, bytes]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """What a handler is told.

    Attributes:
        body: The body.
        kind: Its content type, in small letters and without parameters.
        name: Name of the model or campaign in the path.
        version: Its version in the path; empty where the path has none.
        headers: All headers; names in small letters.
        actor: Name of the token; empty for none.
    """

    body: bytes
    kind: str
    name: str
    version: str = ""
    headers: Headers = ()
    actor: str = ""

    def header(self, name: bytes) -> bytes | None:
        """The value of a header; None where there is none."""
        return next((value for key, value in self.headers if key == name), None)


Answer: TypeAlias = tuple[str, bytes] | tuple[str, bytes, Sequence[tuple[str, str]]]
"""Content type, body, and further headers where there are any."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """A route.

    Attributes:
        path: The path; ``{name}``, ``{version}`` and ``{campaign}`` stand for one part of it each.
        tag: The group that it is documented in.
        summary: What it does, in a few words.
        handle: Answers.
        method: ``GET`` or ``POST``.
        right: What a token has to allow; None for everybody.
        operation_id: Its name in clients that are generated from the documentation; made from the rest where empty.
        description: More words for the documentation.
        takes: Type of the body by content type, or its JSON schema.
        also: Content types that are taken beyond those that are documented; empty for none stated, as Triton's clients
            send.
        needs_body: Whether a body has to be sent.
        gives: Type of the answer by content type, or its JSON schema.
        header: A header of request and answer that says how many bytes of a body are JSON.
        problems: Statuses of the problem documents that may come, beyond those of every route of its kind.
        named: Whether the metrics count it by itself; routes that are open to everybody always are.
        timed: Whether its time is measured, too.
    """

    path: str
    tag: str
    summary: str
    handle: Callable[[Call], Awaitable[Answer]]
    method: Method = "GET"
    right: Right | None = "read"
    operation_id: str = ""
    description: str = ""
    takes: dict[str, object] | None = None
    also: tuple[str, ...] = ()
    needs_body: bool = True
    gives: dict[str, object] | None = None
    header: str = ""
    problems: tuple[int, ...] = ()
    named: bool = False
    timed: bool = False

    @property
    def label(self) -> str:
        """Its name in the metrics; versions of a model share one."""
        path = self.path.replace("/versions/{version}", "")
        return path if self.named or self.timed or self.right is None else "other"


class RouteTable:
    """Finds the route of a request.

    Args:
        routes: The routes.
    """

    def __init__(self, routes: Sequence[Route]) -> None:
        self._exact: dict[str, dict[str, Route]] = {}
        self._patterns: list[tuple[re.Pattern[str], dict[str, Route]]] = []
        for route in routes:
            self._exact.setdefault(route.path, {})[route.method] = route
        for path in [path for path in self._exact if "{" in path]:
            pattern = re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", path))
            self._patterns.append((pattern, self._exact.pop(path)))

    def find(self, method: str, path: str) -> tuple[Route | None, Mapping[str, str], ProblemError | None]:
        """The route and what stands for the parts of its path; or what is wrong with the request.

        Where the path is known but not the method, one of its routes tells which right is asked for.
        """
        methods, parts = self._exact.get(path), _NO_PARTS
        if methods is None:
            for pattern, candidates in self._patterns:
                match = pattern.fullmatch(path)
                if match is not None:
                    methods, parts = candidates, match.groupdict()
        if methods is None:
            return None, parts, ProblemError(404, f"There is no {path[:200]}; GET /openapi.json lists what there is.")
        if method not in methods:
            # HEAD is answered wherever GET is.
            allowed = ", ".join(sorted({*methods, "HEAD"} if "GET" in methods else methods))
            problem = ProblemError(405, f"{path[:200]} takes {allowed} only.", headers=[("allow", allowed)])
            return next(iter(methods.values())), parts, problem
        return methods[method], parts, None
