"""Who plays is chosen in one place, says why, and is never silent about a fallback."""

import logging
from types import ModuleType

import pytest

from tests.worlds import market_of, play, steady
from xbopt.core.errors import UsageError
from xbopt.simulator.kernel import engine
from xbopt.simulator.kernel.engine import chosen, playing_with


@pytest.fixture
def without_kernel(monkeypatch: pytest.MonkeyPatch):
    """As where nothing was compiled."""
    monkeypatch.delenv("XBOPT_ENGINE", raising=False)
    monkeypatch.setattr(engine, "native", lambda: None)
    engine._fastest.cache_clear()
    yield
    engine._fastest.cache_clear()


def test_the_fastest_engine_plays_where_nobody_asks(kernel: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("XBOPT_ENGINE", raising=False)
    if kernel.LEVELS[0] == "baseline":
        pytest.skip("this machine has no better level than the baseline")
    assert (chosen().name, chosen().level) == ("native", kernel.LEVELS[0])
    assert chosen().reason == "It is the faster engine here."


@pytest.mark.usefixtures("kernel")
def test_the_variable_and_the_block_choose(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XBOPT_ENGINE", "numpy")
    assert (chosen().name, chosen().reason) == ("numpy", "numpy was asked for.")
    with playing_with("native"):
        assert (chosen().name, chosen().reason) == ("native", "The native kernel was asked for.")
        with playing_with(None):
            assert chosen().name == "native"
    assert chosen().name == "numpy"


def test_an_unknown_engine_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XBOPT_ENGINE", "abacus")
    with pytest.raises(UsageError, match="XBOPT_ENGINE is 'abacus'; native, numpy or auto is wanted"):
        chosen()


@pytest.mark.usefixtures("without_kernel")
def test_without_the_kernel_numpy_plays_and_says_so_once(caplog: pytest.LogCaptureFixture) -> None:
    market = market_of()
    with caplog.at_level(logging.WARNING, logger="xbopt"):
        outcomes, _ = play(market, steady(market.scenario, 1, spend=20.0), days=2)
    assert [outcome.engine for outcome in outcomes] == ["numpy", "numpy"]
    (record,) = caplog.records
    assert record.message == (
        "Days are played by numpy, several times slower. The native kernel was not compiled when xbopt was installed: "
        "install xbopt again where there is a C compiler, or build it in the sources with `make kernel`."
    )
    assert "was not compiled" in chosen().reason


@pytest.mark.usefixtures("without_kernel")
def test_asking_for_a_kernel_that_is_not_there_is_an_error() -> None:
    with playing_with("native"), pytest.raises(UsageError, match=r"was not compiled .* It was asked for"):
        chosen()


@pytest.mark.parametrize(("stated", "threads"), [("1", 1), ("3", 3)])
def test_threads_are_stated_by_a_variable(stated: str, threads: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XBOPT_THREADS", stated)
    assert engine.threads() == threads
    monkeypatch.delenv("XBOPT_THREADS")
    monkeypatch.setenv("OMP_NUM_THREADS", stated)
    assert engine.threads() == threads


@pytest.mark.parametrize("stated", ["0", "two", "-1", ""])
def test_a_number_of_threads_that_makes_no_sense_is_refused(stated: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XBOPT_THREADS", stated)
    with pytest.raises(UsageError, match="a whole number of 1 or more is wanted"):
        engine.threads()
