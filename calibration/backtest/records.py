"""The records that a scenario is held against: a data folder's panel, cut to its regions and channels."""

# pyarrow ships without complete type information, so that its tables have no known type here.
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false

from dataclasses import dataclass, field, fields, replace
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from xbopt.calibration.panel import CalibrationPanel, read_panel
from xbopt.core.arrays import FloatArray
from xbopt.core.decisions.plan import ScheduledPolicy
from xbopt.core.errors import PanelError
from xbopt.core.extras import need_extra
from xbopt.core.scenario.scenario import Scenario

if TYPE_CHECKING:
    import polars as pl

PANEL_FILE = "panel.parquet"


@dataclass(frozen=True, slots=True, kw_only=True)
class Records:
    """A panel that is about the scenario.

    Attributes:
        panel: The panel.
        knows_media: Whether it tells what was spent.
        left_out: Rows of regions and channels that the scenario does not have, by ``region ID`` and ``channel ID``.
    """

    panel: CalibrationPanel = field(repr=False)
    knows_media: bool
    left_out: dict[str, int]

    def with_media(self, plan: ScheduledPolicy, start: date) -> CalibrationPanel:
        """The panel; where it does not tell media, with those of a plan, and its average day before and after.

        Args:
            plan: The plan.
            start: Its first day.
        """
        if self.knows_media:
            return self.panel
        spend = np.repeat(plan.spend_base.mean(axis=0)[None], self.panel.days, axis=0)
        day = np.arange(self.panel.days) - (start - self.panel.start).days
        planned = (day >= 0) & (day < len(plan.spend_base))
        spend[planned] = plan.spend_base[day[planned]]
        return replace(self.panel, spend=spend)


def read_records(data: Path | str, scenario: Scenario, *, world: int | None = None) -> Records:
    """Read the panel of a data folder, or a panel's file.

    Args:
        data: A folder that ``xbopt import`` made, or a file of ``xbopt simulate --panel``.
        scenario: Rows of other regions and channels are left out and counted.
        world: Which simulated world to take, where there are several.

    Raises:
        PanelError: There is no panel, or it cannot be used.
    """
    path = Path(data)
    file = path / PANEL_FILE if path.is_dir() else path
    if not file.is_file():
        what = f"{path} holds no {PANEL_FILE}" if path.is_dir() else f"There is no {path}"
        raise PanelError(
            f"{what}. `xbopt import FILE... -o {path}` makes one where orders and media are known; `xbopt simulate "
            "SCENARIO --panel FILE` one of a simulated market."
        )
    table, left_out = _of_scenario(file, scenario)
    return Records(
        panel=read_panel(table.to_arrow(), scenario, world=world),
        knows_media="channel" in table.columns and bool(table["channel"].is_not_null().any()),
        left_out=left_out,
    )


def days_of(panel: CalibrationPanel, first: int, stop: int) -> CalibrationPanel:
    """Days ``first`` to ``stop`` of a panel, the last one not included."""
    by_day: dict[str, FloatArray] = {
        part.name: value for part in fields(panel) if isinstance(value := getattr(panel, part.name), np.ndarray)
    }
    cut = {name: value[first:stop] for name, value in by_day.items()}
    return replace(panel, start=panel.start + timedelta(days=first), **cut)


def _of_scenario(file: Path, scenario: Scenario) -> "tuple[pl.DataFrame, dict[str, int]]":
    """The rows about the scenario, and how many are about something else."""
    need_extra("data", "polars")
    import polars as pl

    try:
        table = pl.read_parquet(file)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise PanelError(f"{file} cannot be read as Parquet: {error}.") from error
    left_out: dict[str, int] = {}
    for column, known in (("region", scenario.regions), ("channel", scenario.channels)):
        if column not in table.columns:
            continue
        named = pl.col(column).cast(pl.String)
        strange = named.is_not_null() & ~named.is_in(list(known))
        for name, rows in table.filter(strange).group_by(named.alias("name")).len().iter_rows():
            left_out[f"{column} {name}"] = int(rows)
        table = table.filter(~strange)
    if table.is_empty():
        about = f"is about {', '.join(sorted(left_out)[:5])}" if left_out else "has no rows"
        raise PanelError(
            f"{file} {about}; the scenario {scenario.name} has the regions {', '.join(scenario.regions)}. Give data "
            "that are about them."
        )
    return table, dict(sorted(left_out.items()))
