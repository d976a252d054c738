"""The benchmark of discounts in small: learning them pays, and closed kinds are left alone."""

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from xbopt.core.scenario.loading import load_scenario

SCRIPT = Path(__file__).parents[3] / "benchmarks" / "bench_deals.py"


@pytest.fixture
def bench() -> Iterator[ModuleType]:
    spec = importlib.util.spec_from_file_location("bench_deals", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["bench_deals"] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules["bench_deals"]


@pytest.mark.statistical
def test_learning_discounts_pays_where_an_elasticity_is_not_known(bench: ModuleType) -> None:
    """One round of branches in 64 worlds, around a plan that always gives a tenth off; elasticities spread widely."""
    scenario = load_scenario(
        "outlet_deals",
        overrides=[
            "horizon.days=35", "plan.discounts[0].start=2026-08-31", "plan.discounts[0].end=2026-10-04",
            "budget.total_base=14000", "uncertainty.elasticity.spread=0.7",
        ],
    )  # fmt: skip
    found = bench.gains(
        scenario,
        seconds=120.0,
        steps=1,
        worlds=64,
        plan="baseline",
        options={
            "branch_rounds": 1, "branch_worlds": 64, "branch_steps": 1, "worlds": 2, "validation_worlds": 64,
            "evaluate_every": 9,
        },
    )  # fmt: skip
    paid = found[bench.ALL] - found[bench.WITHOUT]
    assert paid.mean() > 2.0 * paid.std(ddof=1) / np.sqrt(len(paid))
    assert found[bench.ALL].mean() > 0.0
