"""Between bodies and values: what every operation reads and writes by."""

from collections.abc import Callable
from typing import TypeVar

import msgspec

from xbopt.service.http.engine import Engine
from xbopt.service.http.problems import ProblemError
from xbopt.service.http.routes import JSON, Answer

Body = TypeVar("Body")
_encode = msgspec.json.Encoder().encode


def json_answer(value: object) -> Answer:
    """An answer in JSON."""
    return JSON, _encode(value)


def decoded(decode: "Callable[[bytes | memoryview], Body]", body: "bytes | memoryview") -> Body:
    """A JSON body.

    Raises:
        ProblemError: 400 where it is not JSON, 422 where it is not what is asked for.
    """
    try:
        return decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        # A ValidationError is a DecodeError: the text is JSON, but not what is wanted.
        raise ProblemError(422 if isinstance(error, msgspec.ValidationError) else 400, f"{error}.") from error


def need_ready(engine: Engine) -> None:
    """Answer only while decisions can be made.

    Raises:
        ProblemError: The service is starting or stopping.
    """
    if not engine.ready:
        raise ProblemError(503, "The service is starting or stopping; try again.")
