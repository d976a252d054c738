"""Making ``xbopt/Campaign-v0`` known to Gymnasium, without loading Gymnasium.

Gymnasium 1.0 gave up loading environments from entry points: a package's environments are known once the package is
imported. The entry point in ``pyproject.toml`` still names ``register`` for tools that read the group.
"""

import sys
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from types import ModuleType

ENV_ID = "xbopt/Campaign-v0"


def register() -> None:
    """Register the environment; once is enough."""
    import gymnasium

    if ENV_ID not in gymnasium.registry:
        gymnasium.register(
            id=ENV_ID,
            entry_point="xbopt.env.gym_env:CampaignEnv",
            vector_entry_point="xbopt.env.vector_env:CampaignVectorEnv",
        )


def register_once_gymnasium_is_there() -> None:
    """Register now if Gymnasium has been imported, else at the moment when somebody imports it."""
    if sys.modules.get("gymnasium") is not None:
        register()
    else:
        sys.meta_path.insert(0, _Watcher())


class _Watcher(MetaPathFinder):
    """Waits for Gymnasium to be imported, steps aside, and registers after it."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        del path, target
        if fullname != "gymnasium":
            return None
        sys.meta_path.remove(self)
        spec = find_spec(fullname)
        if spec is not None and spec.loader is not None:
            spec.loader = _ThenRegister(spec.loader)
        return spec


class _ThenRegister(Loader):
    """Loads a module as its own loader does, and registers after it."""

    def __init__(self, loader: Loader) -> None:
        self._loader = loader

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        self._loader.exec_module(module)
        register()
