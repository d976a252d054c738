"""Between bodies and values: what every operation reads and writes by."""

import re
from collections.abc import Callable
from typing import TypeVar

import msgspec

from xbopt.service.http.engine import Engine
from xbopt.service.http.problems import ProblemError
from xbopt.service.http.routes import JSON, Answer

Body = TypeVar("Body")
_ORDER_BYTES = 64 << 10
_HALF = re.compile(rb"\\u[dD][89abAB][0-9a-fA-F]{2}\"")
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
        raise ProblemError(422 if isinstance(error, msgspec.ValidationError) else 400, _words(error, body)) from error


def decoded_order(decoder: "msgspec.json.Decoder[Body]", body: bytes) -> Body:
    """A JSON body of a few words: what an administrator asks for.

    Raises:
        ProblemError: As ``decoded``, and 413 where it is no such thing by its size.
    """
    if len(body) > _ORDER_BYTES:
        raise ProblemError(413, f"This takes at most {_ORDER_BYTES} bytes.")
    return decoded(decoder.decode, body)


def _words(error: Exception, body: "bytes | memoryview") -> str:
    """What is wrong with a body; msgspec takes half a character at the end of a text for the end of the body."""
    if "truncated" in str(error) and _HALF.search(bytes(body[-_ORDER_BYTES:])):
        return "JSON is malformed: a text ends with half of a pair of surrogates."
    return f"{error}."


def need_ready(engine: Engine) -> None:
    """Answer only while decisions can be made.

    Raises:
        ProblemError: The service is starting or stopping.
    """
    if not engine.ready:
        raise ProblemError(503, "The service is starting or stopping; try again.")
