"""One bandit a component of the tactic menu: a tactic's probability is the product of its components' probabilities."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from xbopt.agents.bandits.bandit import Bandit
from xbopt.agents.bandits.kinds import KINDS, load_bandit
from xbopt.agents.bandits.storage import Setting
from xbopt.core.arrays import FloatArray, IntArray
from xbopt.env.components import MenuComponents


class FactoredBandit:
    """Chooses discount, channel mix, intensity and timing each for itself, all by the same context and reward.

    A menu of 3 x 4 x 3 x 2 = 72 tactics then needs 12 models instead of 72, and learns from six times as many rows a
    model. What is given up: that a component's worth may depend on the others. Their choices are noise to it.

    Args:
        components: The menu taken apart; ``MenuComponents.whole`` makes it one bandit over the menu.
        bandits: One a component.
    """

    def __init__(self, components: MenuComponents, bandits: tuple[Bandit, ...]) -> None:
        assert tuple(bandit.n_actions for bandit in bandits) == components.sizes, "one bandit a component"
        self.components, self.bandits = components, bandits

    @classmethod
    def of_kind(
        cls, components: MenuComponents, kind: str, *, n_features: int, seed: int, settings: Mapping[str, Setting]
    ) -> "FactoredBandit":
        """Bandits of one kind, by class name, with the same settings and different seeds.

        Raises:
            UsageError: A setting is unknown or outside its range.
        """
        return cls(
            components,
            tuple(
                KINDS[kind].with_settings({**settings, "n_actions": size, "n_features": n_features, "seed": seed + i})
                for i, size in enumerate(components.sizes)
            ),
        )

    @classmethod
    def load(cls, folder: Path, components: MenuComponents, *, n_features: int) -> "FactoredBandit":
        """Read the bandit of each component from a folder that ``save`` wrote to.

        Raises:
            PolicyError: A file is missing, damaged, or for another market.
        """
        paths = [folder / name for name in _file_names(components)]
        return cls(
            components,
            tuple(
                load_bandit(path, n_actions=size, n_features=n_features)
                for path, size in zip(paths, components.sizes, strict=True)
            ),
        )

    def save(self, folder: Path) -> list[str]:
        """Write the bandit of each component; returns the names of the files.

        Raises:
            UsageError: The folder cannot be written to.
        """
        names = _file_names(self.components)
        for name, bandit in zip(names, self.bandits, strict=True):
            bandit.save(folder / name)
        return names

    def probabilities(self, context: FloatArray) -> FloatArray:
        """Probability of each tactic ``(n, K)``, as the bandits explore."""
        return self.components.joint([bandit.probabilities(context) for bandit in self.bandits])

    def update(self, context: FloatArray, tactic: IntArray, reward: FloatArray, weight: FloatArray) -> None:
        """Learn what tactics ``(n,)`` brought ``(n,)``."""
        for i, bandit in enumerate(self.bandits):
            bandit.update(context, self.components.choice[tactic, i], reward, weight=weight)

    def best(
        self, context: FloatArray, *, neutral: int, caution: tuple[float, ...], extra: FloatArray | None = None
    ) -> IntArray:
        """The tactic to take without exploring ``(n,)``.

        A component leaves the neutral tactic's choice only for one whose gain exceeds its ``caution`` in standard
        deviations of the difference: what looks best among many is partly luck, and the neutral choice is known to be
        good (pessimism; Jin, Yang & Wang 2021, "Is pessimism provably efficient for offline RL?").

        Args:
            context: ``(n, d)``.
            neutral: The tactic that carries the plan on.
            caution: 0 or more, one a component.
            extra: Amount to take off each tactic's value ``(n, K)``; it is spread over the components by their means.
        """
        choices: list[IntArray] = []
        for i, bandit in enumerate(self.bandits):
            mean, spread = bandit.predict(context), bandit.uncertainty(context)
            if extra is not None:
                mean = mean - self._marginal(extra, i)
            own = int(self.components.choice[neutral, i])
            doubt = np.sqrt(spread**2 + spread[:, [own]] ** 2)
            doubt[:, own] = 0.0
            choices.append(np.argmax(mean - mean[:, [own]] - caution[i] * doubt, axis=1))
        return self.components.tactic[tuple(choices)]

    def _marginal(self, values: FloatArray, component: int) -> FloatArray:
        """Mean over the other components ``(n, size)`` of values by tactic ``(n, K)``."""
        choice = self.components.choice[:, component]
        size = self.components.sizes[component]
        table = (choice[:, None] == np.arange(size)).astype(np.float64)
        return values @ (table / table.sum(axis=0))


def _file_names(components: MenuComponents) -> list[str]:
    return [f"bandit_{i}.npz" for i in range(len(components.sizes))]
