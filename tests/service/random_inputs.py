"""Inputs of graphs: random ones over the whole range, and extreme ones."""

import numpy as np

from xbopt.core.arrays import FloatArray
from xbopt.core.decisions.factors import Factors
from xbopt.core.decisions.policy import Observation
from xbopt.core.scenario.scenario import Scenario
from xbopt.service.bundle.graph_session import Arrays


def random_inputs(
    scenario: Scenario,
    sample: Observation,
    rows: int,
    *,
    seed: int,
    tactic: bool,
    channels: bool,
    factors: Factors | None = None,
) -> Arrays:
    """Features from ordinary to absurd, budgets from nothing to more than there is, caps from zero to none."""
    rng = np.random.default_rng(seed)
    regions, segments, media, _ = scenario.shape
    scale = 10.0 ** rng.uniform(-3.0, 4.0, size=rows)
    scale[::3] = 1.0
    scale[1::97] = 0.0

    def features(*shape: int) -> FloatArray:
        drawn = rng.normal(size=(rows, *shape))
        return drawn * scale.reshape(-1, *[1] * len(shape))

    def caps(width: int, most: FloatArray) -> FloatArray:
        found = rng.uniform(0.0, 1.0, size=(rows, width)) * np.where(
            np.isfinite(most), most, scenario.limits.total_base
        )
        found[rng.random((rows, width)) < 0.3] = np.inf
        found[rng.random((rows, width)) < 0.1] = 0.0
        found[rng.random((rows, width)) < 0.02] = 1e-250
        return found

    total = scenario.limits.total_base
    budget = rng.uniform(0.0, total, size=rows)
    budget[::11] = rng.choice([0.0, total, 1e-300, 1e-9, 0.01, total * (1 + 1e-12)], size=len(budget[::11]))
    made: Arrays = {
        "regions": features(regions, sample.regions.shape[2]),
        "cells": features(regions, segments, sample.cells.shape[3]),
        "day": rng.integers(0, scenario.days, size=rows),
        "budget_base": budget,
        "region_base": caps(regions, scenario.limits.region_cap_base),
        "channel_base": caps(media, scenario.limits.channel_cap_base),
    }
    if channels:
        made["channels"] = features(regions, segments, media, sample.channels.shape[4])
    if factors is not None:
        forced = np.full((rows, len(factors)), -1, dtype=np.int64)
        forced[::7] = rng.integers(0, factors.levels, size=forced[::7].shape)
        made |= {"uniform": np.clip(rng.random(forced.shape), 2.0**-53, 1.0 - 2.0**-53), "forced": forced}
    if tactic:
        count = len(scenario.menu)
        uniform = rng.random((rows, regions, segments))
        uniform[::13] = rng.choice([2.0**-53, 1.0 - 2.0**-53], size=uniform[::13].shape)
        forced = np.full((rows, regions, segments), -1, dtype=np.int64)
        forced[::7] = rng.integers(0, count, size=forced[::7].shape)
        allowed = (rng.random((regions, segments, count)) < 0.8).astype(np.float64)
        default = np.zeros((regions, segments, count))
        allowed[..., 0] = default[..., 0] = 1.0
        made |= {
            "uniform": np.clip(uniform, 2.0**-53, 1.0 - 2.0**-53),
            "forced": forced,
            "allowed": allowed,
            "default": default,
        }
    return made


def limit_violations(scenario: Scenario, inputs: Arrays, spend: FloatArray, discount: FloatArray) -> int:
    """Rows that spend less than nothing, more than they may, or give too deep a discount; counted without tolerance."""
    bad = ~np.isfinite(spend).all(axis=(1, 2, 3)) | (spend < 0.0).any(axis=(1, 2, 3))
    bad |= _sum(spend, (1, 2, 3)) > np.minimum(inputs["budget_base"], scenario.limits.daily_base)
    bad |= (_sum(spend, (2,)) > scenario.limits.maximum_base).any(axis=(1, 2))
    bad |= (_sum(spend, (2, 3)) > inputs["region_base"]).any(axis=1)
    bad |= (_sum(spend, (1, 2)) > inputs["channel_base"]).any(axis=1)
    bad |= (discount < 0.0).any(axis=(1, 2)) | (discount > scenario.limits.discount_ceiling).any(axis=(1, 2))
    return int(bad.sum())


def _sum(spend: FloatArray, axes: tuple[int, ...]) -> FloatArray:
    """A sum in more digits than float64 has, so that the checker's own rounding accuses nobody."""
    total: FloatArray = spend.astype(np.longdouble).sum(axis=axes)
    return total
