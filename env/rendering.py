"""A campaign to look at: a table of what was spent and earned so far, or a small picture of the days."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from xbopt.core.arrays import FloatArray
from xbopt.env.campaign import CampaignStep
from xbopt.simulator.parameters import MarketParameters

RENDER_MODES: tuple[str, ...] = ("ansi", "rgb_array")
FRAMES_PER_SECOND = 4
Frame = NDArray[np.uint8]

_HEIGHT, _WIDTH, _MARGIN = 240, 320, 8
_PAPER, _AXIS, _LINE = (255, 255, 255), (180, 180, 180), (20, 20, 20)
# Okabe and Ito's colours, which colour-blind people can tell apart.
_COLOURS = ((0, 114, 178), (230, 159, 0), (0, 158, 115), (204, 121, 167), (86, 180, 233), (213, 94, 0), (240, 228, 66))


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """What the worlds of an episode have spent and earned so far.

    Attributes:
        market: The market.
        spend_base: By day ``(D, B, R, C)``, base currency.
        margin_base: Contribution margin by day ``(D, B)``, base currency.
        held: Days of the last step.
    """

    market: MarketParameters
    spend_base: FloatArray
    margin_base: FloatArray
    held: int = 0

    @classmethod
    def begin(cls, market: MarketParameters, worlds: int) -> "Course":
        """The first morning."""
        regions, _, channels, _ = market.shape
        return cls(
            market=market, spend_base=np.zeros((0, worlds, regions, channels)), margin_base=np.zeros((0, worlds))
        )

    def after(self, step: CampaignStep) -> "Course":
        """The same with the days of a step."""
        return replace(
            self,
            spend_base=np.concatenate([self.spend_base, step.spend_by_day_base]),
            margin_base=np.concatenate([self.margin_base, step.margin_by_day_base]),
            held=len(step.margin_by_day_base),
        )

    def table(self, world: int, number: int) -> str:
        """Spend of the last step by region and channel, and what was spent and earned so far, as text.

        Args:
            world: Row of the batch.
            number: Global number of that world.
        """
        scenario, day = self.market.scenario, len(self.margin_base)
        last = self.spend_base[day - self.held :, world].sum(axis=0)
        names = [*scenario.channels, "all"]
        width = max(9, *(len(name) for name in names)) + 2
        lead = max(len(name) for name in (*scenario.regions, "region", "all"))
        head = f"{scenario.name}, world {number}: day {day} of {scenario.days}, {scenario.base_currency}"
        spent, earned = self.spend_base[:, world].sum(), self.margin_base[:, world].sum()
        lines = [
            head,
            f"spend of the last {self.held} days",
            "region".ljust(lead) + "".join(n.rjust(width) for n in names),
        ]
        for name, row in zip((*scenario.regions, "all"), (*last, last.sum(axis=0)), strict=True):
            lines.append(name.ljust(lead) + "".join(f"{value:,.0f}".rjust(width) for value in (*row, row.sum())))
        lines.append(f"so far: spend {spent:,.0f}, contribution margin {earned:,.0f}")
        return "\n".join(lines) + "\n"

    def picture(self, world: int) -> Frame:
        """Above, the spend of every day by channel; below, the contribution margin so far. ``(240, 320, 3)``."""
        days = self.market.scenario.days
        picture = np.full((_HEIGHT, _WIDTH, 3), _PAPER, dtype=np.uint8)
        middle = _HEIGHT // 2
        # The day of each column of pixels.
        day = np.arange(_WIDTH - 2 * _MARGIN) * days // (_WIDTH - 2 * _MARGIN)
        seen = day[day < len(self.margin_base)]
        spend = self.spend_base[:, world].sum(axis=1)
        top = _reach(spend.sum(axis=1))
        panel = middle - 2 * _MARGIN
        edges = np.cumsum(np.concatenate([np.zeros((len(spend), 1)), spend], axis=1), axis=1) / top * panel
        height = np.arange(panel)[::-1, None]
        for channel in range(spend.shape[1]):
            lower, upper = edges[seen, channel], edges[seen, channel + 1]
            area = picture[_MARGIN : _MARGIN + panel, _MARGIN : _MARGIN + len(seen)]
            area[(height >= lower) & (height < upper)] = _COLOURS[channel % len(_COLOURS)]
        picture[_MARGIN + panel, _MARGIN:-_MARGIN] = _AXIS
        earned = np.cumsum(self.margin_base[:, world])
        reach, half = _reach(earned), panel // 2
        zero = middle + _MARGIN + half
        picture[zero, _MARGIN:-_MARGIN] = _AXIS
        rows = zero - np.rint(earned[seen] / reach * half).astype(np.int64)
        columns = _MARGIN + np.arange(len(seen))
        for thickness in (0, 1):
            picture[rows - thickness, columns] = _LINE
        return picture


def _reach(values: FloatArray) -> float:
    """The largest size, where there is any."""
    return max(float(np.abs(values).max(initial=0.0)), 1e-12)
