"""The laws of the market hold whoever plays it: each test of a folder that takes this fixture runs on both engines."""

from collections.abc import Iterator

import pytest

from xbopt.simulator.kernel.engine import EngineName, native, playing_with


@pytest.fixture(scope="module", autouse=True, params=["native", "numpy"])
def engine(request: pytest.FixtureRequest) -> Iterator[EngineName]:
    """The engine that plays the days of a test."""
    name: EngineName = request.param
    if name == "native" and native() is None:
        pytest.skip("the native kernel is not compiled: make kernel")
    with playing_with(name):
        yield name
