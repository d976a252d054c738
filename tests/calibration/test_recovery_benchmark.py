"""The benchmark of recovery runs, in its tiny mode."""

import numpy as np

from benchmarks.bench_recovery import TINY, run


def test_steady_spend_is_told_of_by_one_short_panel() -> None:
    days, panels, worlds = TINY
    tally = run("steady", range(panels), days, worlds)
    assert tally.said == [True]
    assert len(tally.errors["incremental return"]) == 3
    assert {"half-life", "half-saturation", "elasticity", "repeat"} <= set(tally.errors)
    # Whoever is six standard errors off covers nothing.
    assert np.abs(np.concatenate([*map(np.array, tally.errors.values())])).max() < 6.0
