"""Small results made by hand, and one real one."""

from collections.abc import Callable
from dataclasses import fields, replace

import numpy as np
import pytest

from xbopt.simulator.money import TERMS
from xbopt.studies.kpis import (
    WorldRange,
    bridge_means,
    channel_rows,
    kpi_values,
    region_rows,
    segment_rows,
)
from xbopt.studies.simulate import SimulationResult, simulate
from xbopt.studies.totals import CELL_COUNTS, CHANNEL_COUNTS, DAILY, Totals

MakeResult = Callable[..., SimulationResult]


@pytest.fixture(scope="session")
def played() -> SimulationResult:
    """The quickstart scenario in eight worlds."""
    return simulate("quickstart", runs=8, seed=3)


@pytest.fixture(scope="session")
def make_result(played: SimulationResult) -> MakeResult:
    """A result whose margin a world, and whose media spend, are given; all in the first cell."""

    def make(margins: list[float], *, media: float = 100.0, policy: str = "baseline") -> SimulationResult:
        worlds = len(margins)
        template = played.totals
        cells = np.zeros((worlds, *template.cells.shape[1:]))
        money = np.zeros((worlds, *template.money.shape[1:]))
        channels = np.zeros((worlds, *template.channels.shape[1:]))
        daily = np.zeros((worlds, *template.daily.shape[1:]))
        cells[:, 0, 0, CELL_COUNTS.index("visits")] = 200.0
        cells[:, 0, 0, CELL_COUNTS.index("orders")] = 10.0
        money[:, 0, 0, TERMS.index("gross_revenue")] = 1000.0
        money[:, 0, 0, TERMS.index("media")] = -media
        # Goods take whatever leaves the margin that was asked for.
        money[:, 0, 0, TERMS.index("goods")] = np.array(margins) - 1000.0 + media
        channels[:, 0, 0, 0, CHANNEL_COUNTS.index("spend")] = media
        days = daily.shape[1]
        daily[..., DAILY.index("contribution_margin")] = np.array(margins)[:, None] / days
        daily[..., DAILY.index("media_spend")] = media / days
        spend_by_day = np.zeros_like(template.spend_by_day)
        spend_by_day[:, 0, 0] = worlds * media / days
        spend_by_daypart = np.zeros_like(template.spend_by_daypart)
        spend_by_daypart[0, 0, 0] = worlds * media
        # Whatever else is added up is zero; arrays without worlds keep their shape.
        blank = {field.name: np.zeros_like(getattr(template, field.name)) for field in fields(Totals)}
        by_world = {
            name: np.zeros((worlds, *array.shape[1:])) if array.shape[0] == template.worlds else array
            for name, array in blank.items()
        }
        totals = Totals(
            **by_world
            | {
                "cells": cells,
                "money": money,
                "channels": channels,
                "daily": daily,
                "repurchase_rate": np.full((worlds, template.repurchase_rate.shape[1]), 0.001),
                "satisfaction": np.full(worlds, 0.8),
                "budget_left": np.full(worlds, played.scenario.limits.total_base - media),
                "spend_by_day": spend_by_day,
                "spend_by_daypart": spend_by_daypart,
            }
        )
        return rebuilt(played, totals, policy=policy)

    return make


def rebuilt(result: SimulationResult, totals: Totals, *, policy: str = "baseline") -> SimulationResult:
    """The result with other totals, and every figure worked out again."""
    scenario = result.scenario
    values = kpi_values(totals, budget_base=scenario.limits.total_base)
    return replace(
        result,
        policy=policy,
        runs=totals.worlds,
        kpis={name: WorldRange.of(array) for name, array in values.items()},
        bridge=bridge_means(totals),
        customer_value=WorldRange.of(totals.customer_value),
        carried_beyond=WorldRange.of(totals.carried_beyond),
        by_region=region_rows(scenario, totals),
        by_segment=segment_rows(scenario, totals),
        by_channel=channel_rows(scenario, totals),
        totals=totals,
    )
