"""These tests compare engines themselves, so that no engine is chosen for them."""

from types import ModuleType

import pytest

from xbopt.simulator.kernel.engine import native


@pytest.fixture(scope="module", autouse=True)
def engine() -> None:
    """Nobody plays for the test."""


@pytest.fixture(scope="session")
def kernel() -> ModuleType:
    """The compiled module."""
    module = native()
    if module is None:
        pytest.skip("the native kernel is not compiled: make kernel")
    return module
