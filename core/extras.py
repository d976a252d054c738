"""Libraries of an extra: present, or named together with how to get them."""

from importlib.util import find_spec

from xbopt.core.errors import UsageError


def need_extra(extra: str, *modules: str) -> None:
    """Check that libraries of an extra are installed, without loading them.

    Raises:
        UsageError: One is missing; the message says how to install it.
    """
    missing = [module for module in modules if find_spec(module) is None]
    if missing:
        raise UsageError(f"This needs {', '.join(missing)}, which is not installed: pip install 'xbopt[{extra}]'")
