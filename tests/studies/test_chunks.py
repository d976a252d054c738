"""Chunks of worlds by workers: the same bytes whatever plays them, however they are cut; files too."""

from dataclasses import fields
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import xbopt
from xbopt.simulator.build import build_market
from xbopt.studies import simulate as simulation
from xbopt.studies.totals import Totals

RAY = pytest.param(
    "ray", None, marks=pytest.mark.skipif(find_spec("ray") is None, reason="Ray is not installed (the extra scale)")
)
SUMMED = {"spend_by_day", "discount_by_day", "spend_by_daypart", "dutiable_by_day"}


@pytest.fixture(scope="module")
def market():
    return build_market(xbopt.load_scenario("quickstart", overrides=["horizon.days=7", "plan.discounts=[]"]))


def bytes_of(totals: Totals) -> dict[str, bytes]:
    return {field.name: getattr(totals, field.name).tobytes() for field in fields(totals)}


@settings(max_examples=5)
@given(
    runs=st.integers(2, 9),
    chunk=st.integers(1, 4),
    workers=st.integers(2, 3),
    seed=st.integers(0, 3),
    exploration=st.sampled_from([None, 0.3]),
)
def test_workers_and_chunks_change_no_byte(market, runs, chunk, workers, seed, exploration):
    def totals(size: int, count: int) -> Totals:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(simulation, "CHUNK_WORLDS", size)
            asked = {"runs": runs, "seed": seed, "exploration": exploration, "workers": count}
            return xbopt.simulate(market, "greedy_roas", **asked).totals

    here, away, whole = totals(chunk, 1), totals(chunk, workers), totals(256, 1)
    assert bytes_of(here) == bytes_of(away)
    for name, array in bytes_of(whole).items():
        if name in SUMMED:  # over worlds: the order of a sum moves its last digit
            assert getattr(away, name) == pytest.approx(getattr(whole, name), rel=1e-12)
        else:
            assert bytes_of(away)[name] == array, name


@pytest.mark.parametrize(("engine", "workers"), [("local", 2), RAY])
def test_log_and_panel_are_the_same_files(market, engine, workers, tmp_path, monkeypatch):
    monkeypatch.setattr(simulation, "CHUNK_WORLDS", 3)

    def files(name: str, **who: object) -> list[bytes]:
        paths: list[Path] = [tmp_path / f"{name}_{kind}.parquet" for kind in ("log", "panel")]
        xbopt.simulate(market, "baseline", runs=8, seed=1, log=paths[0], panel=paths[1], **who)
        return [path.read_bytes() for path in paths]

    assert files("away", engine=engine, workers=workers) == files("here")


@pytest.mark.parametrize(("engine", "workers"), [("local", 2), RAY])
def test_a_comparison_with_its_oracle_is_the_same(market, engine, workers, monkeypatch):
    monkeypatch.setattr(simulation, "CHUNK_WORLDS", 3)

    def compared(**who: object) -> list[object]:
        result = xbopt.compare(market, ["greedy_roas"], runs=5, seed=2, oracle_worlds=2, **who)
        assert result.oracle is not None
        parts = [(one.name, bytes_of(one.result.totals), one.difference, one.gap_closed) for one in result.policies]
        return [parts, result.notes, {name: array.tobytes() for name, array in result.oracle.values.items()}]

    assert compared(engine=engine, workers=workers) == compared()


def test_a_policy_that_cannot_travel_is_refused(market):
    class Local:
        name, kind = "local", "baseline"

        def decide(self, observation: object) -> object:
            raise AssertionError("nobody gets that far")

    with pytest.raises(xbopt.UsageError, match="cannot be sent to workers"):
        xbopt.simulate(market, Local(), runs=400, workers=2)


def test_worlds_far_out_are_the_same_too(market):
    asked = {"runs": 300, "seed": 4, "first_world": 2**40}
    one, two = (xbopt.simulate(market, "uniform", **asked, workers=count) for count in (1, 2))
    assert bytes_of(one.totals) == bytes_of(two.totals)
    assert np.isfinite(one.totals.money).all()
