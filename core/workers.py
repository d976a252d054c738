"""Where the parts of a piece of work are done: one after the other here, or at once on a Ray cluster."""

from collections.abc import Callable, Iterator, Sequence
from importlib.util import find_spec
from typing import Literal, Protocol, TypeVar, cast

from xbopt.core.errors import UsageError

Engine = Literal["local", "ray"]
Part = TypeVar("Part")
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
    work: Callable[[Part], Gathered], parts: Sequence[Part], *, engine: Engine = "local"
) -> Iterator[Gathered]:
    """What the work gathers from each part, in the order of the parts; the same whatever the engine.

    Args:
        work: Works on a part. With Ray it travels to the workers, and so does what it gathers.
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
    apply = ray.remote(_apply)
    for reference in [apply.remote(shared, part) for part in parts]:
        yield cast("Gathered", ray.get(reference))


def _apply(work: Callable[[Part], object], part: Part) -> object:
    return work(part)
