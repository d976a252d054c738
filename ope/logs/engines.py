"""Where the parts of a log are read: one after the other here, or at once on a Ray cluster."""

from collections.abc import Callable, Iterator, Sequence
from importlib.util import find_spec
from typing import Literal, Protocol, TypeVar, cast

from xbopt.core.errors import UsageError
from xbopt.ope.logs.files import LogPart

Engine = Literal["local", "ray"]
Gathered = TypeVar("Gathered")


class _Ray(Protocol):
    """What is used of Ray, which is optional and comes without complete types."""

    def is_initialized(self) -> bool: ...
    def init(self, *, log_to_driver: bool, include_dashboard: bool) -> object: ...
    def put(self, value: object) -> object: ...
    def remote(self, function: object) -> "_RemoteFunction": ...
    def get(self, reference: object) -> object: ...


class _RemoteFunction(Protocol):
    def remote(self, work: object, part: object) -> object: ...


def over_parts(
    work: Callable[[LogPart], Gathered], parts: Sequence[LogPart], *, engine: Engine = "local"
) -> Iterator[Gathered]:
    """What the work gathers from each part, in the order of the parts; the same whatever the engine.

    Args:
        work: Reads a part. With Ray it travels to the workers, and so does what it gathers.
        parts: The parts. Ray's workers need the files under the same paths.
        engine: ``local`` or ``ray``.

    Raises:
        UsageError: Ray is asked for and not installed.
    """
    if engine == "local":
        yield from map(work, parts)
        return
    if find_spec("ray") is None:
        raise UsageError("--engine ray needs Ray, which is not installed: pip install 'xbopt[scale]'.")
    import importlib

    ray = cast("_Ray", importlib.import_module("ray"))
    if not ray.is_initialized():
        ray.init(log_to_driver=False, include_dashboard=False)
    shared = ray.put(work)
    read = ray.remote(_read)
    for reference in [read.remote(shared, part) for part in parts]:
        yield cast("Gathered", ray.get(reference))


def _read(work: Callable[[LogPart], object], part: LogPart) -> object:
    return work(part)
