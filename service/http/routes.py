"""What a route is: the gateway dispatches by it, and the OpenAPI document is written from it."""

import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from xbopt.service.http.problems import ProblemError
from xbopt.service.http.tokens import Right

JSON = "application/json"
Method = Literal["GET", "POST"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """What a handler is told: body, content type (small letters, without parameters), and the name in the path."""

    body: bytes
    kind: str
    name: str
    actor: str = ""


Answer: TypeAlias = tuple[str, bytes]
"""Content type and body."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """A route.

    Attributes:
        path: The path; ``{name}`` stands for one part of it.
        tag: The group that it is documented in.
        summary: What it does, in a few words.
        handle: Answers.
        method: ``GET`` or ``POST``.
        right: What a token has to allow; None for everybody.
        operation_id: Its name in clients that are generated from the documentation; made from the rest where empty.
        description: More words for the documentation.
        takes: Schema of the body by content type.
        gives: Schema of the answer by content type.
        example: A JSON body that is answered.
        problems: Statuses of the problem documents that may come, beyond those of every route of its kind.
        named: Whether the metrics count it by itself; routes that are open to everybody always are.
        timed: Whether its time is measured, too.
        untyped: Whether a body without a content type is taken for JSON: Triton's clients name none.
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
    gives: dict[str, object] | None = None
    example: object = None
    problems: tuple[int, ...] = ()
    named: bool = False
    timed: bool = False
    untyped: bool = False

    @property
    def label(self) -> str:
        """Its name in the metrics."""
        return self.path if self.named or self.timed or self.right is None else "other"


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
            pattern = re.compile(path.replace("{name}", "(?P<name>[^/]+)"))
            self._patterns.append((pattern, self._exact.pop(path)))

    def find(self, method: str, path: str) -> tuple[Route | None, str, ProblemError | None]:
        """The route and the name in its path; or what is wrong with the request.

        Where the path is known but not the method, one of its routes tells which right is asked for.
        """
        methods, name = self._exact.get(path), ""
        if methods is None:
            for pattern, candidates in self._patterns:
                match = pattern.fullmatch(path)
                if match is not None:
                    methods, name = candidates, match["name"]
        if methods is None:
            return None, "", ProblemError(404, f"There is no {path[:200]}; GET /openapi.json lists what there is.")
        if method not in methods:
            allowed = ", ".join(sorted(methods))
            problem = ProblemError(405, f"{path[:200]} takes {allowed} only.", headers=[("allow", allowed)])
            return next(iter(methods.values())), name, problem
        return methods[method], name, None
