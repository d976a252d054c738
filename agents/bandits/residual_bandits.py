"""One bandit a kind of notch: every channel of every cell is a row of one model, its levels are the actions."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from xbopt.agents.bandits.bandit import Bandit
from xbopt.agents.bandits.gap_weighting import FastCb
from xbopt.agents.bandits.kinds import KINDS, load_bandit
from xbopt.agents.bandits.market_settings import CLOSED
from xbopt.agents.bandits.residual_context import LEARNT_KINDS, ByKind
from xbopt.agents.bandits.storage import Setting
from xbopt.core.arrays import FloatArray, IntArray
from xbopt.core.decisions.factors import FactorKind, Factors

RATE_SPREAD = 8.0
"""A learner of rates sees 0 and 1 at half so many standard deviations below and above."""
_PARABOLIC: tuple[FactorKind, ...] = ("spend", "pace")


@dataclass(frozen=True, slots=True, kw_only=True)
class ResidualBandits:
    """Chooses every factor for itself, by the models of its kind.

    A level's gain is its prediction less that of the neutral level: what the other factors of a cell cost while all of
    them explore is the same for both. Levels are in order and near each other: of spend and pace, the parabola nearest
    to the levels' predictions takes their place. A discount cannot go below zero, so its levels stay as they are.

    Attributes:
        factors: The factors.
        bandits: One a kind.
    """

    factors: Factors
    bandits: Mapping[FactorKind, Bandit]

    @classmethod
    def of_kind(
        cls,
        factors: Factors,
        kind: str,
        *,
        names: Mapping[FactorKind, tuple[str, ...]],
        seed: int,
        settings: Mapping[str, Setting],
    ) -> "ResidualBandits":
        """Bandits of one class, by its name, with the same settings and different seeds.

        Args:
            factors: The factors.
            kind: Name of the class.
            names: Names of a context of each kind.
            seed: Seed of the first bandit.
            settings: Of the class.

        Raises:
            UsageError: A setting is unknown or outside its range.
        """
        made: dict[FactorKind, Bandit] = {}
        for i, one in enumerate(LEARNT_KINDS):
            sizes = {"n_actions": _levels(factors, one), "n_features": len(names[one]), "seed": seed + i}
            made[one] = KINDS[kind].with_settings({**settings, **sizes})
        return cls(factors=factors, bandits=made)

    @classmethod
    def load(cls, folder: Path, factors: Factors, *, names: Mapping[FactorKind, tuple[str, ...]]) -> "ResidualBandits":
        """Read the bandits from a folder that ``save`` wrote to.

        Raises:
            PolicyError: A file is missing, damaged, or for another market.
        """
        made: dict[FactorKind, Bandit] = {
            one: load_bandit(folder / _file(one), n_actions=_levels(factors, one), n_features=len(names[one]))
            for one in LEARNT_KINDS
        }
        return cls(factors=factors, bandits=made)

    def save(self, folder: Path) -> list[str]:
        """Write the bandits; returns the names of the files.

        Raises:
            UsageError: The folder cannot be written to.
        """
        for one, bandit in self.bandits.items():
            bandit.save(folder / _file(one))
        return [_file(one) for one in self.bandits]

    def at(self, kind: FactorKind) -> IntArray:
        """Positions of the factors of a kind ``(n,)``."""
        return np.flatnonzero(np.array(self.factors.kinds) == kind)

    def gains(self, kind: FactorKind, rows: FloatArray) -> FloatArray:
        """Expected reward of every level ``(n, L)``, 0 at the neutral one."""
        bandit, smooth = self.bandits[kind], self.smoothing(kind)
        means = bandit.predict(rows)
        if isinstance(bandit, FastCb):
            means = RATE_SPREAD * (means - 0.5)
        # Row by row: a matrix product may round a row by its neighbours.
        return (means[:, None, :] * smooth).sum(axis=2)

    def doubts(self, kind: FactorKind, rows: FloatArray) -> FloatArray:
        """Standard deviation of ``gains`` ``(n, L)``, for rewards whose noise has one of 1."""
        spread, smooth = self.bandits[kind].uncertainty(rows), self.smoothing(kind)
        return np.sqrt((spread[:, None, :] ** 2 * smooth**2).sum(axis=2))

    def smoothing(self, kind: FactorKind) -> FloatArray:
        """What gains are made of: ``gains = predictions @ smoothing.T`` ``(L, L)``."""
        levels = _levels(self.factors, kind)
        smooth = np.eye(levels)
        if kind in _PARABOLIC:
            notch = np.arange(levels) - levels // 2
            basis = np.stack([notch**0, notch, notch**2], axis=1).astype(np.float64)
            smooth = basis @ np.linalg.solve(basis.T @ basis, basis.T)
        return smooth - smooth[levels // 2]

    def best(self, rows: ByKind, caution: Mapping[FactorKind, float]) -> IntArray:
        """The levels to take without exploring ``(B, A)``.

        A factor leaves its neutral level only for one whose gain exceeds ``caution`` standard deviations (pessimism;
        Jin, Yang & Wang 2021, "Is pessimism provably efficient for offline RL?").

        Args:
            rows: Contexts of each kind.
            caution: 0 or more, one a kind; ``CLOSED`` never leaves it.
        """
        worlds = len(rows["pace"])
        levels = np.broadcast_to(self.factors.neutral, (worlds, len(self.factors))).copy()
        for kind in LEARNT_KINDS:
            if caution[kind] >= CLOSED:
                continue
            score = self.gains(kind, rows[kind])
            if caution[kind] > 0.0:
                score = score - caution[kind] * self.doubts(kind, rows[kind])
            neutral = score.shape[1] // 2
            score[:, neutral] = 0.0
            best = np.asarray(np.argmax(score, axis=1))
            chosen: IntArray = np.where(score.max(axis=1) > 0.0, best, neutral).astype(np.int64)
            levels[:, self.at(kind)] = chosen.reshape(worlds, -1)
        return levels

    def drawn(self, rows: ByKind, uniforms: FloatArray) -> IntArray:
        """Levels as the bandits explore ``(B, A)``, from uniforms ``(B, A)`` that belong to world, day and factor."""
        levels = np.empty(uniforms.shape, dtype=np.int64)
        for kind, bandit in self.bandits.items():
            at = self.at(kind)
            cumulative = np.cumsum(bandit.probabilities(rows[kind]), axis=1)
            reached = cumulative < (uniforms[:, at].reshape(-1) * cumulative[:, -1])[:, None]
            chosen = np.minimum(reached.sum(axis=1), cumulative.shape[1] - 1)
            levels[:, at] = chosen.reshape(len(uniforms), -1)
        return levels

    def update(
        self, kind: FactorKind, rows: FloatArray, level: IntArray, reward: FloatArray, weight: FloatArray
    ) -> int:
        """Learn what levels ``(n,)`` brought ``(n,)``; gives how many rewards had to be cut, for learners of rates."""
        bandit, cut = self.bandits[kind], 0
        if isinstance(bandit, FastCb):
            wide = 0.5 + reward / RATE_SPREAD
            reward = np.clip(wide, 0.0, 1.0)
            cut = int((reward != wide).sum())
        bandit.update(rows, level, reward, weight=weight)
        return cut


def _levels(factors: Factors, kind: FactorKind) -> int:
    return int(factors.levels[factors.kinds.index(kind)])


def _file(kind: FactorKind) -> str:
    return f"bandit_{kind}.npz"
