"""Who plays the market's day: the native kernel, or numpy.

Both play the same day by the same streams; expectations agree within 1e-9 and counts but for one draw in ten million.
One engine plays all of a run, since their last bits differ.
"""

import logging
import os
import platform
from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from types import ModuleType
from typing import Literal, cast

from xbopt.core.errors import UsageError

EngineName = Literal["native", "numpy"]
ENGINE_VARIABLE, THREADS_VARIABLE = "XBOPT_ENGINE", "XBOPT_THREADS"

_asked: ContextVar[EngineName | None] = ContextVar("engine", default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """An engine and why it was chosen.

    Attributes:
        name: ``native`` or ``numpy``.
        reason: Why, as a sentence.
        level: Instruction level of the native kernel: ``avx512``, ``avx2`` or ``baseline``; empty for numpy.
    """

    name: EngineName
    reason: str
    level: str = ""


@contextmanager
def playing_with(engine: EngineName | None) -> Generator[None]:
    """Play days with one engine inside a ``with`` block; None leaves the choice as it is."""
    token = _asked.set(engine or _asked.get())
    try:
        yield
    finally:
        _asked.reset(token)


def chosen(engine: EngineName | None = None) -> Engine:
    """The engine that plays a day here and now: the one named, or that of ``playing_with`` or ``XBOPT_ENGINE``.

    Where none of them names one, the faster engine plays.

    Raises:
        UsageError: The native kernel is asked for and not there, or the variable names no engine.
    """
    asked = engine or _asked.get() or os.environ.get(ENGINE_VARIABLE) or "auto"
    if asked == "auto":
        return _fastest()
    if asked == "numpy":
        return _BY_WISH
    if asked != "native":
        raise UsageError(f"{ENGINE_VARIABLE} is {asked!r}; native, numpy or auto is wanted.")
    if native() is None:
        raise UsageError(f"{_MISSING} It was asked for.")
    return _native_by_wish()


def threads() -> int:
    """Threads over which the worlds of a day are spread: ``XBOPT_THREADS`` or ``OMP_NUM_THREADS``, else every core.

    Raises:
        UsageError: ``XBOPT_THREADS`` is no whole number of 1 or more.
    """
    stated = os.environ.get(THREADS_VARIABLE)
    if stated is not None:
        if not stated.isdecimal() or int(stated) < 1:
            raise UsageError(f"{THREADS_VARIABLE} is {stated!r}; a whole number of 1 or more is wanted.")
        return int(stated)
    usual = os.environ.get("OMP_NUM_THREADS", "")
    return int(usual) if usual.isdecimal() and int(usual) > 0 else _cores()


@cache
def native() -> ModuleType | None:
    """The compiled module; None where it was not built."""
    try:
        return import_module("xbopt.simulator.kernel._native")
    except ImportError:
        return None


_MISSING = (
    "The native kernel was not compiled when xbopt was installed: install xbopt again where there is a C compiler, or "
    "build it in the sources with `make kernel`."
)
_BY_WISH = Engine(name="numpy", reason="numpy was asked for.")


@cache
def _native_by_wish() -> Engine:
    return Engine(name="native", reason="The native kernel was asked for.", level=_level())


@cache
def _fastest() -> Engine:
    if native() is None:
        # pip shows no warning of a build, so it is said once here.
        logging.getLogger("xbopt").warning("Days are played by numpy, several times slower. %s", _MISSING)
        return Engine(name="numpy", reason=_MISSING)
    if _level() == "baseline" and platform.machine().lower() in {"x86_64", "amd64"}:
        return Engine(name="numpy", reason="This processor has no fused multiplication, without which numpy is faster.")
    return Engine(name="native", reason="It is the faster engine here.", level=_level())


def _level() -> str:
    """The best instruction level of this machine."""
    module = native()
    assert module is not None, "asked only where the module is there"
    return cast("tuple[str, ...]", module.LEVELS)[0]


@cache
def _cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
