"""The tactic menu relative to what somebody wishes: the neutral tactic of a cell is the wish itself.

Two menus read their tactics so. That of a learnt policy is relative to a plan that is carried on with the money that is
left (``AnchoredMenu``); that of logged exploration is relative to the very policy that is logged (``PolicyMenu``).
"""

from dataclasses import dataclass, replace

import numpy as np

from xbopt.core.arrays import FloatArray, IntArray, contract
from xbopt.core.decisions.anchor import Anchor
from xbopt.core.decisions.decision import Decision
from xbopt.core.decisions.menu import AUDIENCE_TIMING, PLAN_MIX, TacticMenu
from xbopt.core.decisions.policy import DirectPolicy, Morning, Observation


@dataclass(frozen=True, slots=True, kw_only=True)
class RelativeMenu:
    """The tactics of a menu, read relative to a decision that is wished.

    - Intensity is a multiple of what the wish has for the cell on that day.
    - The mix named ``plan`` is the wish's own split over channels, the timing named ``audience`` its dayparts; in a
      menu without these names the first mix and the first timing stand for them.
    - The smallest discount is the wish's own discount and mechanic; other tiers are absolute.

    Attributes:
        base: The scenario's own menu.
    """

    base: TacticMenu

    def __len__(self) -> int:
        """Number of tactics, ``K``."""
        return len(self.base)

    @property
    def smallest_discount(self) -> float:
        """The discount tier that stands for the wish's own discount."""
        return float(self.base.discount_frac.min())

    @property
    def own_mix(self) -> int:
        """Position of the mix that stands for the wish's own."""
        return _position(self.base.mix_names, PLAN_MIX)

    @property
    def own_timing(self) -> int:
        """Position of the timing that stands for the wish's own dayparts."""
        return _position(self.base.timing_names, AUDIENCE_TIMING)

    @property
    def neutral(self) -> int:
        """Position of the tactic nearest to the wish: its own discount, mix and timing, intensity nearest to 1."""
        menu = self.base
        distance = np.abs(np.log(np.maximum(menu.intensity, 1e-6)))
        distance = distance + 20.0 * (menu.mix != self.own_mix) + 20.0 * (menu.timing != self.own_timing)
        distance = distance + 100.0 * (menu.discount_frac != self.smallest_discount)
        return int(np.argmin(distance))

    def around(self, wished: Decision, tactic: IntArray) -> Decision:
        """Turn tactics into the day's decision, before projection.

        A cell with the neutral tactic of intensity 1 keeps its spend and discount to the last bit, and a region of such
        cells its dayparts.

        Args:
            wished: What the tactics are relative to.
            tactic: Positions in the menu ``(B, R, S)``.

        Raises:
            DecisionError: A wrong shape, or a position that is not in the menu.
        """
        menu = self.base
        menu.check(tactic, wished.worlds)
        regions, segments = menu.cell_share.shape
        region = np.arange(regions, dtype=np.int64)[:, None]
        segment = np.arange(segments, dtype=np.int64)
        mix, intensity = menu.mix[tactic], menu.intensity[tactic][..., None]
        cell = wished.spend_base.sum(axis=3, keepdims=True) * intensity
        own_mix = (mix == self.own_mix)[..., None]
        spend = np.where(own_mix, wished.spend_base * intensity, cell * menu.mixes[mix, region, segment])
        discount = menu.discount_frac[tactic]
        own = discount == self.smallest_discount
        return Decision(
            spend_base=spend,
            daypart_weights=self._dayparts(wished.daypart_weights, spend, menu.timing[tactic]),
            discount_frac=np.where(own, wished.discount_frac, discount),
            mechanic=np.where(own, wished.mechanic, menu.mechanic[tactic]),
        )

    def _dayparts(self, wished: FloatArray, spend: FloatArray, timing: IntArray) -> FloatArray:
        """Daypart weights ``(B, R, C, H)``: those of the segments' timings, weighted by their spend."""
        timings = self.base.timings
        weights = np.zeros(wished.shape)
        total = spend.sum(axis=2)
        for position in range(len(timings)):
            rows = wished if position == self.own_timing else timings[position][:, None, :]
            of_timing = contract("brsc,brs->brc", spend, (timing == position).astype(np.float64))
            share = np.where(
                total > 0.0, of_timing / np.where(total > 0.0, total, 1.0), float(position == self.own_timing)
            )
            weights += share[..., None] * rows
        moved = (timing != self.own_timing).any(axis=2)
        return np.where(moved[:, :, None, None], weights, wished)

    def _labels(self, own_discount: str) -> tuple[str, ...]:
        menu, smallest = self.base, self.smallest_discount
        names: list[str] = []
        for k in range(len(menu)):
            own = float(menu.discount_frac[k]) == smallest
            discount = own_discount if own else menu.labels[k].split(" / ")[0]
            own_mix, own_timing = int(menu.mix[k]) == self.own_mix, int(menu.timing[k]) == self.own_timing
            mix = "its channels" if own_mix else menu.mix_names[int(menu.mix[k])]
            timing = "its dayparts" if own_timing else menu.timing_names[int(menu.timing[k])]
            names.append(f"{discount} / {mix} x{menu.intensity[k]:g} / {timing}")
        return tuple(names)


@dataclass(frozen=True, slots=True, kw_only=True)
class AnchoredMenu(RelativeMenu):
    """The tactics of a menu, read relative to a plan: what learnt policies choose from.

    Attributes:
        anchor: The plan, carried on with the money that is left.
    """

    anchor: Anchor

    @property
    def labels(self) -> tuple[str, ...]:
        """A readable name for each tactic ``(K,)``."""
        return self._labels(f"discount as in {self.anchor.name}")

    def decode(self, tactic: IntArray, morning: Morning) -> Decision:
        """Turn tactics into the day's decision, before projection.

        Args:
            tactic: Positions in the menu ``(B, R, S)``.
            morning: The morning; its day and the money left count.

        Raises:
            DecisionError: A wrong shape, or a position that is not in the menu.
        """
        return self.around(self.anchor.decide(morning), tactic)


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyMenu(RelativeMenu):
    """The tactics of a menu, read relative to a policy that decides anew every day, while tactics are held.

    One tactic is exactly neutral: all cells neutral are what the policy decides, to the last bit. Make it with ``of``.

    Attributes:
        policy: The policy.
        mark: Tells policies of one name apart in the labels; empty where the name says it all.
    """

    policy: DirectPolicy
    mark: str = ""

    @classmethod
    def of(cls, menu: TacticMenu, policy: DirectPolicy, mark: str = "") -> "PolicyMenu":
        """The menu of a scenario around a policy; a menu without a neutral tactic gets one, behind its own."""
        return cls(base=_with_neutral(menu), policy=policy, mark=mark)

    @property
    def labels(self) -> tuple[str, ...]:
        """A readable name for each tactic ``(K,)``."""
        name = f"{self.policy.name} {self.mark}".strip()
        labels = list(self._labels(f"discount of {name}"))
        labels[self.neutral] = f"{name} itself / its channels x1 / its dayparts"
        return tuple(labels)

    def decode(self, tactic: IntArray, observation: Observation) -> Decision:
        """Turn tactics into the day's decision, before projection.

        Args:
            tactic: Positions in the menu ``(B, R, S)``.
            observation: What the policy is told of the day.

        Raises:
            DecisionError: A wrong shape, or a position that is not in the menu.
        """
        regions, segments = self.base.cell_share.shape
        wished = self.policy.decide(observation)
        wished.check(
            regions=regions, segments=segments, channels=self.base.mixes.shape[3], dayparts=self.base.timings.shape[2]
        )
        return self.around(wished, tactic)


def _with_neutral(menu: TacticMenu) -> TacticMenu:
    """The menu with a tactic that changes nothing: no discount, the plan's mix, the audience's timing, intensity 1."""
    mix_names, mixes = _named(menu.mix_names, menu.mixes, PLAN_MIX)
    timing_names, timings = _named(menu.timing_names, menu.timings, AUDIENCE_TIMING)
    mix, timing = mix_names.index(PLAN_MIX), timing_names.index(AUDIENCE_TIMING)
    neutral = (menu.discount_frac == 0.0) & (menu.intensity == 1.0) & (menu.mix == mix) & (menu.timing == timing)
    if neutral.any():
        return menu
    return replace(
        menu,
        labels=(*menu.labels, f"no discount / {PLAN_MIX} x1 / {AUDIENCE_TIMING}"),
        discount_frac=np.append(menu.discount_frac, 0.0),
        intensity=np.append(menu.intensity, 1.0),
        mix=np.append(menu.mix, mix),
        timing=np.append(menu.timing, timing),
        mechanic=np.append(menu.mechanic, 0),
        mixes=mixes,
        timings=timings,
        mix_names=mix_names,
        timing_names=timing_names,
    )


def _named(names: tuple[str, ...], rows: FloatArray, wanted: str) -> tuple[tuple[str, ...], FloatArray]:
    """Names and rows with one of that name; a new row is even, and stands for the policy's own."""
    if wanted in names:
        return names, rows
    even = np.full((1, *rows.shape[1:]), 1.0 / rows.shape[-1])
    return (*names, wanted), np.concatenate([rows, even])


def _position(names: tuple[str, ...], name: str) -> int:
    return names.index(name) if name in names else 0
