"""What a bandit sees of a notch around the anchor policy, and in which unit a notch's reward counts."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from xbopt.agents.bandits.market_context import WHOLE_CELL_SHARE
from xbopt.core.arrays import FloatArray
from xbopt.core.decisions.anchor import Anchor
from xbopt.core.decisions.decision import Decision
from xbopt.core.decisions.factors import FactorKind
from xbopt.core.decisions.plan import ScheduledPolicy
from xbopt.core.decisions.policy import Observation
from xbopt.core.errors import PolicyError
from xbopt.env.features import FeatureLayout
from xbopt.simulator.parameters import MarketParameters

ByKind = Mapping[FactorKind, FloatArray]
LEARNT_KINDS: tuple[FactorKind, ...] = ("spend", "discount", "timing", "pace")
"""Kinds of factors in the order in which they are looked at; each has one model for all its factors."""
BY_CELL: Mapping[str, float] = {
    "planned_discount": 1.0, "event_strength": 1.0, "time_left": 1.0, "conversion_log": 10.0
}  # fmt: skip
"""What a deal is worth differs by cell on these; each times a number that makes it of ordinary size, or the ridge would
take a conversion that is a tenth better for nothing."""
LARGEST_MOVE = 2.0
"""Log of the largest multiple of a plan's spend that a context tells."""
_LEAST_SHARE = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class ResidualContext:
    """Contexts of all factors of a kind, in the order worlds, regions, segments, channels as far as the kind has them.

    - Spend: a constant, which cell and channel it is, the features of the whole, the region, the cell and the channel,
      by how much the anchor has moved the channel from its plan, and what the channel shows and that move times how
      many visits they rest on: how far to trust them.
    - Discount: a constant, which cell it is, the features of the whole, the region and the cell, and
      for each cell apart the planned discount, the event, the time left and how well it converts.
    - Timing: a constant, which region it is, the features of the whole and the region.
    - Pace: a constant, the features of the whole, and the means of those of regions and cells.

    A factor's reward counts in its **unit**: what the anchor wants to spend there over the decision period, and a
    quarter of what its plan spends there in a mean one. So a notch means the same in large and small channels.

    Attributes:
        layout: The features.
        plan: The anchor's plan.
        channels: Names of the channels ``(C,)``.
        cells: Names of the cells ``(R * S,)``.
        regions: Names of the regions ``(R,)``.
        usual_base: The plan's mean spend of a decision period ``(R, S, C)``, with a floor; base currency.
    """

    layout: FeatureLayout
    plan: ScheduledPolicy
    channels: tuple[str, ...]
    cells: tuple[str, ...]
    regions: tuple[str, ...]
    usual_base: FloatArray

    @classmethod
    def of(cls, market: MarketParameters, plan: ScheduledPolicy) -> "ResidualContext":
        """The contexts of a market whose decisions are relative to a policy that starts from a plan."""
        scenario = market.scenario
        hold = scenario.document.tactics.decide_every_days
        usual = hold * plan.spend_base.mean(axis=0)
        return cls(
            layout=FeatureLayout.of(scenario, Anchor.of(plan, scenario.limits), hold),
            plan=plan,
            channels=tuple(scenario.channels),
            cells=tuple(f"{region}/{segment}" for region in scenario.regions for segment in scenario.segments),
            regions=tuple(scenario.regions),
            # A channel that the plan hardly uses must not make small change look like a fortune.
            usual_base=np.maximum(usual, _LEAST_SHARE * max(float(usual.mean()), 1e-9)),
        )

    @property
    def names(self) -> dict[FactorKind, tuple[str, ...]]:
        """Names of a row ``(d,)`` of each kind."""
        layout = self.layout
        seen = (*layout.whole_names, *layout.region_names)
        trust = layout.channel_names.index("counted_log")
        trusted = tuple(f"trusted {name}" for i, name in enumerate(layout.channel_names) if i != trust)
        spend = (*layout.cell_names, *layout.channel_names, "move", *trusted, "trusted move")
        means = tuple(f"mean {name}" for name in (*layout.region_names, *layout.cell_names))
        return {
            "spend": ("constant", *self.cells, *self.channels, *seen, *spend),
            "discount": (
                "constant", *self.cells, *seen, *layout.cell_names,
                *(f"{cell} {name}" for cell in self.cells for name in BY_CELL),
            ),
            "timing": ("constant", *self.regions, *seen),
            "pace": ("constant", *layout.whole_names, *means),
        }  # fmt: skip

    @property
    def cell_seen(self) -> tuple[str, ...]:
        """Names of what a cell sees: its region's features, and its own."""
        return (*self.layout.region_names, *self.layout.cell_names)

    def rows(self, observation: Observation, wish: Decision) -> ByKind:
        """Contexts of each kind ``(n, d)``.

        Args:
            observation: What is seen.
            wish: What the anchor wants to do today.

        Raises:
            PolicyError: The observation holds a value that is no finite number.
        """
        layout = self.layout
        blocks = layout.blocks(observation)
        worlds, (regions, segments, channels) = observation.worlds, layout.shape
        whole, by_region = blocks.whole.astype(np.float64), blocks.regions.astype(np.float64)
        by_cell, by_channel = blocks.cells.astype(np.float64), blocks.channels.astype(np.float64)
        planned = self.plan.spend_base[observation.day]
        has = (planned > 0.0) & (wish.spend_base > 0.0)
        move = np.log(np.where(has, wish.spend_base, 1.0) / np.where(has, planned, 1.0))
        shown = np.concatenate([by_channel, np.clip(move, -LARGEST_MOVE, LARGEST_MOVE)[..., None]], axis=4)
        trust = layout.channel_names.index("counted_log")
        trusted = np.delete(shown, trust, axis=4) * shown[..., trust : trust + 1]
        cell = np.eye(regions * segments).reshape(regions, segments, -1)
        seen = np.concatenate(
            [np.broadcast_to(by_region[:, :, None], (*by_cell.shape[:3], by_region.shape[2])), by_cell], axis=3
        )
        told = seen[..., [self.cell_seen.index(name) for name in BY_CELL]] * np.array(list(BY_CELL.values()))
        own = (cell[..., None] * told[..., None, :]).reshape(worlds, regions, segments, -1)
        parts: dict[FactorKind, tuple[tuple[int, ...], tuple[FloatArray, ...]]] = {
            "spend": (
                (worlds, regions, segments, channels),
                (
                    cell[:, :, None], np.eye(channels), whole[:, None, None, None], by_region[:, :, None, None],
                    by_cell[:, :, :, None], shown, trusted,
                ),
            ),
            "discount": (
                (worlds, regions, segments), (cell, whole[:, None, None], by_region[:, :, None], by_cell, own)
            ),
            "timing": ((worlds, regions), (np.eye(regions), whole[:, None], by_region)),
            "pace": ((worlds,), (whole, by_region.mean(axis=1), by_cell.mean(axis=(1, 2)))),
        }  # fmt: skip
        return {kind: _rows(*parts[kind], names=self.names[kind]) for kind in LEARNT_KINDS}

    def units(self, wish: Decision) -> ByKind:
        """Unit of each factor's reward, base currency: spend ``(B, R, S, C)``, discount ``(B, R, S)``, timing
        ``(B, R)``, pace ``(B,)``.
        """  # noqa: D205 - one shape a kind
        spend = self.layout.hold_days * wish.spend_base + WHOLE_CELL_SHARE * self.usual_base
        cells = spend.sum(axis=3)
        return {"spend": spend, "discount": cells, "timing": cells.sum(axis=2), "pace": cells.sum(axis=(1, 2))}


def _rows(shape: tuple[int, ...], parts: tuple[FloatArray, ...], *, names: tuple[str, ...]) -> FloatArray:
    """A constant and features that fit a shape, as rows ``(n, d)``.

    Raises:
        PolicyError: One is no finite number.
    """
    wide = [np.broadcast_to(part, (*shape, part.shape[-1])) for part in (np.ones(1), *parts)]
    rows = np.ascontiguousarray(np.concatenate(wide, axis=-1).reshape(-1, len(names)))
    if not np.isfinite(rows).all():
        row, column = (int(i) for i in np.argwhere(~np.isfinite(rows))[0])
        world = row // (len(rows) // shape[0])
        raise PolicyError(
            f"The observation of world {world} holds no number for {names[column]}; the policy cannot answer."
        )
    return rows
