"""The native kernel for those who serve: the one place of the serving path that knows of it.

The kernel knows no market: arrays come in and go out. ``XBOPT_ENGINE`` chooses here as it does for the market's days.
"""

from types import ModuleType

from xbopt.simulator.kernel.engine import Engine, chosen, native


def kernel() -> tuple[ModuleType | None, Engine]:
    """The compiled module, None where it is not to be used, and why.

    Raises:
        UsageError: The kernel is asked for and not there.
    """
    engine = chosen()
    return (native() if engine.name == "native" else None), engine
