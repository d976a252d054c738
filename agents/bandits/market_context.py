"""What a bandit sees of a cell of a campaign, and in which unit its rewards count."""

from dataclasses import dataclass

import numpy as np

from xbopt.core.arrays import FloatArray
from xbopt.core.decisions.anchor import Anchor
from xbopt.core.decisions.anchored_menu import AnchoredMenu
from xbopt.core.decisions.policy import Observation
from xbopt.core.errors import PolicyError
from xbopt.env.features import FeatureLayout
from xbopt.simulator.parameters import MarketParameters

WHOLE_CELL_SHARE = 0.25
"""Share of a mean period that counts towards a unit, beside the period that is decided about."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketContext:
    """Contexts of the cells of a campaign: one linear model serves all cells.

    A row holds a constant, which cell it is, and the features of the whole, of its region, its own and those of its
    channels, as ``FeatureLayout`` scales them. Rewards and costs of a cell count in its **unit**: what the plan spends
    there in the coming decision period, plus a quarter of what it spends there in a mean one. So a slope means the same
    in large and small cells, in strong and weak weeks.

    Attributes:
        layout: The features.
        menu: The menu, relative to a plan.
        names: Names of a row ``(d,)``.
        usual_base: The plan's mean spend of a decision period by cell ``(R, S)``, with a floor; base currency.
    """

    layout: FeatureLayout
    menu: AnchoredMenu
    names: tuple[str, ...]
    usual_base: FloatArray

    @classmethod
    def of(cls, market: MarketParameters, anchor: Anchor) -> "MarketContext":
        """The contexts of a market whose decisions are relative to a plan."""
        scenario = market.scenario
        hold = scenario.document.tactics.decide_every_days
        layout = FeatureLayout.of(scenario, anchor, hold)
        cells = [f"{region}/{segment}" for region in scenario.regions for segment in scenario.segments]
        names = (
            "constant",
            *cells,
            *layout.whole_names,
            *layout.region_names,
            *layout.cell_names,
            *(f"{channel}/{name}" for channel in scenario.channels for name in layout.channel_names),
        )
        usual = hold * anchor.spend_base.sum(axis=3).mean(axis=0)
        # A cell that the plan hardly serves must not make small change look like a fortune.
        return cls(
            layout=layout,
            menu=AnchoredMenu(base=scenario.menu, anchor=anchor),
            names=names,
            usual_base=np.maximum(usual, 0.1 * max(float(usual.mean()), 1e-9)),
        )

    def rows(self, observation: Observation) -> FloatArray:
        """Contexts ``(B * R * S, d)``, in the order worlds, regions, segments.

        Raises:
            PolicyError: The observation holds a value that is no finite number.
        """
        blocks = self.layout.blocks(observation)
        regions, segments, channels = self.layout.shape
        worlds = observation.worlds
        shape = (worlds, regions, segments)
        cells = np.eye(regions * segments).reshape(regions, segments, -1)
        parts = (
            np.ones((*shape, 1)),
            np.broadcast_to(cells, (*shape, regions * segments)),
            np.broadcast_to(blocks.whole[:, None, None, :], (*shape, blocks.whole.shape[1])),
            np.broadcast_to(blocks.regions[:, :, None, :], (*shape, blocks.regions.shape[2])),
            blocks.cells,
            blocks.channels.reshape(*shape, channels * blocks.channels.shape[4]),
        )
        rows = np.concatenate(parts, axis=3).astype(np.float64).reshape(worlds * regions * segments, -1)
        if not np.isfinite(rows).all():
            row, column = (int(i) for i in np.argwhere(~np.isfinite(rows))[0])
            raise PolicyError(
                f"The observation of world {row // (regions * segments)} holds no number for {self.names[column]}; "
                "the policy cannot answer."
            )
        return rows

    def unit_base(self, day: int) -> FloatArray:
        """Unit of each cell's reward ``(R, S)``, base currency, for a decision on a day."""
        return self.planned_base(day) + WHOLE_CELL_SHARE * self.usual_base

    def planned_base(self, day: int) -> FloatArray:
        """What the plan spends in each cell in the decision period from a day on ``(R, S)``, base currency."""
        anchor, hold = self.layout.anchor, self.layout.hold_days
        return anchor.spend_base[day : day + hold].sum(axis=(0, 3))

    def extra_cost(self, day: int) -> FloatArray:
        """What each tactic spends more than the plan ``(R, S, K)``, in the cells' units."""
        more = self.menu.base.intensity - 1.0
        return self.planned_base(day)[..., None] * more / self.unit_base(day)[..., None]
