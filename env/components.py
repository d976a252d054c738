"""The tactic menu taken apart: which components a tactic is made of, so that each can be chosen for itself."""

from dataclasses import dataclass

import numpy as np

from xbopt.core.arrays import FloatArray, IntArray
from xbopt.core.decisions.menu import TacticMenu
from xbopt.env.actions import Form

COMPONENTS: tuple[str, ...] = ("discount", "mix", "intensity", "timing")


@dataclass(frozen=True, slots=True, kw_only=True)
class MenuComponents:
    """A menu as a grid of choices; a menu that is no grid has the one component ``tactic``.

    Discount tier and promotion mechanic are one component: a tactic without a discount has no mechanic.

    Attributes:
        names: Component names ``(D,)``.
        sizes: Number of choices of each ``(D,)``.
        choice: Choice of each component by tactic ``(K, D)``.
        tactic: Position in the menu by choices, of shape ``sizes``.
    """

    names: tuple[str, ...]
    sizes: tuple[int, ...]
    choice: IntArray
    tactic: IntArray

    @classmethod
    def in_form(cls, menu: TacticMenu, form: Form) -> "MenuComponents":
        """``factored``: the menu taken apart; ``full``: one choice over the whole menu."""
        return cls.of(menu) if form == "factored" else cls.whole(menu)

    @classmethod
    def whole(cls, menu: TacticMenu) -> "MenuComponents":
        """One choice over the whole menu."""
        positions = np.arange(len(menu), dtype=np.int64)
        return cls(names=("tactic",), sizes=(len(menu),), choice=positions[:, None], tactic=positions)

    @classmethod
    def of(cls, menu: TacticMenu) -> "MenuComponents":
        """Take a menu apart; components with a single choice are left out."""
        offers = np.stack([menu.discount_frac, menu.mechanic.astype(np.float64)], axis=1)
        columns = [np.unique(offers, axis=0, return_inverse=True)[1].reshape(-1)]
        columns += [np.unique(values, return_inverse=True)[1] for values in (menu.mix, menu.intensity, menu.timing)]
        table = np.stack(columns, axis=1).astype(np.int64)
        sizes = table.max(axis=0) + 1
        if int(sizes.prod()) != len(menu) or len(np.unique(table, axis=0)) != len(menu):
            return cls.whole(menu)
        kept = np.flatnonzero(sizes > 1) if len(menu) > 1 else np.array([0])
        choice = table[:, kept]
        tactic = np.empty(sizes[kept], dtype=np.int64)
        tactic[tuple(choice.T)] = np.arange(len(menu))
        names = tuple(COMPONENTS[position] for position in kept)
        return cls(names=names, sizes=tuple(int(size) for size in sizes[kept]), choice=choice, tactic=tactic)

    def joint(self, marginals: list[FloatArray]) -> FloatArray:
        """Probability of each tactic ``(..., K)`` from one distribution a component, ``(..., size)`` each."""
        joint = marginals[0][..., self.choice[:, 0]]
        for component, marginal in enumerate(marginals[1:], start=1):
            joint = joint * marginal[..., self.choice[:, component]]
        return joint
