"""The range of logged rewards, and how many lie at its ends."""

import numpy as np

from xbopt.core.arrays import FloatArray


class RewardRange:
    """Least and greatest reward of any chunks, and the rows at each.

    Attributes:
        lowest: Least reward.
        highest: Greatest reward.
        binary: Whether every reward is 0 or 1.
        total: Sum of absolute rewards.
        rows: Rewards seen.
    """

    __slots__ = ("_at_highest", "_at_lowest", "_at_zero", "_moments", "binary", "highest", "lowest", "rows", "total")

    def __init__(self) -> None:
        self.lowest, self.highest = float("inf"), float("-inf")
        self._at_lowest = self._at_highest = self._at_zero = 0
        # Sums of weights and of their squares: all rows, and those at the lowest reward, the highest, and 0.
        self._moments: FloatArray = np.zeros((4, 2))
        self.binary = True
        self.total = 0.0
        self.rows = 0

    def add(self, reward: FloatArray, weight: FloatArray) -> None:
        """Add rewards and importance weights ``(n,)``."""
        if not len(reward):
            return
        other = RewardRange()
        other.lowest, other.highest = float(reward.min()), float(reward.max())
        other._at_lowest = int((reward == other.lowest).sum())
        other._at_highest = int((reward == other.highest).sum())
        other._at_zero = int((reward == 0.0).sum())
        pair = np.stack([weight, weight * weight])
        for place, at in enumerate((None, reward == other.lowest, reward == other.highest, reward == 0.0)):
            other._moments[place] = pair.sum(axis=1) if at is None else (pair * at).sum(axis=1)
        other.binary = bool(((reward == 0.0) | (reward == 1.0)).all())
        other.total, other.rows = float(np.abs(reward).sum()), len(reward)
        self.merge(other)

    def merge(self, other: "RewardRange") -> None:
        """Add what another one has seen."""
        for place, nearer in ((1, self.lowest - other.lowest), (2, other.highest - self.highest)):
            if nearer >= 0.0:
                self._moments[place] = other._moments[place] + (0.0 if nearer > 0.0 else self._moments[place])
        self._moments[[0, 3]] += other._moments[[0, 3]]
        if other.lowest <= self.lowest:
            self._at_lowest = other._at_lowest + (self._at_lowest if other.lowest == self.lowest else 0)
            self.lowest = other.lowest
        if other.highest >= self.highest:
            self._at_highest = other._at_highest + (self._at_highest if other.highest == self.highest else 0)
            self.highest = other.highest
        self._at_zero += other._at_zero
        self.binary = self.binary and other.binary
        self.total += other.total
        self.rows += other.rows

    @property
    def events(self) -> int:
        """Rewards that differ from the usual one."""
        return self.rows - self.usual

    @property
    def usual(self) -> int:
        """Rows of the usual reward: one end of the range, or 0 (margins with returns lie on both sides of it)."""
        return max(self._at_lowest, self._at_highest, self._at_zero)

    @property
    def bounds(self) -> tuple[float, float] | None:
        """0 and 1 where the log shows both and nothing else; a range of other rewards cannot be read off a sample."""
        return (0.0, 1.0) if self.binary and self.lowest < self.highest else None

    @property
    def rare_is_low(self) -> bool:
        """Whether the events lie below the usual reward."""
        return self.usual == self._at_highest and self.lowest < self.highest

    @property
    def weighted_events(self) -> float:
        """What the events are worth for the evaluation policy: (sum w)^2 / sum w^2 over the rows that are events."""
        place = (3 if self._at_zero == self.usual else 1 if self._at_lowest == self.usual else 2) if self.rows else 0
        total, squares = (self._moments[0] - self._moments[place]).tolist()
        return total * total / squares if squares > 1e-9 * float(self._moments[0, 1]) else 0.0

    @property
    def weighted_rewards(self) -> float:
        """What the rewards other than 0 are worth for the evaluation policy if all are of one size."""
        total, squares = (self._moments[0] - self._moments[3]).tolist()
        return total * total / squares if squares > 1e-9 * float(self._moments[0, 1]) else 0.0
